"""Whatever goes wrong on the way, each change ends in exactly one way, and the report of it is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given

from reconciler.engine.change import Action, Change
from reconciler.engine.classify import FieldClass
from reconciler.engine.outcome import Outcome, Result
from reconciler.sandbox import Fault
from tests.properties.faults import fault_lists
from tests.properties.lines import paths_told_of, with_lines
from tests.properties.situations import situations
from tests.properties.world import Situation, World, shown_value

Configs = Mapping[int, Mapping[str, Any]]


def is_there(change: Change, outcome: Outcome, world: World, after: Configs) -> bool:
    """Tell whether the server holds what an applied change wanted, or what its warnings say instead."""
    if change.action is Action.DELETE:
        return change.id not in after
    assert outcome.id is not None
    told = paths_told_of(outcome.warnings)
    set_fields = [view for view in change.fields if view.cls is FieldClass.SET and view.path not in told]
    return all(
        shown_value(after[outcome.id], world.kind.by_path[view.path], world.variants) == view.after
        for view in set_fields
    )


def is_untouched(change: Change, before: Configs, after: Configs) -> bool:
    """Tell whether the server holds what it held before a change, nothing of its name before a create."""
    if change.id is not None:
        return before.get(change.id) == after.get(change.id)
    name = next(view.after for view in change.fields if view.path == "name")
    return not [config for config in after.values() if config["Name"] == name]


@given(situations(), fault_lists())
def test_every_change_ends_in_exactly_one_way(situation: Situation, faults: list[Fault]) -> None:
    """One outcome for each change and each blocked resource, in the order of the plan."""
    with World(situation) as world:
        report = world.apply(world.plan(situation), faults)
    changes, blocked = (change.key for change in report.plan.changes), (b.key for b in report.plan.blocked)
    assert [outcome.key for outcome in report.outcomes] == [*changes, *blocked]


@given(situations(), fault_lists())
def test_what_the_report_says_is_true(situation: Situation, faults: list[Fault]) -> None:
    """Applied is stored; failed, stale and skipped is as before, but for what the server did not store."""
    with World(situation) as world:
        plan = world.plan(situation)
        before, report, after = world.configs(), world.apply(plan, faults), world.configs()
        for change, outcome in zip(plan.changes, report.outcomes, strict=False):
            if outcome.result is Result.APPLIED:
                assert is_there(change, outcome, world, after), outcome
            elif outcome.result is not Result.IN_DOUBT and "did not store" not in outcome.reason:
                assert is_untouched(change, before, after), outcome


@given(situations())
def test_what_a_report_warns_of_is_so(situation: Situation) -> None:
    """A field of which a report says that the server stored something else is stored as something else."""
    with World(situation) as world:
        report, after = world.planned_and_applied(situation), world.configs()
        for change, outcome in zip(report.plan.changes, report.outcomes, strict=False):
            told = paths_told_of(outcome.warnings)
            stored = after.get(outcome.id or 0, {})
            for view in change.fields:
                if view.path in told and view.cls in (FieldClass.SET, FieldClass.RESET):
                    value = shown_value(stored, world.kind.by_path[view.path], world.variants)
                    assert value != view.after, view


@given(situations(), fault_lists())
def test_nothing_is_created_twice(situation: Situation, faults: list[Fault]) -> None:
    """However answers are lost, in one run or the next, no two configurations ever have one name."""
    with World(situation) as world:
        for _ in range(2):
            world.apply(world.plan(situation), faults)
        names = Counter(config["Name"] for config in world.configs().values())
    assert max(names.values()) == 1


@given(situations(), fault_lists())
def test_running_again_without_faults_brings_everything_about(
    situation: Situation, faults: list[Fault]
) -> None:
    """Whatever a bad day left behind, the next runs end with an empty plan."""
    with World(situation) as world:
        situation = with_lines(situation, world.apply(world.plan(situation), faults))
        for _ in range(2):
            situation = with_lines(situation, world.planned_and_applied(situation))
        assert not world.plan(situation).changes
