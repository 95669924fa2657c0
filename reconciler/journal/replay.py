"""What a journal of entries knows: a pure fold over everything that was written down.

An entry is one line of JSON: what happened (`what`), its place in the order of all (`n`, from 1, growing) and
when (`at`). Entries are added and never changed; only pruning removes those of whole runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from reconciler.journal.forms import (
    Count,
    ExitCode,
    Hash,
    Json,
    Number,
    ServerTime,
    Text,
    Time,
    Unsound,
    Word,
    checked,
)
from reconciler.journal.ledger import Delivery, DeliveryState
from reconciler.journal.runs import MAY_BE_DONE, Ending, Intent, Operation, Run, RunStart

Entry: TypeAlias = Mapping[str, Any]
"""An entry as JSON has it. `reconciler.journal.entries` makes them, and `AnyEntry` is what each must be."""


class _Entry(Struct, frozen=True, forbid_unknown_fields=True, tag_field="what", kw_only=True):
    """What every entry has: its place in the order of all, and when it was written."""

    n: Number
    at: Time


class RunEntry(_Entry, frozen=True, tag="run"):
    """A run that begins."""

    number: Number
    start: RunStart


class RunEndEntry(_Entry, frozen=True, tag="run end"):
    """A run that ended, or was ended."""

    run: Number
    exit: ExitCode | None
    counts: Mapping[Word, Count]
    note: Text


class OperationEntry(_Entry, frozen=True, tag="operation"):
    """A write that is about to be made."""

    number: Number
    run: Number
    intent: Intent


class OperationEndEntry(_Entry, frozen=True, tag="operation end"):
    """How a write ended."""

    operation: Number
    ending: Ending


class LearnedEntry(_Entry, frozen=True, tag="learned"):
    """What resets left behind."""

    run: Number
    account: Text
    values: Mapping[Text, Json]


class BatchCustomer(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a delivery is its own; the rest stands in its batch."""

    customer: Hash
    mailbox: Hash
    digest: Hash
    baseline: Count
    contents: Mapping[Text, Hash]
    ids: tuple[Hash, ...] | None = None
    """Not in an entry of format 1 or 2."""


class BatchEntry(_Entry, frozen=True, tag="batch"):
    """Deliveries that were written down together, all of them with one standing."""

    number: Number
    run: Number | None
    account: Text
    seed: Text
    round: Text
    resolved: Mapping[Text, Text]
    standing: DeliveryState
    deliveries: Annotated[tuple[BatchCustomer, ...], Meta(min_length=1)]
    server_at: ServerTime | None = None
    """Not in an entry of format 1."""


class StandingEntry(_Entry, frozen=True, tag="standing"):
    """What became known of a batch, or of one customer in it."""

    batch: Number
    customer: Hash | None
    standing: DeliveryState
    note: Text
    server_at: ServerTime | None = None
    """Not in an entry of format 1."""


class PrunedEntry(_Entry, frozen=True, tag="pruned"):
    """A removal of runs: the highest numbers that were given before it, and how much it removed."""

    run: Count
    operation: Count
    runs: Count
    operations: Count


AnyEntry: TypeAlias = (
    RunEntry
    | RunEndEntry
    | OperationEntry
    | OperationEndEntry
    | LearnedEntry
    | BatchEntry
    | StandingEntry
    | PrunedEntry
)
"""The model of every entry."""


class Batch(Struct, frozen=True):
    """What was written down at once: one request, or the customers that one look found."""

    account: str
    seed: str
    run: int | None
    at: float
    deliveries: tuple[Delivery, ...]


class Given(Struct):
    """The highest number that was ever given of each sort; pruning takes none of them back."""

    entry: int = 0
    run: int = 0
    operation: int = 0
    batch: int = 0


class Known(Struct):
    """Everything that a journal knows. Its values never change, so a copy is cheap and apart."""

    runs: dict[int, Run] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    seeds: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """Account and seed → the numbers of their batches, oldest first."""
    learned: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    given: Given = field(default_factory=Given)

    def copy(self) -> Known:
        """Return one that can be added to while this one stays as it is."""
        return Known(
            dict(self.runs),
            dict(self.operations),
            dict(self.batches),
            dict(self.seeds),
            dict(self.learned),
            replace(self.given),
        )

    def past(self, account: str, seed: str | None) -> Iterator[Delivery]:
        """Yield every delivery of a seed, or of every seed of the account, oldest first."""
        for number in self._batches_of(account) if seed is None else self.seeds.get((account, seed), ()):
            yield from self.batches[number].deliveries

    def _batches_of(self, account: str) -> Iterator[int]:
        return (number for number, batch in self.batches.items() if batch.account == account)

    def operations_of(self, run: int) -> Iterator[Operation]:
        """Yield every write of a run, in the order in which they were begun."""
        return (operation for operation in self.operations.values() if operation.run == run)

    def latest(self) -> dict[tuple[str, str], Operation]:
        """Return by account and key the last write that may have been carried out."""
        return {
            (operation.intent.account, operation.intent.key): operation
            for operation in self.operations.values()
            if operation.ending is None or operation.ending.result in MAY_BE_DONE
        }

    def add(self, entry: Entry) -> None:
        """Take one further entry into account.

        Raises `Unsound` for one that breaks a rule of the journal. What is known is then of no further use.
        """
        what = f"entry {entry['n']}"
        made: AnyEntry = checked(AnyEntry, entry, what)  # type: ignore[arg-type]  # a union is no type to mypy
        if made.n <= self.given.entry:
            raise Unsound(f"{what} is damaged: it stands after entry {self.given.entry}")
        try:
            _take(self, made)
        except _Contradiction as error:
            raise Unsound(f"{what} is damaged: {error}") from None
        self.given.entry = made.n

    def forget(self, runs: Iterable[int]) -> None:
        """Forget these runs with all of their writes."""
        gone = set(runs)
        self.runs = {number: run for number, run in self.runs.items() if number not in gone}
        self.operations = {
            n: operation for n, operation in self.operations.items() if operation.run not in gone
        }


