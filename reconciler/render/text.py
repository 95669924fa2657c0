"""Plans, reports and problems as text for a terminal. Summary lines are stable: scripts read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import unknown_members
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.defaults import DefaultSource
from reconciler.engine.diff import differing_rows
from reconciler.engine.inventory import Live
from reconciler.engine.kind import Field, Kind
from reconciler.engine.limits import SHARE_COUNTS_FROM, Share
from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.engine.part import Part
from reconciler.engine.plan import Action, Blocked, Change, Plan, Scope, Unchanged, fingerprint_of
from reconciler.engine.since import Since
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.sending import SendResult
from reconciler.problems import Problem
from reconciler.render.drift import accepted_text, drift_text, noted, untold_text
from reconciler.render.json import NO_IDS
from reconciler.render.paint import PLAIN, Paint, Style
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
from reconciler.render.values import counted, harmless, row_text, shown, shown_field, skipped_text

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


def report_text(
    report: Report,
    seeds: SeedsPlan,
    sent: Sequence[SendResult],
    *,
    paint: Paint = PLAIN,
    ids_written: Mapping[str, int] = NO_IDS,
) -> str:
    """Return how every change ended, the lines worth writing, and the summary line last."""
    ids = [f"  {key}:  id {id}" for key, id in ids_written.items()]
    blocks = [
        "\n".join(_outcome(outcome, paint) for outcome in report.outcomes),
        sent_text(sent, paint=paint),
        "\n".join(["Written into the files:", *ids]) if ids else "",
        _lines_to_write(report.outcomes),
        "\n".join(report.notes),
        paint.strong(applied_text(report, seeds, sent)),
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
