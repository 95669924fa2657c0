"""`reconciler status`: how targets stand, in figures for people and dashboards. Reads only.

The figures are those of a plan without any consent: `render.status` says what each counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import expoints_session
from reconciler.commands.journal import open_past, remembered
from reconciler.commands.plan import read_target
from reconciler.commands.reports import TargetResult, TargetSelection, for_each_target
from reconciler.commands.session import Chosen, chosen_target, open_target, tenant_account
from reconciler.commands.workspace import Selection
from reconciler.config.load import Workspace
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, ReconcilerError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState
from reconciler.expoints.seed import Seed
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.planfile.files import check_place, write_document
from reconciler.problems import Problem
from reconciler.render.status import (
    JournalFigures,
    ResourceFigures,
    SeedFigures,
    TargetStatus,
    openmetrics,
    prometheus,
    status_document,
    status_text,
)
from reconciler.render.values import PLAIN, Document, Paint, json_text


class Form(StrEnum):
    """How the figures are written."""

    TEXT = "text"
    JSON = "json"
    OPENMETRICS = "openmetrics"
    PROMETHEUS = "prometheus"  # the older text format, which the textfile collector of node_exporter reads


def status(
    targets: TargetSelection,
    selection: Selection,
    form: Form,
    console: Console,
    environment: Environment,
    *,
    detailed_exitcode: bool = False,
    out: Path | None = None,
) -> Exit:
    """Print how the targets stand; return what kept one from being asked, if anything did.

    `out` is a file that the same is written to as well, whole or not at all, for every user to read.
    """
    file = environment.folder / out if out else None
    if file:
        check_place(file, "status")
    found: dict[str, TargetStatus] = {}
    warnings: dict[Problem, None] = {}

    def visit(workspace: Workspace[Seed], part: Selection) -> TargetResult:
        warnings.update(dict.fromkeys(workspace.warnings))
        chosen = Chosen(workspace, chosen_target(workspace, part.target), environment)
        one = found[chosen.target.name] = _status_of(chosen, part, console)
        if form is not Form.TEXT:
            # A result for programs says little of errors, or nothing.
            for error in filter(None, (one.error, one.journal_error)):
                console.complain(f"target {one.target}: {error}")
        return one.exit, None

    ends = for_each_target(targets, selection, visit, replace(console, as_json=True), environment)
    statuses = [
        found.get(end.target) or TargetStatus(end.target, error=end.error, exit=end.exit) for end in ends
    ]
    now = environment.clock.now()
    document = status_document(statuses, now, [*warnings])
    if file:
        write_document(file, f"{_text(form, statuses, now, document, PLAIN)}\n", "status")
    console.result(
        _text(form, statuses, now, document, console.paint), document, has_summary=form is Form.TEXT
    )
    pending = detailed_exitcode and any(status.is_pending for status in statuses)
    return Exit.gravest([*(status.exit for status in statuses), *([Exit.PENDING] if pending else [])])


def _text(form: Form, statuses: Sequence[TargetStatus], now: float, document: Document, paint: Paint) -> str:
    match form:
        case Form.TEXT:
            return status_text(statuses, now, paint=paint)
        case Form.JSON:
            return json_text(document)
        case Form.OPENMETRICS:
            return openmetrics(statuses, now)
        case Form.PROMETHEUS:
            return prometheus(statuses, now)


@contextmanager
def _noted(errors: list[ReconcilerError]) -> Iterator[None]:
    """Let an expected failure end the block alone, and be reported at the end."""
    try:
        yield
    except ReconcilerError as error:
        errors.append(error)


def _status_of(chosen: Chosen, selection: Selection, console: Console) -> TargetStatus:
    """Look at the account, the tenant and the journal of a target.

    What goes wrong with one of them leaves the others whole.
    """
    target = chosen.target
    errors, journal_errors = list[ReconcilerError](), list[ReconcilerError]()
    found: dict[str, Any] = {}
    accounts: set[str] = set()
    with (
        _noted(errors),
        open_target(chosen.workspace, selection, chosen.environment) as session,
        remembered(session) as memory,
    ):
        if target.checkmarket:
            found["account"] = session.account_name
            accounts.add(session.account)
        found["tenant"] = "".join(tenant_account(target))
        accounts |= {*tenant_account(target)}
        with _noted(journal_errors):
            if memory.trouble is not None:
                raise memory.trouble
            found["journal"] = _journal(memory.past, chosen, accounts)
        with _noted(errors):
            plan = read_target(session, memory, Consent(), console).plan()
            drifted = sum(one.is_changed_live for one in plan.changes)
            found["resources"] = ResourceFigures(
                managed=sum(not declared.absent for declared in session.declared),
                unmanaged=len(plan.unmanaged),
                pending=len(plan.changes) - drifted,
                drifted=drifted,
                blocked=len(plan.blocked),
            )
            if "journal" in found:
                differing = {*(change.key for change in plan.changes), *(one.key for one in plan.blocked)}
                at_work = {run.number for run, dead in found["journal"].open_runs if not dead}
                found["changes_in_doubt"] = sum(
                    key in differing and run not in at_work for key, run in memory.unsure.items()
                )
        with _noted(errors), expoints_session(session, console) as expoints:
            if memory.trouble is None:
                found["seeds"] = _seeds(expoints.plan_with(memory))
    if "journal" not in found and not journal_errors:
        # The target could not even be opened; its journal may be read for all that.
        with _noted(journal_errors), open_past(chosen) as past:
            found["journal"] = _journal(past, chosen, accounts)
    return TargetStatus(
        target=target.name,
        error="; ".join(dict.fromkeys(map(str, errors))),
        journal_error="; ".join(dict.fromkeys(map(str, journal_errors))),
        exit=Exit.gravest(error.exit for error in (*errors, *journal_errors)),
        **found,
    )


def _journal(past: ReadOnlyJournal, chosen: Chosen, accounts: AbstractSet[str]) -> JournalFigures:
    """Return what the journal says of the target. Errors: `Refused` where it cannot be read.

    A run under the name of another target counts if it holds an account of this one.
    """
    name, now = chosen.target.name, chosen.environment.clock.now()
    runs = past.runs()
    applies = (
        run for run in runs if run.start.target == name and run.start.command.partition(" ")[0] == "apply"
    )
    held = [
        run
        for run in runs
        if run.is_open and (run.start.target == name or not accounts.isdisjoint(run.start.accounts))
    ]
    observer = this_process() if held else None
    return JournalFigures(
        next((run for run in applies if not run.is_open), None),
        tuple((run, is_dead(run, observer, now)) for run in held if observer),
        chosen.workspace.settings.time_zone,
    )


def _seeds(plan: SeedsPlan) -> SeedFigures:
    """Return the figures of the seeds. Errors: what kept the tenant from being asked."""
    if plan.trouble is not None:
        raise plan.trouble
    doubts = [seed.count(RecipientState.IN_DOUBT) for seed in plan.seeds]
    return SeedFigures(
        declared=len(plan.seeds),
        pending=len(plan.sending),
        blocked=sum(bool(seed.kept_back) for seed in plan.seeds),
        in_doubt=sum(map(bool, doubts)),
        customers_pending=plan.customers,
        customers_in_doubt=sum(doubts),
    )
