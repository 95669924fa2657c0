"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console, Pool
from reconciler.commands.edit import write_ids
from reconciler.commands.environment import Environment, deferred_interrupts
from reconciler.commands.expoints import ExpointsSession, digests_of, expoints_session
from reconciler.commands.journal import RESTORE, memory_in, open_past
from reconciler.commands.plan import LiveSnapshot, seeds_exits, snapshot
from reconciler.commands.reports import (
    ReportFile,
    Reporting,
    TargetResult,
    TargetSelection,
    begin,
    for_each_target,
    reporting,
)
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, open_run
from reconciler.commands.session import (
    Session,
    check_account,
    check_target_is_named,
    open_session,
    open_target,
    tenant_account,
)
from reconciler.commands.workspace import Selection
from reconciler.config.load import Workspace
from reconciler.config.names import visible
from reconciler.engine.apply import Journal, Run
from reconciler.engine.apply import apply as apply_plan
from reconciler.engine.change import Action, Plan, fingerprint_of
from reconciler.engine.classify import LastWrite
from reconciler.engine.outcome import Outcome, Result, exit_of_all
from reconciler.engine.plan import Consent, Review, digests_meant, joined, without_created
from reconciler.errors import Exit, ReconcilerError, Refused, UsageError, describe
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import SeedPlan, SendResult
from reconciler.expoints.seed import Seed
from reconciler.expoints.sending import kept_waiting
from reconciler.journal.entries import FOUND_BY_NAME, Ending
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.planfile.files import PlanFile, read_plan
from reconciler.render.json import across_document, report_document
from reconciler.render.report import TargetReport, across_summary
from reconciler.render.text import plan_text, report_text
from reconciler.render.values import counted, in_short

_STOPPED = "the run was stopped"


class ApplyOptions(Struct, frozen=True):
    """What is asked of an apply, on every target alike."""

    consent: Consent = Consent()
    yes: bool = False  # whether to go on without a question
    with_seeds: bool = True
    lock: Lock = NO_WAIT
    reviewed: frozenset[str] = frozenset()
    """Digests and fingerprints of what was reviewed: only that is carried out, without a question."""
    plan_files: tuple[Path, ...] = ()  # say the same; without either, everything is carried out
    since: str | None = None  # a commit: the plan is split by what the files since then cause
    write_ids: bool = False  # whether the files learn the ids of what was created or found by its name
    reports: tuple[ReportFile, ...] = ()
    restores: int | None = None  # the run to take back, instead of what the files declare


def apply(selection: Selection, options: ApplyOptions, console: Console, environment: Environment) -> Exit:
    """Apply one target, of it what was reviewed; return the gravest end. Errors as in `read_plan`."""
    approval, selection = read_approval(selection, options, environment)
    with reporting("apply", selection, options.reports, console, environment) as report:
        check_target_is_named(selection, environment)
        with open_session(selection, environment) as session:
            begin(session.workspace, console, environment)
            exit, _ = _apply_target(session, options, approval, report, console, alone=True)
    return exit


def apply_across(
    targets: TargetSelection,
    selection: Selection,
    options: ApplyOptions,
    console: Console,
    environment: Environment,
) -> Exit:
    """Apply several targets one after the other, each asked about by itself; return the gravest end."""
    approval, selection = read_approval(selection, options, environment)

    def visit(workspace: Workspace[Seed], part: Selection) -> TargetResult:
        with open_target(workspace, part, environment) as session:
            return _apply_target(session, options, approval, report, console, alone=False)

    with reporting("apply", selection, options.reports, console, environment) as report:
        ends = for_each_target(targets, selection, visit, console, environment)
        report.failures(ends)
    console.result(console.paint.strong(across_summary(ends, "apply")), across_document(ends, "apply"))
    return Exit.gravest(end.exit for end in ends)


