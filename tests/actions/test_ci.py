"""What `init --ci` writes is run as it stands, and `doctor --ci` finds what is missing in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.ci import doctor_ci, init_ci
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, UsageError
from reconciler.render.ci import PASSED_ON
from tests.actions.conftest import KEY, Scene, declared
from tests.actions.test_stories import only
from tests.actions.workflows import TOP, read_yaml
from tests.commands.world import Run, World
from tests.repositories import ENVIRON, Repository

SOURCE = f"example/reconciler@{'c' * 40}"
PROGRAM = Path(sys.executable).parent / "reconciler"


def written(folder: Path, system: str, source: str = SOURCE, **asked: Any) -> Run:
    return World(folder).ran(init_ci, system, source, selection(folder), **asked)


def selection(folder: Path) -> Selection:
    return Selection(next(folder.glob("*/reconciler.yaml")))


@pytest.mark.parametrize("in_git", [False, True])
def test_the_callers_for_github_plan_apply_and_look_for_drift(request: Any, in_git: bool) -> None:
    scene: Scene = request.getfixturevalue("journaled" if in_git else "scene")
    top = scene.forge.work.folder
    names = written(top, "github", json=True).document["written"]
    scene.runner.callers = {name: (top / name).read_text() for name in names}
    shutil.rmtree(top / ".github")
    number = scene.reviewed("shorter", declared("c1", 2))
    assert only(scene.apply(scene.forge.merged("squash", number))).conclusion == "success"
    assert scene.live(1) == 2
    assert only(scene.drift()).conclusion == "success"


def test_the_linters_find_nothing_in_the_callers_and_these_pass_on_what_the_workflows_take(
    tmp_path: Path,
) -> None:
    folder = workspace(tmp_path).folder
    written(folder, "github")
    for linter, *options in (
        ("actionlint", "-shellcheck=", "-pyflakes="),
        ("zizmor", "--offline", "--quiet"),
    ):
        if (program := PROGRAM.parent / linter).exists():
            files = sorted(folder.glob(".github/workflows/*.yml"))
            command = [str(program), *options, *map(str, files)]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    for path in TOP.glob(".github/workflows/reconcile-*.yml"):
        assert tuple(read_yaml(path.read_text())["on"]["workflow_call"]["secrets"]) == PASSED_ON


REAL = """\
version: 1
targets:
  "1.0":
    checkmarket: {url: "https://api.example.com", master_key: {env: EXTRA}, key: {env: CHECKMARKET_KEY}}
  production:
    expoints: {url: "https://acme.expoints.nl", token: {env: EXPOINTS_PASS}}
    journal: {env: RECONCILER_JOURNAL}
  sandbox: {checkmarket: {url: "sandbox:"}}
