"""What counting customers proves: which ones the journal explains, and how deliveries in doubt ended.

A journal can be wrong: it was restored, another checkout has its own, a refusal was none. The tenant's count
is not. So each delivery is written down with the customers that its mailbox had right before it; before the
next one, these and what was sent since must explain those that are there now, or another sender may have
mailed it.

Of a delivery in doubt, *not sent* where it was taken would mail its customers twice, and *sent* where it was
not would never mail them. So each needs all of its own conditions, and what meets neither waits for a
person. Time that has passed is believed only where two clocks say so: this machine's, and the tenant's own,
which its answers tell (RFC 9110, 6.6.1).

Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.expoints.client import Count, Customers
from reconciler.expoints.recipients import EMAIL, Recipient, RecipientState, automatic, recipients_of
from reconciler.expoints.seed import Seed
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.journal.journal import ReadOnlyJournal

LONGEST_POST = 300.0
"""Seconds for which a POST may still be under way after its intent: all waits, and the answer's time-out.

Counting customers right before an intent takes no longer either.
"""


class Explained(Struct, frozen=True):
    """What the journal explains of one mailbox. Without deliveries it explains no customer."""

    most: int = 0
    """How many customers it may have: those at the last delivery, and all that may have come since."""
    least: int = 0
    """How many it has if none is hidden or removed."""
    before: int = 0
    """How many it had right before the last delivery."""
    ids: frozenset[str] | None = frozenset()
    """The hashed ids of those; None where the tenant did not give them."""

    def covers(self, count: int, ids: Collection[str] | None) -> bool:
        """Return whether all of so many customers are explained; `ids` are their hashed ids, if known.

        Where some were removed, a number proves nothing: customers of another sender may fill the gap. Then
        ids have to show that not more are new than may have been sent.
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
    past: Iterable[Delivery], hash: Callable[[str], str], settle_after: float, now: float
) -> Mapping[str, Explained]:
    """Return what is explained of each hashed mailbox by every delivery to an account, oldest first.

    The count before a delivery replaces all that went before, for it was explained then, or a person agreed.
    Customers who were hidden then still come on top: those of a batch that had not rested for
    `settle_after`, or that a person approves by hand.
    """
    is_automatic = automatic(hash)

    def explained(deliveries: Iterable[Delivery]) -> Explained:
        known, batch, sent = NOTHING, 0, list[Delivery]()
        for one in deliveries:
            if one.batch != batch:
                batch = one.batch
                rest = settle_after + LONGEST_POST
                hidden = sum(not is_automatic(old) or over(old) + rest > one.at for old in sent)
                most = min(one.baseline + hidden, max(one.baseline, known.most))
                ids = None if one.ids is None else frozenset(one.ids)
                known = Explained(most, one.baseline, one.baseline, ids)
            if not one.standing.is_unsent:
                is_sent = one.standing is DeliveryState.SENT and is_automatic(one)
                is_visible = is_sent and over(one) + settle_after <= now
                known = Explained(known.most + 1, known.least + is_visible, known.before, known.ids)
                sent.append(one)
        return known

    return {mailbox: explained(deliveries) for mailbox, deliveries in _by_mailbox(past).items()}


def _by_mailbox(past: Iterable[Delivery]) -> Mapping[str, Sequence[Delivery]]:
    found: dict[str, list[Delivery]] = {}
    for delivery in past:
        if delivery.standing is not DeliveryState.FOUND:  # of which nothing is explained
            found.setdefault(delivery.mailbox, []).append(delivery)
    return found


def longest_hidden(past: Iterable[Delivery], hash: Callable[[str], str]) -> float:
    """Return for how many seconds the tenant was seen to hide customers who were there later, 0 for never.

    `past` is every delivery to an account, oldest first: the count before each shows which were hidden then.
    """
    is_automatic, longest = automatic(hash), 0.0
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

    def judged(self, recipient: Recipient) -> Recipient:
        """Return a recipient as found where the journal does not explain all that its address has."""
        count = self.counts[recipient.email]
        known = self.explained.get(recipient.mailbox, NOTHING)
        if recipient.is_agreed or known.covers(count, self.ids.get(recipient.email)):
            return recipient
        note = f"a mailbox has {count} customers, and this journal explains {known.most}"
        if count <= known.most:
            note += "; some are gone or hidden, so these may be of somebody else"
        return replace(recipient, state=RecipientState.FOUND, count=count, note=note)


