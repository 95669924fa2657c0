"""What a reset leaves behind is shown with how it is known, and can be found out."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.defaults import defaults_learn, defaults_show
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.validate import validate
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused
from reconciler.sandbox import Fault, Variants
from tests.commands.world import EVERYTHING, SETTINGS, Screen, World

ACCOUNT = Variants.parse(["defaults=account"])


def known(world: World) -> dict[str, tuple[Any, str]]:
    screen = Screen()
    defaults_show(EVERYTHING, screen.console(world.clock, as_json=True), world.environment)
    return {row["path"]: (row["value"], row["source"]) for row in screen.document["defaults"]}


def learn(world: World, *faults: str) -> tuple[Exit, Screen]:
    world.faults = [Fault.parse(fault) for fault in faults]
    screen = Screen()
    exit = defaults_learn(EVERYTHING, screen.console(world.clock), world.environment, yes=True)
    world.faults = ()
    return exit, screen


def test_a_default_is_stated_and_proved_or_not_learned_or_assumed(world: World) -> None:
    world.variants = ACCOUNT
    world.write("reconciler.yaml", SETTINGS + "    defaults: {date_format: dd-MM-yyyy}\n")
    assert known(world)["date_format"] == ("dd-MM-yyyy", "stated_not_proved")
    apply(
        EVERYTHING,
        ApplyOptions(Consent(resets=None), yes=True),
        Screen().console(world.clock),
        world.environment,
    )
    told = known(world)
    assert told["date_format"] == ("dd-MM-yyyy", "stated")
    assert told["field_delimiter"] == (None, "learned")
    assert told["email_is_required"] == (None, "assumed")


def test_learning_creates_reads_and_deletes_one_configuration_and_keeps_what_it_saw(world: World) -> None:
    world.variants = ACCOUNT
    exit, screen = learn(world)
    assert exit is Exit.DONE
    assert [request.method for request in world.writes] == ["POST", "DELETE"]
    assert not world.config(2)
    told = {path: value for path, (value, source) in known(world).items() if source == "learned" and value}
    assert told
    assert all(f"{path}: " in screen.out for path in told)


def test_the_lines_that_learning_prints_are_valid_and_empty_the_same_resets(world: World) -> None:
    world.variants = ACCOUNT
    _, screen = learn(world)
    _, _, block = screen.out.partition("    defaults:\n")
    lines = block.partition("\n\n")[0]
    world.write("reconciler.yaml", f"{SETTINGS}    defaults:\n{lines}\n")
    assert validate(EVERYTHING, Screen().console(world.clock), world.environment) is Exit.DONE
    assert {source for value, source in known(world).values() if value} == {"stated"}


def test_what_was_learned_counts_in_the_next_plan(world: World) -> None:
    world.variants = ACCOUNT
    learn(world)
    screen = Screen()
    plan(
        EVERYTHING,
        PlanOptions(Consent(resets=None)),
        screen.console(world.clock, as_json=True),
        world.environment,
    )
    [change] = screen.document["changes"]
    sources = {f["path"]: f["default_source"] for f in change["fields"] if f["class"] == "reset"}
    assert sources["date_format"] == "learned"


def test_fields_of_a_group_that_is_not_shown_stay_unknown(world: World) -> None:
    _, screen = learn(world)
    assert "still unknown: everything in survey_settings." in screen.out
    assert known(world)["survey_settings.survey_id"] == (None, "assumed")


@pytest.mark.parametrize("fault", ["DELETE:1+:before:status=500", "DELETE:1+:before:drop"])
def test_what_may_be_left_over_is_named(world: World, fault: str) -> None:
    exit, screen = learn(world, fault)
    assert exit is Exit.IN_DOUBT
    assert f'It may still be there: "{world.config(2)["Name"]}" (id 2).' in screen.out


def test_a_create_whose_answer_is_lost_is_found_and_deleted(world: World) -> None:
    exit, _ = learn(world, "POST:1:after:drop")
    assert exit is Exit.DONE
    assert not world.config(2)


def test_a_create_that_is_refused_leaves_nothing_over(world: World) -> None:
    exit, screen = learn(world, "POST:1:before:status=400")
    assert exit is Exit.ERROR
    assert "may still be there" not in screen.out


def test_without_a_yes_nothing_is_created(world: World) -> None:
    with pytest.raises(Refused, match="no terminal"):
        defaults_learn(EVERYTHING, Screen().console(world.clock), world.environment)
    assert not world.writes
