"""What would be sent on one target: seeds with the states of their recipients, blocks, and requests.

Column names become ids, and what the tenant would refuse becomes a block before anything is sent. Source:
vendor pages GET-api-v3-customerdatacolumn and POST-api-v3-customer-add; neither says that names are unique,
nor what an archived column does. Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.config.names import nearest
from reconciler.engine.change import Block
from reconciler.engine.kind import Json
from reconciler.engine.plan import Review
from reconciler.errors import ApiError, ReconcilerError
from reconciler.expoints.client import Column, Customers
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan, recipients_of, with_states
from reconciler.expoints.seed import Moment, Seed, SeedCustomer, Value, resolve, time_text
from reconciler.expoints.settling import (
    DoubtResolver,
    Seen,
    explained_by,
    longest_hidden,
    look,
)
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.journal.rules import counting

MOST_REASONS = 100
"""Of one seed."""

RENAMED = "renamed"
"""The code of the block of a seed that may be another one under a new key."""


class Columns(Struct, frozen=True, dict=True):
    """The columns of a tenant, by name and id."""

    all: tuple[Column, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[str | int, tuple[Column, ...]]:
        """The columns that a declared name or id means; one, if all is well.

        Of an archived column and another one of the same name, the other is meant.
        """
        found: dict[str | int, tuple[Column, ...]] = {}
        for column in sorted(self.all, key=attrgetter("archived")):
            found[column.id] = (*found.get(column.id, ()), column)
            same = found.get(column.name, ())
            if not column.archived or all(other.archived for other in same):
                found[column.name] = (*same, column)
        return found


def blocks_of(seed: Seed, columns: Columns) -> Iterator[Block]:
    """Yield the reasons of the tenant's columns against a seed, each once with its lines, up to a bound."""
    names = [column.name for column in columns.all]
    near = cache(lambda name: nearest(name, names))
    reasons: dict[tuple[str, str], list[str]] = {}
    found = (finding for customer in seed.customers for finding in _findings(customer, columns, near))
    for code, message, place in found:
        if len(reasons) == MOST_REASONS and (code, message) not in reasons:
            reasons["too-many-problems", "what else the columns refuse is not looked at"] = [place]
            break
        reasons.setdefault((code, message), []).append(place)
    for (code, message), places in reasons.items():
        shown = list(dict.fromkeys(places))
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        yield Block(code, f"{message} ({', '.join(shown[:3])}{more})")


def _findings(
    customer: SeedCustomer, columns: Columns, near: Callable[[str], str | None]
) -> Iterator[tuple[str, str, str]]:
    """Yield the code, message and place of whatever the columns refuse of a customer's data."""
    ids, given = Counter[int](), set[int]()
    for item in customer.data:
        found = columns.by_key.get(item.column, ())
        ids.update(column.id for column in found)
        given |= {column.id for column in found if item.value}
        if not found:
            meant = near(str(item.column))
            hint = f"; did you mean {meant}?" if meant else ""
            yield "unknown-column", f"the tenant has no column {item.column}{hint}", str(item.place)
        elif len(found) > 1:
            these = " and ".join(str(column.id) for column in found)
            message = f"{len(found)} columns are called {item.column}: {these}; write the id"
            yield "ambiguous-column", message, str(item.place)
        elif found[0].archived:
            yield "archived-column", f"column {item.column} is archived", str(item.place)
    for id, number in ids.items():
        if number > 1:
            yield "column-twice", f"column {id} is given more than once", str(customer.place)
    # Data of an earlier customer is copied by the server, so what is missing here may come from there.
    if customer.members.get("PreviousId") is None:
        for column in columns.all:
            if column.required and not column.archived and column.id not in given:
                message = f"the tenant requires {column.name} (column {column.id})"
                yield "missing-column", message, str(customer.place)


