"""Other processes that use the same journal: `python -m tests.journal.programs NAME ADDRESS`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, Popen

from msgspec.structs import replace

from reconciler.clock import SystemClock
from reconciler.errors import Held, Refused

from .backends import inside, open_at
from .runs import intent, run_start
from .shipments import shipment

TOP = Path(__file__).parent.parent.parent
CONTESTS = 10
"""How often two racing processes want the same."""


def write_half(address: str) -> None:
    """Write an entry in a transaction, say so, and wait for the end before it is committed."""
    with inside(address) as connection:
        connection.execute("INSERT INTO entries (n, entry) VALUES (99, 'half of it')")
        if address.startswith("sqlite:"):
            connection.execute("INSERT INTO entries (n, entry) SELECT 100, hex(zeroblob(4000000))")
        say("written")
        sys.stdin.read()


def contest(address: str, account: str) -> None:
    """Send and begin what another process does from the same moment on; say what was won, and wait.

    Every shipment is also one of the other process; runs are if it names the same account.
    """
    with open_at(address) as journal:
        say("ready")
        sys.stdin.readline()
        for number in range(CONTESTS):
            with suppress(Held):
                journal.begin_run(run_start(f"{account} {number}"))
                say(f"run {number}")
            with suppress(Refused):
                journal.intend(shipment(f"customer-{number}"))
                say(f"batch {number}")
        say("done")
        sys.stdin.read()


def write_till_the_end(address: str) -> None:
    """Write bodies by the real clock, one after another, and say the number of each, until killed."""
    with open_at(address, SystemClock()) as journal:
        run = journal.begin_run(run_start())
        say(str(run))
        while True:
            say(str(journal.begin_operation(run, replace(intent(), body={"big": "x" * 20_000}))))


def say(text: str) -> None:
    """Tell the other side, at once."""
    print(text, flush=True)


@contextmanager
def started(program: str, *arguments: str) -> Iterator[Popen[str]]:
    """Run one of these programs; it is killed at the end."""
    command = [sys.executable, "-m", __name__, program, *arguments]
    with Popen(command, cwd=TOP, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: Popen[str]) -> str:
    """Return the next line that a program says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(*processes: Popen[str]) -> None:
    """Let programs go on that have said that they are ready."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
