"""`apply` shows the plan, asks, carries it out, and says truthfully how each change ended."""

from __future__ import annotations

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Variants
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World

RESETS = Consent(resets=None)


def applied(world: World, screen: Screen, consent: Consent = RESETS, **settings: bool) -> Exit:
    return apply(
        EVERYTHING,
        ApplyOptions(consent, yes=True),
        screen.console(world.clock, **settings),
        world.environment,
    )


def plan_of(world: World) -> tuple[Exit, str]:
    screen = Screen()
    exit = plan(
        EVERYTHING,
        PlanOptions(RESETS, detailed_exitcode=True),
        screen.console(world.clock),
        world.environment,
    )
    return exit, screen.out


def test_applying_makes_the_next_plan_empty(world: World, screen: Screen) -> None:
    assert applied(world, screen) is Exit.DONE
    assert screen.out.splitlines()[-1] == (
        "Applied: 1 changed, 0 failed, 0 stale, 0 skipped, 0 in doubt; 0 customers sent."
    )
    assert plan_of(world)[0] is Exit.DONE


def test_a_second_apply_sends_nothing(world: World, screen: Screen) -> None:
    applied(world, screen)
    before = len(world.writes)
    assert applied(world, Screen()) is Exit.DONE
    assert len(world.writes) == before


def test_the_server_holds_what_was_declared_and_kept_and_nothing_else(world: World, screen: Screen) -> None:
    applied(world, screen)
    held = {name: value for name, value in world.config(1).items() if value not in (None, False)}
    settings = {name: value for name, value in held.pop("SurveySettings").items() if value is not None}
    assert held == {"Name": "Welcome", "EmailIsRequired": True, "IsReusable": True}
    assert settings == {"SurveyId": 4711, "InvitationDelayInDays": 2, "ExpirationAfterDays": 14}


def test_each_change_is_one_read_one_write_and_one_verifying_read(world: World, screen: Screen) -> None:
    applied(world, screen)
    calls = [r.method for r in world.state.requests() if r.path.endswith("/configs/1")]
    assert calls[-3:] == ["GET", "PUT", "GET"]


