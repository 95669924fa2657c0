"""The customers of a seed with the state of each, and how sending them ended. Pure values and rules.

The ledger stores what was sent as `Contents`: paths, each with the keyed hash of the value that was declared
there. A path is written as in the files: `batch_name`, `customers.email`, `customers.data.Business Unit`,
`customers.answers.0.text`. The paths stand in every journal, so their form must not change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic.alias_generators import to_snake

from reconciler.engine.change import Block
from reconciler.engine.kind import Json, digest_of
from reconciler.errors import Exit
from reconciler.expoints.seed import (
    SPELLINGS,
    Seed,
    SeedCustomer,
    Send,
    Spelling,
    as_written,
    canonical,
    spelled,
)
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.problems import Redacted

EMAIL = "customers.email"
APPROVAL = "approve_automatically"

Hash = Callable[[str], str]
Contents = Mapping[str, str]


class RecipientState(StrEnum):
    """What a plan says of a recipient."""

    PENDING = "pending"
    CHANGED = "changed"  # sent in this round with other content; sent again
    SENT = "sent"
    FOUND = "found"  # its address has customers that this journal does not explain
    IN_DOUBT = "in doubt"


class Recipient(Redacted, frozen=True):
    """One customer of a seed under the hashes by which the ledger knows it, and its state."""

    shown: ClassVar = ("customer", "name", "mailbox", "state", "note", "batch", "changed", "count")

    customer: SeedCustomer
    name: str  # the keyed hash of its mailbox and its number among the customers of the same mailbox
    mailbox: str  # the keyed hash of its mailbox alone
    digest: str  # the keyed hash of all that is declared of it and of its batch
    contents: Contents  # the keyed hash of each declared value of it and of its batch
    state: RecipientState = RecipientState.PENDING
    note: str = ""
    batch: int = 0  # the number of the batch that sent it before, if one did
    changed: tuple[str, ...] = ()
    """The paths that differ from what that batch held; one empty path if the journal does not say where."""
    count: int = 0  # how many customers its address has, once they are counted, or were when it was found
    ids: tuple[str, ...] | None = None  # the hashed ids of these, None where they are not known
    is_agreed: bool = False  # whether a person agreed to send to it although others may have

    @property
    def is_due(self) -> bool:
        """Whether it is to be sent as far as the journal knows."""
        return self.state in (RecipientState.PENDING, RecipientState.CHANGED)


class SeedPlan(Struct, frozen=True):
    """A seed with the state of each of its recipients, and every reason not to send."""

    seed: Seed
    customers: tuple[Recipient, ...]
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""  # what binds a review to it: `Seed.digest_on` its target and tenant
    mail: str = ""  # whom it mails, from when on, and until when they can answer; empty for nobody

    def count(self, state: RecipientState) -> int:
        """Return how many recipients are in a state."""
        return sum(one.state is state for one in self.customers)

    @property
    def changes(self) -> Mapping[str, tuple[int, int]]:
        """Path, empty if the journal does not say which → how many differ there, how many are sent again."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.customers:
            for path in one.changed:
                differing, again = found.get(path, (0, 0))
                found[path] = differing + 1, again + (one.state is RecipientState.CHANGED)
        return found

    @property
    def due(self) -> tuple[Recipient, ...]:
        """The recipients that would be sent if nothing blocks."""
        return tuple(one for one in self.customers if one.is_due)

    @property
    def is_found(self) -> bool:
        """Whether apply keeps away from mailboxes that another sender may have mailed."""
        return self.seed.send is not Send.BY_HAND and self.count(RecipientState.FOUND) > 0

    @property
    def withheld(self) -> tuple[Recipient, ...]:
        """The recipients that apply would send but for a rule: none of what it leaves to `seeds send`."""
        return self.due if self.blocks and self.seed.send is not Send.BY_HAND else ()

    @property
    def kept_back(self) -> int:
        """How many recipients apply keeps away from, by a rule or as another may have mailed them.

        A seed with any is called blocked.
        """
        return len(self.withheld) + (self.count(RecipientState.FOUND) if self.is_found else 0)

    @property
    def unrecorded(self) -> tuple[Recipient, ...]:
        """The recipients that were found, which the journal does not say yet."""
        return tuple(one for one in self.customers if one.state is RecipientState.FOUND and not one.batch)

    @property
    def to_send(self) -> tuple[Recipient, ...]:
        """The recipients that apply sends."""
        return () if self.blocks or self.seed.send is Send.BY_HAND else self.due

    @property
    def blocked_exit(self) -> Exit:
        """The exit of a run that does not send it for its blocks; done where there is none."""
        return Exit.gravest(block.exit for block in self.blocks)


