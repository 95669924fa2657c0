"""Every writable field of a resource in exactly one class, and the body that follows from it.

| class | when | in the body of the PUT |
|---|---|---|
| set | declared, also as `null`; and the visibility flag of a create | the declared value |
| kept | undeclared under `keep`, and whatever must not be left out: the visibility flag | the live value |
| reset | undeclared under `reset` | left out: the server resets it to its default |
| refused | undeclared under `refuse`, and the live value is not the default | the change is blocked |
| carried | a live member that the kind does not know | the live value |
| reset, too | such a member in a group declared as `null`, and one that only the server writes | left out |

An accepted drift is kept for a while, whatever is declared of it. What is kept is left out of a create.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import (
    Absent,
    carry_rows,
    compared,
    put,
    unknown_members,
    value_at,
    without_server_members,
)
from reconciler.engine.kind import (
    Accepted,
    Body,
    Declared,
    Field,
    Json,
    Kind,
    Member,
    Origin,
    Policy,
    Reference,
)


class DefaultSource(StrEnum):
    """How a default is known."""

    STATED = "stated"  # in the files, and a read-back of this account has shown it
    UNPROVED = "stated_not_proved"  # in the files alone: no read-back of this account has shown it
    LEARNED = "learned"
    ASSUMED = "assumed"

    @property
    def words(self) -> str:
        """The same for people."""
        return "stated, not proved" if self is DefaultSource.UNPROVED else self.value


class Default(Struct, frozen=True):
    """The value that the server gives to a field that a PUT leaves out, and how that is known."""

    value: Json
    source: DefaultSource


ASSUMED_EMPTY = Default(None, DefaultSource.ASSUMED)

Defaults = Mapping[str, Default]  # path → default; a path that is missing is assumed to be empty


def known_defaults(kind: Kind, stated: Mapping[str, Json], learned: Mapping[str, Json]) -> Defaults:
    """Return every default that is known of an account; what was seen counts more than what is said.

    `stated` is what the files say, in the form of bodies; `learned`, in compared form, what the journal has
    seen resets leave behind.
    """
    known = {path: Default(value, DefaultSource.LEARNED) for path, value in learned.items()}
    for path, value in stated.items():
        if path not in learned:
            known[path] = Default(value, DefaultSource.UNPROVED)
        elif compared(kind.by_path[path], value) == learned[path]:
            known[path] = Default(value, DefaultSource.STATED)
    return known


class Drift(StrEnum):
    """What became of a field since the last write. None of it changes what is done about it."""

    GIT = "git"  # the files want something else; the account is as that write left it
    LIVE = "live"  # it was changed on the account; the files want what they wanted
    BOTH = "both"
    LEFT = "left"  # neither changed: the server has made something else of what was sent
    IN_DOUBT = "in_doubt"  # unchanged since before the last write, whose outcome is unknown
    RESTORED = "restored"  # that write was the way back from a run, and it still is as that left it
    UNDECLARED = "undeclared"  # that write set it; now it is no longer declared, and its live value is kept
    UNKNOWN = "unknown"  # no earlier write is known, so that nothing can be said


class FieldClass(StrEnum):
    """What a PUT does to a field, and why. `REMOVED` is for deletions, where no PUT is sent."""

    SET = "set"
    KEPT = "kept"
    RESET = "reset"
    REFUSED = "refused"
    CARRIED = "carried"
    REMOVED = "removed"


class FieldView(Struct, frozen=True):
    """One field of one change: its class, the live value and the one to come, both in compared form."""

    path: str
    cls: FieldClass
    before: Json
    after: Json
    differs: bool  # whether the change does anything to it
    consented: bool = True  # false for a reset that no review of the files named
    default: Default | None = None  # what a reset is expected to leave behind
    origin: Origin | None = None
    named: Reference | None = None
    accepted: Accepted | None = None  # why a difference is left alone for a while: the field is kept then
    wanted: Json = None  # what it would become without that
    drift: Drift | None = None  # who brought about the difference, where that was asked and is known
    unknown: bool = False  # whether the kind does not know it: its value may be anything, and is in no digest

    @property
    def is_at_default(self) -> bool:
        """Whether it is left out of a PUT, and its live value equals its default as far as that is known."""
        return self.cls is FieldClass.RESET and self.before is not None and self.before == self.after

    @property
    def is_claimed(self) -> bool:
        """Whether its default, which its live value equals, is stated and not proved."""
        unproved = self.default is not None and self.default.source is DefaultSource.UNPROVED
        return unproved and self.before is not None and self.before == self.after


class LastWrite(Struct, frozen=True):
    """The last write of a resource that may have been carried out, as a journal remembers it."""

    run: int
    id: int | None  # that the resource has after it, where that is known
    before: Body | None  # the whole body that it overwrote; `None` for a create
    sent: Body
    after: Body | None  # the whole body as it was read back; `None` where it was not
    is_sure: bool  # whether it was carried out; otherwise its outcome is unknown
    restored: bool = False  # whether it was a part of the way back from a run
    adopted: bool = False  # whether nothing was sent: what was live was found to be as declared
    operation: int = 0  # its number in the journal
    at: float = 0.0  # when it was about to be sent, in seconds since 1970 UTC
    name: str = ""  # that was sent; the files may say another one by now

    @property
    def is_create_in_doubt(self) -> bool:
        """Whether it may have created the resource, or not."""
        return self.before is None and not self.is_sure


class AccountProfile(Struct, frozen=True):
    """What a plan knows of an account: how values compare there, and what a reset leaves behind."""

    kind: Kind
    explicit_empties: bool = False
    """Whether an answer of it has shown an explicit `false` or `0`, so that these are not nothing."""
    defaults: Defaults = field(default_factory=dict)
    last_writes: Mapping[str, LastWrite] = field(default_factory=dict)
    """How each key of today was last written, as far as a journal knows."""

    def value(self, field: Field, body: Body | None) -> Json:
        """Return what a body shows of a field, in compared form; nothing where there is no body."""
        return compared(field, value_at(body or {}, field.member), strict=self.explicit_empties)


def classify(
    account: AccountProfile, declared: Declared, live: Body | None, *, listed: bool = True
) -> tuple[FieldView, ...]:
    """Return the view of every field of the kind, in the order of its table; `live` is `None` for a create.

    `listed` says that the API lists it, which proves that it is visible even where its flag is left out of
    the answer. A field at a default that is only stated counts as a reset once anything else calls for a PUT.
    """
    views = []
    for one in account.kind.fields:
        view = _view(account, declared, one, live, listed=listed)
        accepted = declared.accepted.get(one.path)
        if accepted and live is not None:
            kept = _kept(account, one, live, accepted.origin, listed=listed)
            wanted = kept.before if view.cls is FieldClass.REFUSED else view.after
            view = replace(kept, accepted=accepted, wanted=wanted)
        views.append(view)
    kind, body = account.kind, live or {}
    nulls = {
        v.path
        for v in views
        if v.cls is FieldClass.SET and (g := declared.given.get(v.path)) and g.value is None
    }
    cleared = {f.group for f in kind.fields} - {f.group for f in kind.fields if f.path not in nulls} - {()}
    gone = {member: value for member, value in unknown_members(kind, body) if member[:-1] in cleared}
    views += _left_out(account, declared, body, gone)
    if not any(view.differs for view in views):
        return tuple(views)
    # Only now is it known that a PUT is sent at all. It resets what is left out, so a default that the files
    # claim and nothing has proved no longer goes for "unchanged": the PUT may make something else of it.
    for number, (one, view) in enumerate(zip(account.kind.fields, views, strict=False)):
        if view.is_claimed:
            is_refused = declared.policy(one) is Policy.REFUSE
            views[number] = (
                replace(view, cls=FieldClass.REFUSED) if is_refused else replace(view, differs=True)
            )
    server = kind.server_members - {(kind.id_member,)}
    never_sent = {member: _unknown_at(kind, body, member) for member in sorted(server)}
    return (*views, *_left_out(account, declared, body, never_sent))


def carried(kind: Kind, views: Sequence[FieldView], live: Body | None) -> list[tuple[Member, Json]]:
    """Return the live members that the kind does not know and that a PUT sends back as they are."""
    left_out = {view.path for view in views if view.unknown}
    return [
        (member, v) for member, v in unknown_members(kind, live or {}) if ".".join(member) not in left_out
    ]


def _unknown_at(kind: Kind, body: Body, member: Member) -> Json:
    """Return what a body shows of a member that the kind does not know; of one in rows, all of them."""
    above = value_at(body, member[:-1])
    if isinstance(above, list):
        return [row[member[-1]] for row in above if isinstance(row, dict) and row.get(member[-1])] or None
    value = value_at(body, member) if member[:-1] in {field.group for field in kind.fields} else None
    return None if isinstance(value, Absent) else value


def _left_out(
    account: AccountProfile, declared: Declared, live: Body, members: Mapping[Member, Json]
) -> Iterator[FieldView]:
    """Yield the view of each unknown member that a PUT leaves out, where that may lose its live value.

    It loses nothing where the last write left it out as well, and left this very value behind. An adoption
    has left nothing out: it sent nothing.
    """
    kind, last = account.kind, account.last_writes.get(declared.key)
    for member, value in members.items():
        path, sent, after = ".".join(member), value, None
        was_sent = last and last.is_sure and not last.adopted
        if last and was_sent and last.after and last.id == live.get(kind.id_member):
            sent, after = (_unknown_at(kind, body, member) for body in (last.sent, last.after))
        if path not in kind.by_path:
            loses = bool(value) and not (sent is None and after == value)
            view = FieldView(path, FieldClass.RESET, value, None, loses, consented=False, unknown=True)
            yield replace(view, default=ASSUMED_EMPTY)


def removals(account: AccountProfile, live: Body) -> tuple[FieldView, ...]:
    """Return the view of every field that a deletion takes away."""
    return tuple(
        FieldView(field.path, FieldClass.REMOVED, value, None, differs=True)
        for field in account.kind.fields
        if (value := account.value(field, live)) is not None
    )


def _view(
    account: AccountProfile, declared: Declared, field: Field, live: Body | None, *, listed: bool
) -> FieldView:
    """Return the view of one field by the table above: the first row that fits decides."""
    path, given, ruling = field.path, declared.given.get(field.path), declared.rulings.get(field.path)
    origin = ruling.origin if ruling else None
    if given:
        if isinstance(given.value, Reference):
            raise TypeError(f"{given.value} was not resolved before planning")
        before = account.value(field, live)
        after = compared(field, given.value, strict=account.explicit_empties)
        return FieldView(
            path, FieldClass.SET, before, after, before != after, origin=given.origin, named=given.named
        )
    if path == account.kind.visible_field:
        if live is None:
            return FieldView(path, FieldClass.SET, None, True, differs=True)
        return _kept(account, field, live, None, listed=listed)
    policy = declared.policy(field)
    if policy is Policy.KEEP:
        return _kept(account, field, live, origin, listed=listed)
    # It is left out. A default of false or 0 is nothing to be reset to, whatever the API shows of either.
    default = account.defaults.get(path, ASSUMED_EMPTY)
    before, after = compared(field, value_at(live or {}, field.member)), compared(field, default.value)
    if field.group and not value_at(live or {}, field.group):
        # The defaults of a group come with it: what is in no body, neither live nor sent, is not reset.
        beside = [one.path for one in account.kind.fields if one.group == field.group]
        others = [declared.given.get(one) for one in beside if one not in declared.accepted]
        if all(one is None or one.value is None for one in others):
            after = None
    cls, differs = FieldClass.RESET, live is not None and before != after
    if policy is Policy.REFUSE and differs:
        cls, after, differs = FieldClass.REFUSED, before, False
    own = bool(ruling and ruling.own)
    return FieldView(path, cls, before, after, differs, consented=own, default=default, origin=origin)


def _kept(
    account: AccountProfile, field: Field, live: Body | None, origin: Origin | None, *, listed: bool
) -> FieldView:
    before = after = account.value(field, live)
    if field.path == account.kind.visible_field and before is None and listed:
        after = True  # an API that leaves `false` out may show neither; what it lists is visible
    return FieldView(field.path, FieldClass.KEPT, before, after, differs=False, origin=origin)


def desired(
    kind: Kind, declared: Declared, views: tuple[FieldView, ...], live: Body | None
) -> dict[str, Json]:
    """Return the complete body that makes `views` true: set, kept and carried values; resets are left out.

    A kept value is taken from `live` as it is, or sent as empty where the API left it out: without it the PUT
    would reset it. A group that holds nothing but nulls is `null` itself.
    """
    body: dict[str, Json] = {}
    for view in views:
        field, given = kind.by_path[view.path], declared.given.get(view.path)
        shown = value_at(live or {}, field.member)
        value: Json
        if view.cls is FieldClass.SET:
            value = view.after  # only the visibility flag of a create is set and not declared
            if given and not isinstance(given.value, Reference):
                value = carry_rows(field, given.value, shown)
        elif view.cls is FieldClass.KEPT and live is not None:
            value = view.after if field.nullable or view.after else False
            if not isinstance(shown, Absent) and shown is not None:
                value = shown
        else:
            continue
        put(body, field.member, without_server_members(kind, field, value))
    for member, value in carried(kind, views, live):
        put(body, member, value)
    groups = Counter(field.group[0] for field in kind.fields if field.group)
    for group, size in groups.items():
        members = body.get(group)
        hollow = isinstance(members, dict) and all(value is None for value in members.values())
        if isinstance(members, dict) and hollow and (len(members) == size or not (live or {}).get(group)):
            body[group] = None
    return body
