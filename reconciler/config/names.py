"""Names from files and APIs: shown safely, guessed when misspelt, and made into keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import chain, count

from reconciler.problems import ALIKE, NOTHING, lookalikes, told_apart

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Characters that cannot be seen and change what is seen: terminal escapes, reversed writing."""

UNWRITABLE = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]")
"""The same, and half characters: what no file can hold."""

UNSEEN = re.compile(
    f"[{NOTHING}\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007f]|[\u200c\u200d\u3000](?![^\0-\x7f])"
    "|(?<![^\0-\x7f])(?:[\u180b-\u180f\u200c\u200d\u3000\U000e0100-\U000e01ef]|[\ufe00-\ufe0f](?!\u20e3))"
)
"""Blanks beside the plain one, and what takes no room; not what belongs there in flags and other emoji, and
between letters that are not Latin: joiners, selectors, the ideographic blank."""

LINE_BREAK = re.compile("[\t\n\r\x85\u2028\u2029]")
"""Characters that a name cannot hold beside those: it stands on one line."""

BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\xad\u1680\u2028\u2029\u202f\u205f\u2060\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x2010))
)
"""Every blank, and what cannot be seen: around a text these mean nothing."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")  # the form of a key, and of a target's or preset's

LONGEST_NAME = 1_000  # characters of what the API calls something: each resource that refers to it repeats it

MOST_COMPARED = 200  # names that are looked through for the one that was meant
LONGEST_SHOWN = 80
MOST_LISTED = 40
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def visible(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return `text` safe for a terminal and for one line: short, with everything unprintable escaped."""
    text = text if len(text) <= longest else f"{text[:longest]}…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def snake(name: str) -> str:
    """Return a PascalCase, camelCase or kebab-case name in snake_case."""
    return _CAPITAL.sub("_", name).replace("-", "_").replace(" ", "_").lower()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` is probably a misspelling of, `None` where none is near."""
    # Imported here, for a start is short, and most files have nothing wrong.
    from difflib import get_close_matches

    alike = sorted(known, key=lambda other: other[:1].lower() != name[:1].lower())
    return next(iter(get_close_matches(name[:LONGEST_SHOWN], alike[:MOST_COMPARED], n=1)), None)


def listed(names: Iterable[str]) -> str:
    """Return the names in order, for a sentence: the first ones of many, `none` where there are none."""
    ordered = sorted(names)
    more = ["…"] if len(ordered) > MOST_LISTED else []
    return ", ".join([*map(visible, ordered[:MOST_LISTED]), *more]) or "none"


def instead(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that does not exist: the one like it, or near it; else empty."""
    names = tuple(known)
    for other in lookalikes(name, names):
        wrong, right = told_apart(name, other)
        return f"write {right}, not {wrong}: {ALIKE}"
    near = nearest(name, names)
    return f"write {visible(near)}" if near else ""


def meant(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that does not exist, by the names that do."""
    names = tuple(known)
    return instead(name, names) or f"known: {listed(names)}"


def meant_key(glob: str, keys: Iterable[str]) -> str:
    """Return the same for a key, or a glob of keys, with its section or without."""
    known = sorted(keys)
    short = [key.partition(".")[2] for key in known]
    return instead(glob, [*short, *known]) or f"known: {listed(short)}"


LONGEST = 60  # characters of a key that is made here; a number that tells it from another one comes on top

# Letters that no decomposition makes plain ones of.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_OTHERS = re.compile(r"[^a-z0-9]+")
# Windows keeps these for its devices, whatever their suffix: such a file cannot be checked out there.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def unaccented(text: str) -> str:
    """Return text in small letters without accents."""
    # Imported here, for a start is short.
    from unicodedata import combining, normalize

    plain = normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(c for c in plain if not combining(c))


def slug(name: str) -> str:
    """Return a name in small plain letters, digits and dashes; of one without any, what its symbols show.

    Empty where nothing of that sort can be made of it, like of a name in another script.
    """
    # Imported here, for a start is short.
    import unicodedata

    made = _dashed(unaccented(name))
    symbols = (unicodedata.name(c, "") for c in name if unicodedata.category(c) == "So")
    return made or _dashed(" ".join(symbols).lower())


def _dashed(text: str) -> str:
    return _OTHERS.sub("-", text)[: LONGEST + 1].strip("-")[:LONGEST].rstrip("-")


def keys_for(named: Iterable[tuple[int, str]], taken: Collection[str], otherwise: str) -> dict[int, str]:
    """Return a key for every id and name, all different from each other and from the `taken` ones.

    Letter case does not make a difference, as in the names of files on some systems. The same ids and names
    have the same keys in whatever order they come: of several that look alike, the smallest id has the plain
    key, and the others carry their id. `otherwise` begins the key of a name that nothing can be made of.
    """
    used = {key.lower() for key in taken}
    keys: dict[int, str] = {}
    for id, name in sorted(named):
        plain = slug(name)
        usual = [plain] if plain and plain not in _DEVICES else []
        numbered = f"{plain or otherwise}-{id}"
        candidates = chain([*usual, numbered], (f"{numbered}-{number}" for number in count(2)))
        keys[id] = next(key for key in candidates if key not in used)
        used.add(keys[id])
    return keys