def look(
    client: Customers,
    hash: Callable[[str], str],
    recipients: Sequence[Recipient],
    explained: Mapping[str, Explained],
    *,
    thoroughly: bool = False,
) -> Seen:
    """Count the customers at the addresses of these recipients. Errors: `ApiError`.

    Their ids are asked for where the number proves too little; `thoroughly`, wherever there are any.
    """
    counts = {email: found.customers for email, found in client.counts(r.email for r in recipients).items()}
    asked = [
        one.email
        for one in recipients
        if counts[one.email] and (thoroughly or counts[one.email] < explained.get(one.mailbox, NOTHING).least)
    ]
    listed = {email: _hashed_ids(ids, hash) for email, ids in client.ids(asked).items()}
    # Of rows that are not as many as were counted, it is unknown which are missing.
    ids = {email: found for email, found in listed.items() if found and len(found) == counts[email]}
    return Seen(counts, {**ids, **{email: () for email in counts if not counts[email]}}, explained)


def _hashed_ids(ids: Collection[str] | None, hash: Callable[[str], str]) -> tuple[str, ...] | None:
    """Return ids of customers as they stand in a journal; None where they are not known."""
    return None if ids is None else tuple(sorted(hash(f"customer {id}") for id in ids))


def over(delivery: Delivery) -> float:
    """Return when its request was over at the latest, by the clock of the machine that sent it."""
    longest = delivery.at + LONGEST_POST
    known = delivery.standing is not DeliveryState.INTENDED and delivery.since
    return min(delivery.since, longest) if known else longest


def _over_there(delivery: Delivery) -> float | None:
    """Return when its request was over at the latest by the tenant's clock, None where that is not known."""
    if delivery.server_at is None:
        return None
    known = delivery.standing is not DeliveryState.INTENDED and delivery.server_since
    return delivery.server_since if known else delivery.server_at + LONGEST_POST


