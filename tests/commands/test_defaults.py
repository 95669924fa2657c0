"""What a reset leaves behind is shown with how it is known, and can be found out."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.defaults import defaults_learn, defaults_show
from reconciler.commands.validate import validate
from reconciler.errors import Exit, Refused
from reconciler.sandbox import Variants
from tests.commands.world import EVERYTHING, SETTINGS, Run, World

ACCOUNT = Variants.parse(["defaults=account"])


def known(world: World) -> dict[str, tuple[Any, str]]:
    rows = world.ran(defaults_show, EVERYTHING, json=True).document["defaults"]
    return {row["path"]: (row["value"], row["source"]) for row in rows}


def learn(world: World, fault: str = "") -> Run:
    return world.ran(defaults_learn, EVERYTHING, yes=True, fault=fault)


def test_a_default_is_stated_and_proved_or_not_learned_or_assumed(world: World) -> None:
    world.variants = ACCOUNT
    world.write("reconciler.yaml", SETTINGS + "    defaults: {date_format: dd-MM-yyyy}\n")
    assert known(world)["date_format"] == ("dd-MM-yyyy", "stated_not_proved")
    world.applies()
    told = known(world)
    assert told["date_format"] == ("dd-MM-yyyy", "stated")
    assert told["field_delimiter"] == (None, "learned")
    assert told["email_is_required"] == (None, "assumed")


def test_learning_creates_reads_and_deletes_one_configuration_and_keeps_what_it_saw(world: World) -> None:
    world.variants = ACCOUNT
    run = learn(world)
    assert run.exit is Exit.DONE
    assert [request.method for request in world.writes] == ["POST", "DELETE"]
    assert not world.config(2)
    told = {path: value for path, (value, source) in known(world).items() if source == "learned" and value}
    assert told
    assert all(f"{path}: " in run.out for path in told)
    [change] = world.plans(json=True).document["changes"]
    sources = {f["path"]: f["default_source"] for f in change["fields"] if f["class"] == "reset"}
    assert sources["date_format"] == "learned"


def test_the_lines_that_learning_prints_are_valid_and_empty_the_same_resets(world: World) -> None:
    world.variants = ACCOUNT
    lines = learn(world).out.partition("    defaults:\n")[2].partition("\n\n")[0]
    world.write("reconciler.yaml", f"{SETTINGS}    defaults:\n{lines}\n")
    assert world.ran(validate, EVERYTHING).exit is Exit.DONE
    assert {source for value, source in known(world).values() if value} == {"stated"}


def test_fields_of_a_group_that_is_not_shown_stay_unknown(world: World) -> None:
    assert "still unknown: everything in survey_settings." in learn(world).out
    assert known(world)["survey_settings.survey_id"] == (None, "assumed")


@pytest.mark.parametrize("fault", ["DELETE:1+:before:status=500", "DELETE:1+:before:drop"])
def test_what_may_be_left_over_is_named(world: World, fault: str) -> None:
    run = learn(world, fault)
    assert run.exit is Exit.IN_DOUBT
    assert f'It may still be there: "{world.config(2)["Name"]}" (id 2).' in run.out


@pytest.mark.parametrize(
    ("fault", "exit"), [("POST:1:after:drop", Exit.DONE), ("POST:1:before:status=400", Exit.ERROR)]
)
def test_a_create_whose_answer_is_lost_or_a_refusal_leaves_nothing_over(
    world: World, fault: str, exit: Exit
) -> None:
    run = learn(world, fault)
    assert run.exit is exit
    assert not world.config(2)
    assert "may still be there" not in run.out


def test_without_a_yes_nothing_is_created(world: World) -> None:
    with pytest.raises(Refused, match="no terminal"):
        world.ran(defaults_learn, EVERYTHING)
    assert not world.writes
