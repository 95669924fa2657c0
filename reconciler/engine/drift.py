"""What the journal's writes tell of what is live: who brought about a difference, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import Absent, Normal, lenient, value_at
from reconciler.engine.change import Action, Change, Plan, Unchanged
from reconciler.engine.classify import Account, Drift, FieldClass, FieldView
from reconciler.engine.declared import Declared, Given, Origin
from reconciler.engine.kind import Body, Field, Json, Kind
from reconciler.problems import Place


class LastWrite(Struct, frozen=True):
    """The last write of a resource that may have been carried out, as a journal remembers it."""

    run: int
    id: int | None
    """The id that the resource has after it."""
    before: Body | None
    """The whole body that it overwrote; `None` for a create."""
    sent: Body
    after: Body | None
    """The whole body as it was read back; `None` where it was not."""
    is_sure: bool
    """Whether it was carried out; otherwise nobody knows."""
    restored: bool = False
    """Whether it was a part of the way back from a run, and not of what the files declared."""


LastWrites = Mapping[str, LastWrite]
"""By the key of today."""
_LEFT_OUT = (FieldClass.RESET, FieldClass.REFUSED)


def attribute_drift(plan: Plan, last: LastWrites) -> Plan:
    """Return the plan with the drift of every field that differs, or that is no longer declared.

    Only updates have one, and what is unchanged; the plan does exactly what it did.
    """
    account = plan.account
    return replace(
        plan,
        changes=tuple(_change(account, change, last) for change in plan.changes),
        blocked=tuple(
            replace(one, change=_change(account, one.change, last)) if one.change else one
            for one in plan.blocked
        ),
        unchanged=tuple(_unchanged(account, one, last) for one in plan.unchanged),
    )


def _change(account: Account, change: Change, last: LastWrites) -> Change:
    if change.action is not Action.UPDATE:
        return change
    return replace(change, fields=_views(account, change, change.fields, last))


def _unchanged(account: Account, one: Unchanged, last: LastWrites) -> Unchanged:
    # Nothing of it differs: only a write that is remembered can tell what once was declared.
    return replace(one, views=_views(account, one, one.views, last)) if one.key in last else one


def _views(
    account: Account, entry: Change | Unchanged, views: tuple[FieldView, ...], last: LastWrites
) -> tuple[FieldView, ...]:
    found = last.get(entry.key)
    # A write of a resource that the key no longer means says nothing of this one.
    since = _Since(account, found) if found and found.id == entry.id else None
    return tuple(_told(view, _drift(view, since)) for view in views)


def _told(view: FieldView, drift: Drift | None) -> FieldView:
    return view if view.drift is drift else replace(view, drift=drift)


def _drift(view: FieldView, since: _Since | None) -> Drift | None:
    if view.cls is FieldClass.KEPT and view.accepted is None:
        return Drift.UNDECLARED if since and since.was_declared(view) else None
    if view.differs or view.cls is FieldClass.REFUSED:
        return since.difference(view) if since else Drift.UNKNOWN
    return None


class _Since(Struct, frozen=True, dict=True):
    """What happened to one resource since its last write."""

    account: Account
    last: LastWrite

    def difference(self, view: FieldView) -> Drift:
        live = self._changed_live(view)
        if live is None:
            return Drift.UNKNOWN
        if self.last.restored:
            return Drift.LIVE if live else Drift.RESTORED
        if self._changed_in_git(view):
            return Drift.BOTH if live else Drift.GIT
        if live:
            return Drift.LIVE
        return Drift.IN_DOUBT if self._may_be_undone(view) else Drift.LEFT

    def was_declared(self, view: FieldView) -> bool:
        """Tell whether the last write surely set the field: it brought a value that was not there."""
        field = self._field(view)
        sent = _sent(self.last.sent, field)
        if self.last.restored or not self.last.is_sure or isinstance(sent, Absent):
            return False
        if view.after is None or view.path == self.account.kind.visible_field:
            return False
        before = value_at(self.last.before or {}, field.member)
        plain = self.account.normal.lenient
        return self.last.before is None or plain.value(field, before) != plain.value(field, sent)

    def _changed_live(self, view: FieldView) -> bool | None:
        """Tell whether the live value is none that the last write explains; `None` where that is unknown."""
        if any(self._shows(body, view) for body in self._explained):
            return False
        sent = _sent(self.last.sent, self._field(view))
        if self.last.after is not None and self.last.is_sure:
            return True
        if isinstance(sent, Absent):
            return None  # nobody saw what the server put there
        return self._compared(view, sent) != view.before

    @property
    def _explained(self) -> tuple[Body, ...]:
        """Every body that may be live without anybody's doing."""
        bodies = (self.last.after, None if self.last.is_sure else self.last.before)
        return tuple(body for body in bodies if body is not None)

    def _shows(self, body: Body, view: FieldView) -> bool:
        normal = self._forms[id(body)] if view.cls not in _LEFT_OUT else self.account.normal.lenient
        field = self._field(view)
        live = view.before if normal.explicit_empties else lenient(view.before)
        return normal.value(field, value_at(body, field.member)) == live

    @cached_property
    def _forms(self) -> Mapping[int, Normal]:
        """How each body compares with what is live: an explicit false counts only where both show theirs."""
        kind, strict = self.account.kind, self.account.normal.explicit_empties
        return {
            id(body): Normal(kind, strict and Normal.of(kind, [body]).explicit_empties)
            for body in self._explained
        }

    def _changed_in_git(self, view: FieldView) -> bool:
        sent = _sent(self.last.sent, self._field(view))
        if view.cls in _LEFT_OUT:
            return not isinstance(sent, Absent)
        if not isinstance(sent, Absent):
            return self._compared(view, sent) != view.after
        left_behind = value_at(self.last.after or {}, self._field(view).member)
        return self._compared(view, left_behind) != view.after

    def _may_be_undone(self, view: FieldView) -> bool:
        before = self.last.before
        return not self.last.is_sure and before is not None and self._shows(before, view)

    def _compared(self, view: FieldView, value: Json | Absent) -> Json:
        normal = self.account.normal
        return (normal.lenient if view.cls in _LEFT_OUT else normal).value(self._field(view), value)

    def _field(self, view: FieldView) -> Field:
        return self.account.kind.by_path[view.path]


