"""What a vendor package hands in for a section of the files, and what it is given of a seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from reconciler.config.nodes import Node
from reconciler.engine.kind import Declared, Json, Kind
from reconciler.problems import Place, Redacted, Severity

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reconciler.config.settings import Target


class ApiFields(BaseModel):
    """Fields of an API as a person writes them: nothing is converted, nothing unknown is let through.

    The alias of a field is its member in the API's body; it is not accepted in files.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=False,
    )


class Finding(Struct, frozen=True):
    """Something a section's own check found in one resource, at the field `path` (empty: the resource)."""

    code: str
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


class Named(Struct, frozen=True):
    """A field that people may write by name instead of by id: `survey` for `survey_id`; both are one field.

    `what` is the sort of thing named. With `mapped`, names are looked up in the target's mapping of that
    name (`contact_lists`) while the files are read; otherwise the value becomes a `Reference`.
    """

    path: str
    field: str
    what: str
    mapped: str = ""


class Section(Struct, frozen=True):
    """One kind of resource in the files."""

    kind: Kind
    model: type[BaseModel]
    """The fields, strict, every one optional; the alias of a field is its member in the API's body."""
    named: tuple[Named, ...] = ()
    check: Callable[[Declared], Iterable[Finding]] = lambda _: ()
    meanings: Mapping[str, Mapping[Json, str]] = field(default_factory=dict)
    """Fields that hold a code: path → code → what the vendor means by it, to be written beside it."""
    older_names: Mapping[str, str] = field(default_factory=dict)
    """Names that older documentation used → the path meant today, for suggestions."""
    account: str = ""
    """The section of a target that opens the account where they live: `checkmarket`; empty for none."""


Cell: TypeAlias = Callable[[str], Json]
"""Reads a cell; a text that it cannot read is returned as it is."""
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_TRUTHS = {"true": True, "false": False}


def whole_number(cell: str) -> Json:
    """Return the number in a cell."""
    return int(cell) if _WHOLE.fullmatch(cell) else cell


def truth(cell: str) -> Json:
    """Return what `true` or `false` in a cell means."""
    return _TRUTHS.get(cell, cell)


S = TypeVar("S")
Fields = TypeVar("Fields", bound=BaseModel)
Row = TypeVar("Row", bound=BaseModel)


def decided(layers: Sequence[Node], *path: str | int) -> Node:
    """Return what decides at `path`, of mappings over each other, the strongest first.

    Where nothing stands there, it is the nearest above it in the first.
    """
    found = (layer.find(*path) for layer in layers)
    return next(filter(None, found), None) or layers[0].at(*path)


class DeclaredCustomer(Redacted, Generic[Row], frozen=True):
    """One customer of a seed, the seed's `defaults` already under its own fields."""

    fields: Row
    written: tuple[Node, ...]
    """The customer itself, in the YAML or a line of another file, and the `defaults` under it."""


class DeclaredSeed(Redacted, Generic[Fields, Row], frozen=True):
    """A seed on one target, the target's block already over its own fields."""

    shown: ClassVar = ("key", "place")

    key: str
    place: Place
    fields: Fields
    written: tuple[Node, ...]  # the block of its target, if there is one, and the seed
    after: tuple[str, ...]  # the full keys under `after`
    customers: tuple[DeclaredCustomer[Row], ...]  # those of the seed itself, then those of its file
    table: str = ""  # a fingerprint of the bytes of that file, empty where there is none

    def place_of(self, path: str) -> Place:
        """Return where a finding belongs; `customers.3.email` counts the `customers` from 0."""
        steps = [int(step) if step.isdecimal() else step for step in path.split(".") if step]
        match steps:
            case []:
                return self.place
            case ["customers", int(number), *rest]:
                return decided(self.customers[number].written, *rest).place
        return decided(self.written, *steps).place


class SeedSection(Struct, Generic[S, Fields, Row], frozen=True):
    """The section of the files that declares seeds. Its checks repeat no address and no value."""

    name: str  # `customer_seeds`
    fields: type[Fields]
    """The fields of a seed, strict, every one optional, among them the lists `customers` and `after`, the
    mapping `defaults`, and `customers_from`; none called `targets`. The context of all these models is the
    `WorkspaceFiles`."""
    row: type[Row]  # the fields of a customer
    defaults: type[BaseModel]
    """Those of them that may count for all customers of a seed, every one optional."""
    cells: Mapping[str, Cell]
    """How a table of customers is read: the fields of a customer that fit into a cell → how each is read."""
    identity: str  # the field that every table has; its header shows the delimiter
    build: Callable[[DeclaredSeed[Fields, Row]], S]
    """Makes the seed. A field whose value was wrong is not set, and was reported."""
    check: Callable[[S, Target, ZoneInfo], Iterable[Finding]]
    """Finds what is wrong with one seed on its target; at the path "" what is missing."""
    check_together: Callable[[Sequence[S]], Iterable[tuple[int, Finding]]]
    """Finds what is wrong between the seeds of a target; the number is that of the seed."""
    older_names: Mapping[str, str] = field(default_factory=dict)  # as in `Section`
    order: tuple[str, ...] = ()
    """The fields of a seed, `targets` among them, in the order in which they should stand."""


class SeedsByName(Struct, Generic[S], frozen=True):
    """A section of seeds of which the name is known, and the rest once it is opened.

    Its models take a while to define, and most workspaces hold no seed.
    """

    name: str  # as in `SeedSection`
    account: str  # the section of a target that opens the account where they are sent: `expoints`
    opened: Callable[[], SeedSection[S, Any, Any]]
