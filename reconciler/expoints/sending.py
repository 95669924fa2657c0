"""What the tenant counts of a seed that was sent, by its own statuses: read per tenant, never hard-coded.

Source: vendor pages GET-api-v3-customer-getcustomerstatuses and GET-api-v3-customer-count. A count is of all
customers of the addresses, of whatever round or sender, so it can disprove an arrival and never prove a mail.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.clock import Clock
from reconciler.engine.change import Block
from reconciler.errors import (
    Abandoned,
    ApiError,
    Exit,
    Forbidden,
    NoAnswer,
    Refused,
    Unauthorised,
    Unreachable,
    describe,
    exit_of,
)
from reconciler.expoints.client import Customers
from reconciler.expoints.planning import Batch, Columns
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan, automatic
from reconciler.expoints.seed import Seed
from reconciler.expoints.settling import Explained, Seen, explained_by, look
from reconciler.journal.entries import BatchIntent, Delivery, DeliveryState
from reconciler.journal.journal import Journal
from reconciler.problems import Redacted


class SeedStatus(Struct, frozen=True):
    """What the tenant says of the customers of one seed."""

    key: str
    sent: int
    """How many of its customers are known as sent."""
    expected: int
    """How many customers their addresses have on the tenant at least, once all of them are visible."""
    counted: int
    """How many they have as far as the tenant shows them."""
    by_status: Mapping[str, int]
    """The tenant's own name of a status → how many stand in it; none that is empty."""
    faults: int | None
    """How many stand in one of the seed's `fault_statuses`; `None` where none are declared: unverified."""
    unknown: tuple[str, ...] = ()
    """Those of the seed's `fault_statuses` that the tenant does not have."""

    @property
    def missing(self) -> int:
        """How many customers are not visible yet, at least."""
        return max(0, self.expected - self.counted)

    @property
    def unplaced(self) -> int:
        """How many are counted, and in no status."""
        return max(0, self.counted - sum(self.by_status.values()))

    @property
    def has_arrived(self) -> bool:
        """Whether every sent customer is counted, and none of them stands where it is declared a fault."""
        return not self.missing and not self.faults and not self.unknown


def statuses_of(client: Customers, plans: Sequence[SeedPlan]) -> list[SeedStatus]:
    """Return what the tenant counts of every seed of which something was sent. Errors: `ApiError`."""
    sent = [(plan.seed, _sent(plan)) for plan in plans if plan.count(RecipientState.SENT)]
    names = client.statuses() if sent else {}
    return [status_of(client, names, seed, emails, len(emails)) for seed, emails in sent]


def _sent(plan: SeedPlan) -> list[str]:
    return [s.customer.email for s in plan.customers if s.state is RecipientState.SENT]


def status_of(
    client: Customers, names: Mapping[int, str], seed: Seed, emails: Sequence[str], expected: int
) -> SeedStatus:
    """Return what the tenant counts of the customers of a seed that were sent. Errors: `ApiError`.

    `expected` is how many customers their addresses should have, `names` are the tenant's statuses. It takes
    one look for all and at most one for each status, each of as many requests as the addresses need; it ends
    as soon as every counted customer has been found in a status.
    """
    faulty = [code for code, name in names.items() if {code, name} & set(seed.fault_statuses)]
    counted = client.count(emails)
    by_code = dict(_by_code(client, emails, sorted(names, key=lambda code: code not in faulty), counted))
    by_status: Counter[str] = Counter()
    for code, number in by_code.items():
        by_status[names[code]] += number
    return SeedStatus(
        key=seed.key,
        sent=len(emails),
        expected=expected,
        counted=counted,
        by_status=+by_status,
        faults=sum(by_code.get(code, 0) for code in faulty) if seed.fault_statuses else None,
        unknown=tuple(_unknown(seed, names)),
    )


def _by_code(
    client: Customers, emails: Sequence[str], codes: Sequence[int], counted: int
) -> Iterator[tuple[int, int]]:
    """Yield how many stand in each status, until that is everybody."""
    for code in codes:
        if counted <= 0:
            return
        number = client.count(emails, [code])
        counted -= number
        yield code, number


