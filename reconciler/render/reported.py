"""What a report is about: a plan, the end of an apply, or what stopped either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, TypeAlias

from msgspec import Struct, field

from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.engine.plan import Blocked, Change, Plan, fingerprint_of
from reconciler.engine.since import Since
from reconciler.errors import Exit
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import SeedPlan, State
from reconciler.expoints.sending import SendResult
from reconciler.problems import Place, Problem, Severity

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
        return [seed for seed in seeds if seed.blocks or seed.count(State.IN_DOUBT)]

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
