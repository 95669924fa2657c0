"""Column names become ids, and what the tenant would refuse becomes a block before anything is sent.

Source: vendor page GET-api-v3-customerdatacolumn; that a missing required column is a validation error is on
POST-api-v3-customer-add. Neither says that names are unique, nor what an archived column does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from typing import ClassVar, TypeVar
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
from reconciler.expoints.recipients import (
    Recipient,
    RecipientState,
    SeedPlan,
    automatic,
    recipients_of,
    with_states,
)
from reconciler.expoints.seed import (
    DataItem,
    Moment,
    MomentKind,
    Seed,
    SeedCustomer,
    Value,
    resolve,
    time_text,
)
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
from reconciler.problems import Redacted

MOST_REASONS = 100
"""Of one seed."""

Key = TypeVar("Key", str, int)


class Columns(Struct, frozen=True, dict=True):
    """The columns of a tenant, by name and id."""

    all: tuple[Column, ...]

    def named(self, name: str) -> tuple[Column, ...]:
        """Return every column of exactly that name, archived ones only where no other has it."""
        return self._by_name.get(name, ())

    def found(self, column: str | int) -> tuple[Column, ...]:
        """Return the columns that a declared name or id means; one, if all is well."""
        if isinstance(column, int):
            return self._by_id.get(column, ())
        return self.named(column)

    def id_of(self, item: DataItem) -> int:
        """Return the id of the column that an item is for; call it only where `blocks_of` is silent."""
        (column,) = self.found(item.column)
        return column.id

    def near(self, name: str) -> str | None:
        """Return the column that was probably meant; each name is compared once, for that takes its time."""
        if name not in self._near:
            self._near[name] = nearest(name, [column.name for column in self.all])
        return self._near[name]

    @cached_property
    def _near(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Column, ...]]:
        every = _grouped(self.all, attrgetter("name"))
        return every | _grouped((c for c in self.all if not c.archived), attrgetter("name"))

    @cached_property
    def _by_id(self) -> Mapping[int, tuple[Column, ...]]:
        return _grouped(self.all, attrgetter("id"))

    @cached_property
    def required(self) -> tuple[Column, ...]:
        """The columns that every customer must have a value for."""
        return tuple(column for column in self.all if column.required and not column.archived)


def _grouped(columns: Iterable[Column], by: Callable[[Column], Key]) -> dict[Key, tuple[Column, ...]]:
    found: dict[Key, list[Column]] = {}
    for column in columns:
        found.setdefault(by(column), []).append(column)
    return {key: tuple(some) for key, some in found.items()}


def blocks_of(seed: Seed, columns: Columns) -> Iterator[Block]:
    """Yield the reasons of the tenant's columns against a seed, each once with its lines, up to a bound."""
    reasons: dict[tuple[str, str], list[str]] = {}
    found = (finding for customer in _unsound(seed, columns) for finding in _findings(customer, columns))
    for code, message, place in found:
        if len(reasons) == MOST_REASONS and (code, message) not in reasons:
            reasons["too-many-problems", "what else the columns refuse is not looked at"] = [str(place)]
            break
        reasons.setdefault((code, message), []).append(str(place))
    for (code, message), places in reasons.items():
        yield Block(code, f"{message} ({_few(places)})")


def _unsound(seed: Seed, columns: Columns) -> Iterator[SeedCustomer]:
    """Yield the customers that have findings, and perhaps others; thousands have the columns of the first."""
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


def _few(places: Sequence[str], most: int = 3) -> str:
    shown = list(dict.fromkeys(places))
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _findings(customer: SeedCustomer, columns: Columns) -> Iterator[tuple[str, str, object]]:
    for item in customer.data:
        yield from ((code, message, item.place) for code, message in _item(item, columns))
    ids = Counter(column.id for item in customer.data for column in columns.found(item.column))
    for id, number in ids.items():
        if number > 1:
            yield "column-twice", f"column {id} is given more than once", customer.place
    yield from (
        ("missing-column", f"the tenant requires {_shown(column)}", customer.place)
        for column in _missing(customer, columns)
    )


