"""Carrying out changes: read again, compare, write down, write, read back, compare, write down.

Nothing here raises for what an API does, or for what nobody expected: every change ends as exactly one
`Outcome`, and the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock, SleepCut
from reconciler.engine.body import Normal, unknown_members, unknown_row_members, value_at
from reconciler.engine.change import Action, Blocked, Change, Plan, Scope
from reconciler.engine.classify import Account, FieldClass, FieldView, classify, desired, removals
from reconciler.engine.declared import Declared, Given, Origin
from reconciler.engine.kind import Body, Json, Live, Mapper, Writer, map_serially
from reconciler.engine.outcome import Attempt, Outcome, Report, Result, outcome_of, reads_as_before, unread
from reconciler.errors import (
    Abandoned,
    AllowanceUsedUp,
    ApiError,
    Declined,
    Exit,
    Forbidden,
    NoAnswer,
    ReconcilerError,
    Unauthorised,
    describe,
)
from reconciler.problems import Place

Item = TypeVar("Item")
End = TypeVar("End")

FIRST_PAUSE = 0.5
"""Seconds before a read-back is repeated for the first time; each further pause is twice as long."""

# After one of these every further call would fail alike.
_HOPELESS = (Unauthorised, Forbidden, AllowanceUsedUp)

_NAMED = 3
"""How many of the changes that keep a delete back are named; the rest is counted."""

_STRICTER = (
    "The API has now shown an explicit false or 0, so from here on it differs from nothing: a resource that "
    "declares one may show up in the next plan."
)


class Journal(Protocol):
    """Where a run writes down what it is about to do, before it does it.

    Both raise `Refused` where nothing can be written down: then nothing may be changed any more.
    """

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        """Return only once it is safe on disk that this change is about to be written."""

    def outcome(self, outcome: Outcome) -> None:
        """Write down how a change ended; one that was never written leaves nothing to be written down."""


class NoJournal:
    """Forgets everything: for those who try the engine by itself."""

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        """Forget it."""

    def outcome(self, outcome: Outcome) -> None:
        """Forget it."""


def apply(plan: Plan, run: Run, *, mapper: Mapper = map_serially) -> Report:
    """Carry out every change of the plan that is not blocked, and say truthfully how each one ended.

    Deletes begin when all else has ended, and only where all of it ended as applied: what is deleted may be
    what a create or an update was to take the place of.
    """
    deletes = [change for change in plan.changes if change.action is Action.DELETE]
    ended = run.ends([change for change in plan.changes if change.action is not Action.DELETE], mapper)
    blocked = {one.key: _left_alone(one) for one in plan.blocked}
    others = [*ended.values(), *(blocked[one.key] for one in plan.blocked if not one.is_only_a_delete)]
    unfinished = [outcome for outcome in others if outcome.result is not Result.APPLIED]
    if unfinished and not run.is_stopped:
        ended |= {change.key: _kept_back(change, unfinished) for change in deletes}
    else:
        ended |= run.ends(deletes, mapper)
    return Report(plan, (*(ended[change.key] for change in plan.changes), *blocked.values()), run.notes)


def _left_alone(blocked: Blocked) -> Outcome:
    action = blocked.change.action if blocked.change else None
    reason = f"{blocked.why}: " + "; ".join(block.message for block in blocked.blocks)
    result = Result.IN_DOUBT if blocked.is_in_doubt else Result.SKIPPED
    return Outcome(blocked.key, action, result, reason, exit=blocked.exit)


def _kept_back(delete: Change, unfinished: Sequence[Outcome]) -> Outcome:
    named = ", ".join(f"{outcome.key} is {outcome.result}" for outcome in unfinished[:_NAMED])
    more = f" and {len(unfinished) - _NAMED} more" if len(unfinished) > _NAMED else ""
    reason = f"not begun: deletes wait until every create and update is applied, and {named}{more}"
    exit = Exit.gravest(outcome.exit for outcome in unfinished)
    return _ended(delete, Result.SKIPPED, reason, exit)


def _results(
    mapper: Mapper, function: Callable[[Item], End], items: Sequence[Item], label: str
) -> Sequence[End]:
    """Return the result of each item, of a function that raises nothing.

    Where several at a time fail by themselves, for want of a thread or of a terminal to show progress on,
    the items that are left are dealt with one by one.
    """
    ends: dict[int, End] = {}

    def one(number: int) -> None:
        ends[number] = function(items[number])

    with suppress(Exception):
        mapper(one, range(len(items)), label)
    return [ends[number] if number in ends else function(item) for number, item in enumerate(items)]


class Run(Struct):
    """One apply on one account. `patience` is how many seconds a slow cache may hide a write."""

    account: Account
    writer: Writer
    clock: Clock
    patience: float
    journal: Journal = field(default_factory=NoJournal)
    _stopped: Outcome | None = None
    _stricter: bool = False
    _names: Mapping[str, int] | None = None
    _intended: set[str] = field(default_factory=set)
    """The keys of which the journal holds an intent, so that a write may have left."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the run as a whole."""
        return (_STRICTER,) if self._stricter else ()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing further is begun."""
        return self._stopped is not None

    def stop(self, reason: str, exit: Exit = Exit.ERROR) -> None:
        """Begin no further change: each one that has not begun ends as skipped, for this reason."""
        self._stopped = self._stopped or Outcome("", None, Result.SKIPPED, reason, exit=exit)

    def ends(self, changes: Sequence[Change], mapper: Mapper = map_serially) -> dict[str, Outcome]:
        """Carry out these changes; return by key how each ended, once that can be said or patience ends."""
        begun = dict(
            zip((c.key for c in changes), _results(mapper, self.carry_out, changes, "Applying"), strict=True)
        )
        attempts = [end for end in begun.values() if isinstance(end, Attempt)]
        settled = {outcome.key: outcome for outcome in self.settle(attempts, mapper)}
        return {key: end if isinstance(end, Outcome) else settled[key] for key, end in begun.items()}

    def carry_out(self, change: Change) -> Outcome | Attempt:
        """Carry out one change; an `Attempt` is a write that a read could neither prove nor disprove yet."""
        if self._stopped:
            return self._not_begun(change, self._stopped)
        end = self._guarded(change)
        return self._written_down(end) if isinstance(end, Outcome) else end

    def _written_down(self, outcome: Outcome) -> Outcome:
        """Write an outcome down and return it; a journal that fails changes nothing of how it ended."""
        try:
            self.journal.outcome(outcome)
        except Exception as error:  # noqa: BLE001  # what is done is done
            if isinstance(error, ReconcilerError):
                self.stop(f"not begun: {error}", error.exit)
            return replace(outcome, warnings=(*outcome.warnings, f"not written down: {describe(error)}"))
        return outcome

    @staticmethod
    def _not_begun(change: Change, stopped: Outcome) -> Outcome:
        return replace(stopped, key=change.key, action=change.action, id=change.id)

    def settle(self, attempts: Sequence[Attempt], mapper: Mapper = map_serially) -> Sequence[Outcome]:
        """Look at every open attempt again until it can be said how it ended, or patience ends."""
        outcomes: list[Outcome] = []
        pause = FIRST_PAUSE
        while attempts:
            self._rest(min(pause, self._patience_left(attempts)))
            ends = _results(mapper, self._look, attempts, "Verifying")
            outcomes += [end for end in ends if isinstance(end, Outcome)]
            attempts = [end for end in ends if isinstance(end, Attempt)]
            pause *= 2
        return [self._written_down(outcome) for outcome in outcomes]

    def _rest(self, seconds: float) -> None:
        """Sleep, unless the run was stopped; an interrupt cuts the sleep short."""
        if not self.is_stopped:
            with suppress(SleepCut):
                self.clock.sleep(seconds)

    def _patience_left(self, attempts: Sequence[Attempt]) -> float:
        latest = max(attempt.since for attempt in attempts)
        return max(0.0, latest + self.patience - self.clock.monotonic())

    def _guarded(self, change: Change) -> Outcome | Attempt:
        steps = {Action.CREATE: self._create, Action.UPDATE: self._update, Action.DELETE: self._delete}
        try:
            return steps[change.action](change)
        except _HOPELESS as error:
            self._stop_if_hopeless(error)
            return _ended(change, Result.SKIPPED, str(error), error.exit)
        except Abandoned as error:
            stopped = self._stopped or Outcome(
                "", None, Result.SKIPPED, f"not begun: {error}", exit=error.exit
            )
            return self._not_begun(change, stopped)
        except Declined as error:
            return _ended(change, Result.FAILED, f"refused: {error}{self._carried_hint(change)}", Exit.ERROR)
        except ApiError as error:
            return _ended(change, Result.FAILED, f"not begun: {error}", error.exit)
        except ReconcilerError as error:  # the journal: what cannot be written down is not done
            self.stop(f"not begun: {error}", error.exit)
            return _ended(change, Result.SKIPPED, f"not begun: {error}", error.exit)
        except Exception as error:  # noqa: BLE001  # it ends this change, and no other
            if change.key in self._intended:
                reason = f"it may have been written: {describe(error)}"
                return _ended(change, Result.IN_DOUBT, reason, Exit.IN_DOUBT)
            return _ended(change, Result.FAILED, f"not begun: {describe(error)}", Exit.ERROR)

    def _stop_if_hopeless(self, error: ApiError) -> None:
        if isinstance(error, _HOPELESS):
            self.stop(f"not begun: {error}", error.exit)

    def _update(self, change: Change) -> Outcome | Attempt:
        now = self._read_again(change)
        if isinstance(now, Outcome):
            return now
        views, live = now
        moved = [*_moved(change.fields, views), *_vanished(self.account, change.fields, views)]
        if moved:
            return _stale(change, f"changed since the plan: {', '.join(moved)}")
        body = desired(self.account.kind, _declaration(change), views, live)
        self._intend(change, live, body)
        return self._replace(change, views, body)

    def _intend(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        """Write down what is about to be written. Raises `Abandoned` where the run was stopped meanwhile."""
        if self._stopped:
            raise Abandoned(self._stopped.reason)
        self.journal.intent(change, overwritten, body)
        self._intended.add(change.key)

    def _read_again(self, change: Change) -> tuple[tuple[FieldView, ...], Body] | Outcome:
        live = self.writer.read(_id(change))
        if live is None:
            return _stale(change, "it is gone since the plan")
        listed = bool(change.live and change.live.listed)
        return classify(self.account, _declaration(change), live, listed=listed), live

    def _replace(self, change: Change, views: tuple[FieldView, ...], body: Body) -> Outcome | Attempt:
        notes = tuple(_kept_notes(change.fields, views))
        end = self._put(Attempt(change, views, 0, change.id, notes=notes), body)
        if isinstance(end, Attempt) and end.lost and end.as_before:
            end = self._put_again(end, body)
        return end

    def _put(self, attempt: Attempt, body: Body) -> Outcome | Attempt:
        try:
            self.writer.replace(_id(attempt.change), body)
        except Exception as error:  # noqa: BLE001  # see `_lost`
            return self._look(replace(attempt, since=self.clock.monotonic(), lost=_lost(error)))
        return self._look(replace(attempt, since=self.clock.monotonic()))

    def _put_again(self, attempt: Attempt, body: Body) -> Outcome | Attempt:
        """Repeat a full PUT whose answer was lost, once, now that a new read has shown the old body."""
        try:
            return self._put(attempt, body)
        except ApiError as error:
            # Whatever became of this one, nothing says yet how the first one ended.
            self._stop_if_hopeless(error)
            return attempt

    def _create(self, change: Change) -> Outcome | Attempt:
        name = self._name(change)
        if name in self._names_before():
            return _stale(change, f"id {self._names_before()[name]} has this name since the plan")
        body = desired(self.account.kind, _declaration(change), change.fields, None)
        self._intend(change, None, body)
        id, lost = None, ""
        try:
            id = self.writer.create(body)
        except Exception as error:  # noqa: BLE001  # see `_lost`
            lost = _lost(error)
        return self._look(Attempt(change, change.fields, self.clock.monotonic(), id, lost))

    def _delete(self, change: Change) -> Outcome | Attempt:
        live = self.writer.read(_id(change))
        if live is None:
            return _ended(change, Result.APPLIED, "it was gone already", Exit.DONE)
        leaves = self.account.normal.leaves(live)
        seen = {view.path: view.before for view in change.fields}
        moved = [path for path, value in leaves.items() if value != seen.get(path)]
        if moved:
            return _stale(change, f"changed since the plan: {', '.join(moved)}")
        self._intend(change, live, None)
        lost = ""
        try:
            self.writer.delete(_id(change))
        except Exception as error:  # noqa: BLE001  # see `_lost`
            lost = _lost(error)
        return self._look(Attempt(change, change.fields, self.clock.monotonic(), change.id, lost))

    def _look(self, attempt: Attempt) -> Outcome | Attempt:
        """Read what an attempt left; return its outcome, or the attempt where it is too early to say."""
        last = self._is_over(attempt)
        try:
            attempt = self._with_id(attempt)
            body = self.writer.read(attempt.id) if attempt.id is not None else None
            self._notice(body)
            seen = replace(attempt, as_before=reads_as_before(self.account, attempt, body))
            return outcome_of(self.account, seen, body, last=last) or seen
        except Exception as error:  # noqa: BLE001  # whatever it is, the write may have been carried out
            # It may have taken minutes to fail: a stale answer proves nothing, but this was no answer.
            return unread(attempt, describe(error)) if self._is_over(attempt) else attempt

    def _is_over(self, attempt: Attempt) -> bool:
        """Tell whether this is the time to say how an attempt ended, whatever can be seen of it."""
        return self.is_stopped or self.clock.monotonic() >= attempt.since + self.patience

    def _notice(self, body: Body | None) -> None:
        """Remember whether a read-back is the first on this account to show an explicit false or 0."""
        if body is not None and not self.account.normal.explicit_empties:
            self._stricter |= Normal.of(self.account.kind, [body]).explicit_empties

    def _with_id(self, attempt: Attempt) -> Attempt:
        """Return the attempt with its id, looked up by name where the answer of a create named none."""
        if attempt.id is not None:
            return attempt
        name = self._name(attempt.change)
        found = [row for row in self.writer.list() if self._name_in(row) == name]
        id = found[0].get(self.account.kind.id_member) if len(found) == 1 else None
        return replace(attempt, id=id) if isinstance(id, int) else attempt

    def _names_before(self) -> Mapping[str, int]:
        """Return the names that were there when the first create of this run began, read once."""
        with self._lock:
            if self._names is None:
                member = self.account.kind.id_member
                names = {self._name_in(row): row.get(member) for row in self.writer.list()}
                self._names = {
                    name: id for name, id in names.items() if isinstance(name, str) and isinstance(id, int)
                }
            return self._names

    def _name_in(self, body: Body) -> Json:
        value = value_at(body, self.account.kind.by_path[self.account.kind.name_field].member)
        return value if isinstance(value, str) else None

    def _name(self, change: Change) -> str:
        return next(str(view.after) for view in change.fields if view.path == self.account.kind.name_field)

    def _carried_hint(self, change: Change) -> str:
        kind, live = self.account.kind, _live(change)
        members = [*(member for member, _ in unknown_members(kind, live)), *unknown_row_members(kind, live)]
        unknown = [".".join(member) for member in members]
        if not unknown:
            return ""
        return (
            f". The body carried members that this tool does not know: {', '.join(unknown)}. If the server "
            f"writes them itself, add server_members: [{', '.join(unknown)}] to the target"
        )


def _lost(error: Exception) -> str:
    """Return why there is no answer to a write that may have left. Raises an error that says how it ended."""
    if isinstance(error, ReconcilerError) and not isinstance(error, NoAnswer):
        raise error
    return describe(error)


def _ended(change: Change, result: Result, reason: str, exit: Exit) -> Outcome:
    return Outcome(change.key, change.action, result, reason, id=change.id, exit=exit)


def _stale(change: Change, reason: str) -> Outcome:
    return _ended(change, Result.STALE, reason, Exit.STALE)


def _moved(planned: Sequence[FieldView], now: Sequence[FieldView]) -> list[str]:
    """Return the set, reset and refused fields that are no longer what the plan saw."""
    kept = (FieldClass.KEPT, FieldClass.CARRIED)
    return [
        old.path
        for old, new in zip(planned, now, strict=True)
        if old.before != new.before and old.cls not in kept
    ]


def _vanished(account: Account, planned: Sequence[FieldView], now: Sequence[FieldView]) -> list[str]:
    """Return the visibility flag if the plan saw it set and it no longer is: somebody hid the resource."""
    path = account.kind.visible_field
    return [
        old.path
        for old, new in zip(planned, now, strict=True)
        if old.path == path and old.cls is FieldClass.KEPT and old.before is True and new.before is not True
    ]


def _kept_notes(planned: Sequence[FieldView], now: Sequence[FieldView]) -> list[str]:
    return [
        f"{new.path}: kept as just read; it changed since the plan"
        for old, new in zip(planned, now, strict=True)
        if new.cls is FieldClass.KEPT and old.before != new.before
    ]


def _declaration(change: Change) -> Declared:
    if change.declared is None:
        raise TypeError(f"{change.key} is declared nowhere; it can only be deleted")
    return change.declared


def _id(change: Change) -> int:
    if change.live is None:
        raise TypeError(f"{change.key} is not live yet")
    return change.live.id


def _live(change: Change) -> Body:
    return change.live.body if change.live else {}


CarryOut = Callable[[Plan], Outcome]
"""Carries out a plan of one change; how it ended."""


class LearnedDefaults(Struct, frozen=True):
    """What was found out: `values` by path in compared form; of `unknown` fields nothing was shown."""

    created: Outcome
    deleted: Outcome | None = None
    """`None` where nothing is known that could be deleted."""
    values: dict[str, Json] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def is_left_over(self) -> bool:
        """Whether what was created may still be there."""
        gone = self.deleted is not None and self.deleted.result is Result.APPLIED
        made = self.created.result in (Result.APPLIED, Result.IN_DOUBT) or self.created.id is not None
        return made and not gone

    @property
    def exit(self) -> Exit:
        """What the two writes mean together."""
        ends = [self.created.exit, *([self.deleted.exit] if self.deleted else [])]
        return Exit.gravest([*ends, *([Exit.IN_DOUBT] if self.is_left_over else [])])


def learn_defaults(account: Account, scope: Scope, name: str, carry_out: CarryOut) -> LearnedDefaults:
    """Create a resource called `name` with nothing set, look at it, delete it; return what that showed."""
    key = f"{account.kind.name}:{name}"
    created = carry_out(_plan(account, _creation(account, scope, key, name)))
    if created.id is None or created.body is None:
        return LearnedDefaults(created)
    deleted = carry_out(_plan(account, _deletion(account, scope, key, created.id, name, created.body)))
    values, unknown = _shown(account, created.body)
    return LearnedDefaults(created, deleted, values, unknown)


def _plan(account: Account, change: Change) -> Plan:
    return Plan(change.scope, account, changes=(change,))


def _creation(account: Account, scope: Scope, key: str, name: str) -> Change:
    place = Place("defaults learn", 1, 1)
    given = {account.kind.name_field: Given(name, Origin("defaults learn", place))}
    declared = Declared(key, place, given=given)
    return Change(scope, key, Action.CREATE, classify(account, declared, None), declared)


def _deletion(account: Account, scope: Scope, key: str, id: int, name: str, body: Body) -> Change:
    live = Live(id, name, body, listed=True)
    return Change(scope, key, Action.DELETE, removals(account, body), live=live)


def _shown(account: Account, body: Body) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return the values of the fields that were left out, and the paths of which the body tells nothing."""
    kind, values, unknown = account.kind, {}, []
    for one in kind.fields:
        if one.path in (kind.name_field, kind.visible_field) or one.fills_itself:
            continue
        if one.group and not value_at(body, one.group):
            unknown.append(one.path)  # the defaults of a group come with it, and it is not there
        else:
            values[one.path] = account.normal.lenient.value(one, value_at(body, one.member))
    return values, tuple(unknown)
