"""Journals by address, so that another process can open the one that a test has opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from reconciler.clock import Clock
from reconciler.journal.git import open_branch
from reconciler.journal.migrations import STEPS, Step
from reconciler.journal.opening import Journal
from reconciler.journal.sqlite import engine_of, open_file
from tests.clock import FakeClock

GIT = "git+branch:"


def open_at(address: str, clock: Clock | None = None) -> Journal:
    """Open the journal at an address: the path of a file, or `git+branch:NAME` and a folder after a blank."""
    if address.startswith(GIT):
        name, _, folder = address.removeprefix(GIT).partition(" ")
        return open_branch(Path(folder), name, clock or FakeClock(), freshness=0)
    return open_steps(address, clock or FakeClock(), STEPS)


def open_steps(address: str, clock: Clock, steps: Sequence[Step]) -> Journal:
    """Open the journal at the address of an SQL database as a program does that knows these versions."""
    return open_file(Path(address), clock, steps=steps)


def engine_at(address: str) -> Engine:
    """Return the database behind an address, to look at it or to do to it what no journal does."""
    return engine_of(Path(address))