"""


def workspace(folder: Path, settings: str = REAL, name: str = "our files") -> Repository:
    repository = Repository.made(folder / "work")
    (repository.folder / name).mkdir()
    (repository.folder / name / "reconciler.yaml").write_text(settings)
    return repository


@dataclass
class Pipeline:
    """Runs the scripts of GitLab's or Azure's jobs in bash, each on a fresh clone, as those systems do."""

    scene: Scene
    system: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    clones: int = 0

    def __post_init__(self) -> None:
        tool = Repository.made(self.folder / "tool")
        pins = tool.folder / ".github/actions/reconcile/requirements.txt"
        pins.parent.mkdir(parents=True)
        pins.write_text("")
        tool.git("config", "uploadpack.allowAnySHA1InWant", "true")
        top = self.scene.forge.work.folder
        written(top, self.system, f"file://{tool.folder}@{tool.commit()}")
        name = {"gitlab": ".gitlab/reconciler.yml", "azure": ".azure/reconciler.yml"}[self.system]
        self.file = read_yaml((top / name).read_text("utf-8"))
        python = self.folder / "bin" / "python3"
        python.parent.mkdir()
        python.write_text(
            PYTHON.format(record=self.folder / "record", program=PROGRAM, python=sys.executable)
        )
        python.chmod(0o755)
        hosts = self.scene.runner.variables["RECONCILER_TRUSTED_HOSTS"]
        path = f"{python.parent}:{os.environ['PATH']}"
        self.variables = {"PATH": path, "HOME": str(self.folder), "RECONCILER_TRUSTED_HOSTS": hosts}

    def run(self, verb: str, artifact: Path | None = None) -> tuple[int, Path, str]:
        """Return the exit code of a job, its artifact and its log; `artifact` is what it gets of another."""
        self.clones += 1
        machine = self.folder / f"machine-{self.clones}"
        self.scene.forge.work.git("clone", "--quiet", str(self.scene.forge.bare), str(machine / "work"))
        run = self._gitlab if self.system == "gitlab" else self._azure
        return run(verb, machine, self.scene.forge.tip("main"), artifact)

    def _gitlab(self, verb: str, machine: Path, commit: str, artifact: Path | None) -> tuple[int, Path, str]:
        job = extended(self.file, f"reconciler {verb} live")
        report = machine / "work" / job["artifacts"]["paths"][0]
        if artifact:
            shutil.copytree(artifact, report)
        environ = {
            "CI": "true",
            "CI_COMMIT_SHA": commit,
            "CI_JOB_URL": "https://gitlab.example/surveys/-/jobs/7",
            "CI_SERVER_HOST": "gitlab.example",
            "GITLAB_USER_LOGIN": "mia",
            **self.variables,
            **self.scene.runner.secrets[job["environment"]["name"]],
            **job["variables"],
        }
        script = "\n".join(["set -eo pipefail", *job["before_script"], *job["script"]])
        code, log = bash(script, machine / "work", environ)
        return code, report, log

    def _azure(self, verb: str, machine: Path, commit: str, artifact: Path | None) -> tuple[int, Path, str]:
        stage = next(one for one in self.file["stages"] if one["stage"] == f"{verb}_1")
        secrets = self.scene.runner.secrets[stage["variables"][0]["group"].removeprefix("reconciler-")]
        report, log, (job,) = machine / "staging/reconciler", "", stage["jobs"]
        environ = {
            "TF_BUILD": "True",
            "BUILD_SOURCEVERSION": commit,
            "BUILD_REQUESTEDFOR": "mia",
            "SYSTEM_COLLECTIONURI": "https://azure.example/team/",
            "SYSTEM_TEAMPROJECT": "surveys",
            "BUILD_BUILDID": "7",
            "PIPELINE_WORKSPACE": str(machine),
            "AGENT_TEMPDIRECTORY": str(machine),
            "BUILD_ARTIFACTSTAGINGDIRECTORY": str(machine / "staging"),
            **self.variables,
            **self.file["variables"],
        }
        for step in job.get("steps") or job["strategy"]["runOnce"]["deploy"]["steps"]:
            if "download" in step and artifact:
                shutil.copytree(artifact, machine / step["artifact"])
            # What is not set stays as it is written.
            given = {
                name: re.sub(r"\$\((\w+)\)", lambda found: secrets.get(found[1], found[0]), value)
                for name, value in step.get("env", {}).items()
            }
            code, said = bash(step.get("bash", ""), machine / "work", {**environ, **given})
            log += said
            if code:
                return code, report, log
        return 0, report, log


def extended(file: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a job with what it extends: mappings are joined, anything else is replaced."""

    def joined(below: Any, above: Any) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            return {**below, **{key: joined(below.get(key), value) for key, value in above.items()}}
        return above

    job = file[name]
    return dict(joined(extended(file, job["extends"]), job)) if "extends" in job else dict(job)


