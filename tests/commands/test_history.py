"""Each run is written down, and can be looked at and forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.history import Filter, history, history_prune, history_show
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World

RESETS = Consent(resets=None)
DAY = 86400.0


def applied(world: World, *, invitation_delay: int = 2) -> Exit:
    world.write(
        "welcome.yaml",
        "import_configs:\n  welcome:\n    name: Welcome\n    survey_settings:\n      survey_id: 4711\n"
        f"      invitation_delay_in_days: {invitation_delay}\n    targets: {{sandbox: {{id: 1}}}}\n",
    )
    return apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)


def told(world: World, wanted: Filter = Filter()) -> list[dict[str, Any]]:  # noqa: B008
    screen = Screen()
    history(EVERYTHING, wanted, screen.console(world.clock, as_json=True), world.environment)
    runs: list[dict[str, Any]] = screen.document["runs"]
    return runs


def shown(world: World, number: int) -> Screen:
    screen = Screen()
    assert history_show(number, EVERYTHING, screen.console(world.clock), world.environment) is Exit.DONE
    return screen


def test_a_run_says_who_did_what_where_and_how_it_ended(world: World) -> None:
    world.environ |= {
        "GITHUB_ACTOR": "octavia",
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_REPOSITORY": "acme/surveys",
        "GITHUB_RUN_ID": "77",
    }
    applied(world)
    [run] = told(world)
    assert (run["id"], run["command"], run["target"], run["who"]) == (1, "apply", "sandbox", "octavia")
    assert run["ci_run"] == "https://git.example/acme/surveys/actions/runs/77"
    assert (run["exit_code"], run["counts"]["applied"], run["accounts"]) == (0, 1, ["sandbox:sandbox"])


def test_an_apply_with_nothing_to_do_leaves_no_run(world: World) -> None:
    applied(world)
    applied(world)
    assert [run["id"] for run in told(world)] == [1]


def test_a_run_that_was_refused_in_the_middle_is_written_down_as_that(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', '"sandbox:", account_must_have: {id: 99}'))
    with pytest.raises(Refused, match="99"):
        applied(world)
    assert [run["exit_code"] for run in told(world)] == [Exit.REFUSED]


def test_runs_are_newest_first_and_can_be_filtered(world: World) -> None:
    applied(world)
    world.clock.sleep(2 * DAY)
    applied(world, invitation_delay=3)
    assert [run["id"] for run in told(world)] == [2, 1]
    assert [run["id"] for run in told(world, Filter(limit=1))] == [2]
    assert [run["id"] for run in told(world, Filter(since=DAY))] == [2]
    assert [run["id"] for run in told(world, Filter(keys=("wel*",)))] == [2, 1]
    assert told(world, Filter(keys=("other",))) == []


def test_the_fields_that_a_run_wrote_are_shown_with_what_stood_there(world: World) -> None:
    applied(world)
    out = shown(world, 1).out
    assert "~ import_configs.welcome  update id 1: applied" in out
    assert "~ survey_settings.invitation_delay_in_days  5 → 2" in out
    assert '↺ date_format                               "dd/MM/yyyy" → (empty)' in out


def test_the_document_of_a_run_holds_the_bodies(world: World) -> None:
    before = world.config(1)
    applied(world)
    screen = Screen()
    history_show(1, EVERYTHING, screen.console(world.clock, as_json=True), world.environment)
    [written] = screen.document["operations"]
    assert written["body_before"]["DateFormat"] == before["DateFormat"]
    assert "DateFormat" not in written["body_sent"]
    assert written["body_after"]["SurveySettings"]["InvitationDelayInDays"] == 2


def test_a_run_that_nobody_knows_is_said(world: World) -> None:
    with pytest.raises(UsageError, match="knows no run 9"):
        shown(world, 9)


def test_old_runs_are_forgotten_but_not_what_later_runs_need(world: World) -> None:
    applied(world)
    world.clock.sleep(40 * DAY)
    applied(world, invitation_delay=3)
    world.clock.sleep(40 * DAY)
    screen = Screen()
    history_prune(30 * DAY, EVERYTHING, screen.console(world.clock), world.environment, yes=True)
    assert screen.out.strip() == "Forgot 1 run with 1 write."
    assert [run["id"] for run in told(world)] == [2]


@pytest.mark.parametrize("stdin", [Terminal("no\n"), Terminal("")])
def test_nothing_is_forgotten_without_a_yes(world: World, stdin: Terminal) -> None:
    applied(world)
    world.clock.sleep(40 * DAY)
    with pytest.raises(Refused, match="not confirmed"):
        history_prune(DAY, EVERYTHING, Screen(stdin=stdin).console(world.clock), world.environment, yes=False)
    assert len(told(world)) == 1


def test_history_makes_no_journal(world: World) -> None:
    assert told(world) == []
    assert not (world.folder / ".reconciler" / "journal.db").exists()
