"""Plans, and how they ended, as Markdown for a comment on a pull request or a step's summary on GitHub."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.change import Blocked, Change
from reconciler.engine.outcome import Outcome, Result
from reconciler.errors import Exit
from reconciler.expoints.recipients import SeedPlan
from reconciler.expoints.sending import SendResult
from reconciler.problems import Problem
from reconciler.render.report import MEANINGS, Applied, Planned, Reported, Stopped, Underway, without_plan
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
    unproved_text,
    untold_text,
    view_lines,
)
from reconciler.render.values import counted, harmless, shortened

_TICKS = re.compile("`+")
# Letters alone, numbers too short to be the name of a commit, dates and times; nothing that begins a list.
_NUMBERS = r"\d{1,6}%?(?![.)]$)|\d{4}-\d\d-\d\d|\d\d?:\d\d"
_WORD = re.compile(rf"\(?(?:[^\W\d_]+(?:['’-][^\W\d_]+)*|{_NUMBERS})\)?[.,;:?]?")
_STOPS = ".,;:"


def code(text: str) -> str:
    """Return text as a code span on one line."""
    text = harmless(text)
    if not text.strip(" "):
        return "`(empty)`"
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """Return a sentence in which every word that could mean something to Markdown stands as code."""
    parts = groupby(harmless(text).split(), key=lambda word: bool(_WORD.fullmatch(word)))
    return " ".join(" ".join(words) if is_plain else _codes(words) for is_plain, words in parts)


def _codes(words: Iterable[str]) -> str:
    """Return words as code, in one span as far as no bracket and no stop of the sentence divides them."""
    parts, opened, span = list[str](), "", list[str]()
    for word in words:
        before, core, after = _divided(word)
        if before and span:
            parts.append(f"{opened}{code(' '.join(span))}")
            opened, span = "", []
        opened, span = opened + before, [*span, core]
        if after:
            parts.append(f"{opened}{code(' '.join(span))}{after}")
            opened, span = "", []
    return " ".join([*parts, f"{opened}{code(' '.join(span))}"] if span else parts)


def _divided(word: str) -> tuple[str, str, str]:
    """Return a word apart from what the sentence puts around it: a bracket without its partner, a stop."""
    core, after = (word[:-1], word[-1]) if word[-1] in _STOPS else (word, "")
    if core.endswith(")") and "(" not in core[1:]:
        core, after = core[:-1], f"){after}"
    before = "(" if core.startswith("(") and ")" not in core else ""
    core = core.removeprefix(before)
    return ("", word, "") if not core or core[-1] in _STOPS else (before, core, after)


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Return lines as a block of code, each as it is."""
    content = [harmless(line) for line in lines]
    ticks = "`" * max(3, _longest_run("\n".join(content)) + 1)
    return "\n".join([f"{ticks}{language}", *content, ticks])


def element(text: str) -> str:
    """Return text as an HTML element, for a line that Markdown leaves to HTML."""
    return f"<code>{html.escape(harmless(text))}</code>"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


_BREAK = 2
"""What stands between two parts."""

Measure: TypeAlias = Callable[[str], int]


class Limit(Struct, frozen=True):
    """How large a page may be, by whoever takes it."""

    most: int
    size: Measure


