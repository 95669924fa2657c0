"""What the journal's writes tell of what is live: who brought about a difference, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from reconciler.engine.body import Absent, compared, lenient, shows_zero, value_at
from reconciler.engine.change import Action, Change, Plan, Unchanged
from reconciler.engine.classify import (
    ASSUMED_EMPTY,
    AccountProfile,
    Defaults,
    Drift,
    FieldClass,
    FieldView,
    LastWrite,
)
from reconciler.engine.kind import Body, Declared, Field, Given, Json, Kind, Origin, Policy, Ruling
from reconciler.problems import Place

Entry = TypeVar("Entry", Change, Unchanged)

_LEFT_OUT = (FieldClass.RESET, FieldClass.REFUSED)


def attribute_drift(plan: Plan, last: Mapping[str, LastWrite]) -> Plan:
    """Return the plan with the drift of every field that differs, or that is no longer declared.

    `last` is by the key of today. Only updates have a drift, and what is unchanged; nothing else is touched.
    Of a way back, which no file asks for, it is only said what was changed live since the last write.
    """
    is_way_back = plan.scope.restores is not None

    def attributed(entry: Entry) -> Entry:
        write = last.get(entry.key)
        if write and write.id != entry.id:
            write = None  # a write of a resource that the key no longer means says nothing of this one
        if is_way_back:
            if write is None or isinstance(entry, Unchanged):
                return entry
            changed = {
                view.path
                for view in entry.fields
                if view.differs and _changed_live(plan.account, write, view)[0]
            }
            views = (
                replace(view, drift=Drift.LIVE) if view.path in changed else view for view in entry.fields
            )
            return replace(entry, fields=tuple(views))
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


def _changed_live(account: AccountProfile, last: LastWrite, view: FieldView) -> tuple[bool | None, bool]:
    """Return whether the live value is not as the last write left it, and whether that was not carried out.

    `None` is for what the server put there, and what was not read.
    """
    field, sent = account.kind.by_path[view.path], _sent(last.sent, account.kind.by_path[view.path])
    strict = account.explicit_empties and view.cls not in _LEFT_OUT

    def is_live(body: Body | None) -> bool:
        """Tell whether a body shows what is live; false counts only where both show theirs."""
        if body is None:
            return False
        both = strict and shows_zero(account.kind, [body])
        live = view.before if both else lenient(view.before)
        return compared(field, value_at(body, field.member), strict=both) == live

    was_undone = not last.is_sure and is_live(last.before)
    if is_live(last.after) or was_undone:
        return False, was_undone
    if last.after is not None and last.is_sure:
        return True, False
    if isinstance(sent, Absent):
        return None, False
    return compared(field, sent, strict=strict) != view.before, False


def _difference(account: AccountProfile, last: LastWrite, view: FieldView) -> Drift:
    """Compare what the last write sent and left behind, what is live, and what is wanted now."""
    field, left_out = account.kind.by_path[view.path], view.cls in _LEFT_OUT
    strict = account.explicit_empties and not left_out
    sent = _sent(last.sent, field)
    changed_live, was_undone = _changed_live(account, last, view)
    if changed_live is None:
        return Drift.UNKNOWN
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
    kind: Kind,
    run: str,
    key: str,
    defaults: Defaults,
    *,
    id: int | None,
    before: Body | None,
    sent: Body | None,
) -> Declared:
    """Return what has to be declared so that a resource is again as it was before a write.

    `before` is the whole body that was there (`None`: it was created, and becomes absent), `sent` what
    replaced it, and `id` what the resource has now (`None`: it was deleted, and gets a new one). `run` is how
    the plan calls the origin of these values. What was empty is reset, which nobody has consented to yet; it
    is given as empty where its default is known to be something else.
    """
    origin = Origin(run, Place("", 1, 1))  # of a run, and of no file
    given: dict[str, Given] = {}
    rulings: dict[str, Ruling] = {}

    def found(body: Body | None, field: Field) -> Json:
        value = value_at(body or {}, field.member)
        return None if isinstance(value, Absent) or value in ("", [], {}) else value

    if before is None:
        given[kind.name_field] = Given(found(sent, kind.by_path[kind.name_field]), origin)
        return Declared(key, origin.place, id, absent=True, given=given)
    for field in kind.fields:
        value, path = found(before, field), field.path
        if path == kind.visible_field:
            continue
        if value is not None:
            given[path] = Given(value, origin)
        elif compared(field, defaults.get(path, ASSUMED_EMPTY).value) is not None:
            given[path] = Given(None if field.nullable else False, origin)
        elif not field.fills_itself or found(sent, field) is not None:  # what the run did not send stays
            rulings[path] = Ruling(Policy.RESET, origin, own=False)
    return Declared(key, origin.place, id, given=given, rulings=rulings)
