"""A kind of resource: a table of its fields, what may be asked of its API, and what the files declare of one.

A vendor package describes its resource with one `Kind` and brings one `Client`; no stage changes for it.
Planning is given a `Reader`, so the types say that it cannot write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar

from msgspec import Struct, field

from reconciler.problems import Place

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can say: a live body, a body to be sent, or one value in either."""

Body: TypeAlias = Mapping[str, Json]  # a whole object of the API, in its own member names

Member: TypeAlias = tuple[str, ...]  # where a value stands in a body: `("Battery", "Kind")`

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(value: object) -> str:
    """Return the SHA-256 of the value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


class Policy(StrEnum):
    """What happens to a field that the files do not declare."""

    RESET = "reset"
    KEEP = "keep"
    REFUSE = "refuse"


POLICIES: Mapping[str, str] = {
    Policy.RESET: "the PUT leaves it out, and the server puts it back to its default",
    Policy.KEEP: "the live value is sent back",
    Policy.REFUSE: "the change is blocked where the live value is not the default",
}


class Rows(Struct, frozen=True):
    """The shape of a field that is a list of objects; their order means nothing."""

    identity: str  # the member by which a row is the same row
    names: Mapping[str, str]  # every member of a row → its name in the files


class Field(Struct, frozen=True):
    """One writable leaf: `path` is its name in the files (`battery.kind`), `member` its place in the body."""

    path: str
    member: Member
    normal: Callable[[Json], Json] = lambda value: value
    """Brings any known form of a value into the one in which values are compared; the rest stays as it is."""
    rows: Rows | None = None
    nullable: bool = True  # whether the API's type has a null; without one its empty value is `false`
    fills_itself: bool = False
    """The server writes it by itself: kept unless declared or named under `reset`, whatever the policy."""

    @property
    def group(self) -> Member:
        """The member of the object that holds it, empty for the body itself."""
        return self.member[:-1]


class FieldsByPath(dict[str, Field]):
    """The fields of a kind by their name in the files; a member that it does not know, by the API's name."""

    def __missing__(self, path: str) -> Field:
        return Field(path, tuple(path.split(".")))


class Certainty(StrEnum):
    """How sure a statement about a vendor is."""

    DOCUMENTED = "documented"  # a page of the vendor says so
    INFERRED = "inferred"  # it follows from what is documented
    UNKNOWN = "unknown"  # no source says so: it may be otherwise


class Effect(Struct, frozen=True):
    """What a change does to people, in one line. `name` is what limits and consent call it."""

    name: str
    text: str  # a sentence without its full stop
    paths: tuple[str, ...]  # the fields that bring it about
    certainty: Certainty = Certainty.DOCUMENTED
    before: datetime | None = None  # when it happens as things are, of an import at the moment of the plan
    after: datetime | None = None  # the same once the change is applied; both in the workspace's time zone
    direction: str = "other"  # a key of `OPPOSITES`
    accepted: bool = False  # whether the files consent to it, which the target refuses

    @property
    def is_sooner(self) -> bool:
        """Whether something happens to people that did not, or earlier than it did."""
        return self.direction == "sooner" or (self.after is not None and self.before is None)


OPPOSITES: Mapping[str, str] = {
    "sooner": "later",
    "later": "sooner",
    "more": "fewer",  # people, mails or contacts that an import touches
    "fewer": "more",
    "other": "other",
}
"""The direction of an effect → that of the same change the other way round."""


class EffectRule(Struct, frozen=True):
    """When a change has an effect, and how to say it."""

    about: str  # what it means, as a sentence
    direction: str
    text: str = ""  # `{before}` and `{after}` are values, `{what}` is the field; empty where code says it
    paths: tuple[str, ...] = ()
    turns: frozenset[str] = frozenset()  # of a field: set, emptied, raised, lowered, changed
    refused: bool = False  # whether a target refuses it that says nothing of it
    certainty: Certainty = Certainty.DOCUMENTED
    is_joint: bool = False  # whether several fields together are one effect


Values: TypeAlias = Mapping[
    str, Json
]  # path of a field → its value in compared form; empty ones may be left out


class Kind(Struct, frozen=True, dict=True):
    """A kind of resource, as the engine sees it."""

    name: str  # the section of the files that declares it, and the first part of every key
    fields: tuple[Field, ...]
    id_member: str  # the member of a live body that holds the id, an integer
    name_field: str  # the path of the field that identifies a resource where no id is declared
    visible_field: str  # the path of the flag that, once false, hides a resource from the API for good
    server_members: frozenset[Member]  # members that the server writes and that are never sent
    effects: Callable[[Values | None, Values | None, datetime | None], Sequence[Effect]] = lambda *_: ()
    """What a change from `before` (`None`: a create) to `after` (`None`: a delete) does to people; `at` is
    the moment of the plan in the workspace's time zone, `None` where times are not asked for."""
    effect_rules: Mapping[str, EffectRule] = {}  # by the name of the effect: all that there are

    @cached_property
    def by_path(self) -> FieldsByPath:
        """The fields by their name in the files, in the order of the table."""
        return FieldsByPath({field.path: field for field in self.fields})

    def leaves(self, path: str) -> tuple[Field, ...]:
        """Return the fields that `path` names: itself, or all below it where it names a group."""
        if path in self.by_path:
            return (self.by_path[path],)
        return tuple(f for f in self.fields if f.path.startswith(f"{path}."))


