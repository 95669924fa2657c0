"""What a customer was sent, path by path, so that a later plan can name what changed. Pure.

A path is written as in the files: `batch_name`, `customers.email`, `customers.data.Business Unit`,
`customers.answers.0.text`. The paths stand in every journal, so their form must not change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic.alias_generators import to_snake

from reconciler.engine.change import Block, digest_of
from reconciler.engine.kind import Json
from reconciler.errors import Exit
from reconciler.expoints.seed import Moment, Seed, SeedCustomer, Send, Value
from reconciler.journal.ledger import Delivery, DeliveryState
from reconciler.problems import Redacted

EMAIL = "customers.email"
APPROVAL = "approve_automatically"

_ENCODER = json.JSONEncoder(sort_keys=True)

Hash = Callable[[str], str]
Contents = Mapping[str, str]
"""Path → the keyed hash of the value that is declared there."""


class Change(Struct, frozen=True):
    """How what is declared differs from what was sent. No paths: the journal does not say where."""

    paths: tuple[str, ...]


def batch_contents(seed: Seed, hash: Hash) -> Contents:
    """Return the hash of every declared member of a batch, but its customers."""
    return _hashed(_members("", seed.batch), hash)


def customer_contents(customer: SeedCustomer, hash: Hash) -> Contents:
    """Return the hash of everything that is declared of a customer."""
    return _hashed(_customer(customer), hash)


def hash_at(path: str, value: Json, hash: Hash) -> str:
    """Return the hash of a value at a path; equal values at two paths do not look equal."""
    return hash(_ENCODER.encode([path, value]))


def automatic(hash: Hash) -> Callable[[Contents], bool]:
    """Return what tells of contents whether nobody had to approve the batch by hand."""
    approved = hash_at(APPROVAL, True, hash)
    return lambda contents: contents.get(APPROVAL) == approved


def change_of(sent: Contents, declared: Contents) -> Change | None:
    """Return the paths at which the two differ, in the order of the files; `None` if they are the same."""
    paths = dict.fromkeys([*declared, *sent])
    differing = tuple(path for path in paths if sent.get(path) != declared.get(path))
    return Change(differing) if differing else None


def _hashed(values: Iterator[tuple[str, Json]], hash: Hash) -> Contents:
    return {path: hash_at(path, value, hash) for path, value in values}


def _customer(customer: SeedCustomer) -> Iterator[tuple[str, Json]]:
    yield EMAIL, customer.email
    yield from _members("customers.", customer.members)
    for item in customer.data:
        yield f"customers.data.{item.column}", [item.value, *(item.encryption or ())]


def _members(before: str, members: Mapping[str, Value]) -> Iterator[tuple[str, Json]]:
    for name, value in members.items():
        yield from _leaves(f"{before}{to_snake(name)}", str(value) if isinstance(value, Moment) else value)


def _leaves(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    """Yield what stands in a value; a list of plain values is one thing."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(number): item for number, item in enumerate(value)}
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{path}.{to_snake(name)}", part)
    else:
        yield path, value


LARGEST_BATCH = 200
"""Customers in one request. The vendor advises no more (page POST-api-v3-customer-add)."""


class State(StrEnum):
    """What a plan says of a customer."""

    PENDING = "pending"
    CHANGED = "changed"
    """Sent in this round with other content; sent again."""
    SENT = "sent"
    FOUND = "found"
    """Its address has customers that this journal does not explain, so somebody else may have sent to it."""
    IN_DOUBT = "in doubt"


class Common(Redacted, frozen=True):
    """What all customers of a seed have in common, and the hash that is used for each."""

    digest: str
    contents: Contents
    hash: Callable[[str], str]


class Addressee(Redacted, frozen=True):
    """One customer with its number among those of the same mailbox, as the ledger knows it."""

    shown: ClassVar = ("customer", "name", "mailbox")

    customer: SeedCustomer
    name: str
    mailbox: str
    batch: Common

    @property
    def digest(self) -> str:
        """The hash of all that is declared of it and of its batch."""
        return self.batch.hash(digest_of([self.batch.digest, self.customer.digest]))

    @property
    def contents(self) -> Contents:
        """The hash of each thing that is. Made when asked for: most customers are never compared."""
        return {**self.batch.contents, **customer_contents(self.customer, self.batch.hash)}


