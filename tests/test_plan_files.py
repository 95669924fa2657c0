"""Plan files between real processes: planned in one and applied in another, with changes in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.test_end_to_end import ROOT, reconciler

SUPPORT = "import_configs.support-follow-up"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


def plan_of(workspace: Path, name: str = "plan.json") -> Any:
    return json.loads((workspace / name).read_text("utf-8"))


def written(workspace: Path, *arguments: str) -> None:
    ended = reconciler(workspace, "plan", "--out", "plan.json", *arguments)
    assert ended.returncode == 0, ended.stderr


def delay(workspace: Path, days: int) -> None:
    path = workspace / "configs/support.yaml"
    path.write_text(path.read_text().replace("_in_days: 1\n    email", f"_in_days: {days}\n    email"))


def test_a_plan_is_written_by_one_process_and_carried_out_by_another(workspace: Path) -> None:
    written(workspace)
    path = workspace / "plan.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    schema = json.loads(reconciler(workspace, "schema", "plan").stdout)
    Draft202012Validator(schema).validate(plan_of(workspace))
    ended = reconciler(workspace, "apply", "plan.json", environ={"CI": "true"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Applied: 3 changed" in ended.stdout
    again = reconciler(workspace, "apply", "plan.json", environ={"CI": "true"})
    assert again.returncode == 0
    assert "Applied: 0 changed" in again.stdout


def test_what_changed_in_between_is_left_alone_and_what_failed_is_finished_by_the_same_file(
    workspace: Path,
) -> None:
    written(workspace)
    rules = ("PUT *configs/288:1+:before:status=400", "GET *customer/count:3+:before:status=403")
    faults = {"RECONCILER_SANDBOX_FAULTS": "; ".join(rules)}
    assert reconciler(workspace, "apply", "plan.json", environ=faults).returncode == 4
    delay(workspace, 4)
    ended = reconciler(workspace, "apply", "plan.json", "--format", "json")
    outcomes = {outcome["key"]: outcome for outcome in json.loads(ended.stdout)["outcomes"]}
    assert ended.returncode == 5
    assert outcomes[SUPPORT]["result"] == "skipped"
    assert outcomes[SUPPORT]["reason"].startswith("unreviewed: it is not part of what was reviewed")
    assert outcomes["import_configs.newsletter-nl"]["result"] == "applied"
    assert json.loads(ended.stdout)["customers_sent"] == 2


@pytest.mark.parametrize(
    "arguments",
    [["WHOLE"], ["whole"], ["ONE", "TWO", "THREE", "SEED"], ["ONE,TWO", " THREE, SEED,"], ["WHOLE", "ONE"]],
    ids=str,
)
def test_fingerprints_are_named_once_or_often_or_with_commas(workspace: Path, arguments: list[str]) -> None:
    written(workspace)
    plan = plan_of(workspace)
    one, two, three = (change["digest"] for change in plan["changes"])
    meant = {"WHOLE": plan["fingerprint"].upper(), "whole": plan["fingerprint"], "ONE": one, "TWO": two}
    meant |= {"THREE": three, "SEED": plan["seeds"][0]["digest"]}
    words = [re.sub("[A-Za-z]+", lambda match: meant[match[0]], text) for text in arguments]
    ended = reconciler(workspace, "apply", *(word for text in words for word in ("--reviewed", text)))
    assert ended.returncode == 0, ended.stderr
    assert "Applied: 3 changed" in ended.stdout
    assert ended.stdout.endswith("2 customers sent.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reviewed", "abc"],
        ["--reviewed", ""],
        ["--reviewed", "0" * 63],
        ["plan.json", "--reviewed", "0" * 64],
        ["nowhere.json"],
        ["plan.json", "nowhere.json"],
        ["configs"],
    ],
    ids=str,
)
def test_wrong_usage_says_what_is_wrong_and_does_nothing(workspace: Path, arguments: list[str]) -> None:
    written(workspace)
    ended = reconciler(workspace, "apply", *arguments)
    assert ended.returncode == 1
    assert "Error:" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_named_target_that_contradicts_the_file_is_refused(workspace: Path) -> None:
    written(workspace)
    for arguments, environ in ((["--target", "production"], {}), ([], {"RECONCILER_TARGET": "production"})):
        ended = reconciler(workspace, "apply", "plan.json", *arguments, environ=environ)
        assert ended.returncode == 3
        assert "plan for target sandbox" in ended.stderr


def test_without_git_only_since_is_missed(workspace: Path) -> None:
    path = str(workspace / "empty")
    (workspace / ".git").mkdir()
    assert reconciler(workspace, "plan", environ={"PATH": path}).returncode == 0
    ended = reconciler(workspace, "plan", "--since", "main", environ={"PATH": path})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "git cannot be run" in ended.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error_in_words(workspace: Path) -> None:
    workspace.chmod(0o500)
    ended = reconciler(workspace, "plan", "--out", "plan.json")
    workspace.chmod(0o700)
    assert ended.returncode == 1
    assert "cannot be written: Permission denied" in ended.stderr
