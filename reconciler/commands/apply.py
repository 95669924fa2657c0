"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.commands.account import check_account
from reconciler.commands.console import Console
from reconciler.commands.interrupts import deferred_interrupts
from reconciler.commands.memory import remembered
from reconciler.commands.outside import Outside
from reconciler.commands.plan import seeds_exits
from reconciler.commands.planning import plan_target
from reconciler.commands.pool import Pool
from reconciler.commands.requests import RequestCount
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, Purpose, open_run
from reconciler.commands.sending import send_seeds
from reconciler.commands.session import Selection, Session, check_target_is_named, open_session
from reconciler.commands.tenant import plan_seeds
from reconciler.engine.apply import Journal, NoJournal, Run
from reconciler.engine.apply import apply as apply_plan
from reconciler.engine.outcome import Report, Result
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.sending import Sent
from reconciler.expoints.standing import SeedPlan
from reconciler.render.json import report_document
from reconciler.render.seeds import seeds_summary
from reconciler.render.text import plan_text, problems_text, report_text
from reconciler.render.values import counted


def apply(
    selection: Selection,
    consent: Consent,
    console: Console,
    outside: Outside,
    *,
    yes: bool = False,
    with_seeds: bool = True,
    lock: Lock = NO_WAIT,
) -> Exit:
    """Apply one target; `yes` stands for the answer of a person who is not there."""
    check_target_is_named(selection, outside)
    requests = RequestCount()
    with open_session(selection, outside, requests) as session:
        if session.workspace.warnings:
            console.say(problems_text(session.workspace.warnings))
        with remembered(session, console) as memory:
            made = plan_target(session, memory, consent, console)
            seeds = plan_seeds(session, memory, console, requests) if with_seeds else SeedsPlan()
        console.show_before_asking(plan_text(made, seeds, paint=console.paint, verbose=console.verbose))
        if not yes:
            confirm(made, seeds, console)
        purpose = Purpose("apply", made.fingerprint, tuple(change.digest for change in made.changes))
        report, seeds, sent = carry_out(session, purpose, made, seeds, lock, console, requests)
        exit = exit_of(report, seeds, sent)
        console.result(
            report_text(report, sent, paint=console.paint), report_document(report, seeds, sent, exit)
        )
    if console.verbose:
        console.say(requests.text)
    return exit


def confirm(plan: Plan, seeds: SeedsPlan, console: Console) -> None:
    """Ask the person at the terminal. Errors: `Refused` without a terminal, or without a yes."""
    if not plan.changes and not seeds.customers:
        return
    if not console.stdin.isatty():
        raise Refused("there is no terminal to ask on: look at the plan, then run apply with --yes")
    sending = f" and send {seeds_summary(seeds).replace(' to send', '')}" if seeds.customers else ""
    question = f"Apply {counted(len(plan.changes), 'change')}{sending} to {plan.scope.target}?"
    if console.ask(f"{question} Only yes is yes:") != "yes":
        raise Refused("not confirmed; nothing was changed")


Done = tuple[Report, SeedsPlan, list[Sent]]


def carry_out(
    session: Session,
    purpose: Purpose,
    plan: Plan,
    seeds: SeedsPlan,
    lock: Lock,
    console: Console,
    requests: RequestCount,
) -> Done:
    """Carry out the plan in a run that holds its accounts; with nothing to be done there is none."""
    if not plan.changes and seeds.is_settled:
        return apply_plan(plan, writing(session, plan, NoJournal())), seeds, []
    with open_run(session, purpose, lock, console) as run:
        check_account(session)
        done = _changes_then_seeds(session, plan, seeds, run, console, requests)
        run.exit, run.counts = exit_of(*done), counts_of(*done)
        return done


def _changes_then_seeds(
    session: Session, plan: Plan, seeds: SeedsPlan, run: OpenRun, console: Console, requests: RequestCount
) -> Done:
    """Carry out changes, then seeds. An interrupt ends what is under way and begins nothing more."""
    engine = writing(session, plan, run.recorder)
    with deferred_interrupts(lambda: engine.stop("not begun: interrupted")):
        report = apply_plan(plan, engine, each=Pool(session.checkmarket.parallelism, console))
        if not seeds.seeds:
            return report, seeds, []
        held = lambda seed: _why_held(seed, report, engine)  # noqa: E731
        planned, sent = send_seeds(session, run, console, requests, held)
        return report, planned, sent


def writing(session: Session, plan: Plan, journal: Journal) -> Run:
    """Return what carries out a plan on the target, and writes it down in `journal`."""
    patience = session.checkmarket.patience.total_seconds()
    return Run(plan.account, session.client, session.outside.clock, patience, journal)


def counts_of(report: Report, seeds: SeedsPlan, sent: Sequence[Sent]) -> dict[str, int]:
    """Return how everything ended, in figures, for the journal."""
    del seeds
    ends = {result.value: report.count(result) for result in Result}
    return {**ends, "sent": sum(end.sent for end in sent)}


def _why_held(plan: SeedPlan, report: Report, run: Run) -> str:
    """Return why a seed has to wait: what it comes after did not come to be, or the run was stopped."""
    if run.is_stopped:
        return "the run was stopped"
    ends = {unchanged.key: Result.APPLIED for unchanged in report.plan.unchanged}
    ends |= {outcome.key: outcome.result for outcome in report.outcomes}
    waiting = [key for key in plan.seed.after if ends.get(key) is not Result.APPLIED]
    return ", ".join(
        f"{key} is {ends[key].value if key in ends else 'not part of this run'}" for key in waiting
    )


def exit_of(report: Report, seeds: SeedsPlan, sent: list[Sent]) -> Exit:
    """Return the gravest end of all; some done beside some that went wrong is partly applied."""
    exits = [report.exit, *(end.exit for end in sent), *seeds_exits(seeds)]
    done = report.count(Result.APPLIED) or any(end.sent for end in sent)
    wrong = any(exit in (Exit.ERROR, Exit.UNAVAILABLE) for exit in exits)
    return Exit.gravest([*exits, *([Exit.PARTLY] if done and wrong else [])])
