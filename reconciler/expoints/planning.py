"""What would be sent on one target: seeds with the states of their recipients, blocks, and requests.

Column names become ids, and what the tenant would refuse becomes a block before anything is sent. Source:
vendor pages GET-api-v3-customerdatacolumn and POST-api-v3-customer-add; neither says that names are unique,
nor what an archived column does. Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from reconciler.config.names import instead, snake, visible
from reconciler.engine.change import Block
from reconciler.engine.kind import Json
from reconciler.engine.plan import Review
from reconciler.errors import ReconcilerError
from reconciler.expoints.client import Column
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan, recipients_of, with_states
from reconciler.expoints.seed import (
    Moment,
    Seed,
    SeedCustomer,
    Value,
    canonical,
    line_feeds,
    resolve,
    time_text,
)
from reconciler.expoints.settling import SeedScope, explained_by, judged, longest_hidden, look, settle
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.journal.rules import counting

MOST_REASONS = 100  # of one seed

RENAMED = "renamed"  # the code of the block of a seed that may be another one under a new key


def columns_by_key(columns: Sequence[Column]) -> Mapping[str | int, Sequence[Column]]:
    """Return the columns that the `key` of declared data means; one, if all is well.

    Of an archived column and another one of the same name, the other is meant.
    """
    found: dict[str | int, list[Column]] = {}
    for column in sorted(columns, key=attrgetter("archived")):
        found.setdefault(column.id, []).append(column)
        same = found.setdefault(canonical(column.name), [])
        if not column.archived or all(other.archived for other in same):
            same.append(column)
    return found


def blocks_of(seed: Seed, columns: Sequence[Column]) -> Iterator[Block]:
    """Yield the reasons of the tenant's columns against a seed, each once with its lines, up to a bound."""
    near = cache(lambda name: instead(name, [column.name for column in columns]))
    meant = columns_by_key(columns)
    required = [column for column in columns if column.required and not column.archived]
    reasons: dict[tuple[str, str], list[str]] = {}
    found = (one for customer in seed.customers for one in _findings(customer, meant, required, near))
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
    customer: SeedCustomer,
    meant: Mapping[str | int, Sequence[Column]],
    required: Sequence[Column],
    near: Callable[[str], str],
) -> Iterator[tuple[str, str, str]]:
    """Yield the code, message and place of each thing that the columns refuse of a customer's data."""
    ids, given = Counter[int](), set[int]()
    for item in customer.data:
        found = meant.get(item.key, ())
        ids.update(column.id for column in found)
        given |= {column.id for column in found if item.value}
        if not found:
            hint = near(str(item.column))
            message = f"the tenant has no column {visible(str(item.column))}{hint and f'; {hint}'}"
            yield "unknown-column", message, str(item.place)
        elif len(found) > 1:
            these = " and ".join(str(column.id) for column in found)
            message = f"{len(found)} columns are called {item.column}: {these}; write the id"
            yield "ambiguous-column", message, str(item.place)
        elif found[0].archived:
            yield "archived-column", f"column {item.column} is archived; leave it out", str(item.place)
    for id, number in ids.items():
        if number > 1:
            yield "column-twice", f"column {id} is given more than once; keep one", str(customer.place)
    # Data of an earlier customer is copied by the server, so what is missing here may come from there.
    if customer.members.get("PreviousId") is None:
        for column in required:
            if column.id in given:
                continue
            message = f"the tenant requires a value of {column.name} (column {column.id})"
            row = customer.place
            names = (str(column.id), canonical(column.name))
            at = next((at for name, at in customer.columns.items() if canonical(name) in names), 0)
            if (
                customer.header
            ):  # of a table, the header is what to look at, and then each row without a value
                yield "missing-column", message, str(replace(row, line=customer.header, column=at or 1))
            if at or not customer.header:
                yield "missing-column", message, str(replace(row, column=at or row.column))


def body_of(
    seed: Seed, customers: Sequence[SeedCustomer], columns: Sequence[Column], now: datetime, zone: ZoneInfo
) -> dict[str, Json]:
    """Return the body of the request for these customers of a seed; its moments count from `now`.

    Source: vendor page POST-api-v3-customer-add. Nothing of `blocks_of` may be against the seed.
    """
    meant = columns_by_key(columns)

    def plain(members: Mapping[str, Value]) -> dict[str, Json]:
        """Return members with the moments among them in ISO 8601 with offset."""
        return {
            name: resolve(value, now, zone)[0].isoformat() if isinstance(value, Moment) else value
            for name, value in members.items()
        }

    rows: list[Json] = []
    for customer in customers:
        data: list[Json] = []
        for item in customer.data:
            (column,) = meant[item.key]
            # What the line breaks of a checkout are must not decide what is sent.
            one: dict[str, Json] = {"CustomerDataColumnId": column.id, "Value": line_feeds(item.value)}
            if item.encryption:
                thumbprint, key = item.encryption
                one |= {"IsEncrypted": True, "CertificateThumbprint": thumbprint, "EncryptionKey": key}
            data.append(one)
        rows.append({"Email": customer.email, **plain(customer.members), "Data": data})
    return {**plain(seed.batch), "Customers": rows}


def moment_text(value: Value, now: datetime, zone: ZoneInfo) -> str:
    """Return a date, or a time of day, for people, in local time and UTC; empty for none."""
    if not isinstance(value, Moment):
        return ""
    at, _ = resolve(value, now, zone)
    if value.is_time:
        return f"{at:%H:%M} {zone.key} ({at.astimezone(UTC):%H:%M} UTC)"
    return time_text(at, zone)


