"""What a journal of entries knows: a pure fold over everything that was written down.

An entry is one line of JSON: what happened (`what`), its place in the order of all (`n`, from 1, growing) and
when (`at`). Entries are added and never changed; only pruning removes those of whole runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.journal.ledger import Delivery, Standing
from reconciler.journal.runs import MAY_BE_DONE, Ending, Intent, Operation, Process, Run, RunStart

Entry: TypeAlias = Mapping[str, Any]
"""An entry as JSON has it. `reconciler.journal.entries` makes them."""


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
    mailboxes: set[tuple[str, str]] = field(default_factory=set)
    """Account and hashed mailbox of every delivery."""
    learned: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    given: Given = field(default_factory=Given)

    def copy(self) -> Known:
        """Return one that can be added to while this one stays as it is."""
        return Known(
            dict(self.runs),
            dict(self.operations),
            dict(self.batches),
            dict(self.seeds),
            set(self.mailboxes),
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

        Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for one that cannot be right. What
        is known is then of no further use.
        """
        if entry["n"] <= self.given.entry:
            raise ValueError(f"entry {entry['n']} stands after entry {self.given.entry}")
        _FOLDS[entry["what"]](self, entry)
        self.given.entry = entry["n"]

    def forget(self, runs: Iterable[int]) -> None:
        """Forget these runs with all of their writes."""
        gone = set(runs)
        self.runs = {number: run for number, run in self.runs.items() if number not in gone}
        self.operations = {
            n: operation for n, operation in self.operations.items() if operation.run not in gone
        }


def replayed(known: Known, entries: Iterable[Entry]) -> Known:
    """Return what is known after these entries too, in whatever order. Errors as for `Known.add`."""
    after = known.copy()
    for entry in sorted(entries, key=lambda entry: int(entry["n"])):
        after.add(entry)
    return after


def _run(known: Known, entry: Entry) -> None:
    number, start, at = _next(known.given.run, entry), entry["start"], entry["at"]
    lists = {name: tuple(start[name]) for name in ("accounts", "digests")}
    process = Process(**start["process"])
    known.runs[number] = Run(number, RunStart(**{**start, **lists, "process": process}), at, at)
    known.given.run = number


def _run_end(known: Known, entry: Entry) -> None:
    run = known.runs[entry["run"]]
    if run.is_open:  # the first end counts
        known.runs[run.number] = replace(
            run,
            latest=max(run.latest, entry["at"]),
            ended=entry["at"],
            exit=entry["exit"],
            counts=entry["counts"],
            note=entry["note"],
        )


def _operation(known: Known, entry: Entry) -> None:
    number = _next(known.given.operation, entry)
    _seen(known, entry["run"], entry["at"])
    known.operations[number] = Operation(number, entry["run"], Intent(**entry["intent"]), entry["at"])
    known.given.operation = number


def _operation_end(known: Known, entry: Entry) -> None:
    operation = known.operations[entry["operation"]]
    _seen(known, operation.run, entry["at"])
    known.operations[operation.number] = replace(operation, ending=Ending(**entry["ending"]))


def _learned(known: Known, entry: Entry) -> None:
    account = entry["account"]
    known.learned[account] = {**known.learned.get(account, {}), **entry["values"]}


def _batch(known: Known, entry: Entry) -> None:
    number, at, account = _next(known.given.batch, entry), entry["at"], entry["account"]
    if number > known.given.batch + 1:  # no pruning removes a batch
        raise ValueError(f"batch {number - 1} is missing")
    standing = Standing(entry["standing"])
    # What the server's clock said is not in an entry of format 1.
    own = {"batch": number, "at": at, "since": at, "server_at": entry.get("server_at")}
    deliveries = tuple(
        Delivery(**told, **own, standing=standing, round=entry["round"]) for told in entry["deliveries"]
    )
    known.batches[number] = Batch(account, entry["seed"], entry["run"], at, deliveries)
    key = (account, entry["seed"])
    known.seeds[key] = (*known.seeds.get(key, ()), number)
    known.mailboxes.update((account, delivery.mailbox) for delivery in deliveries)
    known.given.batch = number
    if entry["run"] in known.runs:  # a pruned run leaves its batches behind
        _seen(known, entry["run"], at)


def _standing(known: Known, entry: Entry) -> None:
    batch, standing, customer = known.batches[entry["batch"]], Standing(entry["standing"]), entry["customer"]
    ended = {"note": entry["note"], "since": entry["at"], "server_since": entry.get("server_at")}
    deliveries = tuple(
        replace(delivery, standing=standing, **ended) if customer in (None, delivery.customer) else delivery
        for delivery in batch.deliveries
    )
    known.batches[entry["batch"]] = replace(batch, deliveries=deliveries)


def _pruned(known: Known, entry: Entry) -> None:
    """Keep the numbers of what was removed from being given again."""
    known.given.run = max(known.given.run, entry["run"])
    known.given.operation = max(known.given.operation, entry["operation"])


def _next(given: int, entry: Entry) -> int:
    """Return the number of a new thing, which is higher than every one that was given before."""
    number = entry["number"]
    if not isinstance(number, int) or number <= given:
        raise ValueError(f"number {number} was given twice")
    return number


def _seen(known: Known, number: int, at: float) -> None:
    """Note that a run wrote something down."""
    run = known.runs[number]
    known.runs[number] = replace(run, latest=max(run.latest, at))


_FOLDS: Mapping[str, Callable[[Known, Entry], None]] = {
    "run": _run,
    "run end": _run_end,
    "operation": _operation,
    "operation end": _operation_end,
    "learned": _learned,
    "batch": _batch,
    "standing": _standing,
    "pruned": _pruned,
}