def test_resets_without_consent_are_skipped_and_everything_else_goes_on(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    assert applied(world, screen, Consent()) is Exit.REFUSED
    assert "Applied: 1 changed, 0 failed, 0 stale, 1 skipped (1 blocked), 0 in doubt" in screen.out
    assert [r.method for r in world.writes] == ["POST"]


def test_without_a_terminal_and_without_yes_nothing_is_sent(world: World, screen: Screen) -> None:
    with pytest.raises(Refused, match="--yes"):
        apply(EVERYTHING, ApplyOptions(RESETS), screen.console(world.clock), world.environment)
    assert world.writes == []


@pytest.mark.parametrize(("answer", "writes"), [("yes\n", 1), ("y\n", 0), ("no\n", 0), ("", 0)])
def test_on_a_terminal_only_yes_is_yes(world: World, answer: str, writes: int) -> None:
    screen = Screen(stdin=Terminal(answer))
    console = screen.console(world.clock)
    if writes:
        apply(EVERYTHING, ApplyOptions(RESETS), console, world.environment)
    else:
        with pytest.raises(Refused, match="not confirmed"):
            apply(EVERYTHING, ApplyOptions(RESETS), console, world.environment)
    assert len(world.writes) == writes
    assert "Apply 1 change to sandbox?" in screen.err


def test_in_ci_the_target_must_be_named(world: World, screen: Screen) -> None:
    world.environ["CI"] = "true"
    with pytest.raises(UsageError, match="--target"):
        applied(world, screen)
    assert world.writes == []
    console = screen.console(world.clock)
    assert (
        apply(Selection(target="sandbox"), ApplyOptions(RESETS, yes=True), console, world.environment)
        is Exit.DONE
    )


def test_nothing_to_do_asks_nothing(world: World, screen: Screen) -> None:
    applied(world, screen)
    assert (
        apply(EVERYTHING, ApplyOptions(RESETS), Screen().console(world.clock), world.environment) is Exit.DONE
    )


def test_json_holds_the_plan_and_every_outcome(world: World, screen: Screen) -> None:
    applied(world, screen, as_json=True)
    document = screen.document
    assert document["summary"] == {"applied": 1, "failed": 0, "stale": 0, "skipped": 0, "in_doubt": 0}
    assert document["plan"]["summary"]["update"] == 1
    assert document["outcomes"][0]["result"] == "applied"
    assert document["exit_code"] == 0


def test_a_create_names_the_id_to_write_into_the_files(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    applied(world, screen)
    assert "import_configs.other:  targets: {sandbox: {id: 2}}" in screen.out


def test_a_default_that_was_assumed_wrongly_is_said_with_the_line_that_ends_it(
    world: World, screen: Screen
) -> None:
    world.variants = Variants.parse(["defaults=account"])
    applied(world, screen)
    assert 'targets.sandbox.defaults:  date_format: "dd-MM-yyyy"' in screen.out
    lines = [line.split(":  ")[1] for line in screen.out.splitlines() if "targets.sandbox.defaults:" in line]
    world.write(
        "reconciler.yaml", SETTINGS + "    defaults:\n" + "".join(f"      {line}\n" for line in lines)
    )
    assert plan_of(world)[0] is Exit.DONE


def test_a_refusal_with_200_is_a_failure_in_the_servers_words(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other, survey_settings: {survey_id: 999}}\n")
    assert applied(world, screen) is Exit.PARTLY
    assert "failed  refused:" in screen.out
    assert "Applied: 1 changed, 1 failed" in screen.out


def test_a_slow_read_cache_is_waited_for(world: World, screen: Screen) -> None:
    world.variants = Variants(read_cache_seconds=20)
    world.clock.sleep(100)
    assert applied(world, screen) is Exit.DONE


def test_a_read_cache_longer_than_patience_leaves_a_doubt_and_says_so(world: World, screen: Screen) -> None:
    world.variants = Variants(read_cache_seconds=600)
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"}', '"sandbox:", patience: 5s}'))
    assert applied(world, screen) is Exit.IN_DOUBT
    assert "still reads as before" in screen.out


def test_hiding_needs_its_flag_and_prints_the_line_to_commit(world: World, screen: Screen) -> None:
    world.write(
        "welcome.yaml",
        "import_configs:\n  welcome:\n    name: Welcome\n    is_reusable: false\n    undeclared: keep\n",
    )
    assert applied(world, screen) is Exit.REFUSED
    assert "--allow-hide import_configs.welcome" in screen.out
    shown = Screen()
    hide = Consent(resets=None, hide=frozenset({"import_configs.welcome"}))
    assert applied(world, shown, hide) is Exit.DONE
    assert "import_configs.welcome:  hidden: true" in shown.out
    assert world.config(1)["IsReusable"] is False


def test_what_is_hidden_on_purpose_is_left_alone(world: World, screen: Screen) -> None:
    world.write(
        "welcome.yaml",
        "import_configs:\n  welcome: {name: Welcome, hidden: true, targets: {sandbox: {id: 9}}}\n",
    )
    assert applied(world, screen) is Exit.DONE
    assert world.writes == []


def test_prune_deletes_what_nobody_declares(world: World, screen: Screen) -> None:
    world.live({1: {"Name": "Welcome", "IsReusable": True}, 2: {"Name": "Old", "IsReusable": True}})
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 1}\n")
    assert applied(world, screen, Consent(resets=None, prune=True)) is Exit.DONE
    assert world.config(2) == {}
    assert world.config(1)


def test_what_shall_be_absent_is_deleted_and_then_done(world: World, screen: Screen) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 1}\n")
    world.write("welcome.yaml", "import_configs:\n  welcome: {absent: true, targets: {sandbox: {id: 1}}}\n")
    assert applied(world, screen) is Exit.DONE
    assert plan_of(world)[0] is Exit.DONE


def test_a_body_refused_for_members_that_were_carried_names_the_line_to_write(
    world: World, screen: Screen
) -> None:
    world.variants = Variants(server_extras="stable", extra_members="strict")
    assert applied(world, screen) is Exit.ERROR
    assert "server_members: [" in screen.out
