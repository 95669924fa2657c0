"""Virtual environments of peers, made once in a cache and used again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tests.benchmarks.processes import Failed


def installed(folder: Path, requirement: str, say: Callable[[str], object]) -> Path:
    """Return the folder of programs of an environment with this requirement alone, like `octodns==1.2`.

    Makes it below `folder` if it is not there. Raises `Failed` where it cannot be made.
    """
    environment = folder / requirement.replace("==", "-")
    done = environment / ".installed"
    if not done.exists():
        say(f"installing {requirement}")
        shutil.rmtree(environment, ignore_errors=True)
        _call(sys.executable, "-m", "venv", "--without-pip", str(environment))
        python = str(environment / "bin" / "python")
        _call(*_pip(), "--python", python, "install", "--quiet", "--disable-pip-version-check", requirement)
        done.touch()
    return environment / "bin"


@cache
def _pip() -> tuple[str, ...]:
    """Return a pip, which need not be that of this environment: it may have none."""
    for python in _pythons():
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return (python, "-m", "pip")
    raise Failed("there is no pip to install the peers with")


def _pythons() -> Iterator[str]:
    yield sys.executable
    yield str(Path(sys.base_prefix) / "bin" / "python3")
    if found := shutil.which("python3"):
        yield found


def _call(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise Failed(f"{' '.join(command)}\n{ended.stderr[-2000:]}")
