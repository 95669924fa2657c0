"""A log in a table of a database, whichever it is: four statements, and what damage is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from reconciler.errors import Refused
from reconciler.journal.entries import Line

NOTHING_SENT = "without it nothing is sent"
RESTORE = "Restore a copy of it; a new one in its place would not know what was sent before"
DAMAGED = f"is damaged; {NOTHING_SENT}. {RESTORE}"

_AT_ONCE = 500  # values in one statement: databases have a limit, and a journal may grow for years


def damaged(name: str) -> Refused:
    """Return the error about the journal called `name`, in which something cannot be right."""
    return Refused(f"journal {name} {DAMAGED}")


class DatabaseLog(ABC):
    """Keeps `reconciler.journal.entries.Log` in a table `entries` of one connection after another."""

    freshness = 0.0
    mark = "?"  # what stands for a value in a statement

    name: str

    @abstractmethod
    def transaction(self, *, writes: bool) -> AbstractContextManager[Any]:
        """Open a transaction, all of one moment; one that writes waits until it is alone.

        It is all or nothing, and on disk when it ends. Errors: `Refused` or `UsageError`.
        """

    @abstractmethod
    def is_there(self, connection: Any) -> bool:
        """Tell whether there is a log; not if there is nothing at all.

        Raises `UsageError` for what is something else or of another format, and `Refused` for damage.
        """

    @abstractmethod
    def make(self, connection: Any) -> None:
        """Make the table."""

    def read(self, after: int) -> Sequence[Line]:
        """Return the entries after a number. Before the first ones, what is there is looked at."""
        with self.transaction(writes=False) as connection:
            if not after and not self.is_there(connection):
                return ()
            asked = f"SELECT n, run, entry FROM entries WHERE n > {self.mark} ORDER BY n"  # noqa: S608
            lines = [Line(*row) for row in connection.execute(asked, [after])]
        if not after and not lines:
            raise damaged(self.name)
        return lines

    def append(self, last: Line | None, lines: Sequence[Line]) -> bool:
        """Add lines if `last` is the last one, by its number and its text."""
        mark = self.mark
        with self.transaction(writes=True) as connection:
            if last is None:
                if self.is_there(connection):  # another process was faster
                    return False
                self.make(connection)
            else:
                asked = f"SELECT n, entry FROM entries WHERE n >= {mark} ORDER BY n LIMIT 2"  # noqa: S608
                found = connection.execute(asked, [last.n]).fetchall()
                if not found or (found[0][0] == last.n and found[0][1] != last.text):
                    raise self.damaged(
                        "what was read in it is gone, so another or an older copy is in its place"
                    )
                if list(found) != [(last.n, last.text)]:
                    return False
            added = [(line.n, line.run, line.text, line.bodies) for line in lines]
            values = f"({mark}, {mark}, {mark}, {mark})"
            cursor = connection.cursor()
            cursor.executemany(f"INSERT INTO entries (n, run, entry, bodies) VALUES {values}", added)  # noqa: S608
            for run in (run for line in lines for run in line.pruned):
                cursor.execute(f"DELETE FROM entries WHERE run = {mark}", [run])  # noqa: S608
        return True

    def bodies(self, lines: Sequence[tuple[int, int]]) -> Mapping[int, str]:
        """Return what is kept beside entries."""
        numbers, found = [n for _, n in lines], dict[int, str]()
        with self.transaction(writes=False) as connection:
            for start in range(0, len(numbers), _AT_ONCE):
                some = numbers[start : start + _AT_ONCE]
                marks = ", ".join([self.mark] * len(some))
                asked = f"SELECT n, bodies FROM entries WHERE n IN ({marks})"  # noqa: S608
                found.update(connection.execute(asked, some).fetchall())
        return found

    def damaged(self, what: str) -> Refused:
        """Return the error about entries that cannot be right, such as `entry 12 is damaged: at: …`."""
        return Refused(f"journal {self.name}: {what}; {NOTHING_SENT}. {RESTORE}")

    def close(self) -> None:  # noqa: B027  # most have nothing open between two transactions
        """Let go of it."""
