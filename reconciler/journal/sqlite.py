"""A journal in a file of SQLite, for one machine.

Its mode is a rollback journal, SQLite's own default, and not a write-ahead log: between two writes the one
file is all there is, so it can be kept, copied and restored, by a CI cache for example.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Double,
    Engine,
    Integer,
    NullPool,
    create_engine,
    event,
    inspect,
)

from reconciler.clock import Clock
from reconciler.errors import Refused, UsageError
from reconciler.journal.database import READS_ONLY
from reconciler.journal.failures import FOREIGN, damaged
from reconciler.journal.forms import readable
from reconciler.journal.migrations import STEPS, Step, version
from reconciler.journal.schema import TABLES
from reconciler.journal.sql import SqlJournal
from reconciler.journal.sql_opening import Place, open_place, read_place
from reconciler.journal.text import strict_json
from reconciler.private import private_database, sync_folder

APPLICATION_ID = 0x7265636A
"""Marks a file as ours, in its header: "recj"."""

PATIENCE = 30.0
"""Seconds to wait for another process that is writing. A write takes milliseconds."""

# EXTRA syncs the folder too: with FULL, a power cut can still take back the last commit.
# On macOS a sync that is not a full one ends in the cache of the drive.
_CONNECTED = "PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;"


def open_file(
    path: Path, clock: Clock, *, steps: Sequence[Step] = STEPS, patience: float = PATIENCE
) -> SqlJournal:
    """Open the journal in a file; make it, or bring it to the version that `steps` lead to.

    Errors as for `reconciler.journal.opening.open_journal`.
    """
    _make_file(path)
    return open_place(_place(path, patience), steps, clock)


def read_file(
    path: Path, clock: Clock, *, steps: Sequence[Step] = STEPS, patience: float = PATIENCE
) -> SqlJournal | None:
    """Open the journal in a file to read it; `None` where there is none yet. Nothing is changed there.

    Errors as for `reconciler.journal.opening.read_journal`.
    """
    return read_place(_place(path, patience), steps, clock) if os.path.lexists(path) else None


def _place(path: Path, patience: float) -> Place:
    return Place(engine_of(path, patience), str(path), _recognise, _mark)


def engine_of(path: Path, patience: float = PATIENCE) -> Engine:
    """Return what makes connections to a file that is there; it never makes the file.

    Each transaction has a connection of its own, so that none writes to a file that was replaced meanwhile.
    A transaction waits for the right to write before it reads, unless it is one of `reading(engine)`.
    """
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(path, patience),
        poolclass=NullPool,
        hide_parameters=True,
        json_serializer=strict_json,
        json_deserializer=readable,
    )
    event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    """Open the file, which has to be this user's alone and the same before and after. Raises `Refused`."""
    before = _checked(path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,  # transactions begin in `_begin`, and nowhere else
        check_same_thread=False,
    )
    try:
        connection.executescript(_CONNECTED)
        if _checked(path) != before:
            raise Refused(
                f"journal {path} was replaced while it was opened; nothing is sent. Look at who did it"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get(READS_ONLY)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _mark(connection: Connection, name: str) -> None:
    del name
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _recognise(connection: Connection, name: str) -> None:
    """Return if the file is a sound journal, or holds nothing at all."""
    marked = connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
    if not marked and inspect(connection).get_table_names():
        raise UsageError(f"journal {name} {FOREIGN}")
    sound = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
    if not sound or (marked and version(connection) == 0):
        raise damaged(name)
    if marked and version(connection) == len(STEPS):
        _check_types(connection, name)


def _check_types(connection: Connection, name: str) -> None:
    """Check that every value is of its column's type, and every row's parent is there. Errors: `Refused`.

    SQLite itself takes anything anywhere, and what is of another type is found by no query: a delivery whose
    seed is a number would count as never sent.
    """
    for table in TABLES.sorted_tables:
        wrong = " OR ".join(
            f'typeof("{column.name}") NOT IN ({", ".join(_types(column))})' for column in table.columns
        )
        found = connection.exec_driver_sql(
            f'SELECT rowid FROM "{table.name}" WHERE {wrong} LIMIT 1'  # noqa: S608 - names of our own
        ).scalar()
        if found is not None:
            raise damaged(name, f"row {found} of {table.name} is damaged: a value is of another type")
    orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if orphan is not None:
        raise damaged(name, f"row {orphan[1]} of {orphan[0]} is damaged: what it belongs to is not there")


def _types(column: Column[Any]) -> Iterator[str]:
    """Yield the types that SQLite may give to a value of the column."""
    match column.type:
        case Integer():
            yield "'integer'"
        case Double():
            yield from ("'real'", "'integer'")
        case JSON():  # a bare number is kept as one
            yield from ("'text'", "'integer'", "'real'")
        case _:
            yield "'text'"
    if column.nullable:
        yield "'null'"


def _make_file(path: Path) -> None:
    """Make an empty file that only this user can read, and its folder, unless they are there."""
    try:
        if not os.path.lexists(path):
            _make_folder(path.parent)
            with suppress(FileExistsError):  # another process was faster
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise Refused(
            f"journal {path} cannot be made: {error.strerror}: {error.filename}; without it nothing is "
            f"sent. Look at its path and at the rights on its folder"
        ) from error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def _checked(path: Path) -> tuple[int, int] | None:
    """Return what tells the file from every other one, if it is there.

    Raises `Refused` if it is not this user's alone.
    """
    try:
        folder = path.parent.stat()
        if folder.st_mode & 0o002 and not folder.st_mode & stat.S_ISVTX:
            raise Refused(
                f"everybody may write into the folder of journal {path}, and put another file in its place: "
                f"chmod o-w '{path.parent}'"
            )
        return private_database(path)
    except OSError:
        return None  # opening it says why that cannot be done
