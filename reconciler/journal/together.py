"""Writes of many threads in one commit: each as durable as by itself, and all with one wait for the disk.

Who comes while others commit waits for their end; then the first of those who waited commits for all of them.
Those whose writes are over go on at once, behind nobody: measured with 30 threads that do nothing else, 15
writes share a commit, and 2 where each has to wait for its turn to learn that it needs none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from reconciler.errors import ReconcilerError
from reconciler.journal.database import Database

Made = TypeVar("Made")


class Together:
    """Carries out writes on a database, for many threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Write[Any]] = []
        self._queue = threading.Condition()
        self._turn = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many writes the next commit will be for."""
        return len(self._waiting)

    def write(self, work: Callable[[Connection], Made]) -> Made:
        """Return what `work` made in a transaction, once that is durable.

        What it raises, a failure of the database too, is its own alone: the others are then carried out
        without it, so `work` may be called more than once. `Refused` or `UsageError` where the transaction
        cannot begin or be committed is everybody's in it.
        """
        mine = _Write(work)
        with self._queue:
            self._waiting.append(mine)
            self._queue.wait_for(lambda: mine.is_over or not self._turn.locked())
        if not mine.is_over:
            self._take_turn(mine)
        return mine.result()

    def _take_turn(self, mine: _Write[Any]) -> None:
        """Carry out all that waits, unless somebody was faster; then wake whose writes are over, or next."""
        try:
            with self._turn:
                if not mine.is_over:
                    self._carry_out()
        finally:
            with self._queue:
                self._queue.notify_all()

    def _carry_out(self) -> None:
        writes: list[_Write[Any]] = []
        left: Sequence[_Write[Any]] = writes
        try:
            with self._queue:
                writes, self._waiting = self._waiting, writes
                left = writes
            while left:
                left = self._committed(left)
        except BaseException as error:  # noqa: BLE001  # each of them raises it, in its own thread
            for write in left:
                write.error = error
        finally:
            for write in writes:
                write.is_over = True

    def _committed(self, writes: Sequence[_Write[Any]]) -> Sequence[_Write[Any]]:
        """Carry out writes in one transaction; return those to begin again with where one of them failed."""
        at_work: _Write[Any] | None = None
        try:
            with self._database.writing() as connection:
                for at_work in writes:
                    at_work.carry_out(connection)
                at_work = None  # what fails from here on is the commit
        except Exception as error:
            if at_work is None:
                raise
            at_work.error = error
            return [write for write in writes if write is not at_work]
        return ()


class _Write(Struct, Generic[Made]):
    """One write on its way. It is over once its transaction is."""

    work: Callable[[Connection], Made]
    made: Made | None = None
    error: BaseException | None = None
    is_over: bool = False

    def carry_out(self, connection: Connection) -> None:
        self.error = None
        try:
            self.made = self.work(connection)
        except (ReconcilerError, LookupError) as error:
            self.error = error

    def result(self) -> Made:
        if self.error is not None:
            raise self.error
        return self.made  # type: ignore[return-value]  # it was made, for there is no error