def bash(script: str, folder: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    command = ["bash", "--noprofile", "--norc", "-c", script]
    ended = subprocess.run(command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True)
    return ended.returncode, (ended.stdout + ended.stderr).decode()


# Notes how it is called, and lays the program instead of asking a registry for packages.
PYTHON = """\
#!/bin/bash
{{ echo "$*"; env; }} >> '{record}'
if [[ "$*" = *"-m venv"* ]]; then mkdir -p "${{@: -1}}/bin"; ln -s '{program}' "${{@: -1}}/bin/reconciler"; fi
"""


@pytest.mark.parametrize("system", ["gitlab", "azure"])
def test_the_plan_of_a_merged_commit_is_an_artifact_and_exactly_it_is_applied(
    scene: Scene, tmp_path: Path, system: str
) -> None:
    pipeline = Pipeline(scene, system, tmp_path / "ci")
    scene.forge.direct_push(declared("c1", 2))
    code, plan, log = pipeline.run("plan")
    assert (code, scene.writes) == (0, 0), log
    assert "9 → 2" in (plan / "plan.md").read_text("utf-8")
    scene.edit_live(2, 5)  # pending by now, and of no plan that was reviewed
    code, _, log = pipeline.run("apply", plan)
    assert (code, scene.live(1), scene.live(2), scene.writes) == (5, 2, 5, 1), log
    command = [str(PROGRAM), "history", "show", "1", "--target", "live", "--format", "json"]
    machine = tmp_path / f"ci/machine-{pipeline.clones}/work"
    shown = subprocess.run(command, cwd=machine, capture_output=True, check=True)
    run = json.loads(shown.stdout)["run"]
    place = {"gitlab": "surveys/-/jobs/7", "azure": "team/surveys/_build/results?buildId=7"}[system]
    assert (run["who"], run["commit"]) == ("mia", scene.forge.tip("main"))
    assert run["ci_run"] == f"https://{system}.example/{place}"
    assert pipeline.run("drift")[0] == Exit.PENDING
    scene.forge.direct_push(declared("c3", 3))
    code, _, log = pipeline.run("apply", plan)
    assert (code, scene.writes) == (5, 1)
    assert "This plan is of another commit." in log
    record = (tmp_path / "ci/record").read_text()
    calls = re.findall("-I -m pip.*\n", record)
    assert len(calls) == 2 * pipeline.clones
    assert KEY not in (
        record if system == "azure" else record.partition("-I -m pip")[2].partition("-I -m venv")[0]
    )


MAIN = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"}
PUSH, REQUEST = {**MAIN, "CI_PIPELINE_SOURCE": "push"}, {"CI_PIPELINE_SOURCE": "merge_request_event"}
OWN, FORK = ({**REQUEST, "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": id} for id in "12")
ASKED = {"RECONCILER_PLAN_MERGE_REQUESTS": "true"}
PULL = {"Build.Reason": "PullRequest", "System.PullRequest.IsFork": "False"}
PULL_ASKED = {**PULL, "RECONCILER_PLAN_PULL_REQUESTS": "true"}
ON_MAIN = {"Build.SourceBranch": "refs/heads/main"}


def run_on_gitlab(file: Mapping[str, Any], variables: Mapping[str, str]) -> set[str]:
    """Return the jobs that a pipeline has, each of which has `changes` that are there."""

    def holds(condition: str) -> bool:
        python = re.sub(r"\$(\w+)", lambda found: repr(variables.get(found[1])), condition)
        return bool(eval(python.replace("&&", "and")))  # noqa: S307

    rules = {name: job["rules"] for name, job in file.items() if not name.startswith(".")}
    assert all(rule["when"] == "manual" for name in rules if " apply " in name for rule in rules[name])
    return {name.split()[1] for name in rules if any(holds(rule["if"]) for rule in rules[name])}


def run_on_azure(file: Mapping[str, Any], variables: Mapping[str, str]) -> set[str]:
    """Return the stages that a run has."""
    known = {
        "variables": dict.fromkeys((*PULL_ASKED, *ON_MAIN), "") | dict(variables),
        "and_": lambda *all_of: all(all_of),
        "or_": lambda *any_of: any(any_of),
        "eq": lambda one, other: one.lower() == other.lower(),
        "ne": lambda one, other: one.lower() != other.lower(),
        "succeeded": lambda: True,
    }
    conditions = {one["stage"]: re.sub(r"\b(and|or)\(", r"\1_(", one["condition"]) for one in file["stages"]}
    return {name.split("_")[0] for name in conditions if eval(conditions[name], {}, known)}  # noqa: S307


@pytest.mark.parametrize(
    ("run", "variables", "ran"),
    [
        (run_on_gitlab, OWN, {"validate"}),
        (run_on_gitlab, FORK, {"validate"}),
        (run_on_gitlab, {**OWN, **ASKED}, {"validate", "plan"}),
        (run_on_gitlab, {**FORK, **ASKED}, {"validate"}),
        (run_on_gitlab, PUSH, {"plan", "apply"}),
        (run_on_gitlab, {**MAIN, "CI_PIPELINE_SOURCE": "schedule"}, {"drift"}),
        (run_on_gitlab, {**PUSH, "CI_COMMIT_REF_PROTECTED": "false"}, set()),
        (run_on_gitlab, {**PUSH, "CI_COMMIT_BRANCH": "other"}, set()),
        (run_on_azure, PULL, {"validate"}),
        (run_on_azure, PULL_ASKED, {"validate", "plan"}),
        (run_on_azure, {**PULL_ASKED, "System.PullRequest.IsFork": "True"}, {"validate"}),
        (run_on_azure, {"Build.Reason": "IndividualCI", **ON_MAIN}, {"plan", "apply"}),
        (run_on_azure, {"Build.Reason": "Schedule", **ON_MAIN}, {"drift"}),
        (run_on_azure, {"Build.Reason": "Manual", "Build.SourceBranch": "refs/heads/other"}, set()),
    ],
)
def test_only_the_protected_branch_applies_and_what_is_to_be_merged_gets_no_key_unasked(
    tmp_path: Path, run: Callable[..., set[str]], variables: dict[str, str], ran: set[str]
) -> None:
    folder = workspace(tmp_path).folder
    system = run.__name__.removeprefix("run_on_")
    written(folder, system)
    assert run(read_yaml((folder / f".{system}/reconciler.yml").read_text()), variables) == ran


def examined(folder: Path) -> dict[tuple[str, str], str]:
    """Return what doctor says, system and subject → state and message."""
    document = World(folder).ran(doctor_ci, selection(folder), json=True).document
    checks = {
        (part["title"].split()[0], one["subject"]): one
        for part in document["parts"]
        for one in part["checks"]
    }
    return {key: f"{one['state']}: {one['message']} → {one['mend']}" for key, one in checks.items()}


def test_doctor_names_targets_pins_secrets_and_a_journal_that_are_missing(tmp_path: Path) -> None:
    folder = workspace(tmp_path).folder
    assert "init --ci github|gitlab|azure" in examined(folder)["CI", "callers"]
    for system in ("github", "gitlab", "azure"):
        out = written(folder, system).out
        assert "api.example.com" in out
        assert "add journal: {env: RECONCILER_JOURNAL} to 1.0 in the files" in out
    checklist = written(folder, "github").out
    assert "do not pass on EXTRA, EXPOINTS_PASS: write one of CHECKMARKET_MASTER_KEY, " in checklist
    assert checklist.count("gh secret set") == 2 * 3
    before = examined(folder)
    assert "EXPOINTS_PASS, as by .github/" in before["GitHub", "secrets of production"]
    for system in ("GitHub", "GitLab", "Azure"):
        assert before[system, "plan"].startswith("ok: 1.0, production, by .")
        assert before[system, "journal"].startswith("problem: 1.0: a file is gone after each job")
        assert "at cccc" in before[system, "pin"]
    assert before["GitLab", "secrets of production"].startswith(
        "not checkable: handed over: EXPOINTS_PASS, REC"
    )
    settings = folder / "our files/reconciler.yaml"
    more = (
        "  third:\n    checkmarket: {url: 'https://api.example.com', master_key: {env: A}, key: {env: B}}\n"
    )
    settings.write_text(REAL.replace("key: {env: CHECKMARKET_KEY", "key: {env: OTHER_KEY", 1) + more)
    for name in (".github/workflows/reconciler-drift.yml", ".gitlab/reconciler.yml", ".azure/reconciler.yml"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("c" * 40, "v1.2").replace("our files", "configs"))
    after = examined(folder)
    for system in ("GitHub", "GitLab", "Azure"):
        assert after[system, "apply"].startswith("problem: missing for third in .")
        assert "can move" in after[system, "pin"]
        assert "it is our files" in after[system, "workspace"]
        assert "OTHER_KEY, as by ." in after[system, "secrets of 1.0"]
    drift = folder / ".github/workflows/reconciler-drift.yml"
    drift.write_text(re.sub("targets: '.*?'", f"targets: '{'[' * 100_000}'", drift.read_text()))
    assert examined(folder)["GitHub", "drift"].startswith("problem: missing for 1.0, production, third in .")


def test_what_is_there_is_left_and_its_difference_shown(tmp_path: Path) -> None:
    folder = workspace(tmp_path).folder
    own = "stages: [build] # no .gitlab/reconciler.yml yet\n"
    (folder / ".gitlab-ci.yml").write_text(own)
    (folder / ".gitlab").mkdir()
    (folder / ".gitlab/reconciler.yml").write_text("mine: \x1b[31mtrue\n")
    run = written(folder, "gitlab")
    assert (folder / ".gitlab-ci.yml").read_text() == own
    assert (folder / ".gitlab/reconciler.yml").read_text() == "mine: \x1b[31mtrue\n"
    assert "left as it is: .gitlab/reconciler.yml, which differs" in run.out
    assert "\x1b" not in run.out
    assert "add {local: .gitlab/reconciler.yml} to include:" in run.out
    (folder / ".gitlab/reconciler.yml").unlink()
    assert written(folder, "gitlab", json=True).document["written"] == [".gitlab/reconciler.yml"]
    assert "does not include .gitlab/reconciler.yml" in examined(folder)["GitLab", "include"]
    (folder / ".azure").symlink_to(tmp_path)
    (folder / ".github/workflows/reconciler-plan.yml").mkdir(parents=True)
    for system, name in (("azure", "reconciler.yml"), ("github", "workflows/reconciler-plan.yml")):
        with pytest.raises(UsageError, match=f".{system}/{name} leads out of the repository or is no file"):
            written(folder, system)
    assert not (tmp_path / "reconciler.yml").exists()


@pytest.mark.parametrize(
    ("system", "source", "said"),
    [
        ("github", "example/reconciler@main", "names of branches and tags can move"),
        ("github", "https://gitlab.example/a/b@" + "c" * 40, "workflows of its own alone"),
        ("gitlab", "$(touch x)/b@" + "c" * 40, "is no source"),
        ("gitlab", "https://me:t0ken@git.example/a/b@main", "https://***@git.example/a/b@main is no source"),
    ],
)
def test_a_source_that_cannot_be_run_is_refused_and_nothing_written(
    tmp_path: Path, system: str, source: str, said: str
) -> None:
    folder = workspace(tmp_path).folder
    with pytest.raises(UsageError, match=re.escape(said)):
        written(folder, system, source)
    assert {path.name for path in folder.iterdir()} == {".git", "our files"}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a$(b)", "", ""),
        ("configs", "EXPOINTS_PASS", '"$(touch x)"'),
        ("configs", "EXPOINTS_PASS", '"A B"'),
        ("configs", "api.example.com", "api.example.com;x"),
        ("configs", '"1.0"', "production-plan"),
    ],
)
def test_a_name_that_means_something_there_is_refused(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    folder = workspace(tmp_path, REAL.replace(before, after) if before else REAL, name).folder
    with pytest.raises(UsageError, match=r"signs that mean something|would have the keys of"):
        written(folder, "azure")
    assert not (folder / ".azure").exists()


DIRECT = """
from reconciler.commands.ci import installed_from
from reconciler.commands.environment import Environment
from pathlib import Path
print(*installed_from(Environment({}, None, Path())))
"""


@pytest.mark.parametrize(
    "remote", ["git@git.example:team/tool.git", "https://mia:pw@git.example/team/tool", ""]
)
@pytest.mark.parametrize("kind", ["vcs", "folder"])
def test_where_the_tool_is_from_is_what_its_installation_says(tmp_path: Path, kind: str, remote: str) -> None:
    tool = Repository.made(tmp_path / "a tool")
    commit = tool.commit()
    if remote:
        tool.git("remote", "add", "origin", remote)
    vcs: Any = {"url": remote, "vcs_info": {"vcs": "git", "commit_id": commit}}
    about = tmp_path / "installed" / "survey_reconciler-0.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: survey-reconciler\nVersion: 0.0\n")
    told = vcs if kind == "vcs" else {"url": tool.folder.as_uri(), "dir_info": {"editable": True}}
    (about / "direct_url.json").write_text(json.dumps(told))
    environ = {**ENVIRON, "PYTHONPATH": f"{about.parent}:{TOP}"}
    asked = [sys.executable, "-c", DIRECT]
    found = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == f"{'https://git.example/team/tool' if remote else ''} {commit}".strip()