def _item(item: DataItem, columns: Columns) -> Iterator[tuple[str, str]]:
    found = columns.found(item.column)
    if not found:
        near = columns.near(str(item.column))
        hint = f"; did you mean {near}?" if near else ""
        yield "unknown-column", f"the tenant has no column {item.column}{hint}"
    elif len(found) > 1:
        ids = " and ".join(str(column.id) for column in found)
        yield "ambiguous-column", f"{len(found)} columns are called {item.column}: {ids}; write the id"
    elif found[0].archived:
        yield "archived-column", f"column {item.column} is archived"


def _missing(customer: SeedCustomer, columns: Columns) -> Iterator[Column]:
    # Data of an earlier customer is copied by the server, so what is missing here may come from there.
    if customer.members.get("PreviousId") is not None:
        return
    given = {column.id for item in customer.data if item.value for column in columns.found(item.column)}
    yield from (column for column in columns.required if column.id not in given)


def _shown(column: Column) -> str:
    return f"{column.name} (column {column.id})"


def data_body(customer: SeedCustomer, columns: Columns) -> list[Json]:
    """Return a customer's data as the request has it, by column id."""
    return [_data_item(item, columns.id_of(item)) for item in customer.data]


def _data_item(item: DataItem, id: int) -> dict[str, Json]:
    body: dict[str, Json] = {"CustomerDataColumnId": id, "Value": item.value}
    if item.encryption:
        thumbprint, key = item.encryption
        body |= {"IsEncrypted": True, "CertificateThumbprint": thumbprint, "EncryptionKey": key}
    return body


class Batch(Redacted, frozen=True):
    """One request: its customers, its other members, and what its moments became (member → ISO 8601)."""

    shown: ClassVar = ("recipients", "resolved")

    recipients: tuple[Recipient, ...]
    members: Mapping[str, Json]
    customers: tuple[Mapping[str, Json], ...]
    resolved: Mapping[str, str]

    @property
    def body(self) -> dict[str, Json]:
        """The whole body of the request (vendor page POST-api-v3-customer-add)."""
        return {**self.members, "Customers": [dict(customer) for customer in self.customers]}


class Composer(Struct, frozen=True):
    """Composes requests in which every relative moment counts from the start of the run."""

    now: datetime
    zone: ZoneInfo

    def compose(self, seed: Seed, recipients: Sequence[Recipient], columns: Columns) -> Batch:
        """Return the request for these customers of a seed, in their order."""
        moments = {name: value for name, value in seed.batch.items() if isinstance(value, Moment)}
        return Batch(
            recipients=tuple(recipients),
            members=self._plain(seed.batch),
            customers=tuple(self._customer(recipient, columns) for recipient in recipients),
            resolved={name: self._iso(moment) for name, moment in moments.items()},
        )

    def spoken(self, value: Value) -> str:
        """Return a date as people read it, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        return time_text(resolve(value, self.now, self.zone).at, self.zone)

    def spoken_time(self, value: Value) -> str:
        """Return a time of day as people read it, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        at = resolve(value, self.now, self.zone).at
        return f"{at:%H:%M} {self.zone.key} ({at.astimezone(UTC):%H:%M} UTC)"

    def times_of(self, seed: Seed) -> Iterator[str]:
        """Yield what the moments of a seed mean now, each once, in local time and UTC."""
        everywhere = [*seed.batch.items(), *(item for c in seed.customers for item in c.members.items())]
        moments = dict.fromkeys((name, value) for name, value in everywhere if isinstance(value, Moment))
        for name, moment in moments:
            is_time = moment.kind is MomentKind.TIME_OF_DAY
            meant = self.spoken_time(moment) if is_time else self.spoken(moment)
            note = resolve(moment, self.now, self.zone).note
            yield f"{name} {moment}: {meant}{'; ' + note if note else ''}"

    def _customer(self, recipient: Recipient, columns: Columns) -> dict[str, Json]:
        customer = recipient.customer
        return {
            "Email": customer.email,
            **self._plain(customer.members),
            "Data": data_body(customer, columns),
        }

    def _plain(self, members: Mapping[str, Value]) -> dict[str, Json]:
        return {
            name: self._iso(value) if isinstance(value, Moment) else value for name, value in members.items()
        }

    def _iso(self, moment: Moment) -> str:
        return resolve(moment, self.now, self.zone).at.isoformat()