def _sent(body: Body, field: Field) -> Json | Absent:
    """Return what a body says of a field; a group that it holds as null says null of all below."""
    if field.group and value_at(body, field.group) is None:
        return None
    return value_at(body, field.member)


class Overwritten(Struct, frozen=True):
    """What a run did to one resource. `before` is the whole body that was there, `sent` what replaced it.

    `id` is known for whatever was there, or was created: by its name alone nothing may be deleted.
    """

    key: str
    action: Action
    id: int | None
    before: Body | None
    sent: Body | None


def rollback(kind: Kind, run: str, writes: Iterable[Overwritten]) -> tuple[Declared, ...]:
    """Return what has to be declared so that everything is again as it was before the writes.

    What was created is absent, what was deleted is there again under a new id, and an updated resource has
    every field that it had. Members that the model does not know are carried from what is live, as always.
    `run` is how the plan calls the origin of these values.
    """
    origin = Origin(run, Place(run, 1, 1))
    return tuple(_back(kind, origin, write) for write in writes)


def _back(kind: Kind, origin: Origin, write: Overwritten) -> Declared:
    if write.before is None:
        given = _given(origin, write.sent or {}, (kind.by_path[kind.name_field],))
        return Declared(write.key, origin.place, write.id, absent=True, given=given)
    fields = [field for field in kind.fields if field.path != kind.visible_field]
    id = None if write.action is Action.DELETE else write.id
    return Declared(write.key, origin.place, id, given=_given(origin, write.before, fields))


def _given(origin: Origin, body: Body, fields: Iterable[Field]) -> Mapping[str, Given]:
    return {f.path: Given(_stated(f, value_at(body, f.member)), origin) for f in fields}


def _stated(field: Field, value: Json | Absent) -> Json:
    """Return a value that says what the body showed: one that it left out was empty."""
    if isinstance(value, Absent) or value is None:
        return None if field.nullable else False
    return value
