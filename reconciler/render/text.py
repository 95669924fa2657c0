"""Plans, reports and resources as text for a terminal. Summary lines are stable: scripts read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import differing_rows, unknown_members
from reconciler.engine.change import (
    SHARE_COUNTS_FROM,
    Action,
    Blocked,
    Change,
    Plan,
    Scope,
    Share,
    Unchanged,
    fingerprint_of,
)
from reconciler.engine.classify import DefaultSource, Drift, FieldClass, FieldView
from reconciler.engine.declared import Accepted, Declared, Given, Origin, Part
from reconciler.engine.kind import Field, Kind, Live
from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.engine.review import Since
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.sending import SendResult
from reconciler.problems import Problem
from reconciler.render.json import plan_document
from reconciler.render.report import Applied, skipped_text
from reconciler.render.seeds import (
    MAIL_IS_SENT,
    customers_in_doubt,
    customers_text,
    kept_back,
    seeds_documents,
    seeds_summary,
    seeds_text,
    sent_documents,
    sent_text,
    without_sending,
)
from reconciler.render.values import (
    FORMAT_VERSION,
    PLAIN,
    Paint,
    Style,
    counted,
    harmless,
    row_text,
    shown,
    shown_field,
)

MOST_NAMED = 5
"""So many keys are named in one sentence."""

_TEXTS = {
    Drift.GIT: "changed in git",
    Drift.LIVE: "changed live",
    Drift.BOTH: "changed in git and live",
    Drift.LEFT: "as the last run left it",
    Drift.IN_DOUBT: "the last run is in doubt",
    Drift.RESTORED: "as a restore left it",
    Drift.UNDECLARED: "no longer declared, its live value stays",
}


def drift_text(drift: Drift | None) -> str:
    """Return who brought about a difference, in a few words; nothing where it is not known."""
    return _TEXTS.get(drift, "") if drift else ""


def noted(*parts: str) -> str:
    """Return the parts of a note that say something, with commas between them."""
    return ", ".join(part for part in parts if part)


def accepted_text(field: Field, view: FieldView, accepted: Accepted) -> str:
    """Return until when and why a field is left as it is, and what it would be otherwise."""
    wanted = f" instead of {shown_field(field, view.wanted)}" if view.wanted != view.after else ""
    return f"accepted{wanted} until {accepted.until}: {harmless(accepted.reason)}"


def untold_text(plan: Plan) -> str:
    """Return the updates of which nobody knows what brought them about, as a sentence."""
    changes = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
    keys = [c.key for c in changes if any(view.drift is Drift.UNKNOWN for view in c.fields)]
    if not keys:
        return ""
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return (
        f"No earlier run is known of {', '.join(keys[:MOST_NAMED])}{more}: what changed in git and what "
        "changed live cannot be told apart."
    )


SYMBOLS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}
WIDEST_BEFORE = 40
"""Values before an arrow are padded to a common width, up to this."""


def plan_text(
    plan: Plan,
    seeds: SeedsPlan,
    since: Since | None = None,
    *,
    paint: Paint = PLAIN,
    verbose: bool = False,
) -> str:
    """Return the whole plan: guardrails first, all that differs, seeds, the summary line last.

    With `since`, the guardrails that allow more than before come before everything; what differs and the
    seeds to send stand in two groups: what the files cause, and the rest.
    """
    blocks = [
        _loosened(since, paint) if since else "",
        header_text(plan.scope),
        paint.faint(f"Fingerprint {fingerprint_of([*plan.digests, *seeds.digests])}") if verbose else "",
        *(_differences(plan, paint) if since is None else _groups(plan, seeds, since, paint)),
        _unchanged(plan, paint, verbose=verbose),
        _unmanaged(plan.unmanaged),
        _legend(plan, paint),
        unproved_text(plan),
        untold_text(plan),
        seeds_text(seeds if since is None else without_sending(seeds), paint=paint),
        MAIL_IS_SENT if seeds.customers else "",
        paint.strong(summary_text(plan, seeds)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _loosened(since: Since, paint: Paint) -> str:
    lines = [f"    {paint.blocked('!')} {loosened_text(one)}" for one in since.loosened]
    title = paint.blocked(f"! Guardrails allow more than at {harmless(since.ref)}:")
    return "\n".join([title, *lines]) if lines else ""


def loosened_text(problem: Problem) -> str:
    """Return a guardrail that allows more than it did: its line, its name, and its value before and after."""
    hint = f" ({problem.hint})" if problem.hint else ""
    return harmless(f"{problem.place} {problem.key}: {problem.message}{hint}")


def _differences(plan: Plan, paint: Paint) -> list[str]:
    changes = [_change(plan, change, paint) for change in plan.changes]
    return changes + [_blocked(plan, blocked, paint) for blocked in plan.blocked]


def _groups(plan: Plan, seeds: SeedsPlan, since: Since, paint: Paint) -> Iterator[str]:
    """Yield what the change of the files causes, then what was there before, each under its heading."""
    yield harmless(since.note[:1].upper() + since.note[1:])
    ref = harmless(since.ref)
    for caused, heading in (
        (True, f"Caused by the change of the files since {ref}:"),
        (False, f"Pending or drifted before, whatever changed in the files since {ref}:"),
    ):
        part = replace(
            plan,
            changes=tuple(c for c in plan.changes if since.caused(c.digest) is caused),
            blocked=tuple(b for b in plan.blocked if since.caused_block(b) is caused),
        )
        sent = replace(seeds, seeds=tuple(s for s in seeds.sending if since.caused(s.digest) is caused))
        blocks = [*_differences(part, paint), seeds_text(sent, paint=paint) if sent.seeds else ""]
        yield paint.strong(heading)
        yield "\n\n".join(block for block in blocks if block) or "  nothing"


def header_text(scope: Scope) -> str:
    """Return where a plan is true, which guardrails are in force, and what of the files it is about."""
    limits = scope.limits
    share = f" (from {SHARE_COUNTS_FROM} live on)" if isinstance(limits.updates, Share) else ""
    return (
        f"Target {harmless(scope.target)}, account {harmless(scope.account)}\n"
        f"Limits: resets {_limit(limits.resets)}, deletes {_limit(limits.deletes)}, "
        f"updates {_limit(limits.updates)}{share}"
        + "".join(f"\nSelection: {_part(part)}" for part in scope.parts)
    )


def _part(part: Part) -> str:
    only = f"only {', '.join(part.only)}" if part.only else "all"
    return harmless(f"{only}, without {', '.join(part.exclude)}" if part.exclude else only)


def _limit(limit: int | Share | None) -> str:
    return "any" if limit is None else str(limit)


def summary_text(plan: Plan, seeds: SeedsPlan) -> str:
    """Return the plan's summary line."""
    return (
        f"Plan: {plan.count(Action.CREATE)} to create, {plan.count(Action.UPDATE)} to update "
        f"({counted(plan.resets, 'field')} reset), {plan.count(Action.DELETE)} to delete, "
        f"{len(plan.blocked)} blocked, {len(plan.unchanged)} unchanged; {seeds_summary(seeds)}."
    )


