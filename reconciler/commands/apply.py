"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how each change ended."""

from __future__ import annotations

from reconciler.commands.console import Console
from reconciler.commands.outside import Outside
from reconciler.commands.planning import plan_target
from reconciler.commands.pool import Pool
from reconciler.commands.requests import RequestCount
from reconciler.commands.session import Selection, Session, open_session
from reconciler.engine.apply import Run
from reconciler.engine.apply import apply as apply_plan
from reconciler.engine.outcome import Report
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.errors import Exit, Refused
from reconciler.render.json import report_document
from reconciler.render.text import counted, plan_text, problems_text, report_text


def apply(
    selection: Selection, consent: Consent, console: Console, outside: Outside, *, yes: bool = False
) -> Exit:
    """Apply one target; `yes` stands for the answer of a person who is not there."""
    requests = RequestCount()
    with open_session(selection, outside, requests) as session:
        if session.workspace.warnings:
            console.say(problems_text(session.workspace.warnings))
        made = plan_target(session, consent, console)
        console.interim(plan_text(made, paint=console.paint, verbose=console.verbose))
        if made.changes and not yes:
            _ask(made, console)
        report = carry_out(session, made, console, outside)
        console.result(report_text(report, paint=console.paint), report_document(report))
    if console.verbose:
        console.say(requests.text)
    return report.exit


def _ask(plan: Plan, console: Console) -> None:
    if not console.stdin.isatty():
        raise Refused("there is no terminal to ask on: look at the plan, then run apply with --yes")
    question = f"Apply {counted(len(plan.changes), 'change')} to {plan.scope.target}? Only yes is yes:"
    if console.ask(question) != "yes":
        raise Refused("not confirmed; nothing was changed")


def carry_out(session: Session, plan: Plan, console: Console, outside: Outside) -> Report:
    """Carry out a plan on an open target; an interrupt ends what is under way and begins nothing more."""
    run = Run(plan.account, session.client, outside.clock, session.checkmarket.patience.total_seconds())
    pool = Pool(
        session.checkmarket.parallelism, console, on_interrupt=lambda: run.stop("not begun: interrupted")
    )
    return apply_plan(plan, run, each=pool)
