"""The database of a journal: its two sorts of transactions, and what all of its parts share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Engine

from reconciler.clock import Clock
from reconciler.journal.failures import translated
from reconciler.journal.forms import Unsound, checked
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
        """Open a transaction that writes nothing. Errors: `Refused` or `UsageError`, for damage too."""
        with translated(self.name), reading(self.engine).begin() as connection:
            yield connection

    def check_fits(self, value: Struct) -> None:
        """Check that what is to be written can be read again. Errors: `Refused`; nothing is written then."""
        try:
            checked(type(value), asdict(value), "the new entry")
        except Unsound as error:
            raise unstorable(error) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that is all or nothing. Errors: `Refused` or `UsageError`, for damage too.

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
