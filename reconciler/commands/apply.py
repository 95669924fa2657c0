"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console, Pool
from reconciler.commands.edit import NO_IDS, without_lines, write_ids
from reconciler.commands.environment import Environment, deferred_interrupts
from reconciler.commands.expoints import (
    Enter,
    Stops,
    digests_of,
    kept_waiting,
    plan_seeds,
    send_seeds,
    tenant_when_asked,
)
from reconciler.commands.journal import open_past
from reconciler.commands.memory import memory_in, remembered
from reconciler.commands.plan import LiveState, files_since, read_target, seeds_exits
from reconciler.commands.reports import ReportFile, Reporting, TargetSelection, begin, reporting, visited
from reconciler.commands.reports import TargetResult as Told
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, Purpose, open_run
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
from reconciler.engine.apply import Journal, NoJournal, Run
from reconciler.engine.apply import apply as apply_plan
from reconciler.engine.change import Action, Plan, fingerprint_of
from reconciler.engine.classify import CreateInDoubt
from reconciler.engine.declared import Part
from reconciler.engine.outcome import Report, Result
from reconciler.engine.plan import Consent, without_created
from reconciler.engine.review import PastPlans, Review, Since, digests_meant, joined
from reconciler.errors import Exit, ReconcilerError, Refused, describe
from reconciler.expoints.planning import SeedsPlan, reviewed_seeds
from reconciler.expoints.recipients import SeedPlan
from reconciler.expoints.seed import Seed
from reconciler.expoints.sending import SendResult
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.opening import Past
from reconciler.journal.runs import Ending
from reconciler.problems import Problem
from reconciler.render.json import report_document
from reconciler.render.report import Applied, Planned, exit_of, reports_document, reports_text
from reconciler.render.text import plan_text, report_text
from reconciler.render.values import Document, counted

if TYPE_CHECKING:
    from reconciler.planfile.files import PlanFile


class Reviewed(Struct, frozen=True):
    """What is said to be reviewed: plan files, or digests and fingerprints; without either, everything.

    Several files, as of several pull requests, stand for whatever is in any of them.
    """

    named: frozenset[str] = frozenset()
    files: tuple[PlanFile, ...] = ()

    @property
    def binds(self) -> bool:
        """Whether only what was reviewed may be carried out; it stands for the answer of a person then."""
        return bool(self.named or self.files)

    def selection(self, selection: Selection) -> Selection:
        """Return of the selection what the files are about, on their target.

        Errors: `Refused` where another target is named, or a file leaves out what it would do itself.
        """
        for file in self.files:
            _check_parts(file)
            if selection.target not in (None, file.target):
                raise Refused(
                    f"{file.name} is a plan for target {visible(file.target)}, and target "
                    f"{selection.target} is named: plan for that one, or leave --target out"
                )
            selection = replace(selection, target=file.target)
        return replace(selection, within=self._parts)

    @property
    def _parts(self) -> tuple[Part, ...]:
        """What all files are about: everything, where they are not about the same."""
        about = {file.parts for file in self.files}
        return about.pop() if len(about) == 1 else ()

    def check_files(self, session: Session) -> None:
        """Check that each plan file was made for the accounts of the open target, and shows what it means.

        Errors: `Refused`.
        """
        for file in self.files:
            _check_accounts(file, session)
            file.check_shown(session.kind)

    def review(self, now: Collection[str], past: PastPlans) -> Review | None:
        """Return what it covers, where `now` are the digests of the plan that is made now; `None` for all."""
        if self.files:
            return joined([file.review for file in self.files])
        return Review(digests_meant(self.named, now, past)) if self.named else None


def _check_parts(file: PlanFile) -> None:
    whole = Selection(within=file.parts)
    left = [visible(key) for key in file.review.names.values() if not whole.chooses(key)]
    if left:
        raise Refused(
            f"{file.name} was changed after it was made: its selection leaves out {', '.join(left)}, "
            "which it would change; make it with plan --out FILE"
        )


def _check_accounts(file: PlanFile, session: Session) -> None:
    pairs = [("account", file.account, session.account_name)]
    if file.tenant is not None and session.seeds:
        pairs += [("tenant", file.tenant, name) for name in tenant_account(session.target)]
    for what, planned, here in pairs:
        if planned != here:
            raise Refused(
                f"{file.name} is a plan for {what} {visible(planned)}, and target {session.target.name} is "
                f"{here} now: plan again, and review that"
            )


