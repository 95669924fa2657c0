"""Completion, asked for as real shells ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.commands.names import NOT_DECLARING
from reconciler.config.discovery import ANYWHERE, TARGETS
from reconciler.config.settings import Settings

SHELLS = {
    # Each is given the line in WORDS, the last word unfinished.
    "bash": """
        eval "$(reconciler completion bash)"
        compopt() { :; }
        IFS='|' read -ra COMP_WORDS <<< "$WORDS"; [[ $WORDS == *'|' ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$(complete -p reconciler | sed 's/.*-F \\([^ ]*\\).*/\\1/')" reconciler
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        compdef() { : }
        eval "$(reconciler completion zsh)"
        compadd() { [[ $1 == -U ]] && print -l -- ${(P)5} }
        _describe() { print -l -- ${${(P)3}%%:*} }
        words=("${(@s:|:)WORDS}"); CURRENT=$#words
        _reconciler_completion
    """,
    "fish": """
        reconciler completion fish | source
        complete -C (string replace -a '|' ' ' $WORDS) | string split -f 1 \\t
    """,
}


def completed(shell: str, line: str, folder: Path, **environ: str) -> list[str]:
    """Return what a shell offers for the last word of a line; its words stand between `|`."""
    there = shutil.which(shell)
    if there is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{shell} is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8", "WORDS": line, **environ}
    rc = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[shell]
    ended = subprocess.run(
        [there, rc, "-c", SHELLS[shell]], cwd=folder, env=kept, capture_output=True, text=True
    )
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("shells", "line", "offered"),
    [
        ("bash", "help|second", "second-account"),
        ("bash zsh fish", "plan|--target|", "production sandbox"),
        ("bash zsh fish", "show|news", "newsletter-be newsletter-nl"),
        ("bash zsh fish", "sch", "schema"),
        ("bash", "show|import_configs.w", "import_configs.welcome"),
        ("bash", "plan|--only|o", "onboarding-smoke"),
        ("bash", "apply|--allow-hide|o", ""),
        ("bash", "apply|--recreate|wel", "welcome"),
        ("bash", "seeds|preview|", "onboarding-smoke"),
        ("bash", "seeds|send|w", ""),
        ("bash", "plan|--format|j", "json"),
        ("bash", "check|x.csv|--for|newsletter-n", "newsletter-nl"),
        ("bash", "lookup|s", "surveys statuses"),
        ("bash zsh fish", "explain|invitation_d", "invitation_delay_in_days"),
        ("bash", "explain|would", "would-hide"),
    ],
)
def test_what_completes_is_what_the_place_is_for(
    shells: str, line: str, offered: str, workspace: Path
) -> None:
    for shell in shells.split():
        assert completed(shell, f"reconciler|{line}", workspace) == offered.split()


def test_the_workspace_that_is_named_counts_and_without_one_nothing_is_offered(workspace: Path) -> None:
    (workspace / "configs").rename(workspace / "surveys")
    assert completed("bash", "reconciler|plan|--target|", workspace) == []
    both = ["production", "sandbox"]
    assert completed("bash", "reconciler|plan|--workspace|surveys|--target|", workspace) == both
    assert completed("bash", "reconciler|plan|--target|", workspace, RECONCILER_WORKSPACE="surveys") == both


@pytest.mark.parametrize("broken", ["targets: [", "\x00", "targets: {sandbox: 1}\nimport_configs: 3"])
def test_files_that_are_wrong_offer_what_can_be_read_and_say_nothing(broken: str, workspace: Path) -> None:
    (workspace / "configs" / "broken.yaml").write_text(broken)
    assert completed("bash", "reconciler|plan|--target|", workspace) == ["production", "sandbox"]
    assert "welcome" in completed("bash", "reconciler|show|", workspace)


OBEYED = ("x;touch ran", "x$(touch ran)", "x`touch ran`", "x\nimport_configs.y", "x\x1b[31m", "*", "-x", "")


@pytest.mark.parametrize("line", ["show|", "show|import_configs.", "plan|--target|", "seeds|preview|"])
def test_what_a_shell_would_obey_is_not_offered(line: str, workspace: Path) -> None:
    """Bash puts it into the line as it is, and a person who sees their own command presses Enter."""
    before = completed("bash", f"reconciler|{line}", workspace)
    for section in ("targets", "import_configs", "customer_seeds", "x;touch ran"):
        text = json.dumps({section: {name: {} for name in OBEYED}})
        (workspace / "configs" / f"{section}.yaml").write_text(text)
    assert completed("bash", f"reconciler|{line}", workspace) == before != []


def test_completing_imports_no_more_than_reading_the_files_needs(workspace: Path) -> None:
    program = (
        "import atexit, sys; from reconciler.cli import main\n"
        "names = lambda: {name.split('.')[0] for name, module in sys.modules.items() if module}\n"
        "atexit.register(lambda: print(*names(), file=sys.stderr))\n"
        "main([])"
    )
    line = {"COMP_WORDS": "reconciler plan --target ", "COMP_CWORD": "3"}
    environ = {**os.environ, **line, "_RECONCILER_COMPLETE": "bash_complete"}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=workspace, env=environ, capture_output=True, text=True)
    assert ended.stdout.splitlines() == ["plain,production", "plain,sandbox"]
    assert not {"pydantic", "httpx", "deepdiff", "flask", "sqlite3"} & set(ended.stderr.split())


def test_what_is_no_section_of_resources_offers_no_key() -> None:
    assert {*NOT_DECLARING} == {TARGETS, *ANYWHERE, *Settings.model_fields}
