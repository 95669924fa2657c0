"""A target that only sends seeds needs no account of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.plan import show
from reconciler.commands.seeds import seeds_send, seeds_status
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING
from tests.seeds.world import JANE, JOHN, SETTINGS, SeedWorld

ALONE = SETTINGS.replace('    checkmarket: {url: "sandbox:"}\n', "")


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    world = SeedWorld(tmp_path)
    world.write("reconciler.yaml", ALONE)
    world.write("welcome.yaml", "import_configs: {welcome: {name: Welcome}}\n")
    world.declare(JOHN, JANE)
    return world


def test_its_plan_is_about_the_tenant_and_asks_nobody_else(world: SeedWorld) -> None:
    exit, shown = world.plan()
    assert exit is Exit.PENDING
    assert shown.startswith("Target sandbox, account sandbox:sandbox\n")
    assert {request.path.split("/")[1] for request in world.state.requests()} == {"external"}


def test_it_is_applied_once_and_then_has_nothing_to_do(world: SeedWorld) -> None:
    assert world.apply().counts == {"sent": 2}
    assert world.apply().counts == {}
    assert (world.plan()[0], world.mailed) == (Exit.DONE, [JANE, JOHN])


def test_its_seeds_are_looked_at_and_sent_by_hand(world: SeedWorld) -> None:
    world.apply()
    assert world.ran(seeds_status, EVERYTHING).exit is Exit.DONE
    assert world.ran(seeds_send, "smoke", EVERYTHING, again=True, yes=True).exit is Exit.DONE


def test_what_lives_elsewhere_is_neither_shown_nor_pruned_and_the_reason_is_told(world: SeedWorld) -> None:
    with pytest.raises(UsageError, match="has no checkmarket: section"):
        world.ran(show, "welcome", EVERYTHING)
    with pytest.raises(UsageError, match="no checkmarket: section to prune"):
        world.apply(selection=Selection(), consent=Consent(prune=True))
