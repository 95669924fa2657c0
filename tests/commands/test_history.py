"""Each run is written down, and can be looked at and forgotten."""

from __future__ import annotations

import pytest

from reconciler.commands.history import history_prune, history_show
from reconciler.errors import Exit, Refused, UsageError
from reconciler.journal.journal import open_journal
from tests.commands.world import EVERYTHING, SETTINGS, Run, Screen, Terminal, World
from tests.journal.runs import intent, run_start

DAY = 86400.0


def applied(world: World, *, invitation_delay: int = 2) -> None:
    world.write(
        "welcome.yaml",
        "import_configs:\n  welcome:\n    name: Welcome\n    survey_settings:\n      survey_id: 4711\n"
        f"      invitation_delay_in_days: {invitation_delay}\n    targets: {{sandbox: {{id: 1}}}}\n",
    )
    world.applies()


def shown(world: World, number: int, *, json: bool = False) -> Run:
    return world.ran(history_show, number, EVERYTHING, json=json)


def test_a_run_says_who_did_what_where_and_how_it_ended(world: World) -> None:
    world.environ |= {
        "GITHUB_ACTOR": "octavia",
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_REPOSITORY": "acme/surveys",
        "GITHUB_RUN_ID": "77",
    }
    applied(world)
    applied(world)  # with nothing to do it leaves no run
    [run] = world.runs()
    assert (run["id"], run["command"], run["target"], run["who"]) == (1, "apply", "sandbox", "octavia")
    assert run["ci_run"] == "https://git.example/acme/surveys/actions/runs/77"
    assert (run["exit_code"], run["counts"]["applied"], run["accounts"]) == (0, 1, ["sandbox:sandbox"])


def test_a_run_that_was_refused_in_the_middle_is_written_down_as_that(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', '"sandbox:", account_must_have: {id: 99}'))
    with pytest.raises(Refused, match="99"):
        applied(world)
    assert [run["exit_code"] for run in world.runs()] == [Exit.REFUSED]


def test_runs_are_newest_first_and_can_be_filtered(world: World) -> None:
    assert world.runs() == []
    assert not (world.folder / ".reconciler" / "journal.db").exists()  # looking makes no journal
    applied(world)
    world.clock.sleep(2 * DAY)
    applied(world, invitation_delay=3)
    for wanted, ids in (
        ({}, [2, 1]),
        ({"limit": 1}, [2]),
        ({"since": DAY}, [2]),
        ({"keys": ("wel*",)}, [2, 1]),
        ({"keys": ("other",)}, []),
    ):
        assert [run["id"] for run in world.runs(**wanted)] == ids, wanted


def test_the_fields_that_a_run_wrote_are_shown_with_what_stood_there(world: World) -> None:
    before = world.config(1)
    applied(world)
    out = shown(world, 1).out
    assert "~ import_configs.welcome  update id 1: applied" in out
    assert "~ survey_settings.invitation_delay_in_days  5 → 2" in out
    assert '↺ date_format                               "dd/MM/yyyy" → (empty)' in out
    assert "⇒ people are invited 3 days earlier [mails_earlier]" in out
    [written] = shown(world, 1, json=True).document["operations"]
    assert "mails_earlier" in [one["name"] for one in written["effects"]]
    assert written["body_before"]["DateFormat"] == before["DateFormat"]
    assert "DateFormat" not in written["body_sent"]
    assert written["body_after"]["SurveySettings"]["InvitationDelayInDays"] == 2
    with pytest.raises(UsageError, match="knows no run 9"):
        shown(world, 9)


def test_what_a_run_at_work_has_begun_is_under_way_and_of_a_dead_one_in_doubt(world: World) -> None:
    applied(world)
    with open_journal(f"sqlite:{world.folder}/.reconciler/journal.db", world.folder, world.clock) as journal:
        run = journal.begin_run(run_start("sandbox:sandbox", target="sandbox"))
        journal.begin_operation(run, intent(account="sandbox:sandbox"))
        for text, result in (("under way", "under_way"), ("in doubt: the run died", "in_doubt")):
            assert f"update id 7: {text}" in shown(world, run).out
            assert shown(world, run, json=True).document["operations"][0]["result"] == result
            journal.take_over(run, "gone")


def test_old_runs_are_forgotten_but_not_what_later_runs_need(world: World) -> None:
    applied(world)
    world.clock.sleep(40 * DAY)
    applied(world, invitation_delay=3)
    world.clock.sleep(40 * DAY)
    run = world.ran(history_prune, 30 * DAY, EVERYTHING, yes=True)
    assert run.out.strip() == "Forgot 1 run with 1 write."
    assert [run["id"] for run in world.runs()] == [2]


@pytest.mark.parametrize("stdin", [Terminal("no\n"), Terminal("")])
def test_nothing_is_forgotten_without_a_yes(world: World, stdin: Terminal) -> None:
    applied(world)
    world.clock.sleep(40 * DAY)
    with pytest.raises(Refused, match="not confirmed"):
        world.ran(history_prune, DAY, EVERYTHING, screen=Screen(stdin=stdin), yes=False)
    assert len(world.runs()) == 1
