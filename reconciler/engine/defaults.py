"""What a reset leaves behind: stated in the files, learned from a read-back, or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from reconciler.engine.body import Normal
from reconciler.engine.kind import Json


class DefaultSource(StrEnum):
    """How a default is known."""

    STATED = "stated"
    """In the files, and a read-back of this account has shown it."""
    UNPROVED = "stated_not_proved"
    """In the files alone: a claim, which nothing that was read back on this account has proved."""
    LEARNED = "learned"
    ASSUMED = "assumed"

    @property
    def words(self) -> str:
        """The same for people."""
        return "stated, not proved" if self is DefaultSource.UNPROVED else self.value


class Default(Struct, frozen=True):
    """The value that the server gives to a field that a PUT leaves out, and how that is known."""

    value: Json
    source: DefaultSource


ASSUMED_EMPTY = Default(None, DefaultSource.ASSUMED)

Defaults = Mapping[str, Default]
"""Path → default; a path that is missing is assumed to be empty."""


def known_defaults(normal: Normal, stated: Mapping[str, Json], learned: Mapping[str, Json]) -> Defaults:
    """Return every default that is known of an account.

    `stated` is what the files say, in the form of bodies, `learned` what the journal has seen resets leave
    behind, in compared form. What was seen counts more than what is said, which it proves or contradicts.
    """
    wrong = contradicted(normal, stated, learned)
    said = {
        path: Default(value, DefaultSource.STATED if path in learned else DefaultSource.UNPROVED)
        for path, value in stated.items()
        if path not in wrong
    }
    return {**{path: Default(value, DefaultSource.LEARNED) for path, value in learned.items()}, **said}


def contradicted(
    normal: Normal, stated: Mapping[str, Json], learned: Mapping[str, Json]
) -> Mapping[str, Json]:
    """Return what was learned of each field for which the files state something else."""
    fields = normal.kind.by_path
    return {
        path: learned[path]
        for path, value in stated.items()
        if path in learned and normal.lenient.value(fields[path], value) != learned[path]
    }