class RecipientState(Struct, frozen=True):
    """One customer and how it stands."""

    addressee: Addressee
    state: State
    note: str = ""
    batch: int = 0
    """The number of the batch that sent it before, if one did."""
    change: Change | None = None
    """How what is declared differs from what that batch held, if it does."""
    count: int = 0
    """How many customers its address has, where it is found."""
    is_agreed: bool = False
    """Whether a person has agreed to send to it whoever else may have."""

    @property
    def email(self) -> str:
        """Its address as it is declared."""
        return self.addressee.customer.email

    @property
    def is_due(self) -> bool:
        """Whether it is to be sent as far as the journal knows."""
        return self.state in (State.PENDING, State.CHANGED)


class ChangedPath(Struct, frozen=True):
    """A path of the files at which customers differ from what they were sent, and how many do."""

    path: str
    """Empty for those of whom the journal does not say where they differ."""
    customers: int
    sent_again: int


class SeedPlan(Struct, frozen=True):
    """A seed with the state of each of its customers, and every reason not to send."""

    seed: Seed
    customers: tuple[RecipientState, ...]
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""
    """What binds a review to it: `Seed.digest_on` its target and tenant."""

    def count(self, state: State) -> int:
        """Return how many customers stand so."""
        return sum(standee.state is state for standee in self.customers)

    @property
    def blocked_exit(self) -> Exit:
        """What a run says that does not send it for its reasons; done where there is none."""
        return Exit.gravest(block.exit for block in self.blocks)

    @property
    def changes(self) -> tuple[ChangedPath, ...]:
        """Where its customers differ from what they were sent, whether or not they are sent again."""
        differing: dict[str, list[RecipientState]] = {}
        for standee in self.customers:
            for path in (standee.change.paths or ("",)) if standee.change else ():
                differing.setdefault(path, []).append(standee)
        return tuple(
            ChangedPath(path, len(standees), sum(s.state is State.CHANGED for s in standees))
            for path, standees in differing.items()
        )

    @property
    def due(self) -> tuple[RecipientState, ...]:
        """The customers that would be sent if nothing blocks."""
        return tuple(s for s in self.customers if s.is_due)

    @property
    def is_found(self) -> bool:
        """Whether apply keeps away from mailboxes that somebody else may have sent to."""
        return self.seed.send is not Send.BY_HAND and self.count(State.FOUND) > 0

    @property
    def unrecorded(self) -> tuple[RecipientState, ...]:
        """The customers that were found and of which the journal does not know that yet."""
        return tuple(s for s in self.customers if s.state is State.FOUND and not s.batch)

    @property
    def to_send(self) -> tuple[RecipientState, ...]:
        """The customers that apply sends."""
        return () if self.blocks or self.seed.send is Send.BY_HAND else self.due


def addressees(seed: Seed, hash: Callable[[str], str]) -> tuple[Addressee, ...]:
    """Return every customer under the hashes by which the ledger knows it."""
    numbers: Counter[str] = Counter()
    batch = Common(seed.batch_digest, batch_contents(seed, hash), hash)
    made = []
    for customer in seed.customers:
        mailbox = customer.mailbox
        numbers[mailbox] += 1
        made.append(Addressee(customer, hash(f"{mailbox}#{numbers[mailbox]}"), hash(mailbox), batch))
    return tuple(made)


