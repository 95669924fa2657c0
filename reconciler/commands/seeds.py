"""`reconciler seeds`: preview a seed, see its state, resolve a doubt, send by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, deferred_interrupts
from reconciler.commands.expoints import ExpointsSession, expoints_session
from reconciler.commands.journal import open_past
from reconciler.commands.plan import seeds_exits
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, open_run
from reconciler.commands.session import check_account, check_target_is_named, open_session
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, Refused, UsageError
from reconciler.expoints.planning import RENAMED, SeedsPlan, times_of
from reconciler.expoints.recipients import Recipient, RecipientState, SeedPlan
from reconciler.expoints.seed import masked
from reconciler.expoints.sending import delivery_of, record_settled, statuses_of
from reconciler.expoints.settling import look
from reconciler.journal.entries import RESOLVED, BatchIntent, DeliveryState
from reconciler.render.json import seed_status_document, seeds_documents, sent_documents
from reconciler.render.text import (
    MAIL_IS_SENT,
    preview_text,
    seed_notes,
    seed_status_text,
    seeds_text,
    sent_text,
)
from reconciler.render.values import FORMAT_VERSION, counted, harmless

POLL_SECONDS = 10.0  # how long `status --wait` rests between two looks


@contextmanager
def _opened(
    selection: Selection, console: Console, environment: Environment, key: str = ""
) -> Iterator[ExpointsSession]:
    """Open the tenant of the selected seeds, or of the only one that `key` names."""
    chosen = replace(selection, only=(key,)) if key else selection
    with open_session(chosen, environment) as session:
        if not session.seeds:
            raise UsageError(f"no seed is declared on target {session.target.name}")
        if key and len(session.seeds) > 1:
            keys = ", ".join(seed.key for seed in session.seeds)
            raise UsageError(f"{key} names more than one seed: {keys}")
        with expoints_session(session, console) as expoints:
            _ = expoints.client  # opened now: a token that is missing is an error before a run begins
            yield expoints


def seeds_preview(key: str, selection: Selection, console: Console, environment: Environment) -> Exit:
    """Show each customer of a seed as it will go, with its data; masked unless on a terminal. Sends nothing.

    Errors: `UsageError` where JSON is asked for.
    """
    if console.as_json:
        raise UsageError("seeds preview is for people and has no JSON; seeds status --format json counts")
    hidden = {} if console.stdout.isatty() else {"masked": masked}
    with _opened(selection, console, environment, key) as expoints, open_past(expoints.session) as records:
        zone = expoints.session.workspace.settings.time_zone
        text = preview_text(_only(expoints.plan(records)), expoints.now, zone, **hidden)
        console.result(text, None)
    return Exit.DONE


def seeds_status(
    selection: Selection, console: Console, environment: Environment, *, key: str = "", wait: float = 0.0
) -> Exit:
    """Show the state of every seed, or of `key`, and what the tenant counts of it, by its own statuses.

    With `wait`, look again until every sent customer is counted and nothing is in doubt, for so many
    seconds. What has not arrived yet, or has arrived with a fault, is an error.
    """
    with _opened(selection, console, environment, key) as expoints, open_past(expoints.session) as records:
        deadline = environment.clock.monotonic() + wait
        while True:
            plan = expoints.plan(records)
            statuses = [] if plan.trouble else statuses_of(expoints.client, plan.seeds)
            arrived = all(status.has_arrived for status in statuses)
            exit = Exit.gravest([*seeds_exits(plan), *([] if arrived else [Exit.ERROR])])
            if exit is Exit.DONE or environment.clock.monotonic() >= deadline:
                break
            environment.clock.sleep(min(POLL_SECONDS, wait))
    parts = (seeds_text(plan, paint=console.paint), seed_status_text(statuses))
    document = {
        "format_version": FORMAT_VERSION,
        "seeds": seeds_documents(plan),
        "statuses": [seed_status_document(one) for one in statuses],
    }
    console.result("\n\n".join(part for part in parts if part), document)
    return exit


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
    confirm it. Errors: `Refused` without a terminal, or without a yes.
    """
    standing = DeliveryState.SENT if sent else DeliveryState.NOT_SENT
    command = f"seeds resolve {key} --{standing.value.replace(' ', '-')}"
    with (
        _opened(selection, console, environment, key) as expoints,
        open_run(expoints.session, command, lock, console) as run,
    ):
        plan = _only(expoints.plan(run.journal))
        open_states = (RecipientState.IN_DOUBT, RecipientState.FOUND)
        doubtful = [one for one in plan.customers if one.state in open_states]
        if not doubtful:
            raise UsageError(f"nothing of {key} is in doubt or found in its round")
        deliveries = {(d.batch, d.customer): d for d in run.journal.past(expoints.account)}
        # How many customers each mailbox may have if it was not sent.
        baselines = {
            one.name: 0 if one.state is RecipientState.FOUND else deliveries[one.batch, one.name].baseline
            for one in doubtful
        }
        found = RecipientState.FOUND
        counted = look(
            expoints.scope(run.journal),
            [one for one in doubtful if not sent or one.state is found],
            {},
            thoroughly=not sent,
        )
        added = {one.name: one.count - baselines[one.name] for one in counted}
        if more := sum(number > 0 for number in added.values() if not sent):
            _confirm_not_sent(more, plan, console)
        explained = [one for one in counted if one.state is found or added[one.name]]
        _write_down(run, expoints.account, plan, doubtful, explained, standing)
        run.exit = Exit.DONE
    console.result(f"{len(doubtful)} written down as {standing.value}.", {"resolved": len(doubtful)})
    return Exit.DONE


