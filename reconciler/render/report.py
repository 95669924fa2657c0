"""What a report is about: a plan, the end of an apply, what stopped either, on one target or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, TypeAlias

from msgspec import Struct, field

from reconciler.engine.change import IN_DOUBT, UNREVIEWED, Blocked, Change, Plan, fingerprint_of
from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.engine.review import Since
from reconciler.errors import Exit
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState, SeedPlan
from reconciler.expoints.sending import SendResult
from reconciler.problems import Place, Problem, Severity
from reconciler.render.seeds import KeptBack, customers_text, kept_back
from reconciler.render.values import FORMAT_VERSION, Document, Paint, counted, harmless

MEANINGS = {
    Exit.ERROR: "something went wrong",
    Exit.REFUSED: "a safety rule refuses a part of it",
    Exit.PARTLY: "only a part of it was carried out",
    Exit.STALE: "not everything is what was reviewed",
    Exit.IN_DOUBT: "an outcome is in doubt, and a person is needed",
    Exit.UNAVAILABLE: "the API is unavailable, or its allowance is used up",
}
"""What an exit code that is not plainly good means, as the rest of a sentence."""


class Planned(Struct, frozen=True):
    """A plan of one target, split by `since` if asked for, with the warnings about the files."""

    plan: Plan
    seeds: SeedsPlan
    since: Since | None = None
    problems: Sequence[Problem] = ()
    exit: Exit = Exit.DONE
    places: Mapping[str, Place] = field(default_factory=dict)
    """Key → where it is declared, of everything that is."""

    @property
    def loosened(self) -> Sequence[Problem]:
        """The guardrails that allow more than in the files of before, where it was asked for those."""
        return self.since.loosened if self.since else ()

    @property
    def fingerprint(self) -> str:
        """What binds a review to the whole of it."""
        return fingerprint_of([*self.plan.digests, *self.seeds.digests])

    @property
    def target(self) -> str:
        """The target that it is of."""
        return self.plan.scope.target

    def located(self, text: str) -> str:
        """Return a sentence that says on which target it is true."""
        return f"on target {self.target}: {text}"

    def refused(self, blocked: Blocked) -> Iterator[Problem]:
        """Yield why a resource is left alone, on its line: a warning where the files did not cause it."""
        was_there = self.since is not None and not self.since.caused_block(blocked)
        severity = Severity.WARNING if was_there else Severity.ERROR
        if place := self.places.get(blocked.key):
            for block in blocked.blocks:
                message = self.located(block.message)
                yield Problem(block.code, place, blocked.key, message, severity=severity)

    @property
    def refused_seeds(self) -> Iterator[Problem]:
        """Why seeds are left alone, on their lines."""
        for plan in self.seeds.seeds:
            for block in plan.blocks:
                yield Problem(block.code, plan.seed.place, plan.seed.key, self.located(block.message))


class Applied(Struct, frozen=True, dict=True):
    """How everything ended on one target. `planned` is what was carried out, without an exit of its own."""

    planned: Planned
    report: Report
    sent: Sequence[SendResult]
    exit: Exit
    ids_written: Mapping[str, int] = field(default_factory=dict)
    """Key → the id that the files have learned."""

    @property
    def target(self) -> str:
        """The target that was written to."""
        return self.planned.target

    @property
    def held(self) -> Sequence[SeedPlan]:
        """The seeds that nothing was sent of although a person should know of them: blocked, or in doubt."""
        tried = {end.key for end in self.sent}
        seeds = (seed for seed in self.planned.seeds.seeds if seed.seed.key not in tried)
        return [seed for seed in seeds if seed.blocks or seed.count(RecipientState.IN_DOUBT)]

    def change_of(self, outcome: Outcome) -> Change | None:
        """Return what an outcome is the end of; of what was blocked, the change that it would have been."""
        return self._changes.get(outcome.key)

    @cached_property
    def _changes(self) -> Mapping[str, Change]:
        plan = self.planned.plan
        blocked = {one.key: one.change for one in plan.blocked if one.change}
        return blocked | {change.key: change for change in plan.changes}


class Stopped(Struct, frozen=True):
    """What stopped a command before there was a plan, or an end. `target` is empty where none was named."""

    verb: str
    target: str
    error: str
    exit: Exit
    problems: Sequence[Problem] = ()


class Underway(Struct, frozen=True):
    """What stands in a report until its run has ended. `target` is empty where none was named."""

    verb: str
    target: str
    exit: Exit = Exit.ERROR
    problems: Sequence[Problem] = ()

    told: ClassVar[str] = (
        "This run has not ended: it is under way, or it was killed. This report is not the whole of it."
    )


Reported: TypeAlias = Planned | Applied | Stopped | Underway


def without_plan(reported: Reported) -> bool:
    """Tell whether there is no plan and no end to tell of; such a target stands first in a report."""
    return isinstance(reported, Stopped | Underway)


def problems_of(told: Sequence[Reported]) -> list[Problem]:
    """Return what is to be shown on lines of the files, each once, whatever targets it was found for.

    What is wrong in the files; what a plan leaves alone, and why; what an apply did not bring about.
    """
    plans = [one.planned if isinstance(one, Applied) else one for one in told]
    loosened = [problem for one in plans if isinstance(one, Planned) for problem in one.loosened]
    wrong = [*loosened, *(problem for one in plans for problem in one.problems)]
    return [*dict.fromkeys([*wrong, *(problem for one in told for problem in _refusals(one))])]


def _refusals(reported: Reported) -> Iterator[Problem]:
    match reported:
        case Planned(plan=plan):
            for blocked in plan.blocked:
                yield from reported.refused(blocked)
            yield from reported.refused_seeds
        case Applied(planned=planned, report=report):
            for outcome in report.outcomes:
                place = planned.places.get(outcome.key)
                if place and outcome.result is not Result.APPLIED:
                    code = outcome.result.value.replace(" ", "-")
                    yield Problem(code, place, outcome.key, planned.located(outcome.reason))
            yield from planned.refused_seeds


class TargetEnd(Struct, frozen=True):
    """How a run ended on one of several targets. Without a document, error or note says why there is none."""

    target: str
    exit: Exit
    document: Document | None = None
    error: str = ""
    note: str = ""


def exit_of(ends: Sequence[TargetEnd]) -> Exit:
    """Return the gravest of all ends."""
    return Exit.gravest(end.exit for end in ends)


def heading(target: str, paint: Paint) -> str:
    """Return the line above all that is told of a target."""
    return paint.strong(f"── {harmless(target)} ──")


def plans_document(ends: Sequence[TargetEnd]) -> Document:
    """Return the plans of several targets, as `planfile.format.PlansDocument` says."""
    return _document(ends, "plan")


def reports_document(ends: Sequence[TargetEnd]) -> Document:
    """Return the reports of several targets, as `planfile.format.ReportsDocument` says."""
    return {
        **_document(ends, "report"),
        **{name: _customers(ends, name) for name in ("customers_sent", "customers_in_doubt")},
    }


def _document(ends: Sequence[TargetEnd], what: str) -> Document:
    return {
        "format_version": FORMAT_VERSION,
        "targets": [_target(end, what) for end in ends],
        "summary": dict(_sums(ends)),
        "exit_code": int(exit_of(ends)),
    }


def _target(end: TargetEnd, what: str) -> Document:
    return {
        "target": end.target,
        "exit_code": int(end.exit),
        "error": end.error or None,
        "note": end.note,
        what: end.document,
    }


def _sums(ends: Sequence[TargetEnd]) -> Counter[str]:
    """Return the figures of all summaries together."""
    sums: Counter[str] = Counter()
    for end in ends:
        if end.document:
            sums.update(end.document["summary"])
    return sums


def _customers(ends: Sequence[TargetEnd], name: str) -> int:
    return sum(end.document[name] for end in ends if end.document)


def _kept_back(ends: Sequence[TargetEnd]) -> KeptBack:
    documents = [end.document for end in ends if end.document]
    each = (kept_back(one.get("plan", one)["seeds"], one.get("sent", ())) for one in documents)
    return sum(each, KeptBack())


def plans_text(ends: Sequence[TargetEnd]) -> str:
    """Return the summary line of several plans."""
    sums = _sums(ends)
    customers = counted(sums["customers_to_send"], "customer")
    return (
        f"{_over(ends)}: {sums['create']} to create, {sums['update']} to update "
        f"({counted(sums['reset_fields'], 'field')} reset), {sums['delete']} to delete, "
        f"{sums['blocked']} blocked, {sums['unchanged']} unchanged; "
        f"{counted(sums['seeds_to_send'], 'seed')} to send ({customers}){_kept_back(ends)}."
    )


def reports_text(ends: Sequence[TargetEnd]) -> str:
    """Return the summary line of several reports."""
    sums = _sums(ends)
    in_doubt = _customers(ends, "customers_in_doubt")
    customers = customers_text(_customers(ends, "customers_sent"), in_doubt, _kept_back(ends))
    left_alone = [one for end in ends if end.document for one in end.document["plan"]["blocked"]]
    codes = [{reason["code"] for reason in one["reasons"]} for one in left_alone]
    blocked = sum(IN_DOUBT not in some and some != {UNREVIEWED} for some in codes)
    return (
        f"{_over(ends)}: {sums['applied']} changed, {sums['failed']} failed, {sums['stale']} stale, "
        f"{skipped_text(sums['skipped'], blocked)}, {sums['in_doubt']} in doubt; {customers}."
    )


def _over(ends: Sequence[TargetEnd]) -> str:
    return f"Over {counted(len(ends), 'target')} ({sum(bool(end.error) for end in ends)} in error)"


def skipped_text(skipped: int, blocked: int) -> str:
    """Return how many changes a run skipped, and how many of these because a rule blocks them, if any."""
    return f"{skipped} skipped ({blocked} blocked)" if blocked else f"{skipped} skipped"
