"""Names that only the API can turn into ids, looked up before planning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.declared import Declared, Given, Reference
from reconciler.engine.plan import Block
from reconciler.engine.ports import Reader


class Resolved(Struct, frozen=True):
    """A resource whose references are ids, or the reasons why some could not become one."""

    declared: Declared
    blocks: tuple[Block, ...] = ()


def resolve(declared: Sequence[Declared], reader: Reader) -> tuple[Resolved, ...]:
    """Return every resource with its references looked up; each name is asked for once."""
    wanted = {
        given.value for d in declared for given in d.given.values() if isinstance(given.value, Reference)
    }
    found = {reference: reader.find(reference.what, reference.name) for reference in wanted}
    return tuple(_resolve_one(d, found) for d in declared)


def _resolve_one(declared: Declared, found: Mapping[Reference, Sequence[int]]) -> Resolved:
    references = {
        path: given.value for path, given in declared.given.items() if isinstance(given.value, Reference)
    }
    if not references:
        return Resolved(declared)
    blocks = tuple(
        _unusable(path, reference, found[reference])
        for path, reference in references.items()
        if len(found[reference]) != 1
    )
    given = {path: _with_id(given, found) for path, given in declared.given.items()}
    return Resolved(replace(declared, given=given), blocks)


def _with_id(given: Given, found: Mapping[Reference, Sequence[int]]) -> Given:
    reference = given.value
    if not isinstance(reference, Reference) or len(found[reference]) != 1:
        return given
    return Given(found[reference][0], given.origin, named=reference)


def _unusable(path: str, reference: Reference, ids: Sequence[int]) -> Block:
    if not ids:
        message = f"there is no {reference}; check its title, or declare {path} by its number"
    else:
        numbers = " and ".join(str(id) for id in ids)
        message = f"{len(ids)} are called {reference}: {numbers}; declare {path} by its number"
    return Block("unknown-reference" if not ids else "ambiguous-reference", message, (path,))
