"""Plans, reports, seeds and single resources as text for a terminal.

Seeds are counted here: no address, number or data of a customer is shown but by `preview_text`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import differing_rows
from reconciler.engine.change import (
    SHARE_COUNTS_FROM,
    Action,
    BlockCode,
    Blocked,
    Change,
    Plan,
    Share,
    Unchanged,
)
from reconciler.engine.classify import ASSUMED_EMPTY, Drift, FieldClass, FieldView, carried
from reconciler.engine.kind import Certainty, Declared, Effect, Json, Kind
from reconciler.engine.outcome import Outcome, Result
from reconciler.expoints.planning import SeedsPlan, moment_text
from reconciler.expoints.recipients import RecipientState, SeedPlan, SeedStatus, SendResult
from reconciler.expoints.seed import Moment, Send
from reconciler.render.report import TargetReport, entry_of, summary_line
from reconciler.render.values import (
    MOST_LISTED,
    PLAIN,
    SIGNS,
    Paint,
    Style,
    columns,
    counted,
    first_of,
    harmless,
    in_short,
    row_text,
    shown,
    shown_field,
    stacked,
)

MAIL_IS_SENT = "Mail is really sent, for a test batch too. This tool cannot take customers back."
UNKNOWN = "(a live value)"  # of a member that the model does not know
WIDEST_BEFORE = 40  # values before an arrow are padded to a common width, up to this
_LONGEST_CELL = 34

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
_DRIFT: dict[Drift | None, str] = {
    Drift.GIT: "changed in git",
    Drift.LIVE: "changed live",
    Drift.BOTH: "changed in git and live",
    Drift.LEFT: "as the last run left it",
    Drift.IN_DOUBT: "the last run is in doubt",
    Drift.RESTORED: "as a restore left it",
    Drift.UNDECLARED: "no longer declared, its live value stays",
}
"""What brought a difference about; nothing is said where that is unknown."""


def plan_text(planned: TargetReport, *, paint: Paint = PLAIN, verbose: bool = False) -> str:
    """Return the whole plan: guardrails first, then what differs, by its cause if `since` is known."""
    plan, seeds, since = planned.plan, planned.seeds, planned.since
    loosened = [
        harmless(f"{one.place} {one.key}: {one.message}{f' ({one.hint})' if one.hint else ''}")
        for one in planned.loosened
    ]
    if since is None:
        differences, other_seeds = _entries(plan.account.kind, [*plan.changes, *plan.blocked], paint), seeds
    else:
        differences = [*_by_cause(planned, harmless(since.ref), harmless(since.note), paint)]
        other_seeds = replace(seeds, seeds=tuple(one for one in seeds.seeds if not one.to_send))
    unmanaged = [f"{live.id} {shown(live.name)}" for live in plan.unmanaged]
    blocks = [
        _titled(
            paint.blocked(f"! Guardrails allow more than at {harmless(since.ref)}:") if since else "",
            [f"    {paint.blocked('!')} {line}" for line in loosened],
        ),
        header_text(plan),
        paint.faint(f"Fingerprint {planned.fingerprint}") if verbose else "",
        *differences,
        _titled("Unchanged:", [*_unchanged(plan, paint, verbose=verbose)]),
        _titled(
            "Unmanaged (live, declared nowhere; left alone):",
            [f"  {one}" for one in first_of(unmanaged, every=verbose)],
        ),
        f"{paint.reset('↺')} {'empty before' if plan.scope.restores else 'not declared'}: {SIGNS['↺'][1]}."
        if plan.resets or any(one.change and one.change.resets for one in plan.blocked)
        else "",
        *remarks(plan, verbose=verbose),
        seeds_text(other_seeds, paint=paint),
        MAIL_IS_SENT if seeds.customers else "",
        paint.strong(summary_line([planned], "plan")),
    ]
    return "\n\n".join(block for block in blocks if block)


def _titled(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *lines]) if lines else ""


def _by_cause(planned: TargetReport, ref: str, note: str, paint: Paint) -> Iterator[str]:
    """Yield what the change of the files causes, then what was there before, each under its heading."""
    plan, seeds = planned.plan, planned.seeds
    yield note[:1].upper() + note[1:]
    for is_caused, heading in (
        (True, f"Caused by the change of the files since {ref}:"),
        (False, f"Pending or drifted before, whatever changed in the files since {ref}:"),
    ):
        every: Sequence[Change | Blocked] = (*plan.changes, *plan.blocked)
        entries = [one for one in every if planned.is_caused(one) is is_caused]
        sending = tuple(one for one in seeds.sending if planned.is_caused(one) is is_caused)
        blocks = _entries(plan.account.kind, entries, paint)
        blocks += [seeds_text(replace(seeds, seeds=sending), paint=paint)] if sending else []
        yield paint.strong(heading)
        yield "\n\n".join(blocks) or "  nothing"


def _entries(kind: Kind, entries: Sequence[Change | Blocked], paint: Paint) -> list[str]:
    """Return a paragraph for each: what is done, or why not, each field, and what is carried."""
    texts = []
    for one in entries:
        change = one.change if isinstance(one, Blocked) else one
        what = change.action.value if change else ""
        if change and change.live:
            what += f" id {change.live.id} {shown(change.live.name)}"
        if isinstance(one, Blocked):
            symbol = (paint.doubt if one.is_in_doubt else paint.blocked)(sign_of(one))
            what = f"{what}, {one.why}" if change else one.why
            reasons = [f"    {symbol} {harmless(block.message)} [{block.code}]" for block in one.blocks]
        else:
            symbol, reasons = getattr(paint, one.action.value)(sign_of(one)), []
        lines = [f"{symbol} {paint.strong(one.key)}  {what}", *reasons]
        if change:
            lines += _field_lines(kind, change.fields, paint, shows_unknown=True)
            for member, value in carried_by(kind, change):
                text = f"= {member}  {shown(value)}  carried, unknown to this tool"
                lines.append(f"    {paint.kept(harmless(text))}")
            lines += [
                f"    {paint.strong('⇒')} {' '.join(effect_parts(effect))}" for effect in change.effects
            ]
            if change.adopted:
                lines.append(f"    found by its name; to keep it: {adoption_line(change)}")
        texts.append("\n".join(lines))
    return texts


def header_text(plan: Plan) -> str:
    """Return where a plan is true, which guardrails are in force, and what of the files it is about.

    Of fields that are reset, it says how many the files name, and how many the limit counts.
    """
    scope, limits = plan.scope, plan.scope.limits
    resets, deletes, updates = (
        "any" if limit is None else str(limit) for limit in (limits.resets, limits.deletes, limits.updates)
    )
    beyond = [one for one in plan.blocked for b in one.blocks if b.code == BlockCode.UNCONSENTED_RESETS]
    resets_beyond = [view for one in beyond if one.change for view in one.change.resets]
    refused = sum(not view.consented for view in resets_beyond)
    if plan.resets or refused:
        by_policy, may = plan.resets_by_policy, "" if plan.may_reset is None else f" of {plan.may_reset}"
        flag = "" if plan.may_reset == limits.resets else f"{'' if may else ', allowed'} by --allow-resets"
        end = ", so these are blocked" if refused else ""
        named_too = plan.resets - by_policy + len(resets_beyond) - refused
        named = "empty before " if scope.restores else f"named {named_too}, by policy "
        resets += f" ({named}{by_policy + refused}{may}{flag}{end})"
    share = f" (from {SHARE_COUNTS_FROM} live on)" if isinstance(limits.updates, Share) else ""
    refused_effects, rules = limits.refused_effects, plan.account.kind.effect_rules
    share += "".join(
        f", {name} {'refused' if name in refused_effects else 'allowed'}"
        for name, rule in rules.items()
        if (name in refused_effects) != rule.refused
    )
    lines = [
        f"Target {harmless(scope.target)}, account {harmless(scope.account)}",
        f"Limits: resets {resets}, deletes {deletes}, updates {updates}{share}",
    ]
    if scope.restores is not None:
        lines.append(
            f"Way back from run {scope.restores}: to what was live before it, whatever the files declare"
        )
    for part in scope.parts:
        only = f"only {', '.join(part.only)}" if part.only else "all"
        without = f", without {', '.join(part.exclude)}" if part.exclude else ""
        lines.append(f"Selection: {harmless(f'{only}{without}')}")
    return "\n".join(lines)


def field_lines(kind: Kind, views: Sequence[FieldView], change: Change | None = None) -> list[str]:
    """Return a line each for a `diff` block of a page; of what is carried the name alone.

    A block colors a line by its first character: `+` green, `-` red, `!` orange. A reset is red, a change is
    orange.
    """
    lines = [line.removeprefix("    ") for line in _field_lines(kind, views, PLAIN)]
    names = carried_by(kind, change) if change else []
    lines += [f"= {harmless(name)}  carried, unknown to this tool" for name, _ in names]
    colors = {"+": "+", "-": "-", "↺": "-", "~": "!", "!": "!"}
    lines = [f"{colors.get(line.lstrip()[:1], ' ')} {line}" for line in lines]
    return [f"{line[0]}  {line[3:]}" if line[0] == line[2] else line for line in lines]


def carried_by(kind: Kind, change: Change) -> list[tuple[str, Json]]:
    """Return the live members that an update sends back although the model does not know them."""
    live = change.live.body if change.live and change.action is Action.UPDATE else None
    return [(".".join(member), value) for member, value in carried(kind, change.fields, live)]


def effect_parts(effect: Effect) -> tuple[str, str]:
    """Return what a change does to people, and its name with how sure that is, in brackets."""
    sure = "" if effect.certainty is Certainty.DOCUMENTED else f", {effect.certainty.value}"
    accepted = ", accepted in the files" * effect.accepted
    return harmless(effect.text), harmless(f"[{effect.name}{sure}{accepted}]")


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


def field_rows(
    kind: Kind, views: Sequence[FieldView], paint: Paint = PLAIN, *, shows_unknown: bool = False
) -> Iterator[FieldRow]:
    """Yield the cells of every field that there is something to say of, in the order of the table.

    The live value of a member that the kind does not know is for a terminal only.
    """
    for view in views:
        if view.cls in (FieldClass.SET, FieldClass.RESET) and not view.differs:
            continue
        field, drift = kind.by_path[view.path], _DRIFT.get(view.drift, "")
        before = shown_field(field, view.before, beside=view.after)
        if view.unknown and not shows_unknown:
            before = UNKNOWN
        after = shown_field(field, view.after, beside=view.before)
        stays_visible = view.path == kind.visible_field and view.after is True
        symbol, style, old, new, notes = "=", paint.kept, after, "", ("kept", drift)
        match view.cls:
            case FieldClass.SET:
                notes = (harmless(str(view.named)) if view.named else "", drift)
                if view.before is None:
                    symbol, style = "+", paint.create
                else:
                    symbol, style, old, new = "~", paint.update, before, after
            case FieldClass.RESET:
                reason = "as named" if view.consented else "by policy"
                if (
                    view.origin and not view.origin.place.file
                ):  # no file wants it, but the way back from a run
                    reason = f"as before {view.origin.level}"
                notes = (f"reset {reason}, default {(view.default or ASSUMED_EMPTY).source.words}", drift)
                symbol, style, old, new = "↺", paint.reset, before, after
            case FieldClass.REFUSED:
                why = "default stated, not proved" if view.is_claimed else "and not its default"
                notes = (f"refused: not declared, {why}", drift)
                symbol, style, old = "!", paint.blocked, before
            case FieldClass.KEPT if view.accepted:
                wanted = f" instead of {shown_field(field, view.wanted)}" if view.wanted != view.after else ""
                until = f"until {view.accepted.until}: {harmless(view.accepted.reason)}"
                notes = (f"accepted{wanted} {until}", "")
            case FieldClass.REMOVED:
                symbol, style, old, notes = "-", paint.delete, before, ("", drift)
            case _ if view.cls is not FieldClass.KEPT or view.after is None or stays_visible:
                continue
        yield FieldRow(view, symbol, old, new, ", ".join(note for note in notes if note), style)


def _field_lines(
    kind: Kind, views: Sequence[FieldView], paint: Paint, *, shows_unknown: bool = False
) -> Iterator[str]:
    """Yield a line for each field, and one for each row by which two lists differ."""
    rows = [*field_rows(kind, views, paint, shows_unknown=shows_unknown)]
    path_width = max((len(row.view.path) for row in rows), default=0)
    before_width = max((min(len(row.before), WIDEST_BEFORE) for row in rows if row.after), default=0)
    for row in rows:
        view = row.view
        values = f"{row.before:<{before_width}} → {row.after}" if row.after else row.before
        line = f"{harmless(view.path):<{path_width}}  {values}{'  ' + row.note if row.note else ''}"
        yield f"    {row.style(row.symbol + ' ' + line.rstrip())}"
        items = kind.by_path[view.path].rows
        if items is not None and view.differs and view.before and view.after:
            for _, old, new in differing_rows(items, view.before, view.after):
                symbol = "+" if old is None else "-" if new is None else "~"
                texts = [harmless(row_text(item)) for item in (old, new) if item is not None]
                yield f"        {row.style(symbol + ' ' + ' → '.join(texts))}"


def _unchanged(plan: Plan, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Yield which are unchanged: what a person should know of on lines of its own, then the others."""
    found, plain = list[str](), list[str]()
    for one in plan.unchanged:
        if one.adopted:
            what = f"found by its name, id {one.id}"
        elif one.hidden:
            what = "hidden, left alone"
        else:
            what = "absent" if one.id is None else f"id {one.id}"
        if one.remarkable:
            yield f"  {one.key}  {what}"
            yield from _field_lines(plan.account.kind, one.remarkable, paint)
        elif one.adopted or verbose:
            found.append(f"{one.key}  {what}")
        else:
            plain.append(one.key)
    yield from (f"  {line}" for line in first_of(found, every=verbose))
    if plain:
        yield f"  {', '.join(first_of(plain))}"


