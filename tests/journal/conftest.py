"""Every test that asks for an `address` runs against every backend.

A further backend is one more name in `BACKENDS`, a fixture of that name that returns the address of a
journal which is not there yet, and what `open_at` makes of such an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.journal.opening import Journal
from tests.clock import FakeClock

from .backends import open_at

BACKENDS = ["sqlite"]

Reopen = Callable[[], Journal]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


@pytest.fixture(params=BACKENDS)
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def reopen(address: str, clock: FakeClock) -> Iterator[Reopen]:
    """Open the journal once more, as a further run would."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(open_at(address, clock))


@pytest.fixture
def journal(reopen: Reopen) -> Journal:
    return reopen()
