"""What would be sent on one target: seeds with the states of their recipients, blocks, and requests.

Column names become ids, and what the tenant would refuse becomes a block before anything is sent. Source:
vendor page GET-api-v3-customerdatacolumn; that a missing required column is a validation error is on
POST-api-v3-customer-add. Neither says that names are unique, nor what an archived column does.

Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.config.names import nearest
from reconciler.engine.change import Block
from reconciler.engine.kind import Json
from reconciler.engine.review import Review
from reconciler.errors import ApiError, ReconcilerError
from reconciler.expoints.client import Column, Customers
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan, recipients_of, with_states
from reconciler.expoints.seed import Moment, MomentKind, Seed, SeedCustomer, Value, resolve, time_text
from reconciler.expoints.settling import (
    DoubtResolver,
    Settled,
    explained_by,
    longest_hidden,
    look,
    may_have_mailed,
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

    all: tuple[Column, ...]

    def found(self, column: str | int) -> tuple[Column, ...]:
        """Return the columns that a declared name or id means; one, if all is well.

        Of an archived column and another one of the same name, the other is meant.
        """
        return self._by_key.get(column, ())

    def near(self, name: str) -> str | None:
        """Return the column that was probably meant; each name is compared once, for that takes its time."""
        if name not in self._near:
            self._near[name] = nearest(name, [column.name for column in self.all])
        return self._near[name]

    @cached_property
    def _near(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _by_key(self) -> Mapping[str | int, tuple[Column, ...]]:
        found: dict[str | int, tuple[Column, ...]] = {}
        for column in sorted(self.all, key=attrgetter("archived")):
            found[column.id] = (*found.get(column.id, ()), column)
            same = found.get(column.name, ())
            if not column.archived or all(other.archived for other in same):
                found[column.name] = (*same, column)
        return found


def blocks_of(seed: Seed, columns: Columns) -> Iterator[Block]:
    """Yield the reasons of the tenant's columns against a seed, each once with its lines, up to a bound."""
    reasons: dict[tuple[str, str], list[str]] = {}
    found = (finding for customer in _unsound(seed, columns) for finding in _findings(customer, columns))
    for code, message, place in found:
        if len(reasons) == MOST_REASONS and (code, message) not in reasons:
            reasons["too-many-problems", "what else the columns refuse is not looked at"] = [place]
            break
        reasons.setdefault((code, message), []).append(place)
    for (code, message), places in reasons.items():
        shown = list(dict.fromkeys(places))
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        yield Block(code, f"{message} ({', '.join(shown[:3])}{more})")


def _unsound(seed: Seed, columns: Columns) -> Iterator[SeedCustomer]:
    """Yield the customers that have findings; equal sets of columns are checked once, if sound."""
    sound = set()
    for customer in seed.customers:
        is_given = tuple((item.column, bool(item.value)) for item in customer.data)
        layout = (is_given, customer.members.get("PreviousId") is None)
        if layout in sound:
            continue
        if any(True for _ in _findings(customer, columns)):
            yield customer
        else:
            sound.add(layout)


