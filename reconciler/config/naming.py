"""Keys made from names that people typed: readable, stable, and safe as a key and as the name of a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from itertools import count

LONGEST = 60
"""Characters of a key that is made here; a number that tells it from another one comes on top."""

# Letters that no decomposition makes plain ones of.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_OTHERS = re.compile(r"[^a-z0-9]+")
# Windows keeps these for its devices, whatever their suffix: such a file cannot be checked out there.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def slug(name: str) -> str:
    """Return a name in small plain letters, digits and dashes; of one without any, what its symbols show.

    Empty where nothing of that sort can be made of it, like of a name in another script.
    """
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    made = _dashed("".join(c for c in plain if not unicodedata.combining(c)))
    return made or _dashed(" ".join(_symbols(name)).lower())


def _dashed(text: str) -> str:
    return _OTHERS.sub("-", text)[: LONGEST + 1].strip("-")[:LONGEST].rstrip("-")


def _symbols(name: str) -> Iterator[str]:
    return (unicodedata.name(c, "") for c in name if unicodedata.category(c) == "So")


def keys_for(named: Iterable[tuple[int, str]], taken: Collection[str], otherwise: str) -> dict[int, str]:
    """Return a key for every id and name, all different from each other and from the `taken` ones.

    Letter case does not make a difference, as in the names of files on some systems. The same ids and names
    have the same keys in whatever order they come: of several that look alike, the smallest id has the plain
    key, and the others carry their id. `otherwise` begins the key of a name that nothing can be made of.
    """
    used = {key.lower() for key in taken}
    keys: dict[int, str] = {}
    for id, name in sorted(named):
        keys[id] = next(key for key in _candidates(id, slug(name), otherwise) if key not in used)
        used.add(keys[id])
    return keys


def _candidates(id: int, plain: str, otherwise: str) -> Iterator[str]:
    if plain and plain not in _DEVICES:
        yield plain
    numbered = f"{plain or otherwise}-{id}"
    yield numbered
    yield from (f"{numbered}-{number}" for number in count(2))
