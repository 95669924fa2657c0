"""Plans, reports and single resources as text for a terminal. Summary lines are stable: scripts read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import differing_rows, unknown_members
from reconciler.engine.change import SHARE_COUNTS_FROM, Action, Blocked, Change, Plan, Scope, Share, Unchanged
from reconciler.engine.classify import DefaultSource, Drift, FieldClass, FieldView
from reconciler.engine.kind import Declared, Kind
from reconciler.engine.outcome import Outcome, Result
from reconciler.engine.plan import Since
from reconciler.render.report import Applied, Planned, entry_of
from reconciler.render.seeds import MAIL_IS_SENT, seeds_text, sent_text
from reconciler.render.values import (
    PLAIN,
    Paint,
    Style,
    columns,
    harmless,
    plain,
    row_text,
    shown,
    shown_field,
)

_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Result.APPLIED: "✓",
    Result.FAILED: "✗",
    Result.STALE: "≠",
    Result.SKIPPED: "!",
    Result.IN_DOUBT: "?",
}
_STYLES = {
    Result.APPLIED: "create",
    Result.FAILED: "delete",
    Result.STALE: "doubt",
    Result.SKIPPED: "blocked",
    Result.IN_DOUBT: "doubt",
}
"""How `Paint` calls the style of each result."""
WIDEST_BEFORE = 40
"""Values before an arrow are padded to a common width, up to this."""
_MOST_NAMED = 5
"""How many keys one sentence names."""
_LONGEST_CELL = 34

_DRIFT = {
    Drift.GIT: "changed in git",
    Drift.LIVE: "changed live",
    Drift.BOTH: "changed in git and live",
    Drift.LEFT: "as the last run left it",
    Drift.IN_DOUBT: "the last run is in doubt",
    Drift.RESTORED: "as a restore left it",
    Drift.UNDECLARED: "no longer declared, its live value stays",
}
"""What brought a difference about; nothing is said where that is unknown."""


def plan_text(planned: Planned, *, paint: Paint = PLAIN, verbose: bool = False) -> str:
    """Return the whole plan: guardrails first, all that differs, seeds, the summary line last.

    With `since`, the guardrails that allow more than before come before everything; what differs and the
    seeds to send stand in two groups: what the files cause, and the rest.
    """
    plan, seeds, since = planned.plan, planned.seeds, planned.since
    loosened = [
        harmless(f"{one.place} {one.key}: {one.message}{f' ({one.hint})' if one.hint else ''}")
        for one in planned.loosened
    ]
    if since is None:
        differences, other_seeds = _entries(plan, plan.changes, plan.blocked, paint), seeds
    else:
        differences = [*_by_cause(planned, since, paint)]
        other_seeds = replace(seeds, seeds=tuple(one for one in seeds.seeds if not one.to_send))
    blocks = [
        _titled(
            paint.blocked(f"! Guardrails allow more than at {harmless(since.ref)}:") if since else "",
            [f"    {paint.blocked('!')} {line}" for line in loosened],
        ),
        header_text(plan.scope),
        paint.faint(f"Fingerprint {planned.fingerprint}") if verbose else "",
        *differences,
        _titled("Unchanged:", [*_unchanged(plan, paint, verbose=verbose)]),
        _titled(
            "Unmanaged (live, declared nowhere; left alone):",
            [f"  {live.id} {shown(live.name)}" for live in plan.unmanaged],
        ),
        f"{paint.reset('↺')} not declared: the PUT leaves it out, and the server puts it back to its default."
        if plan.resets
        else "",
        *remarks(plan),
        seeds_text(other_seeds, paint=paint),
        MAIL_IS_SENT if seeds.customers else "",
        paint.strong(planned.summary_line),
    ]
    return "\n\n".join(block for block in blocks if block)


def _titled(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *lines]) if lines else ""


def _by_cause(planned: Planned, since: Since, paint: Paint) -> Iterator[str]:
    """Yield what the change of the files causes, then what was there before, each under its heading."""
    plan, seeds, ref = planned.plan, planned.seeds, harmless(since.ref)
    yield harmless(since.note[:1].upper() + since.note[1:])
    for is_caused, heading in (
        (True, f"Caused by the change of the files since {ref}:"),
        (False, f"Pending or drifted before, whatever changed in the files since {ref}:"),
    ):
        changes = [one for one in plan.changes if planned.is_caused(one) is is_caused]
        blocked = [one for one in plan.blocked if planned.is_caused(one) is is_caused]
        sending = tuple(one for one in seeds.sending if planned.is_caused(one) is is_caused)
        blocks = _entries(plan, changes, blocked, paint)
        blocks += [seeds_text(replace(seeds, seeds=sending), paint=paint)] if sending else []
        yield paint.strong(heading)
        yield "\n\n".join(blocks) or "  nothing"


def _entries(plan: Plan, changes: Sequence[Change], blocked: Sequence[Blocked], paint: Paint) -> list[str]:
    """Return a paragraph for every change, then for everything that is left alone."""
    entries = []
    for change in changes:
        style: Style = getattr(paint, change.action.value)
        title = f"{style(sign_of(change))} {paint.strong(change.key)}  {_what(change)}"
        entries.append("\n".join([title, *_details(plan.account.kind, change, paint)]))
    for one in blocked:
        symbol = (paint.doubt if one.is_in_doubt else paint.blocked)(sign_of(one))
        what = f"{_what(one.change)}, {one.why}" if one.change else one.why
        lines = [f"{symbol} {paint.strong(one.key)}  {what}"]
        lines += [f"    {symbol} {harmless(block.message)}" for block in one.blocks]
        lines += _details(plan.account.kind, one.change, paint) if one.change else []
        entries.append("\n".join(lines))
    return entries


def _what(change: Change) -> str:
    if change.live is None:
        return "create"
    return f"{change.action.value} id {change.live.id} {shown(change.live.name)}"


def _details(kind: Kind, change: Change, paint: Paint) -> Iterator[str]:
    """Yield what happens to each field, what is carried, and how to keep what was found by its name."""
    yield from _field_lines(kind, change.fields, paint)
    if change.action is Action.UPDATE and change.live:
        for member, value in unknown_members(kind, change.live.body):
            text = f"= {'.'.join(member)}  {shown(value)}  carried, unknown to this tool"
            yield f"    {paint.kept(harmless(text))}"
    if change.adopted:
        yield f"    found by its name; to keep it: {adoption_line(change)}"


def header_text(scope: Scope) -> str:
    """Return where a plan is true, which guardrails are in force, and what of the files it is about."""
    limits = scope.limits
    resets, deletes, updates = (
        "any" if limit is None else str(limit) for limit in (limits.resets, limits.deletes, limits.updates)
    )
    share = f" (from {SHARE_COUNTS_FROM} live on)" if isinstance(limits.updates, Share) else ""
    lines = [
        f"Target {harmless(scope.target)}, account {harmless(scope.account)}",
        f"Limits: resets {resets}, deletes {deletes}, updates {updates}{share}",
    ]
    for part in scope.parts:
        only = f"only {', '.join(part.only)}" if part.only else "all"
        without = f", without {', '.join(part.exclude)}" if part.exclude else ""
        lines.append(f"Selection: {harmless(f'{only}{without}')}")
    return "\n".join(lines)


def field_lines(kind: Kind, views: Sequence[FieldView], change: Change | None = None) -> list[str]:
    """Return what there is to say of some fields, a line each, for pages that are kept and passed on.

    Of what a change carries they show the name alone: the value may be anything.
    """
    lines = [line.removeprefix("    ") for line in _field_lines(kind, views, PLAIN)]
    names = carried_names(kind, change) if change else []
    return [*lines, *(f"= {name}  carried, unknown to this tool" for name in names)]


def carried_names(kind: Kind, change: Change) -> list[str]:
    """Return the live members that an update sends back although the model does not know them."""
    live = change.live if change.action is Action.UPDATE else None
    return [harmless(".".join(member)) for member, _ in unknown_members(kind, live.body)] if live else []


def adoption_line(change: Change) -> str:
    """Return the line of YAML that keeps a resource that was found by its name."""
    return f"targets: {{{change.scope.target}: {{id: {change.id}}}}}"


def sign_of(one: Change | Blocked | Outcome) -> str:
    """Return the sign of a change, of what is left alone, or of how a change ended."""
    if isinstance(one, Blocked):
        return "?" if one.is_in_doubt else "!"
    return _SYMBOLS[one.action if isinstance(one, Change) else one.result]


class FieldRow(Struct, frozen=True):
    """What is said of one field, in cells; `after` is empty where no value takes the place of `before`."""

    view: FieldView
    symbol: str
    before: str
    after: str
    note: str
    style: Style


def field_rows(kind: Kind, views: Sequence[FieldView], paint: Paint = PLAIN) -> list[FieldRow]:
    """Return the cells of every field that there is something to say of, in the order of the table."""
    return [row for view in views if (row := _field_row(kind, view, paint))]


def _field_row(kind: Kind, view: FieldView, paint: Paint) -> FieldRow | None:
    """Return the cells of a field; nothing for one that stays as it is, or stays visible as nearly all do."""
    if view.cls in (FieldClass.SET, FieldClass.RESET) and not view.differs:
        return None
    field, drift = kind.by_path[view.path], _drift_text(view)
    before, after = shown_field(field, view.before), shown_field(field, view.after)
    match view.cls:
        case FieldClass.SET:
            note = _joined(harmless(str(view.named)) if view.named else "", drift)
            if view.before is None:
                return FieldRow(view, "+", after, "", note, paint.create)
            return FieldRow(view, "~", before, after, note, paint.update)
        case FieldClass.RESET:
            reason = "as named" if view.consented else "by policy"
            note = _joined(f"reset {reason}, default {_default_source(view)}", drift)
            return FieldRow(view, "↺", before, after, note, paint.reset)
        case FieldClass.REFUSED:
            why = "default stated, not proved" if view.is_claimed else "and not its default"
            note = _joined(f"refused: not declared, {why}", drift)
            return FieldRow(view, "!", before, "", note, paint.blocked)
        case FieldClass.KEPT if view.accepted:
            wanted = f" instead of {shown_field(field, view.wanted)}" if view.wanted != view.after else ""
            note = f"accepted{wanted} until {view.accepted.until}: {harmless(view.accepted.reason)}"
            return FieldRow(view, "=", after, "", note, paint.kept)
        case FieldClass.KEPT if view.after is not None:
            stays_visible = view.path == kind.visible_field and view.after is True
            return (
                None if stays_visible else FieldRow(view, "=", after, "", _joined("kept", drift), paint.kept)
            )
        case FieldClass.REMOVED:
            return FieldRow(view, "-", before, "", "", paint.delete)
    return None


def _field_lines(kind: Kind, views: Sequence[FieldView], paint: Paint) -> Iterator[str]:
    """Yield a line for each field, and one for each row by which two lists differ."""
    rows = field_rows(kind, views, paint)
    path_width = max((len(row.view.path) for row in rows), default=0)
    before_width = max((min(len(row.before), WIDEST_BEFORE) for row in rows if row.after), default=0)
    for row in rows:
        view = row.view
        values = f"{row.before:<{before_width}} → {row.after}" if row.after else row.before
        line = f"{view.path:<{path_width}}  {values}{'  ' + row.note if row.note else ''}"
        yield f"    {row.style(row.symbol + ' ' + line.rstrip())}"
        items = kind.by_path[view.path].rows
        if items is not None and view.differs and view.before and view.after:
            for _, old, new in differing_rows(items, view.before, view.after):
                symbol = "+" if old is None else "-" if new is None else "~"
                texts = [harmless(row_text(item)) for item in (old, new) if item is not None]
                yield f"        {row.style(symbol + ' ' + ' → '.join(texts))}"


def _drift_text(view: FieldView) -> str:
    return _DRIFT.get(view.drift, "") if view.drift else ""


def _default_source(view: FieldView) -> str:
    return (view.default.source if view.default else DefaultSource.ASSUMED).words


def _joined(*parts: str) -> str:
    """Return the parts of a note that say something, with commas between them."""
    return ", ".join(part for part in parts if part)


def _unchanged(plan: Plan, paint: Paint, *, verbose: bool) -> Iterator[str]:
    for one in sorted(plan.unchanged, key=lambda unchanged: not unchanged.adopted):
        if one.adopted:
            what = f"found by its name, id {one.id}"
        elif one.hidden:
            what = "hidden, left alone"
        else:
            what = "absent" if one.id is None else f"id {one.id}"
        if verbose or one.adopted or one.remarkable:
            yield f"  {one.key}  {what}"
            yield from _field_lines(plan.account.kind, one.remarkable, paint)


def remarks(plan: Plan) -> Iterator[str]:
    """Yield what to do where a default is stated and not proved, and which updates are of unknown origin."""
    changes = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
    seen = (view for one in changes for view in one.fields if view.differs or view.cls is FieldClass.REFUSED)
    if any(view.is_claimed for view in seen):
        yield (
            "Stated, not proved: defaults: in the files say that the value stays, and nothing that was read "
            "back on this account has shown it. Declare the field, name it under keep, or prove the default "
            f"with reconciler defaults learn --target {harmless(plan.scope.target)}."
        )
    keys = [one.key for one in changes if any(view.drift is Drift.UNKNOWN for view in one.fields)]
    if keys:
        more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
        yield (
            f"No earlier run is known of {', '.join(keys[:_MOST_NAMED])}{more}: what changed in git and what "
            "changed live cannot be told apart."
        )


def report_text(applied: Applied, *, paint: Paint = PLAIN) -> str:
    """Return how every change ended, the lines worth writing, and the summary line last."""
    outcomes = []
    for outcome in applied.outcomes:
        symbol = getattr(paint, _STYLES[outcome.result])(sign_of(outcome))
        what = f"{outcome.action.value} " if outcome.action else ""
        id = f"id {outcome.id} " if outcome.id is not None else ""
        reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
        end = f"{what}{id}{outcome.result.value}{reason}"
        outcomes.append(f"{symbol} {paint.strong(outcome.key)}  {end}")
        outcomes += [f"    warning: {harmless(warning)}" for warning in outcome.warnings]
    blocks = [
        "\n".join(outcomes),
        sent_text(applied.sent, paint=paint),
        _titled("Written into the files:", [f"  {key}:  id {id}" for key, id in applied.ids_written.items()]),
        _titled(
            "To write into the files:", [f"  {line.where}:  {harmless(line.text)}" for line in applied.lines]
        ),
        "\n".join(applied.notes),
        paint.strong(applied.summary_line),
    ]
    return "\n\n".join(block for block in blocks if block)


def show_text(plan: Plan, declared: Declared, *, paint: Paint = PLAIN) -> str:
    """Return a table of one resource's fields, and what its plan would do to it."""
    entry, views = entry_of(plan)
    title = f"{paint.strong(declared.key)}  on {plan.scope.target}, {_verdict(entry)}  ({declared.place})"
    if not views:
        return title
    heading, *rows = columns(
        [("field", "class", "live", "desired", "declared"), *(_cells(plan, declared, view) for view in views)]
    )
    lines = [title, "", heading]
    for view, row in zip(views, rows, strict=True):
        if view.cls is FieldClass.REFUSED:
            style = paint.blocked
        elif view.cls is FieldClass.RESET:
            style = paint.reset if view.differs else paint.faint
        else:
            style = paint.update if view.differs else plain
        lines.append(style(row))
    change = entry.change if isinstance(entry, Blocked) else entry
    if isinstance(change, Change) and change.live is not None:
        for member, value in unknown_members(plan.account.kind, change.live.body):
            lines.append(f"carried into the body as it is: {harmless('.'.join(member))} = {shown(value)}")
    return "\n".join(lines)


