"""Commands in processes of their own that start at once, for their parent has imported everything.

`python -m tests.killed.nursery` reads one command a line and answers with its exit code, negative where a
signal ended it. tests/seeds/forks.py does so with commands at a time that it is given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

TOP = Path(__file__).parents[2]


Run = Callable[..., int]


@contextmanager
def nursery(module: str = __name__) -> Iterator[Run]:
    """Yield what runs a command, with `environ` alone, in a child process and returns its exit code."""
    command = [sys.executable, "-m", module]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TOP, stdin=pipe, stdout=pipe, text=True) as process:

        def run(*arguments: object, environ: Mapping[str, str] = MappingProxyType({})) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps([arguments, dict(environ)]), file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield run
        process.kill()


def main() -> None:
    """Read commands until there are no more."""
    import deepdiff  # noqa: F401  # so that no child has to import it

    import reconciler.commands.apply
    import reconciler.journal.sqlite  # noqa: F401
    from reconciler.cli import main as command

    def perform(arguments: list[str], environ: dict[str, str]) -> int:
        os.environ.clear()
        os.environ.update(environ)
        return command(arguments)

    fork_each(perform)


def fork_each(perform: Callable[[Any, Any], int]) -> None:
    """Perform each line of input in a child, and say how that ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            os._exit(perform(*json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
