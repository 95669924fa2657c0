"""Sending the seeds of a plan: settle what counting settles, write down what is found, send what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.reviewing import Agreed
from reconciler.commands.runs import OpenRun
from reconciler.commands.tenant import Enter, Tenant
from reconciler.errors import Exit, describe, exit_of
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.review import reviewed_seeds
from reconciler.expoints.sending import Sender, SendResult, delivery_of
from reconciler.expoints.standing import RecipientState, SeedPlan
from reconciler.journal.ledger import DeliveryState, Ledger

_ALL = "customer_seeds"


class Stops(Struct, frozen=True):
    """What keeps seeds from being sent, beside themselves."""

    held: Callable[[SeedPlan], str]
    """Why a seed has to wait, empty where it need not."""
    is_stopped: Callable[[], bool]
    """Whether nothing further is to be begun."""


def send_seeds(
    enter: Enter, run: OpenRun, agreed: Agreed, stops: Stops
) -> tuple[SeedsPlan, tuple[SendResult, ...]]:
    """Send every seed that is due and reviewed; return the plan by which it was done, and how each ended.

    The plan is made anew now that the run holds the account, so that what another one did meanwhile counts;
    it is the one that was agreed on where that fails. Raises nothing: changes were carried out before, and
    what became of them is still to be told.
    """
    plan, ends = agreed.seeds, list[SendResult]()
    try:
        tenant = enter()
        plan = tenant.plan(run.journal)
        plan = reviewed_seeds(plan, agreed.review) if agreed.review else plan
        for end in _ends(tenant, run, plan, stops):
            ends.append(end)  # those before an error count
    except Exception as error:  # noqa: BLE001
        notes = (f"nothing further was sent: {describe(error)}",)
        ends.append(SendResult(_ALL, notes=notes, exit=exit_of(error)))
    return plan, tuple(ends)


def _ends(tenant: Tenant, run: OpenRun, plan: SeedsPlan, stops: Stops) -> Iterator[SendResult]:
    ledger = run.journal
    write_down_settled(ledger, plan)
    if plan.trouble is not None:
        notes = (f"nothing was sent: {plan.trouble}",)
        yield SendResult(_ALL, notes=notes, exit=plan.trouble.exit)
    sender = replace(tenant.sender(ledger, plan, run.number), is_stopped=stops.is_stopped)
    reason = ""
    for seed in plan.seeds:
        _write_down_found(ledger, tenant.account, seed)
        if seed.to_send:
            end = _end(sender, seed, reason or stops.held(seed))
            reason = reason or ("the tenant takes nothing further" if end.stops else "")
            yield end
        elif seed.blocks and seed.due:
            yield SendResult(
                seed.seed.key, notes=tuple(b.message for b in seed.blocks), exit=seed.blocked_exit
            )


def write_down_settled(ledger: Ledger, plan: SeedsPlan) -> None:
    """Write down the deliveries in doubt of which counting has told how they ended."""
    for settled in plan.settled:
        delivery = settled.delivery
        ledger.conclude_delivery(delivery.batch, delivery.customer, settled.standing, "counted")


def _write_down_found(ledger: Ledger, account: str, plan: SeedPlan) -> None:
    if plan.unrecorded:
        deliveries = [
            delivery_of(s.addressee, plan.seed.round, s.count, DeliveryState.FOUND) for s in plan.unrecorded
        ]
        ledger.record_found(account, plan.seed.key, plan.seed.round, deliveries)


def _end(sender: Sender, plan: SeedPlan, reason: str) -> SendResult:
    if reason:
        return kept_waiting(plan, reason)
    return send_some(sender, plan, plan.to_send)


def kept_waiting(plan: SeedPlan, reason: str) -> SendResult:
    """Return the end of a seed that has to wait."""
    return SendResult(plan.seed.key, notes=(f"held: {reason}",), exit=Exit.ERROR)


def send_some(sender: Sender, plan: SeedPlan, standees: Sequence[RecipientState]) -> SendResult:
    """Send these customers of a seed; whatever goes wrong is how it ended."""
    try:
        return sender.send(plan, standees)
    except Exception as error:  # noqa: BLE001
        return SendResult(plan.seed.key, notes=(describe(error),), exit=exit_of(error))
