"""What somebody else did between plan and apply is not overwritten."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.engine.change import Action, Change, Plan
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.kind import Json
from reconciler.engine.outcome import Result
from tests.properties.situations import situations
from tests.properties.world import Situation, World

EDITS: dict[str, Json] = {
    "contact_list_id": 99,
    "contact_group_id": 99,
    "survey_settings.invitation_delay_in_days": 99,
    "survey_settings.invitation_time": "03:33:00.0000000",
    "survey_settings.expiration_time": "03:33:00.0000000",
    "column_mappings": [{"SourceColumnNumber": 9, "TargetColumnName": "Gsm"}],
    "date_format": "d-M-yy",
    "first_row": 99,
    "field_delimiter": "#",
    "default_language_code": "pt",
    "name": "Renamed by somebody else",
}


def edits(plan: Plan, *classes: FieldClass) -> list[tuple[Change, FieldView]]:
    """Return the fields of these classes that somebody else could change under an update of the plan."""
    return [
        (change, view)
        for change in plan.changes
        if change.id is not None
        for view in change.fields
        if view.cls in classes and view.path in EDITS
    ]


def edit(world: World, change: Change, view: FieldView) -> None:
    """Let somebody else change a field, and let the server's cache forget what was before."""
    assert change.id is not None
    world.edit(change.id, world.kind.by_path[view.path].member, EDITS[view.path])
    world.clock.sleep(world.variants.read_cache_seconds)


@given(situations(), st.data())
def test_a_field_that_somebody_changed_since_the_plan_is_not_overwritten(
    situation: Situation, data: st.DataObject
) -> None:
    """A set, reset or removed field that is not what the plan saw makes its change stale; others go on."""
    with World(situation) as world:
        plan = world.plan(situation)
        candidates = edits(plan, FieldClass.SET, FieldClass.RESET, FieldClass.REMOVED)
        assume(candidates)
        change, view = data.draw(st.sampled_from(candidates))
        edit(world, change, view)
        before, report, after = world.configs(), world.apply(plan), world.configs()
    assert change.id is not None
    assert before[change.id] == after[change.id]
    results = {outcome.key: outcome.result for outcome in report.outcomes}
    # A delete is not even begun where a create or update has not ended as applied.
    ends = {Result.STALE, Result.SKIPPED} if change.action is Action.DELETE else {Result.STALE}
    assert results.pop(change.key) in ends
    assert Result.STALE not in results.values()


@given(situations(), st.data())
def test_a_kept_field_that_somebody_changed_since_the_plan_is_sent_as_just_read(
    situation: Situation, data: st.DataObject
) -> None:
    """What somebody else wrote into a kept field is still there after the apply, and it is mentioned."""
    with World(situation) as world:
        plan = world.plan(situation)
        candidates = edits(plan, FieldClass.KEPT)
        assume(candidates)
        change, view = data.draw(st.sampled_from(candidates))
        edit(world, change, view)
        before, report, after = world.configs(), world.apply(plan), world.configs()
    assert change.id is not None
    (warnings,) = [outcome.warnings for outcome in report.outcomes if outcome.key == change.key]
    group, *rest = world.kind.by_path[view.path].member
    assert [w for w in warnings if w.startswith(f"{view.path}: kept as just read")]
    was, now = before[change.id][group], after[change.id][group]
    assert was[rest[0]] == now[rest[0]] if rest else was == now