def _apply_target(
    session: Session,
    options: ApplyOptions,
    approval: Approval,
    report: Reporting,
    console: Console,
    *,
    alone: bool,
) -> TargetResult:
    """Plan, ask, execute, and print how it ended while interrupts are still deferred."""
    approval.check_files(session)
    with expoints_session(session, console) as expoints:
        with snapshot(session, options.consent, options.since, console, approval.restores) as live:
            with_seeds = options.with_seeds and approval.restores is None
            seeds = expoints.plan_with(live.memory) if with_seeds else SeedsPlan()
            planned = approve(approval, live, seeds)
        asks = not options.yes and planned.review is None  # what was reviewed is the answer of a person
        text = plan_text(planned, paint=console.paint, verbose=console.verbose)
        console.show_before_asking(text, is_asked=asks)
        if planned.gone:
            console.say(planned.gone)
        if asks:
            confirm(planned.plan, planned.seeds, console)
        with execute(session, planned, approval.command, options.lock, console, expoints) as applied:
            if options.write_ids:
                applied = write_ids(applied, session, console)
            report.interim(applied)
            text = report_text(applied, paint=console.paint)
            if alone:
                # Only the form that is asked for is made: of a large plan, the other one takes its time.
                document = report_document(applied) if console.as_json else None
                console.result(text, document, has_summary=True)
            else:
                console.interim(text)
    return applied.exit, applied


def confirm(plan: Plan, seeds: SeedsPlan, console: Console) -> None:
    """Ask the person at the terminal. Errors: `Refused` without a terminal, or without a yes."""
    if not plan.changes and not seeds.customers:
        return
    customers = f"{counted(len(seeds.sending), 'seed')} ({counted(seeds.customers, 'customer')})"
    sending = f" and send {customers}" if seeds.customers else ""
    question = f"Apply {counted(len(plan.changes), 'change')}{sending} to {plan.scope.target}?"
    advice = "look at the plan, then run it again with --yes"
    console.confirm(question, "nothing was changed", advice=advice)


class Approval(Struct, frozen=True):
    """What was reviewed: plan files, or digests and fingerprints; without either, everything.

    Of several files, as of several pull requests, what is in any of them was reviewed.
    """

    named: frozenset[str] = frozenset()
    files: tuple[PlanFile, ...] = ()
    restores: int | None = None  # the run to take back, as asked for or by the plan file
    command: str = "apply"  # what the journal calls a run that carries it out

    def check_files(self, session: Session) -> None:
        """Check that each plan file was made for the accounts of the open target, and shows what it means.

        Errors: `Refused`.
        """
        for file in self.files:
            pairs = [("account", file.account, session.account_name)]
            if file.tenant is not None and session.seeds:
                pairs += [("tenant", file.tenant, name) for name in tenant_account(session.target)]
            for what, planned, here in pairs:
                if planned != here:
                    raise Refused(
                        f"{file.name} is a plan for {what} {visible(planned)}, and target "
                        f"{session.target.name} is {here} now: plan again, and review that"
                    )
            file.check_shown(session.kind)

    def review(self, now: Collection[str], past: ReadOnlyJournal, account: str) -> Review | None:
        """Return what it covers, where `now` are the digests of the plan that is made now; `None` for all."""
        if self.files:
            return joined([file.review for file in self.files])
        if not self.named:
            return None

        def earlier(fingerprint: str) -> frozenset[str]:
            runs = [run for run in past.runs(account) if run.start.fingerprint == fingerprint]
            for run in runs:
                if fingerprint_of(run.start.digests) != fingerprint:
                    raise Refused(
                        f"run {run.number} in the journal is damaged or was changed: its digests do not make "
                        f"the fingerprint {fingerprint}, so they do not say what was reviewed. Review the "
                        "plan file, or the plan that is made now"
                    )
            return frozenset(digest for run in runs for digest in run.start.digests)

        return Review(digests_meant(self.named, now, earlier))


