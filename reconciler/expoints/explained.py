"""Which customers of a mailbox the journal explains: what the tenant has beyond them, somebody else sent.

A journal can be wrong: it was restored, another checkout has its own, a refusal was none. The tenant's count
is not. So each delivery is written down with the customers that its mailbox had right before it; before the
next one, these and what was sent since must explain those that are there now. Reads the tenant only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.expoints.client import Customers
from reconciler.expoints.standing import RecipientState, State
from reconciler.journal.ledger import Delivery, DeliveryState

LONGEST_POST = 300.0
"""Seconds for which a POST may still be under way after its intent: all waits, and the answer's time-out.

Counting customers right before an intent takes no longer either.
"""


class Explained(Struct, frozen=True):
    """What the journal explains of one mailbox. Without deliveries it explains nobody."""

    most: int = 0
    """How many customers it may have: those at the last delivery, and all that may have come since."""
    least: int = 0
    """How many it has if none is hidden or removed."""
    before: int = 0
    """How many it had right before the last delivery."""
    ids: frozenset[str] | None = frozenset()
    """The hashed ids of those; None where the tenant did not give them."""

    def covers(self, count: int, ids: Collection[str] | None) -> bool:
        """Tell whether all of so many customers are explained; `ids` are their hashed ids, None if unknown.

        Where some were removed, a number proves nothing: what somebody else sent may fill the gap. Then ids
        have to show that not more are new than may have been sent; without ids, nobody is believed.
        """
        if count == 0:
            return True
        if count > self.most:
            return False
        if ids is not None and self.ids is not None:
            return len(set(ids) - self.ids) <= self.most - self.before
        return count >= self.least


NOTHING = Explained()


def explained_by(
    past: Iterable[Delivery], is_automatic: Callable[[Delivery], bool], settle_after: float, now: float
) -> Mapping[str, Explained]:
    """Return what is explained of each hashed mailbox by every delivery to an account, oldest first.

    The count before a delivery replaces all that went before, for it was explained then, or a person agreed.
    Customers who were hidden at that time still come on top: those of a batch that had not rested for
    `settle_after`, or that somebody approves by hand. `is_automatic` tells the latter from the rest.
    """
    return {
        mailbox: _explained(deliveries, is_automatic, settle_after, now)
        for mailbox, deliveries in _by_mailbox(past).items()
    }


def _by_mailbox(past: Iterable[Delivery]) -> Mapping[str, Sequence[Delivery]]:
    found: dict[str, list[Delivery]] = {}
    for delivery in past:
        if delivery.standing is not DeliveryState.FOUND:  # of which nothing is explained
            found.setdefault(delivery.mailbox, []).append(delivery)
    return found


def _explained(
    deliveries: Iterable[Delivery], is_automatic: Callable[[Delivery], bool], settle_after: float, now: float
) -> Explained:
    known, batch, sent = NOTHING, 0, list[Delivery]()
    for one in deliveries:
        if one.batch != batch:
            batch = one.batch
            rest = settle_after + LONGEST_POST
            hidden = sum(not is_automatic(old) or over(old) + rest > one.at for old in sent)
            most = min(one.baseline + hidden, max(one.baseline, known.most))
            ids = None if one.ids is None else frozenset(one.ids)
            known = Explained(most, one.baseline, one.baseline, ids)
        if may_have_mailed(one):
            is_visible = (
                one.standing is DeliveryState.SENT and is_automatic(one) and over(one) + settle_after <= now
            )
            known = Explained(known.most + 1, known.least + is_visible, known.before, known.ids)
            sent.append(one)
    return known


def longest_hidden(past: Iterable[Delivery], is_automatic: Callable[[Delivery], bool]) -> float:
    """Return for how many seconds the tenant was seen to hide customers who were there later, 0 for never.

    `past` is every delivery to an account, oldest first: the count before each tells who was hidden then.
    """
    longest = 0.0
    for deliveries in _by_mailbox(past).values():
        batch, expected, since, hidden = 0, 0, 0.0, 0.0
        for one in deliveries:
            if one.batch != batch:
                batch = one.batch
                if one.baseline < expected:
                    hidden = one.at - since
                else:
                    longest, hidden, expected = max(longest, hidden), 0.0, one.baseline
            if one.standing is DeliveryState.SENT and is_automatic(one):
                expected, since = expected + 1, since if hidden else over(one)
    return longest


class Seen(Struct, frozen=True):
    """What the tenant has at some addresses: how many customers, and their hashed ids as far as asked for."""

    counts: Mapping[str, int]
    ids: Mapping[str, tuple[str, ...] | None]
    explained: Mapping[str, Explained]

    def judged(self, standee: RecipientState) -> RecipientState:
        """Return a customer as found where the journal does not explain all that its address has."""
        count = self.counts[standee.email]
        known = self.explained.get(standee.addressee.mailbox, NOTHING)
        if standee.is_agreed or known.covers(count, self.ids.get(standee.email)):
            return standee
        note = f"a mailbox has {count} customers, and this journal explains {known.most}"
        if count <= known.most:
            note += "; some are gone or hidden, so these may be of somebody else"
        return replace(standee, state=State.FOUND, count=count, note=note)


def look(
    client: Customers,
    hash: Callable[[str], str],
    standees: Sequence[RecipientState],
    explained: Mapping[str, Explained],
    *,
    thoroughly: bool = False,
) -> Seen:
    """Count the customers at the addresses of these. Errors: `ApiError`.

    Their ids are asked for where the number proves too little; `thoroughly`, wherever there are any.
    """
    counts = {email: count.customers for email, count in client.counts(s.email for s in standees).items()}
    asked = [
        s.email
        for s in standees
        if counts[s.email]
        and (thoroughly or counts[s.email] < explained.get(s.addressee.mailbox, NOTHING).least)
    ]
    listed = {email: hashed(ids, hash) for email, ids in client.ids(asked).items()}
    # Of rows that are not as many as were counted, nobody knows which are missing.
    ids = {email: found for email, found in listed.items() if found and len(found) == counts[email]}
    return Seen(counts, ids, explained)


def hashed(ids: Collection[str] | None, hash: Callable[[str], str]) -> tuple[str, ...] | None:
    """Return ids of customers as they stand in a journal; None where they are not known."""
    return None if ids is None else tuple(sorted(hash(f"customer {id}") for id in ids))


def over(delivery: Delivery) -> float:
    """Return when its request was over at the latest, by the clock of the machine that sent it."""
    longest = delivery.at + LONGEST_POST
    known = delivery.standing is not DeliveryState.INTENDED and delivery.since
    return min(delivery.since, longest) if known else longest


def over_there(delivery: Delivery) -> float | None:
    """Return when its request was over at the latest by the tenant's clock, None where nobody knows."""
    if delivery.server_at is None:
        return None
    known = delivery.standing is not DeliveryState.INTENDED and delivery.server_since
    return delivery.server_since if known else delivery.server_at + LONGEST_POST


def may_have_mailed(delivery: Delivery) -> bool:
    """Tell whether customers may have come of it."""
    return not delivery.standing.is_unsent
