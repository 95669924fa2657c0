"""What the files say of a seed on one target, and what a vendor package hands in to make a seed of it.

A seed is sent once instead of kept alike, so it has no live state, no presets, no `keep` and no `reset`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from pydantic import BaseModel

from reconciler.config.files import WorkspaceFiles
from reconciler.config.nodes import Written
from reconciler.config.rows import Columns
from reconciler.config.section import Finding
from reconciler.config.settings import Target
from reconciler.problems import Place, Redacted

S = TypeVar("S")
Fields = TypeVar("Fields", bound=BaseModel)
Row = TypeVar("Row", bound=BaseModel)


class Surroundings(NamedTuple):
    """What a seed may lean on. The validators of a section's models have it as their context."""

    files: WorkspaceFiles
    zone: ZoneInfo
    """In which dates and times are meant."""


class Layers(NamedTuple):
    """Mappings over each other: the first one that holds a value decides."""

    first: Written
    others: tuple[Written, ...] = ()

    @property
    def all(self) -> tuple[Written, ...]:
        """Every mapping, the strongest first."""
        return (self.first, *self.others)

    def places_below(self, step: str) -> dict[str, Place]:
        """Return the place of whatever decides at each key of the mappings at one step."""
        found: dict[str, Place] = {}
        for layer in reversed(self.all):
            below = layer.find(step)
            if below and isinstance(below.node.children, dict):
                found |= {name: Place(below.file, *node.mark) for name, node in below.node.children.items()}
        return found

    def at(self, *path: str | int) -> Written:
        """Return what decides at `path`; where nothing stands there, the nearest above it in the first."""
        for layer in self.all:
            if there := layer.find(*path):
                return there
        return self.first.at(*path)


class Customer(Redacted, Generic[Row], frozen=True):
    """One customer of a seed, the seed's `defaults` already under its own fields."""

    fields: Row
    written: Layers

    @property
    def place(self) -> Place:
        """Where it begins: in the YAML, or its line of another file."""
        return self.written.first.place


class Draft(Redacted, Generic[Fields, Row], frozen=True):
    """A seed on one target, the target's block already over its own fields."""

    shown: ClassVar = ("key", "place")

    key: str
    place: Place
    fields: Fields
    written: Layers
    after: tuple[str, ...]
    """The full keys under `after`."""
    customers: tuple[Customer[Row], ...]
    """Those of the seed itself, then those of its file."""
    table: str = ""
    """A fingerprint of the bytes of that file, empty where there is none."""

    def place_of(self, path: str) -> Place:
        """Return where a finding belongs; `customers.3.email` counts the `customers` from 0."""
        steps = [int(step) if step.isdecimal() else step for step in path.split(".") if step]
        match steps:
            case []:
                return self.place
            case ["customers", int(number), *rest]:
                return self.customers[number].written.at(*rest).place
        return self.written.at(*steps).place


class SeedSection(Struct, Generic[S, Fields, Row], frozen=True):
    """The section of the files that declares seeds. Its checks repeat no address and no value."""

    name: str
    """`customer_seeds`."""
    fields: type[Fields]
    """The fields of a seed, strict, every one optional, among them the lists `customers` and `after`, the
    mapping `defaults`, and `customers_from`; none called `targets`."""
    row: type[Row]
    """The fields of a customer."""
    defaults: type[BaseModel]
    """Those of them that may count for all customers of a seed, every one optional."""
    columns: Columns
    """How a table of customers is read."""
    build: Callable[[Draft[Fields, Row]], S]
    """Makes the seed. A field whose value was wrong is not set, and was reported."""
    check: Callable[[S, Target, ZoneInfo], Iterable[Finding]]
    """Finds what is wrong with one seed on its target; at the path "" what is missing."""
    check_together: Callable[[Sequence[S]], Iterable[tuple[int, Finding]]]
    """Finds what is wrong between the seeds of a target; the number is that of the seed."""
    older_names: Mapping[str, str] = field(default_factory=dict)
    """As in `Section`."""
    account: str = ""
    """The same: `expoints`."""
    order: tuple[str, ...] = ()
    """The fields of a seed, `targets` among them, in the order in which they should stand."""

    def opened(self) -> SeedSection[S, Fields, Row]:
        """Return the section itself."""
        return self


class SeedsByName(Protocol[S]):
    """A section of seeds of which the name is known, and the rest once it is opened.

    Its models take a while to define, and most workspaces hold no seed.
    """

    @property
    def name(self) -> str:
        """As in `SeedSection`."""

    @property
    def account(self) -> str:
        """The same."""

    def opened(self) -> SeedSection[S, Any, Any]:
        """Return the section."""
