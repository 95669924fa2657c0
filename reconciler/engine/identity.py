"""What is live, and which of it a declared resource is: by its id, else by its exact name; never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import Normal, unknown_members, value_at
from reconciler.engine.change import IN_DOUBT, Block
from reconciler.engine.classify import Account, LastWrite
from reconciler.engine.kind import Body, Declared, Given, Kind, Live, Mapper, Reader, Reference, map_serially
from reconciler.errors import BadAnswer

SETTLE_SECONDS = 600
"""How long to wait for what may have been created to show, as for a batch in doubt."""


class Listing(Enum):
    """How much of an account a plan has to know."""

    IF_NEEDED = "if-needed"
    """No list at all where every resource has an id; what is unmanaged stays unknown."""
    DECLARED = "declared"
    """The list, and whole bodies of what is declared."""
    EVERYTHING = "everything"
    """The list, and whole bodies of all that it names: what may be deleted has to be known."""


class Inventory(Struct, frozen=True):
    """What is live. `by_id` holds whole bodies for all that is declared, rows of the list for the rest."""

    by_id: Mapping[int, Live] = field(default_factory=dict)
    complete: bool = True
    """Whether the list was read; without it only the declared ids are known."""

    @property
    def listed(self) -> tuple[Live, ...]:
        """Everything that the list named, in its order."""
        return tuple(live for live in self.by_id.values() if live.listed)


class CachingReader:
    """A `Reader` that asks another one for everything once, so that several plans see the same live state.

    An error is not kept: what failed is asked for again.
    """

    def __init__(self, reader: Reader) -> None:
        self.read, self.find = cache(reader.read), cache(reader.find)
        self._reader = reader
        self._rows: Sequence[Body] | None = None

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every row that the API listed the first time."""
        if self._rows is None:
            self._rows = self._reader.list(mapper)
        return self._rows


def resolve(declared: Sequence[Declared], reader: Reader) -> tuple[Declared, ...]:
    """Return every resource with its references as ids; each name is asked for once.

    A reference to none or several stays one, with the ids that were found.
    """
    found: dict[Reference, tuple[int, ...]] = {}
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
            value = ids[0] if is_one else replace(reference, ids=ids)
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

    Rows of the list serve as bodies when a probe shows that reading one by its id adds nothing; otherwise
    each one that matters is read. What is hidden on purpose is not looked for.
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
    strict = Normal(kind, explicit_empties=True)

    def richness(row: Live) -> int:
        return sum(value is not None for value in strict.leaves(row.body).values())

    def shape(body: Body) -> tuple[object, ...]:
        # Values of unknown members may change with every read; that they are there may not.
        return strict.leaves(body), sorted(member for member, _ in unknown_members(kind, body))

    probes = [rows[id] for id in wanted if id in rows]
    if not probes:
        return False
    if all(richness(row) <= 1 for row in rows.values()):
        return True  # names and nothing else: what is listed is visible, and a whole row would say so
    poorest = min(probes, key=richness)
    body = reader.read(poorest.id)
    return body is None or shape(body) != shape(poorest.body)


Match: TypeAlias = "Live | Block | None"
"""The live resource that a declared one is, or nothing live, or a reason why neither can be said."""


def match_all(
    account: Account, declared: Sequence[Declared], inventory: Inventory, recreate: Collection[str] = ()
) -> Mapping[str, Match]:
    """Return the match of every declared resource, by key; one live resource never has two keys.

    What the journal knows of a key counts, but for the keys to `recreate`: where the name is gone that an id
    is known for, or a create is in doubt, nothing is simply created again.
    """
    owners = {one.id: one.key for one in declared if one.id is not None}
    found = {one.key: _match(account, one, inventory, owners, recreate) for one in declared}
    return _without_twins(found)


def _match(
    account: Account,
    declared: Declared,
    inventory: Inventory,
    owners: Mapping[int, str],
    recreate: Collection[str],
) -> Match:
    if declared.id is not None:
        live = inventory.by_id.get(declared.id)
        if live or declared.absent:
            return live
        return Block(
            "id-not-found",
            f"id {declared.id} is not there; it is not created again by itself. Correct the id, remove it to "
            "find or create the configuration by its name, or set absent: true",
        )
    name = name_of(declared, account.kind)
    if name is None:
        return Block("unresolved", "it has neither an id nor a name to find it by")
    match = _by_name(name, inventory, owners)
    if match is not None or declared.absent or declared.key in recreate:
        return match
    last = account.last_writes.get(declared.key)
    if last and last.is_create_in_doubt:  # what it may have made has the name that was sent
        sent = _by_name(last.name, inventory, owners) if last.name else None
        return sent or in_doubt_block(declared.key, last)
    if last is None or last.id is None:
        return None
    id = last.id
    live = inventory.by_id.get(id)
    now = f'it is called "{live.name}" now' if live else "it may have been renamed, hidden or deleted"
    return Block(
        "known-id",
        f"nothing has this name, but the journal knows it as id {id} ({now}); declare id: {id} for the "
        f"target, or run with --recreate {declared.key} to create it anew",
    )


def in_doubt_block(key: str, doubt: LastWrite) -> Block:
    """Return why a resource is not created again that an earlier run may have created, and what to do."""
    sent, until = (
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        for at in (doubt.at, doubt.at + SETTLE_SECONDS)
    )
    known = f" as id {doubt.id}" if doubt.id is not None else ""
    return Block(
        IN_DOUBT,
        f'run {doubt.run} may have created "{doubt.name}"{known} ({sent}), and it is not to be seen; it is '
        f"not created a second time. Plan again after {until}; if it is there under another name, declare "
        f"its id: for the target; if you know that it is not there, run with --recreate {key}",
    )


def _by_name(name: str, inventory: Inventory, owners: Mapping[int, str]) -> Match:
    found = [live for live in inventory.listed if live.name == name]
    if len(found) > 1:
        ids = ", ".join(str(live.id) for live in found)
        message = f'{len(found)} are named "{name}" (ids {ids}); declare the id that is meant'
        return Block("ambiguous-name", message)
    if found and found[0].id in owners:
        owner = owners[found[0].id]
        return Block(
            "claimed",
            f'"{name}" is id {found[0].id}, which {owner} declares; apply that first, or declare an id here',
        )
    return found[0] if found else None


def _without_twins(matches: Mapping[str, Match]) -> Mapping[str, Match]:
    """Return the matches, with a reason in the place of every live resource that several keys have."""
    ids = {key: match.id for key, match in matches.items() if isinstance(match, Live)}
    shared = {id for id, times in Counter(ids.values()).items() if times > 1}

    def twin(id: int) -> Block:
        keys = " and ".join(key for key, other in ids.items() if other == id)
        return Block("claimed", f"id {id} is declared by {keys}; one of them is too many")

    return {key: twin(ids[key]) if ids.get(key) in shared else match for key, match in matches.items()}
