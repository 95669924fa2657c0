"""The database of a journal: its two sorts of transactions, and what all of its parts share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import Connection, Engine

from reconciler.clock import Clock
from reconciler.journal.failures import translated
from reconciler.journal.text import UNSTORABLE, unstorable

READS_ONLY = "reads_only"
"""The execution option of a transaction that writes nothing. One without it may write."""


class Database(Struct, frozen=True):
    """A journal's database, whose tables are there. `name` is what errors call it.

    One transaction that may write follows another, whoever makes them, and each is durable once committed.
    """

    engine: Engine
    clock: Clock
    name: str

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that writes nothing. Failures of the database: `Refused` or `UsageError`."""
        with translated(self.name), reading(self.engine).begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that is all or nothing. Failures of the database: `Refused` or `UsageError`.

        A value that it cannot hold is `Refused` too, whichever library finds that out.
        """
        try:
            with translated(self.name), self.engine.begin() as connection:
                yield connection
        except UNSTORABLE as error:
            raise unstorable(error) from error


def reading(engine: Engine) -> Engine:
    """Return the engine whose transactions write nothing."""
    return engine.execution_options(**{READS_ONLY: True})