def _confirm_not_sent(number: int, plan: SeedPlan, console: Console) -> None:
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


def _write_down(
    run: OpenRun,
    account: str,
    plan: SeedPlan,
    recipients: Sequence[Recipient],
    explained: Sequence[Recipient],
    standing: DeliveryState,
) -> None:
    """Conclude the deliveries of recipients; those after an interruption stay in doubt or found.

    Of the counted ones that are `explained` a batch is written, so that the journal explains their mailboxes.
    """
    is_sent, why, journal = standing is DeliveryState.SENT, RESOLVED, run.journal
    past = journal.past(account)
    found = {(d.batch, d.customer) for d in past if d.standing is DeliveryState.FOUND}
    for one in recipients:
        if one.state is RecipientState.IN_DOUBT:
            journal.conclude_delivery(one.batch, one.name, standing, why)
        elif (one.batch, one.name) in found:
            journal.conclude_delivery(one.batch, one.name, DeliveryState.NOT_SENT, why)
    if not explained:
        return
    came = Counter(one.mailbox for one in explained if is_sent)
    deliveries = [
        delivery_of(
            one,
            plan.seed.round,
            baseline=max(0, one.count - came[one.mailbox]),
            ids=None if is_sent else one.ids,
        )
        for one in explained
    ]
    intent = BatchIntent(account, plan.seed.key, plan.seed.round, deliveries, {}, run.number)
    number = journal.intend(intent, again={one.batch for one in explained if one.batch})
    journal.conclude(number, standing, why)


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
    command = f"seeds send {key}{' --again' if again else ''}"
    with (
        _opened(selection, console, environment, key) as expoints,
        open_run(expoints.session, command, lock, console) as run,
    ):
        planned = expoints.plan(run.journal)
        record_settled(run.journal, planned)
        plan = _only(planned)
        repeated = (RecipientState.SENT, RecipientState.FOUND) if again else ()
        # Who is sent to on purpose is, whatever its mailbox has.
        agreed = [
            replace(one, state=RecipientState.CHANGED, is_agreed=True) if one.state in repeated else one
            for one in plan.customers
        ]
        due = [one for one in agreed if one.is_due]
        left = Exit.REFUSED if plan.count(RecipientState.FOUND) and not again else Exit.DONE
        verb = (
            "" if plan.blocks or not due else "send again" if again and len(plan.due) < len(due) else "send"
        )
        zone = expoints.session.workspace.settings.time_zone
        times = [one for one in times_of(plan.seed, expoints.now, zone) if verb and one not in plan.notes]
        about = "\n    ".join([seeds_text(planned, paint=console.paint, by_hand=verb), *map(harmless, times)])
        console.show_before_asking(f"{about}\n\n{MAIL_IS_SENT}" if verb else about, is_asked=not yes)
        run.counts = {"sent": 0}
        _check_sendable(plan, due, again=again)
        if not yes:
            twice = [
                f"{number} of them {what}"
                for state, what in (
                    (RecipientState.SENT, "once more, after this round was sent to them"),
                    (RecipientState.FOUND, "whom the tenant has already, perhaps from another sender"),
                )
                if again and (number := plan.count(state))
            ]
            question = ", ".join([f"Mail {counted(len(due), 'customer')} of {plan.seed.key}", *twice])
            console.confirm(f"{question}?", "nothing was sent")
        check_account(expoints.session)
        stopped = Event()
        sender = replace(expoints.sender(run.journal, planned, run.number), is_stopped=stopped.is_set)
        with deferred_interrupts(stopped.set):
            result = sender.send(plan, due)
            run.exit, run.counts = Exit.gravest([result.exit, left]), {"sent": result.sent}
            console.has_written = True
            console.result(sent_text([result], paint=console.paint), {"sent": sent_documents([result])})
    return run.exit


def _check_sendable(plan: SeedPlan, due: Sequence[Recipient], *, again: bool) -> None:
    blocks = [block for block in plan.blocks if not (again and block.code == RENAMED)]
    if blocks:
        raise Refused("; ".join(block.message for block in blocks))
    if not due and plan.count(RecipientState.FOUND):
        raise Refused("nothing was sent: " + "; ".join(seed_notes(plan)))
    if not due:
        raise UsageError("nothing of it is to be sent; --again also sends to those that were sent or found")


def _only(plan: SeedsPlan) -> SeedPlan:
    """Return the plan of the only seed. Errors: the `ApiError` that kept the tenant from being asked."""
    if plan.trouble is not None:
        raise plan.trouble
    (only,) = plan.seeds
    return only
