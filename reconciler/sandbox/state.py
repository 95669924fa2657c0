"""What a sandbox remembers: JSON documents in collections, numbers given out, and the requests it saw."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict, astuple

from reconciler.sandbox.seeding import CONFIGS, MAILS, STARTING_POINT, SURVEYS

Document: TypeAlias = dict[str, Any]
Key: TypeAlias = int | str
Seed: TypeAlias = Mapping[str, Mapping[Key, Document]]

_FORMAT = 1
# What marks a database as ours, so that no other one is ever written into.
_APPLICATION = int.from_bytes(b"RCSB")
_IN_MEMORY = ":memory:"
_KEPT_REQUESTS = 10_000
_BUSY_TIMEOUT_SECONDS = 30.0
_TABLES = """
CREATE TABLE documents (
    collection TEXT NOT NULL, key NOT NULL, document TEXT NOT NULL, PRIMARY KEY (collection, key)
);
CREATE TABLE numbers (series TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, body TEXT NOT NULL, status INTEGER, fault TEXT
);
"""


class StateError(Exception):
    """The file cannot be used as a sandbox's state; the message says which file and what to do."""


class Request(Struct, frozen=True):
    """One request as the sandbox saw it; `status` is None where no answer left, `fault` says why."""

    at: float
    method: str
    path: str
    query: str
    body: str
    status: int | None
    fault: str | None = None


class Transaction:
    """The documents as one request sees and changes them: all of its changes are kept, or none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, collection: str) -> dict[Key, Document]:
        """Return the documents of a collection by key, in order of their keys."""
        rows = self.connection.execute(
            "SELECT key, document FROM documents WHERE collection = ? ORDER BY key", (collection,)
        )
        return {key: json.loads(document) for key, document in rows}

    def get(self, collection: str, key: Key) -> Document | None:
        """Return one document, or None where there is none."""
        row = self.connection.execute(
            "SELECT document FROM documents WHERE collection = ? AND key = ?", (collection, key)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, collection: str, key: Key, document: Document) -> None:
        """Store a document in place of the one that has this key, if any."""
        row = (collection, key, json.dumps(document))
        self.connection.execute("REPLACE INTO documents VALUES (?, ?, ?)", row)

    def remove(self, collection: str, key: Key) -> None:
        """Remove a document; one that is not there is no error."""
        self.connection.execute("DELETE FROM documents WHERE collection = ? AND key = ?", (collection, key))

    def next_number(self, series: str) -> int:
        """Return a number above all that this series gave before, those of removed documents too."""
        row = self.connection.execute(
            "INSERT INTO numbers VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            (series,),
        ).fetchone()
        return int(row[0])


class State:
    """A sandbox's memory, in a file that other processes may use at the same time, or in this process only.

    A new one starts with the documents of `seed`; a file that exists goes on where it was. A new file is
    readable for its owner only, for it holds what was sent. Raises `StateError` for a file of anything else.
    """

    def __init__(self, path: str | Path = _IN_MEMORY, seed: Seed = STARTING_POINT) -> None:
        self._seed = seed
        self._lock = threading.RLock()
        self._is_file = str(path) != _IN_MEMORY
        with _translating(path):
            if self._is_file:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # Without `close`, the connection is closed when the state is garbage-collected.
            self._finalizer = weakref.finalize(self, self._connection.close)
            # A sandbox need not survive a power cut, and not to wait for the disk is much faster.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._begin_if_new()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give the documents to one request; all other ones, in any process, wait until it is done."""
        # IMMEDIATE: what a request reads is still true when it writes, also with other processes at work.
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def record(self, request: Request) -> None:
        """Add a request to the log; a file keeps the last 10,000, a sandbox in memory all."""
        with self.transaction() as transaction:
            row, connection = (None, *astuple(request)), transaction.connection
            number = connection.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid
            if self._is_file:
                oldest_kept = (number or 0) - _KEPT_REQUESTS
                connection.execute("DELETE FROM requests WHERE number <= ?", (oldest_kept,))

    def requests(self, last: int | None = None) -> tuple[Request, ...]:
        """Return the requests seen, oldest first; with `last`, only that many of the newest."""
        limit = -1 if last is None else last
        with self._lock:
            query = "SELECT * FROM requests ORDER BY number DESC LIMIT ?"
            newest_first = self._connection.execute(query, (limit,)).fetchall()
        return tuple(Request(*columns) for _number, *columns in reversed(newest_first))

    def reset(self) -> None:
        """Go back to the seeded start: forget all changes, requests and numbers given out since."""
        with self.transaction() as transaction:
            self._start_over(transaction)

    def close(self) -> None:
        """Let go of the file; what was in memory is gone."""
        with self._lock:
            self._finalizer()

    def _begin_if_new(self) -> None:
        with self.transaction() as transaction:
            connection = transaction.connection
            if connection.execute("SELECT name FROM sqlite_master").fetchone() is not None:
                _check_sound(connection)
                return
            # Not executescript(), which would commit the transaction that keeps a second process out.
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            self._start_over(transaction)

    def _start_over(self, start: Transaction) -> None:
        for table in ("documents", "numbers", "requests"):
            start.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are the three above
        for collection, documents in self._seed.items():
            for key, document in documents.items():
                start.put(collection, key, document)
            taken = max((key for key in documents if isinstance(key, int)), default=0)
            start.connection.execute("INSERT INTO numbers VALUES (?, ?)", (collection, taken))


def check_state(path: Path) -> None:
    """Check that a file is the sound state of a sandbox of this version; changes nothing there.

    Raises `StateError` where it is not.
    """
    with _translating(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(connection):
            _check_sound(connection)


@contextlib.contextmanager
def _translating(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        raise StateError(f"{path}: not a sandbox's state ({error}); move it away to start anew") from error


def _check_sound(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (_APPLICATION, _FORMAT):
        raise sqlite3.DatabaseError("it is another program's, or another version's")
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("it is damaged")


def take_inventory(state: State, *, last_requests: int = 20) -> dict[str, Any]:
    """Return all that a sandbox holds, ready for JSON; reads only, and is not a request to the sandbox.

    `import_configs` has hidden ones too, each with `hidden`; members that hold null are left out.
    `requests` are the newest ones, oldest first.
    """
    with state.transaction() as documents:
        configs = []
        for key, stored in documents.all(CONFIGS).items():
            shown = {name: value for name, value in stored["Config"].items() if value is not None}
            configs.append({"ImportConfigId": key, **shown, "hidden": not shown.get("IsReusable")})
        surveys = [{"Id": key, **survey} for key, survey in documents.all(SURVEYS).items()]
        mails = list(documents.all(MAILS).values())
    requests = [asdict(request) for request in state.requests(last_requests)]
    return {"import_configs": configs, "surveys": surveys, "requests": requests, "mails": mails}