def read_approval(
    selection: Selection, options: ApplyOptions, environment: Environment
) -> tuple[Approval, Selection]:
    """Return what was reviewed, and of the selection what that is about: all of it, where plan files differ.

    Errors as in `read_plan`; `Refused` where another target is named, or a file leaves out what it would do.
    """
    files = tuple(read_plan(environment.folder / path) for path in options.plan_files)
    restores = options.restores
    for file in files:
        if file.restores is not None and len(files) > 1:
            raise UsageError(f"{file.name} is the way back from run {file.restores}: apply it by itself")
        restores = file.restores
        named = file.review.names.values()
        if left := [visible(key) for key in named if not all(part.holds(key) for part in file.parts)]:
            raise Refused(
                f"{file.name} was changed after it was made: its selection leaves out {', '.join(left)}, "
                "which it would change; make it with plan --out FILE"
            )
        if selection.target not in (None, file.target):
            raise Refused(
                f"{file.name} is a plan for target {visible(file.target)}, and target "
                f"{selection.target} is named: plan for that one, or leave --target out"
            )
        selection = replace(selection, target=file.target)
    about = {file.parts for file in files}
    within = about.pop() if len(about) == 1 else ()
    verb = "apply" if restores is None else f"{RESTORE}{restores}"
    plans = [f"{Path(one.name).name} ({fingerprint_of(one.review.digests)[:12]})" for one in files]
    fingerprints = [f"--reviewed {one[:12]}" for one in sorted(options.reviewed)]
    command = " ".join([verb, *plans, *fingerprints])
    return Approval(options.reviewed, files, restores, command), replace(selection, within=within)


def approve(approval: Approval, live: LiveSnapshot, seeds: SeedsPlan) -> TargetReport:
    """Return what of the plan that is made now is carried out, by what was reviewed."""
    session, memory = live.session, live.memory
    plan, seeds_here = live.plan(), session.seeds if approval.restores is None else ()
    declared = digests_of(seeds_here, session, session.workspace.settings.time_zone)
    # Seeds that are left out of a run are part of its plan all the same.
    now = [*plan.digests, *(seeds.digests if seeds.account else declared)]
    review = approval.review(now, memory.past, session.account)
    gone = ""
    if review is not None:
        plan = live.plan(review)
        now = sorted({*plan.digests, *(digest for digest in now if digest in review.digests)})
        if keys := review.gone(plan, declared):
            pruned = any(":" in key for key in keys) and not any(c.declared is None for c in plan.changes)
            hint = "; what --prune deletes needs that flag again" if pruned else ""
            gone = f"Reviewed, and done already or no longer wanted: {in_short([*map(visible, keys)])}{hint}."
        seeds = seeds.reviewed(review)
    warnings = (*session.workspace.warnings, *memory.untrue)
    return TargetReport(
        plan,
        seeds,
        live.since(),
        problems=warnings,
        places=session.places,
        digests=now,
        review=review,
        gone=gone,
        trouble=memory.trouble,
    )


