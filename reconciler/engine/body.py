"""Bodies of the API: reading and building nested objects, and the one form in which values are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from reconciler.engine.kind import Body, Field, Json, Kind, Member, Rows

Row: TypeAlias = Mapping[str, Json]  # one object of a list, in the API's own member names

ABSENT = UNSET  # a member that a body does not have; unlike `None`, which a body can hold
Absent = UnsetType


def value_at(body: Body, member: Member) -> Json | Absent:
    """Return the value at `member`, or `ABSENT` where it or a group on the way is missing or null."""
    here: Json | Absent = body if isinstance(body, dict) else dict(body)
    for name in member:
        if not isinstance(here, dict):
            return ABSENT
        here = here.get(name, ABSENT)
    return here


def put(body: dict[str, Json], member: Member, value: Json) -> None:
    """Write `value` at `member`, making the groups on the way; changes `body` in place."""
    *groups, last = member
    for name in groups:
        inner = body.get(name)
        if not isinstance(inner, dict):
            inner = body[name] = {}
        body = inner
    body[last] = value


def unknown_members(kind: Kind, body: Body, above: Member = ()) -> Iterator[tuple[Member, Json]]:
    """Yield every member, nested ones too, that the kind does not name; `above` is where `body` is nested."""
    known = {field.member for field in kind.fields} | kind.server_members
    groups = {field.group for field in kind.fields}
    for name, value in body.items():
        member = (*above, name)
        if member in known:
            continue
        if member not in groups:
            yield member, value
        elif isinstance(value, dict):
            yield from unknown_members(kind, value, member)


def unknown_row_members(kind: Kind, body: Body) -> tuple[Member, ...]:
    """Return every member of a row that neither the kind's table nor its server members name, each once."""
    found: dict[Member, None] = {}
    for field in kind.fields:
        rows, live = field.rows, value_at(body, field.member)
        if rows is None or not isinstance(live, list):
            continue
        for row in live:
            names = [name for name in row if name not in rows.names] if isinstance(row, dict) else []
            found |= {(*field.member, name): None for name in names}
    return tuple(member for member in found if member not in kind.server_members)


def _each_row(field: Field, value: Json, change: Callable[[Row], Json]) -> Json:
    if field.rows is None or not isinstance(value, list):
        return value
    return [change(row) if isinstance(row, dict) else row for row in value]


def without_server_members(kind: Kind, field: Field, value: Json) -> Json:
    """Return rows without the members that the server writes into them; any other value as it is."""
    own = {member[-1] for member in kind.server_members if member[:-1] == field.member}
    return _each_row(field, value, lambda row: {m: v for m, v in row.items() if m not in own})


def carry_rows(field: Field, declared: Json, live: Json | Absent) -> Json:
    """Return the declared rows, each with the unknown members of the live row of the same identity."""
    rows = field.rows
    if rows is None or not isinstance(live, list):
        return declared
    # An identity is a number, so one that is left out can only be 0.
    extras: dict[str, Row] = {
        str(row.get(rows.identity) or 0): {m: v for m, v in row.items() if m not in rows.names}
        for row in live
        if isinstance(row, dict)
    }
    return _each_row(field, declared, lambda row: {**extras.get(str(row.get(rows.identity) or 0), {}), **row})


def written(field: Field, value: Json) -> Json:
    """Return a value as the files write it: rows in the files' own names."""
    names = field.rows.names if field.rows else {}
    return _each_row(field, value, lambda row: {names.get(m, m): v for m, v in row.items()})


def read_back(field: Field, value: Json) -> Json:
    """Return a value that is `written` as it was before: rows in the API's names."""
    members = {name: member for member, name in field.rows.names.items()} if field.rows else {}
    return _each_row(field, value, lambda row: {members.get(n, n): v for n, v in row.items()})


def compared(field: Field, value: Json | Absent, *, strict: bool = False) -> Json:
    """Return the form in which a field's values are compared; of rows, the known members by their identity.

    Nothing, `null`, `""`, `[]` and `{}` are one. So are `false` and `0` unless `strict`, which is for an
    account that shows an explicit one: whether the API leaves them out is not documented.
    """
    if isinstance(value, Absent):
        return None
    if not value:
        return value if strict and isinstance(value, int | float) else None
    rows = field.rows
    if rows is None or not isinstance(value, list):
        return field.normal(value) if rows is None else value
    by_number: list[tuple[bool, int, str, Json]] = []
    for row in value:
        known, number = row, None
        if isinstance(row, dict):
            identity = row.get(rows.identity) or 0
            known = {**{m: row.get(m) or None for m in rows.names}, rows.identity: identity}
            number = identity if isinstance(identity, int) else None
        by_number.append((number is None, number or 0, str(known), known))
    return [known for *_, known in sorted(by_number, key=lambda one: one[:3])]


def shows_zero(kind: Kind, bodies: Iterable[Body]) -> bool:
    """Tell whether a body shows an explicit `false` or `0` in a field of the kind."""
    members = [field.member for field in kind.fields]
    values = (value_at(body, member) for body in bodies for member in members)
    return any(isinstance(value, int | float) and not value for value in values)


def lenient(value: Json) -> Json:
    """Return a compared value with false and 0 equal to nothing."""
    return None if isinstance(value, int | float) and not value else value


def differing_rows(rows: Rows, before: Json, after: Json) -> tuple[tuple[str, Json, Json], ...]:
    """Return the rows that differ as `(identity, before, after)`, in the order of `after`, then of `before`.

    Both are in compared form; a row that is not there is `None`.
    """
    if before == after:  # nearly always so, and a thousand times cheaper than importing deepdiff
        return ()
    from deepdiff import DeepDiff

    old, new = (
        {str(row.get(rows.identity)): row for row in value if isinstance(row, dict)}
        if isinstance(value, list)
        else {}
        for value in (before, after)
    )
    keys = dict.fromkeys([*new, *old])
    delta = DeepDiff({key: old.get(key) for key in keys}, {key: new.get(key) for key in keys}, view="tree")
    touched = {item.path(output_format="list")[0] for items in delta.values() for item in items}
    return tuple((key, old.get(key), new.get(key)) for key in keys if key in touched)