def replayed(known: Known, entries: Iterable[Entry]) -> Known:
    """Return what is known after these entries too, in whatever order. Raises `Unsound` as `Known.add`."""
    after = known.copy()
    for entry in sorted(entries, key=lambda entry: int(entry["n"])):
        after.add(entry)
    return after


class _Contradiction(Exception):
    """An entry does not fit those before it."""


def _take(known: Known, entry: AnyEntry) -> None:
    match entry:
        case RunEntry():
            known.given.run = _next(known.given.run, entry.number)
            known.runs[entry.number] = Run(entry.number, entry.start, entry.at, entry.at)
        case RunEndEntry():
            run = _run(known, entry.run)
            if run.is_open:  # the first end counts
                latest = max(run.latest, entry.at)
                ended = {"exit": entry.exit, "counts": entry.counts, "note": entry.note}
                known.runs[run.number] = replace(run, latest=latest, ended=entry.at, **ended)
        case OperationEntry():
            run = _seen(known, entry.run, entry.at)
            if entry.intent.account not in run.start.accounts:
                raise _Contradiction(f"run {entry.run} does not hold its account")
            known.given.operation = _next(known.given.operation, entry.number)
            operation = Operation(entry.number, entry.run, entry.intent, entry.at)
            known.operations[entry.number] = operation
        case OperationEndEntry():
            if entry.operation not in known.operations:
                raise _Contradiction(f"there is no write {entry.operation} before it")
            operation = known.operations[entry.operation]
            _seen(known, operation.run, entry.at)
            known.operations[operation.number] = replace(operation, ending=entry.ending)
        case LearnedEntry():
            known.learned[entry.account] = {**known.learned.get(entry.account, {}), **entry.values}
        case BatchEntry():
            _take_batch(known, entry)
        case StandingEntry():
            _take_standing(known, entry)
        case PrunedEntry():  # keep the numbers of what was removed from being given again
            known.given.run = max(known.given.run, entry.run)
            known.given.operation = max(known.given.operation, entry.operation)


def _take_batch(known: Known, entry: BatchEntry) -> None:
    number = _next(known.given.batch, entry.number)
    if number > known.given.batch + 1:  # no pruning removes a batch
        raise _Contradiction(f"batch {number - 1} is missing")
    if len({customer.customer for customer in entry.deliveries}) < len(entry.deliveries):
        raise _Contradiction("a customer stands in it twice")
    deliveries = tuple(
        Delivery(
            customer.customer,
            customer.mailbox,
            customer.digest,
            entry.standing,
            customer.baseline,
            number,
            entry.at,
            entry.round,
            contents=customer.contents,
            since=entry.at,
            server_at=entry.server_at,
            ids=customer.ids,
            seed=entry.seed,
        )
        for customer in entry.deliveries
    )
    known.batches[number] = Batch(entry.account, entry.seed, entry.run, entry.at, deliveries)
    key = (entry.account, entry.seed)
    known.seeds[key] = (*known.seeds.get(key, ()), number)
    known.given.batch = number
    if entry.run in known.runs:  # a pruned run leaves its batches behind
        _seen(known, entry.run, entry.at)


def _take_standing(known: Known, entry: StandingEntry) -> None:
    batch = known.batches.get(entry.batch)
    if batch is None or not any(entry.customer in (None, one.customer) for one in batch.deliveries):
        raise _Contradiction(f"there is no such delivery in batch {entry.batch}")
    ended = {"note": entry.note, "since": entry.at, "server_since": entry.server_at}
    deliveries = tuple(
        replace(delivery, standing=entry.standing, **ended)
        if entry.customer in (None, delivery.customer)
        else delivery
        for delivery in batch.deliveries
    )
    known.batches[entry.batch] = replace(batch, deliveries=deliveries)


def _next(given: int, number: int) -> int:
    """Return the number of a new thing, which is higher than every one that was given before."""
    if number <= given:
        raise _Contradiction(f"number {number} was given twice")
    return number


def _run(known: Known, number: int) -> Run:
    if number not in known.runs:
        raise _Contradiction(f"there is no run {number} before it")
    return known.runs[number]


def _seen(known: Known, number: int, at: float) -> Run:
    """Note that a run wrote something down; return it."""
    run = _run(known, number)
    known.runs[number] = replace(run, latest=max(run.latest, at))
    return run
