"""Carrying out changes: read again, compare, journal the intent, write, read back, and say how it ended.

Nothing here raises for what an API does, or for an unexpected error: every change ends as exactly one
`Outcome`, and the others go on.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock, SleepCut
from reconciler.engine.body import compared, shows_zero, unknown_row_members, value_at
from reconciler.engine.change import Action, Change, Plan, Scope
from reconciler.engine.classify import (
    AccountProfile,
    FieldClass,
    FieldView,
    carried,
    classify,
    desired,
    removals,
)
from reconciler.engine.kind import (
    Body,
    Client,
    Declared,
    Given,
    Json,
    Kind,
    Live,
    Mapper,
    Origin,
    map_serially,
)
from reconciler.engine.outcome import Outcome, Result, Write, outcome_of
from reconciler.errors import (
    Abandoned,
    AllowanceUsedUp,
    ApiError,
    Declined,
    Exit,
    Forbidden,
    NoAnswer,
    NotFound,
    ReconcilerError,
    Unauthorised,
    describe,
    fact_of,
)
from reconciler.problems import ALIKE, Place, folded, told_apart

Item = TypeVar("Item")
End = TypeVar("End")

FIRST_PAUSE = 0.5  # seconds before the first repeated read-back; each further pause is twice as long

# After one of these every further call would fail alike.
_HOPELESS = (Unauthorised, Forbidden, AllowanceUsedUp)

_NAMED = 3  # how many of the changes that keep a delete back are named; the rest is counted

_STRICTER = (
    "The API has now shown that it tells false and 0 from an empty field, so the next plan may change a "
    "resource that declares one of them."
)


class Journal(Protocol):
    """Where a run writes down what it is about to do, before it does it; raises `Refused` where it cannot."""

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        """Return only once it is safe on disk that this change is about to be written."""

    def outcome(self, outcome: Outcome) -> None:
        """Write down how a change ended; one that was never written leaves nothing to be written down."""


def apply(plan: Plan, run: Run, *, mapper: Mapper = map_serially) -> tuple[Outcome, ...]:
    """Carry out every change of the plan that is not blocked; return truthfully how each one ended.

    The outcomes are in the order of the changes, and then of what is blocked. Deletes begin only where all
    else ended as applied: what is deleted may be what a create or an update was to take the place of.
    """
    deletes = [change for change in plan.changes if change.action is Action.DELETE]
    ended = run.ends([change for change in plan.changes if change.action is not Action.DELETE], mapper)
    blocked = {}
    for one in plan.blocked:
        reason = f"{one.why}: " + "; ".join(block.message for block in one.blocks)
        result = Result.IN_DOUBT if one.is_in_doubt else Result.SKIPPED
        action = one.change.action if one.change else None
        blocked[one.key] = Outcome(one.key, action, result, reason, exit=one.exit)
    others = [*ended.values(), *(blocked[one.key] for one in plan.blocked if not one.is_only_a_delete)]
    unfinished = [outcome for outcome in others if outcome.result is not Result.APPLIED]
    if unfinished and not run.stopped:
        named = ", ".join(f"{outcome.key} is {outcome.result}" for outcome in unfinished[:_NAMED])
        more = f" and {len(unfinished) - _NAMED} more" if len(unfinished) > _NAMED else ""
        reason = f"not begun: deletes wait until every create and update is applied, and {named}{more}"
        exit = Exit.gravest(outcome.exit for outcome in unfinished)
        ended |= {delete.key: Outcome.of(delete, Result.SKIPPED, reason, exit) for delete in deletes}
    else:
        ended |= run.ends(deletes, mapper)
    return (*(ended[change.key] for change in plan.changes), *blocked.values())


class Run(Struct):
    """One apply on one account. `patience` is how many seconds a slow cache may hide a write.

    `notes` are what a person should know of it as a whole. `stopped` says why nothing further is begun, and
    what that makes the process say.
    """

    account: AccountProfile
    client: Client
    clock: Clock
    patience: float
    journal: Journal | None = None  # needed by every plan in which something is to be done
    notes: tuple[str, ...] = ()
    stopped: tuple[str, Exit] | None = None
    recreate: Collection[str] = ()  # the keys that may be created beside what looks like them
    _names: Mapping[str, Sequence[int]] | None = None
    _forms: Mapping[str, str] = field(default_factory=dict)  # folded name → name
    _intended: set[str] = field(default_factory=set)  # the keys of which a write may have left
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _first: threading.Lock = field(default_factory=threading.Lock)  # held by the first write until its answer
    _is_answered: bool = False  # whether that has come

    def stop(self, reason: str, exit: Exit = Exit.ERROR) -> None:
        """Begin no further change: each one that has not begun ends as skipped, for this reason."""
        self.stopped = self.stopped or (f"not begun: {reason}", exit)

    def _stopped_by(self, change: Change, error: ApiError) -> None:
        """Begin no further change: the API would refuse each of them as it refused this one."""
        self.stop(f"{change.key} ended the run: {error.brief}", error.exit)

    def _note(self, text: str) -> None:
        """Say something of the run as a whole, once; nothing for an empty text."""
        with self._lock:
            if text and text not in self.notes:
                self.notes = (*self.notes, text)

    def ends(self, changes: Sequence[Change], mapper: Mapper = map_serially) -> dict[str, Outcome]:
        """Carry out these changes; return by key how each ended, once that can be said or patience ends.

        What no read has proved or disproved yet is read again, all of it together, after ever longer pauses.
        A stop or an interrupt cuts a pause short.
        """
        begun = _results(mapper, self._carry_out, changes, "Applying")
        outcomes = [end for end in begun if isinstance(end, Outcome)]
        writes, pause = [end for end in begun if isinstance(end, Write)], FIRST_PAUSE
        while writes:
            if not self.stopped:
                left = max(write.since for write in writes) + self.patience - self.clock.monotonic()
                with suppress(SleepCut):
                    self.clock.sleep(min(pause, max(0.0, left)))
            looks = _results(mapper, self._look, writes, "Verifying")
            outcomes += [self._written_down(end) for end in looks if isinstance(end, Outcome)]
            writes = [end for end in looks if isinstance(end, Write)]
            pause *= 2
        return {outcome.key: outcome for outcome in outcomes}

    def _carry_out(self, change: Change) -> Outcome | Write:
        """Carry out one change; a write that a read could neither prove nor disprove yet has no outcome."""
        if self.stopped:
            return Outcome.of(change, Result.SKIPPED, *self.stopped)
        try:
            end = self._steps(change)
        except Exception as error:  # noqa: BLE001  # it ends this change, and no other
            end = self._ended_by(change, error)
        return self._written_down(end) if isinstance(end, Outcome) else end

    def _steps(self, change: Change) -> Outcome | Write:
        """Carry out one change, step by step. Raises what ends it before anything may have been written."""
        # 1. Read again what the plan saw.
        live = None if change.id is None else self.client.read(change.id)
        if live is None and change.action is Action.DELETE:
            return Outcome.of(change, Result.APPLIED, "it was gone already")
        # 2. Compare: what is overwritten has to be what was planned.
        views, stale = self._compare(change, live)
        if stale:
            return Outcome.of(change, Result.STALE, stale, Exit.STALE)
        # 3. Journal the intent, with the body that is about to be overwritten.
        body = None
        if change.declared and change.action is not Action.DELETE:
            body = desired(self.account.kind, change.declared, views, live)
        notes = tuple(
            f"{now.path}: kept as just read; it changed since the plan"
            for planned, now in zip(change.fields, views, strict=True)
            if change.action is Action.UPDATE and now.cls is FieldClass.KEPT and planned.before != now.before
        )
        write = Write(change, views, body, id=change.id, notes=notes)
        with ExitStack() as alone:
            # The first write of a run is alone: keys without the right to write are refused once. The others
            # wait here for its answer, and then let each other pass at once.
            alone.enter_context(self._first)
            if self._is_answered:
                alone.close()
            if self.stopped:
                raise Abandoned(self.stopped[0])
            if self.journal:
                self.journal.intent(change, live, body)
            self._intended.add(change.key)
            # 4. Send it, and 5. read it back.
            try:
                write = self._send(write)
            except _HOPELESS as error:
                self._stopped_by(change, error)
                raise
            finally:
                self._is_answered = True
        end = self._look(write)
        # A full PUT whose answer was lost is repeated once, where the read shows the old body.
        if change.action is Action.UPDATE and isinstance(end, Write) and end.lost and end.as_before:
            try:
                end = self._look(self._send(end))
            except ApiError as error:  # nothing says yet how the first one ended
                if isinstance(error, _HOPELESS):
                    self._stopped_by(change, error)
        return end

    def _compare(self, change: Change, live: Body | None) -> tuple[tuple[FieldView, ...], str]:
        """Return every field as it has now been read, and what is no longer as the plan saw it, in words.

        A kept value may have moved, for it is sent as just read; but not a visibility flag that was set: its
        resource has been hidden meanwhile.
        """
        kind = self.account.kind
        if change.action is Action.CREATE:
            return change.fields, self._named_since(change)
        if live is None:
            return change.fields, "it is gone since the plan"
        if change.declared is None or change.action is Action.DELETE:
            views = removals(self.account, live)
        else:
            listed = bool(change.live and change.live.listed)
            views = classify(self.account, change.declared, live, listed=listed)
        before, after = ({view.path: view for view in fields} for fields in (change.fields, views))
        moved = []
        for path in kind.by_path:
            old, new = before.get(path), after.get(path)
            was, now = (view.before if view else None for view in (old, new))
            is_kept = old is not None and old.cls is FieldClass.KEPT
            if was != now and (not is_kept or (path == kind.visible_field and was is True)):
                moved.append(path)
        unknown = ({view.path for view in fields if view.unknown} for fields in (change.fields, views))
        moved += sorted(set.symmetric_difference(*unknown))
        return views, f"changed since the plan: {', '.join(moved)}" if moved else ""

    def _send(self, write: Write) -> Write:
        """Send a write. Raises an error that says how it ended; without an answer the result says why."""
        id, lost = write.id, ""
        try:
            match write.change.action, id, write.body:
                case Action.CREATE, None, dict() as body:
                    id = self.client.create(body)
                case Action.UPDATE, int(), dict() as body:
                    self.client.update(id, body)
                case Action.DELETE, int(), None:
                    self.client.delete(id)
        except Exception as error:  # it may have left
            if isinstance(error, ReconcilerError) and not isinstance(error, NoAnswer):
                raise
            lost = fact_of(error)
        return replace(write, id=id, lost=lost, since=self.clock.monotonic())

    def _look(self, write: Write) -> Outcome | Write:
        """Read what a write left; return its outcome, or the write where it is too early to say."""
        last = self._is_over(write)
        try:
            if write.id is None:  # the answer of a create named none
                ids = self._ids_by_name().get(_name(self.account.kind, write.change), ())
                write = replace(write, id=ids[0] if len(ids) == 1 else None)
            body = self.client.read(write.id) if write.id is not None else None
            if body and not self.account.explicit_empties and shows_zero(self.account.kind, [body]):
                self._note(_STRICTER)
            return outcome_of(self.account, write, body, last=last)
        except Exception as error:  # noqa: BLE001  # whatever it is, the write may have been carried out
            # It may have taken minutes to fail: a stale answer proves nothing, but this was no answer.
            why = f"and it could not be read back: {fact_of(error)}"
            return write.in_doubt(why) if self._is_over(write) else write

    def _is_over(self, write: Write) -> bool:
        """Tell whether this is the time to say how a write ended, whatever can be seen of it."""
        return bool(self.stopped) or self.clock.monotonic() >= write.since + self.patience

    def _named_since(self, change: Change) -> str:
        """Return what has appeared since the plan with the name of a create, or one that looks like it.

        What is live is read once, when the first create of this run begins.
        """
        with self._lock:
            if self._names is None:
                self._names = self._ids_by_name()
                self._forms = {folded(name): name for name in self._names}
        name = _name(self.account.kind, change)
        if ids := self._names.get(name):
            return f"id {ids[-1]} has this name since the plan"
        other = self._forms.get(folded(name))
        if other is None or change.key in self.recreate:
            return ""
        called, looks = told_apart(name, other)
        return f"id {self._names[other][-1]} is named {looks} since the plan, not {called}: {ALIKE}"

    def _ids_by_name(self) -> Mapping[str, Sequence[int]]:
        kind, found = self.account.kind, defaultdict(list)
        for row in self.client.list():
            name, id = value_at(row, kind.by_path[kind.name_field].member), row.get(kind.id_member)
            if isinstance(name, str) and isinstance(id, int):
                found[name].append(id)
        return found

    def _ended_by(self, change: Change, error: Exception) -> Outcome:
        """Return how a change ended that an error kept from being written, or from being read back."""
        is_intended = change.key in self._intended
        result, reason = Result.FAILED, f"not begun: {describe(error)}"
        exit = error.exit if isinstance(error, ReconcilerError) else Exit.ERROR
        match error:
            case Abandoned():
                result = Result.SKIPPED
                reason, exit = self.stopped or (reason, exit)
            case ApiError() if isinstance(error, _HOPELESS):
                self._stopped_by(change, error)
                result, reason = Result.SKIPPED, str(error)
            case Declined() | NotFound() if is_intended:  # it was sent, and answered
                reason = f"refused: {error}"
                self._note(_carried_hint(self.account.kind, change, error))
            case ApiError() if is_intended:  # its request was not taken
                reason = str(error)
            case ApiError():
                pass
            case ReconcilerError():  # the journal: what cannot be written down is not done
                self.stop(str(error), exit)
                result = Result.SKIPPED
            case _ if is_intended:
                result, exit = Result.IN_DOUBT, Exit.IN_DOUBT
                reason = f"it may have been written: {describe(error)}"
        return Outcome.of(change, result, reason, exit)

    def _written_down(self, outcome: Outcome) -> Outcome:
        """Write an outcome down and return it; a journal that fails changes nothing of how it ended."""
        try:
            if self.journal:
                self.journal.outcome(outcome)
        except Exception as error:  # noqa: BLE001  # what is done is done
            if isinstance(error, ReconcilerError):
                self.stop(str(error), error.exit)
            return replace(outcome, warnings=(*outcome.warnings, f"not written down: {describe(error)}"))
        return outcome


def _results(
    mapper: Mapper, function: Callable[[Item], End], items: Sequence[Item], label: str
) -> Sequence[End]:
    """Return the result of each item, of a function that raises nothing.

    Where the mapper fails by itself, for want of a thread or a terminal, the rest is done one by one.
    """
    ends: dict[int, End] = {}

    def one(number: int) -> None:
        ends[number] = function(items[number])

    with suppress(Exception):
        mapper(one, range(len(items)), label)
    return [ends[number] if number in ends else function(item) for number, item in enumerate(items)]


def _name(kind: Kind, change: Change) -> str:
    return next(str(view.after) for view in change.fields if view.path == kind.name_field)


def _carried_hint(kind: Kind, change: Change, refusal: ApiError) -> str:
    """Return what carried members have to do with a refusal: a line to write only for those that it names."""
    live = change.live.body if change.live else {}
    members = [*(one for one, _ in carried(kind, change.fields, live)), *unknown_row_members(kind, live)]
    times, named = Counter(member[-1] for member in members), []
    said = refusal.fact.partition(": ")[2]  # behind the request, whose path may hold the name of a member
    for member in members:
        names = [f"(?i:{re.escape('.'.join(member))})", *([re.escape(member[-1])] * (times[member[-1]] == 1))]
        if re.search(rf"(?<!\w)({'|'.join(names)})(?!\w)", said):
            named.append(member)
    paths = ", ".join(".".join(member) for member in named or members)
    if named:
        return (
            "A body was refused for members that this tool does not know. If the server alone writes them, "
            f"add server_members: [{paths}] to the account of the target: a PUT then leaves them out, and "
            "every plan shows their live values as resets, which need consent."
        )
    return (
        f"A refused body held members that this tool does not know, as they were: {paths}." if paths else ""
    )


class LearnedDefaults(Struct, frozen=True):
    """What was found out: `values` by path in compared form; of `unknown` fields nothing was shown."""

    created: Outcome
    deleted: Outcome | None = None  # `None` where nothing is known that could be deleted
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


def learn_defaults(
    account: AccountProfile, scope: Scope, name: str, carry_out: Callable[[Plan], Outcome]
) -> LearnedDefaults:
    """Create a resource called `name` with nothing set, look at it, delete it; return what that showed.

    `carry_out` applies a plan of one change. What a create leaves out is taken to get the same default as
    what a PUT leaves out: the vendor's pages speak of one "default value" of a property.
    """

    def ended(change: Change) -> Outcome:
        return carry_out(Plan(scope, account, changes=(change,)))

    kind = account.kind
    key, place = f"{kind.name}:{name}", Place("defaults learn", 1, 1)
    declared = Declared(key, place, given={kind.name_field: Given(name, Origin("defaults learn", place))})
    created = ended(Change(scope, key, Action.CREATE, classify(account, declared, None), declared))
    if created.id is None or created.body is None:
        return LearnedDefaults(created)
    live = Live(created.id, name, created.body, listed=True)
    deleted = ended(Change(scope, key, Action.DELETE, removals(account, live.body), live=live))
    values, unknown = {}, []
    for one in kind.fields:
        if one.path in (kind.name_field, kind.visible_field) or one.fills_itself:
            continue
        if one.group and not value_at(live.body, one.group):
            unknown.append(one.path)  # the defaults of a group come with it, and it is not there
        else:
            values[one.path] = compared(one, value_at(live.body, one.member))
    return LearnedDefaults(created, deleted, values, tuple(unknown))
