"""Carrying out what was agreed on, in a run that holds its accounts, and how everything ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from msgspec import Struct

from reconciler.commands.account import check_account
from reconciler.commands.console import Console
from reconciler.commands.expoints import Enter, Stops, kept_waiting, send_seeds
from reconciler.commands.interrupts import deferred_interrupts
from reconciler.commands.journal import open_past
from reconciler.commands.memory import memory_in
from reconciler.commands.plan import seeds_exits
from reconciler.commands.pool import Pool
from reconciler.commands.reviewing import Agreed
from reconciler.commands.runs import Lock, OpenRun, open_run
from reconciler.commands.session import Session
from reconciler.engine.apply import Journal, NoJournal, Run, apply
from reconciler.engine.change import Action, Plan
from reconciler.engine.classify import CreateInDoubt
from reconciler.engine.outcome import Report, Result
from reconciler.engine.plan import without_created
from reconciler.errors import Exit, ReconcilerError, describe
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import SeedPlan
from reconciler.expoints.sending import SendResult
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.runs import Ending

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
        yield Done(apply(agreed.plan, writing(session, agreed.plan, NoJournal())), agreed.seeds)
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
                report = apply(plan, engine, mapper=_pool(session.checkmarket.workers, console))
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
