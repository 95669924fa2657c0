"""How each change of a run ended: exactly one of five ways, with all that a person needs to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import value_at, written
from reconciler.engine.change import Action, Change, Plan
from reconciler.engine.classify import Account, FieldClass, FieldView
from reconciler.engine.kind import Body, Json
from reconciler.errors import Exit


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
    """The end of one change. `exit` is what this end alone would make the process say."""

    key: str
    action: Action | None
    result: Result
    reason: str = ""
    warnings: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    id: int | None = None
    exit: Exit = Exit.DONE
    body: Body | None = None
    """The whole body as it was read back, where it was."""
    learned: Mapping[str, Json] = field(default_factory=dict)
    """What its resets were seen to leave behind: path → value in compared form."""


class Report(Struct, frozen=True):
    """All outcomes of a run on one target, in the order of the plan."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    def count(self, result: Result) -> int:
        """Return how many changes ended so."""
        return sum(outcome.result is result for outcome in self.outcomes)

    @property
    def exit(self) -> Exit:
        """The gravest of all ends; some applied beside some that went wrong is partly applied."""
        exits = [outcome.exit for outcome in self.outcomes]
        went_wrong = any(e in (Exit.ERROR, Exit.UNAVAILABLE) for e in exits)
        partly = [Exit.PARTLY] if went_wrong and self.count(Result.APPLIED) else []
        return Exit.gravest([*exits, *partly])


class Seen(Struct, frozen=True):
    """One field as it was planned, and as the read-back shows it, in compared form."""

    view: FieldView
    now: Json
    is_shown: bool = True
    """False for a field of a group that the body does not have: it tells nothing of the field."""

    @property
    def arrived(self) -> bool:
        """It is what the change wanted."""
        return self.now == self.view.after

    @property
    def moved(self) -> bool:
        """It is no longer what it was before the write."""
        return self.now != self.view.before


class ReadBack(Struct, frozen=True, dict=True):
    """Every field after a write."""

    fields: tuple[Seen, ...]

    @cached_property
    def is_fresh(self) -> bool:
        """Something moved, so this is not an answer from before the write."""
        return any(seen.moved for seen in self.fields)

    @cached_property
    def not_stored(self) -> tuple[Seen, ...]:
        """Declared values that the API accepted and did not store."""
        return tuple(s for s in self._set if s.view.differs and not s.moved and s.view.after is not None)

    @cached_property
    def stored_as(self) -> tuple[Seen, ...]:
        """Declared values for which the API stored another, or a value where `null` was declared."""
        return tuple(
            s for s in self._set if not s.arrived and (s.moved or (s.view.differs and s.view.after is None))
        )

    @cached_property
    def other_defaults(self) -> tuple[Seen, ...]:
        """Left out fields that the server put to something else than was expected."""
        return tuple(s for s in self._of(FieldClass.RESET) if not s.arrived)

    @cached_property
    def side_changes(self) -> tuple[Seen, ...]:
        """Kept fields that the API changed all the same."""
        return tuple(s for s in self._of(FieldClass.KEPT) if s.moved and not s.arrived)

    @cached_property
    def left_behind(self) -> dict[str, Json]:
        """What the server gave to each field that the body left out: path → value in compared form.

        It is empty unless a declared field shows its new value too: only that proves that no cache speaks.
        """
        if not any(seen.moved and seen.arrived for seen in self._set):
            return {}
        return {s.view.path: s.now for s in self._of(FieldClass.RESET) if s.is_shown}

    @property
    def _set(self) -> tuple[Seen, ...]:
        return self._of(FieldClass.SET)

    def _of(self, cls: FieldClass) -> tuple[Seen, ...]:
        return tuple(seen for seen in self.fields if seen.view.cls is cls)


def compare_read_back(account: Account, views: tuple[FieldView, ...], body: Body) -> ReadBack:
    """Return how `body`, read after the write, compares with what was planned."""
    return ReadBack(tuple(_seen(account, view, body) for view in views))


