"""What shall be different in a file: a tree of keys with what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from reconciler.engine.kind import Json

Path: TypeAlias = tuple[str, ...]
"""The keys on the way to a value, from the top of a file."""


class Put(Struct, frozen=True):
    """This value shall stand there, whatever stood there before; a value that is the same stays as written.

    `comment` is written behind it, where it stands on a line of its own; a comment that is there already is
    replaced only if it is one of `outdated`. `key`, if given, is the name under which it stands from then on.
    """

    value: Json
    comment: str = ""
    outdated: frozenset[str] = frozenset()
    key: str = ""


class Remove(Struct, frozen=True):
    """The key shall go, and what stands behind it."""


class OverNames(Struct, frozen=True):
    """A mapping to be patched, in whose place a list of its keys may stand: `[one]` for `{one: {}}`.

    A new entry of it goes on one line, if there is room.
    """

    patch: Patch

    def beside(self, known: Collection[str]) -> Patch:
        """Return the patch, in which every entry that is not known yet is one value."""
        new = (name for name, edit in self.patch.items() if name not in known and brings(edit))
        return {**self.patch, **{name: Put(outcome(self.patch[name])) for name in new}}


Edit: TypeAlias = "Put | Remove | OverNames | Patch"
Patch: TypeAlias = Mapping[str, Edit]
"""Edits of the entries of a mapping. A mapping that is missing is made; a `Put` replaces, it never merges."""

Ranks: TypeAlias = Callable[[Path], Sequence[str]]
"""The keys of the mapping at a path in the order in which they should stand; keys beside them come last."""


def no_ranks(path: Path) -> Sequence[str]:
    """Return no order: every key comes last."""
    del path
    return ()


class Edits(Struct):
    """Gathers edits of one file, path by path, into one patch."""

    tree: dict[str, Edit] = field(default_factory=dict)

    def put(self, path: Sequence[str], edit: Edit, names: int | None = None) -> None:
        """Add an edit; of two at one path the later counts.

        `names` is the place in the path of a key behind which a list of names may stand, as in `OverNames`.
        """
        here = self.tree
        for at, step in enumerate(path[:-1]):
            here = _inside(here, step, over_names=at == names)
        here[path[-1]] = edit


def _inside(here: dict[str, Edit], step: str, *, over_names: bool) -> dict[str, Edit]:
    inner = here.get(step)
    patch = inner.patch if isinstance(inner, OverNames) else inner
    if not isinstance(patch, dict):
        patch = {}
        here[step] = OverNames(patch) if over_names else patch
    return patch


def brings(edit: Edit) -> bool:
    """Tell whether something stands where an edit was made in place of nothing."""
    if isinstance(edit, OverNames):
        return brings(edit.patch)
    return isinstance(edit, Put) or (isinstance(edit, Mapping) and any(map(brings, edit.values())))


def is_nothing(edit: Edit) -> bool:
    """Tell whether an edit asks for no difference at all, like an empty patch."""
    if isinstance(edit, OverNames):
        return is_nothing(edit.patch)
    return isinstance(edit, Mapping) and all(map(is_nothing, edit.values()))


def outcome(edit: Edit) -> Json:
    """Return what stands where an edit was made in place of nothing."""
    match edit:
        case Put(value=value):
            return value
        case OverNames(patch=patch):
            return outcome(patch)
        case Mapping():
            return {key_of(name, inner): outcome(inner) for name, inner in edit.items() if brings(inner)}
    return None


def key_of(name: str, edit: Edit) -> str:
    """Return the key under which something stands once it was edited."""
    return edit.key or name if isinstance(edit, Put) else name


def patched(value: Json, edit: Edit) -> Json:
    """Return the plain value that is loaded where `value` was and an edit was made."""
    if isinstance(edit, OverNames):
        names = {str(name): {} for name in value} if isinstance(value, list) else value
        return patched(names, edit.patch)
    if not isinstance(edit, Mapping) or not isinstance(value, dict):
        return outcome(edit)
    found = dict(value)
    for name, inner in edit.items():
        is_there = name in found
        before = found.pop(name, None) if isinstance(inner, Put | Remove) else found.get(name)
        if not isinstance(inner, Remove) and (is_there or brings(inner)):
            found[key_of(name, inner)] = patched(before, inner)
    return found
