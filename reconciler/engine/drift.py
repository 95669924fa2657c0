"""What the journal's writes tell of what is live: who brought about a difference, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from reconciler.engine.body import Absent, compared, lenient, shows_zero, value_at
from reconciler.engine.change import Action, Change, Plan, Unchanged
from reconciler.engine.classify import AccountProfile, Drift, FieldClass, FieldView, LastWrite
from reconciler.engine.kind import Body, Declared, Field, Given, Json, Kind, Origin
from reconciler.problems import Place

Entry = TypeVar("Entry", Change, Unchanged)

_LEFT_OUT = (FieldClass.RESET, FieldClass.REFUSED)


def attribute_drift(plan: Plan, last: Mapping[str, LastWrite]) -> Plan:
    """Return the plan with the drift of every field that differs, or that is no longer declared.

    `last` is by the key of today. Only updates have a drift, and what is unchanged; nothing else is touched.
    """

    def attributed(entry: Entry) -> Entry:
        write = last.get(entry.key)
        if write and write.id != entry.id:
            write = None  # a write of a resource that the key no longer means says nothing of this one
        if isinstance(entry, Change):
            if entry.action is not Action.UPDATE:
                return entry
        elif write is None:
            return entry  # nothing differs: only a write that is remembered can tell what was declared
        fields = []
        for view in entry.fields:
            drift = None
            if view.cls is FieldClass.KEPT and view.accepted is None:
                if write and _was_declared(plan.account, write, view):
                    drift = Drift.UNDECLARED
            elif view.differs or view.cls is FieldClass.REFUSED:
                drift = _difference(plan.account, write, view) if write else Drift.UNKNOWN
            fields.append(view if view.drift is drift else replace(view, drift=drift))
        return replace(entry, fields=tuple(fields))

    return replace(
        plan,
        changes=tuple(map(attributed, plan.changes)),
        blocked=tuple(
            replace(one, change=attributed(one.change)) if one.change else one for one in plan.blocked
        ),
        unchanged=tuple(map(attributed, plan.unchanged)),
    )


def _was_declared(account: AccountProfile, last: LastWrite, view: FieldView) -> bool:
    """Tell whether the last write surely set the field: it brought a value that was not there."""
    field = account.kind.by_path[view.path]
    sent = _sent(last.sent, field)
    if last.restored or not last.is_sure or isinstance(sent, Absent):
        return False
    if view.after is None or view.path == account.kind.visible_field:
        return False
    before = value_at(last.before or {}, field.member)
    return last.before is None or compared(field, before) != compared(field, sent)


def _difference(account: AccountProfile, last: LastWrite, view: FieldView) -> Drift:
    """Compare what the last write sent and left behind, what is live, and what is wanted now."""
    field, left_out = account.kind.by_path[view.path], view.cls in _LEFT_OUT
    strict = account.explicit_empties and not left_out
    sent = _sent(last.sent, field)

    def is_live(body: Body | None) -> bool:
        """Tell whether a body shows what is live; false counts only where both show theirs."""
        if body is None:
            return False
        both = strict and shows_zero(account.kind, [body])
        live = view.before if both else lenient(view.before)
        return compared(field, value_at(body, field.member), strict=both) == live

    was_undone = not last.is_sure and is_live(last.before)
    if is_live(last.after) or was_undone:
        changed_live = False
    elif last.after is not None and last.is_sure:
        changed_live = True
    elif isinstance(sent, Absent):
        return Drift.UNKNOWN  # what the server put there was not read
    else:
        changed_live = compared(field, sent, strict=strict) != view.before
    if last.restored:
        return Drift.LIVE if changed_live else Drift.RESTORED
    if left_out:
        changed_in_git = not isinstance(sent, Absent)
    else:
        left = value_at(last.after or {}, field.member) if isinstance(sent, Absent) else sent
        changed_in_git = compared(field, left, strict=strict) != view.after
    if changed_in_git:
        return Drift.BOTH if changed_live else Drift.GIT
    if changed_live:
        return Drift.LIVE
    return Drift.IN_DOUBT if was_undone else Drift.LEFT


def _sent(body: Body, field: Field) -> Json | Absent:
    """Return what a body says of a field; a group that it holds as null says null of all below."""
    if field.group and value_at(body, field.group) is None:
        return None
    return value_at(body, field.member)


def rollback(
    kind: Kind, run: str, key: str, *, id: int | None, before: Body | None, sent: Body | None
) -> Declared:
    """Return what has to be declared so that a resource is again as it was before a write.

    `before` is the whole body that was there (`None`: it was created, and becomes absent), `sent` what
    replaced it, and `id` what the resource has now (`None`: it was deleted, and gets a new one). `run` is how
    the plan calls the origin of these values.
    """
    origin = Origin(run, Place(run, 1, 1))
    fields = [field for field in kind.fields if field.path != kind.visible_field]
    if before is None:
        fields = [kind.by_path[kind.name_field]]
    given: dict[str, Given] = {}
    for field in fields:
        value = value_at((sent or {}) if before is None else before, field.member)
        if isinstance(value, Absent) or value is None:  # what a body left out was empty
            value = None if field.nullable else False
        given[field.path] = Given(value, origin)
    return Declared(key, origin.place, id, absent=before is None, given=given)
