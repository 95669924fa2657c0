"""The journal in an SQL database. It knows no database in particular: that is the engine's part."""

from __future__ import annotations

from typing import Self

from sqlalchemy import Engine, select

from reconciler.clock import Clock
from reconciler.journal.database import Database
from reconciler.journal.forms import Digest, checked
from reconciler.journal.hashing import keyed_hash
from reconciler.journal.schema import meta
from reconciler.journal.sql_ledger import SqlLedger
from reconciler.journal.sql_runs import SqlRuns
from reconciler.journal.together import Together


class SqlJournal(SqlLedger, SqlRuns):
    """A journal whose tables are there, in the version that this program knows.

    Every transaction of `engine` that may write has to be durable when it has been committed, and to exclude
    every other one that may write. `name` is what errors call it. Raises `Refused` if it cannot be read.
    """

    def __init__(self, engine: Engine, clock: Clock, name: str, *, is_new: bool) -> None:
        self._database = Database(engine, clock, name)
        self._together = Together(self._database)
        self._is_new = is_new
        self._key = self._hash_key()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection. Nothing is lost without it; closing twice is allowed."""
        self._database.engine.dispose()

    @property
    def is_new(self) -> bool:
        """Whether it was this opening that made the journal, so that it knows nothing of the past."""
        return self._is_new

    def hash(self, text: str) -> str:
        """Return the keyed hash under which personal text stands in this journal."""
        return keyed_hash(self._key, text)

    def _hash_key(self) -> bytes:
        with self._database.reading() as connection:
            key = connection.scalar(select(meta.c.value).where(meta.c.name == "hash_key"))
            return bytes.fromhex(checked(Digest, key, "the key of its hashes"))
