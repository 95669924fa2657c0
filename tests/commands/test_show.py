"""`show` puts one resource side by side."""

from __future__ import annotations

import pytest

from reconciler.commands.show import show
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING, Screen, World


def test_every_writable_field_stands_with_its_class_live_desired_and_place(
    world: World, screen: Screen
) -> None:
    assert show("welcome", EVERYTHING, screen.console(world.clock), world.environment) is Exit.DONE
    lines = {line.split()[0]: line.split(maxsplit=4) for line in screen.out.splitlines()[3:]}
    assert len(lines) == 26
    assert lines["survey_settings.invitation_delay_in_days"][1:] == [
        "set",
        "5",
        "2",
        "resource, configs/welcome.yaml:6:7",
    ]
    assert lines["date_format"][1:4] == ["reset", '"dd/MM/yyyy"', "(empty)"]
    assert lines["survey_settings.expiration_after_days"][1:4] == ["kept", "14", "14"]


def test_the_title_says_what_a_plan_would_do(world: World, screen: Screen) -> None:
    show("welcome", EVERYTHING, screen.console(world.clock), world.environment)
    assert screen.out.startswith(
        "import_configs.welcome  on sandbox, update id 1  (configs/welcome.yaml:2:3)"
    )


def test_a_survey_is_shown_by_its_title_too(world: World, screen: Screen) -> None:
    show("welcome", EVERYTHING, screen.console(world.clock), world.environment)
    assert 'survey "Customer satisfaction 2026", resource' in screen.out


def test_json_has_every_field(world: World, screen: Screen) -> None:
    show("welcome", EVERYTHING, screen.console(world.clock, as_json=True), world.environment)
    assert len(screen.document["fields"]) == 26


def test_a_blocked_resource_says_why(world: World, screen: Screen) -> None:
    world.write("welcome.yaml", "import_configs:\n  welcome: {name: Welcome, targets: {sandbox: {id: 9}}}\n")
    show("welcome", EVERYTHING, screen.console(world.clock), world.environment)
    assert "blocked: id 9 is not there" in screen.out


def test_an_unknown_key_is_an_error(world: World, screen: Screen) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        show("nowhere", EVERYTHING, screen.console(world.clock), world.environment)


def test_a_glob_of_several_is_an_error(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    with pytest.raises(UsageError, match="more than one"):
        show("*", Selection(), screen.console(world.clock), world.environment)
