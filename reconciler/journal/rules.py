"""The rules of a journal, pure: what its entries say together, and what may be written down after them.

`JournalState` is what the entries say, added one after another. Each function below it decides on one thing
that a caller wants to write down: it raises what `reconciler.journal.journal` promises, or returns the answer
to the caller and the facts to add before it holds. No other code decides who may write, what is sent only
once, or what is in doubt.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.errors import Exit, Held, Refused
from reconciler.journal.entries import (
    ADOPT,
    DIED,
    FOUND_BY_NAME,
    MAY_BE_DONE,
    RESOLVED,
    RESULTS,
    SURELY_NOT_DONE,
    BatchBegan,
    BatchIntent,
    DefaultsLearned,
    Delivery,
    DeliveryState,
    Ending,
    Entry,
    Fact,
    Intent,
    JournalBegan,
    Line,
    Mail,
    Operation,
    Run,
    RunBegan,
    RunEnded,
    RunRecord,
    RunsPruned,
    RunStart,
    StandingChanged,
    Unsound,
    WriteBegan,
    WriteEnded,
    shown_accounts,
)
from reconciler.journal.holding import is_dead

Answer = TypeVar("Answer")

Decision: TypeAlias = tuple[Answer, Sequence[Fact]]
"""The answer that holds once these facts are safe. Without facts nothing is written."""


class JournalState(Struct):
    """Everything that the entries of a journal say. Its values never change, so a copy is cheap and apart."""

    n: int = 0  # the number of the last entry
    last: Line | None = None  # its line, as the log has it, which the next one has to follow
    hash_key: bytes = b""
    runs: dict[int, Run] = field(default_factory=dict)
    writes: dict[int, Operation] = field(default_factory=dict)  # without their bodies
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Write → the entries of its beginning and of its end, beside which its bodies are kept; 0 for none."""
    batches: dict[int, BatchIntent] = field(default_factory=dict)  # with their deliveries as they stand now
    defaults: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # account → what was learned there
    mail: list[tuple[int | None, StandingChanged]] = field(default_factory=list)
    """What became of customers, in this order, each with the run that wrote it down, as far as it is kept."""
    learned: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # run → what it learned
    last_run: int = 0  # the highest number ever given to a run; pruning takes none back
    last_write: int = 0
    last_batch: int = 0

    def copy(self) -> JournalState:
        """Return one that can be added to while this one stays as it is."""
        return replace(
            self,
            runs=dict(self.runs),
            writes=dict(self.writes),
            places=dict(self.places),
            batches=dict(self.batches),
            defaults=dict(self.defaults),
            mail=list(self.mail),
            learned=dict(self.learned),
        )

    def latest(self, account: str | None = None, *, adopted: bool = True) -> dict[tuple[str, str], Operation]:
        """Return by account and key the last write that may have been carried out, or what was adopted."""
        return {
            (one.intent.account, one.intent.key): one
            for one in self.writes.values()
            if account in (None, one.intent.account)
            and (one.ending is None or one.ending.result in MAY_BE_DONE)
            and (adopted or one.intent.action != ADOPT)
        }

    def run_of(self, fact: Fact) -> int | None:
        """Return the run with which pruning removes a fact, `None` for one that stays for ever."""
        match fact:
            case RunBegan():
                return fact.number
            case RunEnded() | WriteBegan():
                return fact.run
            case WriteEnded() if fact.operation in self.writes:
                return self.writes[fact.operation].run
        return None

    def add(self, entry: Entry) -> None:
        """Take one further entry into account.

        Raises `Unsound` for one that contradicts those before it. This state is then of no further use.
        """
        try:
            if entry.n <= self.n:
                raise Unsound(f"it stands after entry {self.n}")
            if isinstance(entry.fact, JournalBegan) == bool(self.n):
                raise Unsound("a journal has one beginning, its first entry")
            self._take(entry.n, entry.at, entry.fact)
        except Unsound as error:
            raise Unsound(f"entry {entry.n} is damaged: {error}") from None
        self.n = entry.n

    def _take(self, n: int, at: float, fact: Fact) -> None:
        match fact:
            case JournalBegan():
                self.hash_key = bytes.fromhex(fact.hash_key)
            case RunBegan():
                self.last_run = _next(self.last_run, fact.number)
                self.runs[fact.number] = Run(fact.number, fact.start, at, at)
            case RunEnded():
                run = self._heard_of(fact.run, at)
                if run.is_open:  # the first end counts
                    ended = {"ended": at, "exit": fact.exit, "counts": fact.counts, "note": fact.note}
                    self.runs[fact.run] = replace(run, **ended)
            case WriteBegan():
                self._heard_of(fact.run, at, fact.intent.account)
                self.last_write = _next(self.last_write, fact.number)
                is_adopted = fact.intent.action == ADOPT
                ending = Ending("applied", "live as declared", fact.intent.id) if is_adopted else None
                self.writes[fact.number] = Operation(fact.number, fact.run, fact.intent, at, ending)
                self.places[fact.number] = (n, 0)
            case WriteEnded():
                if fact.operation not in self.writes:
                    raise Unsound(f"there is no write {fact.operation} before it")
                self._heard_of(self.writes[fact.operation].run, at)
                self.writes[fact.operation] = replace(self.writes[fact.operation], ending=fact.ending)
                self.places[fact.operation] = (self.places[fact.operation][0], n)
            case DefaultsLearned():
                self.defaults[fact.account] = {**self.defaults.get(fact.account, {}), **fact.values}
                self.learned[fact.run] = {**self.learned.get(fact.run, {}), **fact.values}
            case BatchBegan():
                self._take_batch(at, fact)
            case StandingChanged():
                self._take_standing(at, fact)
            case RunsPruned():
                self._take_pruning(fact)

    def _take_batch(self, at: float, fact: BatchBegan) -> None:
        number, batch = _next(self.last_batch, fact.number), fact.batch
        if number > self.last_batch + 1:  # no pruning removes a batch
            raise Unsound(f"batch {number - 1} is missing")
        if len({customer.customer for customer in batch.deliveries}) < len(batch.deliveries):
            raise Unsound("a customer stands in it twice")
        said = {"standing": fact.standing, "batch": number, "at": at, "since": at, "note": ""}
        said |= {"round": batch.round, "seed": batch.seed, "server_at": batch.server_at, "server_since": None}
        deliveries = tuple(replace(delivery, **said) for delivery in batch.deliveries)
        self.batches[number] = replace(batch, deliveries=deliveries)
        self.last_batch = number
        run = self._at_work(batch.account) if batch.run is None else batch.run
        self.mail.append((run, StandingChanged(number, None, fact.standing, "", None)))
        if batch.run in self.runs:  # a pruned run leaves its batches behind
            self._heard_of(batch.run, at)

    def _take_standing(self, at: float, fact: StandingChanged) -> None:
        batch = self.batches.get(fact.batch)
        if batch is None or not any(fact.customer in (None, one.customer) for one in batch.deliveries):
            raise Unsound(f"there is no such delivery in batch {fact.batch}")
        ended = {"note": fact.note, "since": at, "server_since": fact.server_at}
        deliveries = tuple(
            replace(delivery, standing=fact.standing, **ended)
            if fact.customer in (None, delivery.customer)
            else delivery
            for delivery in batch.deliveries
        )
        self.batches[fact.batch] = replace(batch, deliveries=deliveries)
        # The whole of a batch is concluded by the run that sent it, even after another one has ended that.
        run = batch.run if fact.customer is None else self._at_work(batch.account)
        self.mail.append((run, fact))

    def _take_pruning(self, fact: RunsPruned) -> None:
        gone = set(fact.runs)
        self.runs = {number: run for number, run in self.runs.items() if number not in gone}
        self.writes = {number: one for number, one in self.writes.items() if one.run not in gone}
        self.places = {number: places for number, places in self.places.items() if number in self.writes}
        self.mail = [(None if run in gone else run, one) for run, one in self.mail]
        self.last_run = max(self.last_run, fact.last_run)
        self.last_write = max(self.last_write, fact.last_operation)

    def _at_work(self, account: str) -> int | None:
        """Return the run that holds an account; there is one at most."""
        for run in reversed(self.runs.values()):
            if run.is_open and account in run.start.accounts:
                return run.number
        return None

    def _heard_of(self, number: int, at: float, account: str | None = None) -> Run:
        """Note that a run wrote something down, on an account that it holds; return it."""
        if number not in self.runs:
            raise Unsound(f"there is no run {number} before it")
        run = self.runs[number]
        if account is not None and account not in run.start.accounts:
            raise Unsound(f"run {number} does not hold its account")
        self.runs[number] = replace(run, latest=max(run.latest, at))
        return self.runs[number]


