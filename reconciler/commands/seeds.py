"""`reconciler seeds`: preview a seed, see its state, resolve a doubt, send by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from threading import Event

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, deferred_interrupts
from reconciler.commands.expoints import Tenant, open_tenant, send_some, write_down_settled
from reconciler.commands.journal import open_past
from reconciler.commands.plan import seeds_exits
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, Purpose, open_run
from reconciler.commands.session import Session, check_account, check_target_is_named, open_session
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, Refused, UsageError
from reconciler.expoints.planning import RENAMED, Composer, SeedsPlan
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan
from reconciler.expoints.seed import Seed
from reconciler.expoints.sending import SeedStatus, delivery_of, statuses_of
from reconciler.expoints.settling import Seen, look
from reconciler.journal.entries import BatchIntent, Delivery, DeliveryState
from reconciler.render.seeds import (
    MAIL_IS_SENT,
    preview_text,
    seed_notes,
    seeds_documents,
    seeds_text,
    sent_documents,
    sent_text,
    status_document,
    status_text,
)
from reconciler.render.values import FORMAT_VERSION

POLL_SECONDS = 10.0
"""How long `status --wait` rests between two looks."""


class _Open(Struct, frozen=True):
    """An open tenant of a session, and what every verb of this file needs beside it."""

    session: Session
    tenant: Tenant


@contextmanager
def _opened(selection: Selection, console: Console, environment: Environment) -> Iterator[_Open]:
    with open_session(selection, environment) as session:
        if not session.seeds:
            raise UsageError(f"no seed is declared on target {session.target.name}")
        with open_tenant(session, console) as tenant:
            yield _Open(session, tenant)


@contextmanager
def _opened_one(
    key: str, selection: Selection, console: Console, environment: Environment
) -> Iterator[tuple[_Open, Seed]]:
    with _opened(replace(selection, only=(key,)), console, environment) as opened:
        if len(opened.session.seeds) != 1:
            keys = ", ".join(seed.key for seed in opened.session.seeds)
            raise UsageError(f"{key} names more than one seed: {keys}")
        yield opened, opened.session.seeds[0]


def seeds_preview(key: str, selection: Selection, console: Console, environment: Environment) -> Exit:
    """Show each customer of a seed as it will go, addresses in full; to a terminal only. Sends nothing."""
    if not console.stdout.isatty() or console.as_json:
        raise Refused("seeds preview shows addresses in full, so it writes to a terminal only")
    with (
        _opened_one(key, selection, console, environment) as (opened, _),
        open_past(opened.session) as records,
    ):
        plan = _the_one(opened.tenant.plan(records))
        zone = opened.session.workspace.settings.time_zone
        composer = Composer(datetime.fromtimestamp(environment.clock.now(), UTC), zone)
        console.result(preview_text(plan, composer), None)
    return Exit.DONE


def seeds_status(
    selection: Selection, console: Console, environment: Environment, *, wait: float = 0.0
) -> Exit:
    """Show how every seed stands, and what the tenant counts of it, by its own statuses.

    With `wait`, look again until every sent customer is counted and nothing is in doubt, for so many seconds.
    """
    with _opened(selection, console, environment) as opened, open_past(opened.session) as records:
        deadline = environment.clock.monotonic() + wait
        while True:
            plan = opened.tenant.plan(records)
            statuses = [] if plan.trouble else statuses_of(opened.tenant.client, plan.seeds)
            exit = _status_exit(plan, statuses)
            if exit is Exit.DONE or environment.clock.monotonic() >= deadline:
                break
            environment.clock.sleep(min(POLL_SECONDS, wait))
        _show_status(plan, statuses, console)
    return exit


def _status_exit(plan: SeedsPlan, statuses: Sequence[SeedStatus]) -> Exit:
    """Return whether all that was sent has arrived: not yet, or with a fault, is an error."""
    arrived = all(status.has_arrived for status in statuses)
    return Exit.gravest([*seeds_exits(plan), *([] if arrived else [Exit.ERROR])])


def _show_status(plan: SeedsPlan, statuses: Sequence[SeedStatus], console: Console) -> None:
    text = "\n\n".join(
        part for part in (seeds_text(plan, paint=console.paint), status_text(statuses)) if part
    )
    document = {
        "format_version": FORMAT_VERSION,
        "seeds": seeds_documents(plan),
        "statuses": [status_document(one) for one in statuses],
    }
    console.result(text, document)


def seeds_resolve(
    key: str,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    sent: bool,
    lock: Lock = NO_WAIT,
) -> Exit:
    """Write down what a person found out of the customers of a seed that are in doubt or found.

    It holds the account, so that it never judges what a run at work has just sent. Before they are written
    down as not sent, they are counted: where the tenant has more than before, a person at a terminal has to
    say so again. Errors: `Refused` without a terminal, or without a yes.
    """
    standing = DeliveryState.SENT if sent else DeliveryState.NOT_SENT
    purpose = Purpose(f"seeds resolve {key} --{standing.value.replace(' ', '-')}")
    with (
        _opened_one(key, selection, console, environment) as (opened, _),
        open_run(opened.session, purpose, lock, console) as run,
    ):
        plan = _the_one(opened.tenant.plan(run.journal))
        doubtful = [s for s in plan.customers if s.state in (RecipientState.IN_DOUBT, RecipientState.FOUND)]
        if not doubtful:
            raise UsageError(f"nothing of {key} is in doubt or found in its round")
        resolution = _Resolution(opened.tenant, run, plan, standing)
        counted = [s for s in doubtful if not sent or s.state is RecipientState.FOUND]
        seen = look(opened.tenant.client, run.journal.hash, counted, {}, thoroughly=not sent)
        if more := [s for s in doubtful if not sent and seen.counts[s.email] > resolution.baseline(s)]:
            _ask_again(len(more), plan, console)
        resolution.write_down(doubtful, seen)
        run.exit = Exit.DONE
    console.result(f"{len(doubtful)} written down as {standing.value}.", {"resolved": len(doubtful)})
    return Exit.DONE


def _ask_again(number: int, plan: SeedPlan, console: Console) -> None:
    reason = (
        f"the tenant has more customers at {number} of the mailboxes of {plan.seed.key} than this journal "
        f"explains, so it seems to be sent"
    )
    if not console.stdin.isatty():
        raise Refused(
            f"{reason}: nothing was written down. Say --sent, or look at the tenant and say --not-sent at a "
            f"terminal; seeds send {plan.seed.key} --again sends to them, and to those sent already"
        )
    if console.ask(f"{reason[0].upper()}{reason[1:]}. Not sent all the same? Only yes is yes:") != "yes":
        raise Refused("not confirmed; nothing was written down")


class _Resolution(Struct, frozen=True, dict=True):
    """Writes down what a person says of customers: from then on, the journal explains their mailboxes."""

    tenant: Tenant
    run: OpenRun
    plan: SeedPlan
    standing: DeliveryState

    @cached_property
    def _deliveries(self) -> Mapping[tuple[int, str], Delivery]:
        return {(d.batch, d.customer): d for d in self.run.journal.past(self.tenant.account)}

    def baseline(self, recipient: Recipient) -> int:
        """Return how many customers its mailbox may have if it was not sent."""
        if recipient.state is RecipientState.FOUND:
            return 0
        return self._deliveries[recipient.batch, recipient.name].baseline

    def write_down(self, recipients: Sequence[Recipient], seen: Seen) -> None:
        """Write it down; whoever dies in between leaves them in doubt or found."""
        journal, seed, why = self.run.journal, self.plan.seed, "resolved by a person"
        for recipient in recipients:
            name = recipient.name
            delivery = self._deliveries.get((recipient.batch, name))
            if delivery and delivery.standing is DeliveryState.FOUND:
                journal.conclude_delivery(recipient.batch, name, DeliveryState.NOT_SENT, why)
            elif recipient.state is RecipientState.IN_DOUBT:
                journal.conclude_delivery(recipient.batch, name, self.standing, why)
        anew = [s for s in recipients if s.state is RecipientState.FOUND or self._is_moved(s, seen)]
        if not anew:
            return
        came = Counter(s.mailbox for s in anew if self.standing is DeliveryState.SENT)
        deliveries = [
            replace(
                delivery_of(s, seed.round, max(0, seen.counts[s.email] - came[s.mailbox])),
                contents=s.contents,
                ids=None if self.standing is DeliveryState.SENT else seen.ids.get(s.email),
            )
            for s in anew
        ]
        account, number = self.tenant.account, self.run.number
        shipment = BatchIntent(account, seed.key, seed.round, deliveries, {}, number)
        again = {s.batch for s in anew if s.batch}
        journal.conclude(journal.intend(shipment, again=again), self.standing, why)

    def _is_moved(self, recipient: Recipient, seen: Seen) -> bool:
        """Tell whether a customer was not sent though its mailbox has others than before."""
        return self.standing is DeliveryState.NOT_SENT and seen.counts[recipient.email] != self.baseline(
            recipient
        )


def seeds_send(
    key: str,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    again: bool,
    yes: bool,
    lock: Lock = NO_WAIT,
) -> Exit:
    """Send a seed now, whatever its `send:` says; with `again` also customers that were sent or found.

    Customers in doubt are never sent: resolve them first.
    """
    check_target_is_named(selection, environment)
    with (
        _opened_one(key, selection, console, environment) as (opened, _),
        open_run(opened.session, Purpose(f"seeds send {key}"), lock, console) as run,
    ):
        planned = opened.tenant.plan(run.journal)
        write_down_settled(run.journal, planned)
        plan = _the_one(planned)
        due = [s for s in plan.customers if s.state in _sendable(again=again)]
        left = Exit.REFUSED if plan.count(RecipientState.FOUND) and not again else Exit.DONE
        console.show_before_asking(f"{seeds_text(planned, paint=console.paint)}\n\n{MAIL_IS_SENT}")
        _check(plan, due, again=again)
        if not yes:
            _ask(len(due), plan, console)
        check_account(opened.session)
        stopped = Event()
        sender = replace(opened.tenant.sender(run.journal, planned, run.number), is_stopped=stopped.is_set)
        with deferred_interrupts(stopped.set):
            end = send_some(sender, plan, [_repeating(recipient) for recipient in due])
            exit = Exit.gravest([end.exit, left])
            run.exit, run.counts = exit, {"sent": end.sent}
            console.result(sent_text([end], paint=console.paint), {"sent": sent_documents([end])})
    return exit


def _sendable(*, again: bool) -> tuple[RecipientState, ...]:
    repeated = (RecipientState.SENT, RecipientState.FOUND) if again else ()
    return (RecipientState.PENDING, RecipientState.CHANGED, *repeated)


def _repeating(recipient: Recipient) -> Recipient:
    """Return a customer that is sent to on purpose, whatever its mailbox has."""
    is_agreed = recipient.state in (RecipientState.SENT, RecipientState.FOUND)
    return replace(recipient, state=RecipientState.CHANGED, is_agreed=True) if is_agreed else recipient


def _check(plan: SeedPlan, due: Sequence[Recipient], *, again: bool) -> None:
    blocks = [block for block in plan.blocks if not (again and block.code == RENAMED)]
    if blocks:
        raise Refused("; ".join(block.message for block in blocks))
    if not due and plan.count(RecipientState.FOUND):
        raise Refused("nothing was sent: " + "; ".join(seed_notes(plan)))
    if not due:
        raise UsageError("nothing of it is to be sent; --again also sends to those that were sent or found")


def _ask(number: int, plan: SeedPlan, console: Console) -> None:
    if not console.stdin.isatty():
        raise Refused("there is no terminal to ask on: add --yes")
    if console.ask(f"Send {number} of {plan.seed.key}? Only yes is yes:") != "yes":
        raise Refused("not confirmed; nothing was sent")


def _the_one(plan: SeedsPlan) -> SeedPlan:
    """Return the plan of the only seed. Errors: the `ApiError` that kept the tenant from being asked."""
    if plan.trouble is not None:
        raise plan.trouble
    (only,) = plan.seeds
    return only
