"""How each change of a run ended: exactly one of five ways, judged by what was read after the write. Pure.

A read-back is one document, so a single field that moved proves that all of it is newer than the write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum

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


class Attempt(Struct, frozen=True):
    """A write that left, and that no read has proved or disproved yet."""

    change: Change
    views: tuple[FieldView, ...]
    """Every field as it was read again right before the write."""
    since: float = 0
    """When the write ended, on the monotonic clock."""
    id: int | None = None
    lost: str = ""
    """Why there is no answer that says how it ended; empty where the API said that it succeeded."""
    notes: tuple[str, ...] = ()
    as_before: bool = False
    """The latest read shows every field as it was before the write."""

    def ended(self, result: Result, reason: str = "", exit: Exit = Exit.DONE) -> Outcome:
        """Return the outcome of this attempt, with its notes as warnings."""
        return Outcome(self.change.key, self.change.action, result, reason, self.notes, id=self.id, exit=exit)

    def in_doubt(self, why: str) -> Outcome:
        """Return its outcome where nothing proves whether it was carried out."""
        return self.ended(Result.IN_DOUBT, f"{self.answer}, {why}", Exit.IN_DOUBT)

    @property
    def answer(self) -> str:
        """What the API said to the write, as the beginning of a sentence."""
        return f"the answer was lost ({self.lost})" if self.lost else "the API said that it succeeded"


class Seen(Struct, frozen=True):
    """One field as it was planned, and as the read-back shows it, in compared form."""

    view: FieldView
    now: Json
    is_shown: bool = True
    """False for a field of a group that the body does not have: it tells nothing of the field."""

    @property
    def arrived(self) -> bool:
        """Whether it is what the change wanted."""
        return self.now == self.view.after

    @property
    def moved(self) -> bool:
        """Whether it is no longer what it was before the write."""
        return self.now != self.view.before


def read_back(account: Account, views: tuple[FieldView, ...], body: Body) -> list[Seen]:
    """Return every field of a change as `body` shows it, which was read after the write."""
    seen = []
    for view in views:
        leaf, normal = account.kind.by_path[view.path], account.normal
        if view.cls is FieldClass.RESET:
            normal = normal.lenient
            if leaf.group and not value_at(body, leaf.group):  # the defaults of a group come with it
                seen.append(Seen(view, view.after, is_shown=False))
                continue
        seen.append(Seen(view, normal.value(leaf, value_at(body, leaf.member))))
    return seen


def outcome_of(account: Account, attempt: Attempt, body: Body | None, *, last: bool) -> Outcome | Attempt:
    """Return how an attempt ended, judging by `body`, read after it; `None` for a body that is not there.

    Returns the attempt where that cannot be said yet; `last` says that patience has ended and it must be.
    """
    change, hidden = attempt.change, _hides(account, attempt.views)
    if change.action is Action.DELETE:
        if body is None:
            return attempt.ended(Result.APPLIED)
        return attempt.in_doubt("but it can still be read") if last else attempt
    if body is None:
        if hidden and not attempt.lost:
            return replace(attempt.ended(Result.APPLIED), lines=(Line(change.key, "hidden: true"),))
        return attempt.in_doubt("but it cannot be read") if last else replace(attempt, as_before=False)
    seen = read_back(account, attempt.views, body)
    not_stored = _not_stored(seen)
    lines = _lines(account, change, seen)
    as_before = not any(s.moved for s in seen)
    if (as_before or not_stored) and not last:
        return replace(attempt, as_before=as_before)
    if as_before:
        outcome = attempt.in_doubt("but it still reads as before")
    elif not_stored:
        paths = ", ".join(s.view.path for s in not_stored)
        outcome = attempt.ended(Result.FAILED, f"{attempt.answer}, but it did not store {paths}", Exit.ERROR)
    else:
        outcome = attempt.ended(Result.APPLIED)
    if outcome.result is Result.APPLIED:
        warnings = [f"{attempt.answer}; reading it shows that it was done"] if attempt.lost else []
        warnings += _warnings(change, seen)
        if change.action is Action.CREATE:
            lines.append(id_line(change.key, change.scope.target, attempt.id))
        lines += [Line(change.key, "hidden: true")] if hidden else []
    else:
        lines = [] if attempt.lost else lines  # a lost answer proves nothing of what the server wants
        warnings = ["if the next plan shows the same, the server's own values are these"] if lines else []
    warnings = [*outcome.warnings, *warnings]
    learned = _left_behind(seen) if change.live else {}
    return replace(outcome, warnings=tuple(warnings), lines=tuple(lines), body=body, learned=learned)


def _hides(account: Account, views: tuple[FieldView, ...]) -> bool:
    """Tell whether a change takes a resource out of sight."""
    return any(view.path == account.kind.visible_field and view.differs and not view.after for view in views)


def _not_stored(seen: list[Seen]) -> list[Seen]:
    """Return the declared values that the API accepted and did not store."""
    changed = [s for s in seen if s.view.cls is FieldClass.SET and s.view.differs]
    return [s for s in changed if not s.moved and s.view.after is not None]


def _stored_as(seen: list[Seen]) -> Iterator[Seen]:
    """Yield declared values for which the API stored another, or a value where `null` was declared."""
    for s in seen:
        stored = s.moved or (s.view.differs and s.view.after is None)
        if s.view.cls is FieldClass.SET and stored and not s.arrived:
            yield s


def _other_defaults(seen: list[Seen]) -> Iterator[Seen]:
    """Yield the fields that were left out and that the server put to something else than was expected."""
    return (s for s in seen if s.view.cls is FieldClass.RESET and not s.arrived)


def _left_behind(seen: list[Seen]) -> dict[str, Json]:
    """Return what the server gave to each field that the body left out: path → value in compared form.

    Empty unless a declared field shows its new value too: only that proves that no cache answers. What a
    create leaves out is not reset, so a create teaches nothing of what a reset leaves behind.
    """
    if not any(s.moved and s.arrived for s in seen if s.view.cls is FieldClass.SET):
        return {}
    return {s.view.path: s.now for s in seen if s.view.cls is FieldClass.RESET and s.is_shown}


def _warnings(change: Change, seen: list[Seen]) -> Iterator[str]:
    for s in _stored_as(seen):
        yield f"{s.view.path}: {_text(s.view.after)} was sent, {_text(s.now)} is stored"
    for s in _other_defaults(seen):
        yield f"{s.view.path}: its default is {_text(s.now)}, not {_text(s.view.after)}"
    for s in seen if change.live else ():  # a create keeps nothing, and may show any default
        if s.view.cls is FieldClass.KEPT and s.moved and not s.arrived:
            was = _text(s.view.before)
            yield f"{s.view.path}: was kept, and the API changed it from {was} to {_text(s.now)}"


def _lines(account: Account, change: Change, seen: list[Seen]) -> list[Line]:
    """Return the lines that end the difference between the files and what is stored."""
    fields, lines = account.kind.by_path, []
    for s in _other_defaults(seen):
        value = written(fields[s.view.path], s.now)
        lines.append(Line(f"targets.{change.scope.target}.defaults", f"{s.view.path}: {_text(value)}"))
    for s in (*_stored_as(seen), *_not_stored(seen)):
        *groups, leaf = s.view.path.split(".")
        text = f"{leaf}: {_text(written(fields[s.view.path], s.now))}"
        for group in reversed(groups):
            text = f"{group}: {{{text}}}"
        lines.append(Line(change.key, text))
    return lines


def id_line(key: str, target: str, id: int | None) -> Line:
    """Return the line that tells the files the id of a resource on a target."""
    return Line(key, f"targets: {{{target}: {{id: {id}}}}}")


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