def remarks(plan: Plan, *, verbose: bool = False) -> Iterator[str]:
    """Yield what to know of a plan: of a way back, where a default is not proved, of unknown origins."""
    yield from plan.remarks
    changes = plan.every_change
    seen = (view for one in changes for view in one.fields if view.differs or view.cls is FieldClass.REFUSED)
    if any(view.is_claimed for view in seen):
        yield (
            "Stated, not proved: defaults: in the files say that the value stays, and nothing that was read "
            "back on this account has shown it. Declare the field, name it under keep, or prove the default "
            f"with reconciler defaults learn --target {harmless(plan.scope.target)}."
        )
    keys = [one.key for one in changes if any(view.drift is Drift.UNKNOWN for view in one.fields)]
    if keys:
        more = "" if verbose or len(keys) <= MOST_LISTED else f" --verbose names all {len(keys)}."
        yield (
            f"No earlier run is known of {in_short(keys, every=verbose)}: what changed in git and what "
            f"changed live cannot be told apart.{more}"
        )


def report_text(applied: TargetReport, *, paint: Paint = PLAIN) -> str:
    """Return how every change ended, the lines worth writing, and the summary line last."""
    outcomes = []
    for outcome in applied.told_once:
        symbol = getattr(paint, _STYLES[outcome.result])(sign_of(outcome))
        what = f"{outcome.action.value} " if outcome.action else ""
        id = f"id {outcome.id} " if outcome.id is not None else ""
        reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
        outcomes.append(f"{symbol} {paint.strong(outcome.key)}  {what}{id}{outcome.result.value}{reason}")
        outcomes += [f"    warning: {harmless(warning)}" for warning in outcome.warnings]
    to_write = [f"  {line.where}:  {harmless(line.text)}" for line in applied.lines]
    by_flag = " (apply --write-ids writes ids)" if any("{id: " in line for line in to_write) else ""
    blocks = [
        "\n".join(outcomes),
        sent_text(applied.sent, paint=paint),
        _titled("Written into the files:", [f"  {key}:  id {id}" for key, id in applied.ids_written.items()]),
        _titled(f"To write into the files{by_flag}:", to_write),
        "\n".join(map(harmless, applied.notes)),
        paint.strong(summary_line([applied], "apply")),
    ]
    return "\n\n".join(block for block in blocks if block)


