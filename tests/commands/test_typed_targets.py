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
TWICE = ["--target", "one", "--target", "two"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "reconciler.yaml").write_text(SETTINGS, "utf-8")
    return tmp_path


def reconciler(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(program, cwd=folder, env=environ, capture_output=True, text=True)


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
    document = json.loads(reconciler(folder, "plan", "--format", "json", *arguments, **environ).stdout)
    several = document.get("targets")
    assert targets == ([one["target"] for one in several] if several else [f"only {document['target']}"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["plan", "--all-targets", "--target", "one"], "leave out --target"),
        (["plan", *TWICE, "--out", "x"], "the plan of one target"),
        (["apply", "x", "--all-targets"], "a plan file is for one target"),
        (["apply", "--all-targets", "--take-over", "3"], "the one target that it holds"),
        *(
            ([*verb, *TWICE], "takes one target, not one and two")
            for verb in (["show", "x"], ["history"], ["restore", "1"], ["seeds", "status"])
        ),
    ],
)
def test_what_is_for_one_target_refuses_several(folder: Path, arguments: list[str], reason: str) -> None:
    ended = reconciler(folder, *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert reason in ended.stderr


def test_the_environment_names_targets_for_verbs_that_take_any_or_none(folder: Path) -> None:
    for verb in (["validate"], ["fmt", "--check"]):
        assert reconciler(folder, *verb, RECONCILER_TARGET="one two").returncode == 0
    assert reconciler(folder, "apply", "--yes", "--all-targets", CI="true").returncode == 0
    assert reconciler(folder, "apply", "--yes", CI="true").returncode == 1
