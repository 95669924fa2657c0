"""Bodies of the API: reading and building nested objects, and the one form in which values are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from reconciler.engine.kind import Body, Field, Json, Kind, Member, Rows


class Absent:
    """A member that a body does not have; unlike `None`, which a body can hold."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


def value_at(body: Body, member: Member) -> Json | Absent:
    """Return what stands at `member`, or `ABSENT` where it or a group on the way is missing or null."""
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


def unknown_members(kind: Kind, body: Body) -> Iterator[tuple[Member, Json]]:
    """Yield every member, nested ones too, that neither the kind's table nor its server members name."""
    known = {field.member for field in kind.fields} | kind.server_members
    groups = {field.group for field in kind.fields}
    yield from _unknown(body, (), known, groups)


def _unknown(
    body: Body, above: Member, known: set[Member], groups: set[Member]
) -> Iterator[tuple[Member, Json]]:
    for name, value in body.items():
        member = (*above, name)
        if member in known:
            continue
        if member in groups:
            if isinstance(value, dict):
                yield from _unknown(value, member, known, groups)
        else:
            yield member, value


def unknown_row_members(kind: Kind, body: Body) -> tuple[Member, ...]:
    """Return every member of a row that neither the kind's table nor its server members name, each once."""
    found = (
        (*field.member, name)
        for field in kind.fields
        if field.rows
        for row in _rows_at(body, field)
        for name in row
        if name not in field.rows.names
    )
    return tuple(member for member in dict.fromkeys(found) if member not in kind.server_members)


def _rows_at(body: Body, field: Field) -> list[dict[str, Json]]:
    value = value_at(body, field.member)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def without_server_members(kind: Kind, field: Field, value: Json) -> Json:
    """Return rows without the members that the server writes into them; any other value as it is."""
    if field.rows is None or not isinstance(value, list):
        return value
    own = {member[-1] for member in kind.server_members if member[:-1] == field.member}
    return [{m: v for m, v in row.items() if m not in own} if isinstance(row, dict) else row for row in value]


def carry_rows(rows: Rows, declared: Json, live: Json | Absent) -> Json:
    """Return the declared rows, each with the unknown members of the live row of the same identity."""
    if not isinstance(declared, list) or not isinstance(live, list):
        return declared
    extras = {
        str(_identity(rows, row)): {m: v for m, v in row.items() if m not in rows.names}
        for row in live
        if isinstance(row, dict)
    }
    return [
        {**extras.get(str(_identity(rows, row)), {}), **row} if isinstance(row, dict) else row
        for row in declared
    ]


def _identity(rows: Rows, row: Mapping[str, Json]) -> Json:
    return row.get(rows.identity) or 0  # a number, so one that is left out can only be 0


class Normal(Struct, frozen=True):
    """The form in which values of an account are compared.

    Nothing, `null`, `""`, `[]` and `{}` are one. So are `false` and `0`, unless some answer of the account
    shows an explicit one (`explicit_empties`): whether the API leaves them out is not documented.
    """

    kind: Kind
    explicit_empties: bool

    @classmethod
    def of(cls, kind: Kind, bodies: Iterable[Body]) -> Normal:
        """Return the form that the answers seen so far call for."""
        return cls(kind, any(_shows_empties(kind, body) for body in bodies))

    @property
    def lenient(self) -> Normal:
        """The same, with `false` and `0` equal to nothing: how a value is compared with a default."""
        return Normal(self.kind, explicit_empties=False)

    def value(self, field: Field, value: Json | Absent) -> Json:
        """Return the compared form of one field's value."""
        if isinstance(value, Absent):
            return None
        if not value:
            return value if self.explicit_empties and _is_zero(value) else None
        if field.rows is not None:
            return _normal_rows(field.rows, value)
        return field.normal(value)

    def leaves(self, body: Body) -> dict[str, Json]:
        """Return every field of the kind: path → compared form."""
        return {f.path: self.value(f, value_at(body, f.member)) for f in self.kind.fields}


def lenient(value: Json) -> Json:
    """Return a compared value with false and 0 equal to nothing."""
    return None if _is_zero(value) else value


def says_something(value: Json | Absent) -> bool:
    """Tell whether a value has a compared form where `false` and `0` count."""
    return bool(value) or _is_zero(value)


def _is_zero(value: Json | Absent) -> bool:
    return isinstance(value, int | float) and not value


def _shows_empties(kind: Kind, body: Body) -> bool:
    return any(
        _is_zero(value)
        for field in kind.fields
        if not isinstance(value := value_at(body, field.member), Absent)
    )


def _normal_rows(rows: Rows, value: Json) -> Json:
    if not isinstance(value, list):
        return value
    known = [_normal_row(rows, row) if isinstance(row, dict) else row for row in value]
    return sorted(known, key=lambda row: _row_order(rows, row))


def _normal_row(rows: Rows, row: Mapping[str, Json]) -> dict[str, Json]:
    return {**{m: row.get(m) or None for m in rows.names}, rows.identity: _identity(rows, row)}


def _row_order(rows: Rows, row: Json) -> tuple[bool, int, str]:
    identity = row.get(rows.identity) if isinstance(row, dict) else None
    number = identity if isinstance(identity, int) else None
    return (number is None, number or 0, str(row))


def read_back(field: Field, value: Json) -> Json:
    """Return a value that is `written` as it was before: rows in the API's names."""
    if field.rows is None or not isinstance(value, list):
        return value
    members = {name: member for member, name in field.rows.names.items()}
    return [{members.get(n, n): v for n, v in row.items()} if isinstance(row, dict) else row for row in value]


def written(field: Field, value: Json) -> Json:
    """Return a value as the files write it: rows in the files' own names."""
    if field.rows is None or not isinstance(value, list):
        return value
    names: Mapping[str, str] = field.rows.names
    return [{names.get(m, m): v for m, v in row.items()} if isinstance(row, dict) else row for row in value]


def differing(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the keys whose values differ, in the order of `after`, then of `before`.

    Values are compared as they are: bring them into their normal form first. A missing key is `None`.
    """
    if before == after:  # nearly always so, and a thousand times cheaper than importing deepdiff
        return ()
    from deepdiff import DeepDiff

    keys = dict.fromkeys([*after, *before])
    delta = DeepDiff(
        {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}, view="tree"
    )
    touched = {item.path(output_format="list")[0] for items in delta.values() for item in items}
    return tuple(key for key in keys if key in touched)


def differing_rows(rows: Rows, before: Json, after: Json) -> tuple[tuple[str, Json, Json], ...]:
    """Return the rows that differ as `(identity, before, after)`; a row that is not there is `None`."""
    old, new = _by_identity(rows, before), _by_identity(rows, after)
    return tuple((key, old.get(key), new.get(key)) for key in differing(old, new))


def _by_identity(rows: Rows, value: Json) -> dict[str, Json]:
    listed = value if isinstance(value, list) else []
    return {str(row.get(rows.identity)): row for row in listed if isinstance(row, dict)}