def _next(last: int, number: int) -> int:
    if number <= last:
        raise Unsound(f"number {number} was given twice")
    return number


def begin_run(state: JournalState, start: RunStart, now: float) -> Decision[int]:
    """Decide on a new run, and on the end of those that are provably dead and hold one of its accounts."""
    dead = []
    for run in state.runs.values():
        if not run.is_open or not set(run.start.accounts) & set(start.accounts):
            continue
        if not is_dead(run, start.process, now, start.ci_run):
            raise Held(_held_by(run, start.accounts, now))
        note = f"found dead: process {run.start.process.pid} on {run.start.process.host} had not ended it"
        dead.append(RunEnded(run.number, None, {}, note))
    number, once = state.last_run + 1, tuple(dict.fromkeys(start.accounts))
    return number, [*dead, RunBegan(number, replace(start, accounts=once))]


def _held_by(run: Run, wanted: Sequence[str], now: float) -> str:
    start = run.start
    shown = " and ".join(shown_accounts([account for account in start.accounts if account in wanted]))
    where = start.ci_run or f"process {start.process.pid} on {start.process.host}"
    return (
        f"run {run.number} ({start.command} on {start.target}) of {start.who} is at work on "
        f"{shown}: {where}, begun {_age(now - run.began)} ago, last heard of "
        f"{_age(now - run.latest)} ago. Wait with --lock-timeout 5m; if that process is surely gone, "
        f"--take-over {run.number} ends its run"
    )


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"


