"""Plans, and how they ended, as Markdown for a pull request's comment or a step's summary on GitHub.

What needs a person's eye comes first. Whatever a value holds, it stays text: see `inline`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reconciler.engine.outcome import Outcome, Result
from reconciler.engine.plan import Blocked, Change
from reconciler.errors import Exit
from reconciler.expoints.sending import Sent
from reconciler.expoints.standing import SeedPlan
from reconciler.problems import Problem
from reconciler.render.drift import untold_text
from reconciler.render.fitting import COMMENT, Group, Limit, Part, fitted
from reconciler.render.inline import code, element, fenced, prose
from reconciler.render.reported import MEANINGS, Applied, Planned, Reported, Stopped
from reconciler.render.seeds import (
    MAIL_IS_SENT,
    customer_cells,
    seed_change,
    seed_notes,
    seed_symbol,
    seed_what,
    sent_notes,
    sent_what,
)
from reconciler.render.text import (
    RESULT_SYMBOLS,
    SYMBOLS,
    adoption_line,
    applied_text,
    change_lines,
    field_rows,
    header_text,
    summary_text,
    view_lines,
)
from reconciler.render.values import counted, shortened

ELSEWHERE = "the output of the run has them"
_LONGEST_SENTENCE = 1000
_LONGEST_NAME = 200
_MOST_CUSTOMERS = 50
_MOST_LOOSENED = 20

_WHAT_A_RESET_IS = "Not declared: the PUT leaves them out, and the server puts them back to their default."


def markdown(told: Sequence[Reported], limit: Limit = COMMENT, elsewhere: str = ELSEWHERE) -> str:
    """Return a report over targets, of at most that size, those first that were stopped.

    What is cut is counted, and `elsewhere` says where it is. Every target has as much room as any other.
    """
    ordered = sorted(told, key=lambda one: not isinstance(one, Stopped))
    share = Limit(limit.most // max(1, len(ordered)) - 2, limit.size)
    return "\n\n".join(fitted(list(_parts(one)), share, elsewhere) for one in ordered) + "\n"


def _parts(reported: Reported) -> Iterator[Part]:
    match reported:
        case Planned():
            yield from _head("plan", reported)
            yield from _plan_parts(reported)
        case Applied():
            yield from _head("apply", reported.planned, reported.exit)
            yield from _ends(reported)
        case Stopped():
            yield from _stopped(reported)


def marker(verb: str, target: str) -> str:
    """Return the comment by which a report of a target is found again; nobody sees it."""
    # Percent-encoded, so that nothing in it ends the comment.
    return f"<!-- reconciler:{verb} target={quote(target, safe='')} -->"


def _head(verb: str, planned: Planned, exit: Exit | None = None) -> Iterator[str]:
    yield marker(verb, planned.target)
    yield f"### {verb.capitalize()} {'of' if verb == 'plan' else 'to'} {_name(planned.target)}"
    yield "  \n".join(_sentence(line) for line in header_text(planned.plan.scope).splitlines())
    yield _alert("CAUTION", _meaning(planned.exit if exit is None else exit))
    yield from _loosened(planned)


def _meaning(exit: Exit) -> Sequence[str]:
    return [f"**Exit {int(exit)}:** {MEANINGS[exit]}."] if exit in MEANINGS else []


def _loosened(planned: Planned) -> Iterator[str]:
    since = planned.since
    if since is None:
        return
    lines = [f"- {_sentence(one)}" for one in since.loosened[:_MOST_LOOSENED]]
    left = len(since.loosened) - len(lines)
    more = [f"- and {left} more"] if left else []
    yield _alert("WARNING", [f"**Guardrails allow more than at** {_name(since.ref)}:", *lines, *more], lines)
    yield _sentence(since.note)


def _alert(kind: str, lines: Sequence[str], if_any: Sequence[str] | None = None) -> str:
    """Return lines as one of GitHub's alerts; nothing where there is nothing to say."""
    if not (lines if if_any is None else if_any):
        return ""
    return "\n".join(f"> {line}" for line in [f"[!{kind}]", *lines])


def _plan_parts(planned: Planned) -> Iterator[Part]:
    yield _resets(planned)
    yield Group("#### ! Blocked", [_blocked(planned, one) for one in planned.plan.blocked], "resource")
    yield from _changes(planned)
    yield _seeds(planned)
    if planned.seeds.trouble is not None:
        yield f"! Seeds: nothing can be sent: {_sentence(str(planned.seeds.trouble))}"
    yield Group("#### Left as it is", [*_remarkable(planned)], "resource")
    yield _sentence(untold_text(planned.plan))
    unmanaged = [f"- {live.id} {_name(live.name)}" for live in planned.plan.unmanaged]
    yield Group("#### Unmanaged (live, declared nowhere; left alone)", unmanaged, "configuration", "\n")
    yield _problems(planned.problems)
    yield f"**{prose(summary_text(planned.plan, planned.seeds))}**"
    yield f"Fingerprint {code(planned.fingerprint)}"


