"""A log in a file of SQLite, for one machine.

Its mode is a rollback journal, SQLite's own default, and not a write-ahead log: between two writes the one
file is all there is, so it can be kept, copied and restored, by a CI cache for example.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.journal.database import DAMAGED, NOTHING_SENT, DatabaseLog, damaged
from reconciler.journal.entries import other_format
from reconciler.system import private_database, sync_folder

APPLICATION_ID = 0x7265636A  # marks a file as ours, in its header: "recj"

FOREIGN = "is not a journal of reconciler; name another file, or move this one away"

PATIENCE = 30.0  # seconds to wait for another process that is writing. A write takes milliseconds

# EXTRA syncs the folder too: with FULL, a power cut can still take back the last commit.
# On macOS a sync that is not a full one ends in the cache of the drive.
_CONNECTED = "PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON;"

# SQLite's primary result code (https://www.sqlite.org/rescode.html) → what to raise, and what it says.
_MEANINGS: dict[int, tuple[type[ReconcilerError], str]] = {
    1: (Refused, DAMAGED),  # a table or a column that is not there
    5: (Refused, "is in use by another process that does not let go of it; try again when that has ended"),
    8: (Refused, f"cannot be written; {NOTHING_SENT}. Look at the rights on the file and on its folder"),
    10: (Refused, f"cannot be read or written: the disk fails; {NOTHING_SENT}"),
    11: (Refused, DAMAGED),
    13: (Refused, f"cannot be written: the disk is full; {NOTHING_SENT}"),
    14: (Refused, f"cannot be opened; {NOTHING_SENT}. Look at its path and at the rights on its folder"),
    26: (UsageError, FOREIGN),
}


class SqliteLog(DatabaseLog):
    """Keeps a log in a file. `make` makes an empty one that only this user can read, and its folders.

    What is there is left. Later a file that is gone is never made anew.
    """

    def __init__(self, path: Path, *, make: bool = False, patience: float = PATIENCE) -> None:
        self.name = str(path)
        self._path = path
        self._patience = patience
        if not make:
            return
        try:
            if not os.path.lexists(path):
                for folder in reversed([one for one in path.parents if not one.is_dir()]):
                    folder.mkdir(mode=0o700, exist_ok=True)
                    sync_folder(folder.parent)
                with suppress(FileExistsError):  # another process was faster
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise Refused(
                f"journal {path} cannot be made: {error.strerror}: {error.filename}; without it nothing is "
                f"sent. Look at its path and at the rights on its folder"
            ) from error

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[sqlite3.Connection]:
        """Open a transaction of a connection of its own, so that none writes to a file that was replaced.

        The file has to be this user's alone, and the same before and after it is opened.
        """
        before, uri = _checked(self._path), f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with closing(
                sqlite3.connect(
                    uri,
                    uri=True,
                    timeout=self._patience,
                    isolation_level=None,  # transactions begin where this says so, and nowhere else
                    check_same_thread=False,
                )
            ) as connection:
                connection.executescript(_CONNECTED)
                if _checked(self._path) != before:
                    raise Refused(
                        f"journal {self._path} was replaced while it was opened; nothing is sent. Look at "
                        f"who did it"
                    )
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                yield connection
                connection.execute("COMMIT")
        except UnicodeDecodeError as error:  # text of the database itself that is none
            raise damaged(self.name) from error
        except sqlite3.Error as error:
            # What stands above the first byte of a code is detail. Without one it is the library's own word:
            # text that is no UTF-8, which it quotes.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF or sqlite3.SQLITE_CORRUPT
            cls, said = _MEANINGS.get(code, (Refused, f"failed: {error}; {NOTHING_SENT}"))
            raise cls(f"journal {self.name} {said}") from error

    def is_there(self, connection: sqlite3.Connection) -> bool:
        """Tell whether there is a log in the file, which is checked as a whole."""
        (marked,) = connection.execute("PRAGMA application_id").fetchone()
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if marked != APPLICATION_ID:
            if tables:
                raise UsageError(f"journal {self.name} {FOREIGN}")
            return False
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise damaged(self.name)
        if "entries" in tables:
            return True
        (found,) = connection.execute("SELECT max(number) FROM versions").fetchone()
        raise other_format(self.name, found) if type(found) is int else damaged(self.name)

    def make(self, connection: sqlite3.Connection) -> None:
        """Mark the file as ours, and make the table."""
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(
            "CREATE TABLE entries (n INTEGER PRIMARY KEY, run INTEGER, entry TEXT NOT NULL, bodies TEXT)"
        )


def _checked(path: Path) -> tuple[int, int] | None:
    """Return what tells the file from every other one, if it is there.

    Raises `Refused` if it is not this user's alone.
    """
    try:
        folder = path.parent.stat()
        if folder.st_mode & 0o002 and not folder.st_mode & stat.S_ISVTX:
            raise Refused(
                f"every user may write into the folder of journal {path}, and put another file in its place: "
                f"chmod o-w '{path.parent}'"
            )
        return private_database(path)
    except OSError:
        return None  # opening it says why that cannot be done
