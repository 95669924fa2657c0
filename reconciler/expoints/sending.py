"""Sending a test batch, once: check again, count, write down, send, write down, count again.

Nothing here raises for what the API or the journal does: every seed ends as a `Sent`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.engine.inventory import Each, one_by_one
from reconciler.engine.plan import Block
from reconciler.errors import (
    Abandoned,
    ApiError,
    Exit,
    Forbidden,
    NoAnswer,
    ReconcilerError,
    Refused,
    Unauthorised,
    Unreachable,
)
from reconciler.expoints.client import Customers
from reconciler.expoints.columns import Columns
from reconciler.expoints.composing import Batch
from reconciler.expoints.seed import Seed
from reconciler.expoints.standing import Addressee, SeedPlan, Standee, State, batches
from reconciler.journal.ledger import Delivery, Ledger, Shipment, Standing


@dataclass(frozen=True, slots=True)
class Sent:
    """How the sending of a seed ended: customers by what became of them, and what a person should know."""

    key: str
    sent: int = 0
    refused: int = 0
    in_doubt: int = 0
    notes: tuple[str, ...] = ()
    exit: Exit = Exit.DONE
    stops: bool = False
    """Whether a further request would fail alike, so that none is begun."""


_HOPELESS = (Unauthorised, Forbidden, Unreachable, Abandoned)
_INTERRUPTED = "interrupted"

Compose = Callable[[Seed, Sequence[Standee], Columns], Batch]
"""Builds one request, with every moment resolved against the start of the run."""

CheckAgain = Callable[[Seed], Sequence[Block]]
"""Proof of test and recipients, looked at once more right before sending."""


@dataclass(frozen=True)
class Sender:
    """Sends seeds of one account. `account` is the name under which the journal knows it."""

    client: Customers
    ledger: Ledger
    account: str
    columns: Columns
    compose: Compose
    check: CheckAgain
    each: Each = one_by_one
    run: int | None = None
    """The number of the run in the journal that holds the account."""
    is_stopped: Callable[[], bool] = lambda: False
    """Whether nothing further is to be begun, since an interrupt."""

    def send(self, plan: SeedPlan, standees: Sequence[Standee]) -> Sent:
        """Send these customers of a seed, in requests of at most 200, each written down before it leaves.

        A request in doubt, or refused, does not stop the others; lost rights, a used up allowance and an
        interrupt do.
        """
        blocks = self.check(_with(plan.seed, standees))
        if blocks:
            return Sent(plan.seed.key, notes=tuple(b.message for b in blocks), exit=Exit.REFUSED)
        return _total(plan.seed.key, list(self._requests(plan.seed, standees)))

    def _requests(self, seed: Seed, standees: Sequence[Standee]) -> Iterator[Sent]:
        begun = 0
        for portion in batches(standees):
            end = self._one(seed, portion)
            yield end
            begun += len(portion)
            stops = end.stops or self.is_stopped()
            if stops and begun < len(standees):
                left = f"not begun: {len(standees) - begun} of {len(standees)} customers"
                yield Sent(seed.key, notes=(left,), exit=end.exit or Exit.ERROR)
            if stops:
                return

    def _one(self, seed: Seed, standees: tuple[Standee, ...]) -> Sent:
        try:
            batch = self.compose(seed, standees, self.columns)
            before = self._counts(standees)
            if self.is_stopped():
                raise Abandoned(_INTERRUPTED)
            number = self.ledger.intend(self._shipment(seed, batch, before), again=_repeated(standees))
        except ReconcilerError as error:
            stops = not isinstance(error, Refused)
            return Sent(seed.key, notes=(f"nothing was sent: {error}",), exit=error.exit, stops=stops)
        return self._post(seed, batch, number, before)

    def _counts(self, standees: Sequence[Standee]) -> Mapping[str, int]:
        emails = [standee.addressee.customer.email for standee in standees]
        return self.client.counts_by_address(emails, self.each)

    def _shipment(self, seed: Seed, batch: Batch, before: Mapping[str, int]) -> Shipment:
        deliveries = [
            delivery_of(standee.addressee, seed.round, before[standee.addressee.customer.email])
            for standee in batch.standees
        ]
        return Shipment(self.account, seed.key, seed.round, deliveries, batch.resolved, self.run)

    def _post(self, seed: Seed, batch: Batch, number: int, before: Mapping[str, int]) -> Sent:
        size = len(batch.standees)
        try:
            self.client.add(batch.body)
        except NoAnswer as error:
            unwritten = self._conclude(number, Standing.IN_DOUBT, str(error))
            notes = (f"in doubt: {error}", *unwritten)
            return Sent(seed.key, in_doubt=size, notes=notes, exit=Exit.IN_DOUBT)
        except ApiError as error:
            unwritten = self._conclude(number, Standing.REFUSED, str(error))
            notes = (f"refused, nothing was sent: {error}", *unwritten)
            stops = isinstance(error, _HOPELESS)
            return Sent(seed.key, refused=size, notes=notes, exit=error.exit, stops=stops)
        unwritten = self._conclude(number, Standing.SENT)
        exit = Exit.IN_DOUBT if unwritten else Exit.DONE
        return Sent(seed.key, sent=size, notes=(*unwritten, *self._verified(batch, before)), exit=exit)

    def _conclude(self, number: int, standing: Standing, note: str = "") -> tuple[str, ...]:
        """Write down how a request ended; return what to say where the journal could not."""
        try:
            self.ledger.conclude(number, standing, note)
        except ReconcilerError as error:
            return (f"{error} The next run will take this batch for one in doubt.",)
        return ()

    def _verified(self, batch: Batch, before: Mapping[str, int]) -> tuple[str, ...]:
        """Return what counting again says of a batch that the API took; a count proves no mail."""
        added = Counter(standee.addressee.customer.email for standee in batch.standees)
        try:
            if self.is_stopped():
                raise Abandoned(_INTERRUPTED)
            after = self._counts(batch.standees)
        except ApiError as error:
            return (f"sent, but not counted: {error}",)
        missing = sum(after[email] < before[email] + number for email, number in added.items())
        return (f"{missing} not visible on the tenant yet",) if missing else ()


def delivery_of(
    addressee: Addressee, round: str, baseline: int, standing: Standing = Standing.INTENDED
) -> Delivery:
    """Return a customer as the ledger writes it down, before it has a number and a time."""
    return Delivery(addressee.name, addressee.mailbox, addressee.digest, standing, baseline, 0, 0.0, round)


def _with(seed: Seed, standees: Sequence[Standee]) -> Seed:
    """Return the seed with the customers that are really sent."""
    return replace(seed, customers=tuple(standee.addressee.customer for standee in standees))


def _repeated(standees: Sequence[Standee]) -> tuple[int, ...]:
    """Return the batches whose deliveries are knowingly sent again."""
    return tuple({standee.batch for standee in standees if standee.state is State.CHANGED and standee.batch})


def _total(key: str, ends: Sequence[Sent]) -> Sent:
    return Sent(
        key,
        sum(end.sent for end in ends),
        sum(end.refused for end in ends),
        sum(end.in_doubt for end in ends),
        tuple(dict.fromkeys(note for end in ends for note in end.notes)),
        Exit.gravest([end.exit for end in ends]),
        any(end.stops for end in ends),
    )
