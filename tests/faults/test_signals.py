"""Real signals to a real process, while a request of its is under way at a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import pytest

from reconciler.sandbox import Fault, Server, create_app
from tests.faults.world import LIMITS, Disturbed, FaultWorld
from tests.seeds.world import ADD, SETTINGS

TOP = Path(__file__).parents[2]
LONGEST = 60.0  # seconds that a process may take before a test gives it up
TOLD = "Interrupted: "
THREE = {number: {"Name": f"C{number}", "IsReusable": True} for number in (1, 2, 3)}
RESOURCES = "".join(
    f"  c{number}: {{name: C{number}, email_is_required: true, targets: {{sandbox: {{id: {number}}}}}}}\n"
    for number in THREE
)


def lines(stream: IO[str] | None) -> Iterable[str]:
    assert stream is not None
    return iter(stream.readline, "")


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
        told.append(next(line for line in lines(process.stderr) if line.startswith(TOLD)))
        for number in further:
            process.send_signal(number)

    app = create_app(world.state, faults=[Fault.parse(fault) for fault in faults])
    with (
        Server(Disturbed(app, f"{request}:1", strike)) as server,
        (world.folder / "printed.json").open("w+") as printed,
        started(world, server.url, printed) as process,
    ):
        client.set_result(process)
        exit = process.wait(LONGEST)
        rest = "".join(lines(process.stderr))
        assert (len(told), TOLD in rest, "Traceback" in rest) == (1, False, False)
        printed.seek(0)
        return exit, json.load(printed)


def started(world: FaultWorld, url: str, printed: IO[str]) -> subprocess.Popen[str]:
    settings = (SETTINGS + LIMITS).replace('"sandbox:"}', f'"{url}", parallelism: 1}}')
    world.write("reconciler.yaml", settings.replace('"sandbox:", allowed', f'"{url}", allowed'))
    return subprocess.Popen(
        [sys.executable, "-m", "reconciler", "apply", "--yes", "--target", "sandbox", "--format", "json"],
        cwd=TOP,
        env={"PATH": "", "RECONCILER_WORKSPACE": str(world.folder / "configs")},
        stdout=printed,
        stderr=subprocess.PIPE,
        text=True,
    )


SIGNALS = [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]]


@pytest.fixture
def world(tmp_path: Path) -> FaultWorld:
    made = FaultWorld(tmp_path)
    made.begin_with(THREE)
    return made


@pytest.mark.parametrize("numbers", SIGNALS, ids=str)
def test_a_change_under_way_comes_to_its_end_and_no_other_is_begun(
    world: FaultWorld, numbers: Sequence[signal.Signals]
) -> None:
    world.write("resources.yaml", f"import_configs:\n{RESOURCES}")
    exit, printed = applied(world, "PUT", numbers)
    assert (exit, printed["summary"]["applied"], printed["summary"]["skipped"]) == (4, 1, 2)
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [True, None, None]


def test_a_wait_for_the_allowance_is_over_at_once(world: FaultWorld) -> None:
    world.write("resources.yaml", f"import_configs:\n{RESOURCES}")
    exit, printed = applied(world, "PUT", [signal.SIGTERM], "PUT:1:before:status=429,retry-after=150")
    assert (exit, printed["summary"]["skipped"]) == (1, 3)
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [None, None, None]


def test_a_batch_under_way_is_sent_and_told_of(world: FaultWorld) -> None:
    world.declare("smoke+john@example.com")
    exit, printed = applied(world, ADD, [signal.SIGINT])
    assert (exit, [end["sent"] for end in printed["sent"]]) == (0, [1])
    assert world.mailed == ["smoke+john@example.com"]
