"""Every broken tool is caught by the test that is named for it: tests that cannot fail prove nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS as FAULTS
from tests.mutants.mutants import MUTANTS as ENGINES
from tests.mutants.mutants import Mutant
from tests.render.mutants import MUTANTS as REPORTS
from tests.seeds.mutants import MUTANTS as SENDERS

MUTANTS = (*ENGINES, *SENDERS, *FAULTS, *REPORTS)
ROOT = Path(__file__).parents[2]
PASSED, FAILED = 0, 1  # pytest's exit codes; whatever is above is no verdict of a test


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The package and its tests in a folder of their own; compiled files too, for these make a run fast."""
    for part in ("reconciler", "tests", ".github"):
        shutil.copytree(ROOT / part, tmp_path / part)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    yield tmp_path
    shutil.rmtree(tmp_path)


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy, by themselves: no plugin of the run around them reaches in."""
    quick = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider"]
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quick, *tests],
        cwd=folder,
        env={**outer, "HYPOTHESIS_PROFILE": "verdict", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_it_is_caught(mutant: Mutant, copy: Path) -> None:
    file = copy / "reconciler" / mutant.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, "the text to change does not stand exactly once in the file"
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    result = run(copy, mutant.test)
    assert result.returncode == FAILED, f"a tool that {mutant} passes:\n{result.stdout}{result.stderr}"
    assert f"FAILED {mutant.test}" in result.stdout


@pytest.mark.parametrize(
    "mutants", [ENGINES, SENDERS, FAULTS, REPORTS], ids=["engines", "senders", "faults", "reports"]
)
def test_what_is_not_broken_passes(mutants: Sequence[Mutant], copy: Path) -> None:
    result = run(copy, *dict.fromkeys(mutant.test for mutant in mutants))
    assert result.returncode == PASSED, result.stdout + result.stderr


def test_no_mistake_stands_here_twice() -> None:
    assert len({str(mutant) for mutant in MUTANTS}) == len(MUTANTS)
