"""Reading what is live, no more of it than a plan needs, and no thing twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from functools import cache

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import compared, unknown_members, value_at
from reconciler.engine.kind import (
    Body,
    Declared,
    Given,
    Json,
    Kind,
    Live,
    Mapper,
    Reader,
    Reference,
    map_serially,
)
from reconciler.errors import BadAnswer


class Listing(Enum):
    """How much of an account a plan has to know."""

    IF_NEEDED = "if-needed"  # no list at all where every resource has an id; what is unmanaged stays unknown
    DECLARED = "declared"  # the list, and whole bodies of what is declared
    EVERYTHING = "everything"  # the list, and all whole bodies: what may be deleted has to be known


class Inventory(Struct, frozen=True):
    """What is live. `by_id` holds whole bodies for all that is declared, rows of the list for the rest."""

    by_id: Mapping[int, Live] = field(default_factory=dict)
    complete: bool = True  # whether the list was read; without it only the declared ids are known

    @property
    def listed(self) -> tuple[Live, ...]:
        """Everything that the list named, in its order."""
        return tuple(live for live in self.by_id.values() if live.listed)


class CachingReader:
    """A `Reader` that asks another one once, so that several plans see the same; an error is not kept."""

    def __init__(self, reader: Reader) -> None:
        self.read, self.find, self.meant = cache(reader.read), cache(reader.find), cache(reader.meant)
        self._reader = reader
        self._rows: Sequence[Body] | None = None

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every row that the API listed the first time."""
        if self._rows is None:
            self._rows = self._reader.list(mapper)
        return self._rows


def resolve(declared: Sequence[Declared], reader: Reader) -> tuple[Declared, ...]:
    """Return every resource with its references as ids; one to none or several stays, with the ids found."""
    found: dict[Reference, tuple[int, ...]] = {}  # each name is asked for once
    resolved = []
    for one in declared:
        named = {}
        for path, given in one.given.items():
            if not isinstance(reference := given.value, Reference):
                continue
            if reference not in found:
                found[reference] = tuple(reader.find(reference.what, reference.name))
            ids = found[reference]
            is_one = len(ids) == 1
            hint = "" if ids else reader.meant(reference.what, reference.name)
            value = ids[0] if is_one else replace(reference, ids=ids, hint=hint)
            named[path] = Given(value, given.origin, named=reference if is_one else given.named)
        resolved.append(replace(one, given={**one.given, **named}) if named else one)
    return tuple(resolved)


def name_of(declared: Declared, kind: Kind) -> str | None:
    """Return the declared name of a resource, `None` where none is declared."""
    given = declared.given.get(kind.name_field)
    return given.value if given and isinstance(given.value, str) else None


def take_inventory(
    reader: Reader,
    kind: Kind,
    declared: Sequence[Declared],
    *,
    listing: Listing = Listing.DECLARED,
    mapper: Mapper = map_serially,
    also_named: Collection[str] = (),
) -> Inventory:
    """Read what is live, as far as `declared` needs it, and what has a name of `also_named`.

    Rows of the list serve as bodies where a probe shows that reading one by its id adds nothing. What is
    hidden on purpose is not looked for.
    """
    declared = [one for one in declared if not one.hidden]
    ids = [one.id for one in declared if one.id is not None]

    def read(ids: Sequence[int], listed: Collection[int]) -> dict[int, Live]:
        bodies = mapper(reader.read, ids, f"Reading {kind.name}")
        pairs = [(id, body) for id, body in zip(ids, bodies, strict=True) if body is not None]
        return {id: replace(_live(kind, body), id=id, listed=id in listed) for id, body in pairs}

    if listing is Listing.IF_NEEDED and len(ids) == len(declared):
        return Inventory(read(ids, ()), complete=False)
    rows = {row.id: row for row in (_live(kind, body) for body in reader.list(mapper))}
    names = {*also_named, *(name_of(one, kind) for one in declared if one.id is None)}
    named = rows if listing is Listing.EVERYTHING else [r.id for r in rows.values() if r.name in names]
    wanted = list(dict.fromkeys([*ids, *named]))
    missing = [id for id in wanted if id not in rows]
    thin = [id for id in wanted if id in rows] if _rows_are_thin(reader, kind, rows, wanted) else []
    return Inventory({**rows, **read([*missing, *thin], rows)})


def _live(kind: Kind, body: Body) -> Live:
    id = body.get(kind.id_member)
    if not isinstance(id, int):
        raise BadAnswer(f"the API answered a row of {kind.name} without a number in {kind.id_member}")
    name = value_at(body, kind.by_path[kind.name_field].member)
    return Live(id, name if isinstance(name, str) else "", body, listed=True)


def _rows_are_thin(reader: Reader, kind: Kind, rows: Mapping[int, Live], wanted: Sequence[int]) -> bool:
    """Tell whether reading a listed resource by its id adds anything to its row."""

    def leaves(body: Body) -> dict[str, Json]:
        values = {f.path: compared(f, value_at(body, f.member), strict=True) for f in kind.fields}
        return {path: value for path, value in values.items() if value is not None}

    probes = [rows[id] for id in wanted if id in rows]
    if not probes:
        return False
    if all(len(leaves(row.body)) <= 1 for row in rows.values()):
        return True  # names and nothing else: what is listed is visible, and a whole row would say so
    poorest = min(probes, key=lambda row: len(leaves(row.body)))
    body = reader.read(poorest.id)
    if body is None or leaves(body) != leaves(poorest.body):
        return True
    # Values of unknown members may change with every read; that they are there may not.
    unknown, listed = ({m for m, _ in unknown_members(kind, one)} for one in (body, poorest.body))
    return unknown != listed
