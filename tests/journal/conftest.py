"""Every test that asks for an `address` runs against every backend, whose journal is yet to be made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.journal.journal import Journal
from tests.clock import FakeClock

from .backends import GIT, open_at
from .repositories import Repositories
from .server import Server, programs, serving

SQL_BACKENDS = ["sqlite", "postgresql"]
BACKENDS = [*SQL_BACKENDS, "git", "git_alone"]

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


@pytest.fixture
def git(repositories: Repositories) -> str:
    """A branch that lives at a remote."""
    repositories.remote()
    return f"{GIT}journal {repositories.clone()}"


@pytest.fixture
def git_alone(repositories: Repositories) -> str:
    """A branch of a repository that has no remote."""
    return f"{GIT}journal {repositories.alone()}"


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    """Make repositories, for a git that no settings of this machine reach."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Repositories(tmp_path)


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
