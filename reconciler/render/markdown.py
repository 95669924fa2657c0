"""Plans, and how they ended, as Markdown for a comment on a pull request or a step's summary on GitHub.

Every value stays text: it stands in a code span or a fenced block, or is escaped within HTML tags. The size
is bounded: what does not fit is left out and counted, what needs a person's eye last.
"""

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
from reconciler.errors import MEANINGS, Exit
from reconciler.expoints.recipients import SeedPlan
from reconciler.expoints.seed import masked
from reconciler.problems import Problem, Severity
from reconciler.render.report import Reported, Stopped, TargetReport, in_order, summary_line
from reconciler.render.text import (
    MAIL_IS_SENT,
    adoption_line,
    effect_parts,
    field_lines,
    field_rows,
    header_text,
    remarks,
    seed_lines,
    seed_title,
    sent_parts,
    sign_of,
)
from reconciler.render.values import (
    MOST_LISTED,
    counted,
    first_of,
    harmless,
    shortened,
    tally,
    warnings_by_code,
)

_LONGEST_SENTENCE = 1000
_LONGEST_NAME = 200
_MOST_CUSTOMERS = 50
_BY = "the HTML page or `plan --verbose`"
_MOST_LOOSENED, _LONGEST_LOOSENED = 20, 300
_BREAK = 2  # the size of what stands between two parts of a page

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


class Limit(Struct, frozen=True):
    """How large a page may be, as its receiver measures it."""

    most: int
    size: Callable[[str], int]


COMMENT = Limit(64_900, lambda text: len(text) + sum(char > "\uffff" for char in text))
"""A comment on GitHub has at most 65,536 characters, as its refusal says, or 262,144 bytes, as others have
measured. Counting characters outside of the first plane twice, this is below both for every text."""
STEP_SUMMARY = Limit(1_048_000, lambda text: len(text.encode("utf-8", "replace")))
"""The summary of a step on GitHub has at most 1 MiB."""


class Group(Struct, frozen=True):
    """Items under a heading, of which as many are shown as fit. Nothing at all is shown of an empty one."""

    heading: str
    items: Sequence[str]
    noun: str
    apart: str = "\n\n"  # what stands between two items
    short: Sequence[str] = ()  # each item in short, for where they do not all fit
    is_grave: bool = False  # whether it gets its room before all that is not grave


Part: TypeAlias = str | Group


def fitted(pages: Sequence[Sequence[Part]], limit: Limit) -> str:
    """Return pages one after the other as one. What is grave gets its room first, then small groups.

    A page is left out only where its plain parts do not fit. Where not even one does, the text is empty.
    """
    pages = [[part for part in page if part and (isinstance(part, str) or part.items)] for page in pages]
    frames = [sum(_frame_size(part, limit) for part in page) for page in pages]
    kept, left = len(frames), ""
    while sum(frames[:kept]) + limit.size(left) > limit.most:
        if not kept:
            return ""
        kept -= 1
        left = f"\n\n{_note(len(frames) - kept, 'more target', 'left out')}"
    parts = [part for page in pages[:kept] for part in page]
    room = limit.most - sum(frames[:kept]) - limit.size(left)
    rooms = {id(group): share for group, share in _rooms(parts, room, limit)}
    texts = [one if isinstance(one, str) else _cut(one, rooms[id(one)], limit) for one in parts]
    return "\n\n".join([*texts, *([left.strip()] if left else [])])


def _frame_size(part: Part, limit: Limit) -> int:
    """Return what a part takes without any item, but with all that may have to be said of those left out."""
    if isinstance(part, str):
        return limit.size(part) + _BREAK
    number = len(part.items)
    left = _note(number, f"more {part.noun}", "left out")
    short = _note(number, part.noun, "told in short")
    return sum(limit.size(text) + _BREAK for text in (part.heading, left, short))


