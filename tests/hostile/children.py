"""The program as a process of its own, with the most memory that it ever held."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_MEGABYTES = 500
"""What a run may hold in memory, whatever is done to it."""
_PATIENCE = 120.0


@dataclass(frozen=True)
class Ended:
    """How a process ended, all that it wrote, the most memory that it held (MiB), and its seconds."""

    exit: int
    text: str
    megabytes: float
    wall: float
    cpu: float


def end_of(
    command: Sequence[str | Path],
    folder: Path,
    environ: Mapping[str, str],
    patience: float = _PATIENCE,
    watch: Callable[[int], object] = lambda _: None,
) -> Ended:
    """Run a process; one that does not end by itself is killed. `watch` gets its number once it runs."""
    with tempfile.TemporaryFile() as written:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=environ,
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        watchdog = threading.Timer(patience, process.kill)
        watchdog.start()
        watch(process.pid)
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        text = written.read().decode(errors="surrogateescape")
    megabytes = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Ended(process.returncode, text, megabytes, wall, used.ru_utime + used.ru_stime)


def reconciler(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
    """Run the program in a folder, as a person does."""
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "reconciler", *arguments]
    return end_of(command, folder, {**inherited, **(environ or {})})


def assert_refused(ended: Ended, words: str, exit: int = 1) -> None:
    """It ended with this exit code, said so in these words, and held no more memory than it may."""
    assert words in ended.text
    assert ended.exit == exit, ended.text[:2000]
    assert "Traceback" not in ended.text
    assert "this is a bug" not in ended.text
    assert ended.megabytes < MOST_MEGABYTES
