"""`plan` shows what would change and what is reset, and never writes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.commands.console import Requests
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from tests.commands.world import EVERYTHING, SETTINGS, Screen, World

RESETS = Consent(resets=None)
RESET_LINE = (
    '    ↺ date_format                               "dd/MM/yyyy" → (empty)  reset by policy, default assumed'
)
UNTOLD = (
    "No earlier run is known of import_configs.welcome: what changed in git and what changed live cannot be "
    "told apart."
)
SUMMARY = (
    "Plan: 0 to create, 1 to update (1 field reset), 0 to delete, 0 blocked, 0 unchanged; "
    "0 seeds to send (0 customers)."
)


def planned(world: World, screen: Screen, consent: Consent = RESETS, **settings: bool) -> Exit:
    return plan(EVERYTHING, PlanOptions(consent), screen.console(world.clock, **settings), world.environment)


def test_a_plan_shows_sets_resets_and_kept_values_and_its_summary_last(world: World, screen: Screen) -> None:
    assert planned(world, screen) is Exit.DONE
    assert screen.out.splitlines()[3:] == [
        '~ import_configs.welcome  update id 1 "Welcome"',
        "    ~ survey_settings.invitation_delay_in_days  5            → 2",
        "    = survey_settings.expiration_after_days     14  kept",
        RESET_LINE,
        "",
        "↺ not declared: the PUT leaves it out, and the server puts it back to its default.",
        "",
        UNTOLD,
        "",
        SUMMARY,
    ]


def test_a_plan_writes_nothing(world: World, screen: Screen) -> None:
    planned(world, screen)
    assert world.writes == []


def test_the_first_lines_say_target_account_and_guardrails(world: World, screen: Screen) -> None:
    planned(world, screen)
    assert screen.out.splitlines()[:2] == [
        "Target sandbox, account sandbox:sandbox",
        "Limits: resets 0, deletes 0, updates 30% (from 10 live on)",
    ]


@pytest.mark.parametrize(
    ("consent", "detailed", "exit"),
    [
        (Consent(), False, Exit.REFUSED),
        (Consent(), True, Exit.REFUSED),
        (RESETS, False, Exit.DONE),
        (RESETS, True, Exit.PENDING),
    ],
)
def test_the_exit_says_refused_pending_or_done(
    world: World, screen: Screen, consent: Consent, detailed: bool, exit: Exit
) -> None:
    console = screen.console(world.clock)
    assert (
        plan(EVERYTHING, PlanOptions(consent, detailed_exitcode=detailed), console, world.environment) is exit
    )


def test_a_reset_without_consent_names_every_field_and_the_way_out(world: World, screen: Screen) -> None:
    planned(world, screen, Consent())
    assert "! a PUT would reset date_format; declare it, name it under keep or reset" in screen.out


def test_json_is_one_document_with_every_promised_member(world: World, screen: Screen) -> None:
    planned(world, screen, as_json=True)
    document = screen.document
    assert {
        "format_version",
        "target",
        "account",
        "fingerprint",
        "summary",
        "changes",
        "seeds",
        "unmanaged",
        "problems",
    } <= set(document)
    (change,) = document["changes"]
    assert {"key", "action", "id", "digest", "fields"} <= set(change)
    by_path = {f["path"]: f for f in change["fields"]}
    assert by_path["survey_settings.invitation_delay_in_days"] == {
        "path": "survey_settings.invitation_delay_in_days",
        "class": "set",
        "before": 5,
        "after": 2,
        "differs": True,
        "default_source": None,
        "level": "resource",
        "file": "configs/welcome.yaml",
        "line": 6,
        "drift": "unknown",
        "accepted": None,
    }
    assert by_path["date_format"]["class"] == "reset"
    assert by_path["date_format"]["default_source"] == "assumed"


def test_a_selected_key_with_an_id_is_read_alone(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    plan(Selection(only=("welcome",)), PlanOptions(RESETS), screen.console(world.clock), world.environment)
    assert [r.path for r in world.state.requests() if "configs" in r.path] == ["/3/contacts/import/configs/1"]


@pytest.mark.parametrize("glob", ["import_configs.wel*", "wel*", "welcome"])
def test_globs_name_keys_with_or_without_their_section(world: World, screen: Screen, glob: str) -> None:
    plan(Selection(only=(glob,)), PlanOptions(RESETS), screen.console(world.clock), world.environment)
    assert "import_configs.welcome" in screen.out


def test_what_is_declared_and_not_selected_is_not_called_unmanaged(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    plan(
        Selection(only=("other",)),
        PlanOptions(RESETS),
        screen.console(world.clock, as_json=True),
        world.environment,
    )
    assert world.config(1)
    assert screen.document["unmanaged"] == []


@pytest.mark.parametrize("selection", [Selection(only=("x*",)), Selection(exclude=("x*",))])
def test_a_glob_that_matches_nothing_is_an_error(world: World, screen: Screen, selection: Selection) -> None:
    with pytest.raises(UsageError, match=r"called x\*"):
        plan(selection, PlanOptions(RESETS), screen.console(world.clock), world.environment)


def test_a_plan_may_take_the_default_target_in_ci_too(world: World, screen: Screen) -> None:
    world.environ["CI"] = "true"
    assert planned(world, screen) is Exit.DONE


def test_prune_of_a_part_is_refused(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    with pytest.raises(UsageError, match="leave out --only"):
        plan(
            Selection(only=("welcome",)),
            PlanOptions(Consent(prune=True)),
            screen.console(world.clock),
            world.environment,
        )


def test_prune_with_nothing_declared_is_refused(world: World, screen: Screen) -> None:
    world.write("welcome.yaml", "import_configs: {}\n")
    with pytest.raises(Refused, match="nothing declared"):
        planned(world, screen, Consent(prune=True))


def test_an_unknown_survey_blocks_the_resource_and_names_the_field(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other, survey_settings: {survey: Nothing}}\n")
    assert planned(world, screen) is Exit.REFUSED
    assert 'there is no survey "Nothing"' in screen.out


def test_twin_surveys_are_named_with_both_ids(world: World, screen: Screen) -> None:
    world.write(
        "other.yaml", "import_configs:\n  other: {name: Other, survey_settings: {survey: Event feedback}}\n"
    )
    assert planned(world, screen) is Exit.REFUSED
    assert "4720 and 4721" in screen.out


def test_a_live_value_at_a_default_that_nothing_has_proved_is_shown_as_a_reset(
    world: World, screen: Screen
) -> None:
    world.write("reconciler.yaml", SETTINGS + "    defaults: {date_format: dd/MM/yyyy}\n")
    planned(world, screen)
    assert '→ "dd/MM/yyyy"  reset by policy, default stated, not proved\n' in screen.out
    assert "(1 field reset)" in screen.out


def test_carried_members_are_shown(world: World, screen: Screen) -> None:
    from reconciler.sandbox import Variants

    world.variants = Variants(server_extras="stable")
    planned(world, screen)
    assert "carried, unknown to this tool" in screen.out


def test_names_that_steer_a_terminal_are_shown_harmless(world: World, screen: Screen) -> None:
    world.live(
        {1: {"Name": "Welcome", "IsReusable": True}, 2: {"Name": "\x1b[31mred\u202e", "IsReusable": True}}
    )
    planned(world, screen)
    assert "\x1b" not in screen.out
    assert "\u202e" not in screen.out
    assert '2 "\\u001b[31mred\\u202e"' in screen.out


def test_the_number_of_requests_is_told_on_stderr(world: World, screen: Screen) -> None:
    console = screen.console(world.clock, verbose=True)
    requests = Requests(console)
    plan(EVERYTHING, PlanOptions(), console, replace(world.environment, on_request=requests))
    requests.end("plan", Exit.DONE)
    assert screen.err == "3 requests: 3 GET\n"
