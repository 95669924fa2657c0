"""Every broken way to send a seed is caught by the test that is named for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.mutants import Mutant
from tests.mutants.test_mutants import FAILED, PASSED, copy, run
from tests.seeds.mutants import MUTANTS

__all__ = ["copy"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_it_is_caught(mutant: Mutant, copy: Path) -> None:
    file = copy / "reconciler" / mutant.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, "the text to change does not stand exactly once in the file"
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    result = run(copy, mutant.test)
    assert result.returncode == FAILED, f"a tool that {mutant} passes:\n{result.stdout}{result.stderr}"
    assert f"FAILED {mutant.test}" in result.stdout


def test_what_is_not_broken_passes(copy: Path) -> None:
    result = run(copy, *dict.fromkeys(mutant.test for mutant in MUTANTS))
    assert result.returncode == PASSED, result.stdout + result.stderr
