"""Journals by address, so that another process can open the one that a test has opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from reconciler.clock import Clock
from reconciler.journal.git_branch import open_branch
from reconciler.journal.journal import Journal, ReadOnlyJournal, open_journal, read_journal
from tests.clock import FakeClock

GIT = "git+branch:"
NO_FOLDER = Path("/nowhere")


def open_at(address: str, clock: Clock | None = None) -> Journal:
    """Open the journal at an address; that of a branch has its folder after a blank."""
    clock = clock or FakeClock()
    is_git = address.startswith(GIT)
    return in_branch(*branch_of(address), clock) if is_git else open_journal(address, NO_FOLDER, clock)


def read_at(address: str, clock: Clock | None = None) -> ReadOnlyJournal:
    """Open the journal at an address to read it, in the same way."""
    clock = clock or FakeClock()
    if address.startswith(GIT):
        log = open_branch(*branch_of(address), clock)
        log.freshness = 0
        return ReadOnlyJournal(log, clock)
    return read_journal(address, NO_FOLDER, clock)


def in_branch(folder: Path, name: str, clock: Clock) -> Journal:
    """Open the journal in a branch of the repository in a folder."""
    log = open_branch(folder, name, clock)
    log.freshness = 0
    return Journal(log, clock)


def declared(address: str) -> str:
    """Return an address as a workspace declares it, which lies in the folder of the branch if it is one."""
    return f"{GIT}{branch_of(address)[1]}" if address.startswith(GIT) else address


def branch_of(address: str) -> tuple[Path, str]:
    """Return folder and name of the branch behind an address."""
    name, _, folder = address.removeprefix(GIT).partition(" ")
    return Path(folder), name


@contextmanager
def inside(address: str) -> Iterator[Any]:
    """Open a transaction in the database behind an address, to do to it what no journal does."""
    if address.startswith("sqlite:"):
        with closing(sqlite3.connect(path_of(address))) as connection, connection:
            yield connection
    else:
        with psycopg.connect(address, options="-c search_path=reconciler") as server:
            yield server


def path_of(address: str) -> Path:
    """Return the file behind an address."""
    return Path(address.removeprefix("sqlite:"))