def _verdict(entry: Change | Blocked | Unchanged | None) -> str:
    match entry:
        case Change(action=action, id=id):
            return action.value + (f" id {id}" if id is not None else "")
        case Blocked(blocks=blocks) as blocked:
            return f"{blocked.why}: " + harmless("; ".join(block.message for block in blocks))
        case Unchanged(id=id, hidden=hidden):
            return "hidden, left alone" if hidden else f"unchanged id {id}" if id is not None else "absent"
    return "nothing"


def _cells(plan: Plan, declared: Declared, view: FieldView) -> tuple[str, ...]:
    field = plan.account.kind.by_path[view.path]
    given, accepted = declared.given.get(view.path), view.accepted
    origin = given.origin if given else None if accepted else view.origin
    named = f"{harmless(str(view.named))}, " if view.named else ""
    where = f"{named}{origin.level}, {origin.place}" if origin else ""
    if accepted:
        where = _joined(where, f"accepted until {accepted.until}, {accepted.origin.place}")
    after = shown_field(field, view.after, longest=_LONGEST_CELL)
    return (
        view.path,
        _joined(view.cls.value, _drift_text(view)),
        shown_field(field, view.before, longest=_LONGEST_CELL),
        f"{after} ({_default_source(view)} default)" if view.cls is FieldClass.RESET else after,
        where or "-",
    )
