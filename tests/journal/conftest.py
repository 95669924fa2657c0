"""Every test that asks for an `address` runs against every backend; one for a `database`, against SQL.

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

from .backends import GIT, open_at
from .repositories import Repositories

SQL = ["sqlite"]
BACKENDS = [*SQL, "git", "git_alone"]

Reopen = Callable[[], Journal]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


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


@pytest.fixture(params=SQL)
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def reopen(address: str, clock: FakeClock) -> Iterator[Reopen]:
    """Open the journal once more, as a further run would."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(open_at(address, clock))


@pytest.fixture
def journal(reopen: Reopen) -> Journal:
    return reopen()