def _unknown(seed: Seed, names: Mapping[int, str]) -> Iterator[str]:
    known: Collection[str | int] = {*names, *names.values()}
    return (str(status) for status in seed.fault_statuses if status not in known)


LARGEST_BATCH = 200
"""Customers in one request. The vendor advises no more (page POST-api-v3-customer-add)."""


class SendResult(Struct, frozen=True):
    """How the sending of a seed ended: customers by what became of them, and what a person should know."""

    key: str
    sent: int = 0
    refused: int = 0
    in_doubt: int = 0
    notes: tuple[str, ...] = ()
    exit: Exit = Exit.DONE
    stops: bool = False
    """Whether a further request would fail alike, so that none is begun."""
    status: SeedStatus | None = None
    """What the tenant counted afterwards of those that were sent, where it could be asked."""
    found: int = 0
    """Not sent to, for the tenant has customers there that the journal does not explain."""


_HOPELESS = (Unauthorised, Forbidden, Unreachable, Abandoned)
_INTERRUPTED = "interrupted"

Compose = Callable[[Seed, Sequence[Recipient], Columns], Batch]
"""Builds one request, with every moment resolved against the start of the run."""

CheckAgain = Callable[[Seed], Sequence[Block]]
"""Proof of test and recipients, looked at once more right before sending."""