def gone_text(review: Review, plan: Plan, seeds: Collection[str]) -> str:
    """Return what was reviewed and is not to be done any more, by the digests of the declared seeds too."""
    gone = review.gone(plan, seeds)
    if not gone:
        return ""
    pruned = any(":" in key for key in gone) and not any(c.declared is None for c in plan.changes)
    hint = "; what --prune deletes needs that flag again" if pruned else ""
    return f"Reviewed, and done already or no longer wanted: {', '.join(map(visible, gone))}{hint}."


EVERYTHING = Reviewed()


def read_reviewed(paths: Sequence[Path], named: Collection[str], environment: Environment) -> Reviewed:
    """Return what was reviewed, by plan files or by fingerprints. Errors as in `read_plan`."""
    if not paths:
        return Reviewed(frozenset(named))
    # Imported here: most runs have no plan file.
    from reconciler.planfile.files import read_plan

    return Reviewed(files=tuple(read_plan(environment.folder / path) for path in paths))


class Agreed(Struct, frozen=True):
    """What is carried out, with all that was not reviewed marked; the review is `None` if all is meant."""

    purpose: Purpose
    plan: Plan
    seeds: SeedsPlan
    review: Review | None = None
    gone: str = ""
    """What was reviewed and is not to be done any more, as a sentence."""
    untrue: tuple[Problem, ...] = ()
    """What the files state of the account and a read-back has contradicted."""
    trouble: ReconcilerError | None = None
    """Why the journal cannot be read; without it nothing is carried out."""


def agree(
    reviewed: Reviewed, session: Session, live: LiveState, seeds: SeedsPlan, consent: Consent
) -> Agreed:
    """Return what of the plan that is made now is carried out, by what was reviewed."""
    zone = session.workspace.settings.time_zone
    plan, declared = live.plan(consent), digests_of(session.seeds, session, zone)
    # Seeds that are left out of a run are part of its plan all the same.
    now = [*plan.digests, *(seeds.digests if seeds.account else declared)]
    review = reviewed.review(now, past_plans(live.memory.past, session))
    memory = live.memory
    if review is None:
        return Agreed(Purpose.of("apply", now), plan, seeds, untrue=memory.untrue, trouble=memory.trouble)
    left = live.plan(consent, review)
    covered = {*left.digests, *(digest for digest in now if digest in review.digests)}
    purpose = Purpose.of("apply", sorted(covered))
    gone = gone_text(review, left, declared)
    seeds = reviewed_seeds(seeds, review)
    return Agreed(purpose, left, seeds, review, gone, memory.untrue, memory.trouble)


def past_plans(past: Past, session: Session) -> PastPlans:
    """Return what knows the plans of earlier runs on the account by their fingerprints."""

    def digests(fingerprint: str) -> frozenset[str]:
        runs = [run for run in past.runs(session.account) if run.start.fingerprint == fingerprint]
        for run in runs:
            if fingerprint_of(run.start.digests) != fingerprint:
                raise Refused(
                    f"run {run.number} in the journal is damaged, or somebody has changed it: its digests do "
                    f"not make the fingerprint {fingerprint}, so they do not say what was reviewed. Review "
                    "the plan file, or the plan that is made now"
                )
        return frozenset(digest for run in runs for digest in run.start.digests)

    return digests


_STOPPED = "the run was stopped"


class Done(Struct, frozen=True):
    """How everything ended: changes, then seeds by the plan that they were sent by."""

    report: Report
    seeds: SeedsPlan
    sent: tuple[SendResult, ...] = ()

    @property
    def exit(self) -> Exit:
        """The gravest end of all; some done beside some that went wrong is partly applied."""
        exits = [self.report.exit, *(end.exit for end in self.sent), *seeds_exits(self.seeds)]
        done = self.report.count(Result.APPLIED) or any(end.sent for end in self.sent)
        wrong = any(exit in (Exit.ERROR, Exit.UNAVAILABLE) for exit in exits)
        return Exit.gravest([*exits, *([Exit.PARTLY] if done and wrong else [])])

    @property
    def counts(self) -> dict[str, int]:
        """How much ended how, for the journal."""
        ends = {result.value: self.report.count(result) for result in Result}
        return {**ends, "sent": sum(end.sent for end in self.sent)}