class Composer(Struct, frozen=True):
    """Composes requests in which every relative moment counts from the start of the run."""

    now: datetime
    zone: ZoneInfo

    def body(self, seed: Seed, recipients: Sequence[Recipient], columns: Columns) -> dict[str, Json]:
        """Return the body of the request for these recipients of a seed, in their order.

        Source: vendor page POST-api-v3-customer-add. Nothing of `blocks_of` may be against the seed.
        """
        customers = (recipient.customer for recipient in recipients)
        return {
            **self._plain(seed.batch),
            "Customers": [
                {"Email": one.email, **self._plain(one.members), "Data": _data(one, columns)}
                for one in customers
            ],
        }

    def text(self, value: Value) -> str:
        """Return a date, or a time of day, for people, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        at, _ = resolve(value, self.now, self.zone)
        if value.is_time:
            return f"{at:%H:%M} {self.zone.key} ({at.astimezone(UTC):%H:%M} UTC)"
        return time_text(at, self.zone)

    def times_of(self, seed: Seed) -> Iterator[str]:
        """Yield what the moments of a seed mean now, each once, in local time and UTC."""
        everywhere = [*seed.batch.items(), *(item for c in seed.customers for item in c.members.items())]
        for name, moment in dict.fromkeys((n, value) for n, value in everywhere if isinstance(value, Moment)):
            _, note = resolve(moment, self.now, self.zone)
            yield f"{name} {moment.text}: {self.text(moment)}{'; ' + note if note else ''}"

    def _plain(self, members: Mapping[str, Value]) -> dict[str, Json]:
        """Return members with the moments among them in ISO 8601 with offset."""
        return {
            name: resolve(value, self.now, self.zone)[0].isoformat() if isinstance(value, Moment) else value
            for name, value in members.items()
        }


def _data(customer: SeedCustomer, columns: Columns) -> list[Json]:
    """Return a customer's data as the request has it, by column id."""
    data: list[Json] = []
    for item in customer.data:
        (column,) = columns.by_key[item.column]
        body: dict[str, Json] = {"CustomerDataColumnId": column.id, "Value": item.value}
        if item.encryption:
            thumbprint, key = item.encryption
            body |= {"IsEncrypted": True, "CertificateThumbprint": thumbprint, "EncryptionKey": key}
        data.append(body)
    return data