class Live(Struct, frozen=True):
    """A resource as the API shows it. `listed` says that the list named it, so that it is visible."""

    id: int
    name: str
    body: Body
    listed: bool


Item = TypeVar("Item")
Result = TypeVar("Result")


class Mapper(Protocol):
    """Calls a function for every item, several at a time."""

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], label: str
    ) -> Sequence[Result]:
        """Return the results in the order of the items; `label` says what is done. Errors end it."""


def map_serially(function: Callable[[Item], Result], items: Sequence[Item], label: str) -> Sequence[Result]:
    """Call the function for each item in turn."""
    del label
    return [function(item) for item in items]


class Reader(Protocol):
    """Reads of one kind of resource. Errors: the `ApiError` tree; a list that is cut short is an error."""

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every row that the API lists, in its order, read page by page with `mapper`.

        A row may hold less than what `read` returns.
        """

    def read(self, id: int) -> Body | None:
        """Return the whole body of one resource, `None` where the API knows no such id."""

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of everything of that sort with exactly that name (`what` as in `Reference`)."""

    def meant(self, what: str, name: str) -> str:
        """Return what to write instead of a name that nothing of that sort has, empty where none is near."""


class Client(Reader, Protocol):
    """The whole API of one kind of resource: reads, and the writes of a plan that is applied.

    A write returns only when the API said that it succeeded, and is repeated only where it was provably not
    taken. Errors: `Declined` (it said no), `NoAnswer` (nothing says whether it was done), `Unreachable` (it
    was provably not taken), and the rest of the `ApiError` tree.
    """

    def name(self, what: str, id: int) -> str | None:
        """Return the name of the thing of that sort with this id, `None` where there is none."""

    def create(self, body: Body) -> int | None:
        """Create a resource; return its id, or `None` where the answer names none. Not idempotent."""

    def update(self, id: int, body: Body) -> None:
        """Replace the whole resource: what `body` leaves out goes back to the server's default."""

    def delete(self, id: int) -> None:
        """Delete the resource; one that is already gone counts as deleted."""


class Reference(Struct, frozen=True):
    """A value that only the API can turn into an id: what has this name."""

    what: str
    name: str
    ids: tuple[int, ...] | None = None
    """What the API knows by this name, where that was asked and is not exactly one thing."""
    hint: str = ""  # what to write instead, where it knows nothing by it

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
    named: Reference | None = None  # the name that it was written as, once a reference has become an id


class Ruling(Struct, frozen=True):
    """A field that the files name under `keep` or `reset`.

    `own` is true where the resource itself (or its block for the target) names it: only that is consent to a
    reset.
    """

    policy: Policy
    origin: Origin
    own: bool


class Accepted(Struct, frozen=True):
    """A difference that the files tolerate for a while: until then the field keeps its live value."""

    field: str  # as the files name it: the field itself, or its group
    until: date  # the last day on which it counts, in the workspace's time zone
    reason: str
    origin: Origin


class Declared(Struct, frozen=True):
    """A resource as the files want it on one target; maps are keyed by the paths of `Kind.fields`.

    No path is in both `given` and `rulings`, and `undeclared` decides the rest. Where something is live,
    `accepted` comes before all of them.
    """

    key: str
    place: Place
    id: int | None = None
    absent: bool = False  # it shall not exist there
    hidden: bool = False  # it was hidden on purpose; the tool leaves it alone
    given: Mapping[str, Given] = field(default_factory=dict)
    rulings: Mapping[str, Ruling] = field(default_factory=dict)
    undeclared: Policy = Policy.RESET
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    accepted_effects: frozenset[str] = frozenset()  # names of effects that are consented to here

    def policy(self, field: Field) -> Policy:
        """Return what happens to a field that is not given."""
        if ruling := self.rulings.get(field.path):
            return ruling.policy
        return Policy.KEEP if field.fills_itself else self.undeclared


class Globs(Struct, frozen=True):
    """A selection of keys: those that `only` names, or all without it, and `exclude` does not."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def holds(self, key: str) -> bool:
        """Tell whether a key is selected."""
        named = not self.only or any(matches(key, glob) for glob in self.only)
        return named and not any(matches(key, glob) for glob in self.exclude)


def matches(key: str, glob: str) -> bool:
    """Tell whether a glob names a key, with its section or without."""
    return fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)