def _change(plan: Plan, change: Change, paint: Paint) -> str:
    style: Style = getattr(paint, change.action.value)
    title = f"{style(SYMBOLS[change.action])} {paint.strong(change.key)}  {_what(change)}"
    return "\n".join([title, *_fields(plan.account.kind, change, paint), *_adoption(change)])


def change_lines(kind: Kind, change: Change) -> list[str]:
    """Return what a change does to each field, a line each, for pages that are kept and passed on.

    Of what is carried they show the name alone: the value may be anything.
    """
    carried = [f"= {name}  carried, unknown to this tool" for name in carried_names(kind, change)]
    return [*view_lines(kind, change.fields), *carried]


def view_lines(kind: Kind, views: Sequence[FieldView]) -> list[str]:
    """Return what there is to say of some fields, a line each."""
    return [line.removeprefix("    ") for line in _field_lines(kind, views, PLAIN)]


def carried_names(kind: Kind, change: Change) -> list[str]:
    """Return the live members that an update sends back although nobody knows them."""
    live = change.live if change.action is Action.UPDATE else None
    return [harmless(".".join(member)) for member, _ in unknown_members(kind, live.body)] if live else []


def _fields(kind: Kind, change: Change, paint: Paint) -> Iterator[str]:
    yield from _field_lines(kind, change.fields, paint)
    if change.action is Action.UPDATE and change.live:
        for member, value in unknown_members(kind, change.live.body):
            text = f"= {'.'.join(member)}  {shown(value)}  carried, unknown to this tool"
            yield f"    {paint.kept(harmless(text))}"


def _what(change: Change) -> str:
    if change.live is None:
        return "create"
    return f"{change.action.value} id {change.live.id} {shown(change.live.name)}"


def adoption_line(change: Change) -> str:
    """Return the line of YAML that keeps a resource that was found by its name."""
    return f"targets: {{{change.scope.target}: {{id: {change.id}}}}}"


