"""What cannot be written down is not done, and what was done stays true where it can no longer be written."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.engine.apply import Run, apply
from reconciler.engine.change import Change
from reconciler.engine.kind import Body
from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.errors import Exit, Refused
from tests.clock import FakeClock
from tests.engine.test_apply import PATIENCE, planned
from tests.engine.toys import ToyShop, declared


@dataclass
class BrokenDiary:
    """A journal that takes so many intents and outcomes, and no more."""

    intents: int = 99
    outcomes: int = 99
    written: list[str] = field(default_factory=list)

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        del overwritten, body
        self.intents -= 1
        if self.intents < 0:
            raise Refused("the disk is full")
        self.written.append(f"intent {change.key}")

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes -= 1
        if self.outcomes < 0:
            raise Refused("the disk is full")
        self.written.append(f"outcome {outcome.key}")


def applied(diary: BrokenDiary, clock: FakeClock) -> tuple[Report, ToyShop]:
    toys = ToyShop({id: {"ToyId": id, "Name": f"Robot {id}", "IsVisible": True} for id in (1, 2, 3)})
    resources = [
        declared(f"toys.{id}", {"name": f"Robot {id}", "size": 7}, id=id) for id in sorted(toys.bodies)
    ]
    plan = planned(toys, resources)
    return apply(plan, Run(plan.account, toys, clock, PATIENCE, diary)), toys


def test_a_change_whose_intent_cannot_be_written_is_not_made_nor_is_any_further_one(clock: FakeClock) -> None:
    report, toys = applied(BrokenDiary(intents=1), clock)
    assert [o.result for o in report.outcomes] == [Result.APPLIED, Result.SKIPPED, Result.SKIPPED]
    assert toys.writes == [("replace", 1)]
    assert all("the disk is full" in outcome.reason for outcome in report.outcomes[1:])
    assert report.exit is Exit.REFUSED


def test_an_outcome_that_cannot_be_written_stays_what_it_is_and_stops_the_run(clock: FakeClock) -> None:
    report, toys = applied(BrokenDiary(outcomes=0), clock)
    assert [o.result for o in report.outcomes] == [Result.APPLIED, Result.SKIPPED, Result.SKIPPED]
    assert toys.writes == [("replace", 1)]
    assert report.outcomes[0].warnings == ("not written down: the disk is full",)
