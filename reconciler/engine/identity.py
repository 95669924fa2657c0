"""Which live resource a declared one is: by its id, else by its exact name; never a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import Normal, says_something, unknown_members, value_at
from reconciler.engine.change import IN_DOUBT, Block
from reconciler.engine.classify import Account, CreateInDoubt
from reconciler.engine.declared import Declared, Given, Reference
from reconciler.engine.kind import Body, Kind, Live, Mapper, Reader, map_serially
from reconciler.errors import BadAnswer


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
    mapper: Mapper = map_serially,
    also_named: Collection[str] = (),
) -> Inventory:
    """Read what is live, as far as `declared` needs it, and what has a name of `also_named`.

    Rows of the list serve as bodies when a probe shows that reading one by its id adds nothing; otherwise
    each one that matters is read.
    """
    ids = [d.id for d in declared if d.id is not None]
    if listing is Listing.IF_NEEDED and len(ids) == len(declared):
        return Inventory(_read(reader, kind, ids, mapper), complete=False)
    rows = {row.id: row for row in (_live(kind, body, listed=True) for body in reader.list(mapper))}
    names = {*also_named, *(name_of(d, kind) for d in declared if d.id is None)}
    named = rows if listing is Listing.EVERYTHING else [r.id for r in rows.values() if r.name in names]
    wanted = [*dict.fromkeys([*ids, *named])]
    missing = [id for id in wanted if id not in rows]
    thin = [id for id in wanted if id in rows] if _rows_are_thin(reader, kind, rows, wanted) else []
    read = _read(reader, kind, [*missing, *thin], mapper)
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


def _read(reader: Reader, kind: Kind, ids: Sequence[int], mapper: Mapper) -> dict[int, Live]:
    bodies = mapper(reader.read, ids, f"Reading {kind.name}")
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


class CachingReader(Struct, frozen=True):
    """A `Reader` over another one. What it was told once, it does not ask again; an error is no answer."""

    reader: Reader
    _rows: list[Sequence[Body]] = field(default_factory=list)
    _bodies: dict[int, Body | None] = field(default_factory=dict)
    _found: dict[tuple[str, str], Sequence[int]] = field(default_factory=dict)

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every row that the API listed the first time."""
        if not self._rows:
            self._rows.append(self.reader.list(mapper))
        return self._rows[0]

    def read(self, id: int) -> Body | None:
        """Return the whole body of one resource as it was read the first time."""
        if id not in self._bodies:
            self._bodies[id] = self.reader.read(id)
        return self._bodies[id]

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids that a name had the first time."""
        if (what, name) not in self._found:
            self._found[what, name] = self.reader.find(what, name)
        return self._found[what, name]


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


SETTLE_SECONDS = 600
"""For how long a person is told to wait for what may have been created to show, as for a batch in doubt."""


class Match(Struct, frozen=True):
    """The answer for one declared resource: `live`, or nothing live, or a reason why neither can be said."""

    live: Live | None = None
    adopted: bool = False
    block: Block | None = None


def match_all(
    account: Account, declared: Sequence[Declared], inventory: Inventory, recreate: Collection[str] = ()
) -> Mapping[str, Match]:
    """Return the match of every declared resource, by key; one live resource never has two keys.

    What the journal knows of a key counts, but for the keys to `recreate`: where the name is gone that an id
    is known for, or a create is in doubt, nothing is simply created again.
    """
    owners = {d.id: d.key for d in declared if d.id is not None}
    found = {d.key: _match(account.kind, d, inventory, owners) for d in declared}
    for one in declared:
        match = found[one.key]
        undecided = match.live is None and match.block is None and one.id is None and not one.absent
        if undecided and one.key not in recreate:
            found[one.key] = _remembered(one, account, inventory, owners)
    return _without_twins(found)


def _match(kind: Kind, declared: Declared, inventory: Inventory, owners: Mapping[int, str]) -> Match:
    if declared.id is not None:
        return _by_id(declared, declared.id, inventory)
    name = name_of(declared, kind)
    if name is None:
        return Match(block=Block("unresolved", "it has neither an id nor a name to find it by"))
    return _by_name(declared, name, inventory.named(name), owners)


def _remembered(
    declared: Declared, account: Account, inventory: Inventory, owners: Mapping[int, str]
) -> Match:
    """Return what the journal knows of a key whose name nothing has: what is live, or why it is not created.

    What a create in doubt may have made is looked for by the name that was sent.
    """
    doubt = account.in_doubt.get(declared.key)
    if doubt:
        match = _by_name(declared, doubt.name, inventory.named(doubt.name) if doubt.name else (), owners)
        return match if match.live or match.block else Match(block=in_doubt_block(declared.key, doubt))
    id = account.known_ids.get(declared.key)
    if id is None:
        return Match()
    live = inventory.by_id.get(id)
    now = f'it is called "{live.name}" now' if live else "it may have been renamed, hidden or deleted"
    return Match(
        block=Block(
            "known-id",
            f"nothing has this name, but the journal knows it as id {id} ({now}); declare id: {id} for the "
            f"target, or run with --recreate {declared.key} to create it anew",
        )
    )


def in_doubt_block(key: str, doubt: CreateInDoubt) -> Block:
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


def _by_id(declared: Declared, id: int, inventory: Inventory) -> Match:
    live = inventory.by_id.get(id)
    if live or declared.absent:
        return Match(live)
    return Match(
        block=Block(
            "id-not-found",
            f"id {id} is not there; it is not created again by itself. Correct the id, remove it to find or "
            "create the configuration by its name, or set absent: true",
        )
    )


def _by_name(declared: Declared, name: str, found: Sequence[Live], owners: Mapping[int, str]) -> Match:
    if len(found) > 1:
        ids = ", ".join(str(live.id) for live in found)
        return Match(
            block=Block(
                "ambiguous-name",
                f'{len(found)} are named "{name}" (ids {ids}); declare the id that is meant',
            )
        )
    if found and found[0].id in owners:
        owner = owners[found[0].id]
        return Match(
            block=Block(
                "claimed",
                f'"{name}" is id {found[0].id}, which {owner} declares; apply that first, or declare '
                "an id here",
            )
        )
    return Match(found[0] if found else None, adopted=bool(found) and not declared.absent)


def _without_twins(matches: Mapping[str, Match]) -> Mapping[str, Match]:
    keys_of: dict[int, list[str]] = defaultdict(list)
    for key, match in matches.items():
        if match.live:
            keys_of[match.live.id].append(key)
    twins = {key: keys for keys in keys_of.values() if len(keys) > 1 for key in keys}
    return {key: _twin(match, twins[key]) if key in twins else match for key, match in matches.items()}


def _twin(match: Match, keys: Sequence[str]) -> Match:
    id = match.live.id if match.live else None
    return Match(
        block=Block("claimed", f"id {id} is declared by {' and '.join(keys)}; one of them is too many")
    )
