"""Files in the folder that one stands in pass for no module of the program, nor of what runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .planting import planted
from .workspaces import write

SCRIPT = str(Path(sys.executable).parent / "reconciler")


@pytest.mark.parametrize("command", ["plan", "apply --yes"])
@pytest.mark.parametrize(
    ("program", "spared"),
    [([SCRIPT], ()), ([sys.executable, "-m", "reconciler"], ("reconciler/", "pkgutil", "encodings"))],
    ids=["script", "module"],
)
def test_nothing_is_imported_from_the_folder_one_stands_in(
    tmp_path: Path, program: list[str], spared: tuple[str, ...], command: str
) -> None:
    """`python -m` has imported the package, and what finds it, before any of its code could see to that."""
    folder, witness = tmp_path / "checkout", tmp_path / "ran"
    files = {name: text for name, text in planted(witness).items() if not name.startswith(spared)}
    write(folder, {**files, "a.yaml": "import_configs: {a: {name: A}}\n"})
    environ = {
        name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTHON")
    }
    ended = subprocess.run(
        [*program, *command.split()], cwd=folder, env=environ, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert not witness.exists()
