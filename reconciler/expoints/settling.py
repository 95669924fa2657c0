"""Deliveries in doubt that counting customers decides. Reads the tenant and the ledger; writes to neither.

Two wrong answers are possible. *Not sent* of a batch that was taken would mail its customers twice; *sent* of
one that was not would mail them never. So each needs all of its own conditions, and what meets neither stays
in doubt, for a person.

Time that has passed is believed only where two clocks say so: this machine's, which may be set, and the
tenant's own, which its answers tell (RFC 9110, 6.6.1). Where it did not say, then or now, nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import ClassVar

from msgspec import Struct

from reconciler.clock import Clock
from reconciler.expoints.client import Count, Customers
from reconciler.expoints.contents import EMAIL, automatic
from reconciler.expoints.explained import LONGEST_POST, hashed, may_have_mailed, over, over_there
from reconciler.expoints.seed import Seed
from reconciler.expoints.standing import Addressee, addressees
from reconciler.journal.ledger import Delivery, DeliveryState, Records
from reconciler.redacted import Redacted


class Settled(Struct, frozen=True):
    """A delivery in doubt of which counting has told how it ended."""

    seed: str
    delivery: Delivery
    standing: DeliveryState


class DoubtResolver(Struct, frozen=True, dict=True):
    """Settles what is in doubt on one account.

    `past` holds every delivery to the account, of whatever seed; `declared` every seed of the target, whose
    addresses are known.
    """

    client: Customers
    ledger: Records
    clock: Clock
    settle_after: float
    past: Sequence[Delivery]
    declared: Sequence[Seed]

    def settle(self, seeds: Sequence[tuple[Seed, Sequence[Delivery]]]) -> tuple[Settled, ...]:
        """Return what is settled of seeds, each with the deliveries that count for it. Errors: `ApiError`."""
        doubts = [doubt for seed, deliveries in seeds for doubt in self._ripe(seed, deliveries)]
        if not doubts or self._counts_anybody():
            return ()
        counts = self.client.counts(doubt.email for doubt in doubts)
        unmoved = (d.email for d in doubts if 0 < counts[d.email].customers == d.delivery.baseline)
        ids = self.client.ids(unmoved)
        return tuple(
            settled
            for _, of_batch in groupby(doubts, lambda doubt: doubt.delivery.batch)
            for settled in self._batch([(d, counts[d.email], ids.get(d.email)) for d in of_batch])
        )

    def _ripe(self, seed: Seed, deliveries: Sequence[Delivery]) -> Iterator[_Doubt]:
        """Yield the deliveries in doubt that have rested here, and of which a count may tell something.

        Nobody but this journal is known to send to a mailbox, unless the seed says that it is shared. A batch
        that waits for approval by hand may become customers at any time.
        """
        doubtful = [d for d in deliveries if d.standing.is_open and self._has_rested(d)]
        if not doubtful or seed.shared_mailbox:
            return
        people = {person.name: person for person in addressees(seed, self.ledger.hash)}
        for delivery in doubtful:
            person = people.get(delivery.customer)
            if person and self._is_countable(delivery, person) and not self._was_followed(delivery):
                yield _Doubt(seed.key, delivery, person.customer.email)

    def _is_countable(self, delivery: Delivery, person: Addressee) -> bool:
        """Tell whether it was approved automatically, and to the same spelling of the address as today's."""
        if not delivery.contents:  # of an older journal
            return delivery.digest == person.digest and self._is_automatic(person.contents)
        is_same_address = delivery.contents.get(EMAIL) == person.contents[EMAIL]
        return is_same_address and self._is_automatic(delivery.contents)

    @cached_property
    def _is_automatic(self) -> Callable[[Mapping[str, str]], bool]:
        return automatic(self.ledger.hash)

    def _has_rested(self, delivery: Delivery) -> bool:
        return self.clock.now() >= over(delivery) + self.settle_after

    def _was_followed(self, delivery: Delivery) -> bool:
        """Tell whether a later batch went to its mailbox, so that nobody knows whose customers count."""
        return delivery.batch < self._latest.get(delivery.mailbox, 0)

    @cached_property
    def _latest(self) -> Mapping[str, int]:
        return {d.mailbox: d.batch for d in self.past if may_have_mailed(d)}

    def _counts_anybody(self) -> bool:
        """Tell whether the tenant counts customers for an address that nobody has: then no count means much.

        U: whether `EmailAddresses` is obeyed as documented.
        """
        return self.client.count_nobody().customers > 0

    def _has_rested_there(self, delivery: Delivery, counted: Count) -> bool:
        """Tell whether it had rested by the tenant's clock when that count was made; a cache may keep one."""
        end = over_there(delivery)
        return end is not None and counted.at is not None and counted.at >= end + self.settle_after

    def _batch(self, counted: Sequence[tuple[_Doubt, Count, Collection[str] | None]]) -> Iterator[Settled]:
        """Yield what the counts say of deliveries of one batch.

        U: whether a batch is taken as a whole, and appears at once. So nobody of it counts as not sent unless
        it added nobody at all.
        """
        first = counted[0][0].delivery
        batch = [d for d in self.past if d.batch == first.batch]
        is_lost = all(
            self._is_absent(doubt.delivery, count, ids) for doubt, count, ids in counted
        ) and not any(d.standing is DeliveryState.SENT for d in batch)
        suspects = [d for d in self.past if may_have_mailed(d) and not self._is_in_baseline(d, first)]
        for doubt, count, _ in counted:
            added = sum(d.mailbox == doubt.delivery.mailbox for d in batch)
            has_come = count.customers == doubt.delivery.baseline + added
            if is_lost:
                yield Settled(doubt.seed, doubt.delivery, DeliveryState.NOT_SENT)
            elif has_come and not self._is_confusable(doubt, suspects):
                yield Settled(doubt.seed, doubt.delivery, DeliveryState.SENT)

    def _is_absent(self, delivery: Delivery, count: Count, ids: Collection[str] | None) -> bool:
        """Tell whether a count shows nobody new at an address, when everybody new would have been there.

        Where it had customers before, one of them may be gone and a new one have come: so they must be the
        same ones.
        """
        if count.customers != delivery.baseline or not self._has_rested_there(delivery, count):
            return False
        known, now = delivery.ids, hashed(ids, self.ledger.hash)
        return count.customers == 0 or (now is not None and known is not None and set(known) == set(now))

    def _is_confusable(self, doubt: _Doubt, suspects: Sequence[Delivery]) -> bool:
        """Tell whether what is counted for an address may be customers of another delivery.

        U: whether the filter takes addresses that only contain the one that is asked for, so they count too.
        """
        own = (doubt.delivery.batch, doubt.delivery.mailbox)
        return any(
            (other.batch, other.mailbox) != own and self._may_be_counted_at(doubt.email, other)
            for other in suspects
        )

    def _may_be_counted_at(self, email: str, other: Delivery) -> bool:
        address = self._addresses.get(other.mailbox)
        # The address of a mailbox that is no longer declared is not known.
        return address is None or _contains(address, email)

    def _is_in_baseline(self, other: Delivery, delivery: Delivery) -> bool:
        """Tell whether the customers of another delivery had become visible before one was counted for.

        Never, if a person may turn it into customers later, as who approves by hand can.
        """
        is_final = other.standing is DeliveryState.FOUND or self._is_automatic(other.contents)
        is_known = other.mailbox in self._addresses
        is_visible = other.batch < delivery.batch and self._had_rested(other, delivery)
        return is_visible and (is_final or not is_known)

    def _had_rested(self, other: Delivery, delivery: Delivery) -> bool:
        """Tell whether another delivery had rested, by both clocks, before one was counted for."""
        end, at = over_there(other), delivery.server_at
        if end is None or at is None:
            return False
        rest = self.settle_after + LONGEST_POST
        return over(other) + rest <= delivery.at and end + rest <= at

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        people = (customer for seed in self.declared for customer in seed.customers)
        return {self.ledger.hash(customer.mailbox): customer.mailbox for customer in people}


class _Doubt(Redacted, frozen=True):
    shown: ClassVar = ("seed", "delivery")
    seed: str
    delivery: Delivery
    email: str


def _contains(address: str, email: str) -> bool:
    """Tell whether a pattern of SQL made of one address, where `_` is any character, is in the other."""
    return re.search(re.escape(email.casefold()).replace("_", "."), address.casefold()) is not None
