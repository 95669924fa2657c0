"""What every test may use: a clock that never waits, and a copy of the example."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.clock import FakeClock

ROOT = Path(__file__).parent.parent
NOT_ON_WINDOWS = {
    "a shell, a terminal of POSIX or the runner of Linux": """
        actions benchmarks render/test_wrapped.py
        test_completion.py test_guides.py test_hooks.py test_readme.py
    """,
    "processes that are forked, or stopped and killed by signals": """
        faults/test_signals.py hostile journal/test_door.py journal/test_holding.py journal/test_postgresql.py
        killed seeds/test_killed.py seeds/test_sequences.py
    """,
    "owners, modes, links and pipes of POSIX": """
        commands/test_init.py commands/test_since.py config/test_discovery.py editing/test_adopt.py
        editing/test_writing.py journal/test_git.py journal/test_git_pushes.py journal/test_sqlite.py
        planfile/test_files.py test_git.py test_repository.py
    """,
}
"""What a test needs that is not there on Windows, and the files and folders of such tests."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    left_out = {Path(__file__).parent / path for paths in NOT_ON_WINDOWS.values() for path in paths.split()}
    return (os.name == "nt" and collection_path in left_out) or None


def pytest_report_header() -> list[str]:
    told = [
        f"not tried, for want of {why}: {' '.join(paths.split())}" for why, paths in NOT_ON_WINDOWS.items()
    ]
    return told if os.name == "nt" else []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a copy of the example workspace."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path