class SeedStatus(Struct, frozen=True):
    """What the tenant counts of a seed's addresses, of any round or sender; it can prove no mail.

    Source: vendor pages GET-api-v3-customer-getcustomerstatuses and …-count.
    """

    key: str
    sent: int  # how many of its customers are known as sent
    expected: int  # customers that their addresses have at least, once all are visible
    counted: int  # how many they have as far as the tenant shows them
    by_status: Mapping[str, int]  # the tenant's own name of a status → how many have it; none that is empty
    faults: int | None  # how many have one of the `fault_statuses`; `None` where none are declared
    unknown: Mapping[str, str] = {}  # each of the `fault_statuses` that the tenant does not have → a hint

    @property
    def missing(self) -> int:
        """How many customers are not visible yet, at least."""
        return max(0, self.expected - self.counted)

    @property
    def unplaced(self) -> int:
        """How many are counted, and have no status."""
        return max(0, self.counted - sum(self.by_status.values()))

    @property
    def has_arrived(self) -> bool:
        """Whether every sent customer is counted, and none of them has a status that is declared a fault."""
        return not self.missing and not self.faults and not self.unknown


class SendResult(Struct, frozen=True):
    """How the sending of a seed ended: customers by what became of them, and what a person should know."""

    key: str
    sent: int = 0
    refused: int = 0
    in_doubt: int = 0
    notes: tuple[str, ...] = ()
    exit: Exit = Exit.DONE
    stops: bool = False  # whether a further request would fail alike, so that none is begun
    status: SeedStatus | None = None
    """What the tenant counted afterwards of those that were sent, where it could be asked."""
    found: int = 0  # not sent to, for the tenant has customers there that the journal does not explain


def recipients_of(seed: Seed, hash: Hash) -> tuple[Recipient, ...]:
    """Return every customer of a seed under the hashes by which the ledger knows it, as pending."""
    numbers: Counter[str] = Counter()
    batch, batch_digest = _batch(seed, canonical)
    hashed = {path: hash_at(path, value, hash) for path, value in batch.items()}
    recipients = []
    for customer in seed.customers:
        mailbox = customer.mailbox
        numbers[mailbox] += 1
        own = _values(customer, canonical)
        contents = {**hashed, **{path: hash_at(path, value, hash) for path, value in own.items()}}
        name, digest = f"{mailbox}#{numbers[mailbox]}", digest_of([batch_digest, customer.digest()])
        recipients.append(Recipient(customer, hash(name), hash(mailbox), hash(digest), contents))
    return tuple(recipients)


def _batch(seed: Seed, spelling: Spelling) -> tuple[dict[str, Json], str]:
    """Return the declared values of a batch by their paths, and a fingerprint of it."""
    members = spelled(as_written(seed.batch), spelling)
    return _flat("", members), digest_of(members)


def _values(customer: SeedCustomer, spelling: Spelling) -> dict[str, Json]:
    """Return the declared values of a customer by their paths, which are canonical."""
    data: dict[str, Json] = {
        f"customers.data.{item.key}": [spelling(item.value), *(item.encryption or ())]
        for item in customer.data
    }
    return {
        EMAIL: customer.email,
        **_flat("customers.", spelled(as_written(customer.members), spelling)),
        **data,
    }


def _flat(before: str, members: Mapping[str, Json]) -> dict[str, Json]:
    """Return each value inside members by its path; a list of plain values is one value."""
    found: dict[str, Json] = {}
    for name, value in members.items():
        path = f"{before}{to_snake(name)}"
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = {str(number): item for number, item in enumerate(value)}
        found |= _flat(f"{path}.", value) if isinstance(value, dict) and value else {path: value}
    return found


def with_states(
    seed: Seed,
    recipients: Sequence[Recipient],
    deliveries: Sequence[Delivery],
    rests: Callable[[Delivery], bool],
    hash: Hash,
) -> tuple[Recipient, ...]:
    """Return the recipients of a seed with their states, by the deliveries of this seed alone.

    `rests` says whether customers of a refused delivery may still appear. A delivery that an earlier version
    wrote down counts as unchanged in whatever spelling the text was then.
    """
    latest = {d.customer: d for d in deliveries if canonical(d.round) == seed.round}
    others = (d for d in deliveries if d.standing.is_open and canonical(d.round) != seed.round)
    open_rounds = {delivery.mailbox: delivery.round for delivery in others}
    found = []
    for one in _matched(seed, recipients, latest, hash):
        delivery = latest.get(one.name)
        stated = _stated(one, delivery, seed, rests, hash) if delivery else one
        if stated.is_due and (other := open_rounds.get(stated.mailbox)):
            warning = f"round {other} is in doubt for a mailbox, which may be mailed twice"
            stated = replace(stated, note=f"{stated.note} {warning}".strip())
        found.append(stated)
    return tuple(found)


