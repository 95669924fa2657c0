"""Commands in processes of their own that start at once, for their parent has imported everything.

`python -m tests.killed.nursery` reads one command a line and answers with its exit code, negative where a
signal ended it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

TOP = Path(__file__).parents[2]


class Nursery:
    """Runs `reconciler` in a child process, again and again, without importing it anew."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, *arguments: str, environ: Mapping[str, str]) -> int:
        """Run a command with this environment alone; return its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([arguments, dict(environ)]), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def main() -> None:
    """Read commands until there are no more."""
    import deepdiff  # noqa: F401  # so that no child has to import it

    import reconciler.commands.apply
    import reconciler.journal.sqlite  # noqa: F401

    for line in sys.stdin:
        arguments, environ = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(arguments, environ)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(arguments: list[str], environ: dict[str, str]) -> None:
    """Be the command; never return."""
    from reconciler.cli import main as command

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ.clear()
    os.environ.update(environ)
    os._exit(command(arguments))


if __name__ == "__main__":
    main()
