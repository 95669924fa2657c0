"""What may be written down, given what is known: the rules of a journal of entries. Pure.

Each function raises what the protocol promises, or returns a decision: the entries to add, and the answer to
the caller once they are safe.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import Refused
from reconciler.journal import entries
from reconciler.journal.holding import found_dead, never_held, refuse_held, taken_for_dead
from reconciler.journal.ledger import BatchIntent, Delivery, DeliveryState
from reconciler.journal.repeats import held, refuse_repeats
from reconciler.journal.replay import Entry, Known
from reconciler.journal.runs import Ending, Intent, Pruned, RunStart, news

Answer = TypeVar("Answer", covariant=True)


class Decision(Struct, Generic[Answer], frozen=True):
    """What to write down, and the answer that holds once it is safe. Without entries nothing is written."""

    answer: Answer
    entries: Sequence[Entry] = ()
    forgotten: Sequence[int] = ()
    """The runs to be removed, each with everything that it wrote."""


def begin_run(known: Known, start: RunStart, now: float) -> Decision[int]:
    """Decide on a new run. Raises `Held` while one that may be alive holds one of its accounts."""
    open_runs = [run for run in known.runs.values() if run.is_open]
    dead = [
        entries.run_end(run.number, None, {}, found_dead(run)) for run in refuse_held(start, open_runs, now)
    ]
    number, once = known.given.run + 1, tuple(dict.fromkeys(start.accounts))
    return Decision(number, [*dead, entries.run(number, replace(start, accounts=once))])


def end_run(known: Known, run: int, exit: int, counts: Mapping[str, int]) -> Decision[None]:
    """Decide on the end of a run; one that has ended stays as it is."""
    return Decision(None, [entries.run_end(run, exit, counts, "")] if _is_open(known, run) else ())


def take_over(known: Known, run: int, note: str) -> Decision[None]:
    """Decide on ending a run that another one holds on to. Raises `LookupError` for an unknown one."""
    if run not in known.runs:
        raise LookupError(f"the journal knows no run {run}")
    return Decision(None, [entries.run_end(run, None, {}, note)] if _is_open(known, run) else ())


def begin_operation(known: Known, run: int, intent: Intent) -> Decision[int]:
    """Decide on a write of a run. Raises `Refused` if the run does not hold the account."""
    _check_holds(known, run, intent.account)
    number = known.given.operation + 1
    return Decision(number, [entries.operation(number, run, intent)])


def end_operation(known: Known, operation: int, ending: Ending) -> Decision[None]:
    """Decide on the end of a write. Raises `LookupError` for an unknown one."""
    if operation not in known.operations:
        raise LookupError(f"the journal knows no operation {operation}")
    return Decision(None, [entries.operation_end(operation, ending)])


def learn(known: Known, run: int, account: str, values: Mapping[str, Any]) -> Decision[None]:
    """Decide on what was learned, as far as the same is not known already."""
    new = news(known.learned.get(account, {}), values)
    return Decision(None, [entries.learned(run, account, new)] if new else ())


def prune(known: Known, before: float) -> Decision[Pruned]:
    """Decide on removing runs that ended before a time, but for those with the latest write of a key."""
    needed = {operation.run for operation in known.latest().values()}
    needed |= {batch.run for batch in known.batches.values() if batch.run is not None}
    gone = [
        run.number
        for run in known.runs.values()
        if run.ended is not None and run.ended < before and run.number not in needed
    ]
    written = sum(operation.run in set(gone) for operation in known.operations.values())
    if not gone:
        return Decision(Pruned(0, 0))
    return Decision(Pruned(len(gone), written), [entries.pruned(known, len(gone), written)], gone)


def intend(known: Known, shipment: BatchIntent, again: Collection[int]) -> Decision[int]:
    """Decide on a request that is about to be sent.

    Raises `Refused` if a customer may not get another delivery, or the run does not hold the account.
    """
    if shipment.run is not None:
        _check_holds(known, shipment.run, shipment.account)
    refuse_repeats(shipment, _of_round(known, shipment), again)
    return _batch(known, shipment, DeliveryState.INTENDED)


def record_found(known: Known, shipment: BatchIntent) -> Decision[int]:
    """Decide on customers that were found, as far as they are not open, sent or found already."""
    holding = held(_of_round(known, shipment))
    found = [delivery for delivery in shipment.deliveries if delivery.customer not in holding]
    if not found:
        return Decision(0)
    return _batch(
        known, BatchIntent(shipment.account, shipment.seed, shipment.round, found, {}), DeliveryState.FOUND
    )


def conclude(
    known: Known,
    batch: int,
    customer: str | None,
    standing: DeliveryState,
    note: str,
    server_since: float | None = None,
) -> Decision[None]:
    """Decide on how a batch ended, or one delivery of it. Raises `LookupError` for an unknown one."""
    deliveries = known.batches[batch].deliveries if batch in known.batches else ()
    if not any(customer in (None, delivery.customer) for delivery in deliveries):
        raise LookupError("the journal knows no such batch or delivery")
    return Decision(None, [entries.standing(batch, customer, standing, note, server_since)])


def _of_round(known: Known, shipment: BatchIntent) -> list[Delivery]:
    past = known.past(shipment.account, shipment.seed)
    return [delivery for delivery in past if delivery.round == shipment.round]


def _batch(known: Known, shipment: BatchIntent, standing: DeliveryState) -> Decision[int]:
    """Decide on a batch. Raises `Refused` if it holds a customer twice."""
    if len({delivery.customer for delivery in shipment.deliveries}) < len(shipment.deliveries):
        raise Refused(
            f"{shipment.seed}, round {shipment.round}: a customer was to be written down twice; nothing was "
            f"sent. Plan again"
        )
    number = known.given.batch + 1
    return Decision(number, [entries.batch(number, shipment, standing)])


def _check_holds(known: Known, run: int, account: str) -> None:
    if not _is_open(known, run):
        raise taken_for_dead(run)
    if account not in known.runs[run].start.accounts:
        raise never_held(run, account)


def _is_open(known: Known, run: int) -> bool:
    return run in known.runs and known.runs[run].is_open
