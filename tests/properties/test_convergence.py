"""`apply`, then `plan`, is empty; and where nothing has to be done, nothing is sent."""

from __future__ import annotations

from hypothesis import given

from reconciler.engine.change import Action, Plan
from reconciler.engine.outcome import Report, Result
from tests.properties.lines import all_lines, with_lines
from tests.properties.situations import situations
from tests.properties.world import Situation, World


def blocks(plan: Plan) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    return {b.key: [(block.code, block.paths) for block in b.blocks] for b in plan.blocked}


def was_begun(report: Report) -> set[str]:
    return {change.key for change in report.plan.changes} - kept_back(report)


def kept_back(report: Report) -> set[str]:
    """Return the deletes that wait until every create and update is applied."""
    return {o.key for o in report.outcomes if (o.action, o.result) == (Action.DELETE, Result.SKIPPED)}


@given(situations())
def test_what_was_applied_is_not_planned_again(situation: Situation) -> None:
    """Whatever a run changed is as wanted afterwards, once the lines that it printed are written."""
    with World(situation) as world:
        report = world.planned_and_applied(situation)
        again = world.plan(with_lines(situation, report))
    assert not [c for c in again.changes if c.key in was_begun(report)]


@given(situations())
def test_a_second_run_ends_every_difference(situation: Situation) -> None:
    """A default that the first run found may concern others: the second run deals with these, and is done."""
    with World(situation) as world:
        first = world.planned_and_applied(situation)
        situation = with_lines(situation, first)
        second = world.planned_and_applied(situation)
        again = world.plan(with_lines(situation, second))
        assert {change.key for change in again.changes} <= kept_back(second)


@given(situations())
def test_without_a_line_to_write_one_run_is_enough(situation: Situation) -> None:
    """Where a run printed nothing to write, the next plan is empty, and what was blocked is blocked alike."""
    with World(situation) as world:
        report = world.planned_and_applied(situation)
        again = world.plan(situation)
    if not [line for line in all_lines(report) if not line.text.startswith("targets:")]:
        assert {change.key for change in again.changes} <= kept_back(report)
        assert blocks(again) == blocks(report.plan)


@given(situations())
def test_where_nothing_differs_nothing_is_sent(situation: Situation) -> None:
    """A plan writes nothing, and applying an empty one writes nothing: the sandbox's log is the witness."""
    with World(situation) as world:
        plan = world.plan(situation)
        assert not world.writes()
        report = world.apply(plan)
        situation = with_lines(situation, report)
        situation = with_lines(situation, world.planned_and_applied(situation))
        before = world.writes()
        world.planned_and_applied(situation)
        assert world.writes() == before