def show_text(plan: Plan, declared: Declared, *, paint: Paint = PLAIN) -> str:
    """Return a table of one resource's fields, and what its plan would do to it."""
    entry, views = entry_of(plan)
    match entry:
        case Change(action=action, id=id):
            verdict = action.value + (f" id {id}" if id is not None else "")
        case Blocked(blocks=blocks) as blocked:
            verdict = f"{blocked.why}: " + harmless("; ".join(block.message for block in blocks))
        case Unchanged(id=id, hidden=hidden):
            verdict = "hidden, left alone" if hidden else "absent" if id is None else f"unchanged id {id}"
        case _:
            verdict = "nothing"
    lines = [f"{paint.strong(declared.key)}  on {plan.scope.target}, {verdict}  ({declared.place})"]
    if not views:
        return lines[0]
    headings = ("field", "class", "live", "desired", "declared")
    cells = [_cells(plan, declared, view) for view in views]
    table = columns([headings, *cells])
    if paint.width and max(map(len, table)) > paint.width:
        table = ["", *stacked(headings, cells, 2)]
    lines += ["", *filter(None, table[:1])]
    for view, row in zip(views, table[1:], strict=True):
        usual, differing = {
            FieldClass.REFUSED: (paint.blocked, paint.blocked),
            FieldClass.RESET: (paint.faint, paint.reset),
        }.get(view.cls, (str, paint.update))
        lines.append((differing if view.differs else usual)(row))
    change = entry.change if isinstance(entry, Blocked) else entry
    if isinstance(change, Change):
        lines += [f"{paint.strong('⇒')} {' '.join(effect_parts(effect))}" for effect in change.effects]
    if isinstance(change, Change) and change.live is not None:
        for member, value in carried(plan.account.kind, change.fields, change.live.body):
            lines.append(f"carried into the body as it is: {harmless('.'.join(member))} = {shown(value)}")
    return "\n".join(lines)


