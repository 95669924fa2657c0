"""What a customer was sent, path by path, so that a later plan can name what changed. Pure.

A path is written as in the files: `batch_name`, `customers.email`, `customers.data.Business Unit`,
`customers.answers.0.text`. The paths stand in every journal, so their form must not change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from pydantic.alias_generators import to_snake

from reconciler.engine.kind import Json
from reconciler.expoints.seed import Moment, Seed, SeedCustomer, Value

EMAIL = "customers.email"
APPROVAL = "approve_automatically"

_ENCODER = json.JSONEncoder(sort_keys=True)

Hash = Callable[[str], str]
Contents = Mapping[str, str]
"""Path → the keyed hash of the value that is declared there."""


class Change(Struct, frozen=True):
    """How what is declared differs from what was sent. No paths: the journal does not say where."""

    paths: tuple[str, ...]


def batch_contents(seed: Seed, hash: Hash) -> Contents:
    """Return the hash of every declared member of a batch, but its customers."""
    return _hashed(_members("", seed.batch), hash)


def customer_contents(customer: SeedCustomer, hash: Hash) -> Contents:
    """Return the hash of everything that is declared of a customer."""
    return _hashed(_customer(customer), hash)


def hash_at(path: str, value: Json, hash: Hash) -> str:
    """Return the hash of a value at a path; equal values at two paths do not look equal."""
    return hash(_ENCODER.encode([path, value]))


def automatic(hash: Hash) -> Callable[[Contents], bool]:
    """Return what tells of contents whether nobody had to approve the batch by hand."""
    approved = hash_at(APPROVAL, True, hash)
    return lambda contents: contents.get(APPROVAL) == approved


def change_of(sent: Contents, declared: Contents) -> Change | None:
    """Return the paths at which the two differ, in the order of the files; `None` if they are the same."""
    paths = dict.fromkeys([*declared, *sent])
    differing = tuple(path for path in paths if sent.get(path) != declared.get(path))
    return Change(differing) if differing else None


def _hashed(values: Iterator[tuple[str, Json]], hash: Hash) -> Contents:
    return {path: hash_at(path, value, hash) for path, value in values}


def _customer(customer: SeedCustomer) -> Iterator[tuple[str, Json]]:
    yield EMAIL, customer.email
    yield from _members("customers.", customer.members)
    for item in customer.data:
        yield f"customers.data.{item.column}", [item.value, *(item.encryption or ())]


def _members(before: str, members: Mapping[str, Value]) -> Iterator[tuple[str, Json]]:
    for name, value in members.items():
        yield from _leaves(f"{before}{to_snake(name)}", str(value) if isinstance(value, Moment) else value)


def _leaves(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    """Yield what stands in a value; a list of plain values is one thing."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(number): item for number, item in enumerate(value)}
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{path}.{to_snake(name)}", part)
    else:
        yield path, value
