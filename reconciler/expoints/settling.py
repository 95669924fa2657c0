"""What counting customers proves: which ones the journal explains, and how deliveries in doubt ended.

A journal can be wrong: it was restored, another checkout has its own, a refusal was none. So each delivery is
written down with the customers that its mailbox had right before it; before the next one, these and what was
sent since must explain those that the tenant counts now, or another sender may have mailed it.

Of a delivery in doubt, *not sent* and *sent* each need all of their own conditions, and what meets neither
waits for a person. Time that has passed is believed only where two clocks say so: this machine's, and the
tenant's own, which its answers tell (RFC 9110, 6.6.1). Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.engine.change import Block
from reconciler.expoints.client import Count, Customers
from reconciler.expoints.recipients import EMAIL, Recipient, RecipientState, automatic, recipients_of
from reconciler.expoints.seed import Seed
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.journal.journal import ReadOnlyJournal

LONGEST_POST = 300.0
"""Seconds for which a POST, or a count before its intent, may be under way: all waits, and a time-out."""


class SeedScope(Struct, frozen=True):
    """What seeds are planned and sent by: one tenant, what the journal knows of it, and all that share it."""

    client: Customers
    ledger: ReadOnlyJournal
    account: str  # the name under which the journal knows the tenant
    clock: Clock
    now: datetime  # the start of the run, from which every relative moment counts
    zone: ZoneInfo
    settle_after: float
    check: Callable[[Seed, Seed], Sequence[Block]]
    """The proof of test and recipients of a seed, and of the days of it with those that are due alone."""
    declared: Sequence[Seed]  # every seed of the target, also those that are not planned
    everywhere: Sequence[Seed]  # every seed of every target on this account
    former: Mapping[str, str]  # seed → its key before `moved`, under which it was sent, too


class Explained(Struct, frozen=True):
    """What the journal explains of one mailbox. Without deliveries it explains no customer."""

    most: int = 0  # customers it may have: those at the last delivery and all that may have come since
    least: int = 0  # how many it has if none is hidden or removed
    before: int = 0  # how many it had right before the last delivery
    ids: frozenset[str] | None = frozenset()  # their hashed ids; None where the tenant gave none


NOTHING = Explained()


def explained_by(
    past: Iterable[Delivery], hash: Callable[[str], str], settle_after: float, now: float
) -> Mapping[str, Explained]:
    """Return what is explained of each hashed mailbox by every delivery to an account, oldest first.

    The count before a delivery replaces all that went before. Customers who were hidden then still come on
    top: those of a batch that had not rested for `settle_after`, or that a person approves by hand.
    """
    is_automatic, found = automatic(hash), dict[str, Explained]()
    for mailbox, deliveries in _by_mailbox(past).items():
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
        found[mailbox] = known
    return found


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


def look(
    scope: SeedScope,
    recipients: Sequence[Recipient],
    explained: Mapping[str, Explained],
    *,
    thoroughly: bool = False,
) -> Sequence[Recipient]:
    """Return these recipients with the number of customers at their addresses. Errors: `ApiError`.

    The ids of these are asked for where the number proves too little; `thoroughly`, wherever there are any.
    """
    counts = scope.client.counts(one.customer.email for one in recipients)
    counted = [replace(one, count=counts[one.customer.email].customers) for one in recipients]
    asked = (
        one.customer.email
        for one in counted
        if one.count and (thoroughly or one.count < explained.get(one.mailbox, NOTHING).least)
    )
    ids = {email: _hashed_ids(found, scope.ledger.hash) for email, found in scope.client.ids(asked).items()}
    found = []
    for one in counted:
        listed = ids.get(one.customer.email) if one.count else ()
        # Of rows that are not as many as were counted, it is unknown which are missing.
        is_whole = listed is not None and len(listed) == one.count
        found.append(replace(one, ids=listed if is_whole else None))
    return found


def judged(recipient: Recipient, explained: Mapping[str, Explained]) -> Recipient:
    """Return a counted recipient as found where the journal does not explain all that its address has.

    Where some were removed, a number proves nothing: customers of another sender may fill the gap. Then ids
    have to show that not more are new than may have been sent.
    """
    known, count = explained.get(recipient.mailbox, NOTHING), recipient.count
    if recipient.is_agreed or count == 0:
        return recipient
    noun = "customer" if count == 1 else "customers"
    note = f"a mailbox has {count} {noun}, and this journal explains {known.most}"
    if count <= known.most:
        if recipient.ids is not None and known.ids is not None:
            is_explained = len(set(recipient.ids) - known.ids) <= known.most - known.before
        else:
            is_explained = count >= known.least
        if is_explained:
            return recipient
        note += "; some are gone or hidden, so these may be from another sender"
    return replace(recipient, state=RecipientState.FOUND, note=note)


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


def settle(
    scope: SeedScope,
    past: Sequence[Delivery],
    settle_after: float,
    seeds: Sequence[tuple[Seed, Sequence[Delivery]]],
) -> tuple[Delivery, ...]:
    """Return what is settled of seeds, each with the deliveries that count for it, as it stands now.

    `past` is every delivery to the account, of whatever seed. Errors: `ApiError`.
    """
    hash, now = scope.ledger.hash, scope.clock.now()
    is_automatic = automatic(hash)
    latest = {d.mailbox: d.batch for d in past if not d.standing.is_unsent}
    doubts: list[tuple[Delivery, str]] = []
    for seed, deliveries in seeds:
        ripe = [d for d in deliveries if d.standing.is_open and now >= over(d) + settle_after]
        # A shared mailbox has another sender, so no count is this seed's own.
        recipients = recipients_of(seed, hash) if ripe and not seed.shared_mailbox else ()
        by_name = {one.name: one for one in recipients}
        for delivery in ripe:
            # Approved by hand, it may become customers at any time; an address that was spelled otherwise
            # cannot be counted; and after a later batch it is unknown whose customers count.
            one = by_name.get(delivery.customer)
            is_same_address = one and delivery.contents.get(EMAIL) == one.contents[EMAIL]
            was_followed = delivery.batch < latest.get(delivery.mailbox, 0)
            if one and is_same_address and is_automatic(delivery) and not was_followed:
                doubts.append((delivery, one.customer.email))
    # U: whether `EmailAddresses` is obeyed. Where an unknown address has customers, no count means much.
    if not doubts or scope.client.count_unknown().customers > 0:
        return ()
    counts = scope.client.counts(email for _, email in doubts)
    ids = scope.client.ids(email for d, email in doubts if 0 < counts[email].customers == d.baseline)
    return tuple(
        settled
        for _, of_batch in groupby(doubts, lambda doubt: doubt[0].batch)
        for settled in _of_batch(scope, past, settle_after, list(of_batch), counts, ids)
    )


def _of_batch(
    scope: SeedScope,
    past: Sequence[Delivery],
    settle_after: float,
    doubts: Sequence[tuple[Delivery, str]],
    counts: Mapping[str, Count],
    ids: Mapping[str, Collection[str] | None],
) -> Iterator[Delivery]:
    """Yield what the counts say of deliveries of one batch, each with its address.

    U: whether a batch is taken as a whole, and appears at once. So none of it is not sent unless it added no
    customer at all.
    """
    hash, first = scope.ledger.hash, doubts[0][0]
    batch = [d for d in past if d.batch == first.batch]
    absent = (
        _is_absent(d, counts[email], _hashed_ids(ids.get(email), hash), settle_after) for d, email in doubts
    )
    if all(absent) and not any(d.standing is DeliveryState.SENT for d in batch):
        yield from (replace(d, standing=DeliveryState.NOT_SENT) for d, _ in doubts)
        return
    suspects = _suspects(scope, past, first, settle_after)
    for delivery, email in doubts:
        added = sum(d.mailbox == delivery.mailbox for d in batch)
        # U: whether the filter takes addresses that only contain the one that is asked for, as a pattern of
        # SQL, where `_` is any character.
        pattern = re.compile(re.escape(email.casefold()).replace("_", "."))
        is_disputed = any(
            address is None or pattern.search(address.casefold())
            for d, address in suspects
            if (d.batch, d.mailbox) != (delivery.batch, delivery.mailbox)
        )
        if counts[email].customers == delivery.baseline + added and not is_disputed:
            yield replace(delivery, standing=DeliveryState.SENT)


def _is_absent(delivery: Delivery, count: Count, ids: Collection[str] | None, settle_after: float) -> bool:
    """Return whether a count shows no new customer at an address, when each would have been there.

    Customers from before must be the same ones, by their hashed ids: of these one may be gone and a new one
    have come.
    """
    end = _over_there(delivery)
    has_rested_there = end is not None and count.at is not None and count.at >= end + settle_after
    if count.customers != delivery.baseline or not has_rested_there:
        return False
    if count.customers == 0:
        return True
    return ids is not None and delivery.ids is not None and set(delivery.ids) == set(ids)


def _suspects(
    scope: SeedScope, past: Sequence[Delivery], doubtful: Delivery, settle_after: float
) -> Sequence[tuple[Delivery, str | None]]:
    """Return the deliveries whose customers may have come since a doubtful one was counted for.

    Each with its address, None where that is declared no longer. What had rested by both clocks before is in
    the baseline, unless a person may still turn it into customers of a mailbox that is declared.
    """
    hash, found = scope.ledger.hash, list[tuple[Delivery, str | None]]()
    addresses = {hash(one.mailbox): one.mailbox for seed in scope.declared for one in seed.customers}
    is_automatic, rest, at = automatic(hash), settle_after + LONGEST_POST, doubtful.server_at
    for other in past:
        if other.standing.is_unsent:
            continue
        address, end = addresses.get(other.mailbox), _over_there(other)
        is_final = other.standing is DeliveryState.FOUND or is_automatic(other) or address is None
        is_before = other.batch < doubtful.batch and over(other) + rest <= doubtful.at
        if not (is_final and is_before and end is not None and at is not None and end + rest <= at):
            found.append((other, address))
    return found