class Sender(Struct, frozen=True):
    """Sends seeds of one account. `account` is the name under which the journal knows it."""

    client: Customers
    ledger: Journal
    account: str
    columns: Columns
    compose: Compose
    check: CheckAgain
    clock: Clock
    settle_after: float
    run: int | None = None
    """The number of the run in the journal that holds the account."""
    is_stopped: Callable[[], bool] = lambda: False
    """Whether nothing further is to be begun, since an interrupt."""

    def send(self, plan: SeedPlan, recipients: Sequence[Recipient]) -> SendResult:
        """Send these customers of a seed, in requests of at most 200, each written down before it leaves.

        A request in doubt, or refused, does not stop the others; lost rights, a used up allowance and an
        interrupt do.
        """
        blocks = self.check(_with(plan.seed, recipients))
        if blocks:
            return SendResult(plan.seed.key, notes=tuple(b.message for b in blocks), exit=Exit.REFUSED)
        requests = list(self._requests(plan.seed, recipients))
        end = _total(plan.seed.key, [request.end for request in requests])
        return self._verified(end, plan.seed, [request for request in requests if request.end.sent])

    def _requests(self, seed: Seed, recipients: Sequence[Recipient]) -> Iterator[_Request]:
        begun, met = 0, set[str]()
        explained = self._explained()
        for portion in batches(recipients):
            mailboxes = {recipient.mailbox for recipient in portion}
            # What this run has sent to one of them a moment ago has to be explained too.
            explained = self._explained() if met & mailboxes else explained
            met |= mailboxes
            request = self._one(seed, portion, explained)
            yield request
            begun += len(portion)
            stops = request.end.stops or self.is_stopped()
            if stops and begun < len(recipients):
                left = f"not begun: {len(recipients) - begun} of {len(recipients)} customers"
                yield _Request(SendResult(seed.key, notes=(left,), exit=request.end.exit or Exit.ERROR))
            if stops:
                return

    def _explained(self) -> Mapping[str, Explained]:
        is_automatic, past = automatic(self.ledger.hash), self.ledger.past(self.account)
        return explained_by(past, lambda d: is_automatic(d.contents), self.settle_after, self.clock.now())

    def _one(
        self, seed: Seed, recipients: tuple[Recipient, ...], explained: Mapping[str, Explained]
    ) -> _Request:
        """Send one request, but to nobody whose customers are not explained: the tenant knows better."""
        found: Sequence[Recipient] = ()
        try:
            seen = look(self.client, self.ledger.hash, recipients, explained, thoroughly=True)
            judged = [seen.judged(recipient) for recipient in recipients]
            found = [recipient for recipient in judged if recipient.state is RecipientState.FOUND]
            rest = tuple(recipient for recipient in judged if recipient.state is not RecipientState.FOUND)
            self._record_found(seed, found)
            if self.is_stopped():
                raise Abandoned(_INTERRUPTED)
            if not rest:
                return _Request(_found_end(seed, found))
            begun = self._time()
            batch = self.compose(seed, rest, self.columns)
            shipment = self._shipment(seed, batch, seen, begun)
            number = self.ledger.intend(shipment, again=_repeated(rest))
        except Exception as error:  # noqa: BLE001  # it ends this request, and no change of before
            stops, notes = not isinstance(error, Refused), (f"nothing was sent: {describe(error)}",)
            end = SendResult(seed.key, notes=notes, exit=exit_of(error), stops=stops)
            return _Request(_total(seed.key, [_found_end(seed, found), end]))
        end = self._post(seed, batch, number, begun, seen)
        before = {recipient.email: seen.counts[recipient.email] for recipient in rest}
        return _Request(_total(seed.key, [_found_end(seed, found), end]), rest, before)

    def _record_found(self, seed: Seed, found: Sequence[Recipient]) -> None:
        if found:
            deliveries = [delivery_of(s, seed.round, s.count, DeliveryState.FOUND) for s in found]
            self.ledger.record_found(self.account, seed.key, seed.round, deliveries)

    def _time(self) -> _Time:
        """Ask what time it is for the tenant: what rests is measured by its clock too."""
        return _Time(self.client.count_nobody().at, self.clock.monotonic())

    def _shipment(self, seed: Seed, batch: Batch, seen: Seen, begun: _Time) -> BatchIntent:
        deliveries = [
            replace(
                delivery_of(recipient, seed.round, seen.counts[recipient.email]),
                contents=recipient.contents,
                ids=seen.ids.get(recipient.email) if seen.counts[recipient.email] else (),
            )
            for recipient in batch.recipients
        ]
        return BatchIntent(
            self.account, seed.key, seed.round, deliveries, batch.resolved, self.run, begun.server
        )

    def _post(self, seed: Seed, batch: Batch, number: int, begun: _Time, seen: Seen) -> SendResult:
        """Send a request and write down how it ended.

        A refusal that the tenant answered is believed only where it has no customer more than before: it may
        have taken the batch first, whatever went wrong then.
        """
        size, answered = len(batch.recipients), threading.Event()
        try:
            self.client.add(batch.body, answered.set)
        except ApiError as error:
            refused = answered.is_set() and not isinstance(error, NoAnswer)
            doubt = self._doubt(batch, seen) if refused else ""
            if doubt or isinstance(error, NoAnswer):
                note = f"{error} {doubt}".strip()
                unwritten = self._conclude(number, begun, DeliveryState.IN_DOUBT, note)
                notes = (f"in doubt: {note}", *unwritten)
                stops = isinstance(error, _HOPELESS)
                return SendResult(seed.key, in_doubt=size, notes=notes, exit=Exit.IN_DOUBT, stops=stops)
            standing = DeliveryState.REFUSED if answered.is_set() else DeliveryState.NOT_SENT
            unwritten = self._conclude(number, begun, standing, str(error))
            notes = (f"refused, nothing was sent: {error}", *unwritten)
            stops = isinstance(error, _HOPELESS)
            return SendResult(seed.key, refused=size, notes=notes, exit=error.exit, stops=stops)
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch may have left
            unwritten = self._conclude(number, begun, DeliveryState.IN_DOUBT, describe(error))
            notes = (f"in doubt: {describe(error)}", *unwritten)
            return SendResult(seed.key, in_doubt=size, notes=notes, exit=Exit.IN_DOUBT)
        unwritten = self._conclude(number, begun, DeliveryState.SENT)
        exit = Exit.IN_DOUBT if unwritten else Exit.DONE
        return SendResult(seed.key, sent=size, notes=unwritten, exit=exit)

    def _doubt(self, batch: Batch, seen: Seen) -> str:
        """Return why a refused batch may have been taken, empty where counting shows that it was not."""
        emails = _emails(batch.recipients)
        try:
            counts = self.client.counts(emails)
        except ApiError as error:
            return f"Whether it was taken cannot be counted: {error}"
        if all(counts[email].customers == seen.counts[email] for email in emails):
            return ""
        return "But its mailboxes have other customers than before, so it may have been taken."

    def _conclude(
        self, number: int, begun: _Time, standing: DeliveryState, note: str = ""
    ) -> tuple[str, ...]:
        """Write down how a request ended; return what to say where the journal could not."""
        try:
            self.ledger.conclude(number, standing, note, begun.server_after(self.clock.monotonic()))
        except Exception as error:  # noqa: BLE001  # what is done is done
            return (f"{describe(error)} The next run will take this batch for one in doubt.",)
        return ()

    def _verified(self, end: SendResult, seed: Seed, requests: Sequence[_Request]) -> SendResult:
        """Return how a seed ended with what the tenant counts of it now; a count proves no mail."""
        emails = [email for request in requests for email in _emails(request.recipients)]
        if not emails:
            return end
        # What was there before the first request to an address is there, and all that was sent to it.
        before = {email: count for request in reversed(requests) for email, count in request.before.items()}
        expected = sum(before.values()) + len(emails)
        try:
            if self.is_stopped():
                raise Abandoned(_INTERRUPTED)
            status = status_of(self.client, self.client.statuses(), seed, emails, expected)
        except Exception as error:  # noqa: BLE001  # what was sent is sent
            return replace(end, notes=(*end.notes, f"sent, but not verified: {describe(error)}"))
        exits = [end.exit, *([Exit.ERROR] if status.faults else [])]
        return replace(end, status=status, exit=Exit.gravest(exits))


