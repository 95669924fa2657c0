"""One resource on one target, field by field: declared and where, live, desired, and its class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.engine.body import unknown_members
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.declared import Declared, Given, Origin
from reconciler.engine.defaults import DefaultSource
from reconciler.engine.plan import Blocked, Change, Plan, Unchanged
from reconciler.expoints.planning import SeedsPlan
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.drift import drift_text, noted
from reconciler.render.json import plan_document
from reconciler.render.paint import PLAIN, Paint, Style
from reconciler.render.values import harmless, shown, shown_field

_HEADINGS = ("field", "class", "live", "desired", "declared")
_LONGEST = 34


def show_text(plan: Plan, declared: Declared, *, paint: Paint = PLAIN) -> str:
    """Return a table of the resource's fields, and what the plan would do to it."""
    views = _views(plan)
    title = f"{paint.strong(declared.key)}  on {plan.scope.target}, {_verdict(plan)}  ({declared.place})"
    if not views:
        return title
    rows = [_HEADINGS, *(_cells(plan, declared, view) for view in views)]
    return "\n".join(
        [title, "", *_table(rows, [_plain, *(_style(view, paint) for view in views)]), *_carried(plan)]
    )


def show_document(plan: Plan, declared: Declared) -> dict[str, Any]:
    """Return the same as a document: the plan of this one resource, with every field's view."""
    fields = [_field(view) for view in _views(plan)]
    return {
        "format_version": FORMAT_VERSION,
        "key": declared.key,
        "fields": fields,
        "plan": plan_document(plan, SeedsPlan()),
    }


def _field(view: FieldView) -> dict[str, Any]:
    return {
        "path": view.path,
        "class": view.cls.value,
        "live": view.before,
        "desired": view.after,
        "differs": view.differs,
        "drift": view.drift.value if view.drift else None,
        "accepted_until": view.accepted.until.isoformat() if view.accepted else None,
    }


def _entry(plan: Plan) -> Change | Blocked | Unchanged | None:
    entries: tuple[Change | Blocked | Unchanged, ...] = (*plan.changes, *plan.blocked, *plan.unchanged)
    return entries[0] if entries else None


def _views(plan: Plan) -> Sequence[FieldView]:
    match _entry(plan):
        case Change() as change:
            return change.fields
        case Blocked(change=Change() as change):
            return change.fields
        case Unchanged(views=views):
            return views
    return ()


def _verdict(plan: Plan) -> str:
    match _entry(plan):
        case Change(action=action, id=id):
            return action.value + (f" id {id}" if id is not None else "")
        case Blocked(blocks=blocks) as blocked:
            return f"{blocked.why}: " + harmless("; ".join(block.message for block in blocks))
        case Unchanged(id=id, hidden=hidden):
            return "hidden, left alone" if hidden else f"unchanged id {id}" if id is not None else "absent"
    return "nothing"


def _cells(plan: Plan, declared: Declared, view: FieldView) -> tuple[str, ...]:
    field = plan.account.kind.by_path[view.path]
    given = declared.given.get(view.path)
    after = shown_field(field, view.after, longest=_LONGEST)
    return (
        view.path,
        noted(view.cls.value, drift_text(view.drift)),
        shown_field(field, view.before, longest=_LONGEST),
        f"{after} ({_source(view)} default)" if view.cls is FieldClass.RESET else after,
        _declared(given, view),
    )


def _source(view: FieldView) -> str:
    return (view.default.source if view.default else DefaultSource.ASSUMED).words


def _declared(given: Given | None, view: FieldView) -> str:
    if view.accepted is None:
        return _said(given.origin if given else view.origin, view) or "-"
    accepted = f"accepted until {view.accepted.until}, {view.accepted.origin.place}"
    return noted(_said(given.origin if given else None, view), accepted)


def _said(origin: Origin | None, view: FieldView) -> str:
    named = f"{harmless(str(view.named))}, " if view.named else ""
    return f"{named}{origin.level}, {origin.place}" if origin else ""


def _plain(text: str) -> str:
    return text


def _style(view: FieldView, paint: Paint) -> Style:
    if view.cls is FieldClass.REFUSED:
        return paint.blocked
    if not view.differs:
        return paint.faint if view.cls is FieldClass.RESET else _plain
    return paint.reset if view.cls is FieldClass.RESET else paint.update


def _table(rows: Sequence[tuple[str, ...]], styles: Sequence[Style]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, style in zip(rows, styles, strict=True):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield style(line.rstrip())


def _carried(plan: Plan) -> Iterator[str]:
    entry = _entry(plan)
    change = entry.change if isinstance(entry, Blocked) else entry
    if not isinstance(change, Change) or change.live is None:
        return
    for member, value in unknown_members(plan.account.kind, change.live.body):
        yield f"carried into the body as it is: {harmless('.'.join(member))} = {shown(value)}"