def _cells(plan: Plan, declared: Declared, view: FieldView) -> tuple[str, ...]:
    field = plan.account.kind.by_path[view.path]
    given, accepted = declared.given.get(view.path), view.accepted
    origin = given.origin if given else None if accepted else view.origin
    named = f"{harmless(str(view.named))}, " if view.named else ""
    where = [f"{named}{origin.level}, {origin.place}"] if origin else []
    if accepted:
        where.append(f"accepted until {accepted.until}, {accepted.origin.place}")
    drift = _DRIFT.get(view.drift)
    after = shown_field(field, view.after, longest=_LONGEST_CELL, beside=view.before)
    return (
        view.path,
        f"{view.cls.value}, {drift}" if drift else view.cls.value,
        shown_field(field, view.before, longest=_LONGEST_CELL, beside=view.after),
        f"{after} ({(view.default or ASSUMED_EMPTY).source.words} default)"
        if view.cls is FieldClass.RESET
        else after,
        ", ".join(where) or "-",
    )


def seeds_text(plan: SeedsPlan, *, paint: Paint = PLAIN, by_hand: str = "") -> str:
    """Return every seed with its counts, and every reason against it; `by_hand` as in `seed_title`."""
    if plan.trouble is not None:
        return f"{paint.blocked('!')} Seeds: nothing can be sent: {harmless(str(plan.trouble))}"
    signs = {"!": paint.blocked("!"), "~": paint.update("~"), "⇒": paint.strong("⇒"), "": ""}
    blocks = []
    for seed in plan.seeds:
        symbol, what = seed_title(seed, paint, by_hand)
        lines = [f"    {f'{signs[sign]} '.lstrip()}{harmless(text)}" for sign, text in seed_lines(seed)]
        blocks.append("\n".join([f"{symbol} {paint.strong(seed.seed.key)}  {what}", *lines]))
    return "\n\n".join(blocks)