def _adoption(change: Change) -> Iterator[str]:
    if change.adopted:
        yield f"    found by its name; to keep it: {adoption_line(change)}"


def _blocked(plan: Plan, blocked: Blocked, paint: Paint) -> str:
    symbol = paint.doubt("?") if blocked.is_in_doubt else paint.blocked("!")
    change = blocked.change
    title = f"{symbol} {paint.strong(blocked.key)}  {_what(change) + ', ' if change else ''}{blocked.why}"
    reasons = [f"    {symbol} {harmless(block.message)}" for block in blocked.blocks]
    fields = _fields(plan.account.kind, change, paint) if change else ()
    adoption = _adoption(change) if change else ()
    return "\n".join([title, *reasons, *fields, *adoption])


class FieldRow(Struct, frozen=True):
    """What is said of one field, in cells; `after` is empty where nothing takes the place of a value."""

    symbol: str
    path: str
    before: str
    after: str
    note: str
    style: Style


def _field_lines(kind: Kind, views: Sequence[FieldView], paint: Paint) -> Iterator[str]:
    rows = field_rows(kind, views, paint)
    path_width = max((len(row.path) for row in rows), default=0)
    before_width = max((min(len(row.before), WIDEST_BEFORE) for row in rows if row.after), default=0)
    for row in rows:
        arrow = f"{row.before:<{before_width}} → {row.after}" if row.after else row.before
        line = f"{row.path:<{path_width}}  {arrow}{'  ' + row.note if row.note else ''}"
        yield f"    {row.style(row.symbol + ' ' + line.rstrip())}"
        yield from _row_lines(kind.by_path[row.path], views, row)


def field_rows(kind: Kind, views: Sequence[FieldView], paint: Paint = PLAIN) -> list[FieldRow]:
    """Return the cells of every field that there is something to say of, in the order of the table."""
    told = [view for view in views if not _goes_without_saying(kind, view)]
    return [row for view in told if (row := _row(kind.by_path[view.path], view, paint))]


def _goes_without_saying(kind: Kind, view: FieldView) -> bool:
    """Tell whether a field stays as it is, or shows that what is visible stays visible, like nearly all."""
    if view.cls in (FieldClass.SET, FieldClass.RESET):
        return not view.differs
    return (
        not view.accepted
        and view.path == kind.visible_field
        and view.cls is FieldClass.KEPT
        and view.after is True
    )


def _row(field: Field, view: FieldView, paint: Paint) -> FieldRow | None:
    before, after = shown_field(field, view.before), shown_field(field, view.after)
    drift = drift_text(view.drift)
    match view.cls:
        case FieldClass.SET if view.differs and view.before is None:
            return FieldRow("+", view.path, after, "", noted(_named(view), drift), paint.create)
        case FieldClass.SET if view.differs:
            return FieldRow("~", view.path, before, after, noted(_named(view), drift), paint.update)
        case FieldClass.RESET if view.differs:
            return FieldRow("↺", view.path, before, after, noted(_reset_note(view), drift), paint.reset)
        case FieldClass.REFUSED:
            why = "default stated, not proved" if view.is_claimed else "and not its default"
            reason = f"refused: not declared, {why}"
            return FieldRow("!", view.path, before, "", noted(reason, drift), paint.blocked)
        case FieldClass.KEPT if view.accepted:
            return FieldRow("=", view.path, after, "", accepted_text(field, view, view.accepted), paint.kept)
        case FieldClass.KEPT if view.after is not None:
            return FieldRow("=", view.path, after, "", noted("kept", drift), paint.kept)
        case FieldClass.REMOVED:
            return FieldRow("-", view.path, before, "", "", paint.delete)
    return None


def _row_lines(field: Field, views: Sequence[FieldView], row: FieldRow) -> Iterator[str]:
    """Yield the rows of a list field that differ, where it changes from something to something."""
    view = next(view for view in views if view.path == field.path)
    if field.rows is None or not (view.differs and view.before and view.after):
        return
    for _, before, after in differing_rows(field.rows, view.before, view.after):
        symbol = "+" if before is None else "-" if after is None else "~"
        texts = [harmless(row_text(r)) for r in (before, after) if r is not None]
        yield f"        {row.style(symbol + ' ' + ' → '.join(texts))}"


def _named(view: FieldView) -> str:
    return harmless(str(view.named)) if view.named else ""


def _reset_note(view: FieldView) -> str:
    source = view.default.source if view.default else DefaultSource.ASSUMED
    reason = "as named" if view.consented else "by policy"
    return f"reset {reason}, default {source.words}"


