"""`show` puts one resource side by side."""

from __future__ import annotations

import pytest

from reconciler.commands.plan import show
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING, Screen, World


def test_every_writable_field_stands_with_its_class_live_desired_and_place(
    world: World, screen: Screen
) -> None:
    assert show("welcome", EVERYTHING, screen.console(world.clock), world.environment) is Exit.DONE
    title, _, _, *rows = screen.out.splitlines()
    assert title == "import_configs.welcome  on sandbox, update id 1  (configs/welcome.yaml:2:3)"
    assert 'survey "Customer satisfaction 2026", resource' in screen.out
    fields = {row.split()[0]: row.split(maxsplit=4)[1:] for row in rows}
    assert len(fields) == 26
    delay = ["set", "5", "2", "resource, configs/welcome.yaml:6:7"]
    assert fields["survey_settings.invitation_delay_in_days"] == delay
    assert fields["date_format"][:3] == ["reset", '"dd/MM/yyyy"', "(empty)"]
    assert fields["survey_settings.expiration_after_days"][:3] == ["kept", "14", "14"]
    show("welcome", EVERYTHING, (document := Screen()).console(world.clock, as_json=True), world.environment)
    assert [field["path"] for field in document.document["fields"]] == [*fields]


def test_a_blocked_resource_says_why(world: World, screen: Screen) -> None:
    world.write("welcome.yaml", "import_configs:\n  welcome: {name: Welcome, targets: {sandbox: {id: 9}}}\n")
    show("welcome", EVERYTHING, screen.console(world.clock), world.environment)
    assert "blocked: id 9 is not there" in screen.out


@pytest.mark.parametrize(("key", "said"), [("nowhere", "nowhere"), ("*", "more than one")])
def test_what_is_not_one_resource_is_an_error(world: World, screen: Screen, key: str, said: str) -> None:
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    with pytest.raises(UsageError, match=said):
        show(key, EVERYTHING, screen.console(world.clock), world.environment)
