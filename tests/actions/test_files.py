"""What the workflow files promise: pinned actions, least permissions, nothing untrusted in a shell."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.actions.conftest import KEY, Scene, declared
from tests.actions.test_stories import only
from tests.actions.workflows import TOP, read_yaml
from tests.hostile.planting import planted

FILES = sorted([*TOP.glob(".github/workflows/*.yml"), *TOP.glob(".github/actions/*/action.yml")])
REUSABLE = sorted(TOP.glob(".github/workflows/reconcile-*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\.github/actions/[a-z]+")
REQUIREMENT = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(TOP / ".github").as_posix()


def read(path: Path) -> Any:
    return read_yaml(path.read_text("utf-8"))


def steps_in(file: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for job in file["jobs"].values() if "jobs" in file else [file["runs"]]:
        yield from job["steps"]


@pytest.mark.parametrize("path", FILES, ids=name_of)
class TestEachFile:
    """Of workflows and actions alike."""

    def test_every_action_is_pinned_by_its_commit_or_is_of_this_repository(self, path: Path) -> None:
        used = re.findall(r"^\s*(?:- )?uses:\s*(.+?)\s*$", path.read_text("utf-8"), re.MULTILINE)
        assert [one for one in used if not PINNED.fullmatch(one)] == []

    def test_no_expression_stands_in_a_shell(self, path: Path) -> None:
        assert [step for step in steps_in(read(path)) if "${{" in str(step.get("run", ""))] == []

    def test_no_event_brings_secrets_to_the_files_of_strangers(self, path: Path) -> None:
        assert not re.search(r"pull_request_target|workflow_run|issue_comment", path.read_text("utf-8"))

    def test_a_checkout_leaves_no_token_behind_unless_git_needs_it(self, path: Path) -> None:
        found = [
            step for step in steps_in(read(path)) if step.get("uses", "").startswith("actions/checkout@")
        ]
        allowed = (False, "${{ inputs.journal_in_git }}")
        assert [step for step in found if step["with"]["persist-credentials"] not in allowed] == []


@pytest.mark.parametrize("path", REUSABLE, ids=name_of)
class TestEachReusableWorkflow:
    """They differ in what they do, and not in how they are called."""

    def test_it_has_no_secret_outside_of_the_one_step_that_needs_them(self, path: Path) -> None:
        file = read(path)
        assert "env" not in file
        for job in file["jobs"].values():
            assert "env" not in job
            withs = [step.get("with", {}) for step in job["steps"]]
            assert "secrets." not in str(withs)
            assert sum("secrets." in str(step.get("env", "")) for step in job["steps"]) <= 1

    def test_every_input_and_secret_is_used_and_explained(self, path: Path) -> None:
        text, told = path.read_text("utf-8"), (TOP / ".github/WORKFLOWS.md").read_text("utf-8")
        called = read(path)["on"]["workflow_call"]
        for name in called["inputs"]:
            assert f"inputs.{name}" in text
            assert f"`{name}`" in told
        for name in called["secrets"]:
            assert f"{name}: ${{{{ secrets.{name} }}}}" in text
            assert f"`{name}`" in told


def test_jobs_have_the_permissions_that_the_documentation_says() -> None:
    granted = {
        f"{path.stem}/{name}": job.get("permissions")
        for path in REUSABLE
        for name, job in read(path)["jobs"].items()
    }
    assert granted == {
        "reconcile-plan/validate": {"contents": "read"},
        "reconcile-plan/plan": {"contents": "read", "pull-requests": "write"},
        "reconcile-plan/checked": {},
        "reconcile-apply/apply": None,  # those of the caller: only a journal in git needs to write
        "reconcile-drift/drift": {"contents": "read", "issues": "write"},
    }


def test_what_can_sign_or_publish_a_release_runs_nothing_of_the_repository() -> None:
    jobs = read(TOP / ".github/workflows/release.yml")["jobs"]
    signing = {name: job for name, job in jobs.items() if "id-token" in job["permissions"]}
    assert signing.keys() == {"attest", "publish"}
    assert {*jobs["attest"]["needs"]} == {"check", "build"}
    for job in signing.values():
        assert not [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]]


def test_an_apply_is_never_cancelled_and_every_one_that_waits_gets_its_turn() -> None:
    job = read(TOP / ".github/workflows/reconcile-apply.yml")["jobs"]["apply"]
    assert job["concurrency"] == {
        "group": "reconcile-apply-${{ matrix.target }}",
        "cancel-in-progress": False,
        "queue": "max",
    }


def test_the_package_names_no_python_that_is_not_tried() -> None:
    told = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    tried = read(TOP / ".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(told))
    assert named
    assert {*named} <= {*tried}


def test_the_action_installs_what_the_tests_run_with() -> None:
    own = dict(REQUIREMENT.findall((TOP / ".github/actions/reconcile/requirements.txt").read_text("utf-8")))
    tried = dict(REQUIREMENT.findall((TOP / ".ci/requirements.txt").read_text("utf-8")))
    build_only = {"hatchling", "tomlkit", "trove-classifiers"}
    assert {name: version for name, version in own.items() if tried.get(name) != version}.keys() == build_only
    wanted = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[><=;\[ ]", one)[0].replace(".", "-") for one in wanted}
    assert names <= own.keys()
    assert {"psycopg", "hatchling"} <= own.keys()


# Lists what is there once the tool itself is installed.
LISTING = """\
#!/bin/bash
'{python}' "$@" || exit
[[ "$*" != *--no-deps* ]] || '{python}' -I -m pip --python "$5" list --format=freeze > '{record}'
"""


def test_the_tool_is_installed_from_the_commit_of_the_action_with_its_pins(scene: Scene) -> None:
    network = {
        name: value for name, value in os.environ.items() if re.match(r"(?i)pip_|.*_proxy$|ssl_", name)
    }
    record, witness = scene.runner.folder / "record", scene.runner.folder / "ran"
    python = laid(scene, LISTING.format(record=record, python=scene.runner.python))
    scene.runner = replace(scene.runner, program=None, environ=network, python=python)
    files = {**declared("c1", 2), **planted(witness)}
    job = only(scene.plan(scene.forge.pull("theirs", files, fork="mallory/surveys")))
    if job.conclusion != "success" and not os.environ.get("CI"):
        pytest.skip(f"no package registry can be reached: {job.log[-200:]}")
    assert job.conclusion == "success", job.log
    pins = dict(REQUIREMENT.findall((TOP / ".github/actions/reconcile/requirements.txt").read_text("utf-8")))
    there = dict(line.split("==") for line in re.sub("[_.](?=.*==)", "-", record.read_text().lower()).split())
    assert there.pop("survey-reconciler")
    assert not there.keys() - pins.keys()
    assert {name for name, version in there.items() if pins[name] != version} == set()
    assert not witness.exists()


def laid(scene: Scene, script: str) -> Path:
    """Lay a script that stands in for Python."""
    python = scene.runner.folder / "python3"
    python.parent.mkdir(exist_ok=True)
    python.write_text(script)
    python.chmod(0o755)
    return python


# Notes how it is called, and lays the program instead of asking a registry for packages.
PYTHON = """\
#!/bin/bash
{{ echo "$PWD: $*"; env; }} >> '{record}'
if [[ "$*" = *"-m pip"* ]]; then ln -sf '{program}' "$5/bin/reconciler"; exit; fi
exec '{python}' "$@"
"""


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_what_installs_imports_nothing_of_the_checkout_and_gets_no_key(scene: Scene, command: str) -> None:
    record, witness = scene.runner.folder / "record", scene.runner.folder / "ran"
    number = scene.forge.pull("theirs", {**declared("c1", 2), **planted(witness)})
    if command == "apply":
        assert only(scene.plan(number)).conclusion == "success"
    script = PYTHON.format(record=record, program=scene.runner.program, python=scene.runner.python)
    python = laid(scene, script)
    scene.runner = replace(scene.runner, program=None, python=python)
    run = scene.plan(number) if command == "plan" else scene.apply(scene.forge.merged("squash", number))
    job = only(run)
    assert job.conclusion == "success", job.log
    assert not witness.exists()
    installing, _, reconciling = record.read_text().partition("reconcile.py")
    assert installing.count("-I -m venv") == 1
    assert installing.count("-I -m pip") == 2
    assert KEY not in installing
    (workspace,) = set(re.findall("GITHUB_WORKSPACE=(.*)", reconciling))
    assert f"{workspace}: -I" not in installing
    assert f"CHECKMARKET_KEY={KEY}" in reconciling
