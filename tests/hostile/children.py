"""The program as a process of its own, with the most memory that it ever held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MOST_MEGABYTES = 500
"""What a run may hold in memory, whatever is done to it."""
_PATIENCE = 120.0

# A process counts as its own the memory of the one that it was forked from, which of a test run is much.
_SMALL = """
import os, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "w") as report:
    report.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended, all that it wrote, the most memory that it held (MiB), and its seconds."""

    exit: int
    text: str
    megabytes: float
    wall: float
    cpu: float


def end_of(
    command: Sequence[str | Path], folder: Path, environ: Mapping[str, str], patience: float = _PATIENCE
) -> Ended:
    """Run a process; one that does not end by itself is killed."""
    with tempfile.TemporaryFile() as written:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=environ,
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        watchdog = threading.Timer(patience, os.killpg, (process.pid, signal.SIGKILL))
        watchdog.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        text = written.read().decode(errors="surrogateescape")
    return Ended(process.returncode, text, _megabytes(used.ru_maxrss), wall, used.ru_utime + used.ru_stime)


def _megabytes(memory: int) -> float:
    """Return in MiB what the system counts in units of its own."""
    return memory / (2**20 if sys.platform == "darwin" else 2**10)


def reconciler(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
    """Run the program in a folder, as a person does, from a small process."""
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    with tempfile.NamedTemporaryFile("r") as report:
        start = [sys.executable, "-SEc", _SMALL, report.name]
        command = [*start, sys.executable, "-m", "reconciler", *arguments]
        ended = end_of(command, folder, {**inherited, **(environ or {})})
        memory = report.read()
    return replace(ended, megabytes=_megabytes(int(memory))) if memory else ended


def assert_refused(ended: Ended, words: str, exit: int = 1) -> None:
    """It ended with this exit code, said so in these words, and held no more memory than it may."""
    assert words in ended.text
    assert ended.exit == exit, ended.text[:2000]
    assert "Traceback" not in ended.text
    assert "this is a bug" not in ended.text
    assert ended.megabytes < MOST_MEGABYTES
