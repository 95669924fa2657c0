"""`reconciler plan`: what would change, and what a PUT would reset. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.commands.across import TargetSelection, Told, visited
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import plan_seeds, tenant_when_asked
from reconciler.commands.github import begin
from reconciler.commands.memory import remembered
from reconciler.commands.planning import read_target
from reconciler.commands.reports import Report, reporting
from reconciler.commands.session import Session, open_session, open_target
from reconciler.commands.since import files_since
from reconciler.commands.workspace import Selection
from reconciler.config.load import Workspace
from reconciler.config.names import visible
from reconciler.engine.change import Plan
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import State
from reconciler.expoints.seed import Seed
from reconciler.planfile.files import check_place, write_plan
from reconciler.render.json import plan_document
from reconciler.render.report import Planned, exit_of, plans_document, plans_text
from reconciler.render.text import plan_text
from reconciler.render.values import Document, json_text


def plan(
    selection: Selection,
    consent: Consent,
    console: Console,
    environment: Environment,
    *,
    detailed_exitcode: bool = False,
    out: Path | None = None,
    since: str | None = None,
    reports: tuple[Report, ...] = (),
) -> Exit:
    """Print the plan of one target and return what it means.

    `out` is a file that the plan is written to as well, `since` a commit by which it is split.
    """
    file = environment.folder / out if out else None
    if file:
        check_place(file)
    with reporting("plan", selection, reports, console, environment, out) as report:
        with open_session(selection, environment) as session:
            begin(session.workspace, console, environment)
            made = _planned(session, selection, consent, console, since, detailed=detailed_exitcode)
        if file:
            write_plan(file, json_text(_document(made)))
            console.say(f"Written to {visible(str(out))}, fingerprint {made.fingerprint}.")
        report(made)
    _show(made, console)
    return Exit.gravest([made.exit, report.exit])


def plan_across(
    several: TargetSelection,
    selection: Selection,
    consent: Consent,
    console: Console,
    environment: Environment,
    *,
    detailed_exitcode: bool = False,
    since: str | None = None,
    reports: tuple[Report, ...] = (),
) -> Exit:
    """Print the plans of several targets one after the other, and one line over all; return the gravest."""

    def visit(workspace: Workspace[Seed], part: Selection) -> Told:
        with open_target(workspace, part, environment) as session:
            made = _planned(session, part, consent, console, since, detailed=detailed_exitcode)
        report.interim(made)
        console.interim(_text(made, console))
        return made.exit, _document(made)

    with reporting("plan", selection, reports, console, environment) as report:
        ends = visited(several, selection, visit, console, environment)
        report.failures(ends)
    console.result(console.paint.strong(plans_text(ends)), plans_document(ends))
    return Exit.gravest([exit_of(ends), report.exit])


def _show(made: Planned, console: Console) -> None:
    """Print the plan in the one form that is asked for: of a large one, the other takes its time."""
    if console.as_json:
        console.result("", _document(made))
    else:
        console.result(_text(made, console), None)


def _document(made: Planned) -> Document:
    return plan_document(made.plan, made.seeds, made.problems, made.since)


def _text(made: Planned, console: Console) -> str:
    return plan_text(made.plan, made.seeds, made.since, paint=console.paint, verbose=console.verbose)


def _planned(
    session: Session,
    selection: Selection,
    consent: Consent,
    console: Console,
    since: str | None,
    *,
    detailed: bool,
) -> Planned:
    past = files_since(since, session) if since is not None else None
    with remembered(session, console) as memory, tenant_when_asked(session, console) as enter:
        live = read_target(session, memory, consent, console)
        made, seeds = live.plan(consent), plan_seeds(session, memory, enter)
        before = past.against(live, selection, consent) if past else None
    exit = plan_exit(made, seeds, detailed=detailed)
    problems = (*session.workspace.warnings, *memory.untrue)
    return Planned(made, seeds, before, problems, exit, session.places)


def plan_exit(plan: Plan, seeds: SeedsPlan, *, detailed: bool) -> Exit:
    """Return what a plan means: in doubt or refused where apply would be, else pending where asked for."""
    pending = [Exit.PENDING] if detailed and (plan.changes or seeds.sending) else []
    return Exit.gravest([*pending, *(blocked.exit for blocked in plan.blocked), *seeds_exits(seeds)])


def seeds_exits(plan: SeedsPlan) -> Iterator[Exit]:
    """Yield what the seeds of a plan mean: a tenant that cannot be asked, a doubt, a refusal."""
    if plan.trouble is not None:
        yield plan.trouble.exit
    for seed in plan.seeds:
        if seed.count(State.IN_DOUBT):
            yield Exit.IN_DOUBT
        if seed.blocks and seed.due:
            yield seed.blocked_exit
        if seed.is_found:
            yield Exit.REFUSED
