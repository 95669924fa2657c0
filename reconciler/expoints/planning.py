"""What would be sent on one target: every seed with the state of its customers, and every reason against it.

Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.clock import Clock
from reconciler.engine.inventory import Each, one_by_one
from reconciler.engine.plan import Block
from reconciler.errors import ApiError, ReconcilerError
from reconciler.expoints.client import Customers
from reconciler.expoints.columns import Columns, blocks_of
from reconciler.expoints.seed import Seed
from reconciler.expoints.standing import (
    Addressee,
    SeedPlan,
    Standee,
    State,
    addressees,
    per_mailbox,
    settled,
    stand,
)
from reconciler.journal.ledger import Delivery, Records, Standing
from reconciler.journal.repeats import counting

LONGEST_POST = 300.0
"""Seconds for which a POST may still be under way after its intent: all waits, and the answer's time-out."""

OPEN = (Standing.INTENDED, Standing.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Settled:
    """A delivery in doubt of which counting has told how it ended."""

    seed: str
    delivery: Delivery
    standing: Standing


@dataclass(frozen=True)
class SeedsPlan:
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


@dataclass(frozen=True)
class SeedPlanner:
    """Plans the seeds of one account. `check` is the proof of test and recipients, from the files alone.

    `former` holds the key of before for each seed whose key has moved: what was sent under that one counts.
    """

    client: Customers
    ledger: Records
    account: str
    clock: Clock
    settle_after: float
    check: Callable[[Seed], Sequence[Block]]
    each: Each = one_by_one
    former: Mapping[str, str] = field(default_factory=dict)

    def plan(self, seeds: Sequence[Seed]) -> SeedsPlan:
        """Return the plan of all seeds. A tenant that cannot be asked is `trouble`, not an exception."""
        if not seeds:
            return SeedsPlan()
        try:
            columns = Columns(self.client.columns())
            settled = tuple(s for seed in seeds for s in self._settle(seed))
            return SeedsPlan(self._plans(seeds, columns, settled), columns, settled)
        except ApiError as error:
            return SeedsPlan(trouble=error)

    def _plans(
        self, seeds: Sequence[Seed], columns: Columns, settled: Sequence[Settled]
    ) -> tuple[SeedPlan, ...]:
        stood = {seed.key: self._stand(seed, settled) for seed in seeds}
        due = {
            standee.addressee.customer.email
            for standees in stood.values()
            for standee in standees
            if standee.state in (State.PENDING, State.CHANGED)
        }
        opted_out = self.client.opted_out(sorted(due))
        return tuple(self._plan(seed, stood[seed.key], columns, opted_out) for seed in seeds)

    def _plan(
        self, seed: Seed, standees: tuple[Standee, ...], columns: Columns, opted_out: frozenset[str]
    ) -> SeedPlan:
        blocks = [*self.check(seed), *blocks_of(seed, columns)]
        gone = [s for s in standees if s.addressee.customer.email in opted_out]
        if gone:
            places = ", ".join(str(s.addressee.customer.place) for s in gone[:3])
            blocks.append(Block("opted-out", f"{len(gone)} of its mailboxes want no more mail ({places})"))
        return SeedPlan(seed, standees, tuple(blocks))

    def _stand(self, seed: Seed, settled: Sequence[Settled]) -> tuple[Standee, ...]:
        ends = {(s.delivery.batch, s.delivery.customer): s.standing for s in settled if s.seed == seed.key}
        deliveries = [
            replace(d, standing=ends.get((d.batch, d.customer), d.standing)) for d in self._deliveries(seed)
        ]
        people = addressees(seed, self.ledger.hash)
        strangers = self._strangers(people)
        return stand(seed, people, deliveries, lambda addressee: strangers.get(addressee.mailbox, 0) > 0)

    def _strangers(self, people: Sequence[Addressee]) -> Mapping[str, int]:
        """Return how many customers each mailbox has that the journal has never met: hash → number."""
        unknown = {
            person.mailbox: person.customer.email
            for person in people
            if not self.ledger.knows_mailbox(self.account, person.mailbox)
        }
        counts = self.client.counts_by_address(list(unknown.values()), self.each)
        return {mailbox: counts[email] for mailbox, email in unknown.items()}

    def _settle(self, seed: Seed) -> list[Settled]:
        """Return the deliveries in doubt that have rested long enough and that counting decides.

        A batch that waits for approval by hand may become customers at any time: absence proves nothing. Nor
        does a count where another seed sends to the same mailbox.
        """
        deliveries = self._deliveries(seed)
        ripe = [d for d in _countable(deliveries) if d.standing in OPEN and self._has_rested(d)]
        if not ripe or seed.shared_mailbox or not seed.approves_automatically:
            return []
        people = addressees(seed, self.ledger.hash)
        emails = {person.mailbox: person.customer.email for person in people}
        known = [d for d in ripe if d.mailbox in emails]
        counts = self.client.counts_by_address([emails[d.mailbox] for d in known], self.each)
        sizes = per_mailbox(deliveries)
        ends = [(d, settled(d, sizes[d.batch, d.mailbox], counts[emails[d.mailbox]])) for d in known]
        declared = {(person.name, person.digest) for person in people}
        return [
            Settled(seed.key, d, end)
            for d, end in ends
            # As it is declared it needs no approval; with other content, when it was sent, it may have.
            if (end is Standing.NOT_SENT and (d.customer, d.digest) in declared)
            or (end is Standing.SENT and self._began_at_rest(d, deliveries))
        ]

    def _began_at_rest(self, delivery: Delivery, deliveries: Sequence[Delivery]) -> bool:
        """Tell whether what went to its mailbox before was visible by then, and so is in its baseline."""
        before = [d for d in deliveries if d.mailbox == delivery.mailbox and d.batch < delivery.batch]
        return all(d.standing.is_unsent or d.at + self.settle_after <= delivery.at for d in before)

    def _deliveries(self, seed: Seed) -> Sequence[Delivery]:
        """Return the deliveries that count for a seed, those under its former key too, oldest first."""
        keys = [key for key in (self.former.get(seed.key), seed.key) if key is not None]
        return counting(d for key in keys for d in self.ledger.deliveries(self.account, key))

    def _has_rested(self, delivery: Delivery) -> bool:
        # The intent is older than the POST, which may have waited long for the allowance of a minute.
        return self.clock.now() >= delivery.at + max(self.settle_after, LONGEST_POST)


def _countable(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Return the deliveries after which no other batch of the seed went to their mailbox."""
    latest: dict[str, int] = {}
    for delivery in deliveries:
        latest[delivery.mailbox] = max(delivery.batch, latest.get(delivery.mailbox, 0))
    return [d for d in deliveries if d.batch == latest[d.mailbox]]