def end_run(
    state: JournalState, run: int, exit: int | None, counts: Mapping[str, int], note: str = ""
) -> Decision[None]:
    """Decide on the end of a run; one that has ended, or is unknown, stays as it is."""
    ended = RunEnded(run, None if exit is None else int(exit), dict(counts), note)
    known = state.runs.get(run)
    return None, [ended] if known and known.is_open else ()


def take_over(state: JournalState, run: int, note: str) -> Decision[None]:
    """Decide on ending a run that another one holds on to. Raises `LookupError` for an unknown one."""
    if run not in state.runs:
        raise LookupError(f"the journal knows no run {run}")
    return end_run(state, run, None, {}, note)


def begin_operation(state: JournalState, run: int, intent: Intent) -> Decision[int]:
    """Decide on a write of a run. Raises `Refused` if the run does not hold the account."""
    _check_holds(state, run, intent.account)
    number = state.last_write + 1
    return number, [WriteBegan(number, run, intent)]


def agree(state: JournalState, run: int, intents: Sequence[Intent]) -> Decision[None]:
    """Decide on what was found to be live as it is declared. Raises `Refused` as for a write."""
    for account in {intent.account for intent in intents}:
        _check_holds(state, run, account)
    return None, [WriteBegan(number, run, one) for number, one in enumerate(intents, state.last_write + 1)]


