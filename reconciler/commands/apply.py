"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from reconciler.commands.carrying import carried_out
from reconciler.commands.console import Console
from reconciler.commands.memory import remembered
from reconciler.commands.outside import Outside
from reconciler.commands.planning import read_target
from reconciler.commands.requests import RequestCount
from reconciler.commands.reviewing import EVERYTHING, Agreed, Reviewed, agree
from reconciler.commands.runs import NO_WAIT, Lock
from reconciler.commands.session import Selection, check_target_is_named, open_session
from reconciler.commands.since import files_since
from reconciler.commands.tenant import plan_seeds
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.engine.since import Since
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
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
    reviewed: Reviewed = EVERYTHING,
    since: str | None = None,
) -> Exit:
    """Apply one target, of it what was reviewed; `yes`, or a review, is the answer of a person not there."""
    selection = reviewed.selection(selection)
    check_target_is_named(selection, outside)
    requests = RequestCount()
    with open_session(selection, outside, requests) as session:
        reviewed.check_accounts(session)
        if session.workspace.warnings:
            console.say(problems_text(session.workspace.warnings))
        past = files_since(since, session) if since is not None else None
        with remembered(session, console) as memory:
            live = read_target(session, memory, consent, console)
            seeds = plan_seeds(session, memory, console) if with_seeds else SeedsPlan()
            agreed = agree(reviewed, session, live, seeds, consent)
            before = past.against(live, selection, consent) if past else None
        _show(agreed, before, console)
        if not yes and not reviewed.binds:
            confirm(agreed.plan, agreed.seeds, console)
        with carried_out(session, agreed, lock, console) as done:
            document = report_document(done.report, done.seeds, done.sent, done.exit, before)
            console.result(report_text(done.report, done.sent, paint=console.paint), document)
    if console.verbose:
        console.say(requests.text)
    return done.exit


def _show(agreed: Agreed, since: Since | None, console: Console) -> None:
    text = plan_text(agreed.plan, agreed.seeds, since, paint=console.paint, verbose=console.verbose)
    console.show_before_asking(text)
    if agreed.gone:
        console.say(agreed.gone)


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