RENAMED = "renamed"
"""The code of the block of a seed that may be another one under a new key."""


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
            return self._plan_of(seeds)
        except ApiError as error:
            return SeedsPlan(trouble=error)

    def _plan_of(self, seeds: Sequence[Seed]) -> SeedsPlan:
        past, is_automatic = self.ledger.past(self.account), automatic(self.ledger.hash)
        rest = 2 * longest_hidden(past, lambda delivery: is_automatic(delivery.contents))
        if rest > self.settle_after:  # what this tenant does counts for more than what was expected
            return replace(self, settle_after=rest).plan(seeds)
        columns = Columns(self.client.columns())
        known = [
            _Known(seed, recipients_of(seed, self.ledger.hash), self._deliveries(seed)) for seed in seeds
        ]
        settler = DoubtResolver(self.client, self.ledger, self.clock, self.settle_after, past, self.declared)
        settled = settler.settle([(one.seed, one.deliveries) for one in known])
        past, known = _after(settled, past), [one.after(settled) for one in known]
        holders = self._holders()
        stood = self._checked(self._stand(known), past)
        stood = [
            self._moved(one, recipients, past, holders) for one, recipients in zip(known, stood, strict=True)
        ]
        renamed = [self._renamed(one, past, holders) for one in known]
        return SeedsPlan(self._plans(seeds, stood, renamed, columns), columns, settled)

    def _plans(
        self,
        seeds: Sequence[Seed],
        stood: Sequence[tuple[Recipient, ...]],
        renamed: Sequence[Sequence[Block]],
        columns: Columns,
    ) -> tuple[SeedPlan, ...]:
        due = {recipient.email for recipients in stood for recipient in recipients if recipient.is_due}
        opted_out = self.client.opted_out(sorted(due))
        return tuple(
            self._plan(seed, recipients, blocks, columns, opted_out)
            for seed, recipients, blocks in zip(seeds, stood, renamed, strict=True)
        )

    def _plan(
        self,
        seed: Seed,
        recipients: tuple[Recipient, ...],
        renamed: Sequence[Block],
        columns: Columns,
        opted_out: frozenset[str],
    ) -> SeedPlan:
        blocks = [*self.check(seed), *blocks_of(seed, columns), *renamed]
        gone = [s for s in recipients if s.email in opted_out]
        if gone:
            places = ", ".join(str(s.customer.place) for s in gone[:3])
            blocks.append(Block("opted-out", f"{len(gone)} of its mailboxes want no more mail ({places})"))
        return SeedPlan(seed, recipients, tuple(blocks))

    def _stand(self, known: Sequence[_Known]) -> list[tuple[Recipient, ...]]:
        """Return how the customers of each seed stand by the journal."""
        now = self.clock.now()
        refused = [d for one in known for d in one.deliveries if d.standing is DeliveryState.REFUSED]
        there = self.client.count_nobody().at if refused else None

        def rests(delivery: Delivery) -> bool:
            if there is None or delivery.server_since is None:
                return True  # one clock alone may have been set
            ends = [(now, delivery.since), (there + 1, delivery.server_since)]  # a server tells whole seconds
            return any(at < over + self.settle_after for at, over in ends)

        return [with_states(one.seed, one.people, one.deliveries, rests) for one in known]

    def _checked(
        self, stood: Sequence[tuple[Recipient, ...]], past: Sequence[Delivery]
    ) -> list[tuple[Recipient, ...]]:
        """Return them, as found where mailboxes have customers that the journal does not explain."""
        is_automatic = automatic(self.ledger.hash)
        explained = explained_by(
            past, lambda d: is_automatic(d.contents), self.settle_after, self.clock.now()
        )
        due = [s for recipients in stood for s in recipients if s.is_due]
        seen = look(self.client, self.ledger.hash, due, explained)
        return [tuple(seen.judged(s) if s.is_due else s for s in recipients) for recipients in stood]

    def _holders(self) -> Mapping[str, Collection[str]]:
        """Return the hashed mailboxes of today by the key of every seed on the account."""
        found: dict[str, set[str]] = {}
        for seed in self.everywhere:
            found.setdefault(seed.key, set()).update(self.ledger.hash(one.mailbox) for one in seed.customers)
        return found

    @staticmethod
    def _moved(
        known: _Known,
        recipients: tuple[Recipient, ...],
        past: Sequence[Delivery],
        holders: Mapping[str, Collection[str]],
    ) -> tuple[Recipient, ...]:
        """Return customers as found that may have been sent to in a seed that has them no longer."""
        moved = {
            one.mailbox: one.seed
            for one in known.sent_elsewhere(past)
            if one.mailbox not in holders.get(one.seed, (one.mailbox,))
        }
        return tuple(
            replace(
                s, state=RecipientState.FOUND, note=f"a mailbox was sent to in {key}, which has it no longer"
            )
            if s.is_due and (key := moved.get(s.mailbox))
            else s
            for s in recipients
        )

    @staticmethod
    def _renamed(
        known: _Known, past: Sequence[Delivery], holders: Mapping[str, Collection[str]]
    ) -> list[Block]:
        """Return why a seed waits whose mailboxes were sent to under keys that nobody declares any more."""
        gone: dict[str, set[str]] = {}
        for one in known.sent_elsewhere(past):
            if one.seed not in holders:
                gone.setdefault(one.seed, set()).add(one.mailbox)
        return [
            Block(
                RENAMED,
                f"{len(some)} of its mailboxes were sent to as {old}, which is declared no longer: if it is "
                f"the same seed, write moved: {{{old}: {known.seed.key}}}; if it is another one, "
                f"`reconciler seeds send {known.seed.key} --again` sends it all the same",
            )
            for old, some in gone.items()
        ]

    def _deliveries(self, seed: Seed) -> Sequence[Delivery]:
        """Return the deliveries that count for a seed, those under its former key too, oldest first."""
        keys = [key for key in (self.former.get(seed.key), seed.key) if key is not None]
        every = [d for key in keys for d in self.ledger.past(self.account, key)]
        return counting(sorted(every, key=attrgetter("batch")))