def end_operation(state: JournalState, operation: int, ending: Ending) -> Decision[None]:
    """Decide on the end of a write. Raises `LookupError` for an unknown one."""
    if operation not in state.writes:
        raise LookupError(f"the journal knows no operation {operation}")
    return None, [WriteEnded(operation, ending)]


def learn(state: JournalState, run: int, account: str, values: Mapping[str, Any]) -> Decision[None]:
    """Decide on what was learned, as far as the same is not known already."""
    known = state.defaults.get(account, {})
    text = json.JSONEncoder(sort_keys=True, default=dict).encode  # unlike Python, JSON tells `false` from `0`
    new = {p: value for p, value in values.items() if p not in known or text(known[p]) != text(value)}
    return None, [DefaultsLearned(run, account, new)] if new else ()


def prune(state: JournalState, before: float) -> Decision[RunsPruned]:
    """Decide on removing runs that ended before a time, but for those that a later one needs."""
    needed = {one.run for one in state.latest().values()}
    needed |= {batch.run for batch in state.batches.values() if batch.run is not None}
    old = (run for run in state.runs.values() if run.ended is not None and run.ended < before)
    gone = tuple(run.number for run in old if run.number not in needed)
    written = sum(one.run in set(gone) for one in state.writes.values())
    pruned = RunsPruned(gone, written, state.last_run, state.last_write)
    return pruned, [pruned] if gone else ()


def intend(state: JournalState, batch: BatchIntent, again: Collection[int]) -> Decision[int]:
    """Decide on a request that is about to be sent."""
    if batch.run is not None:
        _check_holds(state, batch.run, batch.account)
    refuse_repeats(batch, _of_round(state, batch), again)
    return _batch(state, batch, DeliveryState.INTENDED)


def record_found(state: JournalState, batch: BatchIntent) -> Decision[int]:
    """Decide on customers that were found, as far as they are not open, sent or found already."""
    holding = _holding(_of_round(state, batch))
    found = [delivery for delivery in batch.deliveries if delivery.customer not in holding]
    return _batch(state, replace(batch, deliveries=found), DeliveryState.FOUND) if found else (0, ())


def conclude(
    state: JournalState,
    batch: int,
    customer: str | None,
    standing: DeliveryState,
    note: str,
    server_since: float | None = None,
) -> Decision[None]:
    """Decide on how a batch ended, or one delivery of it. Raises `LookupError` for an unknown one."""
    deliveries = state.batches[batch].deliveries if batch in state.batches else ()
    if not any(customer in (None, delivery.customer) for delivery in deliveries):
        raise LookupError("the journal knows no such batch or delivery")
    return None, [StandingChanged(batch, customer, standing, note, server_since)]