def stand(
    seed: Seed,
    customers: Sequence[Addressee],
    deliveries: Iterable[Delivery],
    rests: Callable[[Delivery], bool],
) -> tuple[RecipientState, ...]:
    """Return how each customer stands, by the deliveries of this seed alone.

    `rests` tells whether customers of a refused delivery may still appear.
    """
    every = list(deliveries)
    latest = {d.customer: d for d in every if d.round == seed.round}
    open_rounds = {d.mailbox: d.round for d in every if d.standing.is_open and d.round != seed.round}
    stood = [_standee(seed, one, latest.get(one.name), rests) for one in _matched(customers, latest)]
    return tuple(_warned(one, open_rounds.get(one.addressee.mailbox)) for one in stood)


def _warned(standee: RecipientState, open_round: str | None) -> RecipientState:
    """Return a customer that is due with what speaks against it: mail of another round may be on its way."""
    if open_round is None or not standee.is_due:
        return standee
    note = f"round {open_round} is in doubt for a mailbox, which may be mailed twice"
    return replace(standee, note=f"{standee.note} {note}".strip())


def _matched(customers: Sequence[Addressee], latest: Mapping[str, Delivery]) -> Sequence[Addressee]:
    """Return customers of one mailbox under the names that their contents were sent under, if they were.

    Their order in the files may have changed since, or one of them is gone: that alone sends nobody anything.
    """
    sent = [delivery for delivery in latest.values() if not delivery.standing.is_unsent]
    known = Counter(delivery.mailbox for delivery in sent)
    declared = Counter(customer.mailbox for customer in customers)
    sent_as: dict[str, list[str]] = {}
    for delivery in sent:
        sent_as.setdefault(delivery.digest, []).append(delivery.customer)
    names, left = dict[int, str](), list[int]()
    for number, one in enumerate(customers):
        if known[one.mailbox] and max(known[one.mailbox], declared[one.mailbox]) > 1:
            if found := sent_as.get(one.digest):
                names[number] = found.pop(0)
            else:
                left.append(number)
    taken, free = set(names.values()), dict[str, list[str]]()
    for one in customers:
        if one.name not in taken:
            free.setdefault(one.mailbox, []).append(one.name)
    names |= {number: free[customers[number].mailbox].pop(0) for number in left}
    return [replace(one, name=names.get(number, one.name)) for number, one in enumerate(customers)]


def _standee(
    seed: Seed, addressee: Addressee, delivery: Delivery | None, rests: Callable[[Delivery], bool]
) -> RecipientState:
    if delivery is None:
        return RecipientState(addressee, State.PENDING)
    change = _change(delivery, addressee)
    match delivery.standing:
        case DeliveryState.INTENDED | DeliveryState.IN_DOUBT:
            return RecipientState(addressee, State.IN_DOUBT, delivery.note, delivery.batch, change)
        case DeliveryState.REFUSED if rests(delivery):
            rest = "once it has rested for settle_after, by the tenant's clock too"
            note = f"{delivery.note} It is believed to be refused {rest}."
            return RecipientState(addressee, State.IN_DOUBT, note, delivery.batch, change)
        case DeliveryState.REFUSED | DeliveryState.NOT_SENT:
            return RecipientState(
                addressee, State.PENDING, f"{delivery.standing.value} before: {delivery.note}"
            )
        case DeliveryState.FOUND:
            return RecipientState(addressee, State.FOUND, batch=delivery.batch, count=delivery.baseline)
        case DeliveryState.SENT:
            again = change is not None and seed.send is Send.ON_CHANGE
            state = State.CHANGED if again else State.SENT
            return RecipientState(addressee, state, batch=delivery.batch, change=change)


def _change(delivery: Delivery, addressee: Addressee) -> Change | None:
    if delivery.contents:
        declared = addressee.contents
        # Both are one mailbox, so their addresses differ in letter case at most.
        return change_of({**delivery.contents, EMAIL: declared[EMAIL]}, declared)
    return None if delivery.digest == addressee.digest else Change(paths=())


def batches(customers: Sequence[RecipientState]) -> tuple[tuple[RecipientState, ...], ...]:
    """Return the customers in requests of at most `LARGEST_BATCH`, in their order."""
    return tuple(
        tuple(customers[start : start + LARGEST_BATCH]) for start in range(0, len(customers), LARGEST_BATCH)
    )
