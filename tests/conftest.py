"""What every test may use: a clock that never waits, and a copy of the example."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clock import FakeClock

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a copy of the example workspace."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path
