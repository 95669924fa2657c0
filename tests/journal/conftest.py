"""Every test that asks for an `address` runs against every backend.

A further backend is one more name in `BACKENDS`, a fixture of that name that returns the address of a
journal which is not there yet, and what `open_at` makes of such an address.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.journal.opening import Journal
from tests.clock import FakeClock

from .backends import open_at
from .server import Server, programs, serving

SQL_BACKENDS = ["sqlite", "postgresql"]
BACKENDS = [*SQL_BACKENDS]

Reopen = Callable[[], Journal]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'journal.db'}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server of PostgreSQL; tests that need one are skipped where none is installed, but for CI."""
    found = programs()
    if found is None:
        missing = "PostgreSQL is not installed: Debian's package is called postgresql"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with serving(found) as server:
        yield server


@pytest.fixture(scope="session")
def database(server: Server) -> str:
    """The name of a database of the server."""
    return server.new_database()


@pytest.fixture
def postgresql(server: Server, database: str) -> str:
    server.clear(database)
    return server.address(database)


@pytest.fixture(params=BACKENDS)
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture(params=SQL_BACKENDS)
def sql_address(request: pytest.FixtureRequest) -> str:
    """The address of a journal in an SQL database, for what is done to its tables."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def reopen(address: str, clock: FakeClock) -> Iterator[Reopen]:
    """Open the journal once more, as a further run would."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(open_at(address, clock))


@pytest.fixture
def journal(reopen: Reopen) -> Journal:
    return reopen()
