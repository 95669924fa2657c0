"""Other processes that use the same journal: `python -m tests.journal.programs NAME ADDRESS`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from sqlalchemy import insert

from reconciler.errors import Held, Refused
from reconciler.journal.schema import batches

from .backends import engine_at, open_at
from .runs import intent, run_start
from .shipments import ACCOUNT, SEED, shipment

TOP = Path(__file__).parent.parent.parent
CONTESTS = 20
"""How often two racing processes want the same."""


def intend_one(address: str) -> None:
    """Intend one shipment, say so, and wait for the end."""
    with open_at(address) as journal:
        journal.intend(shipment("ann"))
        say("intended")
        sys.stdin.read()


def write_half(address: str) -> None:
    """Write a batch in a transaction, say so, and wait for the end before it is committed."""
    with engine_at(address).begin() as connection:
        connection.execute(insert(batches).values(account=ACCOUNT, seed=SEED, round="1", resolved={}, at=0.0))
        say("written")
        sys.stdin.read()


def race(address: str) -> None:
    """Intend the same shipments as another process, from the same moment on; say which ones were won."""
    with open_at(address) as journal:
        say("ready")
        sys.stdin.readline()
        for number in range(CONTESTS):
            try:
                journal.intend(shipment(f"customer-{number}"))
            except Refused:
                continue
            say(str(number))


def hold(address: str) -> None:
    """Begin a run and an operation of it, say their numbers, and wait for the end."""
    with open_at(address) as journal:
        run = journal.begin_run(run_start())
        say(str(run))
        say(str(journal.begin_operation(run, intent())))
        sys.stdin.read()


def begin_run(address: str, account: str) -> None:
    """Begin a run on an account, from the same moment on as another process; say how that went."""
    with open_at(address) as journal:
        say("ready")
        sys.stdin.readline()
        try:
            say(str(journal.begin_run(run_start(account))))
        except Held:
            say("held")
        sys.stdin.read()


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


PROGRAMS: dict[str, Callable[..., None]] = {
    "intend": intend_one,
    "write_half": write_half,
    "race": race,
    "hold": hold,
    "begin_run": begin_run,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