def _remarkable(planned: Planned) -> Iterator[str]:
    """Yield the resources that nothing is done about, and of which a person should know all the same."""
    for one in planned.plan.unchanged:
        if one.adopted or one.remarkable:
            found = f" found by its name, id {one.id}" if one.adopted else ""
            lines = view_lines(planned.plan.account.kind, one.remarkable)
            body = [fenced(lines, "diff")] if lines else []
            yield _details(f"= {element(one.key)}{found}", iter(body))


def _resets(planned: Planned) -> Group:
    items = [line for change in planned.plan.changes for line in _reset_lines(planned, change)]
    heading = f"#### ↺ {counted(len(items), 'field')} reset\n\n{_WHAT_A_RESET_IS}"
    return Group(heading, items, "reset field", "\n")


def _reset_lines(planned: Planned, change: Change) -> Iterator[str]:
    for row in field_rows(planned.plan.account.kind, change.resets):
        values = f"{code(row.before)} → {code(row.after)}"
        note = f"{_sentence(row.note)}{_before(planned, change)}"
        yield f"- ↺ {code(change.key)} {code(row.path)}: {values}, {note}"


def _before(planned: Planned, change: Change) -> str:
    """Return a remark on what this change of the files does not cause."""
    was_there = planned.since is not None and not planned.since.caused(change.digest)
    return " (pending before)" if was_there else ""


def _changes(planned: Planned) -> Iterator[Group]:
    changes, since = planned.plan.changes, planned.since
    if since is None:
        yield Group("#### Changes", [_fold(planned, change) for change in changes], "resource")
        return
    caused = [_fold(planned, change) for change in changes if since.caused(change.digest)]
    before = [_fold(planned, change) for change in changes if not since.caused(change.digest)]
    yield Group(f"#### Caused by the change of the files since {_name(since.ref)}", caused, "resource")
    yield Group("#### Pending or drifted before, whatever changed in the files", before, "resource")


def _fold(planned: Planned, change: Change) -> str:
    title = f"{SYMBOLS[change.action]} {element(change.key)} {_what(change)}{_figures(change)}"
    return _details(title, _change_body(planned, change))


def _what(change: Change) -> str:
    if change.live is None:
        return change.action.value
    return f"{change.action.value} id {change.live.id} {element(shortened(change.live.name))}"


def _figures(change: Change) -> str:
    resets = len(change.resets)
    return f" <b>↺ {counted(resets, 'field')} reset</b>" if resets else ""


def _change_body(planned: Planned, change: Change) -> Iterator[str]:
    if change.adopted:
        yield f"Found by its name; to keep it: {code(adoption_line(change))}"
    lines = change_lines(planned.plan.account.kind, change)
    if lines:
        yield fenced(lines, "diff")


def _details(title: str, body: Iterator[str], *, is_open: bool = False) -> str:
    opening = f"<details{' open' if is_open else ''}><summary>{title}</summary>"
    return "\n\n".join([opening, *body, "</details>"])


def _blocked(planned: Planned, blocked: Blocked) -> str:
    change = blocked.change
    why = "unreviewed" if blocked.is_unreviewed else "blocked"
    was_there = planned.since is not None and not planned.since.caused_block(blocked)
    what = f"{_what(change)}, {why}" if change else why
    title = f"! {element(blocked.key)} {what}{' (so before)' if was_there else ''}"
    return _details(title, _blocked_body(planned, blocked), is_open=True)


def _blocked_body(planned: Planned, blocked: Blocked) -> Iterator[str]:
    yield "\n".join(f"- {_sentence(block.message)}" for block in blocked.blocks)
    if blocked.change:
        yield from _change_body(planned, blocked.change)


def _seeds(planned: Planned) -> Group:
    told = f"#### Seeds\n\n{MAIL_IS_SENT}" if planned.seeds.customers else "#### Seeds"
    return Group(told, [_seed(planned, seed) for seed in planned.seeds.seeds], "seed")


