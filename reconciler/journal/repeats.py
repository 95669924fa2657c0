"""Which delivery of a customer counts, and when there may be another one. Pure; every backend asks here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from reconciler.errors import Refused
from reconciler.journal.ledger import BatchIntent, Delivery


def counting(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Return the one delivery that counts for every customer and round, oldest first.

    `deliveries` are those of one seed, oldest first. The latest one counts, but one that provably mailed
    nothing never hides an older one that may have: a late answer can still turn up for that one.
    """
    chosen: dict[tuple[str, str], Delivery] = {}
    for delivery in deliveries:
        key = (delivery.round, delivery.customer)
        if key not in chosen or chosen[key].standing.is_unsent or not delivery.standing.is_unsent:
            chosen.pop(key, None)  # so that it stands at its own place, not at that of the older one
            chosen[key] = delivery
    return tuple(chosen.values())


def held(past: Iterable[Delivery]) -> dict[str, Delivery]:
    """Return by customer the delivery that forbids a further one. `past` is of one seed and round."""
    return {d.customer: d for d in counting(past) if not d.standing.is_unsent}


def refuse_repeats(shipment: BatchIntent, past: Iterable[Delivery], again: Collection[int]) -> None:
    """Raise `Refused` if a customer of the shipment may not get another delivery.

    `past` is every delivery of the shipment's seed and round, oldest first. An open one forbids another
    one always; a settled one does unless its batch is in `again`.
    """
    holding = held(past)
    before = [holding[d.customer] for d in shipment.deliveries if d.customer in holding]
    if open_ones := [d for d in before if d.standing.is_open]:
        raise Refused(
            f"{_which(shipment, open_ones)} under way or in doubt: nothing was sent. If no other run is at "
            f"work, settle it with `reconciler seeds status` or `reconciler seeds resolve`"
        )
    if settled := [d for d in before if d.batch not in again]:
        raise Refused(
            f"{_which(shipment, settled)} sent or found already, perhaps by a run at the same time: nothing "
            f"was sent. Plan again; `reconciler seeds send --again` repeats it on purpose"
        )


def _which(shipment: BatchIntent, deliveries: Sequence[Delivery]) -> str:
    batches = ", ".join(str(number) for number in sorted({d.batch for d in deliveries}))
    verb = "is" if len(deliveries) == 1 else "are"
    return (
        f"{shipment.seed}, round {shipment.round}: {len(deliveries)} of {len(shipment.deliveries)} customers "
        f"(batch {batches} in the journal) {verb}"
    )