@contextmanager
def carried_out(
    session: Session, agreed: Agreed, lock: Lock, console: Console, enter: Enter
) -> Iterator[Done]:
    """Carry out what was agreed on; yield how it ended, to be told inside the block.

    With nothing to be done there is no run, unless one that died is still to be ended. Where the journal
    could not be read for the plan nothing is carried out: the plan does not know what may be done. From the
    first change to the end of the block, an interrupt begins nothing more and loses nothing: what is under
    way comes to its end, and is told.
    """
    found = _found(agreed.plan)
    nothing = not agreed.plan.changes and agreed.seeds.is_settled and not found
    if nothing and not _is_left_open(session):
        yield Done(apply_plan(agreed.plan, writing(session, agreed.plan, NoJournal())), agreed.seeds)
        return
    if agreed.trouble is not None:
        raise agreed.trouble
    done: Done | None = None
    with ExitStack() as deferral:
        try:
            with open_run(session, agreed.purpose, lock, console) as run:
                check_account(session)
                plan = _rechecked(agreed.plan, session, run)
                for doubt, id in found:
                    ending = Ending(Result.APPLIED.value, f"found by its name in run {run.number}", id)
                    run.journal.end_operation(doubt.operation, ending)
                engine = writing(session, plan, run.recorder)
                deferral.enter_context(deferred_interrupts(lambda: _stop(engine, console)))
                report = apply_plan(plan, engine, mapper=_pool(session.checkmarket.workers, console))
                done = Done(report, *_Sending(agreed, report, run, engine).ends(enter))
                run.exit, run.counts = done.exit, done.counts
        except Exception as error:
            if done is None:
                raise
            console.warn(f"the journal could not be closed: {describe(error)}")
        yield done


def _rechecked(plan: Plan, session: Session, run: OpenRun) -> Plan:
    """Return the plan, now that nobody else can write: what another run has created meanwhile is left alone.

    Errors: `Refused` where the journal cannot be read.
    """
    if not plan.count(Action.CREATE):
        return plan
    memory = memory_in(session, run.journal)
    return without_created(plan, memory.known_ids, memory.in_doubt)


def _found(plan: Plan) -> list[tuple[CreateInDoubt, int]]:
    """Return the creates in doubt of which the plan has found by the name what they made, with its id."""
    changes = [*plan.changes, *(one.change for one in plan.blocked if one.change)]
    ids = {one.key: one.id for one in changes if one.adopted}
    ids |= {one.key: one.id for one in plan.unchanged if one.adopted}
    return [(doubt, id) for key, doubt in plan.account.in_doubt.items() if (id := ids.get(key)) is not None]


def _pool(parallelism: int, console: Console) -> Pool:
    """Return half as many threads again as requests may be under way: some always wait for the journal."""
    return Pool(parallelism + parallelism // 2, console)


def _is_left_open(session: Session) -> bool:
    """Tell whether a run on the account died without a word, so that the next one has to end it."""
    try:
        with open_past(session) as past:
            open_runs = [run for run in past.runs(session.account) if run.is_open]
    except ReconcilerError:
        return False  # nothing is to be done, so nothing needs the journal
    return any(is_dead(run, this_process(), session.environment.clock.now()) for run in open_runs)


def writing(session: Session, plan: Plan, journal: Journal) -> Run:
    """Return what carries out a plan on the target, and writes it down in `journal`."""
    patience = session.checkmarket.patience.total_seconds()
    return Run(plan.account, session.client, session.environment.clock, patience, journal)


def _stop(engine: Run, console: Console) -> None:
    """Begin nothing more; tell the person once, who may wonder why the run does not end at once."""
    if engine.is_stopped:
        return
    engine.stop("not begun: interrupted")
    with suppress(RuntimeError):  # it may have been telling something else just then
        console.say("Interrupted: what is under way comes to its end, nothing further is begun.")


class _Sending(Struct, frozen=True):
    """The seeds of a run, after its changes."""

    agreed: Agreed
    report: Report
    run: OpenRun
    engine: Run

    def ends(self, enter: Enter) -> tuple[SeedsPlan, tuple[SendResult, ...]]:
        """Send what is due; return the plan by which it was done, and how each seed ended."""
        seeds = self.agreed.seeds
        if not seeds.seeds:
            return seeds, ()
        if self.engine.is_stopped:
            return seeds, tuple(kept_waiting(seed, _STOPPED) for seed in seeds.sending)
        stops = Stops(self._why_held, lambda: self.engine.is_stopped)
        return send_seeds(enter, self.run, seeds, self.agreed.review, stops)

    def _why_held(self, plan: SeedPlan) -> str:
        """Return why a seed has to wait: what it comes after did not come to be, or the run was stopped."""
        if self.engine.is_stopped:
            return _STOPPED
        ends = {unchanged.key: Result.APPLIED for unchanged in self.report.plan.unchanged}
        ends |= {outcome.key: outcome.result for outcome in self.report.outcomes}
        waiting = [key for key in plan.seed.after if ends.get(key) is not Result.APPLIED]
        return ", ".join(
            f"{key} is {ends[key].value if key in ends else 'not part of this run'}" for key in waiting
        )


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
    reports: tuple[ReportFile, ...] = ()


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
    reports: tuple[ReportFile, ...] = (),
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
