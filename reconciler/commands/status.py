"""`reconciler status`: how targets with_states, in figures for people and dashboards. Reads only.

The figures are those of a plan to which nobody consented to anything: `render.status` says what each counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import expoints_session
from reconciler.commands.journal import open_past
from reconciler.commands.memory import Memory, recalled
from reconciler.commands.plan import read_target
from reconciler.commands.reports import TargetResult as Told
from reconciler.commands.reports import TargetSelection, for_each_target
from reconciler.commands.session import Chosen, Session, chosen_target, open_target, tenant_account
from reconciler.commands.workspace import Selection
from reconciler.config.load import Workspace
from reconciler.engine.change import Plan
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, ReconcilerError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState
from reconciler.expoints.seed import Seed
from reconciler.journal.entries import Run
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.planfile.files import check_place, write_shared
from reconciler.render.status import (
    JournalFigures,
    OpenRun,
    ResourceFigures,
    SeedFigures,
    TargetStatus,
    openmetrics,
    prometheus,
    status_document,
    status_text,
)
from reconciler.render.values import json_text

_APPLY = "apply"


class Form(StrEnum):
    """How the figures are written."""

    TEXT = "text"
    JSON = "json"
    OPENMETRICS = "openmetrics"
    PROMETHEUS = "prometheus"
    """The older text format, which the textfile collector of node_exporter reads."""


def status(
    several: TargetSelection,
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
    statuses = _statuses(several, selection, form, console, environment)
    now = environment.clock.now()
    text = _text(form, statuses, now, console)
    if file:
        write_shared(file, f"{_text(form, statuses, now, replace(console, colour=False))}\n")
    console.result(text, status_document(statuses, now))
    pending = detailed_exitcode and any(status.is_pending for status in statuses)
    return Exit.gravest([*(status.exit for status in statuses), *([Exit.PENDING] if pending else [])])


def _complain(status: TargetStatus, console: Console) -> None:
    """Tell a person what a result for programs says of errors, or cannot say."""
    for error in filter(None, (status.error, status.journal_error)):
        console.complain(f"target {status.target}: {error}")


def _text(form: Form, statuses: Sequence[TargetStatus], now: float, console: Console) -> str:
    match form:
        case Form.TEXT:
            return status_text(statuses, now, paint=console.paint)
        case Form.JSON:
            return json_text(status_document(statuses, now))
        case Form.OPENMETRICS:
            return openmetrics(statuses, now)
        case Form.PROMETHEUS:
            return prometheus(statuses, now)


def _statuses(
    several: TargetSelection, selection: Selection, form: Form, console: Console, environment: Environment
) -> tuple[TargetStatus, ...]:
    """Look at every target, each by itself. Errors: `FilesInvalid` and `UsageError` before the first."""
    found: dict[str, TargetStatus] = {}

    def visit(workspace: Workspace[Seed], part: Selection) -> Told:
        one = _looked_at(workspace, part, console, environment)
        found[one.target] = one
        if form is not Form.TEXT:
            _complain(one, console)
        return one.exit, None

    ends = for_each_target(several, selection, visit, console.without_parts, environment)
    return tuple(
        found.get(end.target) or TargetStatus(end.target, error=end.error, exit=end.exit) for end in ends
    )


def _looked_at(
    workspace: Workspace[Seed], part: Selection, console: Console, environment: Environment
) -> TargetStatus:
    look = _Look(Chosen(workspace, chosen_target(workspace, part.target), environment), console)
    with _noted(look.errors), open_target(workspace, part, environment) as session:
        look.at(session)
    if look.journal is None and not look.journal_errors:
        # It could not even be opened; its journal may be read for all that.
        with _noted(look.journal_errors), open_past(look.chosen) as past:
            look.remember(past)
    return look.status


@contextmanager
def _noted(errors: list[ReconcilerError]) -> Iterator[None]:
    """Let an expected failure end the block alone, and be told at the end."""
    try:
        yield
    except ReconcilerError as error:
        errors.append(error)


class _Look(Struct):
    """What is found out of one target, piece by piece: what goes wrong with one leaves the others whole."""

    chosen: Chosen
    console: Console
    account: str = ""
    account_in_journal: str = ""
    tenant: str = ""
    resources: ResourceFigures | None = None
    seeds: SeedFigures | None = None
    changes_in_doubt: int | None = None
    journal: JournalFigures | None = None
    errors: list[ReconcilerError] = field(default_factory=list)
    journal_errors: list[ReconcilerError] = field(default_factory=list)

    @property
    def status(self) -> TargetStatus:
        """All of it."""
        return TargetStatus(
            target=self.chosen.target.name,
            account=self.account,
            tenant=self.tenant,
            resources=self.resources,
            seeds=self.seeds,
            changes_in_doubt=self.changes_in_doubt,
            journal=self.journal,
            error=_text_of(self.errors),
            journal_error=_text_of(self.journal_errors),
            exit=Exit.gravest(error.exit for error in (*self.errors, *self.journal_errors)),
        )

    def at(self, session: Session) -> None:
        """Look at the account, the tenant and the journal of an open target."""
        if session.target.checkmarket:
            self.account, self.account_in_journal = session.account_name, session.account
        self.tenant = "".join(tenant_account(session.target))
        with recalled(session) as memory:
            with _noted(self.journal_errors):
                _check(memory)
                self.remember(memory.past)
            with _noted(self.errors):
                self._compare(session, memory)
            with _noted(self.errors):
                self._count_seeds(session, memory)

    def remember(self, past: ReadOnlyJournal) -> None:
        """Take what the journal says of the target. Errors: `Refused` where it cannot be read."""
        runs, now = past.runs(), self.chosen.environment.clock.now()
        applies = (r for r in runs if r.start.target == self.chosen.target.name and r.start.command == _APPLY)
        held = [run for run in runs if run.is_open and self._is_here(run)]
        observer = this_process() if held else None
        self.journal = JournalFigures(
            next((run for run in applies if not run.is_open), None),
            tuple(OpenRun(run, is_dead(run, observer, now)) for run in held if observer),
        )

    def _is_here(self, run: Run) -> bool:
        """Tell whether a run is on the target, or holds one of its accounts under the name of another one."""
        return run.start.target == self.chosen.target.name or any(
            account in (self.account_in_journal, self.tenant) for account in run.start.accounts
        )

    def _compare(self, session: Session, memory: Memory) -> None:
        plan = read_target(session, memory, Consent(), self.console).plan_as_is(Consent())
        self.resources = _resources(session, plan)
        self.changes_in_doubt = _in_doubt(plan, memory, self.journal) if self.journal else None

    def _count_seeds(self, session: Session, memory: Memory) -> None:
        if memory.trouble is not None:
            return
        with expoints_session(session, self.console) as expoints:
            plan = expoints.plan_with(memory)
        if plan.trouble is not None:
            raise plan.trouble
        self.seeds = _seeds(plan)


def _text_of(errors: Sequence[ReconcilerError]) -> str:
    return "; ".join(dict.fromkeys(map(str, errors)))


def _check(memory: Memory) -> None:
    if memory.trouble is not None:
        raise memory.trouble


def _resources(session: Session, plan: Plan) -> ResourceFigures:
    return ResourceFigures(
        managed=sum(not declared.absent for declared in session.declared),
        unmanaged=len(plan.unmanaged),
        drifted=len(plan.changes),
        blocked=len(plan.blocked),
    )


def _in_doubt(plan: Plan, memory: Memory, journal: JournalFigures) -> int:
    differing = {*(change.key for change in plan.changes), *(blocked.key for blocked in plan.blocked)}
    at_work = {one.run.number for one in journal.open_runs if not one.is_dead}
    return sum(key in differing and run not in at_work for key, run in memory.unsure.items())


def _seeds(plan: SeedsPlan) -> SeedFigures:
    doubts = [seed.count(RecipientState.IN_DOUBT) for seed in plan.seeds]
    return SeedFigures(
        declared=len(plan.seeds),
        pending=len(plan.sending),
        blocked=sum(bool(seed.is_found or (seed.blocks and seed.due)) for seed in plan.seeds),
        in_doubt=sum(map(bool, doubts)),
        customers_pending=plan.customers,
        customers_in_doubt=sum(doubts),
    )