class SeedsPlan(Struct, frozen=True):
    """All seeds of a target. `trouble` says why nothing at all could be said of them, if so."""

    seeds: tuple[SeedPlan, ...] = ()
    columns: Columns = Columns()
    settled: tuple[Delivery, ...] = ()
    """Deliveries in doubt of which counting has shown how they ended."""
    trouble: ReconcilerError | None = None
    account: str = ""
    """The name of the tenant, empty where no seed is."""

    @property
    def sending(self) -> tuple[SeedPlan, ...]:
        """The seeds of which apply sends something."""
        return tuple(plan for plan in self.seeds if plan.to_send)

    @property
    def is_settled(self) -> bool:
        """Whether sending would change nothing: not at the tenant, and not in the journal."""
        at_rest = all(not plan.due and not plan.unrecorded for plan in self.seeds)
        return at_rest and not self.settled and self.trouble is None

    @property
    def customers(self) -> int:
        """How many customers apply sends to."""
        return sum(len(plan.to_send) for plan in self.seeds)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of every seed that nothing blocks, sent or not."""
        return tuple(plan.digest for plan in self.seeds if not plan.blocks)

    def reviewed(self, review: Review) -> SeedsPlan:
        """Return the plan with every seed blocked that would be sent and was not reviewed as it is now.

        A seed of which nothing is to be sent any more is fine. Doing it twice changes nothing.
        """
        seeds = (
            plan
            if not plan.to_send or plan.digest in review.digests
            else replace(plan, blocks=(*plan.blocks, review.block(plan.seed.key)))
            for plan in self.seeds
        )
        return replace(self, seeds=tuple(seeds))


class SeedPlanner(Struct, frozen=True):
    """Plans the seeds of one account. `check` is the proof of test and recipients, from the files alone.

    `declared` holds every seed of the target, also those that are not planned; `everywhere` those of every
    target on this account; `former` the key of before for each seed whose key has moved: what was sent under
    that one counts.
    """

    client: Customers
    ledger: ReadOnlyJournal
    account: str
    clock: Clock
    settle_after: float
    check: Callable[[Seed], Sequence[Block]]
    declared: Sequence[Seed] = ()
    everywhere: Sequence[Seed] = ()
    former: Mapping[str, str] = field(default_factory=dict)

    def plan(self, seeds: Sequence[Seed]) -> SeedsPlan:
        """Return the plan of all seeds. A tenant that cannot be asked is `trouble`, not an exception."""
        if not seeds:
            return SeedsPlan()
        try:
            return self._planned(seeds)
        except ApiError as error:
            return SeedsPlan(trouble=error)

    def _planned(self, seeds: Sequence[Seed]) -> SeedsPlan:
        hash, past = self.ledger.hash, self.ledger.past(self.account)
        # How long this tenant was seen to hide customers counts for more than what was expected of it.
        settle_after = max(self.settle_after, 2 * longest_hidden(past, hash))
        columns = Columns(self.client.columns())
        # What counting shows of doubts comes first, for it decides what is due.
        deliveries = {seed.key: self._deliveries(seed) for seed in seeds}
        resolver = DoubtResolver(self.client, self.ledger, self.clock, settle_after, past, self.declared)
        settled = resolver.settle([(seed, deliveries[seed.key]) for seed in seeds])
        past = _after(settled, past)
        deliveries = {key: _after(settled, some) for key, some in deliveries.items()}
        rests = self._rests([one for some in deliveries.values() for one in some], settle_after)
        recipients = {
            seed.key: with_states(seed, recipients_of(seed, hash), deliveries[seed.key], rests)
            for seed in seeds
        }
        # Then each mailbox that is due is compared with what the journal explains, and what other seeds sent.
        due = [one for some in recipients.values() for one in some if one.is_due]
        seen = look(self.client, hash, due, explained_by(past, hash, settle_after, self.clock.now()))
        elsewhere = {key: _sent_elsewhere(recipients[key], deliveries[key], past) for key in recipients}
        holders: dict[str, set[str]] = {}  # the hashed mailboxes of today by the key of every seed
        for seed in self.everywhere:
            holders.setdefault(seed.key, set()).update(hash(one.mailbox) for one in seed.customers)
        for key, some in recipients.items():
            moved = {
                one.mailbox: one.seed
                for one in elsewhere[key]
                if one.mailbox not in holders.get(one.seed, (one.mailbox,))
            }
            recipients[key] = tuple(_judged(one, seen, moved) if one.is_due else one for one in some)
        left = {one.email for some in recipients.values() for one in some if one.is_due}
        opted_out = self.client.opted_out(sorted(left))
        plans = []
        for seed in seeds:
            some = recipients[seed.key]
            blocks = [*self.check(seed), *blocks_of(seed, columns)]
            blocks += _renamed(seed, elsewhere[seed.key], holders)
            if gone := [one for one in some if one.email in opted_out]:
                places = ", ".join(str(one.customer.place) for one in gone[:3])
                why = f"{len(gone)} of its mailboxes want no more mail ({places})"
                blocks.append(Block("opted-out", why))
            plans.append(SeedPlan(seed, some, tuple(blocks)))
        return SeedsPlan(tuple(plans), columns, settled)

    def _deliveries(self, seed: Seed) -> Sequence[Delivery]:
        """Return the deliveries that count for a seed, those under its former key too, oldest first."""
        keys = [key for key in (self.former.get(seed.key), seed.key) if key is not None]
        every = [d for key in keys for d in self.ledger.past(self.account, key)]
        return counting(sorted(every, key=attrgetter("batch")))

    def _rests(self, deliveries: Sequence[Delivery], settle_after: float) -> Callable[[Delivery], bool]:
        """Return a test of refused deliveries: whether customers of one may still appear, by either clock."""
        now = self.clock.now()
        refused = any(one.standing is DeliveryState.REFUSED for one in deliveries)
        there = self.client.count_unknown().at if refused else None

        def rests(delivery: Delivery) -> bool:
            if there is None or delivery.server_since is None:
                return True  # one clock alone may have been set
            ends = [(now, delivery.since), (there + 1, delivery.server_since)]  # a server tells whole seconds
            return any(at < over + settle_after for at, over in ends)

        return rests


def _after(settled: Sequence[Delivery], deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    """Return deliveries as they stand now that some are settled."""
    ends = {(one.batch, one.customer): one.standing for one in settled}
    return [replace(d, standing=ends.get((d.batch, d.customer), d.standing)) for d in deliveries]


def _sent_elsewhere(
    recipients: Sequence[Recipient], deliveries: Sequence[Delivery], past: Sequence[Delivery]
) -> Sequence[Delivery]:
    """Return what may have been sent to the mailboxes of a seed by other seeds, and by itself never."""
    mailboxes = {one.mailbox for one in recipients} - {one.mailbox for one in deliveries}
    return [
        one
        for one in past
        if one.mailbox in mailboxes and not one.standing.is_unsent and one.standing is not DeliveryState.FOUND
    ]


def _judged(recipient: Recipient, seen: Seen, moved: Mapping[str, str]) -> Recipient:
    """Return a due recipient as found if customers are not explained, or another seed sent to it.

    `moved` is the key of the seed that sent to a mailbox and has it no longer, by the hashed mailbox.
    """
    judged = seen.judged(recipient)
    if not judged.is_due or judged.mailbox not in moved:
        return judged
    note = f"a mailbox was sent to in {moved[judged.mailbox]}, which has it no longer"
    return replace(judged, state=RecipientState.FOUND, note=note)


def _renamed(
    seed: Seed, elsewhere: Sequence[Delivery], holders: Mapping[str, Collection[str]]
) -> Iterator[Block]:
    """Yield why a seed waits whose mailboxes were sent to under keys that are declared no longer."""
    gone: dict[str, set[str]] = {}
    for one in elsewhere:
        if one.seed not in holders:
            gone.setdefault(one.seed, set()).add(one.mailbox)
    for old, some in gone.items():
        yield Block(
            RENAMED,
            f"{len(some)} of its mailboxes were sent to as {old}, which is declared no longer: if it is "
            f"the same seed, write moved: {{{old}: {seed.key}}}; if it is another one, "
            f"`reconciler seeds send {seed.key} --again` sends it all the same",
        )
