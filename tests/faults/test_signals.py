"""Real signals to a real process, while a request of its is under way at a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from reconciler.sandbox import Fault, Server, create_app
from tests.faults.world import LIMITS, Disturbed, FaultWorld
from tests.seeds.world import ADD, SETTINGS

TOP = Path(__file__).parents[2]
LONGEST = 60.0  # seconds that a process may take before a test gives it up
TOLD = "Interrupted: "
THREE = {number: {"Name": f"C{number}", "IsReusable": True} for number in (1, 2, 3)}
RESOURCES = "import_configs:\n" + "".join(
    f"  c{number}: {{name: C{number}, email_is_required: true, targets: {{sandbox: {{id: {number}}}}}}}\n"
    for number in THREE
)


def applied(
    world: FaultWorld, request: str, numbers: Sequence[signal.Signals], *faults: str
) -> tuple[int, Any]:
    """Apply in a process of its own that is signalled at a request; return its exit code and its document.

    The request is answered when the process has said that it was interrupted.
    """
    client, told = Future[subprocess.Popen[str]](), list[str]()

    def strike() -> None:
        process, (first, *further) = client.result(LONGEST), numbers
        process.send_signal(first)
        assert process.stderr is not None
        told.append(next(line for line in iter(process.stderr.readline, "") if line.startswith(TOLD)))
        for number in further:
            process.send_signal(number)

    app = create_app(world.state, faults=[Fault.parse(fault) for fault in faults])
    command = [sys.executable, "-m", "reconciler", "apply", "--yes", "--target=sandbox", "--format=json"]
    environ = {"PATH": "", "RECONCILER_WORKSPACE": str(world.folder / "configs")}
    with (
        Server(Disturbed(app, f"{request}:1", strike)) as server,
        (world.folder / "printed.json").open("w+") as printed,
    ):
        settings = (SETTINGS + LIMITS).replace('"sandbox:"}', f'"{server.url}", parallelism: 1}}')
        world.write("reconciler.yaml", settings.replace('"sandbox:", allowed', f'"{server.url}", allowed'))
        with subprocess.Popen(
            command, cwd=TOP, env=environ, stdout=printed, stderr=PIPE, text=True
        ) as process:
            client.set_result(process)
            exit = process.wait(LONGEST)
            assert process.stderr is not None
            rest = process.stderr.read()
        assert (len(told), TOLD in rest, "Traceback" in rest) == (1, False, False)
        printed.seek(0)
        return exit, json.load(printed)


@pytest.fixture
def world(tmp_path: Path) -> FaultWorld:
    made = FaultWorld(tmp_path)
    made.begin_with(THREE)
    made.write("resources.yaml", RESOURCES)
    return made


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]])
def test_a_change_under_way_comes_to_its_end_and_no_other_is_begun(
    world: FaultWorld, numbers: Sequence[signal.Signals]
) -> None:
    exit, printed = applied(world, "PUT", numbers)
    assert (exit, printed["summary"]["applied"], printed["summary"]["skipped"]) == (4, 1, 2)
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [True, None, None]


def test_a_wait_for_the_allowance_is_over_at_once(world: FaultWorld) -> None:
    exit, printed = applied(world, "PUT", [signal.SIGTERM], "PUT:1:before:status=429,retry-after=150")
    assert (exit, printed["summary"]["skipped"]) == (1, 3)
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [None, None, None]


def test_a_batch_under_way_is_sent_and_told_of(world: FaultWorld) -> None:
    (world.folder / "configs" / "resources.yaml").unlink()
    world.declare("smoke+john@example.com")
    exit, printed = applied(world, ADD, [signal.SIGINT])
    assert (exit, [end["sent"] for end in printed["sent"]]) == (0, [1])
    assert world.mailed == ["smoke+john@example.com"]