def _units(text: str) -> int:
    """Return how long a text is where characters outside of the first plane count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


COMMENT = Limit(64_900, _units)
"""A comment on GitHub has at most 65,536 characters, as its refusal says, or 262,144 bytes, as others have
measured: so many units are below both, whatever they are of."""
STEP_SUMMARY = Limit(1_048_000, lambda text: len(text.encode("utf-8", "replace")))
"""The summary of a step on GitHub has at most 1 MiB."""


class Group(Struct, frozen=True):
    """Items under a heading, of which as many are shown as fit. Nothing at all is shown of an empty one."""

    heading: str
    items: Sequence[str]
    noun: str
    apart: str = "\n\n"
    """What stands between two items."""
    short: Sequence[str] = ()
    """Each item in short, for where they do not all fit; none where no item can be shorter."""
    is_grave: bool = False
    """Whether it has its room before all that is not."""


Part: TypeAlias = str | Group


def fitted(pages: Sequence[Sequence[Part]], limit: Limit, elsewhere: str) -> str:
    """Return pages one after the other as one; `elsewhere` says, as a part of a sentence, where the whole is.

    What is grave has its room first, and small groups are whole before a large one is cut. A page is left out
    only where its plain parts do not fit. Where not even one does, the text is empty.
    """
    pages = [[part for part in page if not isinstance(part, Group) or part.items] for page in pages]
    frames = [sum(_frame_size(part, limit, elsewhere) for part in page if part) for page in pages]
    kept, left = _whole_pages(frames, limit, elsewhere)
    room = limit.most - sum(frames[:kept]) - limit.size(left)
    parts = [part for page in pages[:kept] for part in page if part]
    groups = [part for part in parts if isinstance(part, Group)]
    rooms = {id(group): share for group, share in _rooms(groups, room, limit)}
    texts = (
        part if isinstance(part, str) else _shown(part, rooms[id(part)], limit, elsewhere) for part in parts
    )
    return "\n\n".join(text for text in (*texts, left.strip()) if text)


def _frame_size(part: Part, limit: Limit, elsewhere: str) -> int:
    """Return what a part takes without any item, but with all that may have to be said of those."""
    if isinstance(part, str):
        return limit.size(part) + _BREAK
    number = len(part.items)
    told = (_left(part.noun, number, elsewhere), _shortened(part.noun, number, elsewhere))
    return sum(limit.size(text) + _BREAK for text in (part.heading, *told))


def _whole_pages(frames: Sequence[int], limit: Limit, elsewhere: str) -> tuple[int, str]:
    """Return how many pages fit at all, and what is to be said of the others."""
    if sum(frames) <= limit.most:
        return len(frames), ""
    for kept in range(len(frames) - 1, -1, -1):
        left = f"\n\n{_left('target', len(frames) - kept, elsewhere)}"
        if sum(frames[:kept]) + limit.size(left) <= limit.most:
            return kept, left
    return 0, ""


def _rooms(groups: Sequence[Group], room: int, limit: Limit) -> Iterator[tuple[Group, int]]:
    """Yield each group with the room that its items have: the grave ones first, then what is left."""
    for is_grave in (True, False):
        some = [group for group in groups if group.is_grave is is_grave]
        shares = _shares([_size(group.items, group, limit) for group in some], room)
        yield from zip(some, shares, strict=True)
        room -= sum(shares)


def _size(items: Iterable[str], group: Group, limit: Limit) -> int:
    return sum(limit.size(item) + len(group.apart) for item in items)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return how much room each has: all that it needs, or as much as every other that needs more."""
    shares = [0] * len(sizes)
    by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
    for place, index in enumerate(by_size):
        shares[index] = max(0, min(sizes[index], room // (len(sizes) - place)))
        room -= shares[index]
    return shares


def _shown(group: Group, room: int, limit: Limit, elsewhere: str) -> str:
    items = _fitting(group, room, limit)
    left = items.count("")
    short = sum(
        one == brief != item for one, item, brief in zip(items, group.items, group.short, strict=False)
    )
    told = (
        group.apart.join(item for item in items if item),
        _shortened(group.noun, short, elsewhere) if short else "",
        _left(group.noun, left, elsewhere) if left else "",
    )
    return "\n\n".join(text for text in (group.heading, *told) if text)


def _fitting(group: Group, room: int, limit: Limit) -> list[str]:
    """Return every item: as it is, in short, or empty where it does not fit.

    A large one is passed over, so that it hides no other. None is whole while any is left out.
    """
    chosen = [""] * len(group.items)
    for items in (group.short, group.items):
        for index, item in enumerate(items):
            more = limit.size(item) - (limit.size(chosen[index]) if chosen[index] else -len(group.apart))
            if more <= room:
                chosen[index], room = item, room - more
        if "" in chosen and group.short:
            break
    return chosen


def _left(noun: str, number: int, elsewhere: str) -> str:
    verb = "is" if number == 1 else "are"
    return f"**{counted(number, f'more {noun}')} {verb} left out here:** {elsewhere}."


def _shortened(noun: str, number: int, elsewhere: str) -> str:
    verb = "is" if number == 1 else "are"
    return f"**{counted(number, noun)} {verb} told in short here:** {elsewhere}."


ELSEWHERE = "the output of the run has them"
_LONGEST_SENTENCE = 1000
_LONGEST_NAME = 200
_MOST_CUSTOMERS = 50
_MOST_LOOSENED, _LONGEST_LOOSENED = 20, 300

_WHAT_A_RESET_IS = "Not declared: the PUT leaves them out, and the server puts them back to their default."


def markdown(told: Sequence[Reported], limit: Limit = COMMENT, elsewhere: str = ELSEWHERE) -> str:
    """Return a report over targets, of at most that size, those first of which there is no plan.

    What is cut is counted, and `elsewhere` says where it is; resets and what is blocked are cut last.
    Empty where not even the head of a report has room.
    """
    ordered = sorted(told, key=lambda one: not without_plan(one))
    text = fitted([list(_parts(one)) for one in ordered], replace(limit, most=limit.most - 1), elsewhere)
    return f"{text}\n" if text else ""


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
        case Underway():
            yield marker(reported.verb, reported.target)
            yield f"{_title(reported)} has not ended"
            yield _alert("CAUTION", [reported.told])


def marker(verb: str, target: str) -> str:
    """Return the comment by which a report of a target is found again; nobody sees it."""
    # Percent-encoded, so that nothing in it ends the comment.
    return f"<!-- reconciler:{verb} target={quote(target, safe='')} -->"


def _head(verb: str, planned: Planned, exit: Exit | None = None) -> Iterator[str]:
    yield marker(verb, planned.target)
    yield f"### {verb.capitalize()} {'of' if verb == 'plan' else 'to'} {_name(planned.target)}"
    yield _loosened(planned)
    yield "  \n".join(_sentence(line) for line in header_text(planned.plan.scope).splitlines())
    yield _alert("CAUTION", _meaning(planned.exit if exit is None else exit))
    yield _sentence(planned.since.note) if planned.since else ""


def _meaning(exit: Exit) -> Sequence[str]:
    return [f"**Exit {int(exit)}:** {MEANINGS[exit]}."] if exit in MEANINGS else []


def _loosened(planned: Planned) -> str:
    lines = [_loosened_line(one) for one in planned.loosened[:_MOST_LOOSENED]]
    left = len(planned.loosened) - len(lines)
    more = [f"- and {left} more"] if left else []
    ref = _name(planned.since.ref) if planned.since else ""
    return _alert("WARNING", [f"**Guardrails allow more than at** {ref}:", *lines, *more], lines)


def _loosened_line(problem: Problem) -> str:
    hint = f" ({_sentence(problem.hint)})" if problem.hint else ""
    message = code(shortened(problem.message, _LONGEST_LOOSENED))
    return f"- {code(str(problem.place))} {code(problem.key)}: {message}{hint}"


def _alert(kind: str, lines: Sequence[str], if_any: Sequence[str] | None = None) -> str:
    """Return lines as one of GitHub's alerts; nothing where there is nothing to say."""
    if not (lines if if_any is None else if_any):
        return ""
    return "\n".join(f"> {line}" for line in [f"[!{kind}]", *lines])


def _plan_parts(planned: Planned) -> Iterator[Part]:
    yield _resets(planned)
    yield _group("#### ! Blocked", [_blocked(planned, one) for one in planned.plan.blocked], is_grave=True)
    yield from _changes(planned)
    yield _seeds(planned)
    yield _trouble(planned)
    yield _group("#### Left as it is", [*_remarkable(planned)])
    yield _sentence(unproved_text(planned.plan))
    yield _sentence(untold_text(planned.plan))
    unmanaged = [f"- {live.id} {_name(live.name)}" for live in planned.plan.unmanaged]
    yield Group("#### Unmanaged (live, declared nowhere; left alone)", unmanaged, "configuration", "\n")
    yield _problems(planned.problems)
    yield f"**{prose(summary_text(planned.plan, planned.seeds))}**"
    yield f"Fingerprint {code(planned.fingerprint)}"


def _remarkable(planned: Planned) -> Iterator[_Fold]:
    """Yield the resources that nothing is done about, and of which a person should know all the same."""
    for one in planned.plan.unchanged:
        if one.adopted or one.remarkable:
            found = f" found by its name, id {one.id}" if one.adopted else ""
            lines = view_lines(planned.plan.account.kind, one.remarkable)
            body = (fenced(lines, "diff"),) if lines else ()
            yield _Fold(f"= {element(one.key)}{found}", body, f"= {code(one.key)}{found}")


def _resets(planned: Planned) -> Group:
    resetting = [change for change in planned.plan.changes if change.resets]
    texts = ["\n".join(_reset_lines(planned, change)) for change in resetting]
    short = [_short_resets(planned, change) for change in resetting]
    heading = f"#### ↺ {counted(planned.plan.resets, 'field')} reset\n\n{_WHAT_A_RESET_IS}"
    return Group(heading, texts, "resource", "\n", short, is_grave=True)


def _reset_lines(planned: Planned, change: Change) -> Iterator[str]:
    for row in field_rows(planned.plan.account.kind, change.resets):
        values = f"{code(row.before)} → {code(row.after)}"
        note = f"{_sentence(row.note)}{_before(planned, change)}"
        yield f"- ↺ {code(change.key)} {code(row.path)}: {values}, {note}"


def _short_resets(planned: Planned, change: Change) -> str:
    paths = ", ".join(code(view.path) for view in change.resets)
    return f"- ↺ {code(change.key)}: {paths}{_before(planned, change)}"


def _before(planned: Planned, change: Change) -> str:
    """Return a remark on what this change of the files does not cause."""
    was_there = planned.since is not None and not planned.since.caused(change.digest)
    return " (pending before)" if was_there else ""


def _changes(planned: Planned) -> Iterator[Group]:
    changes, since = planned.plan.changes, planned.since
    if since is None:
        yield _group("#### Changes", [_change(planned, change) for change in changes])
        return
    caused = [_change(planned, change) for change in changes if since.caused(change.digest)]
    before = [_change(planned, change) for change in changes if not since.caused(change.digest)]
    yield _group(f"#### Caused by the change of the files since {_name(since.ref)}", caused)
    yield _group("#### Pending or drifted before, whatever changed in the files", before)


class _Fold(Struct, frozen=True):
    """A resource that folds out, and a line that names it where there is no room for more."""

    title: str
    body: tuple[str, ...]
    line: str
    is_open: bool = False

    @property
    def text(self) -> str:
        return _details(self.title, iter(self.body), is_open=self.is_open) if self.body else f"- {self.line}"


def _group(heading: str, folds: Sequence[_Fold], *, is_grave: bool = False) -> Group:
    texts, lines = [fold.text for fold in folds], [f"- {fold.line}" for fold in folds]
    return Group(heading, texts, "resource", short=lines, is_grave=is_grave)


def _change(planned: Planned, change: Change) -> _Fold:
    symbol, what, resets = SYMBOLS[change.action], _what(change), _figures(change)
    return _Fold(
        f"{symbol} {element(change.key)} {what}{f' <b>{resets}</b>' if resets else ''}",
        tuple(_change_body(planned, change)),
        f"{symbol} {code(change.key)} {_action(change)}{f', {resets}' if resets else ''}",
    )


def _action(change: Change) -> str:
    return change.action.value if change.live is None else f"{change.action.value} id {change.live.id}"


def _what(change: Change) -> str:
    return f"{_action(change)} {element(shortened(change.live.name))}" if change.live else _action(change)


def _figures(change: Change) -> str:
    resets = len(change.resets)
    return f"↺ {counted(resets, 'field')} reset" if resets else ""


def _change_body(planned: Planned, change: Change) -> Iterator[str]:
    if change.adopted:
        yield f"Found by its name; to keep it: {code(adoption_line(change))}"
    lines = change_lines(planned.plan.account.kind, change)
    if lines:
        yield fenced(lines, "diff")


def _details(title: str, body: Iterator[str], *, is_open: bool = False) -> str:
    opening = f"<details{' open' if is_open else ''}><summary>{title}</summary>"
    return "\n\n".join([opening, *body, "</details>"])


def _blocked(planned: Planned, blocked: Blocked) -> _Fold:
    change = blocked.change
    why, symbol = blocked.why, "?" if blocked.is_in_doubt else "!"
    was_there = planned.since is not None and not planned.since.caused_block(blocked)
    before = " (so before)" if was_there else ""
    what = f"{_what(change)}, {why}" if change else why
    reasons = [_sentence(block.message) for block in blocked.blocks]
    body = _change_body(planned, change) if change else ()
    return _Fold(
        f"{symbol} {element(blocked.key)} {what}{before}",
        ("\n".join(f"- {reason}" for reason in reasons), *body),
        f"{symbol} {code(blocked.key)} {why}{before}: {'; '.join(reasons)}",
        is_open=True,
    )


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
    folds = [(one.result, _outcome(applied, one)) for one in outcomes]
    wrong = [fold for result, fold in folds if result is not Result.APPLIED]
    yield _group("#### Needs a look", wrong, is_grave=True)
    yield _group("#### Applied", [fold for result, fold in folds if result is Result.APPLIED])
    yield Group("#### Seeds", [_sent(end) for end in applied.sent], "seed", "\n")
    held = [_seed(applied.planned, seed) for seed in applied.held]
    yield Group("#### Seeds that were not sent", held, "seed")
    yield _trouble(applied.planned)
    ids = [f"- {code(key)}: id {id}" for key, id in applied.ids_written.items()]
    yield Group("#### Written into the files", ids, "id", "\n")
    lines = dict.fromkeys(line for outcome in outcomes for line in outcome.lines)
    to_write = [f"- {code(line.where)}: {code(line.text)}" for line in lines]
    yield Group("#### To write into the files", to_write, "line", "\n")
    yield Group("", [_sentence(note) for note in applied.report.notes], "note")
    yield _problems(applied.planned.problems)
    yield f"**{prose(applied_text(applied.report, applied.planned.seeds, applied.sent))}**"
    yield f"Fingerprint {code(applied.planned.fingerprint)}"


def _trouble(planned: Planned) -> str:
    trouble = planned.seeds.trouble
    return f"! Seeds: nothing can be sent: {_sentence(str(trouble))}" if trouble is not None else ""


def _outcome(applied: Applied, outcome: Outcome) -> _Fold:
    symbol, _ = RESULT_SYMBOLS[outcome.result]
    id = f"id {outcome.id} " if outcome.id is not None else ""
    what = f"{outcome.action.value} {id}" if outcome.action else id
    told = [outcome.reason] if outcome.reason else []
    told += [f"warning: {warning}" for warning in outcome.warnings]
    sentences = [_sentence(one) for one in told]
    return _Fold(
        f"{symbol} {element(outcome.key)} {what}<b>{outcome.result.value}</b>",
        tuple(_outcome_body(applied, outcome, sentences)),
        f"{symbol} {code(outcome.key)} {what}{': '.join([outcome.result.value, *sentences])}",
        is_open=outcome.result is not Result.APPLIED or bool(outcome.warnings),
    )


def _outcome_body(applied: Applied, outcome: Outcome, sentences: Iterable[str]) -> Iterator[str]:
    if sentences:
        yield "\n".join(f"- {one}" for one in sentences)
    if change := applied.change_of(outcome):
        yield from _change_body(applied.planned, change)


def _sent(end: SendResult) -> str:
    symbol, told = sent_what(end)
    notes = "".join(f"\n  - {_sentence(note)}" for note in sent_notes(end))
    return f"- {symbol} {code(end.key)} {told}{notes}"


def _title(reported: Stopped | Underway) -> str:
    where = (
        f" {'of' if reported.verb == 'plan' else 'to'} {_name(reported.target)}" if reported.target else ""
    )
    return f"### {reported.verb.capitalize()}{where}"


def _stopped(stopped: Stopped) -> Iterator[Part]:
    yield marker(stopped.verb, stopped.target)
    yield f"{_title(stopped)} was stopped"
    yield _alert("CAUTION", [f"**Exit {int(stopped.exit)}:** {_sentence(stopped.error)}"])
    yield _problems(stopped.problems)


def _sentence(text: str) -> str:
    return prose(shortened(text, _LONGEST_SENTENCE)) if text else ""


def _name(text: str) -> str:
    return code(shortened(text, _LONGEST_NAME))