class DoubtResolver(Struct, frozen=True, dict=True):
    """Settles what is in doubt on one account.

    `past` is every delivery to the account, of whatever seed; `declared` every seed of the target.
    """

    client: Customers
    ledger: ReadOnlyJournal
    clock: Clock
    settle_after: float
    past: Sequence[Delivery]
    declared: Sequence[Seed]

    def settle(self, seeds: Sequence[tuple[Seed, Sequence[Delivery]]]) -> tuple[Delivery, ...]:
        """Return what is settled of seeds, each with the deliveries that count for it, as it stands now.

        Errors: `ApiError`.
        """
        doubts = [doubt for seed, deliveries in seeds for doubt in self._ripe(seed, deliveries)]
        # U: whether `EmailAddresses` is obeyed. Where an unknown address has customers, no count means much.
        if not doubts or self.client.count_unknown().customers > 0:
            return ()
        counts = self.client.counts(email for _, email in doubts)
        ids = self.client.ids(email for d, email in doubts if 0 < counts[email].customers == d.baseline)
        return tuple(
            settled
            for _, of_batch in groupby(doubts, lambda doubt: doubt[0].batch)
            for settled in self._of_batch(list(of_batch), counts, ids)
        )

    def _ripe(self, seed: Seed, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, str]]:
        """Yield the deliveries in doubt that have rested here, and of which a count may tell something.

        Each with its address. A mailbox must have no other sender, so not be shared; a batch that waits for
        approval by hand may become customers at any time; another spelling of the address than today's
        cannot be counted; and after a later batch it is unknown whose customers count.
        """
        now = self.clock.now()
        doubtful = [d for d in deliveries if d.standing.is_open and now >= over(d) + self.settle_after]
        if not doubtful or seed.shared_mailbox:
            return
        latest = {d.mailbox: d.batch for d in self.past if not d.standing.is_unsent}
        recipients = {one.name: one for one in recipients_of(seed, self.ledger.hash)}
        for delivery in doubtful:
            one = recipients.get(delivery.customer)
            is_same_address = one and delivery.contents.get(EMAIL) == one.contents[EMAIL]
            was_followed = delivery.batch < latest.get(delivery.mailbox, 0)
            if one and is_same_address and self._is_automatic(delivery) and not was_followed:
                yield delivery, one.email

    @cached_property
    def _is_automatic(self) -> Callable[[Delivery], bool]:
        return automatic(self.ledger.hash)

    def _of_batch(
        self,
        doubts: Sequence[tuple[Delivery, str]],
        counts: Mapping[str, Count],
        ids: Mapping[str, Collection[str] | None],
    ) -> Iterator[Delivery]:
        """Yield what the counts say of deliveries of one batch, each with its address.

        U: whether a batch is taken as a whole, and appears at once. So none of it is not sent unless it
        added no one.
        """
        first, _ = doubts[0]
        batch = [d for d in self.past if d.batch == first.batch]
        is_lost = all(self._is_absent(d, counts[email], ids.get(email)) for d, email in doubts) and not any(
            d.standing is DeliveryState.SENT for d in batch
        )
        suspects = [d for d in self.past if not d.standing.is_unsent and not self._is_in_baseline(d, first)]
        for delivery, email in doubts:
            added = sum(d.mailbox == delivery.mailbox for d in batch)
            has_come = counts[email].customers == delivery.baseline + added
            others = (d for d in suspects if (d.batch, d.mailbox) != (delivery.batch, delivery.mailbox))
            if is_lost:
                yield replace(delivery, standing=DeliveryState.NOT_SENT)
            elif has_come and not any(self._may_be_counted_at(email, other) for other in others):
                yield replace(delivery, standing=DeliveryState.SENT)

    def _is_absent(self, delivery: Delivery, count: Count, ids: Collection[str] | None) -> bool:
        """Return whether a count shows no new customer at an address, when each would have been there.

        Customers from before must be the same ones: of these one may be gone and a new one have come.
        """
        if count.customers != delivery.baseline or not self._has_rested_there(delivery, count):
            return False
        known, now = delivery.ids, _hashed_ids(ids, self.ledger.hash)
        return count.customers == 0 or (now is not None and known is not None and set(known) == set(now))

    def _has_rested_there(self, delivery: Delivery, counted: Count) -> bool:
        """Return whether it had rested by the tenant's clock when that count was made."""
        end = _over_there(delivery)
        return end is not None and counted.at is not None and counted.at >= end + self.settle_after

    def _may_be_counted_at(self, email: str, other: Delivery) -> bool:
        """Return whether what is counted for an address may be customers of another delivery.

        U: whether the filter takes addresses that only contain the one that is asked for, as a pattern of
        SQL, where `_` is any character. The address of a mailbox that is no longer declared is not known.
        """
        address = self._addresses.get(other.mailbox)
        pattern = re.escape(email.casefold()).replace("_", ".")
        return address is None or re.search(pattern, address.casefold()) is not None

    def _is_in_baseline(self, other: Delivery, delivery: Delivery) -> bool:
        """Return whether the customers of another delivery were visible before one was counted for.

        It must have rested by both clocks, and not be one that a person may still turn into customers.
        """
        is_final = other.standing is DeliveryState.FOUND or self._is_automatic(other)
        end, at = _over_there(other), delivery.server_at
        if other.batch >= delivery.batch or end is None or at is None:
            return False
        rest = self.settle_after + LONGEST_POST
        is_visible = over(other) + rest <= delivery.at and end + rest <= at
        return is_visible and (is_final or other.mailbox not in self._addresses)

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        customers = (customer for seed in self.declared for customer in seed.customers)
        return {self.ledger.hash(customer.mailbox): customer.mailbox for customer in customers}
