"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from reconciler.commands.across import TargetSelection, Told, visited
from reconciler.commands.carrying import carried_out
from reconciler.commands.console import Console
from reconciler.commands.edit import NO_IDS, without_lines, write_ids
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import Enter, plan_seeds, tenant_when_asked
from reconciler.commands.github import begin
from reconciler.commands.memory import remembered
from reconciler.commands.planning import read_target
from reconciler.commands.reports import Report, Reporting, reporting
from reconciler.commands.reviewing import EVERYTHING, Agreed, Reviewed, agree
from reconciler.commands.runs import NO_WAIT, Lock
from reconciler.commands.session import Session, check_target_is_named, open_session, open_target
from reconciler.commands.since import files_since
from reconciler.commands.workspace import Selection
from reconciler.config.load import Workspace
from reconciler.engine.change import Plan
from reconciler.engine.plan import Consent
from reconciler.engine.review import Since
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.seed import Seed
from reconciler.render.json import report_document
from reconciler.render.report import Applied, Planned, exit_of, reports_document, reports_text
from reconciler.render.text import plan_text, report_text
from reconciler.render.values import Document, counted

Tell: TypeAlias = Callable[[str, Document], None]
"""Tells how everything ended, in text and as a document."""


class How(Struct, frozen=True):
    """How plans are carried out, on every target alike."""

    consent: Consent
    yes: bool = False
    with_seeds: bool = True
    lock: Lock = NO_WAIT
    reviewed: Reviewed = EVERYTHING
    since: str | None = None
    write_ids: bool = False
    reports: tuple[Report, ...] = ()


def apply(
    selection: Selection,
    consent: Consent,
    console: Console,
    environment: Environment,
    *,
    yes: bool = False,
    with_seeds: bool = True,
    lock: Lock = NO_WAIT,
    reviewed: Reviewed = EVERYTHING,
    since: str | None = None,
    write_ids: bool = False,
    reports: tuple[Report, ...] = (),
) -> Exit:
    """Apply one target, of it what was reviewed; `yes`, or a review, is the answer of a person not there.

    With `write_ids` the files learn the ids of what was created or found by its name.
    """
    how = How(consent, yes, with_seeds, lock, reviewed, since, write_ids, reports)
    selection = reviewed.selection(selection)
    with reporting("apply", selection, reports, console, environment) as report:
        check_target_is_named(selection, environment)
        with open_session(selection, environment) as session:
            begin(session.workspace, console, environment)
            exit, _ = _applied(session, selection, how, report, console, console.result)
    return Exit.gravest([exit, report.exit])


def apply_across(
    several: TargetSelection, selection: Selection, how: How, console: Console, environment: Environment
) -> Exit:
    """Apply several targets one after the other, each asked about by itself; return the gravest end."""

    def visit(workspace: Workspace[Seed], part: Selection) -> Told:
        with open_target(workspace, part, environment) as session:
            return _applied(session, part, how, report, console, lambda text, _: console.interim(text))

    with reporting("apply", selection, how.reports, console, environment) as report:
        ends = visited(several, selection, visit, console, environment)
        report.failures(ends)
    console.result(console.paint.strong(reports_text(ends)), reports_document(ends))
    return Exit.gravest([exit_of(ends), report.exit])


def _applied(
    session: Session, selection: Selection, how: How, written: Reporting, console: Console, tell: Tell
) -> Told:
    """Plan, ask, carry out and tell."""
    how.reviewed.check_files(session)
    with tenant_when_asked(session, console) as enter:
        agreed, before = _agreed(session, selection, how, console, enter)
        _show(agreed, before, console)
        if not how.yes and not how.reviewed.binds:
            confirm(agreed.plan, agreed.seeds, console)
        with carried_out(session, agreed, how.lock, console, enter) as done:
            ids = write_ids(done.report, session, console) if how.write_ids else NO_IDS
            exit = Exit.gravest([done.exit, ids.exit])
            report = without_lines(done.report, ids)
            warnings = (*session.workspace.warnings, *agreed.untrue)
            planned = Planned(agreed.plan, done.seeds, before, warnings, places=session.places)
            written.interim(Applied(planned, report, done.sent, exit, ids.ids))
            document = report_document(
                report, done.seeds, done.sent, exit, before, problems=warnings, ids_written=ids.ids
            )
            text = report_text(report, done.seeds, done.sent, paint=console.paint, ids_written=ids.ids)
            tell(text, document)
    return exit, document


def _agreed(
    session: Session, selection: Selection, how: How, console: Console, enter: Enter
) -> tuple[Agreed, Since | None]:
    """Plan; return what is to be carried out, and what of it was there before the files changed."""
    past = files_since(how.since, session) if how.since is not None else None
    with remembered(session, console) as memory:
        live = read_target(session, memory, how.consent, console)
        seeds = plan_seeds(session, memory, enter) if how.with_seeds else SeedsPlan()
        agreed = agree(how.reviewed, session, live, seeds, how.consent)
        return agreed, past.against(live, selection, how.consent) if past else None


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
        raise Refused("there is no terminal to ask on: look at the plan, then run it again with --yes")
    customers = f"{counted(len(seeds.sending), 'seed')} ({counted(seeds.customers, 'customer')})"
    sending = f" and send {customers}" if seeds.customers else ""
    question = f"Apply {counted(len(plan.changes), 'change')}{sending} to {plan.scope.target}?"
    if console.ask(f"{question} Only yes is yes:") != "yes":
        raise Refused("not confirmed; nothing was changed")