def times_of(seed: Seed, now: datetime, zone: ZoneInfo) -> Iterator[str]:
    """Yield what the moments of a seed mean now, each once, in local time and UTC."""
    everywhere = [*seed.batch.items(), *(item for c in seed.customers for item in c.members.items())]
    for name, moment in dict.fromkeys((n, value) for n, value in everywhere if isinstance(value, Moment)):
        _, note = resolve(moment, now, zone)
        yield f"{snake(name)} {moment.text}: {moment_text(moment, now, zone)}{'; ' + note if note else ''}"


class SeedsPlan(Struct, frozen=True):
    """All seeds of a target. `trouble` says why nothing at all could be said of them, if so."""

    seeds: tuple[SeedPlan, ...] = ()
    columns: tuple[Column, ...] = ()
    settled: tuple[Delivery, ...] = ()  # deliveries in doubt of which counting has shown how they ended
    trouble: ReconcilerError | None = None
    account: str = ""  # the name of the tenant, empty where no seed is

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


def plan_seeds(scope: SeedScope, seeds: Sequence[Seed]) -> SeedsPlan:
    """Return the plan of these seeds. Errors: `ApiError` of a tenant that cannot be asked."""
    client, ledger, hash = scope.client, scope.ledger, scope.ledger.hash
    past = ledger.past(scope.account)
    # How long this tenant was seen to hide customers counts for more than what was expected of it.
    settle_after = max(scope.settle_after, 2 * longest_hidden(past, hash))
    columns = client.columns()
    # What counting shows of doubts comes first, for it decides what is due.
    own: dict[str, Sequence[Delivery]] = {}
    for seed in seeds:
        keys = dict.fromkeys((scope.former.get(seed.key, seed.key), seed.key))
        every = [delivery for key in keys for delivery in ledger.past(scope.account, key)]
        own[seed.key] = counting(sorted(every, key=attrgetter("batch")))
    settled = settle(scope, past, settle_after, [(seed, own[seed.key]) for seed in seeds])
    if settled:
        past, own = _after(settled, past), {key: _after(settled, some) for key, some in own.items()}
    rests = _rests(scope, [one for some in own.values() for one in some], settle_after)
    recipients = {
        seed.key: with_states(seed, recipients_of(seed, hash), own[seed.key], rests, hash) for seed in seeds
    }
    # Then each mailbox that is due is compared with what the journal explains, and what other seeds sent.
    explained = explained_by(past, hash, settle_after, scope.clock.now())
    due = [one for some in recipients.values() for one in some if one.is_due]
    compared = iter([judged(one, explained) for one in look(scope, due, explained)])
    holders: dict[str, set[str]] = {}  # the hashed mailboxes of today by the key of every seed
    for seed in scope.everywhere:
        holders.setdefault(seed.key, set()).update(hash(one.mailbox) for one in seed.customers)
    renamed = dict[str, list[Block]]()
    for key, some in recipients.items():
        moved, renamed[key] = _sent_elsewhere(key, some, own[key], past, holders)
        judgements = [next(compared) if one.is_due else one for one in some]
        recipients[key] = tuple(
            replace(one, state=RecipientState.FOUND, note=moved[one.mailbox])
            if one.is_due and one.mailbox in moved
            else one
            for one in judgements
        )
    left = {one.customer.email for some in recipients.values() for one in some if one.is_due}
    opted_out = client.opted_out(sorted(left))
    plans = []
    for seed in seeds:
        some = recipients[seed.key]
        unsent = replace(seed, customers=tuple(one.customer for one in some if one.is_due))
        blocks = [*scope.check(seed, unsent), *blocks_of(seed, columns), *renamed[seed.key]]
        if gone := [one for one in some if one.customer.email in opted_out]:
            places = ", ".join(str(one.customer.place) for one in gone[:3])
            why = f"{len(gone)} of its mailboxes want no more mail, so use others ({places})"
            blocks.append(Block("opted-out", why))
        plans.append(SeedPlan(seed, some, tuple(blocks)))
    return SeedsPlan(tuple(plans), columns, settled)


def _rests(
    scope: SeedScope, deliveries: Sequence[Delivery], settle_after: float
) -> Callable[[Delivery], bool]:
    """Return a test of refused deliveries: whether customers of one may still appear, by either clock."""
    now = scope.clock.now()
    refused = any(one.standing is DeliveryState.REFUSED for one in deliveries)
    there = scope.client.count_unknown().at if refused else None

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
    key: str,
    recipients: Sequence[Recipient],
    own: Sequence[Delivery],
    past: Sequence[Delivery],
    holders: Mapping[str, Collection[str]],
) -> tuple[Mapping[str, str], list[Block]]:
    """Return what other seeds may have sent to mailboxes of a seed to which it never sent itself.

    First the notes by hashed mailbox of those that a seed of today has no longer, then why the seed waits for
    those that were sent to under keys that are declared no longer.
    """
    moved, gone = dict[str, str](), dict[str, set[str]]()
    mailboxes = {one.mailbox for one in recipients} - {one.mailbox for one in own}
    for one in past:
        if one.mailbox not in mailboxes or one.standing.is_unsent or one.standing is DeliveryState.FOUND:
            continue
        if one.seed not in holders:
            gone.setdefault(one.seed, set()).add(one.mailbox)
        elif one.mailbox not in holders[one.seed]:
            moved[one.mailbox] = f"a mailbox was sent to in {one.seed}, which has it no longer"
    blocks = [
        Block(
            RENAMED,
            f"{len(some)} of its mailboxes were sent to as {old}, which is declared no longer: if it is "
            f"the same seed, write moved: {{{old}: {key}}}; if it is another one, "
            f"`reconciler seeds send {key} --again` sends it all the same",
        )
        for old, some in gone.items()
    ]
    return moved, blocks
