"""`reconciler plan`: what would change, and what a PUT would reset. Writes nothing."""

from __future__ import annotations

from reconciler.commands.console import Console
from reconciler.commands.outside import Outside
from reconciler.commands.planning import plan_target
from reconciler.commands.requests import RequestCount
from reconciler.commands.session import Selection, open_session
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.errors import Exit
from reconciler.render.json import plan_document
from reconciler.render.text import plan_text, problems_text


def plan(
    selection: Selection,
    consent: Consent,
    console: Console,
    outside: Outside,
    *,
    detailed_exitcode: bool = False,
) -> Exit:
    """Print the plan of one target and return what it means."""
    requests = RequestCount()
    with open_session(selection, outside, requests) as session:
        if session.workspace.warnings:
            console.say(problems_text(session.workspace.warnings))
        made = plan_target(session, consent, console)
        console.result(
            plan_text(made, paint=console.paint, verbose=console.verbose),
            plan_document(made, session.workspace.warnings),
        )
    if console.verbose:
        console.say(requests.text)
    return plan_exit(made, detailed=detailed_exitcode)


def plan_exit(plan: Plan, *, detailed: bool) -> Exit:
    """Return what a plan means: refused where apply would refuse something, else pending where asked for."""
    if plan.blocked:
        return Exit.REFUSED
    return Exit.PENDING if plan.changes and detailed else Exit.DONE