def _matched(
    seed: Seed, recipients: Sequence[Recipient], latest: Mapping[str, Delivery], hash: Hash
) -> Sequence[Recipient]:
    """Return recipients of one mailbox under the names that their contents were sent under, if they were.

    Their order in the files may have changed since, or one of them is gone: that alone must send no mail.
    """
    sent = [delivery for delivery in latest.values() if not delivery.standing.is_unsent]
    known = Counter(delivery.mailbox for delivery in sent)
    declared = Counter(one.mailbox for one in recipients)
    sent_as: dict[str, list[str]] = {}
    for delivery in sent:
        sent_as.setdefault(delivery.digest, []).append(delivery.customer)
    names, left = dict[int, str](), list[int]()
    for number, one in enumerate(recipients):
        if known[one.mailbox] and max(known[one.mailbox], declared[one.mailbox]) > 1:
            digests = (one.digest, *(_digests(seed, one.customer, hash) if one.digest not in sent_as else ()))
            if found := next(filter(None, map(sent_as.get, digests)), None):
                names[number] = found.pop(0)
            else:
                left.append(number)
    taken, free = set(names.values()), dict[str, list[str]]()
    for one in recipients:
        if one.name not in taken:
            free.setdefault(one.mailbox, []).append(one.name)
    names |= {number: free[recipients[number].mailbox].pop(0) for number in left}
    return [replace(one, name=names.get(number, one.name)) for number, one in enumerate(recipients)]


def _stated(
    recipient: Recipient, delivery: Delivery, seed: Seed, rests: Callable[[Delivery], bool], hash: Hash
) -> Recipient:
    """Return a recipient with the state that its delivery gives it."""
    known = replace(recipient, batch=delivery.batch, changed=_changed(delivery, recipient, seed, hash))
    match delivery.standing:
        case DeliveryState.INTENDED | DeliveryState.IN_DOUBT:
            return replace(known, state=RecipientState.IN_DOUBT, note=delivery.note)
        case DeliveryState.REFUSED if rests(delivery):
            rest = "once it has rested for settle_after, by the tenant's clock too"
            note = f"{delivery.note} It is believed to be refused {rest}."
            return replace(known, state=RecipientState.IN_DOUBT, note=note)
        case DeliveryState.REFUSED | DeliveryState.NOT_SENT:
            return replace(recipient, note=f"{delivery.standing.value} before: {delivery.note}")
        case DeliveryState.FOUND:
            return replace(known, state=RecipientState.FOUND, changed=(), count=delivery.baseline)
        case DeliveryState.SENT:
            again = bool(known.changed) and seed.send is Send.ON_CHANGE
            return replace(known, state=RecipientState.CHANGED if again else RecipientState.SENT)


def _changed(delivery: Delivery, recipient: Recipient, seed: Seed, hash: Hash) -> tuple[str, ...]:
    """Return the paths at which what is declared differs from what was sent, in the order of the files."""
    customer = recipient.customer
    if not delivery.contents:  # of an older journal
        known = delivery.digest == recipient.digest or delivery.digest in _digests(seed, customer, hash)
        return () if known else ("",)
    declared = recipient.contents
    # Both are one mailbox, so their addresses differ in letter case at most.
    sent = {**{canonical(path): it for path, it in delivery.contents.items()}, EMAIL: declared[EMAIL]}
    changed = [path for path in {**declared, **sent} if sent.get(path) != declared.get(path)]
    both = [path for path in changed if path in declared and path in sent]
    as_named = {f"customers.data.{item.key}": f"customers.data.{item.column}" for item in customer.data}
    for spelling in SPELLINGS if both else ():
        values = {**_batch(seed, spelling)[0], **_values(customer, spelling)}
        for path in both:
            names = {as_named.get(path, path), *(other(path) for other in SPELLINGS)}
            if path in changed and sent[path] in {hash_at(name, values[path], hash) for name in names}:
                changed.remove(path)
    return tuple(changed)


def _digests(seed: Seed, customer: SeedCustomer, hash: Hash) -> set[str]:
    """Return the digests under which an earlier version may have written a customer down."""
    return {hash(digest_of([_batch(seed, spelling)[1], customer.digest(spelling)])) for spelling in SPELLINGS}


def automatic(hash: Hash) -> Callable[[Delivery], bool]:
    """Return a test of deliveries: whether their batch needs no approval by a person at Expoints."""
    approved = hash_at(APPROVAL, True, hash)
    return lambda delivery: delivery.contents.get(APPROVAL) == approved


def hash_at(path: str, value: Json, hash: Hash) -> str:
    """Return the hash of a value at a path; equal values at two paths do not look equal."""
    return hash(json.dumps([path, value], sort_keys=True))
