"""Sending the seeds of a plan: settle what counting settles, write down what is found, send what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconciler.commands.console import Console
from reconciler.commands.runs import OpenRun
from reconciler.commands.session import OnRequest, Session
from reconciler.commands.tenant import Tenant, open_tenant
from reconciler.errors import Exit, ReconcilerError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.sending import Sender, Sent, delivery_of
from reconciler.expoints.standing import SeedPlan, Standee
from reconciler.journal.ledger import Ledger, Standing

Held = Callable[[SeedPlan], str]
"""Why a seed has to wait, empty where it need not."""


def send_seeds(
    session: Session, run: OpenRun, console: Console, on_request: OnRequest, held: Held
) -> tuple[SeedsPlan, list[Sent]]:
    """Send every seed of the target that is due; return the plan by which it was done, and how each ended.

    The plan is made anew now that the run holds the account, so that what another one did meanwhile counts.
    """
    with open_tenant(session, console, on_request) as tenant:
        plan = tenant.plan(run.journal)
        return plan, list(_ends(tenant, run, plan, held))


def _ends(tenant: Tenant, run: OpenRun, plan: SeedsPlan, held: Held) -> Iterator[Sent]:
    ledger = run.journal
    write_down_settled(ledger, plan)
    if plan.trouble is not None:
        notes = (f"nothing was sent: {plan.trouble}",)
        yield Sent("customer_seeds", notes=notes, exit=plan.trouble.exit)
    sender = tenant.sender(ledger, plan, run.number)
    reason = ""
    for seed in plan.seeds:
        _write_down_found(ledger, tenant.account, seed)
        if seed.to_send:
            end = _end(sender, seed, reason or held(seed))
            reason = reason or ("the tenant takes nothing further" if end.stops else "")
            yield end
        elif seed.blocks and seed.due:
            yield Sent(seed.seed.key, notes=tuple(b.message for b in seed.blocks), exit=Exit.REFUSED)


def write_down_settled(ledger: Ledger, plan: SeedsPlan) -> None:
    """Write down the deliveries in doubt of which counting has told how they ended."""
    for settled in plan.settled:
        delivery = settled.delivery
        ledger.conclude_delivery(delivery.batch, delivery.customer, settled.standing, "counted")


def _write_down_found(ledger: Ledger, account: str, plan: SeedPlan) -> None:
    if plan.unrecorded:
        deliveries = [delivery_of(s.addressee, plan.seed.round, 0, Standing.FOUND) for s in plan.unrecorded]
        ledger.record_found(account, plan.seed.key, plan.seed.round, deliveries)


def _end(sender: Sender, plan: SeedPlan, reason: str) -> Sent:
    if reason:
        return Sent(plan.seed.key, notes=(f"held: {reason}",), exit=Exit.ERROR)
    return send_some(sender, plan, plan.to_send)


def send_some(sender: Sender, plan: SeedPlan, standees: Sequence[Standee]) -> Sent:
    """Send these customers of a seed; whatever goes wrong is how it ended."""
    try:
        return sender.send(plan, standees)
    except ReconcilerError as error:
        return Sent(plan.seed.key, notes=(str(error),), exit=error.exit)
