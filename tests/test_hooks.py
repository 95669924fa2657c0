"""The hooks for pre-commit, run as it runs them: the entry, its arguments, from the top of a repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.hostile.planting import planted

HOOKS = {hook["id"]: hook for hook in YAML(typ="safe", pure=True).load(ROOT / ".pre-commit-hooks.yaml")}
OUT_OF_ORDER = "import_configs:\n  a:\n    email_is_required: true\n    # its name\n    name: A\n"


@pytest.fixture
def repository(workspace: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)
    return workspace


def run(id: str, repository: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a hook. It is told no file names, as each of them asks for."""
    assert HOOKS[id]["pass_filenames"] is False
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    command = [*shlex.split(HOOKS[id]["entry"]), *args]
    return subprocess.run(
        command, cwd=repository, env={**environ, "PRE_COMMIT": "1"}, capture_output=True, text=True
    )


@pytest.mark.parametrize("id", HOOKS)
def test_a_sound_workspace_passes_wherever_it_is_and_nothing_of_it_is_changed_or_imported(
    id: str, repository: Path, tmp_path: Path
) -> None:
    for name, text in planted(tmp_path / "ran").items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    before = {path.name: path.read_bytes() for path in repository.glob("configs/*.yaml")}
    ended = run(id, repository)
    assert (ended.returncode, ended.stderr) == (0, "")
    (repository / "configs").rename(repository / "surveys")
    assert run(id, repository).returncode == 1
    assert run(id, repository, "--workspace", "surveys").returncode == 0
    assert {path.name: path.read_bytes() for path in repository.glob("surveys/*.yaml")} == before
    assert not (tmp_path / "ran").exists()


def test_validate_fails_where_a_file_is_wrong(repository: Path) -> None:
    (repository / "configs" / "wrong.yaml").write_text("import_configs: {a: {Name: A}}\n")
    ended = run("reconciler-validate", repository)
    assert ended.returncode == 1
    assert "configs/wrong.yaml:1:22: error[unknown-field]" in ended.stderr


def test_fmt_changes_a_file_which_is_what_makes_a_commit_fail(repository: Path) -> None:
    file = repository / "configs" / "a.yaml"
    file.write_text(OUT_OF_ORDER)
    assert run("reconciler-fmt", repository).returncode == 0
    ordered = "import_configs:\n  a:\n    # its name\n    name: A\n    email_is_required: true\n"
    assert file.read_text() == ordered
