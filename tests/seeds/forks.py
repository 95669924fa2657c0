"""Real processes that start at once: forks of one that has imported everything (`-m tests.seeds.forks`).

Each line on its input is a task. It answers with two lines: the number of the process, and how that ended.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.console import Console
from reconciler.commands.environment import CrashKind, CrashSwitch, Environment
from reconciler.commands.seeds import seeds_resolve, seeds_send, seeds_status
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import ReconcilerError
from tests.clock import FakeClock

TOP = Path(__file__).parents[2]
EVERYTHING = Selection()


@dataclass(frozen=True)
class Task:
    """A command in a workspace at a time. It dies at a write of the journal, if `point` names one.

    Writes count from 1; `3 before` is right before the third, `3 after` right after it.
    """

    verb: str
    folder: str
    now: float
    point: str = ""


class Fatal(CrashSwitch):
    """Counts the writes to a journal, and ends the process at one, as a power cut would."""

    def __init__(self, point: str) -> None:
        super().__init__(f"journal:{point.replace(' ', ':')}" if point else "")
        self.writes = 0

    def before(self, kind: CrashKind) -> None:
        self.writes += kind == "journal"
        super().before(kind)


VERBS: dict[str, Callable[..., int]] = {
    "apply": partial(apply, EVERYTHING, ApplyOptions(Consent(resets=None), yes=True)),
    "send": partial(seeds_send, "smoke", EVERYTHING, again=False, yes=True),
    "send --again": partial(seeds_send, "smoke", EVERYTHING, again=True, yes=True),
    "resolve --sent": partial(seeds_resolve, "smoke", EVERYTHING, sent=True),
    "resolve --not-sent": partial(seeds_resolve, "smoke", EVERYTHING, sent=False),
    "status": partial(seeds_status, EVERYTHING),
}


def perform(task: Task) -> int:
    """Carry out a task in this process; write down how often it wrote to the journal."""
    fatal = Fatal(task.point)
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    environment = Environment({}, FakeClock(task.now), Path(task.folder), crash=fatal)
    try:
        return VERBS[task.verb](console, environment)
    except ReconcilerError as error:
        return error.exit
    finally:
        writes_of(task.folder).write_text(str(fatal.writes))


def writes_of(folder: str) -> Path:
    """Return the file that says how often the last task in a folder wrote to its journal."""
    return Path(folder) / "writes"


def main() -> None:
    """Fork a process for each line of input, and tell its number and its end."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(perform(Task(**json.loads(line))))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class Forks:
    """The other side: runs tasks one after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, task: Task) -> int:
        """Begin a task; return the number of its process."""
        assert self._process.stdin
        print(json.dumps(asdict(task)), file=self._process.stdin, flush=True)
        return int(self._line())

    def end(self) -> int:
        """Wait for the end of the task; return its exit code, negative where a signal ended it."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@contextmanager
def open_forks() -> Iterator[Forks]:
    """Start the process that forks; it ends with the block."""
    command = [sys.executable, "-m", "tests.seeds.forks"]
    with subprocess.Popen(
        command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Forks(process)
        finally:
            with suppress(BrokenPipeError):
                assert process.stdin
                process.stdin.close()


if __name__ == "__main__":
    main()