def seed_title(plan: SeedPlan, paint: Paint = PLAIN, by_hand: str = "") -> tuple[str, str]:
    """Return the sign of what is done about a seed, and that in words with the customers in each state.

    `by_hand` is what a person does about it, whatever apply would do.
    """
    counts = ", ".join(f"{plan.count(state)} {state.value}" for state in RecipientState if plan.count(state))
    if by_hand:
        return paint.create("→"), f"{by_hand}, round {harmless(plan.seed.round)}: {counts}"
    if plan.kept_back and not plan.to_send:
        symbol = paint.blocked("!")
    elif plan.count(RecipientState.IN_DOUBT):
        symbol = paint.doubt("?")
    else:
        symbol = paint.create("→") if plan.to_send else paint.faint("=")
    verb = "send" if plan.to_send else "blocked" if plan.kept_back else "nothing to send"
    if plan.to_send and plan.kept_back:
        verb += f" ({plan.kept_back} blocked)"
    only = ", by hand only" if plan.seed.send is Send.BY_HAND else ""
    return symbol, f"{verb}, round {harmless(plan.seed.round)}: {counts}{only}"


def seed_lines(plan: SeedPlan) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a seed: `!` against sending, `⇒` whom it mails, `~` changed, a note."""
    for block in plan.blocks:
        yield "!", f"{block.message} [{block.code}]"
    if plan.mail and plan.to_send:
        yield "⇒", plan.mail
    for path, (number, _) in plan.changes.items():
        customers = counted(number, "customer")
        if path:
            yield "~", f"{harmless(path)}  changed for {customers}"
        else:
            version = "they were sent by an older version, which did not write down where"
            yield "~", f"{customers} changed; {version}"
    for note in seed_notes(plan):
        yield "", note


def seed_notes(plan: SeedPlan) -> Iterator[str]:
    """Yield what else a person should know of a seed."""
    yield from plan.notes
    copies = sum(bool(customer.copies) for customer in plan.seed.customers)
    if copies:
        yield f"{counted(copies, 'customer')} copied from earlier ones of the tenant, who may be real people"
    yield from dict.fromkeys(recipient.note for recipient in plan.customers if recipient.note)
    if any(recipient.changed and recipient.state is RecipientState.SENT for recipient in plan.customers):
        yield f"changed since; send: {plan.seed.send.value} does not send it again"
    if plan.count(RecipientState.FOUND):
        yield "found: customers that this journal does not explain, or mail of another seed, may be there;"
        yield f"look at the tenant, then run reconciler seeds resolve {plan.seed.key} --sent or --not-sent,"
        sent = plan.count(RecipientState.SENT)
        too = f", which mails the {counted(sent, 'customer')} sent already once more" if sent else ""
        yield f"or reconciler seeds send {plan.seed.key} --again{too}"
    if plan.count(RecipientState.IN_DOUBT):
        yield "in doubt: counting may settle it once it has rested for settle_after; or look at the tenant,"
        yield f"then run reconciler seeds resolve {plan.seed.key} --sent or --not-sent"


def sent_text(sent: Sequence[SendResult], *, paint: Paint = PLAIN) -> str:
    """Return how each sending ended."""
    lines = []
    for end in sent:
        symbol, counts, notes = sent_parts(end, paint)
        lines += [f"{symbol} {paint.strong(end.key)}  {counts}", *(f"    {harmless(note)}" for note in notes)]
    return "\n".join(lines)


def sent_parts(end: SendResult, paint: Paint = PLAIN) -> tuple[str, str, Sequence[str]]:
    """Return the sign of how a sending ended, how many customers ended how, and the notes on it."""
    numbers = {"sent": end.sent, "refused": end.refused, "found": end.found, "in doubt": end.in_doubt}
    counts = ", ".join(f"{number} {what}" for what, number in numbers.items() if number) or "nothing sent"
    symbol = paint.doubt("?") if end.in_doubt else paint.create("→") if end.sent else paint.blocked("!")
    return symbol, counts, [*end.notes, *([f"on the tenant: {_counts(end.status)}"] if end.status else [])]


def seed_status_text(statuses: Sequence[SeedStatus]) -> str:
    """Return what the tenant counts of each seed, a line each."""
    return "\n".join(
        f"{one.key}: {one.sent} sent; {one.counted} counted on the tenant; {_counts(one)}" for one in statuses
    )


def _counts(status: SeedStatus) -> str:
    """Return what the tenant counts by its statuses, and what that leaves unverified."""
    if status.faults is None:
        faults = "faults unverified: no fault_statuses are declared"
    elif status.faults:
        faults = f"{status.faults} not mailed, according to fault_statuses"
    else:
        faults = "no fault"
    parts = [
        ", ".join(f"{number} {harmless(name)}" for name, number in status.by_status.items()),
        f"{status.missing} not visible yet, unverified" if status.missing else "",
        f"{status.unplaced} in no status, unverified" if status.unplaced else "",
        faults,
        *(
            f"unverified: there is no status {harmless(f'{one}; {hint}')}"
            for one, hint in status.unknown.items()
        ),
    ]
    return "; ".join(part for part in parts if part)


def preview_text(plan: SeedPlan, now: datetime, zone: ZoneInfo, *, masked: Callable[[str], str] = str) -> str:
    """Return each customer as it will go, a block each; `masked` hides what is personal in a text."""
    seed = plan.seed
    approval = "automatically" if seed.batch.get("ApproveAutomatically") is True else "by hand, at Expoints"
    blocks = [f"{seed.key}, round {harmless(seed.round)}; approved {approval}"]
    for recipient in plan.customers:
        customer, changed = recipient.customer, recipient.changed
        end = customer.members.get("EndDate", seed.batch.get("EndDate"))
        rows = [
            ("mailed from", moment_text(customer.members.get("SendDate"), now, zone) or "at once"),
            ("not before", moment_text(seed.batch.get("SendTime"), now, zone) or "any time"),
            ("expires", moment_text(end, now, zone) or "as the system decides"),
            ("copies", ", ".join(customer.copies)),
            ("changed", "in what its sender did not write down" if "" in changed else ", ".join(changed)),
            *(
                (name, masked(str(value)))
                for name, value in customer.members.items()
                if not isinstance(value, Moment)
            ),
            *(
                (str(item.column), "encrypted" if item.encryption else masked(item.value))
                for item in customer.data
            ),
        ]
        heading = f"{harmless(masked(customer.email))}  {recipient.state.value}  ({customer.place})"
        lines = columns([(harmless(name), harmless(text)) for name, text in rows if text])
        blocks.append("\n".join([heading, *(f"    {line}" for line in lines)]))
    return "\n\n".join(blocks)
