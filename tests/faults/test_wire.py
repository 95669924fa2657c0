"""The rows of the table over a real socket: what a bad network does is what the sandbox imitates."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from reconciler.checkmarket.client import open_checkmarket
from reconciler.errors import Unreachable
from reconciler.http.api import Connection
from reconciler.http.messages import Secret
from tests.clock import FakeClock
from tests.faults.scenes import SCENES
from tests.faults.table import Row, rows
from tests.faults.wire import (
    Break,
    close_before_answer,
    close_in_answer,
    garble,
    reset_before_answer,
    reset_in_answer,
    stall_then_close,
    unread,
    wired,
)
from tests.faults.world import FaultWorld, said

BREAKS: dict[str, tuple[Break, ...]] = {
    "lost": (unread,),
    "done, and lost": (
        reset_before_answer,
        close_before_answer,
        reset_in_answer,
        close_in_answer,
        garble,
        stall_then_close,
    ),
}
SECTIONS = ("Listing for a plan", "Replacing", "Creating", "Sending a batch")
# A name of more than 253 letters is none, so that nobody has to be asked (RFC 1035, 2.3.4).
NO_NAME = f"{'.'.join(['x' * 60] * 5)}.checkmarket.com"


@pytest.mark.parametrize("broken", [broken for ways in BREAKS.values() for broken in ways])
@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_lost_on_the_wire_ends_as_the_table_says(tmp_path: Path, section: str, broken: Break) -> None:
    world, scene, row = FaultWorld(tmp_path), SCENES[section][0], row_for(section, broken)
    scene.task.declare(world)
    with wired(world, scene.request, broken, scene.nth):
        end = world.run()
    assert (said(end), end.exit) == (row.says, row.exit), end
    if row.says in ("applied", "sent"):
        assert scene.task.is_done(world)
    elif row.says != "in doubt":
        assert scene.task.is_untouched(world)


def row_for(section: str, broken: Break) -> Row:
    fault = next(fault for fault, ways in BREAKS.items() if broken in ways)
    return next(row for row in rows() if row.section == section and fault in row.faults)


@pytest.mark.parametrize("section", ["Replacing", "Sending a batch"])
def test_where_nothing_listens_nothing_is_begun(tmp_path: Path, section: str) -> None:
    world = FaultWorld(tmp_path)
    SCENES[section][0].task.declare(world)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    settings = world.folder / "configs" / "reconciler.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace('"sandbox:"', f'"http://127.0.0.1:{port}"'), "utf-8"
    )
    end = world.run()
    assert end.exit == 7
    assert world.state.requests() == ()


def test_a_name_that_nobody_knows_is_no_connection() -> None:
    keys = Secret("master-key-of-a-test"), Secret("key-of-a-test")
    url = f"https://{NO_NAME}"
    with (
        open_checkmarket(url, *keys, Connection(clock=FakeClock())) as account,
        pytest.raises(Unreachable) as caught,
    ):
        account.update(1, {})
    assert "no connection" in str(caught.value)
