"""Journals by address, so that another process can open the one that a test has opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from reconciler.clock import Clock
from reconciler.journal import postgresql, sqlite
from reconciler.journal.blank import BlankRecords
from reconciler.journal.git import open_branch, read_branch
from reconciler.journal.migrations import STEPS, Step
from reconciler.journal.opening import Journal, Past, open_journal, read_journal
from tests.clock import FakeClock

GIT = "git+branch:"
NO_FOLDER = Path("/nowhere")


def open_at(address: str, clock: Clock | None = None) -> Journal:
    """Open the journal at an address, through the door.

    That of a branch has its folder after a blank, and is asked anew by everybody who reads.
    """
    if address.startswith(GIT):
        folder, name = branch_of(address)
        return open_branch(folder, name, clock or FakeClock(), freshness=0)
    return open_journal(address, NO_FOLDER, clock or FakeClock())


def read_at(address: str, clock: Clock | None = None) -> Past:
    """Open the journal at an address to read it, in the same way."""
    if address.startswith(GIT):
        folder, name = branch_of(address)
        return read_branch(folder, name, clock or FakeClock(), freshness=0) or BlankRecords()
    return read_journal(address, NO_FOLDER, clock or FakeClock())


def declared(address: str) -> str:
    """Return an address as a workspace declares it, which lies in the folder of the branch if it is one."""
    return f"{GIT}{branch_of(address)[1]}" if address.startswith(GIT) else address


def branch_of(address: str) -> tuple[Path, str]:
    """Return folder and name of the branch behind an address."""
    name, _, folder = address.removeprefix(GIT).partition(" ")
    return Path(folder), name


def open_steps(
    address: str, clock: Clock, steps: Sequence[Step] = STEPS, patience: float = sqlite.PATIENCE
) -> Journal:
    """Open the journal of an SQL database as a program does that knows these versions."""
    if is_file(address):
        return sqlite.open_file(path_of(address), clock, steps=steps, patience=patience)
    return postgresql.open_server(address, clock, steps=steps, patience=patience)


@contextmanager
def engine_at(address: str) -> Iterator[Engine]:
    """Open the database behind an address, to look at it or to do to it what no journal does."""
    engine = (
        sqlite.engine_of(path_of(address))
        if is_file(address)
        else postgresql.engine_of(postgresql.server_at(address))
    )
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def inside(address: str) -> Iterator[Connection]:
    """Open a transaction in the database behind an address."""
    with engine_at(address) as engine, engine.begin() as connection:
        yield connection


def is_file(address: str) -> bool:
    return address.startswith("sqlite:")


def path_of(address: str) -> Path:
    """Return the file behind an address."""
    return Path(address.removeprefix("sqlite:"))
