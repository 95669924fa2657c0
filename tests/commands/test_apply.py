"""`apply` shows the plan, asks, carries it out, and says truthfully how each change ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.commands.adopt import Wanted, adopt
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import BadAnswer, Exit, Refused, UsageError
from reconciler.sandbox import Variants
from reconciler.sandbox.seeding import CONFIGS
from tests.commands.world import EVERYTHING, RESETS, SETTINGS, Doing, Members, Screen, Terminal, World

OTHER = "import_configs:\n  other: {name: Other}\n"
MAY_DELETE = SETTINGS + "    limits: {deletes: 1}\n"
WELCOME = "import_configs:\n  welcome: {%s, targets: {sandbox: {id: %d}}}\n"


def pending(world: World) -> Exit:
    return world.plans(detailed_exitcode=True).exit


def test_applying_makes_the_next_plan_empty_and_a_second_apply_sends_nothing(world: World) -> None:
    run = world.applies()
    assert run.exit is Exit.DONE
    assert run.last == "Applied: 1 changed, 0 failed, 0 stale, 0 skipped, 0 in doubt; 0 customers sent."
    assert pending(world) is Exit.DONE
    before = len(world.writes)
    assert world.applies().exit is Exit.DONE
    assert world.applies(yes=False).exit is Exit.DONE  # nothing to do asks nothing
    assert len(world.writes) == before


def test_the_server_holds_what_was_declared_and_kept_and_nothing_else(world: World) -> None:
    world.applies()
    held = {name: value for name, value in world.config(1).items() if value not in (None, False)}
    settings = {name: value for name, value in held.pop("SurveySettings").items() if value is not None}
    assert held == {"Name": "Welcome", "EmailIsRequired": True, "IsReusable": True}
    assert settings == {"SurveyId": 4711, "InvitationDelayInDays": 2, "ExpirationAfterDays": 14}
    calls = [r.method for r in world.state.requests() if r.path.endswith("/configs/1")]
    assert calls[-3:] == ["GET", "PUT", "GET"]


def test_resets_without_consent_are_skipped_and_everything_else_goes_on(world: World) -> None:
    world.write("other.yaml", OTHER)
    run = world.applies(Consent())
    assert run.exit is Exit.REFUSED
    assert "Applied: 1 changed, 0 failed, 0 stale, 1 skipped (1 blocked), 0 in doubt" in run.out
    assert [r.method for r in world.writes] == ["POST"]


@pytest.mark.parametrize("answer", ["y\n", "no\n", ""])
def test_on_a_terminal_only_yes_is_yes_and_with_json_the_plan_is_shown_before(
    world: World, answer: str
) -> None:
    with pytest.raises(Refused, match="--yes"):
        world.applies(yes=False)  # without one
    with pytest.raises(Refused, match="not confirmed"):
        world.applies(yes=False, screen=Screen(stdin=Terminal(answer)))
    assert world.writes == []
    run = world.applies(yes=False, screen=Screen(stdin=Terminal("yes\n")), json=True)
    shown, question = run.told.index("~ import_configs.welcome"), run.told.index("Apply 1 change to sandbox?")
    assert shown < question < run.told.index("Only yes is yes")
    assert (run.document["exit_code"], len(world.writes)) == (0, 1)


def test_lines_worth_writing_are_printed(world: World) -> None:
    world.write("other.yaml", OTHER)
    world.variants = Variants.parse(["defaults=account"])
    out = world.applies().out
    assert "import_configs.other:  targets: {sandbox: {id: 2}}" in out
    assert 'targets.sandbox.defaults:  date_format: "dd-MM-yyyy"' in out
    lines = [line.split(":  ")[1] for line in out.splitlines() if "targets.sandbox.defaults:" in line]
    defaults = "".join(f"      {line}\n" for line in lines)
    world.write("reconciler.yaml", f"{SETTINGS}    defaults:\n{defaults}")
    assert pending(world) is Exit.DONE


def test_a_refusal_with_200_is_a_failure_in_the_servers_words(world: World) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other, survey_settings: {survey_id: 999}}\n")
    run = world.applies()
    assert run.exit is Exit.PARTLY
    assert "failed  refused:" in run.out
    assert "Applied: 1 changed, 1 failed" in run.out


def test_a_read_cache_is_waited_for_as_long_as_patience_lasts(world: World) -> None:
    world.variants = Variants(read_cache_seconds=600)
    world.clock.sleep(1000)
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"}', '"sandbox:", patience: 5s}'))
    run = world.applies()
    assert run.exit is Exit.IN_DOUBT
    assert "still reads as before" in run.out


def test_hiding_needs_its_flag_and_prints_the_line_to_commit(world: World) -> None:
    world.write("welcome.yaml", WELCOME % ("name: Welcome, is_reusable: false, undeclared: keep", 1))
    refused = world.applies()
    assert refused.exit is Exit.REFUSED
    assert "--allow-hide import_configs.welcome" in refused.out
    run = world.applies(Consent(resets=None, hide=frozenset({"import_configs.welcome"})))
    assert run.exit is Exit.DONE
    assert "import_configs.welcome:  hidden: true" in run.out
    assert world.config(1)["IsReusable"] is False
    writes = len(world.writes)
    world.write("welcome.yaml", WELCOME % ("name: Welcome, hidden: true", 9))
    assert world.applies().exit is Exit.DONE
    assert len(world.writes) == writes  # what is hidden on purpose is left alone


def test_what_shall_be_absent_or_is_declared_nowhere_is_deleted(world: World) -> None:
    world.live({1: {"Name": "Welcome", "IsReusable": True}, 2: {"Name": "Old", "IsReusable": True}})
    world.write("reconciler.yaml", MAY_DELETE)
    prune = Consent(resets=None, prune=True)
    assert world.applies(prune).exit is Exit.DONE
    assert world.config(2) == {}
    assert world.config(1)
    world.write("welcome.yaml", WELCOME % ("absent: true", 1))
    assert world.applies().exit is Exit.DONE
    assert world.config(1) == {}
    assert pending(world) is Exit.DONE


def test_a_body_refused_for_members_that_were_carried_names_the_line_to_write(world: World) -> None:
    world.variants = Variants(server_extras="stable", extra_members="strict")
    run = world.applies()
    assert run.exit is Exit.ERROR
    assert "server_members: [CreateDate, SurveySettings.LinkVersion]" in run.out
    files = (world.folder / "configs" / "welcome.yaml").read_text("utf-8")
    world.variants = Variants(server_extras="stable")
    world.write("welcome.yaml", files.replace("survey: Customer satisfaction 2026", "survey_id: 1"))
    other_survey = Consent(resets=None, effects={"switches_survey": 1})
    run = world.applies(other_survey)
    assert "The survey 1 does not exist. Correct what the API names." in run.out
    assert "as they were: CreateDate, SurveySettings.LinkVersion." in run.out
    assert "server_members" not in run.out  # the refusal names none of them
    with world.state.transaction() as documents:
        documents.put(CONFIGS, 1, {**(documents.get(CONFIGS, 1) or {}), "Extras": {"Contacts": 4}})
    run = world.applies(other_survey)
    assert "as they were: Contacts." in run.out
    assert "server_members" not in run.out  # nor does the path of the request


@pytest.mark.parametrize("orderby", ["obeyed", "ignored", "refused"])
def test_of_a_list_that_moves_page_by_page_nothing_is_created_that_is_there(
    world: World, orderby: str
) -> None:
    world.live({id: {"Name": f"C{id}", "IsReusable": True} for id in range(1, 131)})
    declared = "".join(f"  c{id}: {{name: C{id}, undeclared: keep}}\n" for id in range(1, 131))
    world.write("welcome.yaml", f"import_configs:\n{declared}")
    world.variants = Variants.parse(
        ["row_order=another-each-time", "meta_counts=false", "rows=thin", f"orderby={orderby}"]
    )
    if orderby == "obeyed":
        assert world.applies().exit is Exit.DONE
    else:
        with pytest.raises(BadAnswer, match="cannot be trusted"):
            world.applies()
    assert world.writes == []


# What a strict reader tries: guardrails that a selection must not void, the wrong account, typing errors.


@pytest.mark.parametrize(
    ("selection", "is_few"),
    [
        (Selection(), False),
        (Selection(exclude=("c1",)), False),
        (Selection(only=("c[2-9]",)), False),
        (Selection(only=("c1", "c2")), True),
    ],
)
def test_a_selection_does_not_escape_the_share_of_updates_and_a_few_are_read_without_the_list(
    world: World, selection: Selection, is_few: bool
) -> None:
    world.live({id: {"Name": f"C{id}", "IsReusable": True} for id in range(1, 14)})
    one = "  c{0}: {{name: C{0}, email_is_required: true, targets: {{sandbox: {{id: {0}}}}}}}\n"
    world.write("welcome.yaml", "import_configs:\n" + "".join(one.format(id) for id in range(1, 13)))
    run = world.applies(selection=selection)
    assert run.exit is (Exit.DONE if is_few else Exit.REFUSED)
    assert run.out.count("raise it for the target") == (0 if is_few else 2)  # once in the plan, once after it
    listed = [r for r in world.state.requests() if r.path.endswith("/configs")]
    assert (listed == [], len(world.writes)) == (is_few, 2 if is_few else 0)


def test_only_the_account_that_is_meant_is_written(world: World) -> None:
    meant = SETTINGS.replace('"sandbox:"}', '"sandbox:", account_must_have: %s}')
    for delay, wanted in enumerate(("{id: 1}", "{name: Welcome}", "{id: 1, name: Welcome}"), 7):
        world.write("reconciler.yaml", meant % wanted)
        world.write("welcome.yaml", WELCOME % (f"name: Welcome, first_row: {delay}", 1))
        assert world.applies().exit is Exit.DONE
    assert len(world.writes) == 3


def test_what_somebody_hid_since_the_plan_is_not_shown_again(world: World) -> None:
    world.variants = Variants(hidden="readable-by-id", false_and_zero="omitted")
    world.write("welcome.yaml", WELCOME % ("name: Welcome, date_format: yyyy, undeclared: keep", 1))
    run = world.applies(yes=False, screen=Screen(stdin=Doing(lambda: world.change(1, IsReusable=False))))
    assert run.exit is Exit.STALE
    assert "is_reusable" in run.out
    assert world.writes == []


def test_members_that_the_server_writes_into_rows_can_be_named(world: World) -> None:
    rows = [{"SourceColumnNumber": 1, "TargetColumnName": "Email", "RowId": 7}]
    world.live({1: {"Name": "Welcome", "IsReusable": True, "ColumnMappings": rows, "FirstRow": 3}})
    members = SETTINGS.replace('"sandbox:"}', '"sandbox:", server_members: [ColumnMappings.RowId]}')
    world.write("reconciler.yaml", members)
    world.write("welcome.yaml", WELCOME % ("name: Welcome", 1))
    assert "↺ ColumnMappings.RowId" in world.applies().out
    (put,) = world.writes
    assert "RowId" not in put.body
    assert "TargetColumnName" in put.body


NULLS = ", ".join(
    f"{field.path.partition('.')[2]}: null" for field in IMPORT_CONFIGS.fields if len(field.member) > 1
)


@pytest.mark.parametrize("settings", ["null", f"{{{NULLS}}}"])
@pytest.mark.parametrize("live", [{"SurveyId": 4711}, {"SurveyId": None}])
@pytest.mark.parametrize("members", ["stored", "strict"])
def test_a_group_that_is_declared_as_null_is_cleared_with_what_is_unknown_in_it_by_consent(
    world: World, settings: str, live: Members, members: str
) -> None:
    world.live({1: {"Name": "Welcome", "IsReusable": True, "SurveySettings": live}})
    world.variants = Variants.parse(["server_extras=stable", f"extra_members={members}"])
    if members == "strict":
        strict = SETTINGS.replace('"sandbox:"}', '"sandbox:", server_members: [CreateDate]}')
        world.write("reconciler.yaml", strict)
    text = f"name: Welcome, undeclared: keep, survey_settings: {settings}"
    world.write("welcome.yaml", WELCOME % (text, 1))
    refused = world.applies(Consent())
    assert "↺ SurveySettings.LinkVersion" in refused.out
    assert (refused.exit, world.writes) == (Exit.REFUSED, [])
    assert world.applies().exit is Exit.DONE
    (put,) = world.writes
    assert json.loads(put.body)["SurveySettings"] is None
    assert pending(world) is Exit.DONE


def test_live_values_of_server_members_are_resets_with_consent_that_a_review_binds(world: World) -> None:
    world.variants = Variants(server_extras="volatile", extra_members="strict")
    names = "[CreateDate, LastReadAt, Revision, SurveySettings.LinkVersion]"
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"}', f'"sandbox:", server_members: {names}}}'))
    refused = world.applies(Consent())
    assert (refused.exit, world.writes) == (Exit.REFUSED, [])
    for name in names.strip("[]").split(", "):
        assert f"↺ {name}" in refused.out
    shown = world.plans(out=Path("plan.json"), json=True)
    assert "2024-01-15" not in shown.out  # what the model does not know may be anything
    world.clock.sleep(5)  # what is volatile has another value now
    run = world.applies(plan_files=(Path("plan.json"),), json=True)
    assert (run.exit, run.results) == (Exit.DONE, {"import_configs.welcome": "applied"})
    assert pending(world) is Exit.DONE
    world.clock.sleep(5)
    world.write("welcome.yaml", WELCOME % ("name: Welcome, undeclared: keep, date_format: yyyy", 1))
    again = world.applies(Consent())
    assert "a PUT would reset LastReadAt, Revision; consent with --allow-resets" in again.out


def test_an_adoption_proves_nothing_of_what_a_put_leaves_out(world: World) -> None:
    world.variants = Variants(server_extras="stable")
    world.write(
        "reconciler.yaml", SETTINGS.replace('"sandbox:"}', '"sandbox:", server_members: [CreateDate]}')
    )
    world.write("welcome.yaml", "import_configs: {}\n")
    world.ran(adopt, Wanted(everything=True), EVERYTHING)
    adopted = world.folder / "configs/import_configs.yaml"
    adopted.write_text(adopted.read_text("utf-8").replace("name:", "first_row: 9\n    name:"), "utf-8")
    refused = world.applies(Consent())
    assert (refused.exit, world.writes) == (Exit.REFUSED, [])
    assert "a PUT would reset CreateDate; consent with --allow-resets" in refused.out


def test_what_is_the_same_for_many_is_said_once(world: World) -> None:
    live = {"EmailIsRequired": True, "DateFormat": "dd/MM/yyyy", "IsReusable": True, "UpdateTypeId": 1}
    world.live({number: {"Name": f"Round {number}", **live} for number in range(1, 10)})
    (world.folder / "configs/welcome.yaml").unlink()
    declared = (f"  r{number}: {{name: Round {number}, is_reusable: true}}\n" for number in range(1, 10))
    world.write("rounds.yaml", f"import_configs:\n{''.join(declared)}")
    planned = world.plans(Consent(), json=False).out
    assert planned.count("a PUT would reset email_is_required, date_format, update_type_id; ") == 9
    assert planned.count("declare it, name it under keep or reset, or consent") == 1
    assert planned.count("see import_configs.r1 for what to do") == 8
    for fault in ("PUT:1+:before:status=400", "PUT:1+:after:drop"):
        run = world.applies(fault=fault)
        said = "Correct what the API names" if "400" in fault else "reading it shows that it was done"
        assert run.out.count(said) == 1
        assert run.out.count("the same as import_configs.r") == 8


def test_a_sandbox_that_cannot_be_used_is_an_error_in_words(world: World) -> None:
    kept = replace(world.environment, sandboxes={})
    for name in ("RECONCILER_SANDBOX_VARIANTS", "RECONCILER_SANDBOX_FAULTS"):
        environment = replace(kept, environ={name: "nope=1"})
        with pytest.raises(UsageError, match="cannot be used"):
            world.plans(environment=environment)
    faults = {"RECONCILER_SANDBOX_FAULTS": "GET /3/surveys*:1:before:status=503; PUT:1:after:drop"}
    assert "Plan:" in world.plans(RESETS, environment=replace(kept, environ=faults)).out
    other = World(world.folder / "other")
    other.write("reconciler.yaml", SETTINGS)
    (other.folder / ".reconciler").write_text("in the way")
    with pytest.raises(Refused, match="is a file, where reconciler makes a folder"):
        other.plans(environment=replace(other.environment, sandboxes={}))
