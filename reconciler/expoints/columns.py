"""Column names become ids, and what the tenant would refuse becomes a block before anything is sent.

Source: vendor page GET-api-v3-customerdatacolumn; that a missing required column is a validation error is on
POST-api-v3-customer-add. Neither says that names are unique, nor what an archived column does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct

from reconciler.config.wording import nearest
from reconciler.engine.kind import Json
from reconciler.engine.plan import Block
from reconciler.expoints.client import Column
from reconciler.expoints.seed import DataItem, Seed, SeedCustomer

MOST_REASONS = 100
"""Of one seed."""

Key = TypeVar("Key", str, int)


class Columns(Struct, frozen=True, dict=True):
    """The columns of a tenant, by name and id."""

    all: tuple[Column, ...]

    def named(self, name: str) -> tuple[Column, ...]:
        """Return every column of exactly that name, archived ones only where no other has it."""
        return self._by_name.get(name, ())

    def found(self, column: str | int) -> tuple[Column, ...]:
        """Return the columns that a declared name or id means; one, if all is well."""
        if isinstance(column, int):
            return self._by_id.get(column, ())
        return self.named(column)

    def id_of(self, item: DataItem) -> int:
        """Return the id of the column that an item is for; call it only where `blocks_of` is silent."""
        (column,) = self.found(item.column)
        return column.id

    def near(self, name: str) -> str | None:
        """Return the column that was probably meant; each name is compared once, for that takes its time."""
        if name not in self._near:
            self._near[name] = nearest(name, [column.name for column in self.all])
        return self._near[name]

    @cached_property
    def _near(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Column, ...]]:
        every = _grouped(self.all, attrgetter("name"))
        return every | _grouped((c for c in self.all if not c.archived), attrgetter("name"))

    @cached_property
    def _by_id(self) -> Mapping[int, tuple[Column, ...]]:
        return _grouped(self.all, attrgetter("id"))

    @cached_property
    def required(self) -> tuple[Column, ...]:
        """The columns that every customer must have a value for."""
        return tuple(column for column in self.all if column.required and not column.archived)


def _grouped(columns: Iterable[Column], by: Callable[[Column], Key]) -> dict[Key, tuple[Column, ...]]:
    found: dict[Key, list[Column]] = {}
    for column in columns:
        found.setdefault(by(column), []).append(column)
    return {key: tuple(some) for key, some in found.items()}


def blocks_of(seed: Seed, columns: Columns) -> Iterator[Block]:
    """Yield the reasons of the tenant's columns against a seed, each once with its lines, up to a bound."""
    reasons: dict[tuple[str, str], list[str]] = {}
    found = (finding for customer in _unsound(seed, columns) for finding in _findings(customer, columns))
    for code, message, place in found:
        if len(reasons) == MOST_REASONS and (code, message) not in reasons:
            reasons["too-many-problems", "what else the columns refuse is not looked at"] = [str(place)]
            break
        reasons.setdefault((code, message), []).append(str(place))
    for (code, message), places in reasons.items():
        yield Block(code, f"{message} ({_few(places)})")


def _unsound(seed: Seed, columns: Columns) -> Iterator[SeedCustomer]:
    """Yield the customers that have findings, and perhaps others; thousands have the columns of the first."""
    sound = set()
    for customer in seed.customers:
        is_given = tuple((item.column, bool(item.value)) for item in customer.data)
        layout = (is_given, customer.members.get("PreviousId") is None)
        if layout in sound:
            continue
        if any(True for _ in _findings(customer, columns)):
            yield customer
        else:
            sound.add(layout)


def _few(places: Sequence[str], most: int = 3) -> str:
    shown = list(dict.fromkeys(places))
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _findings(customer: SeedCustomer, columns: Columns) -> Iterator[tuple[str, str, object]]:
    for item in customer.data:
        yield from ((code, message, item.place) for code, message in _item(item, columns))
    ids = Counter(column.id for item in customer.data for column in columns.found(item.column))
    for id, number in ids.items():
        if number > 1:
            yield "column-twice", f"column {id} is given more than once", customer.place
    yield from (
        ("missing-column", f"the tenant requires {_shown(column)}", customer.place)
        for column in _missing(customer, columns)
    )


def _item(item: DataItem, columns: Columns) -> Iterator[tuple[str, str]]:
    found = columns.found(item.column)
    if not found:
        near = columns.near(str(item.column))
        hint = f"; did you mean {near}?" if near else ""
        yield "unknown-column", f"the tenant has no column {item.column}{hint}"
    elif len(found) > 1:
        ids = " and ".join(str(column.id) for column in found)
        yield "ambiguous-column", f"{len(found)} columns are called {item.column}: {ids}; write the id"
    elif found[0].archived:
        yield "archived-column", f"column {item.column} is archived"


def _missing(customer: SeedCustomer, columns: Columns) -> Iterator[Column]:
    # Data of an earlier customer is copied by the server, so what is missing here may come from there.
    if customer.members.get("PreviousId") is not None:
        return
    given = {column.id for item in customer.data if item.value for column in columns.found(item.column)}
    yield from (column for column in columns.required if column.id not in given)


def _shown(column: Column) -> str:
    return f"{column.name} (column {column.id})"


def data_body(customer: SeedCustomer, columns: Columns) -> list[Json]:
    """Return a customer's data as the request has it, by column id."""
    return [_data_item(item, columns.id_of(item)) for item in customer.data]


def _data_item(item: DataItem, id: int) -> dict[str, Json]:
    body: dict[str, Json] = {"CustomerDataColumnId": id, "Value": item.value}
    if item.encryption:
        thumbprint, key = item.encryption
        body |= {"IsEncrypted": True, "CertificateThumbprint": thumbprint, "EncryptionKey": key}
    return body