class _Time(Struct, frozen=True):
    """What the tenant's clock said, None where it does not say, and the monotonic clock at that moment."""

    server: float | None
    monotonic: float

    def server_after(self, monotonic: float) -> float | None:
        """Return what the tenant's clock says at another moment, if nobody sets it meanwhile."""
        return None if self.server is None else self.server + monotonic - self.monotonic


class _Request(Redacted, frozen=True):
    """One request: how it ended, whom it was for, and how many customers each address had before."""

    shown: ClassVar = ("end",)

    end: SendResult
    recipients: tuple[Recipient, ...] = ()
    before: Mapping[str, int] = field(default_factory=dict)


def delivery_of(
    recipient: Recipient, round: str, baseline: int, standing: DeliveryState = DeliveryState.INTENDED
) -> Delivery:
    """Return a customer as the ledger writes it down, before it has a number and a time."""
    return Delivery(recipient.name, recipient.mailbox, recipient.digest, standing, baseline, 0, 0.0, round)


def batches(recipients: Sequence[Recipient]) -> tuple[tuple[Recipient, ...], ...]:
    """Return the recipients in requests of at most `LARGEST_BATCH`, in their order."""
    return tuple(
        tuple(recipients[start : start + LARGEST_BATCH]) for start in range(0, len(recipients), LARGEST_BATCH)
    )


def _emails(recipients: Sequence[Recipient]) -> Sequence[str]:
    return [recipient.email for recipient in recipients]


def _found_end(seed: Seed, found: Sequence[Recipient]) -> SendResult:
    """Return how it ended for mailboxes that were found right before sending."""
    if not found:
        return SendResult(seed.key)
    notes = dict.fromkeys(f"not sent: {recipient.note}" for recipient in found)
    return SendResult(seed.key, found=len(found), notes=tuple(notes), exit=Exit.REFUSED)


def _with(seed: Seed, recipients: Sequence[Recipient]) -> Seed:
    """Return the seed with the customers that are really sent."""
    return replace(seed, customers=tuple(recipient.customer for recipient in recipients))


def _repeated(recipients: Sequence[Recipient]) -> tuple[int, ...]:
    """Return the batches whose deliveries are knowingly sent again."""
    return tuple(
        {
            recipient.batch
            for recipient in recipients
            if recipient.state is RecipientState.CHANGED and recipient.batch
        }
    )


def _total(key: str, ends: Sequence[SendResult]) -> SendResult:
    return SendResult(
        key,
        sum(end.sent for end in ends),
        sum(end.refused for end in ends),
        sum(end.in_doubt for end in ends),
        tuple(dict.fromkeys(note for end in ends for note in end.notes)),
        Exit.gravest([end.exit for end in ends]),
        any(end.stops for end in ends),
        found=sum(end.found for end in ends),
    )
