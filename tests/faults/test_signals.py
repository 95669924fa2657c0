"""Real signals to a real process, while a request of its is under way at a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Fault, Server, create_app
from tests.faults.world import LIMITS, FaultWorld
from tests.seeds.world import ADD, SETTINGS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TOP = Path(__file__).parents[2]
LONGEST = 60.0  # seconds that a process may take before a test gives it up
TOLD = "Interrupted: "
THREE = {number: {"Name": f"C{number}", "IsReusable": True} for number in (1, 2, 3)}
RESOURCES = "".join(
    f"  c{number}: {{name: C{number}, email_is_required: true, targets: {{sandbox: {{id: {number}}}}}}}\n"
    for number in THREE
)


@dataclass
class Signaller:
    """A WSGI layer: the first such request is answered when its client has said that it was interrupted."""

    app: WSGIApplication
    request: Fault
    numbers: Sequence[signal.Signals]
    client: Future[subprocess.Popen[str]] = field(default_factory=Future)
    told: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.told and self.request.matches(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            self.signal(self.client.result(LONGEST))
        return self.app(environ, start_response)

    def signal(self, process: subprocess.Popen[str]) -> None:
        for number in self.numbers:
            process.send_signal(number)
            self.told.append(next(line for line in lines(process.stderr) if line.startswith(TOLD)))


def lines(stream: IO[str] | None) -> Iterable[str]:
    assert stream is not None
    return iter(stream.readline, "")


def applied(
    world: FaultWorld, request: str, numbers: Sequence[signal.Signals], *faults: str
) -> tuple[int, Any]:
    """Apply in a process of its own that is signalled; return its exit code and its document."""
    app = create_app(world.state, faults=[Fault.parse(fault) for fault in faults])
    signaller = Signaller(app, Fault.parse(f"{request}:1:before:drop"), numbers)
    with (
        Server(signaller) as server,
        (world.folder / "printed.json").open("w+") as printed,
        started(world, server.url, printed) as process,
    ):
        signaller.client.set_result(process)
        exit = process.wait(LONGEST)
        assert len(signaller.told) == len(numbers)
        assert "Traceback" not in "".join(lines(process.stderr))
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


@pytest.mark.parametrize("numbers", SIGNALS, ids=str)
def test_a_change_under_way_comes_to_its_end_and_no_other_is_begun(
    tmp_path: Path, numbers: Sequence[signal.Signals]
) -> None:
    world = FaultWorld(tmp_path)
    world.begin_with(THREE)
    world.write("resources.yaml", f"import_configs:\n{RESOURCES}")
    exit, printed = applied(world, "PUT", numbers)
    assert (exit, printed["summary"]["applied"], printed["summary"]["skipped"]) == (
        4,
        1,
        2,
    )
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [True, None, None]


def test_a_wait_for_the_allowance_is_over_at_once(tmp_path: Path) -> None:
    world = FaultWorld(tmp_path)
    world.begin_with(THREE)
    world.write("resources.yaml", f"import_configs:\n{RESOURCES}")
    exit, printed = applied(world, "PUT", [signal.SIGTERM], "PUT:1:before:status=429,retry-after=150")
    assert (exit, printed["summary"]["skipped"]) == (1, 3)
    assert [world.config(id).get("EmailIsRequired") for id in THREE] == [None, None, None]


def test_a_batch_under_way_is_sent_and_told_of(tmp_path: Path) -> None:
    world = FaultWorld(tmp_path)
    world.declare("smoke+john@example.com")
    exit, printed = applied(world, ADD, [signal.SIGINT])
    assert (exit, [end["sent"] for end in printed["sent"]]) == (0, [1])
    assert world.mailed == ["smoke+john@example.com"]
