"""Exactly what was reviewed is applied, and a digest is of exactly what is done and overwritten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.change import Plan
from reconciler.engine.classify import FieldClass
from reconciler.engine.outcome import Result
from reconciler.engine.plan import Review, reviewed
from tests.properties.situations import situations
from tests.properties.world import Situation, World, edited


def drawn_part(data: st.DataObject, plan: Plan) -> frozenset[str]:
    """Return the keys of some of the changes."""
    return frozenset(c.key for c in plan.changes if data.draw(st.booleans(), label=c.key))


def review_of(plan: Plan, keys: frozenset[str]) -> Review:
    return Review(frozenset(c.digest for c in plan.changes if c.key in keys))


@given(situations(), st.data())
def test_of_any_plan_exactly_the_reviewed_part_is_applied(situation: Situation, data: st.DataObject) -> None:
    """What was not reviewed is named and as it was; the rest is as a run of the whole would leave it."""
    with World(situation) as world:
        plan = world.plan(situation)
        part = drawn_part(data, plan)
        before = world.documents()
        report = world.apply(reviewed(plan, review_of(plan, part)))
        after = world.documents()
    ends = {outcome.key: outcome for outcome in report.outcomes}
    assert {c.key for c in report.plan.changes} == part
    for change in plan.changes:
        skipped = ends[change.key].result is Result.SKIPPED and ends[change.key].reason.startswith(
            "unreviewed"
        )
        assert skipped is (change.key not in part)
        if skipped and change.id is not None:
            assert before[change.id] == after[change.id]
    assert len(after) - len(before) <= sum(c.id is None for c in report.plan.changes)


@given(situations(), st.data())
def test_the_digest_is_of_what_is_overwritten_and_of_nothing_that_is_kept(
    situation: Situation, data: st.DataObject
) -> None:
    """Another person's edit of a set, reset or removed field makes another change of it, and of no other.

    An edit of a kept field makes none, nor does the time that passes between two plans.
    """
    with World(situation) as world:
        classes = (FieldClass.SET, FieldClass.RESET, FieldClass.REMOVED, FieldClass.KEPT)
        plan, change, view, _ = edited(world, situation, data, *classes)
        again = world.plan(situation)
    if view.cls is FieldClass.KEPT:
        assert again.digests == plan.digests
        return
    assert change.digest not in again.digests
    if view.path != "name":
        assert {c.digest for c in plan.changes} - {change.digest} <= set(again.digests)
