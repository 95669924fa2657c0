"""Every broken engine is caught by the test that is named for it: tests that cannot fail prove nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.broken import MISTAKES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_caught(mistake: str) -> None:
    """The tests themselves pass without it: they are part of the run that this one is in."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.mutants", mistake],
        cwd=ROOT,
        env={**outer, "HYPOTHESIS_PROFILE": "verdict", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout + ended.stderr
    assert f"FAILED {MISTAKES[mistake].test}" in ended.stdout
