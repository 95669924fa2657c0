"""`show` puts one resource side by side."""

from __future__ import annotations

import pytest

from reconciler.commands.plan import show
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING, World


def test_every_writable_field_stands_with_its_class_live_desired_and_place(world: World) -> None:
    run = world.ran(show, "welcome", EVERYTHING)
    assert run.exit is Exit.DONE
    title, _, _, *rows = run.out.splitlines()
    assert title == "import_configs.welcome  on sandbox, update id 1  (configs/welcome.yaml:2:3)"
    assert 'survey "Customer satisfaction 2026", resource' in run.out
    effects = [row for row in rows if row.startswith("⇒")]
    fields = {row.split()[0]: row.split(maxsplit=4)[1:] for row in rows if row and row not in effects}
    assert (len(fields), len(effects)) == (26, 2)
    delay = ["set", "5", "2", "resource, configs/welcome.yaml:6:7"]
    assert fields["survey_settings.invitation_delay_in_days"] == delay
    assert fields["date_format"][:3] == ["reset", '"dd/MM/yyyy"', "(empty)"]
    assert fields["survey_settings.expiration_after_days"][:3] == ["kept", "14", "14"]
    document = world.ran(show, "welcome", EVERYTHING, json=True).document
    assert [field["path"] for field in document["fields"]] == [*fields]


def test_a_blocked_resource_says_why_and_what_is_not_one_resource_is_an_error(world: World) -> None:
    world.write("welcome.yaml", "import_configs:\n  welcome: {name: Welcome, targets: {sandbox: {id: 9}}}\n")
    assert "blocked: id 9 is not there" in world.ran(show, "welcome", EVERYTHING).out
    world.write("other.yaml", "import_configs:\n  other: {name: Other}\n")
    for key, said in (("nowhere", "nowhere"), ("*", "more than one")):
        with pytest.raises(UsageError, match=said):
            world.ran(show, key, EVERYTHING)
