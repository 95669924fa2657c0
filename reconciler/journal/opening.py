"""The door to a journal. A database library is imported only behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

from reconciler.clock import Clock
from reconciler.journal.ledger import Ledger, Records
from reconciler.journal.runs import RunLog, Runs


class Past(Records, Runs, Protocol):
    """What planning and looking back ask of a journal: it only reads."""


class Journal(Ledger, RunLog, Protocol):
    """An open journal, which is a context manager that closes it."""

    @property
    def is_new(self) -> bool:
        """Whether it was this opening that made the journal, so that it knows nothing of the past."""

    def close(self) -> None:
        """Let go of it. What was written is safe without that; closing twice is allowed."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_journal(path: Path, clock: Clock) -> Journal:
    """Open the journal in a file of SQLite; make it and its folders where they are not there.

    The file can be read by this user alone, as can folders that are made. An older version is brought to
    the current one. A current one that may only be read can be opened, and refuses to be written.

    Raises `UsageError` if the file is something else or a newer reconciler has written it, and `Refused` if
    it cannot be made, read or brought up to date, is damaged, or is held by another process.
    """
    from reconciler.journal.sqlite import open_file

    return open_file(path, clock)
