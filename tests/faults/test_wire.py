"""The rows of the table over a real socket: what a bad network does is what the sandbox imitates."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.scenes import SCENES
from tests.faults.table import rows
from tests.faults.wire import AFTER, Break, unread, wired
from tests.faults.world import FaultWorld, said
from tests.seeds.world import SETTINGS

BREAKS: dict[str, Mapping[str, Break]] = {"lost": {"unread": unread}, "done, and lost": AFTER}
SECTIONS = ("Listing for a plan", "Replacing", "Creating", "Sending a batch")


@pytest.mark.parametrize(("fault", "way"), [(fault, way) for fault in BREAKS for way in BREAKS[fault]])
@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_lost_on_the_wire_ends_as_the_table_says(
    tmp_path: Path, section: str, fault: str, way: str
) -> None:
    world, scene = FaultWorld(tmp_path), SCENES[section][0]
    row = next(row for row in rows() if row.section == section and fault in row.faults)
    scene.task.declare(world)
    with wired(world, scene.request, BREAKS[fault][way], scene.nth):
        end = world.run()
    assert (said(end), end.exit) == (row.says, row.exit), end
    if row.says in ("applied", "sent"):
        assert scene.task.is_done(world)
    elif row.says != "in doubt":
        assert scene.task.is_untouched(world)


@pytest.mark.parametrize("section", ["Replacing", "Sending a batch"])
def test_where_nothing_listens_nothing_is_begun(tmp_path: Path, section: str) -> None:
    world = FaultWorld(tmp_path)
    SCENES[section][0].task.declare(world)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', f'"http://127.0.0.1:{port}"'))
    end = world.run()
    assert end.exit == 7
    assert world.state.requests() == ()