@contextmanager
def execute(
    session: Session,
    planned: TargetReport,
    command: str,
    lock: Lock,
    console: Console,
    expoints: ExpointsSession,
) -> Iterator[TargetReport]:
    """Carry out a plan, in a run that the journal calls `command`; yield how it ended, to be printed inside.

    With nothing to be done no run begins, unless one that died is still to be ended. Where the journal could
    not be read for the plan, nothing is carried out: the plan does not know what may be done. From the first
    change to the end of the block, an interrupt only keeps further changes from beginning: those under way
    end, and are reported.
    """
    found = _found_creates(planned.plan)
    if not planned.plan.changes and planned.seeds.is_settled and not found and not _is_left_open(session):
        yield _applied(planned, apply_plan(planned.plan, engine_for(session, planned.plan)))
        return
    if planned.trouble is not None:
        raise planned.trouble
    applied: TargetReport | None = None
    with ExitStack() as deferral:
        try:
            with open_run(session, command, lock, console, planned.digests) as run:
                check_account(session)
                plan = planned.plan
                if plan.count(Action.CREATE):
                    # Now that no other run can write: what one has created since the plan is left alone.
                    plan = without_created(plan, memory_in(session, run.journal).last_writes)
                for doubt, id in found:
                    ending = Ending(Result.APPLIED.value, f"{FOUND_BY_NAME} in run {run.number}", id)
                    run.journal.end_operation(doubt.operation, ending)
                engine = engine_for(session, plan, run)
                deferral.enter_context(deferred_interrupts(lambda: _stop(engine, console)))
                # Half as many threads again as requests may be under way: some always wait for the journal.
                workers = session.checkmarket.workers
                outcomes = apply_plan(plan, engine, mapper=Pool(workers + workers // 2, console))
                seeds, sent = _send_seeds(planned, outcomes, run, engine, expoints)
                ran = replace(planned, seeds=seeds, run=run.number)
                applied = _applied(ran, outcomes, engine.notes, sent)
                ends = applied.summary
                counts = {result.value: ends[result.name.lower()] for result in Result}
                run.exit, run.counts = applied.exit, {**counts, "sent": sum(end.sent for end in sent)}
        except Exception as error:
            if applied is None:
                raise
            console.warn(f"the journal could not be closed: {describe(error)}")
        console.has_written = True
        yield applied


def _applied(
    planned: TargetReport,
    outcomes: Sequence[Outcome],
    notes: Sequence[str] = (),
    sent: Sequence[SendResult] = (),
) -> TargetReport:
    """Return how everything ended: some done beside some that went wrong is partly applied."""
    exits = [exit_of_all(outcomes), *(end.exit for end in sent), *seeds_exits(planned.seeds)]
    done = any(one.result is Result.APPLIED for one in outcomes) or any(end.sent for end in sent)
    wrong = any(exit in (Exit.ERROR, Exit.UNAVAILABLE) for exit in exits)
    exit = Exit.gravest([*exits, *([Exit.PARTLY] if done and wrong else [])])
    return replace(planned, is_applied=True, outcomes=outcomes, notes=notes, sent=sent, exit=exit)


def _found_creates(plan: Plan) -> list[tuple[LastWrite, int]]:
    """Return the creates in doubt of which the plan has found by the name what they made, with its id."""
    ids = {one.key: one.id for one in plan.every_change if one.adopted}
    ids |= {one.key: one.id for one in plan.unchanged if one.adopted}
    doubts = [(key, one) for key, one in plan.account.last_writes.items() if one.is_create_in_doubt]
    return [(doubt, id) for key, doubt in doubts if (id := ids.get(key)) is not None]


def _is_left_open(session: Session) -> bool:
    """Return whether a run on the account died before it ended, so that the next one has to end it."""
    try:
        with open_past(session) as past:
            open_runs = [run for run in past.runs(session.account) if run.is_open]
    except ReconcilerError:
        return False  # nothing is to be done, so nothing needs the journal
    return any(is_dead(run, this_process(), session.environment.clock.now()) for run in open_runs)


def engine_for(session: Session, plan: Plan, journal: Journal | None = None) -> Run:
    """Return what carries out a plan on the target, and writes it down in `journal`."""
    patience = session.checkmarket.patience.total_seconds()
    clock = session.environment.clock
    return Run(plan.account, session.client, clock, patience, journal, recreate=plan.recreate)


def _stop(engine: Run, console: Console) -> None:
    """Begin nothing more; say once why the run does not end at once."""
    if engine.stopped:
        return
    engine.stop("interrupted")
    with suppress(RuntimeError):  # it may have been telling something else just then
        console.say("Interrupted: what is under way comes to its end, nothing further is begun.")


def _send_seeds(
    planned: TargetReport, outcomes: Sequence[Outcome], run: OpenRun, engine: Run, expoints: ExpointsSession
) -> tuple[SeedsPlan, tuple[SendResult, ...]]:
    """Send what is due after the changes; return the plan by which it was done, and how each seed ended."""
    seeds = planned.seeds
    if not seeds.seeds:
        return seeds, ()
    if engine.stopped:
        return seeds, tuple(kept_waiting(seed, _STOPPED) for seed in seeds.sending)
    ends = {unchanged.key: Result.APPLIED for unchanged in planned.plan.unchanged}
    ends |= {outcome.key: outcome.result for outcome in outcomes}

    def why_held(plan: SeedPlan) -> str:
        """Return why a seed has to wait: what it comes after did not come to be, or the run was stopped."""
        if engine.stopped:
            return _STOPPED
        waiting = [key for key in plan.seed.after if ends.get(key) is not Result.APPLIED]
        return ", ".join(
            f"{key} is {ends[key].value if key in ends else 'not part of this run'}" for key in waiting
        )

    return expoints.send(run, seeds, planned.review, why_held, lambda: bool(engine.stopped))
