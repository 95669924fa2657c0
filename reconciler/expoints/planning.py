"""What would be sent on one target: every seed with the state of its customers, and every reason against it.

Reads the tenant and the ledger; writes to neither.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.engine.plan import Block
from reconciler.errors import ApiError, ReconcilerError
from reconciler.expoints.client import Customers
from reconciler.expoints.columns import Columns, blocks_of
from reconciler.expoints.contents import automatic
from reconciler.expoints.explained import explained_by, longest_hidden, look, may_have_mailed
from reconciler.expoints.seed import Seed
from reconciler.expoints.settling import DoubtResolver, Settled
from reconciler.expoints.standing import Addressee, RecipientState, SeedPlan, State, addressees, stand
from reconciler.journal.ledger import Delivery, DeliveryState, Records
from reconciler.journal.repeats import counting

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
    ledger: Records
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
        known = [_Known(seed, addressees(seed, self.ledger.hash), self._deliveries(seed)) for seed in seeds]
        settler = DoubtResolver(self.client, self.ledger, self.clock, self.settle_after, past, self.declared)
        settled = settler.settle([(one.seed, one.deliveries) for one in known])
        past, known = _after(settled, past), [one.after(settled) for one in known]
        holders = self._holders()
        stood = self._checked(self._stand(known), past)
        stood = [
            self._moved(one, standees, past, holders) for one, standees in zip(known, stood, strict=True)
        ]
        renamed = [self._renamed(one, past, holders) for one in known]
        return SeedsPlan(self._plans(seeds, stood, renamed, columns), columns, settled)

    def _plans(
        self,
        seeds: Sequence[Seed],
        stood: Sequence[tuple[RecipientState, ...]],
        renamed: Sequence[Sequence[Block]],
        columns: Columns,
    ) -> tuple[SeedPlan, ...]:
        due = {standee.email for standees in stood for standee in standees if standee.is_due}
        opted_out = self.client.opted_out(sorted(due))
        return tuple(
            self._plan(seed, standees, blocks, columns, opted_out)
            for seed, standees, blocks in zip(seeds, stood, renamed, strict=True)
        )

    def _plan(
        self,
        seed: Seed,
        standees: tuple[RecipientState, ...],
        renamed: Sequence[Block],
        columns: Columns,
        opted_out: frozenset[str],
    ) -> SeedPlan:
        blocks = [*self.check(seed), *blocks_of(seed, columns), *renamed]
        gone = [s for s in standees if s.email in opted_out]
        if gone:
            places = ", ".join(str(s.addressee.customer.place) for s in gone[:3])
            blocks.append(Block("opted-out", f"{len(gone)} of its mailboxes want no more mail ({places})"))
        return SeedPlan(seed, standees, tuple(blocks))

    def _stand(self, known: Sequence[_Known]) -> list[tuple[RecipientState, ...]]:
        """Return how the customers of each seed stand by the journal."""
        now = self.clock.now()
        refused = [d for one in known for d in one.deliveries if d.standing is DeliveryState.REFUSED]
        there = self.client.count_nobody().at if refused else None

        def rests(delivery: Delivery) -> bool:
            if there is None or delivery.server_since is None:
                return True  # one clock alone may have been set
            ends = [(now, delivery.since), (there + 1, delivery.server_since)]  # a server tells whole seconds
            return any(at < over + self.settle_after for at, over in ends)

        return [stand(one.seed, one.people, one.deliveries, rests) for one in known]

    def _checked(
        self, stood: Sequence[tuple[RecipientState, ...]], past: Sequence[Delivery]
    ) -> list[tuple[RecipientState, ...]]:
        """Return them, as found where mailboxes have customers that the journal does not explain."""
        is_automatic = automatic(self.ledger.hash)
        explained = explained_by(
            past, lambda d: is_automatic(d.contents), self.settle_after, self.clock.now()
        )
        due = [s for standees in stood for s in standees if s.is_due]
        seen = look(self.client, self.ledger.hash, due, explained)
        return [tuple(seen.judged(s) if s.is_due else s for s in standees) for standees in stood]

    def _holders(self) -> Mapping[str, Collection[str]]:
        """Return the hashed mailboxes of today by the key of every seed on the account."""
        found: dict[str, set[str]] = {}
        for seed in self.everywhere:
            found.setdefault(seed.key, set()).update(self.ledger.hash(one.mailbox) for one in seed.customers)
        return found

    @staticmethod
    def _moved(
        known: _Known,
        standees: tuple[RecipientState, ...],
        past: Sequence[Delivery],
        holders: Mapping[str, Collection[str]],
    ) -> tuple[RecipientState, ...]:
        """Return customers as found that may have been sent to in a seed that has them no longer."""
        moved = {
            one.mailbox: one.seed
            for one in known.sent_elsewhere(past)
            if one.mailbox not in holders.get(one.seed, (one.mailbox,))
        }
        return tuple(
            replace(s, state=State.FOUND, note=f"a mailbox was sent to in {key}, which has it no longer")
            if s.is_due and (key := moved.get(s.addressee.mailbox))
            else s
            for s in standees
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
    people: Sequence[Addressee]
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
