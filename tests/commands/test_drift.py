"""A plan says what changed in git and what changed live, and leaves alone what is accepted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.commands.history import history_prune
from reconciler.commands.plan import show
from reconciler.commands.validate import validate
from reconciler.errors import Exit
from tests.commands.world import EVERYTHING, World

DELAY = "survey_settings.invitation_delay_in_days"
KEEPING = "import_configs: {welcome: {name: Welcome, undeclared: keep, targets: {sandbox: {id: 1}}%s}}\n"
UNTIL = "2026-12-31"
FORMAT = ", date_format: yyyy-MM-dd"
ACCEPT = f", accept: [{{field: date_format, until: {UNTIL}, reason: a trial of marketing}}]"


def declare(world: World, more: str = "") -> None:
    world.write("welcome.yaml", KEEPING % more)


def applied(world: World, more: str = "") -> None:
    """Declare, apply, and wait until no answer of before is served any more."""
    declare(world, more)
    world.applies()
    world.clock.sleep(60)


def document(world: World) -> Any:
    return world.plans(json=True).document


def text(world: World) -> str:
    return world.plans().out


def drifts(world: World) -> dict[str, str | None]:
    """Return what is said of each field of the one resource that differs or that is worth a word."""
    made = document(world)
    (entry,) = made["changes"] or made["unchanged"]
    return {f["path"]: f["drift"] for f in entry["fields"] if f["differs"] or f["drift"]}


def live_format(world: World, value: str) -> None:
    world.change(1, DateFormat=value)


@pytest.mark.parametrize(
    ("before", "live", "declared", "drift", "shown"),
    [
        (f"{FORMAT}, first_row: 2", "dd-MM-yyyy", f"{FORMAT}, first_row: 3",
         {"date_format": "live", "first_row": "git"},
         ["first_row +2 +→ 3 +changed in git$", '"dd-MM-yyyy" → "yyyy-MM-dd"  changed live$']),
        (FORMAT, "dd-MM-yyyy", ", date_format: dd.MM.yyyy", {"date_format": "both"}, []),
        (FORMAT, "", "", {"date_format": "undeclared"},
         ['= date_format  "yyyy-MM-dd"  kept, no longer declared, its live value stays$']),
        (", reset: [date_format]", "dd-MM-yyyy", ", reset: [date_format]", {"date_format": "live"},
         ["↺ date_format .* reset as named, default [a-z]+, changed live$"]),
    ],
)  # fmt: skip
def test_a_change_of_the_files_is_told_from_one_in_the_tool(
    world: World, before: str, live: str, declared: str, drift: dict[str, str], shown: list[str]
) -> None:
    applied(world, before)
    if live:
        live_format(world, live)
    declare(world, declared)
    assert drifts(world) == drift
    told = text(world)
    assert "No earlier run" not in told
    for pattern in shown:
        assert re.search(pattern, told, re.MULTILINE), pattern


def test_what_a_restore_left_is_no_change_of_git_and_the_way_back_itself_says_nothing(world: World) -> None:
    applied(world, FORMAT)
    (change,) = world.restores(json=True).document["plan"]["changes"]
    assert {field["drift"] for field in change["fields"]} == {None}
    world.clock.sleep(60)
    assert drifts(world) == {"date_format": "restored"}


def test_a_moved_key_brings_its_past(world: World) -> None:
    applied(world, FORMAT)
    live_format(world, "dd-MM-yyyy")
    world.write("welcome.yaml", (KEEPING % FORMAT).replace("{welcome:", "{hello:"))
    world.write("moved.yaml", "moved: {import_configs.welcome: import_configs.hello}\n")
    assert drifts(world) == {"date_format": "live"}


def test_pruning_the_journal_leaves_what_is_needed_and_an_unreadable_one_makes_all_unknown(
    world: World,
) -> None:
    applied(world, FORMAT)
    world.clock.sleep(90 * 86400)
    world.ran(history_prune, 86400, EVERYTHING, yes=True)
    live_format(world, "dd-MM-yyyy")
    assert drifts(world) == {"date_format": "live"}
    (world.folder / ".reconciler" / "journal.db").write_bytes(b"no database at all" * 100)
    assert drifts(world) == {"date_format": "unknown"}


def test_a_write_that_nobody_knows_the_end_of_is_in_doubt(world: World) -> None:
    declare(world, FORMAT)
    world.applies(fault="PUT:1+:before:drop")
    world.clock.sleep(60)
    assert drifts(world) == {"date_format": "in_doubt"}
    assert "the last run is in doubt" in text(world)


def test_words_change_neither_digest_nor_what_is_sent(world: World) -> None:
    """The same files and the same live state, once with a past and once without, are one plan."""
    applied(world, FORMAT)
    live_format(world, "dd-MM-yyyy")
    known = document(world)
    (world.folder / ".reconciler" / "journal.db").unlink()
    unknown = document(world)
    assert known["changes"][0]["fields"] != unknown["changes"][0]["fields"]
    assert known["fingerprint"] == unknown["fingerprint"]


def test_show_says_it_too_and_names_an_acceptance(world: World) -> None:
    applied(world, FORMAT)
    live_format(world, "dd-MM-yyyy")
    assert "set, changed live" in world.ran(show, "welcome", EVERYTHING).out
    declare(world, ACCEPT + FORMAT)
    shown = world.ran(show, "welcome", EVERYTHING).out
    assert f"accepted until {UNTIL}, configs/welcome.yaml:1:" in shown


@pytest.mark.parametrize(
    "more", [", date_format: yyyy-MM-dd", ", reset: [date_format]", ", undeclared: refuse"]
)
def test_what_is_accepted_is_left_as_it_is_and_named(world: World, more: str) -> None:
    world.write(
        "welcome.yaml",
        (KEEPING % (ACCEPT + more)).replace(
            "undeclared: keep, ", "" if "undec" in more else "undeclared: keep, "
        ),
    )
    world.live({1: {"Name": "Welcome", "DateFormat": "dd/MM/yyyy", "IsReusable": True}})
    made = document(world)
    assert made["changes"] == made["blocked"] == []
    ((field,),) = [one["fields"] for one in made["unchanged"]]
    assert (field["class"], field["after"], field["differs"]) == ("kept", "dd/MM/yyyy", False)
    assert field["accepted"]["until"] == UNTIL
    assert f"until {UNTIL}: a trial of marketing" in text(world)


def test_an_accepted_value_is_carried_into_the_put_of_another_change(world: World) -> None:
    applied(world, ACCEPT + ", date_format: yyyy-MM-dd, first_row: 7")
    assert (world.config(1)["DateFormat"], world.config(1)["FirstRow"]) == ("dd/MM/yyyy", 7)


def test_an_acceptance_that_has_ended_is_warned_of_and_holds_no_more(world: World) -> None:
    declare(world, ACCEPT + FORMAT)
    world.clock.sleep(datetime(2027, 1, 1, tzinfo=UTC).timestamp() - world.clock.now())
    made = document(world)
    assert [field["path"] for field in made["changes"][0]["fields"] if field["differs"]] == ["date_format"]
    assert [problem["code"] for problem in made["problems"]] == ["acceptance-ended"]
    run = world.ran(validate, EVERYTHING)
    assert run.exit is Exit.DONE
    assert "date_format was accepted until 2026-12-31 (a trial of marketing)" in run.out
