"""`reconciler plan`: what would change, and what a PUT would reset. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.commands.console import Console
from reconciler.commands.memory import remembered
from reconciler.commands.outside import Outside
from reconciler.commands.planning import plan_target
from reconciler.commands.requests import RequestCount
from reconciler.commands.session import Selection, open_session
from reconciler.commands.tenant import plan_seeds
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.errors import Exit
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.standing import State
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
        with remembered(session, console) as memory:
            made = plan_target(session, memory, consent, console)
            seeds = plan_seeds(session, memory, console, requests)
        console.result(
            plan_text(made, seeds, paint=console.paint, verbose=console.verbose),
            plan_document(made, seeds, session.workspace.warnings),
        )
    if console.verbose:
        console.say(requests.text)
    return plan_exit(made, seeds, detailed=detailed_exitcode)


def plan_exit(plan: Plan, seeds: SeedsPlan, *, detailed: bool) -> Exit:
    """Return what a plan means: refused where apply would refuse, else pending where asked for."""
    pending = [Exit.PENDING] if detailed and (plan.changes or seeds.sending) else []
    refused = [Exit.REFUSED] if plan.blocked else []
    return Exit.gravest([*pending, *refused, *seeds_exits(seeds)])


def seeds_exits(plan: SeedsPlan) -> Iterator[Exit]:
    """Yield what the seeds of a plan mean: a tenant that cannot be asked, a doubt, a refusal."""
    if plan.trouble is not None:
        yield plan.trouble.exit
    for seed in plan.seeds:
        if seed.count(State.IN_DOUBT):
            yield Exit.IN_DOUBT
        if seed.blocks and seed.due:
            yield Exit.REFUSED
