"""Processes, and what they cost: seconds on the wall, seconds of processor, most memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

TOP = Path(__file__).parents[2]
PATIENCE = 1800.0
"""Seconds after which a process is ended that does not end by itself."""
_KIBIBYTES = 2**10 if sys.platform == "darwin" else 1
Name = TypeVar("Name", bound=str)


class Failed(Exception):
    """A process did not end as it has to; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process cost, or the middle of several: seconds, MiB; `text` is what it wrote."""

    wall: float
    cpu: float
    mebibytes: float
    text: str = field(default="", repr=False)


def spend(
    command: Sequence[str | Path],
    folder: Path = TOP,
    environ: Mapping[str, str] | None = None,
    *,
    watch: Callable[[int], object] = lambda _: None,
) -> Spent:
    """Run a process to its end, and return what it cost with the children that it waited for.

    `watch` is told its number once it runs. Raises `Failed` where it does not end with 0.
    """
    with tempfile.TemporaryFile() as written:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**_usual_environ(), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        watch(process.pid)
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        text = written.read().decode(errors="replace")
    if process.returncode:
        raise Failed(f"exit {process.returncode}: {' '.join(map(str, command))}\n{text[-3000:]}")
    return Spent(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / _KIBIBYTES / 2**10, text)


def _usual_environ() -> Mapping[str, str]:
    """Return the environment without what changes the tool, or keeps compiled Python from being stored."""
    changing = ("RECONCILER_", "PYTHONDONTWRITEBYTECODE", "FORCE_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(changing)}


def alternating(
    runs: Mapping[Name, Callable[[], Spent]], repetitions: int, say: Callable[[str], object]
) -> Mapping[Name, Spent]:
    """Run each in turn, so many times, and return the middles: what else the machine does meets all."""
    spent: dict[Name, list[Spent]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            one = run()
            say(f"{name}: {one.wall:.3f} s, {one.cpu:.3f} s of processor, {one.mebibytes:.0f} MiB")
            spent[name].append(one)
    return {name: middle(several) for name, several in spent.items()}


def middle(spent: Sequence[Spent]) -> Spent:
    """Return the medians of what several runs cost, and the most memory that any of them held."""
    return Spent(
        statistics.median(one.wall for one in spent),
        statistics.median(one.cpu for one in spent),
        max(one.mebibytes for one in spent),
        spent[-1].text,
    )
