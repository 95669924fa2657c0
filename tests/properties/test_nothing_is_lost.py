"""A full PUT resets what it leaves out; so nothing is left out that nobody agreed to lose."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.change import Action, Change, Limits
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.outcome import Report
from reconciler.engine.plan import Consent
from tests.properties.lines import all_lines, paths_told_of
from tests.properties.situations import drawn, situations
from tests.properties.world import Situation, World, shown_value, stored_value


def updates(report: Report) -> Iterator[tuple[Change, int, set[str]]]:
    """Yield every update with its id and the fields that its end warns about."""
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=False):
        if change.action is Action.UPDATE and change.id is not None:
            yield change, change.id, paths_told_of(outcome.warnings)


def of(change: Change, cls: FieldClass) -> list[FieldView]:
    return [view for view in change.fields if view.cls is cls]


@given(situations())
def test_a_kept_field_stays_as_it_is(situation: Situation) -> None:
    """What a change keeps is stored as before; where a server cannot store nothing, the report says so."""
    can_store_nothing = situation.variants.null_in_put == "stored-null"
    with World(situation) as world:
        before, report, after = world.configs(), world.planned_and_applied(situation), world.configs()
        for change, id, told in updates(report):
            for view in of(change, FieldClass.KEPT):
                field = world.kind.by_path[view.path]
                was, now = (shown_value(at[id], field, world.variants) for at in (before, after))
                assert was == now or (view.path in told and not can_store_nothing), view


@given(situations())
def test_members_that_nobody_knows_are_carried(situation: Situation) -> None:
    """Undocumented members, nested ones too, are stored after an update as they were before."""
    with World(situation) as world:
        before, report, after = world.documents(), world.planned_and_applied(situation), world.documents()
        for change, id, _ in updates(report):
            extras = dict(before[id]["Extras"] or {})
            if not before[id]["Config"].get("SurveySettings"):
                extras.pop("SurveySettings", None)  # the server shows it only beside documented settings
            assert {**(after[id]["Extras"] or {}), **extras} == (after[id]["Extras"] or {}), change.key


@given(situations())
def test_what_is_undeclared_changes_only_where_the_plan_or_the_report_said_so(situation: Situation) -> None:
    """Every undeclared field that has another value afterwards was shown as a reset, or warned about."""
    with World(situation) as world:
        before, report, after = world.configs(), world.planned_and_applied(situation), world.configs()
        for change, id, told in updates(report):
            shown = {view.path for view in change.resets}
            for view in of(change, FieldClass.RESET):
                field = world.kind.by_path[view.path]
                was, now = (stored_value(at[id], field) for at in (before, after))
                assert was == now or view.path in shown | told, view


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
    refused = [b.change for b in plan.blocked if b.change and b.change.unconsented]
    assert all(before[change.id] == after[change.id] for change in refused if change.id is not None)
    assert sum(len(change.unconsented) for change in plan.changes) <= max(limit, flag)


@given(situations())
def test_a_visible_configuration_stays_visible(situation: Situation) -> None:
    """Every body says whether it is visible, and none hides what nobody declared hidden."""
    with World(situation) as world:
        before = world.configs()
        world.planned_and_applied(situation)
        after = world.configs()
        bodies = world.bodies("PUT") + world.bodies("POST")
    assert all(body["IsReusable"] is True for body in bodies)
    assert all(after[id]["IsReusable"] for id in before.keys() & after.keys() if before[id]["IsReusable"])


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
