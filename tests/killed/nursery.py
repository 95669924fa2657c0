"""Commands in processes of their own that start at once, for their parent has imported everything.

`python -m tests.killed.nursery` reads one command a line and answers with its exit code, negative where a
signal ended it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[2]


Run = Callable[..., int]


@contextmanager
def nursery() -> Iterator[Run]:
    """Yield what runs a command, with `environ` alone, in a child process and returns its exit code."""
    command = [sys.executable, "-m", __name__]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TOP, stdin=pipe, stdout=pipe, text=True) as process:

        def run(*arguments: str, environ: dict[str, str]) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps([arguments, environ]), file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield run
        process.kill()


def main() -> None:
    """Read commands until there are no more."""
    import deepdiff  # noqa: F401  # so that no child has to import it

    import reconciler.commands.apply
    import reconciler.journal.sqlite  # noqa: F401
    from reconciler.cli import main as command

    for line in sys.stdin:
        arguments, environ = json.loads(line)
        child = os.fork()
        if child == 0:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            os.environ.clear()
            os.environ.update(environ)
            os._exit(command(arguments))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