def counting(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Return the one delivery that counts for every customer and round, of those of one seed; oldest first.

    The latest one counts, but one that provably mailed nothing never hides an older one that may have: a late
    answer can still turn up for that one.
    """
    chosen: dict[tuple[str, str], Delivery] = {}
    for delivery in deliveries:
        key = (delivery.round, delivery.customer)
        if key not in chosen or chosen[key].standing.is_unsent or not delivery.standing.is_unsent:
            chosen.pop(key, None)  # so that it stands at its own place, not at that of the older one
            chosen[key] = delivery
    return tuple(chosen.values())


def refuse_repeats(batch: BatchIntent, past: Iterable[Delivery], again: Collection[int]) -> None:
    """Raise `Refused` if a customer of the batch may not get another delivery.

    `past` is every delivery of its seed and round, oldest first. An open one forbids another one always; a
    settled one does unless its batch is in `again`.
    """
    holding = _holding(past)
    before = [holding[d.customer] for d in batch.deliveries if d.customer in holding]
    if open_ones := [d for d in before if d.standing.is_open]:
        raise Refused(
            f"{_which(batch, open_ones)} under way or in doubt: nothing was sent. If no other run is at "
            f"work, settle it with `reconciler seeds status` or `reconciler seeds resolve`"
        )
    if settled := [d for d in before if d.batch not in again]:
        raise Refused(
            f"{_which(batch, settled)} sent or found already, perhaps by a run at the same time: nothing "
            f"was sent. Plan again; `reconciler seeds send --again` repeats it on purpose"
        )


def _which(batch: BatchIntent, deliveries: Sequence[Delivery]) -> str:
    batches = ", ".join(str(number) for number in sorted({d.batch for d in deliveries}))
    verb = "is" if len(deliveries) == 1 else "are"
    return (
        f"{batch.seed}, round {batch.round}: {len(deliveries)} of {len(batch.deliveries)} customers "
        f"(batch {batches} in the journal) {verb}"
    )


def _holding(past: Iterable[Delivery]) -> dict[str, Delivery]:
    """Return by customer the delivery that forbids a further one. `past` is of one seed and round."""
    return {d.customer: d for d in counting(past) if not d.standing.is_unsent}


def _of_round(state: JournalState, batch: BatchIntent) -> list[Delivery]:
    same = (batch.account, batch.seed, batch.round)
    past = [one for one in state.batches.values() if (one.account, one.seed, one.round) == same]
    return [delivery for one in past for delivery in one.deliveries]


def _batch(state: JournalState, batch: BatchIntent, standing: DeliveryState) -> Decision[int]:
    """Decide on a batch. Raises `Refused` if it holds a customer twice."""
    if len({delivery.customer for delivery in batch.deliveries}) < len(batch.deliveries):
        raise Refused(
            f"{batch.seed}, round {batch.round}: a customer was to be written down twice; nothing was "
            f"sent. Plan again"
        )
    number = state.last_batch + 1
    return number, [BatchBegan(number, standing, batch)]


def _check_holds(state: JournalState, run: int, account: str) -> None:
    held = state.runs.get(run)
    if held is None or not held.is_open:
        raise Refused(
            f"run {run} no longer holds its account: another run took it for dead. Nothing further is written"
        )
    if account not in held.start.accounts:
        (shown,) = shown_accounts([account])
        raise Refused(f"run {run} does not hold {shown}: nothing is written there. Please report it")


def record_of(state: JournalState, run: Run) -> RunRecord:
    """Return what a run has written down, without bodies, its counts made of that: it may have broken off.

    A write or a batch without an end is in doubt, unless the run is open. What the run counted itself adds
    the changes that never became a write.
    """
    operations = tuple(one for one in state.writes.values() if one.run == run.number)
    counts: dict[str, int] = {}
    if run.counts or operations:
        adopted = sum(one.intent.action == ADOPT for one in operations)
        ends = Counter(one.ending.result if one.ending else "in doubt" for one in operations)
        ends["applied"] -= adopted
        if run.is_open:
            ends["in doubt"] -= sum(one.ending is None for one in operations)
        said = {result: run.counts.get(result, 0) for result in SURELY_NOT_DONE}
        counts = {result: max(ends[result], said.get(result, 0)) for result in RESULTS}
        counts |= {"adopted": adopted} if adopted else {}
    if "sent" in run.counts:
        counts["sent"] = 0
    mail = tuple(_mail_of(state, run))
    for one in mail:
        name = _COUNTED_AS[one.standing] if one.was is None else "customers resolved"
        counts[name] = counts.get(name, 0) + one.customers
    reason = f"{FOUND_BY_NAME} in run {run.number}"
    found = (one for one in state.writes.values() if one.ending and one.ending.reason == reason)
    if resolved := tuple(found):
        counts["changes resolved"] = len(resolved)
    # What breaks off without counting is written down as an error, like any bug.
    broke_off = run.exit == Exit.ERROR and not run.counts and not run.note
    told = replace(run, counts=counts, note="ended without a conclusion" if broke_off else run.note)
    return RunRecord(told, operations, mail, resolved, state.learned.get(run.number, {}))


_COUNTED_AS = {
    DeliveryState.INTENDED: "customers under way",
    DeliveryState.SENT: "sent",
    DeliveryState.REFUSED: "customers refused",
    DeliveryState.NOT_SENT: "customers refused",
    DeliveryState.FOUND: "customers found",
    DeliveryState.IN_DOUBT: "customers in doubt",
}


def _mail_of(state: JournalState, run: Run) -> Iterator[Mail]:
    """Yield what a run did with customers: the batches that it sent, whom it found, what it resolved."""
    own, before = dict[int, StandingChanged](), dict[tuple[int, str | None], DeliveryState]()
    resolved: dict[tuple[str, str, str], tuple[int, DeliveryState, DeliveryState, str]] = {}
    for by, one in state.mail:
        batch, customer = state.batches[one.batch], one.customer
        was = before.get((one.batch, customer)) or before.get((one.batch, None)) or one.standing
        before[one.batch, customer] = one.standing
        if by != run.number:
            continue
        if customer is None:
            own[one.batch] = one
            if one.note != RESOLVED:
                continue
            del own[one.batch]  # not sent: so the journal explains the mailboxes of those who were found
            was = DeliveryState.FOUND
        for name in [customer] if customer else [delivery.customer for delivery in batch.deliveries]:
            key = (batch.seed, batch.round, name)
            first, stood, *_ = resolved.get(key, (one.batch, was))
            resolved[key] = (first, stood, one.standing, one.note)
    for number, end in own.items():
        batch, standing, note = state.batches[number], end.standing, end.note
        if standing is DeliveryState.INTENDED and not run.is_open:
            standing, note = DeliveryState.IN_DOUBT, DIED
        now = Counter(delivery.standing for delivery in batch.deliveries)
        mail = Mail(number, batch.seed, batch.round, len(batch.deliveries), standing, note)
        # Of those who were found, a later run writes down a batch of its own.
        is_still = standing is DeliveryState.FOUND or [*now] == [end.standing]
        yield replace(mail, moments=batch.resolved, now={} if is_still else now)
    for (number, was, standing, note), customers in Counter(resolved.values()).items():
        batch = state.batches[number]
        yield Mail(number, batch.seed, batch.round, customers, standing, note, was, batch.run)


def subject(state: JournalState, fact: Fact) -> str:
    """Return what a fact says, in one line for people, once the state knows it.

    It holds keys of resources, numbers, and words of this program, and no name of a person.
    """
    match fact:
        case JournalBegan():
            said = "begin the journal"
        case RunBegan():
            said = f"run {fact.number}: begin {fact.start.command} on {fact.start.target}"
        case RunEnded(exit=None):
            said = f"run {fact.run}: ended by another run"
        case RunEnded():
            counts = ", ".join(f"{number} {name}" for name, number in fact.counts.items() if number)
            said = f"run {fact.run}: end with exit code {fact.exit}" + (f" ({counts})" if counts else "")
        case WriteBegan():
            said = f"run {fact.run}: {fact.intent.action} {fact.intent.key}"
        case WriteEnded():
            one = state.writes[fact.operation]
            said = f"run {one.run}: {one.intent.key} {fact.ending.result}"
        case DefaultsLearned():
            said = f"run {fact.run}: learn {_counted(len(fact.values), 'default')}"
        case BatchBegan():
            batch, verb = fact.batch, "find" if fact.standing is DeliveryState.FOUND else "send"
            who = f"run {batch.run}: " if batch.run is not None else ""
            customers = f"{_counted(len(batch.deliveries), 'customer')}, batch {fact.number}"
            said = f"{who}{verb} {batch.seed}, round {batch.round} ({customers})"
        case StandingChanged():
            which = "" if fact.customer is None else ", one customer"
            said = f"batch {fact.batch}{which}: {fact.standing}"
        case RunsPruned():
            said = f"prune {_counted(len(fact.runs), 'run')}, {_counted(fact.operations, 'write')}"
    said = "".join(char if char.isprintable() else "?" for char in said)
    return said if len(said) <= 100 else said[:99] + "…"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
