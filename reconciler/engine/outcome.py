"""How each change of a run ended: exactly one of five ways, judged by what was read after the write. Pure.

A read-back is one document, so a single field that moved proves that all of it is newer than the write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import compared, value_at, written
from reconciler.engine.change import Action, Change
from reconciler.engine.classify import AccountProfile, FieldClass, FieldView
from reconciler.engine.kind import Body, Json
from reconciler.errors import Exit
from reconciler.problems import lookalikes, told_apart


class Result(StrEnum):
    """The five ways in which a change can end."""

    APPLIED = "applied"
    FAILED = "failed"
    STALE = "stale"
    SKIPPED = "skipped"
    IN_DOUBT = "in doubt"


class Line(Struct, frozen=True):
    """A line of YAML to write. `where` names the mapping that takes it: `targets.production.defaults`."""

    where: str
    text: str


class Outcome(Struct, frozen=True):
    """The end of one change. `exit` is what this end alone would make the process say.

    `body` is the whole of it as it was read back, `learned` what its resets were seen to leave behind: path →
    value in compared form. `if_again` are lines for the case that the next plan shows the same: what was read
    may have come from a cache.
    """

    key: str
    action: Action | None
    result: Result
    reason: str = ""
    warnings: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    id: int | None = None
    exit: Exit = Exit.DONE
    body: Body | None = None
    learned: Mapping[str, Json] = field(default_factory=dict)
    if_again: tuple[Line, ...] = ()

    @classmethod
    def of(cls, change: Change, result: Result, reason: str = "", exit: Exit = Exit.DONE) -> Outcome:
        """Return the end of a change of which nothing else is known."""
        return cls(change.key, change.action, result, reason, id=change.id, exit=exit)


def exit_of_all(outcomes: Sequence[Outcome]) -> Exit:
    """Return the gravest of all ends; some applied beside some that went wrong is partly applied."""
    exits = [outcome.exit for outcome in outcomes]
    went_wrong = any(exit in (Exit.ERROR, Exit.UNAVAILABLE) for exit in exits)
    is_any_applied = any(outcome.result is Result.APPLIED for outcome in outcomes)
    return Exit.gravest([*exits, *([Exit.PARTLY] if went_wrong and is_any_applied else [])])


class Write(Struct, frozen=True):
    """A write on its way: about to be sent, or sent while no read has proved or disproved it yet."""

    change: Change
    views: tuple[FieldView, ...]  # every field as it was read again right before the write
    body: Body | None  # what is sent; `None` for a delete
    since: float = 0  # when it was sent and its answer came or was lost, on the monotonic clock
    id: int | None = None
    lost: str = ""  # why no answer says how it ended; empty where the API said that it succeeded
    notes: tuple[str, ...] = ()
    as_before: bool = False  # whether the latest read shows every field as it was before the write

    def ended(self, result: Result, reason: str = "", exit: Exit = Exit.DONE) -> Outcome:
        """Return the outcome of this write, with its notes as warnings."""
        return replace(Outcome.of(self.change, result, reason, exit), warnings=self.notes, id=self.id)

    def in_doubt(self, why: str) -> Outcome:
        """Return its outcome where nothing proves whether it was carried out."""
        return self.ended(Result.IN_DOUBT, f"{self.answer}, {why}", Exit.IN_DOUBT)

    @property
    def answer(self) -> str:
        """What the API said to the write, as the beginning of a sentence."""
        return f"no answer says how it ended ({self.lost})" if self.lost else "the API said that it succeeded"


Seen: TypeAlias = tuple[FieldView, Json]
"""One field as it was planned, and what the read-back shows of it, in compared form."""


def outcome_of(account: AccountProfile, write: Write, body: Body | None, *, last: bool) -> Outcome | Write:
    """Return how a write ended, judging by `body`, read after it; `None` for a body that is not there.

    Returns the write where that cannot be said yet; `last` says that patience has ended and it must be.
    """
    change, visible = write.change, account.kind.visible_field
    if change.action is Action.DELETE:
        if body is None:
            return write.ended(Result.APPLIED)
        return write.in_doubt("but it can still be read") if last else write
    hides = any(v.path == visible and v.differs and not v.after for v in write.views)
    hidden = [Line(change.key, "hidden: true")] if hides else []
    if body is None:
        if hides and not write.lost:
            return replace(write.ended(Result.APPLIED), lines=tuple(hidden))
        return write.in_doubt("but it cannot be read") if last else replace(write, as_before=False)
    seen, other = _seen(account, write, body)
    if other:
        return write.in_doubt(f"but {other}") if last else replace(write, as_before=False)
    as_before = all(now == view.before for view, now in seen)
    declared = [(view, now) for view, now in seen if view.cls is FieldClass.SET]
    # What the API accepted and did not store; a null that it answers with a value is stored as that.
    ignored = [(v, now) for v, now in declared if v.differs and v.after is not None and now == v.before]
    if (as_before or ignored) and not last:
        return replace(write, as_before=as_before)
    warnings, lines = _differences(account, change, seen, ignored)
    if_again: list[Line] = []
    if as_before or ignored:
        if as_before:
            outcome = write.in_doubt("but it still reads as before")
        else:
            reason = f"{write.answer}, but it did not store {', '.join(view.path for view, _ in ignored)}"
            outcome = write.ended(Result.FAILED, reason, Exit.ERROR)
        # A lost answer proves nothing of what the server wants, and a stale one nothing of what it stores.
        if_again, lines = [] if write.lost else lines, []
        warnings = [
            f"if the next plan shows the same, the server keeps its own value: write {line.text} "
            f"under {line.where}"
            for line in if_again
        ]
    else:
        # What is declared is not so where the server stores something else, or somebody was faster.
        is_so = all(now == view.after for view, now in seen if view.cls is FieldClass.SET or view.unknown)
        outcome = write.ended(Result.APPLIED, exit=Exit.DONE if is_so else Exit.PARTLY)
        if write.lost:
            warnings.insert(0, f"{write.answer}; reading it shows that it was done")
        if change.action is Action.CREATE:
            lines.append(id_line(change.key, change.scope.target, write.id))
        lines += hidden
    learned: dict[str, Json] = {}
    # Only a declared field that shows its new value proves that no cache answers. A create resets nothing.
    if change.live and any(view.before != now == view.after for view, now in declared):
        fields, reset = account.kind.by_path, FieldClass.RESET
        resets = [(fields[v.path], now) for v, now in seen if v.cls is reset and not v.unknown]
        learned = {leaf.path: now for leaf, now in resets if not leaf.group or value_at(body, leaf.group)}
    told = replace(outcome, warnings=(*outcome.warnings, *warnings), lines=tuple(lines))
    return replace(told, if_again=tuple(if_again), body=body, learned=learned)


def _seen(account: AccountProfile, write: Write, body: Body) -> tuple[list[Seen], str]:
    """Return what `body`, read after a write, shows of each field; and why it is of something else, if it is.

    Of something else is another id or name; a name as before an update says that this did not arrive. What is
    not shown is as planned. What only the server writes proves nothing: it may be another with every read.
    """
    kind = account.kind
    server = {".".join(member) for member in kind.server_members}
    seen: list[Seen] = []
    for view in write.views:
        leaf = kind.by_path[view.path]
        if view.path in server:
            continue
        if view.cls is not FieldClass.RESET:
            seen.append((view, account.value(leaf, body)))
        elif leaf.group and not value_at(body, leaf.group):
            seen.append((view, view.after))  # the defaults of a group come with it
        else:
            seen.append((view, compared(leaf, value_at(body, leaf.member))))
    named, name = next((view, now) for view, now in seen if view.path == kind.name_field)
    if (id := body.get(kind.id_member, write.id)) != write.id:
        return seen, f"what was read has id {id}, not {write.id}"
    if name == named.after or (name == named.before and write.change.action is Action.UPDATE):
        return seen, ""
    sent, found = _apart(named.after, name)
    return seen, f"it is called {found} now, not {sent}"


def _differences(
    account: AccountProfile, change: Change, seen: list[Seen], ignored: list[Seen]
) -> tuple[list[str], list[Line]]:
    """Return what came out otherwise than planned, in words, and the lines that end the difference."""
    missed = [(view, now) for view, now in seen if now != view.after]
    paths = {view.path for view, _ in ignored}
    stored = [(view, now) for view, now in missed if view.cls is FieldClass.SET and view.path not in paths]
    defaults = [(v, now) for v, now in missed if v.cls is FieldClass.RESET and not v.unknown]
    warnings = []
    for view, now in stored:
        sent, found = _apart(view.after, now)
        warnings.append(f"{view.path}: {sent} was sent, {found} is stored")
    warnings += [
        f"{view.path}: its default is {_text(now)}, not {_text(view.after)}" for view, now in defaults
    ]
    left = [view.path for view, _ in missed if view.unknown]
    warnings += [f"{path}: null was sent for its group, and the API still shows it" for path in left]
    for view, now in missed if change.live else ():  # a create keeps nothing, and may show any default
        if view.cls is FieldClass.KEPT and now != view.before:
            was = _text(view.before)
            warnings.append(f"{view.path}: was kept, and the API changed it from {was} to {_text(now)}")
    lines = []
    for view, now in (*defaults, *stored, *ignored):
        value = _text(written(account.kind.by_path[view.path], now))
        if view.cls is FieldClass.RESET:
            lines.append(Line(f"targets.{change.scope.target}.defaults", f"{view.path}: {value}"))
            continue
        *groups, leaf = view.path.split(".")
        text = f"{leaf}: {value}"
        for group in reversed(groups):
            text = f"{group}: {{{text}}}"
        lines.append(Line(change.key, text))
    return warnings, lines


def id_line(key: str, target: str, id: int | None) -> Line:
    """Return the line that tells the files the id of a resource on a target."""
    return Line(key, f"targets: {{{target}: {{id: {id}}}}}")


def _apart(sent: Json, found: Json) -> tuple[str, str]:
    """Return two values in words; of texts that look the same, with what differs made visible."""
    if isinstance(sent, str) and isinstance(found, str) and lookalikes(found, [sent]):
        return told_apart(sent, found)
    return _text(sent), _text(found)


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