def _seen(account: Account, view: FieldView, body: Body) -> Seen:
    field = account.kind.by_path[view.path]
    if view.cls is not FieldClass.RESET:
        return Seen(view, account.normal.value(field, value_at(body, field.member)))
    if field.group and not value_at(body, field.group):
        return Seen(view, view.after, is_shown=False)  # the defaults of a group come with it
    return Seen(view, account.normal.lenient.value(field, value_at(body, field.member)))


class Attempt(Struct, frozen=True):
    """A write that left, and that no read has proved or disproved yet."""

    change: Change
    views: tuple[FieldView, ...]
    """Every field as it was read again right before the write."""
    since: float
    """When the write ended, on the monotonic clock."""
    id: int | None = None
    lost: str = ""
    """Why there is no answer that says how it ended; empty where the API said that it succeeded."""
    notes: tuple[str, ...] = ()
    as_before: bool = False
    """The latest look at it showed every field as it was before the write."""

    def ended(self, result: Result, reason: str = "", exit: Exit = Exit.DONE) -> Outcome:
        """Return the outcome of this attempt, with its notes as warnings."""
        return Outcome(self.change.key, self.change.action, result, reason, self.notes, id=self.id, exit=exit)


def outcome_of(account: Account, attempt: Attempt, body: Body | None, *, last: bool) -> Outcome | None:
    """Return how the attempt ended, judging by `body`, read after it; `None` for one that is not there."""
    if attempt.change.action is Action.DELETE:
        return _deleted(attempt, body, last=last)
    if body is None:
        return _vanished(account, attempt, last=last)
    seen = compare_read_back(account, attempt.views, body)
    outcome = _judged(account, attempt, seen, last=last)
    # What a create leaves out is not reset, so it teaches nothing of what a reset leaves behind.
    learned = seen.left_behind if attempt.change.live else {}
    return outcome and replace(outcome, body=body, learned=learned)


def _judged(account: Account, attempt: Attempt, seen: ReadBack, *, last: bool) -> Outcome | None:
    if not seen.is_fresh:
        return _unmoved(account, attempt, seen) if last else None
    if seen.not_stored:
        return _not_stored(account, attempt, seen) if last else None
    return _applied(account, attempt, seen)


def reads_as_before(account: Account, attempt: Attempt, body: Body | None) -> bool:
    """Tell whether `body` shows every field as it was before the attempt."""
    return body is not None and not compare_read_back(account, attempt.views, body).is_fresh


def unread(attempt: Attempt, reason: str) -> Outcome:
    """Return the outcome of a write that could not be read back at all."""
    return attempt.ended(
        Result.IN_DOUBT, f"{_sent(attempt)}, and it could not be read back: {reason}", Exit.IN_DOUBT
    )


def _sent(attempt: Attempt) -> str:
    return f"the answer was lost ({attempt.lost})" if attempt.lost else "the API said that it succeeded"


def _deleted(attempt: Attempt, body: Body | None, *, last: bool) -> Outcome | None:
    if body is None:
        return attempt.ended(Result.APPLIED)
    if not last:
        return None
    return attempt.ended(Result.IN_DOUBT, f"{_sent(attempt)}, but it can still be read", Exit.IN_DOUBT)


def _vanished(account: Account, attempt: Attempt, *, last: bool) -> Outcome | None:
    if hides(account, attempt.views) and not attempt.lost:
        return _hidden(attempt.ended(Result.APPLIED))
    if not last:
        return None
    return attempt.ended(Result.IN_DOUBT, f"{_sent(attempt)}, but it cannot be read", Exit.IN_DOUBT)


def hides(account: Account, views: Sequence[FieldView]) -> bool:
    """Tell whether a change takes a resource out of sight."""
    return any(view.path == account.kind.visible_field and view.differs and not view.after for view in views)