def _rooms(parts: Sequence[Part], room: int, limit: Limit) -> Iterator[tuple[Group, int]]:
    """Yield each group with the room of its items: the grave first, all it needs or a fair share."""
    for is_grave in (True, False):
        groups = [part for part in parts if isinstance(part, Group) and part.is_grave is is_grave]
        sizes = [sum(limit.size(item) + len(group.apart) for item in group.items) for group in groups]
        by_size = sorted(range(len(groups)), key=sizes.__getitem__)
        for place, index in enumerate(by_size):
            share = max(0, min(sizes[index], room // (len(groups) - place)))
            room -= share
            yield groups[index], share


def _cut(group: Group, room: int, limit: Limit) -> str:
    """Return a group with the items that fit; a large one is passed over, and hides no other."""
    chosen = [""] * len(group.items)
    for items in (group.short, group.items):
        for index, item in enumerate(items):
            more = limit.size(item) - (limit.size(chosen[index]) if chosen[index] else -len(group.apart))
            if more <= room:
                chosen[index], room = item, room - more
        if "" in chosen and group.short:
            break
    left = chosen.count("")
    short = sum(
        one == brief != item for one, item, brief in zip(chosen, group.items, group.short, strict=False)
    )
    texts = (
        group.heading,
        group.apart.join(item for item in chosen if item),
        _note(short, group.noun, "told in short") if short else "",
        _note(left, f"more {group.noun}", "left out") if left else "",
    )
    return "\n\n".join(text for text in texts if text)


def _note(number: int, noun: str, what: str) -> str:
    is_so = f"{'is' if number == 1 else 'are'} {what} here"
    return f"**{counted(number, noun)} {is_so}:** the output of the run has them."


def markdown(
    reports: Sequence[Reported], limit: Limit = COMMENT, origin: Sequence[tuple[str, str]] = ()
) -> str:
    """Return a report over targets, of at most that size; those of which there is no plan come first.

    `origin` says of what and when it is, as names and values. What is cut is counted; resets and what is
    blocked are cut last. Empty where no head has room.
    """
    of = ", ".join(f"{name} {_name(value)}".strip() for name, value in origin)
    text = fitted([list(_parts(one, of)) for one in in_order(reports)], replace(limit, most=limit.most - 1))
    return f"{text}\n" if text else ""


def marker(verb: str, target: str) -> str:
    """Return the comment by which a report of a target is found again; a page does not show it."""
    # Percent-encoded, so that nothing in it ends the comment.
    return f"<!-- reconciler:{verb} target={quote(target, safe='')} -->"


def _parts(reported: Reported, origin: str) -> Iterator[Part]:
    verb = reported.verb if isinstance(reported, Stopped) else "apply" if reported.is_applied else "plan"
    to = {"plan": "of", "check": "on"}.get(verb, "to")
    where = f" {to} {_name(reported.target)}" if reported.target else ""
    yield marker(verb, reported.target)
    if isinstance(reported, Stopped):
        yield f"### {verb.capitalize()}{where} {'has not ended' if reported.is_underway else 'was stopped'}"
        if reported.is_underway:
            yield _alert("CAUTION", [reported.error])
        else:
            yield _alert("CAUTION", [f"**Exit {int(reported.exit)}:** {_sentence(reported.error)}"])
            yield from _problems(reported.problems)
        yield origin
        return
    restores = reported.plan.scope.restores
    yield f"### {verb.capitalize()}{where}{f': way back from run {restores}' if restores else ''}"
    yield from _head(reported)
    yield from _end_parts(reported) if reported.is_applied else _plan_parts(reported)
    run = f", run {reported.run} of the journal" if reported.run else ""
    yield f"Fingerprint {code(reported.fingerprint)}{run}"
    yield origin


def _head(planned: TargetReport) -> Iterator[str]:
    since, loosened = planned.since, planned.loosened
    if since and loosened:
        lines = [f"**Guardrails allow more than at** {_name(since.ref)}:"]
        for one in loosened[:_MOST_LOOSENED]:
            hint = f" ({_sentence(one.hint)})" if one.hint else ""
            message = code(shortened(one.message, _LONGEST_LOOSENED))
            lines.append(f"- {code(str(one.place))} {code(one.key)}: {message}{hint}")
        if len(loosened) > _MOST_LOOSENED:
            lines.append(f"- and {len(loosened) - _MOST_LOOSENED} more")
        yield _alert("WARNING", lines)
    verb = "apply" if planned.is_applied else "plan"
    yield f"**{prose(summary_line([planned], verb))}**"
    yield f"**People:** {_sentence(planned.people)}" if planned.people else ""
    yield "  \n".join(_sentence(line) for line in header_text(planned.plan).splitlines())
    if planned.exit not in (Exit.DONE, Exit.PENDING):
        yield _alert("CAUTION", [f"**Exit {int(planned.exit)}:** {MEANINGS[planned.exit]}."])
    yield _sentence(since.note) if since else ""


def _alert(kind: str, lines: Sequence[str]) -> str:
    """Return lines as one of GitHub's alerts."""
    return "\n".join(f"> {line}" for line in [f"[!{kind}]", *lines])


def _plan_parts(planned: TargetReport) -> Iterator[Part]:
    plan, since = planned.plan, planned.since
    kind = plan.account.kind
    yield _resets(planned)
    yield _group("#### ! Blocked", [_blocked(planned, one) for one in plan.blocked], is_grave=True)
    caused = [_change(planned, one) for one in plan.changes if planned.is_caused(one)]
    before = [_change(planned, one) for one in plan.changes if not planned.is_caused(one)]
    because = f"Caused by the change of the files since {_name(since.ref)}" if since else "Changes"
    yield _group(f"#### {because}", caused)
    yield _group("#### Pending or drifted before, whatever changed in the files", before)
    title = f"#### Seeds\n\n{MAIL_IS_SENT}" if planned.seeds.customers else "#### Seeds"
    yield Group(title, [_seed(planned, seed) for seed in planned.seeds.seeds], "seed")
    yield f"! {_sentence(planned.seeds_trouble)}" if planned.seeds_trouble else ""
    left = []
    for one in (one for one in planned.left if one.remarkable):
        found = f" found by its name, id {one.id}" if one.adopted else ""
        body = [fenced(field_lines(kind, one.remarkable), "diff")]
        left.append(_fold(f"= {element(one.key)}{found}", body, f"= {code(one.key)}{found}"))
    yield _group("#### Left as it is", left)
    names = [f"{code(one.key)} found by its name, id {one.id}" for one in planned.left if not one.remarkable]
    plain = [code(one.key) for one in plan.unchanged if not one.adopted and not one.remarkable]
    unchanged = [*first_of(names, by=_BY), *([", ".join(first_of(plain, by=_BY))] if plain else [])]
    yield Group("#### Unchanged", [f"- {line}" for line in unchanged], "line", "\n")
    yield from map(_sentence, remarks(plan))
    named = [f"{live.id} {_name(live.name)}" for live in plan.unmanaged]
    unmanaged = [f"- {one}" for one in first_of(named, by=_BY)]
    yield Group("#### Unmanaged (live, declared nowhere; left alone)", unmanaged, "configuration", "\n")
    yield from _problems(planned.problems)


def _resets(planned: TargetReport) -> Group:
    texts, short = [], []
    for change in (one for one in planned.plan.changes if one.resets):
        before = "" if planned.is_caused(change) else " (pending before)"
        lines = [
            f"- ↺ {code(change.key)} {code(row.view.path)}: {code(row.before)} → {code(row.after)}, "
            f"{_sentence(row.note)}{before}"
            for row in field_rows(planned.plan.account.kind, change.resets)
        ]
        texts.append("\n".join(lines))
        short.append(f"- ↺ {code(change.key)}: {', '.join(code(v.path) for v in change.resets)}{before}")
    heading = (
        f"#### ↺ {counted(planned.plan.resets, 'field')} reset\n\n"
        f"{'Empty before' if planned.plan.scope.restores else 'Not declared'}: the PUT leaves them out, and "
        "the server puts them back to their default."
    )
    return Group(heading, texts, "resource", "\n", short, is_grave=True)


Fold: TypeAlias = tuple[str, str]  # a resource that folds out, and a line for where there is no room


def _fold(
    title: str, body: Sequence[str], line: str, *, is_open: bool = False, below: Sequence[str] = ()
) -> Fold:
    """Return a resource with its body folded; `below` are sentences that stand outside of the fold."""
    opening = f"<details{' open' if is_open else ''}><summary>{title}</summary>"
    line = "\n".join([f"- {line}", *(f"  - {one}" for one in below)])
    if not body:
        return line, line
    whole = [opening, *body, "</details>", *(["\n".join(f"- {one}" for one in below)] if below else [])]
    return "\n\n".join(whole), line


def _group(heading: str, folds: Sequence[Fold], *, is_grave: bool = False) -> Group:
    texts, lines = [text for text, _ in folds], [line for _, line in folds]
    return Group(heading, texts, "resource", short=lines, is_grave=is_grave)


def _change(planned: TargetReport, change: Change) -> Fold:
    symbol, (what, name) = sign_of(change), _what(change)
    resets = f"↺ {counted(len(change.resets), 'field')} reset" if change.resets else ""
    return _fold(
        f"{symbol} {element(change.key)} {what}{name}{f' <b>{resets}</b>' if resets else ''}",
        _change_body(planned, change),
        f"{symbol} {code(change.key)} {what}{f', {resets}' if resets else ''}",
        below=_effects(change, is_urgent=True),
    )


def _effects(change: Change | None, *, is_urgent: bool) -> list[str]:
    """Return what a change does to people: what is urgent, which stands outside of a fold, or the rest."""
    some = [one for one in change.effects if (one in change.urgent) is is_urgent] if change else []
    return [f"⇒ {_sentence(text)} {_name(mark)}" for text, mark in map(effect_parts, some)]


def _what(change: Change) -> tuple[str, str]:
    """Return what a change does to which id, and the name of that."""
    live, action = change.live, change.action.value
    return (f"{action} id {live.id}", f" {element(shortened(live.name))}") if live else (action, "")


def _change_body(planned: TargetReport, change: Change | None, above: Sequence[str] = ()) -> list[str]:
    """Return what is folded of a change: sentences `above` it, what it does to people, its fields."""
    told = "\n".join(f"- {one}" for one in (*above, *_effects(change, is_urgent=False)))
    if change is None:
        return [told] if told else []
    found = [f"Found by its name; to keep it: {code(adoption_line(change))}"] if change.adopted else []
    lines = field_lines(planned.plan.account.kind, change.fields, change)
    return [*([told] if told else []), *found, *([fenced(lines, "diff")] if lines else [])]


def _blocked(planned: TargetReport, blocked: Blocked) -> Fold:
    change, why, symbol = blocked.change, blocked.why, sign_of(blocked)
    before = "" if planned.is_caused(blocked) else " (so before)"
    what = f"{''.join(_what(change))}, {why}" if change else why
    reasons = [_sentence(block.message) for block in blocked.blocks]
    return _fold(
        f"{symbol} {element(blocked.key)} {what}{before}",
        _change_body(planned, change, reasons),
        f"{symbol} {code(blocked.key)} {why}{before}: {'; '.join(reasons)}",
        is_open=True,
        below=_effects(change, is_urgent=True),
    )


def _seed(planned: TargetReport, seed: SeedPlan) -> str:
    remark = " (pending before)" if seed.to_send and not planned.is_caused(seed) else ""
    symbol, what = seed_title(seed)
    said = [(sign, f"{sign + ' ' if sign else ''}{_sentence(text)}") for sign, text in seed_lines(seed)]
    lines = [f"- {text}" for sign, text in said if sign != "⇒"]
    body = ["\n".join(lines)] if lines else []
    customers = [
        f"{harmless(masked(one.customer.email))}  {one.state.value}  {harmless(str(one.customer.place))}"
        for one in seed.customers[:_MOST_CUSTOMERS]
    ]
    if customers:
        left = len(seed.customers) - len(customers)
        body.append(fenced([*customers, *([f"and {left} more"] if left else [])]))
    title = f"{symbol} {element(seed.seed.key)} {element(what)}{remark}"
    below = [text for sign, text in said if sign == "⇒"]
    return _fold(title, body, title, is_open=bool(seed.kept_back), below=below)[0]


def _problems(problems: Sequence[Problem]) -> Iterator[Group]:
    """Yield every error, and the warnings by their codes, of each the first ones."""

    def line(one: Problem) -> str:
        key = f" {code(one.key)}" if one.key else ""
        hint = f" → {_sentence(one.hint)}" if one.hint else ""
        where = f"{code(str(one.place))} {one.severity.value} {code(one.code)}{key}"
        return f"- {where}: {_sentence(one.message)}{hint}"

    errors = [line(one) for one in problems if one.severity is Severity.ERROR]
    yield Group("#### Problems in the files", errors, "problem", "\n")
    folds = []
    for kind, some in warnings_by_code(problems).items():
        how_many, lines = tally(kind, some), [line(one) for one in some[:MOST_LISTED]]
        if len(some) > MOST_LISTED:
            lines.append(f"- and {len(some) - MOST_LISTED} more: {code('reconciler validate')} lists them")
        folds.append(_fold(element(how_many), ["\n".join(lines)], code(how_many)))
    yield replace(_group("#### Warnings about the files", folds), noun="warning")


def _end_parts(applied: TargetReport) -> Iterator[Part]:
    right, wrong, changes = list[Fold](), list[Fold](), applied.changes
    for outcome in applied.told_once:
        fold = _outcome(applied, outcome, changes.get(outcome.key))
        (right if outcome.result is Result.APPLIED else wrong).append(fold)
    yield _group("#### Needs a look", wrong, is_grave=True)
    yield _group("#### Applied", right)
    sent = []
    for end in applied.sent:
        symbol, counts, notes = sent_parts(end)
        items = "".join(f"\n  - {_sentence(note)}" for note in notes)
        sent.append(f"- {symbol} {code(end.key)} {counts}{items}")
    yield Group("#### Seeds", sent, "seed", "\n")
    yield Group("#### Seeds that were not sent", [_seed(applied, seed) for seed in applied.held], "seed")
    yield f"! {_sentence(applied.seeds_trouble)}" if applied.seeds_trouble else ""
    ids = [f"- {code(key)}: id {id}" for key, id in applied.ids_written.items()]
    yield Group("#### Written into the files", ids, "id", "\n")
    to_write = [f"- {code(line.where)}: {code(line.text)}" for line in applied.lines]
    yield Group("#### To write into the files", to_write, "line", "\n")
    yield Group("", [_sentence(note) for note in applied.notes], "note")
    yield from _problems(applied.problems)


def _outcome(planned: TargetReport, outcome: Outcome, change: Change | None) -> Fold:
    symbol = sign_of(outcome)
    id = f"id {outcome.id} " if outcome.id is not None else ""
    what = f"{outcome.action.value} {id}" if outcome.action else id
    reasons = [outcome.reason] if outcome.reason else []
    sentences = [_sentence(one) for one in [*reasons, *(f"warning: {one}" for one in outcome.warnings)]]
    return _fold(
        f"{symbol} {element(outcome.key)} {what}<b>{outcome.result.value}</b>",
        _change_body(planned, change, sentences),
        f"{symbol} {code(outcome.key)} {what}{': '.join([outcome.result.value, *sentences])}",
        is_open=outcome.result is not Result.APPLIED or bool(outcome.warnings),
        below=_effects(change, is_urgent=True),
    )


def _sentence(text: str) -> str:
    return prose(shortened(text, _LONGEST_SENTENCE)) if text else ""


def _name(text: str) -> str:
    return code(shortened(text, _LONGEST_NAME))
