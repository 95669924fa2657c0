"""Short ways to say what is sent."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.journal.entries import BatchIntent, Delivery, DeliveryState
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.journal.rules import counting

ACCOUNT = "acme.expoints.nl"
SEED = "customer_seeds.smoke"


def hashed(name: str) -> str:
    """Return a short name in the form of a hash."""
    return name if len(name) == 32 else name.encode().hex().rjust(32, "0")


def named(hash: str) -> str:
    """Return the name that was hashed."""
    return bytes.fromhex(hash).lstrip(b"\0").decode("latin-1")


def delivery(customer: str, standing: DeliveryState = DeliveryState.INTENDED, batch: int = 0) -> Delivery:
    """One delivery of round 1 that is only told apart by its customer."""
    customer, mailbox, content = (hashed(f"{customer}{end}") for end in ("", "-box", "-v1"))
    return Delivery(customer, mailbox, content, standing, 2, batch, 0.0, "1")


def shipment(*customers: str, round: str = "1", account: str = ACCOUNT, seed: str = SEED) -> BatchIntent:
    """A request for some customers."""
    resolved = {"EndDate": "2026-10-01T00:00:00+02:00"}
    return BatchIntent(account, seed, round, [delivery(customer) for customer in customers], resolved)


def standings(records: ReadOnlyJournal) -> dict[str, DeliveryState]:
    """Return how each customer of the seed stands."""
    return {named(d.customer): d.standing for d in counting(records.past(ACCOUNT, SEED))}


def batches(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.batch for delivery in deliveries]