def _hidden(outcome: Outcome) -> Outcome:
    line = Line(outcome.key, "hidden: true")
    return replace(outcome, lines=(*outcome.lines, line))


def _unmoved(account: Account, attempt: Attempt, seen: ReadBack) -> Outcome:
    outcome = attempt.ended(Result.IN_DOUBT, f"{_sent(attempt)}, but it still reads as before", Exit.IN_DOUBT)
    return _with_own_values(account, attempt, outcome, seen)


def _not_stored(account: Account, attempt: Attempt, seen: ReadBack) -> Outcome:
    paths = ", ".join(s.view.path for s in seen.not_stored)
    outcome = attempt.ended(Result.FAILED, f"{_sent(attempt)}, but it did not store {paths}", Exit.ERROR)
    return _with_own_values(account, attempt, outcome, seen)


def _with_own_values(account: Account, attempt: Attempt, outcome: Outcome, seen: ReadBack) -> Outcome:
    """Return the outcome with the lines that end the difference, if the server does not want it otherwise.

    A lost answer proves nothing of what the server wants.
    """
    lines = [] if attempt.lost else _lines(account, attempt.change, seen)
    hint = "if the next plan shows the same, the server's own values are these"
    return _with(outcome, [hint] if lines else [], lines)


def _applied(account: Account, attempt: Attempt, seen: ReadBack) -> Outcome:
    outcome = attempt.ended(Result.APPLIED)
    warnings = [
        *([f"{_sent(attempt)}; reading it shows that it was done"] if attempt.lost else []),
        *_warnings(attempt.change, seen),
    ]
    lines = _lines(account, attempt.change, seen)
    if attempt.change.action is Action.CREATE:
        lines.append(id_line(attempt.change.key, attempt.change.scope.target, attempt.id))
    outcome = _with(outcome, warnings, lines)
    return _hidden(outcome) if hides(account, attempt.views) else outcome


def id_line(key: str, target: str, id: int | None) -> Line:
    """Return the line that tells the files the id of a resource on a target."""
    return Line(key, f"targets: {{{target}: {{id: {id}}}}}")


def _with(outcome: Outcome, warnings: Sequence[str], lines: Sequence[Line]) -> Outcome:
    return replace(outcome, warnings=(*outcome.warnings, *warnings), lines=(*outcome.lines, *lines))


def _warnings(change: Change, seen: ReadBack) -> Iterator[str]:
    for s in seen.stored_as:
        yield f"{s.view.path}: {_text(s.view.after)} was sent, {_text(s.now)} is stored"
    for s in seen.other_defaults:
        yield f"{s.view.path}: its default is {_text(s.now)}, not {_text(s.view.after)}"
    # What was not there before was not kept either: a create may show any default.
    for s in seen.side_changes if change.live else ():
        yield f"{s.view.path}: was kept, and the API changed it from {_text(s.view.before)} to {_text(s.now)}"


def _lines(account: Account, change: Change, seen: ReadBack) -> list[Line]:
    return [*_default_lines(account, change, seen), *_stored_lines(account, change, seen)]


def _default_lines(account: Account, change: Change, seen: ReadBack) -> Iterator[Line]:
    for s in seen.other_defaults:
        value = written(account.kind.by_path[s.view.path], s.now)
        yield Line(f"targets.{change.scope.target}.defaults", f"{s.view.path}: {_text(value)}")


def _stored_lines(account: Account, change: Change, seen: ReadBack) -> Iterator[Line]:
    for s in (*seen.stored_as, *seen.not_stored):
        value = written(account.kind.by_path[s.view.path], s.now)
        yield Line(change.key, _as_yaml(s.view.path, value))


def _as_yaml(path: str, value: Json) -> str:
    *groups, leaf = path.split(".")
    text = f"{leaf}: {_text(value)}"
    for group in reversed(groups):
        text = f"{group}: {{{text}}}"
    return text


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
