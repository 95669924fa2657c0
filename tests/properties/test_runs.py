"""On every plausible server, whatever fails, a run loses nothing unsaid, reports truly, and converges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.change import Action, Change, Limits, Plan
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.outcome import Outcome, Result
from reconciler.engine.plan import Consent
from reconciler.sandbox import Fault
from tests.properties.files import all_lines, paths_told_of, with_lines
from tests.properties.situations import drawn, fault_lists, situations
from tests.properties.world import Report, Situation, World, edited, shown_value, stored_value

Configs = Mapping[int, Mapping[str, Any]]


def updates(report: Report) -> Iterator[tuple[Change, int, set[str]]]:
    """Yield every update with its id and the fields that its end warns about."""
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=False):
        if change.action is Action.UPDATE and change.id is not None:
            yield change, change.id, paths_told_of(outcome.warnings)


def of(change: Change, cls: FieldClass) -> list[FieldView]:
    return [view for view in change.fields if view.cls is cls]


def kept_back(report: Report) -> set[str]:
    """Return the deletes that wait until every create and update is applied."""
    return {o.key for o in report.outcomes if (o.action, o.result) == (Action.DELETE, Result.SKIPPED)}


def blocks(plan: Plan) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    return {b.key: [(block.code, block.paths) for block in b.blocks] for b in plan.blocked}


# A full PUT resets what it leaves out; so nothing is left out that was not agreed to be lost.


@given(situations())
def test_an_update_loses_nothing_unsaid(situation: Situation) -> None:
    """What is kept is stored as before, unknown members too, and what is reset was shown or warned about."""
    can_store_nothing = situation.variants.null_in_put == "stored-null"
    with World(situation) as world:
        before, documents = world.configs(), world.documents()
        report, after = world.planned_and_applied(situation), world.configs()
        for change, id, told in updates(report):
            for view in of(change, FieldClass.KEPT):
                field = world.kind.by_path[view.path]
                was, now = (shown_value(at[id], field, world.variants) for at in (before, after))
                # Where a server cannot store nothing, the report says so.
                assert was == now or (view.path in told and not can_store_nothing), view
            for view in of(change, FieldClass.RESET):
                field = world.kind.by_path[view.path]
                was, now = (stored_value(at[id], field) for at in (before, after))
                assert was == now or view.path in {one.path for one in change.resets} | told, view
            extras, stored = dict(documents[id]["Extras"] or {}), world.documents()[id]["Extras"] or {}
            if not before[id].get("SurveySettings"):
                extras.pop("SurveySettings", None)  # the server shows it only beside documented settings
            assert {**stored, **extras} == stored, change.key
        # Every body says whether it is visible, and none hides what was not declared hidden.
        assert all(body["IsReusable"] is True for body in world.bodies("PUT") + world.bodies("POST"))
    assert all(after[id]["IsReusable"] for id in before.keys() & after.keys() if before[id]["IsReusable"])


@given(situations(), st.sampled_from([0, 1, 3]), st.sampled_from([0, 2]))
def test_a_reset_without_consent_never_reaches_the_server(
    situation: Situation, limit: int, flag: int
) -> None:
    """Beyond the limit and the flag, a value that policy alone would reset is still there after the apply."""
    with World(situation) as world:
        plan = world.plan(situation, Consent(resets=flag), Limits(limit, deletes=None, updates=None))
        before = world.configs()
        world.apply(plan)
        after = world.configs()

    def unconsented(change: Change) -> list[FieldView]:
        return [view for view in change.resets if not view.consented]

    refused = [b.change for b in plan.blocked if b.change and unconsented(b.change)]
    assert all(before[change.id] == after[change.id] for change in refused if change.id is not None)
    assert sum(len(unconsented(change)) for change in plan.changes) <= max(limit, flag)


@given(situations(drawn(visible=[None, False])), st.sets(st.sampled_from([300, 301, 302, 303])))
def test_only_the_flag_for_its_key_hides_a_configuration(situation: Situation, numbers: set[int]) -> None:
    """`is_reusable: false` is sent for keys that the command line names, and told as the line to write."""
    named = {f"import_configs.config-{number}" for number in numbers}
    hiding = {d.key for d in situation.declared if "is_reusable" in d.given}
    with World(situation) as world:
        plan = world.plan(situation, Consent(resets=None, hide=frozenset(named)))
        report = world.apply(plan)
        bodies = world.bodies("PUT") + world.bodies("POST")
    told = {line.where for line in all_lines(report) if line.text == "hidden: true"}
    assert told == {c.key for c in plan.changes if c.key in hiding and c.action is Action.UPDATE}
    assert told <= named
    assert sum(not body["IsReusable"] for body in bodies) == len(told)


# What another person did between plan and apply is not overwritten.


@given(situations(), st.data())
def test_a_field_that_was_changed_since_the_plan_is_not_overwritten(
    situation: Situation, data: st.DataObject
) -> None:
    """A set, reset or removed field that is not what the plan saw makes its change stale; others go on."""
    with World(situation) as world:
        plan, change, _, id = edited(
            world, situation, data, FieldClass.SET, FieldClass.RESET, FieldClass.REMOVED
        )
        before, report, after = world.configs(), world.apply(plan), world.configs()
    assert before[id] == after[id]
    results = {outcome.key: outcome.result for outcome in report.outcomes}
    # A delete is not even begun where a create or update has not ended as applied.
    ends = {Result.STALE, Result.SKIPPED} if change.action is Action.DELETE else {Result.STALE}
    assert results.pop(change.key) in ends
    assert Result.STALE not in results.values()


@given(situations(), st.data())
def test_a_kept_field_that_was_changed_since_the_plan_is_sent_as_just_read(
    situation: Situation, data: st.DataObject
) -> None:
    """What another person wrote into a kept field is still there after the apply, and it is mentioned."""
    with World(situation) as world:
        plan, change, view, id = edited(world, situation, data, FieldClass.KEPT)
        before, report, after = world.configs(), world.apply(plan), world.configs()
    (warnings,) = [outcome.warnings for outcome in report.outcomes if outcome.key == change.key]
    group, *rest = world.kind.by_path[view.path].member
    assert [w for w in warnings if w.startswith(f"{view.path}: kept as just read")]
    was, now = before[id][group], after[id][group]
    assert was[rest[0]] == now[rest[0]] if rest else was == now


# Each change ends in exactly one way, and the report of it is true.


def is_there(change: Change, outcome: Outcome, world: World, after: Configs) -> bool:
    """Tell whether the server holds what an applied change wanted, or what its warnings say instead."""
    if change.action is Action.DELETE:
        return change.id not in after
    assert outcome.id is not None
    told = paths_told_of(outcome.warnings)
    set_fields = [view for view in of(change, FieldClass.SET) if view.path not in told]
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
def test_what_the_report_says_is_true(situation: Situation, faults: list[Fault]) -> None:
    """Applied is stored; failed, stale and skipped is as before, but for what the server did not store."""
    with World(situation) as world:
        plan = world.plan(situation)
        before, report, after = world.configs(), world.apply(plan, faults), world.configs()
        keys = [*(change.key for change in plan.changes), *(blocked.key for blocked in plan.blocked)]
        assert [outcome.key for outcome in report.outcomes] == keys
        for change, outcome in zip(plan.changes, report.outcomes, strict=False):
            if outcome.result is Result.APPLIED:
                assert is_there(change, outcome, world, after), outcome
            elif outcome.result is not Result.IN_DOUBT and "did not store" not in outcome.reason:
                assert is_untouched(change, before, after), outcome


@given(situations(), fault_lists())
def test_a_bad_day_creates_nothing_twice_and_the_next_runs_bring_everything_about(
    situation: Situation, faults: list[Fault]
) -> None:
    """However answers are lost, no two configurations have one name, and nothing is left to be done."""
    with World(situation) as world:
        bad = [world.apply(world.plan(situation), faults) for _ in range(2)]
        names = Counter(config["Name"] for config in world.configs().values())
        for report in bad:
            situation = with_lines(situation, report)
        for _ in range(2):
            situation = with_lines(situation, world.planned_and_applied(situation))
        last = world.plan(situation)
        # Deletes wait for as long as something else is blocked.
        assert all(change.action is Action.DELETE and last.blocked for change in last.changes)
    assert max(names.values()) == 1


# `apply`, then `plan`, is empty; and where nothing has to be done, nothing is sent.


@given(situations())
def test_what_was_applied_is_not_planned_again(situation: Situation) -> None:
    """A plan writes nothing, a run ends each difference that it began, and a second run ends the rest.

    A default that the first run found may concern others: the second run deals with these, and is done. Where
    a run printed no line to write, the next plan is empty, and what was blocked is blocked alike.
    """
    with World(situation) as world:
        plan = world.plan(situation)
        assert not world.writes()
        first = world.apply(plan)
        as_it_was = world.plan(situation)
        if not [line for line in all_lines(first) if not line.text.startswith("targets:")]:
            assert {change.key for change in as_it_was.changes} <= kept_back(first)
            assert blocks(as_it_was) == blocks(plan)
        situation = with_lines(situation, first)
        again = world.plan(situation)
        begun = {change.key for change in plan.changes} - kept_back(first)
        assert not begun & {change.key for change in again.changes}
        second = world.apply(again)
        situation = with_lines(situation, second)
        assert {change.key for change in world.plan(situation).changes} <= kept_back(second)
        before = world.writes()
        world.planned_and_applied(situation)
        assert world.writes() == before
