"""What is live on an account: read once, as whole bodies where the plan needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from msgspec import Struct, field

from reconciler.engine.body import Normal, says_something, unknown_members, value_at
from reconciler.engine.declared import Declared
from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Body, Kind
from reconciler.engine.ports import Reader
from reconciler.errors import BadAnswer


class Listing(Enum):
    """How much of an account a plan has to know."""

    IF_NEEDED = "if-needed"
    """No list at all where every resource has an id; what is unmanaged stays unknown."""
    DECLARED = "declared"
    """The list, and whole bodies of what is declared."""
    EVERYTHING = "everything"
    """The list, and whole bodies of all that it names: what may be deleted has to be known."""


class Live(Struct, frozen=True):
    """A resource as the API shows it. `listed` says that the list named it, so that it is visible."""

    id: int
    name: str
    body: Body
    listed: bool


class Inventory(Struct, frozen=True):
    """What is live. `by_id` holds whole bodies for all that is declared, rows of the list for the rest."""

    by_id: Mapping[int, Live] = field(default_factory=dict)
    complete: bool = True
    """Whether the list was read; without it only the declared ids are known."""

    def named(self, name: str) -> tuple[Live, ...]:
        """Return the listed resources of exactly that name."""
        return tuple(live for live in self.by_id.values() if live.listed and live.name == name)

    @property
    def listed(self) -> tuple[Live, ...]:
        """Everything that the list named, in its order."""
        return tuple(live for live in self.by_id.values() if live.listed)


def take_inventory(
    reader: Reader,
    kind: Kind,
    declared: Sequence[Declared],
    *,
    listing: Listing = Listing.DECLARED,
    each: Each = one_by_one,
    also_named: Collection[str] = (),
) -> Inventory:
    """Read what is live, as far as `declared` needs it, and what has a name of `also_named`.

    Rows of the list serve as bodies when a probe shows that reading one by its id adds nothing; otherwise
    each one that matters is read.
    """
    ids = [d.id for d in declared if d.id is not None]
    if listing is Listing.IF_NEEDED and len(ids) == len(declared):
        return Inventory(_read(reader, kind, ids, each), complete=False)
    rows = {row.id: row for row in (_live(kind, body, listed=True) for body in reader.list(each))}
    names = {*also_named, *(name_of(d, kind) for d in declared if d.id is None)}
    named = rows if listing is Listing.EVERYTHING else [r.id for r in rows.values() if r.name in names]
    wanted = [*dict.fromkeys([*ids, *named])]
    missing = [id for id in wanted if id not in rows]
    thin = [id for id in wanted if id in rows] if _rows_are_thin(reader, kind, rows, wanted) else []
    read = _read(reader, kind, [*missing, *thin], each)
    return Inventory(
        {**rows, **{id: Live(id, live.name, live.body, id in rows) for id, live in read.items()}}
    )


def name_of(declared: Declared, kind: Kind) -> str | None:
    """Return the declared name of a resource, `None` where none is declared."""
    given = declared.given.get(kind.name_field)
    return given.value if given and isinstance(given.value, str) else None


def _live(kind: Kind, body: Body, *, listed: bool) -> Live:
    id = body.get(kind.id_member)
    if not isinstance(id, int):
        raise BadAnswer(f"the API answered a row of {kind.name} without a number in {kind.id_member}")
    name = value_at(body, kind.by_path[kind.name_field].member)
    return Live(id, name if isinstance(name, str) else "", body, listed)


def _read(reader: Reader, kind: Kind, ids: Sequence[int], each: Each) -> dict[int, Live]:
    bodies = each(reader.read, ids, f"Reading {kind.name}")
    return {
        id: _live(kind, body, listed=False) for id, body in zip(ids, bodies, strict=True) if body is not None
    }


def _rows_are_thin(reader: Reader, kind: Kind, rows: Mapping[int, Live], wanted: Sequence[int]) -> bool:
    """Tell whether reading a listed resource by its id adds anything to its row."""
    probes = [rows[id] for id in wanted if id in rows]
    if not probes:
        return False
    if all(_richness(kind, row.body) <= 1 for row in rows.values()):
        return True  # names and nothing else: what is listed is visible, and a whole row would say so
    poorest = min(probes, key=lambda row: _richness(kind, row.body))
    body = reader.read(poorest.id)
    return body is None or _shape(kind, body) != _shape(kind, poorest.body)


def _richness(kind: Kind, body: Body) -> int:
    return sum(says_something(value_at(body, field.member)) for field in kind.fields)


def _shape(kind: Kind, body: Body) -> tuple[object, ...]:
    # Values of unknown members may change with every read; that they are there may not.
    extras = sorted(member for member, _ in unknown_members(kind, body))
    return (Normal(kind, explicit_empties=True).leaves(body), extras)
