"""What the files say about one resource on one target, with every level already folded into one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase

from msgspec import Struct, field

from reconciler.engine.kind import Json, Policy
from reconciler.problems import Place


class Reference(Struct, frozen=True):
    """A value that only the API can turn into an id: the survey titled so."""

    what: str
    name: str
    ids: tuple[int, ...] | None = None
    """What the API knows by this name, where that was asked and is not exactly one thing."""

    def __str__(self) -> str:
        return f'{self.what} "{self.name}"'


class Origin(Struct, frozen=True, gc=False):
    """Which level decided a field, and where: `resource`, `target production`, `preset standard`."""

    level: str
    place: Place


class Given(Struct, frozen=True, gc=False):
    """A declared value, in the form of the API's body; `None` is one."""

    value: Json | Reference
    origin: Origin
    named: Reference | None = None
    """The name that it was written as, once a reference has become an id."""


class Ruling(Struct, frozen=True):
    """A field that the files name under `keep` or `reset`.

    `own` is true where the resource itself (or its block for the target) names it, which is consent to a
    reset; a preset speaks for many resources and consents for none.
    """

    policy: Policy
    origin: Origin
    own: bool


class Accepted(Struct, frozen=True):
    """A difference that the files tolerate for a while: until then the field keeps its live value."""

    field: str
    """As it is named in the files: the field itself, or the group that it stands in."""
    until: date
    """The last day on which it counts, in the workspace's time zone."""
    reason: str
    origin: Origin


class Declared(Struct, frozen=True):
    """A resource as the files want it on one target. Maps are keyed by the paths of `Kind.fields`.

    No path stands in both `given` and `rulings`. `undeclared` decides every field that neither names.
    What is `accepted` comes before all of them, wherever there is something live.
    """

    key: str
    place: Place
    id: int | None = None
    absent: bool = False
    """It shall not exist there."""
    hidden: bool = False
    """It was hidden on purpose; the tool leaves it alone."""
    given: Mapping[str, Given] = field(default_factory=dict)
    rulings: Mapping[str, Ruling] = field(default_factory=dict)
    undeclared: Policy = Policy.RESET
    accepted: Mapping[str, Accepted] = field(default_factory=dict)


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
