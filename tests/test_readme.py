"""The README shows what the tool really prints, and its commands are the ones that work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def transcripts() -> Iterator[tuple[str, str]]:
    """Yield every command that the README shows with what it prints."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            yield command, output


def timeless(text: str) -> str:
    """Return text with the dates and times that depend on when it is printed replaced.

    So is the status of who is sent to today at 11:30: the sandbox invites nobody before.
    """
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", text)
    text = re.sub(r"on the tenant: 2 (Initial|Invited);", "on the tenant: 2 STATUS;", text)
    return re.sub(r"\(\d\d:\d\d UTC\)", "(TIME UTC)", text)


def run(command: str, folder: Path, path: Path) -> str:
    environ = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True)
    assert not ended.stderr, ended.stderr
    return ended.stdout


def test_every_command_prints_what_the_readme_shows(workspace: Path) -> None:
    (workspace / "drafts").mkdir()
    text = 'version: 1\ntargets: {sandbox: {checkmarket: {url: "sandbox:"}}}\n'
    (workspace / "drafts/reconciler.yaml").write_text(text)
    steps = list(transcripts())
    assert len(steps) >= 5
    for command, output in steps:
        if command.startswith("cat "):
            (workspace / command.removeprefix("cat ")).write_text(output, "utf-8")
        assert timeless(run(command, workspace, Path(sys.executable).parent)) == timeless(output)


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
    shown = next(output for command, output in transcripts() if command == "reconciler plan")
    assert timeless(ended.stdout) == timeless(shown)
    # What is said where an extra is missing is the command that installs it in this environment.
    settings = tmp_path / "configs/reconciler.yaml"
    journal = "  sandbox:\n    journal: postgresql://127.0.0.1:1/x\n    #"
    settings.write_text(settings.read_text("utf-8").replace("  sandbox:", journal, 1), "utf-8")
    refused = subprocess.run(
        [".venv/bin/reconciler", "history"], cwd=tmp_path, capture_output=True, text=True
    )
    command = refused.stderr.strip().partition("install it: ")[2]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    again = subprocess.run([".venv/bin/reconciler", "history"], cwd=tmp_path, capture_output=True, text=True)
    assert "install it" not in again.stderr
    assert "127.0.0.1" in again.stderr


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_every_link_into_the_repository_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
