"""The README shows what the tool really prints, and its commands are the ones that work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.transcripts import assert_transcripts, shows, transcripts

README = (ROOT / "README.md").read_text("utf-8")
LONGEST = 220
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def test_every_command_prints_what_the_readme_shows(workspace: Path) -> None:
    (workspace / "drafts").mkdir()
    text = 'version: 1\ntargets: {sandbox: {checkmarket: {url: "sandbox:"}}}\n'
    (workspace / "drafts/reconciler.yaml").write_text(text)
    assert len(transcripts(README)) >= 5
    assert len(README.splitlines()) <= LONGEST
    assert_transcripts(README, workspace)


def test_the_files_that_the_readme_shows_are_valid(tmp_path: Path) -> None:
    configurations, seeds, settings = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    tenant = 'expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}'
    sandbox = f'  sandbox: {{checkmarket: {{url: "sandbox:"}}, {tenant}}}'
    files = {
        "a.yaml": configurations,
        "b.yaml": seeds,
        "reconciler.yaml": f"{settings}{sandbox}\n",
        "testers.csv": "email;send_date\nsmoke@example.com;today\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    command = [sys.executable, "-m", "reconciler", "validate", "--workspace", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout == "Valid: 3 files, 2 resources, 2 targets, 0 warnings.\n", ended.stderr


def sources() -> list[str]:
    """Return the files of the repository, or of an unpacked source distribution, which git does not know."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    made = {".venv", "__pycache__"}
    inside = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [str(path) for path in inside if not made & set(path.parts)]


def test_the_first_command_runs_the_main_job_in_a_fresh_copy(tmp_path: Path) -> None:
    for name in sources():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    ended = subprocess.run(["bash", "-c", COMMANDS[0]], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    shown = next(output for command, output in transcripts(README) if command == "reconciler plan")
    assert shows(shown or "", ended.stdout)
    # What is said where an extra is missing is the command that installs it in this environment.
    settings = tmp_path / "configs/reconciler.yaml"
    journal = "  sandbox:\n    journal: postgresql://127.0.0.1:1/x\n    #"
    settings.write_text(settings.read_text("utf-8").replace("  sandbox:", journal, 1), "utf-8")
    refused = subprocess.run(
        [".venv/bin/reconciler", "history"], cwd=tmp_path, capture_output=True, text=True
    )
    command = refused.stderr.strip().partition("install it: ")[2]
    on_path = {**os.environ, "PATH": f"{tmp_path}/.venv/bin{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, env=on_path)
    again = subprocess.run([".venv/bin/reconciler", "history"], cwd=tmp_path, capture_output=True, text=True)
    assert "install it" not in again.stderr
    assert "127.0.0.1" in again.stderr


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_every_link_into_the_repository_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
