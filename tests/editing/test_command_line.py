"""The verbs as a person types them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


def reconciler(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "reconciler", *arguments]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(program, cwd=folder, env=environ, capture_output=True, text=True)


def test_from_hand_made_configurations_to_a_repository(workspace: Path) -> None:
    for file in ("newsletter", "support", "onboarding"):
        (workspace / f"configs/{file}.yaml").unlink()
    adopted = reconciler(workspace, "adopt", "--all").stdout
    assert adopted.endswith("4 new, 0 merged, 0 declared already; 1 file.\n")
    assert reconciler(workspace, "plan", "--detailed-exitcode").returncode == 0
    assert reconciler(workspace, "fmt", "--check").returncode == 0
    found = reconciler(workspace, "list", "--where", "survey=Campaign 2023", "--format", "json")
    assert "Old campaign 2023 (do not use)" in [one["name"] for one in json.loads(found.stdout)["resources"]]


@pytest.mark.parametrize(
    "line",
    ["adopt", "adopt --id x", "adopt --all --update", "adopt --all --only x", "set x", "fmt nope.yaml"],
)
def test_what_cannot_be_is_one_sentence_and_exit_1(workspace: Path, line: str) -> None:
    ended = reconciler(workspace, *line.split())
    assert ended.returncode == 1
    assert "Error: " in ended.stderr
    assert "Traceback" not in ended.stderr