def _unchanged(plan: Plan, paint: Paint, *, verbose: bool) -> str:
    lines: list[str] = []
    for one in sorted(plan.unchanged, key=lambda unchanged: not unchanged.adopted):
        if verbose or one.adopted or one.remarkable:
            fields = _field_lines(plan.account.kind, one.remarkable, paint)
            lines += [f"  {one.key}  {_unchanged_what(one)}", *fields]
    return "\n".join(["Unchanged:", *lines]) if lines else ""


def _unchanged_what(unchanged: Unchanged) -> str:
    if unchanged.adopted:
        return f"found by its name, id {unchanged.id}"
    if unchanged.hidden:
        return "hidden, left alone"
    return "absent" if unchanged.id is None else f"id {unchanged.id}"


def _unmanaged(unmanaged: Sequence[Live]) -> str:
    lines = [f"  {live.id} {shown(live.name)}" for live in unmanaged]
    return "\n".join(["Unmanaged (live, declared nowhere; left alone):", *lines]) if lines else ""


def _legend(plan: Plan, paint: Paint) -> str:
    if not plan.resets:
        return ""
    return (
        f"{paint.reset('↺')} not declared: the PUT leaves it out, and the server puts it back to its default."
    )


def unproved_text(plan: Plan) -> str:
    """Return what to do where the files alone say that a field stays; empty where no such field is shown."""
    changes = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
    shown = (
        view for change in changes for view in change.fields if view.differs or view.cls is FieldClass.REFUSED
    )
    if not any(view.is_claimed for view in shown):
        return ""
    return (
        "Stated, not proved: defaults: in the files say that the value stays, and nothing that was read back "
        "on this account has shown it. Declare the field, name it under keep, or prove the default with "
        f"reconciler defaults learn --target {harmless(plan.scope.target)}."
    )


def report_text(applied: Applied, *, paint: Paint = PLAIN) -> str:
    """Return how every change ended, the lines worth writing, and the summary line last."""
    report, sent = applied.report, applied.sent
    ids = [f"  {key}:  id {id}" for key, id in applied.ids_written.items()]
    blocks = [
        "\n".join(_outcome(outcome, paint) for outcome in report.outcomes),
        sent_text(sent, paint=paint),
        "\n".join(["Written into the files:", *ids]) if ids else "",
        _lines_to_write(report.outcomes),
        "\n".join(report.notes),
        paint.strong(applied_text(report, applied.planned.seeds, sent)),
    ]
    return "\n\n".join(block for block in blocks if block)


RESULT_SYMBOLS = {
    Result.APPLIED: ("✓", "create"),
    Result.FAILED: ("✗", "delete"),
    Result.STALE: ("≠", "doubt"),
    Result.SKIPPED: ("!", "blocked"),
    Result.IN_DOUBT: ("?", "doubt"),
}


def _outcome(outcome: Outcome, paint: Paint) -> str:
    symbol, style = RESULT_SYMBOLS[outcome.result]
    what = f"{outcome.action.value} " if outcome.action else ""
    id = f"id {outcome.id} " if outcome.id is not None else ""
    reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
    symbol = getattr(paint, style)(symbol)
    title = f"{symbol} {paint.strong(outcome.key)}  {what}{id}{outcome.result.value}{reason}"
    return "\n".join([title, *(f"    warning: {harmless(warning)}" for warning in outcome.warnings)])


def _lines_to_write(outcomes: Iterable[Outcome]) -> str:
    lines = dict.fromkeys(line for outcome in outcomes for line in outcome.lines)
    texts = [f"  {line.where}:  {harmless(line.text)}" for line in lines]
    return "\n".join(["To write into the files:", *texts]) if texts else ""


def applied_text(report: Report, seeds: SeedsPlan, sent: Sequence[SendResult]) -> str:
    """Return the report's summary line. `seeds` is the plan that they were sent by."""
    left = kept_back(seeds_documents(seeds), sent_documents(sent))
    customers = customers_text(sum(end.sent for end in sent), customers_in_doubt(seeds, sent), left)
    blocked = sum(one.why == "blocked" for one in report.plan.blocked)
    return (
        f"Applied: {report.count(Result.APPLIED)} changed, {report.count(Result.FAILED)} failed, "
        f"{report.count(Result.STALE)} stale, {skipped_text(report.count(Result.SKIPPED), blocked)}, "
        f"{report.count(Result.IN_DOUBT)} in doubt; {customers}."
    )


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
