"""Parts of what is declared, named by globs over keys. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct


class Part(Struct, frozen=True):
    """A part of what is declared: the keys that `only` names, or all without it, and `exclude` does not."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def holds(self, key: str) -> bool:
        """Tell whether a key is in this part."""
        named = not self.only or any(matches(key, glob) for glob in self.only)
        return named and not any(matches(key, glob) for glob in self.exclude)


def matches(key: str, glob: str) -> bool:
    """Tell whether a glob names a key, with its section or without."""
    return fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)
