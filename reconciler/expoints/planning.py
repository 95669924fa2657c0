"""What would be sent on one target: every seed with the state of its customers, and every reason against it.

Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.engine.plan import Block
from reconciler.errors import ApiError, ReconcilerError
from reconciler.expoints.client import Count, Customers
from reconciler.expoints.columns import Columns, blocks_of
from reconciler.expoints.seed import Seed
from reconciler.expoints.settling import Settled, Settler
from reconciler.expoints.standing import Addressee, SeedPlan, Standee, State, addressees, stand
from reconciler.journal.ledger import Delivery, Records, Standing
from reconciler.journal.repeats import counting


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

    `declared` holds every seed of the target, also those that are not planned; `former` the key of before for
    each seed whose key has moved: what was sent under that one counts.
    """

    client: Customers
    ledger: Records
    account: str
    clock: Clock
    settle_after: float
    check: Callable[[Seed], Sequence[Block]]
    declared: Sequence[Seed] = ()
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
        columns = Columns(self.client.columns())
        past = self.ledger.past(self.account)
        known = [_Known(seed, addressees(seed, self.ledger.hash), self._deliveries(seed)) for seed in seeds]
        settler = Settler(self.client, self.ledger, self.clock, self.settle_after, past, self.declared)
        settled = settler.settle([(one.seed, one.deliveries) for one in known])
        stood = self._stand([one.after(settled) for one in known], past)
        return SeedsPlan(self._plans(seeds, stood, columns), columns, settled)

    def _plans(
        self, seeds: Sequence[Seed], stood: Sequence[tuple[Standee, ...]], columns: Columns
    ) -> tuple[SeedPlan, ...]:
        due = {
            standee.addressee.customer.email
            for standees in stood
            for standee in standees
            if standee.state in (State.PENDING, State.CHANGED)
        }
        opted_out = self.client.opted_out(sorted(due))
        return tuple(
            self._plan(seed, standees, columns, opted_out)
            for seed, standees in zip(seeds, stood, strict=True)
        )

    def _plan(
        self, seed: Seed, standees: tuple[Standee, ...], columns: Columns, opted_out: frozenset[str]
    ) -> SeedPlan:
        blocks = [*self.check(seed), *blocks_of(seed, columns)]
        gone = [s for s in standees if s.addressee.customer.email in opted_out]
        if gone:
            places = ", ".join(str(s.addressee.customer.place) for s in gone[:3])
            blocks.append(Block("opted-out", f"{len(gone)} of its mailboxes want no more mail ({places})"))
        return SeedPlan(seed, standees, tuple(blocks))

    def _stand(self, known: Sequence[_Known], past: Sequence[Delivery]) -> list[tuple[Standee, ...]]:
        """Return how the customers of each seed stand, after one look at the tenant for all of them."""
        met, found = {d.mailbox for d in past}, {d.mailbox for d in past if d.standing is Standing.FOUND}
        unknown = [_unknown(one, met, found) for one in known]
        counts = self.client.counts([email for of_seed in unknown for email in of_seed.values()])
        return [
            stand(one.seed, one.people, one.deliveries, _strangers(of_seed, counts))
            for one, of_seed in zip(known, unknown, strict=True)
        ]

    def _deliveries(self, seed: Seed) -> Sequence[Delivery]:
        """Return the deliveries that count for a seed, those under its former key too, oldest first."""
        keys = [key for key in (self.former.get(seed.key), seed.key) if key is not None]
        every = [d for key in keys for d in self.ledger.past(self.account, key)]
        return counting(sorted(every, key=attrgetter("batch")))


class _Known(Struct, frozen=True):
    """A seed, who stands in it, and the deliveries that count for it."""

    seed: Seed
    people: Sequence[Addressee]
    deliveries: Sequence[Delivery]

    def after(self, settled: Sequence[Settled]) -> _Known:
        """Return it with its deliveries as they stand now that some are settled."""
        ends = {(s.delivery.batch, s.delivery.customer): s.standing for s in settled}
        ended = [replace(d, standing=ends.get((d.batch, d.customer), d.standing)) for d in self.deliveries]
        return replace(self, deliveries=ended)


def _unknown(known: _Known, met: Collection[str], found: Collection[str]) -> Mapping[str, str]:
    """Return the mailboxes of a seed that a lost journal may have sent to: hash → address.

    Those are mailboxes that the journal has never met, and those that it found in use and of which it knows
    nothing for this seed.
    """
    own = {delivery.mailbox for delivery in known.deliveries}
    return {
        person.mailbox: person.customer.email
        for person in known.people
        if person.mailbox not in own and (person.mailbox not in met or person.mailbox in found)
    }


def _strangers(unknown: Mapping[str, str], counts: Mapping[str, Count]) -> Callable[[Addressee], bool]:
    """Return what tells whether somebody's mailbox is unknown and has customers nevertheless."""
    strange = {mailbox for mailbox, email in unknown.items() if counts[email].customers}
    return lambda person: person.mailbox in strange
