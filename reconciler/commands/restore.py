"""`reconciler restore RUN`: the way back from a run, planned, confirmed and carried out like any plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from reconciler.commands.apply import confirm, execute
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import expoints_session
from reconciler.commands.history import the_run
from reconciler.commands.journal import RESTORE, Memory, id_after, remembered
from reconciler.commands.plan import read_live
from reconciler.commands.runs import NO_WAIT, Lock
from reconciler.commands.session import Session, check_target_is_named, open_session
from reconciler.commands.workspace import Selection
from reconciler.engine.change import Plan
from reconciler.engine.drift import rollback
from reconciler.engine.inventory import Listing
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
from reconciler.journal.entries import ADOPT, MAY_BE_DONE, Run, shown_accounts
from reconciler.render.json import report_document
from reconciler.render.report import TargetReport
from reconciler.render.text import plan_text, report_text
from reconciler.render.values import counted


def restore(
    number: int,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    yes: bool = False,
    lock: Lock = NO_WAIT,
    recreate: frozenset[str] = frozenset(),
) -> Exit:
    """Put back what a run overwrote, within the same limits and with the same checks as any apply.

    `recreate` names keys that may be created although an earlier run may have created them.
    """
    check_target_is_named(selection, environment)
    with open_session(selection, environment) as session:
        with remembered(session, console) as memory:
            made, notes = _plan_back(number, session, memory, Consent(recreate=recreate), console)
        planned = TargetReport(made, digests=made.digests)
        text = plan_text(planned, paint=console.paint, verbose=console.verbose)
        console.show_before_asking("\n\n".join([*notes, text]))
        if not yes:
            confirm(made, SeedsPlan(), console)
        with (
            expoints_session(session, console) as expoints,
            execute(session, planned, f"{RESTORE}{number}", lock, console, expoints) as applied,
        ):
            document = report_document(applied) | {"restored_run": number, "remarks": notes}
            console.result(report_text(applied, paint=console.paint), document)
    return applied.exit


def _plan_back(
    number: int, session: Session, memory: Memory, consent: Consent, console: Console
) -> tuple[Plan, list[str]]:
    """Return the plan that takes a run back, and what a person should know of it. Errors: `Refused`."""
    if memory.trouble is not None:
        raise memory.trouble
    run = the_run(memory.past, number)
    made_here = (o for o in memory.past.operations(number) if o.intent.account == session.account)
    operations = [o for o in made_here if o.intent.action != ADOPT]
    if session.account not in run.start.accounts:
        accounts = ", ".join(shown_accounts(run.start.accounts))
        raise Refused(
            f"run {number} was on target {run.start.target}, account {accounts}, "
            f"and this is {session.account_name}: name the target that it was on"
        )
    if not operations:
        raise Refused(f"run {number} wrote no configuration; there is nothing to be restored")
    # A write that was refused has changed nothing.
    changed = [
        o for o in operations if not (end := o.ending) or end.result in MAY_BE_DONE or end.after is not None
    ]
    # Where something may have been created and no id of it is known, nothing is deleted for it.
    nameless = [o for o in changed if o.intent.before is None and id_after(o) is None]
    declared = [
        rollback(
            session.kind,
            f"run {number}",
            o.intent.key,
            id=id_after(o),
            before=o.intent.before,
            sent=o.intent.body,
        )
        for o in changed
        if o not in nameless
    ]
    made = read_live(session, declared, memory, consent, Listing.DECLARED, console).plan_as_is()
    latest = memory.past.latest(session.account)
    written = {key: last.run for key, last in latest.items() if last.intent.action != ADOPT}
    later = [o.intent.key for o in changed if written.get(o.intent.key, 0) > number]
    return replace(made, unmanaged=()), list(_notes(run, [o.intent.key for o in nameless], later))


def _notes(run: Run, nameless: Sequence[str], later: Sequence[str]) -> Iterator[str]:
    """Yield what a person should know before the way back is taken."""
    if sent := run.counts.get("sent", 0):
        yield f"Run {run.number} also sent to {counted(sent, 'customer')}: mail cannot be restored."
    if nameless:
        yield (
            f"No id is known of what run {run.number} may have created, so nothing is deleted for it: "
            f"{', '.join(nameless)}. Look in the Tool."
        )
    if later:
        yield f"Written again by later runs, which goes back too: {', '.join(later)}."
    yield (
        f"The files may still declare what run {run.number} wrote: change them too, or the next apply brings "
        "it back."
    )