def _findings(customer: SeedCustomer, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """Yield the code, message and place of whatever the columns refuse of a customer's data."""
    ids, given = Counter[int](), set[int]()
    for item in customer.data:
        found = columns.found(item.column)
        ids.update(column.id for column in found)
        given |= {column.id for column in found if item.value}
        if not found:
            near = columns.near(str(item.column))
            hint = f"; did you mean {near}?" if near else ""
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

    def resolved(self, seed: Seed) -> dict[str, str]:
        """Return the moments of a batch: member → ISO 8601 with offset."""
        return {name: self._iso(value) for name, value in seed.batch.items() if isinstance(value, Moment)}

    def text(self, value: Value) -> str:
        """Return a date, or a time of day, for people, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        at = resolve(value, self.now, self.zone).at
        if value.kind is MomentKind.TIME_OF_DAY:
            return f"{at:%H:%M} {self.zone.key} ({at.astimezone(UTC):%H:%M} UTC)"
        return time_text(at, self.zone)

    def times_of(self, seed: Seed) -> Iterator[str]:
        """Yield what the moments of a seed mean now, each once, in local time and UTC."""
        everywhere = [*seed.batch.items(), *(item for c in seed.customers for item in c.members.items())]
        for name, moment in dict.fromkeys((n, value) for n, value in everywhere if isinstance(value, Moment)):
            note = resolve(moment, self.now, self.zone).note
            yield f"{name} {moment}: {self.text(moment)}{'; ' + note if note else ''}"

    def _plain(self, members: Mapping[str, Value]) -> dict[str, Json]:
        return {
            name: self._iso(value) if isinstance(value, Moment) else value for name, value in members.items()
        }

    def _iso(self, moment: Moment) -> str:
        return resolve(moment, self.now, self.zone).at.isoformat()


def _data(customer: SeedCustomer, columns: Columns) -> list[Json]:
    """Return a customer's data as the request has it, by column id."""
    data: list[Json] = []
    for item in customer.data:
        (column,) = columns.found(item.column)
        body: dict[str, Json] = {"CustomerDataColumnId": column.id, "Value": item.value}
        if item.encryption:
            thumbprint, key = item.encryption
            body |= {"IsEncrypted": True, "CertificateThumbprint": thumbprint, "EncryptionKey": key}
        data.append(body)
    return data


class SeedsPlan(Struct, frozen=True):
    """All seeds of a target. `trouble` says why nothing at all could be said of them, if so."""

    seeds: tuple[SeedPlan, ...] = ()
    columns: Columns = field(default_factory=lambda: Columns(()))
    settled: tuple[Settled, ...] = ()
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
        known = [_Known(seed, recipients_of(seed, hash), self._deliveries(seed)) for seed in seeds]
        resolver = DoubtResolver(self.client, self.ledger, self.clock, settle_after, past, self.declared)
        settled = resolver.settle([(one.seed, one.deliveries) for one in known])
        past = _after(settled, past)
        known = [replace(one, deliveries=_after(settled, one.deliveries)) for one in known]
        rests = self._rests(known, settle_after)
        known = [
            replace(one, recipients=with_states(one.seed, one.recipients, one.deliveries, rests))
            for one in known
        ]
        # Whose customers the journal does not explain is found, and so is who was sent to in another seed.
        due = [recipient for one in known for recipient in one.recipients if recipient.is_due]
        seen = look(self.client, hash, due, explained_by(past, hash, settle_after, self.clock.now()))
        holders = self._holders()
        known = [
            replace(one, recipients=tuple(r if not r.is_due else seen.judged(r) for r in one.recipients))
            for one in known
        ]
        known = [one.without_moved(past, holders) for one in known]
        left = {recipient.email for one in known for recipient in one.recipients if recipient.is_due}
        opted_out = self.client.opted_out(sorted(left))
        plans = [
            SeedPlan(
                one.seed,
                tuple(one.recipients),
                (
                    *self.check(one.seed),
                    *blocks_of(one.seed, columns),
                    *one.renamed(past, holders),
                    *one.opted_out(opted_out),
                ),
            )
            for one in known
        ]
        return SeedsPlan(tuple(plans), columns, settled)

    def _rests(self, known: Sequence[_Known], settle_after: float) -> Callable[[Delivery], bool]:
        """Return a test of refused deliveries: whether customers of one may still appear, by either clock."""
        now = self.clock.now()
        refused = any(d.standing is DeliveryState.REFUSED for one in known for d in one.deliveries)
        there = self.client.count_nobody().at if refused else None

        def rests(delivery: Delivery) -> bool:
            if there is None or delivery.server_since is None:
                return True  # one clock alone may have been set
            ends = [(now, delivery.since), (there + 1, delivery.server_since)]  # a server tells whole seconds
            return any(at < over + settle_after for at, over in ends)

        return rests

    def _holders(self) -> Mapping[str, Collection[str]]:
        """Return the hashed mailboxes of today by the key of every seed on the account."""
        found: dict[str, set[str]] = {}
        for seed in self.everywhere:
            found.setdefault(seed.key, set()).update(self.ledger.hash(one.mailbox) for one in seed.customers)
        return found

    def _deliveries(self, seed: Seed) -> Sequence[Delivery]:
        """Return the deliveries that count for a seed, those under its former key too, oldest first."""
        keys = [key for key in (self.former.get(seed.key), seed.key) if key is not None]
        every = [d for key in keys for d in self.ledger.past(self.account, key)]
        return counting(sorted(every, key=attrgetter("batch")))


class _Known(Struct, frozen=True):
    """A seed, its recipients, and the deliveries that count for it."""

    seed: Seed
    recipients: Sequence[Recipient]
    deliveries: Sequence[Delivery]

    def sent_elsewhere(self, past: Sequence[Delivery]) -> Iterator[Delivery]:
        """Yield what may have been sent to its mailboxes by other seeds, and by itself never."""
        own = {delivery.mailbox for delivery in self.deliveries}
        mailboxes = {recipient.mailbox for recipient in self.recipients} - own
        for one in past:
            if one.mailbox in mailboxes and may_have_mailed(one) and one.standing is not DeliveryState.FOUND:
                yield one

    def without_moved(self, past: Sequence[Delivery], holders: Mapping[str, Collection[str]]) -> _Known:
        """Return it with those recipients as found that may have been sent to in a seed that lost them."""
        moved = {
            one.mailbox: one.seed
            for one in self.sent_elsewhere(past)
            if one.mailbox not in holders.get(one.seed, (one.mailbox,))
        }

        def judged(one: Recipient) -> Recipient:
            if not one.is_due or one.mailbox not in moved:
                return one
            note = f"a mailbox was sent to in {moved[one.mailbox]}, which has it no longer"
            return replace(one, state=RecipientState.FOUND, note=note)

        return replace(self, recipients=[judged(one) for one in self.recipients])

    def renamed(self, past: Sequence[Delivery], holders: Mapping[str, Collection[str]]) -> Iterator[Block]:
        """Yield why it waits if its mailboxes were sent to under keys that are declared no longer."""
        gone: dict[str, set[str]] = {}
        for one in self.sent_elsewhere(past):
            if one.seed not in holders:
                gone.setdefault(one.seed, set()).add(one.mailbox)
        for old, some in gone.items():
            yield Block(
                RENAMED,
                f"{len(some)} of its mailboxes were sent to as {old}, which is declared no longer: if it is "
                f"the same seed, write moved: {{{old}: {self.seed.key}}}; if it is another one, "
                f"`reconciler seeds send {self.seed.key} --again` sends it all the same",
            )

    def opted_out(self, emails: Collection[str]) -> Iterator[Block]:
        """Yield why it waits if some of its mailboxes want no more mail."""
        if gone := [one for one in self.recipients if one.email in emails]:
            places = ", ".join(str(one.customer.place) for one in gone[:3])
            yield Block("opted-out", f"{len(gone)} of its mailboxes want no more mail ({places})")


def _after(settled: Sequence[Settled], deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    """Return deliveries as they stand now that some are settled."""
    ends = {(s.delivery.batch, s.delivery.customer): s.standing for s in settled}
    return [replace(d, standing=ends.get((d.batch, d.customer), d.standing)) for d in deliveries]
