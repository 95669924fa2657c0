"""Sending a test batch, once: check again, count, write down, send, write down, count again.

Nothing here raises for what the API or the journal does: every seed ends as a `SendResult`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.config.names import meant
from reconciler.engine.kind import Json
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
from reconciler.expoints.client import Column, Customers
from reconciler.expoints.planning import SeedsPlan, body_of
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan, SeedStatus, SendResult
from reconciler.expoints.seed import Moment, Seed
from reconciler.expoints.settling import SeedScope, explained_by, judged, look
from reconciler.journal.entries import BatchIntent, Delivery, DeliveryState
from reconciler.journal.journal import Journal

LARGEST_BATCH = 200  # customers in one request. The vendor advises no more (page POST-api-v3-customer-add)

_HOPELESS = (Unauthorised, Forbidden, Unreachable, Abandoned)


def statuses_of(client: Customers, plans: Sequence[SeedPlan]) -> list[SeedStatus]:
    """Return what the tenant counts of every seed of which something was sent. Errors: `ApiError`."""
    sent = [
        (plan.seed, [one.customer.email for one in plan.customers if one.state is RecipientState.SENT])
        for plan in plans
        if plan.count(RecipientState.SENT)
    ]
    names = client.statuses() if sent else {}
    return [_status_of(client, names, seed, emails, len(emails)) for seed, emails in sent]


def _status_of(
    client: Customers, names: Mapping[int, str], seed: Seed, emails: Sequence[str], expected: int
) -> SeedStatus:
    """Return what the tenant counts of the customers of a seed that were sent. Errors: `ApiError`.

    `expected` is how many customers their addresses should have, `names` are the tenant's statuses, each
    asked for once at most, until every counted customer has one.
    """
    faulty = [code for code, name in names.items() if {code, name} & set(seed.fault_statuses)]
    left = counted = client.count(emails).customers
    by_status, faults = Counter[str](), 0
    for code in sorted(names, key=lambda code: code not in faulty):
        if left <= 0:
            break
        number = client.count(emails, [code]).customers
        left -= number
        by_status[names[code]] += number
        faults += number if code in faulty else 0
    known: Collection[str | int] = {*names, *names.values()}
    return SeedStatus(
        key=seed.key,
        sent=len(emails),
        expected=expected,
        counted=counted,
        by_status=+by_status,
        faults=faults if seed.fault_statuses else None,
        unknown={
            str(one): meant(str(one), names.values()) for one in seed.fault_statuses if one not in known
        },
    )


class Sender(Struct, frozen=True):
    """Sends seeds of one account, for the run of that number, which holds it.

    `is_stopped` says whether nothing further is to be begun, since an interrupt.
    """

    scope: SeedScope
    ledger: Journal
    columns: Sequence[Column]
    run: int | None = None
    is_stopped: Callable[[], bool] = lambda: False

    def send_all(self, plan: SeedsPlan, held: Callable[[SeedPlan], str]) -> Iterator[SendResult]:
        """Send every seed of a plan that is due, in their order, after what planning found is written down.

        `held` returns why a seed has to wait, empty where it need not.
        """
        record_settled(self.ledger, plan)
        if plan.trouble is not None:
            trouble = (f"nothing was sent: {plan.trouble}",)
            yield SendResult("customer_seeds", notes=trouble, exit=plan.trouble.exit)
        reason = ""
        for seed in plan.seeds:
            self._record_found(seed.seed, seed.unrecorded)
            if seed.to_send:
                why = reason or held(seed)
                result = kept_waiting(seed, why) if why else self.send(seed, seed.to_send)
                reason = reason or ("the tenant takes nothing further" if result.stops else "")
                yield result
            elif seed.withheld:
                notes = tuple(block.message for block in seed.blocks)
                yield SendResult(seed.seed.key, notes=notes, exit=seed.blocked_exit)

    def send(self, plan: SeedPlan, recipients: Sequence[Recipient]) -> SendResult:
        """Send these recipients of a seed, in requests of at most 200, each written down before it leaves.

        Lost rights, a used up allowance and an interrupt stop it; a doubt or a refusal does not.
        """
        seed, results, sent = plan.seed, list[SendResult](), list[tuple[str, int]]()
        try:
            due = replace(seed, customers=tuple(one.customer for one in recipients))
            if blocks := self.scope.check(due, due):
                return SendResult(seed.key, notes=tuple(b.message for b in blocks), exit=Exit.REFUSED)
            left = len(recipients)
            for batch in batches(recipients):
                result = _total(seed.key, list(self._request(seed, batch, sent)))
                results.append(result)
                left -= len(batch)
                if left and (result.stops or self.is_stopped()):
                    notes = (f"not begun: {left} of {len(recipients)} customers",)
                    results.append(SendResult(seed.key, notes=notes, exit=result.exit or Exit.ERROR))
                    break
            return self._verified(_total(seed.key, results), seed, sent)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is how it ended
            return SendResult(seed.key, notes=(describe(error),), exit=exit_of(error))

    def _request(
        self, seed: Seed, recipients: Sequence[Recipient], sent: list[tuple[str, int]]
    ) -> Iterator[SendResult]:
        """Send one request, but to no mailbox whose customers are not explained; yield how it ended.

        Each address that was sent goes to `sent`, with how many customers it had before.
        """
        try:
            scope, past = self.scope, self.ledger.past(self.scope.account)
            explained = explained_by(past, self.ledger.hash, scope.settle_after, scope.clock.now())
            compared = [judged(one, explained) for one in look(scope, recipients, explained, thoroughly=True)]
            if found := [one for one in compared if one.state is RecipientState.FOUND]:
                self._record_found(seed, found)
                notes = tuple(dict.fromkeys(f"not sent: {one.note}" for one in found))
                yield SendResult(seed.key, found=len(found), notes=notes, exit=Exit.REFUSED)
            if self.is_stopped():
                raise Abandoned("interrupted")
            rest = [one for one in compared if one.state is not RecipientState.FOUND]
            if not rest:
                return
            # What rests is measured by the tenant's clock too.
            at, started = scope.client.count_unknown().at, scope.clock.monotonic()
            body = body_of(seed, [one.customer for one in rest], self.columns, scope.now, scope.zone)
            intent = BatchIntent(
                account=scope.account,
                seed=seed.key,
                round=seed.round,
                deliveries=[delivery_of(one, seed.round, one.count, one.ids) for one in rest],
                resolved={name: str(body[name]) for name, it in seed.batch.items() if isinstance(it, Moment)},
                run=self.run,
                server_at=at,
            )
            # The batches whose deliveries are knowingly sent again.
            again = {one.batch for one in rest if one.state is RecipientState.CHANGED and one.batch}
            number = self.ledger.intend(intent, again=tuple(again))
        except Exception as error:  # noqa: BLE001  # it ends this request, and no change of before
            notes, stops = (f"nothing was sent: {describe(error)}",), not isinstance(error, Refused)
            yield SendResult(seed.key, notes=notes, exit=exit_of(error), stops=stops)
            return

        def conclude(standing: DeliveryState, note: str) -> tuple[str, ...]:
            """Write down how it ended; return what to say where the journal could not."""
            server_since = None if at is None else at + scope.clock.monotonic() - started
            try:
                self.ledger.conclude(number, standing, note, server_since)
            except Exception as error:  # noqa: BLE001  # what is done is done
                return (f"{describe(error)} The next run will take this batch for one in doubt.",)
            return ()

        result = self._post(seed, body, rest, conclude)
        if result.sent:
            sent += [(one.customer.email, one.count) for one in rest]
        yield result

    def _post(
        self,
        seed: Seed,
        body: Mapping[str, Json],
        recipients: Sequence[Recipient],
        conclude: Callable[[DeliveryState, str], tuple[str, ...]],
    ) -> SendResult:
        """Send a request, write down how it ended with `conclude`, and return it.

        A refusal that the tenant answered is believed only where it has no customer more than before: it may
        have taken the batch first, whatever went wrong then.
        """
        size, answered = len(recipients), threading.Event()
        standing, note, exit, stops = DeliveryState.SENT, "", Exit.DONE, False
        try:
            self.scope.client.add(body, answered.set)
        except ApiError as error:
            standing, note, exit = DeliveryState.REFUSED, str(error), error.exit
            stops = isinstance(error, _HOPELESS)
            if isinstance(error, NoAnswer):
                standing = DeliveryState.IN_DOUBT
            elif not answered.is_set():
                standing = DeliveryState.NOT_SENT
            elif doubt := self._doubt(recipients):
                standing, note = DeliveryState.IN_DOUBT, f"{error.fact}, {doubt}"
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch may have left
            standing, note = DeliveryState.IN_DOUBT, describe(error)
        unwritten = conclude(standing, note)
        match standing:
            case DeliveryState.SENT:
                exit = Exit.IN_DOUBT if unwritten else Exit.DONE
                return SendResult(seed.key, sent=size, notes=unwritten, exit=exit)
            case DeliveryState.IN_DOUBT:
                notes = (f"in doubt: {note}", *unwritten)
                return SendResult(seed.key, in_doubt=size, notes=notes, exit=Exit.IN_DOUBT, stops=stops)
            case _:
                notes = (f"refused, nothing was sent: {note}", *unwritten)
                return SendResult(seed.key, refused=size, notes=notes, exit=exit, stops=stops)

    def _doubt(self, recipients: Sequence[Recipient]) -> str:
        """Return why a refused batch may have been taken, empty where counting shows that it was not."""
        try:
            counts = self.scope.client.counts(one.customer.email for one in recipients)
        except ApiError as error:
            return f"and whether it was taken cannot be counted: {error.fact}"
        if all(counts[one.customer.email].customers == one.count for one in recipients):
            return ""
        return "but its mailboxes have other customers than before, so it may have been taken"

    def _record_found(self, seed: Seed, found: Sequence[Recipient]) -> None:
        if found:
            deliveries = [replace(delivery_of(one, seed.round, one.count), contents={}) for one in found]
            self.ledger.record_found(self.scope.account, seed.key, seed.round, deliveries)

    def _verified(self, result: SendResult, seed: Seed, sent: Sequence[tuple[str, int]]) -> SendResult:
        """Return how a seed ended with what the tenant counts of it now; a count proves no mail."""
        if not sent:
            return result
        # What was there before the first request to an address is there, and all that was sent to it.
        expected = sum(dict(reversed(sent)).values()) + len(sent)
        try:
            if self.is_stopped():
                raise Abandoned("interrupted")
            client, emails = self.scope.client, [email for email, _ in sent]
            status = _status_of(client, client.statuses(), seed, emails, expected)
        except Exception as error:  # noqa: BLE001  # what was sent is sent
            return replace(result, notes=(*result.notes, f"sent, but not verified: {describe(error)}"))
        exits = [result.exit, *([Exit.ERROR] if status.faults else [])]
        return replace(result, status=status, exit=Exit.gravest(exits))


def record_settled(ledger: Journal, plan: SeedsPlan) -> None:
    """Write down the deliveries in doubt of which counting has shown how they ended."""
    for one in plan.settled:
        ledger.conclude_delivery(one.batch, one.customer, one.standing, "counted")


def kept_waiting(plan: SeedPlan, reason: str) -> SendResult:
    """Return the result of a seed that has to wait."""
    return SendResult(plan.seed.key, notes=(f"held: {reason}",), exit=Exit.ERROR)


def delivery_of(
    recipient: Recipient, round: str, baseline: int, ids: tuple[str, ...] | None = None
) -> Delivery:
    """Return a recipient as the ledger takes it, before it has a number and a time.

    `baseline` is how many customers its address has, `ids` are the hashed ids of these, None if unknown.
    """
    return Delivery(
        customer=recipient.name,
        mailbox=recipient.mailbox,
        digest=recipient.digest,
        standing=DeliveryState.INTENDED,
        baseline=baseline,
        batch=0,
        at=0.0,
        round=round,
        contents=recipient.contents,
        ids=ids,
    )


def batches(recipients: Sequence[Recipient]) -> tuple[tuple[Recipient, ...], ...]:
    """Return the recipients in requests of at most `LARGEST_BATCH`, in their order."""
    return tuple(
        tuple(recipients[start : start + LARGEST_BATCH]) for start in range(0, len(recipients), LARGEST_BATCH)
    )


def _total(key: str, results: Sequence[SendResult]) -> SendResult:
    return SendResult(
        key,
        sum(result.sent for result in results),
        sum(result.refused for result in results),
        sum(result.in_doubt for result in results),
        tuple(dict.fromkeys(note for result in results for note in result.notes)),
        Exit.gravest([result.exit for result in results]),
        any(result.stops for result in results),
        found=sum(result.found for result in results),
    )