def _seed(planned: Planned, seed: SeedPlan) -> str:
    was_there = bool(seed.to_send and planned.since and not planned.since.caused(seed.digest))
    title = f"{seed_symbol(seed)} {element(seed.seed.key)} {element(seed_what(seed))}"
    remark = " (pending before)" if was_there else ""
    return _details(f"{title}{remark}", _seed_body(seed), is_open=bool(seed.blocks))


def _seed_body(seed: SeedPlan) -> Iterator[str]:
    reasons = [f"- ! {_sentence(block.message)}" for block in seed.blocks]
    changed = [f"- ~ {_sentence(seed_change(one))}" for one in seed.changes]
    notes = [f"- {_sentence(note)}" for note in seed_notes(seed)]
    if reasons or changed or notes:
        yield "\n".join([*reasons, *changed, *notes])
    customers = ["  ".join(cells) for cells in customer_cells(seed)]
    if customers:
        left = len(customers) - _MOST_CUSTOMERS
        yield fenced([*customers[:_MOST_CUSTOMERS], *([f"and {left} more"] if left > 0 else [])])


def _problems(problems: Sequence[Problem]) -> Group:
    return Group("#### Problems in the files", [_problem(one) for one in problems], "problem", "\n")


def _problem(problem: Problem) -> str:
    key = f" {code(problem.key)}" if problem.key else ""
    hint = f" → {_sentence(problem.hint)}" if problem.hint else ""
    where = f"{code(str(problem.place))} {problem.severity.value} {code(problem.code)}{key}"
    return f"- {where}: {_sentence(problem.message)}{hint}"


def _ends(applied: Applied) -> Iterator[Part]:
    outcomes = applied.report.outcomes
    changes = {change.key: change for change in applied.planned.plan.changes}
    texts = [(one.result, _outcome(applied, one, changes.get(one.key))) for one in outcomes]
    wrong = [text for result, text in texts if result is not Result.APPLIED]
    yield Group("#### Needs a look", wrong, "resource")
    yield Group("#### Applied", [text for result, text in texts if result is Result.APPLIED], "resource")
    yield Group("#### Seeds", [_sent(end) for end in applied.sent], "seed", "\n")
    ids = [f"- {code(key)}: id {id}" for key, id in applied.ids_written.items()]
    yield Group("#### Written into the files", ids, "id", "\n")
    lines = dict.fromkeys(line for outcome in outcomes for line in outcome.lines)
    to_write = [f"- {code(line.where)}: {code(line.text)}" for line in lines]
    yield Group("#### To write into the files", to_write, "line", "\n")
    yield Group("", [_sentence(note) for note in applied.report.notes], "note")
    yield f"**{prose(applied_text(applied.report, applied.planned.seeds, applied.sent))}**"
    yield f"Fingerprint {code(applied.planned.fingerprint)}"


def _outcome(applied: Applied, outcome: Outcome, change: Change | None) -> str:
    symbol, _ = RESULT_SYMBOLS[outcome.result]
    id = f"id {outcome.id} " if outcome.id is not None else ""
    action = f"{outcome.action.value} " if outcome.action else ""
    title = f"{symbol} {element(outcome.key)} {action}{id}<b>{outcome.result.value}</b>"
    is_open = outcome.result is not Result.APPLIED or bool(outcome.warnings)
    return _details(title, _outcome_body(applied, outcome, change), is_open=is_open)


def _outcome_body(applied: Applied, outcome: Outcome, change: Change | None) -> Iterator[str]:
    told = [outcome.reason] if outcome.reason else []
    told += [f"warning: {warning}" for warning in outcome.warnings]
    if told:
        yield "\n".join(f"- {_sentence(one)}" for one in told)
    if change:
        yield from _change_body(applied.planned, change)


def _sent(end: Sent) -> str:
    symbol, told = sent_what(end)
    notes = "".join(f"\n  - {_sentence(note)}" for note in sent_notes(end))
    return f"- {symbol} {code(end.key)} {told}{notes}"


def _stopped(stopped: Stopped) -> Iterator[Part]:
    yield marker(stopped.verb, stopped.target)
    where = f" {'of' if stopped.verb == 'plan' else 'to'} {_name(stopped.target)}" if stopped.target else ""
    yield f"### {stopped.verb.capitalize()}{where} was stopped"
    yield _alert("CAUTION", [f"**Exit {int(stopped.exit)}:** {_sentence(stopped.error)}"])
    yield _problems(stopped.problems)


def _sentence(text: str) -> str:
    return prose(shortened(text, _LONGEST_SENTENCE)) if text else ""


def _name(text: str) -> str:
    return code(shortened(text, _LONGEST_NAME))