class _Known(Struct, frozen=True):
    """A seed, who stands in it, and the deliveries that count for it."""

    seed: Seed
    people: Sequence[Recipient]
    deliveries: Sequence[Delivery]

    def sent_elsewhere(self, past: Iterable[Delivery]) -> Iterator[Delivery]:
        """Yield what may have been sent to its mailboxes by other seeds, and by itself never."""
        own = {delivery.mailbox for delivery in self.deliveries}
        mailboxes = {person.mailbox for person in self.people} - own
        for one in past:
            if one.mailbox in mailboxes and may_have_mailed(one) and one.standing is not DeliveryState.FOUND:
                yield one

    def after(self, settled: Sequence[Settled]) -> _Known:
        """Return it with its deliveries as they stand now that some are settled."""
        return replace(self, deliveries=_after(settled, self.deliveries))


def _after(settled: Sequence[Settled], deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    """Return deliveries as they stand now that some are settled."""
    ends = {(s.delivery.batch, s.delivery.customer): s.standing for s in settled}
    return [replace(d, standing=ends.get((d.batch, d.customer), d.standing)) for d in deliveries]


def reviewed_seeds(plan: SeedsPlan, review: Review) -> SeedsPlan:
    """Return the plan in which every seed is blocked that would be sent and was not reviewed as it is now.

    A seed of which nothing is to be sent any more is fine. Doing it twice changes nothing.
    """
    return replace(plan, seeds=tuple(_reviewed(seed, review) for seed in plan.seeds))


def _reviewed(plan: SeedPlan, review: Review) -> SeedPlan:
    if not plan.to_send or plan.digest in review.digests:
        return plan
    return replace(plan, blocks=(*plan.blocks, review.block(plan.seed.key)))
