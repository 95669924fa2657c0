"""`reconciler apply`: show the plan, ask, carry it out, and say truthfully how everything ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from reconciler.commands.account import AccountCheck
from reconciler.commands.console import Console
from reconciler.commands.interrupts import deferred_interrupts
from reconciler.commands.outside import Outside
from reconciler.commands.plan import seeds_exits
from reconciler.commands.planning import LiveState, read_live
from reconciler.commands.pool import Pool
from reconciler.commands.requests import RequestCount
from reconciler.commands.reviewing import Reviewed, gone_text, past_plans
from reconciler.commands.sending import send_seeds
from reconciler.commands.session import Selection, Session, check_target_is_named, open_session
from reconciler.commands.since import files_since
from reconciler.commands.tenant import digests_of, plan_seeds
from reconciler.engine.apply import Run
from reconciler.engine.apply import apply as apply_plan
from reconciler.engine.outcome import Report, Result
from reconciler.engine.plan import Plan
from reconciler.engine.planning import Consent
from reconciler.engine.review import Review
from reconciler.engine.since import Since
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.review import reviewed_seeds
from reconciler.expoints.sending import Sent
from reconciler.expoints.standing import SeedPlan
from reconciler.render.json import report_document
from reconciler.render.seeds import seeds_summary
from reconciler.render.text import plan_text, problems_text, report_text
from reconciler.render.values import counted

EVERYTHING = Reviewed()


def apply(
    selection: Selection,
    consent: Consent,
    console: Console,
    outside: Outside,
    *,
    yes: bool = False,
    with_seeds: bool = True,
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
        live = read_live(session, consent, console)
        seeds = plan_seeds(session, console, requests) if with_seeds else SeedsPlan()
        agreed = _agreed(reviewed, session, live, seeds, consent)
        before = past.against(live, selection, consent) if past else None
        _show(agreed, before, console)
        if not yes and not reviewed.binds:
            _ask(agreed.plan, agreed.seeds, console)
        report, seeds, sent = _carry_out(session, agreed, console, requests)
        exit = exit_of(report, seeds, sent)
        console.result(
            report_text(report, sent, paint=console.paint),
            report_document(report, seeds, sent, exit, before),
        )
    if console.verbose:
        console.say(requests.text)
    return exit


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What is carried out, with all that was not reviewed marked; the review is `None` if all is meant."""

    plan: Plan
    seeds: SeedsPlan
    review: Review | None = None
    gone: str = ""
    """What was reviewed and is not to be done any more, as a sentence."""


def _agreed(
    reviewed: Reviewed, session: Session, live: LiveState, seeds: SeedsPlan, consent: Consent
) -> _Agreed:
    plan, declared = live.plan(consent), digests_of(session.seeds, session)
    # Seeds that are left out of a run are part of its plan all the same.
    now = [*plan.digests, *(seeds.digests if seeds.account else declared)]
    review = reviewed.review(now, past_plans(session))
    if review is None:
        return _Agreed(plan, seeds)
    left = live.plan(consent, review)
    return _Agreed(left, reviewed_seeds(seeds, review), review, gone_text(review, left, declared))


def _show(agreed: _Agreed, since: Since | None, console: Console) -> None:
    text = plan_text(agreed.plan, agreed.seeds, since, paint=console.paint, verbose=console.verbose)
    console.show_before_asking(text)
    if agreed.gone:
        console.say(agreed.gone)


def _ask(plan: Plan, seeds: SeedsPlan, console: Console) -> None:
    if not plan.changes and not seeds.customers:
        return
    if not console.stdin.isatty():
        raise Refused("there is no terminal to ask on: look at the plan, then run apply with --yes")
    sending = f" and send {seeds_summary(seeds).replace(' to send', '')}" if seeds.customers else ""
    question = f"Apply {counted(len(plan.changes), 'change')}{sending} to {plan.scope.target}?"
    if console.ask(f"{question} Only yes is yes:") != "yes":
        raise Refused("not confirmed; nothing was changed")


def _carry_out(
    session: Session, agreed: _Agreed, console: Console, requests: RequestCount
) -> tuple[Report, SeedsPlan, list[Sent]]:
    """Carry out changes, then seeds. An interrupt ends what is under way and begins nothing more."""
    plan, seeds = agreed.plan, agreed.seeds
    check_account = AccountCheck(session)
    if plan.changes:
        check_account()
    clock, patience = session.outside.clock, session.checkmarket.patience.total_seconds()
    run = Run(plan.account, session.client, clock, patience)
    with deferred_interrupts(lambda: run.stop("not begun: interrupted")):
        report = apply_plan(plan, run, each=Pool(session.checkmarket.parallelism, console))
        if not seeds.seeds:
            return report, seeds, []
        held = partial(_why_held, report=report, run=run)
        planned, sent = send_seeds(session, console, requests, held, agreed.review, check_account)
        return report, planned, sent


def _why_held(plan: SeedPlan, report: Report, run: Run) -> str:
    """Return why a seed has to wait: what it comes after did not come to be, or the run was stopped."""
    if run.is_stopped:
        return "the run was stopped"
    ends = {unchanged.key: Result.APPLIED for unchanged in report.plan.unchanged}
    ends |= {outcome.key: outcome.result for outcome in report.outcomes}
    waiting = [key for key in plan.seed.after if ends.get(key) is not Result.APPLIED]
    return ", ".join(
        f"{key} is {ends[key].value if key in ends else 'not part of this run'}" for key in waiting
    )


def exit_of(report: Report, seeds: SeedsPlan, sent: list[Sent]) -> Exit:
    """Return the gravest end of all; some done beside some that went wrong is partly applied."""
    exits = [report.exit, *(end.exit for end in sent), *seeds_exits(seeds)]
    done = report.count(Result.APPLIED) or any(end.sent for end in sent)
    wrong = any(exit in (Exit.ERROR, Exit.UNAVAILABLE) for exit in exits)
    return Exit.gravest([*exits, *([Exit.PARTLY] if done and wrong else [])])
