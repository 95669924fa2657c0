"""The program as a process of its own, with the most memory that it ever held."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST_MEGABYTES = 500
"""What a run may hold in memory, whatever is done to it."""
_PATIENCE = 120.0


@dataclass(frozen=True)
class Ended:
    """How a process ended, all that it wrote, and the most memory that it held, in megabytes."""

    exit: int
    text: str
    megabytes: float


def reconciler(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
    """Run the program in a folder, as a person does; a process that does not end by itself is killed."""
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=folder,
            env={**inherited, **(environ or {})},
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        watchdog = threading.Timer(_PATIENCE, process.kill)
        watchdog.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        text = written.read().decode(errors="surrogateescape")
        return Ended(
            process.returncode, text, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        )


def assert_refused(ended: Ended, words: str, exit: int = 1) -> None:
    """It ended with this exit code, said so in these words, and held no more memory than it may."""
    assert words in ended.text
    assert ended.exit == exit, ended.text[:2000]
    assert "Traceback" not in ended.text
    assert "this is a bug" not in ended.text
    assert ended.megabytes < MOST_MEGABYTES
