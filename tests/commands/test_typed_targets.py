"""`--target` and `--all-targets` as a person types them, or as the environment says them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = """\
version: 1
default_target: one
targets:
  one: {checkmarket: {url: "sandbox:"}}
  two: {checkmarket: {url: "sandbox:"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "reconciler.yaml").write_text(SETTINGS, "utf-8")
    return tmp_path


def reconciler(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(program, cwd=folder, env=environ, capture_output=True, text=True)


def planned(folder: Path, *arguments: str, **environ: str) -> list[str]:
    """Return the targets of the document, or the one that it is about, with a mark."""
    document = json.loads(reconciler(folder, "plan", "--format", "json", *arguments, **environ).stdout)
    if "targets" in document:
        return [target["target"] for target in document["targets"]]
    return [f"only {document['target']}"]


@pytest.mark.parametrize(
    ("arguments", "environ", "targets"),
    [
        ([], {}, ["only one"]),
        (["--target", "two"], {}, ["only two"]),
        (["--target", "two", "--target", "two"], {}, ["only two"]),
        (["--target", "two", "--target", "one"], {}, ["two", "one"]),
        (["--all-targets"], {}, ["one", "two"]),
        ([], {"RECONCILER_TARGET": "two one"}, ["two", "one"]),
        ([], {"RECONCILER_TARGET": "two"}, ["only two"]),
        (["--target", "one"], {"RECONCILER_TARGET": "two one"}, ["only one"]),
        ([], {"RECONCILER_ALL_TARGETS": "1"}, ["one", "two"]),
        (["--target", "two"], {"RECONCILER_ALL_TARGETS": "1"}, ["only two"]),
        (["--all-targets"], {"RECONCILER_TARGET": "two"}, ["one", "two"]),
    ],
)
def test_one_target_is_one_plan_and_several_are_a_list(
    folder: Path, arguments: list[str], environ: dict[str, str], targets: list[str]
) -> None:
    assert planned(folder, *arguments, **environ) == targets


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["plan", "--all-targets", "--target", "one"], "leave out --target"),
        (["plan", "--target", "one", "--target", "two", "--out", "x"], "the plan of one target"),
        (["apply", "x", "--all-targets"], "a plan file is for one target"),
        (["apply", "--all-targets", "--take-over", "3"], "the one target that it holds"),
        (["show", "x", "--target", "one", "--target", "two"], "takes one target, not one and two"),
        (["history", "--target", "one", "--target", "two"], "takes one target, not one and two"),
        (["restore", "1", "--target", "one", "--target", "two"], "takes one target, not one and two"),
        (["seeds", "status", "--target", "one", "--target", "two"], "takes one target, not one and two"),
    ],
)
def test_what_is_for_one_target_refuses_several(folder: Path, arguments: list[str], reason: str) -> None:
    ended = reconciler(folder, *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert reason in ended.stderr


@pytest.mark.parametrize("verb", [["validate"], ["fmt", "--check"]])
def test_what_is_for_no_target_takes_any_environment(folder: Path, verb: list[str]) -> None:
    assert reconciler(folder, *verb, RECONCILER_TARGET="one two").returncode == 0


def test_in_ci_all_targets_are_named_targets(folder: Path) -> None:
    assert reconciler(folder, "apply", "--yes", "--all-targets", CI="true").returncode == 0
    assert reconciler(folder, "apply", "--yes", CI="true").returncode == 1
