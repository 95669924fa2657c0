"""A runner for tests: reads the workflow files themselves and runs their steps, unmodified, in bash.

It stands in for what GitHub does around them: events, permissions, environments and their secrets, matrices,
outputs; and for the four actions that are not of this repository. As GitHub's documentation "Workflow syntax
for GitHub Actions" and "Reusing workflow configurations" have it; whatever is not known here is an error.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.actions.expressions import as_text, holds, interpolated
from tests.actions.hub import REPOSITORY, Hub

TOP = Path(__file__).parents[2]
OWN = "example/reconciler/"
"""What the callers of the documentation call this repository."""
NO_TOKEN = "file:///needs/a/token"


def read_yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


class StartupFailure(Exception):
    """GitHub would not begin this run."""


@dataclass(frozen=True)
class Event:
    """What happened in the repository. `ref` and `commit` are what a checkout gets."""

    name: str
    payload: Mapping[str, Any]
    ref: str
    commit: str
    head: str
    """The commit that the run is shown at: of a pull request its head, else the same."""
    head_repository: str = REPOSITORY


@dataclass
class Job:
    """A job that has run, or was left out. `code` is that of the step that failed."""

    name: str
    conclusion: str = "success"
    code: int = 0
    log: str = ""
    summary: str = ""
    environment: str = ""
    permissions: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    uses: list[str] = field(default_factory=list)


@dataclass
class Run:
    """A run of a workflow, with every job by its name."""

    number: int
    attempt: int
    event: Event
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        return "failure" if any(job.conclusion == "failure" for job in self.jobs.values()) else "success"

    @property
    def done(self) -> list[str]:
        """The names of the jobs that were not left out, but for the one that sums up."""
        done = [job.name for job in self.jobs.values() if job.conclusion != "skipped"]
        return [name for name in done if not name.endswith("/ checked")]


@dataclass
class Runner:
    """Runs workflows of the calling repository. `callers` is path → text, `secrets` environment → secrets.

    `program` is an installed `reconciler`, laid where the action would install one; `python` is laid as
    python3; `environ` goes to every step.
    """

    hub: Hub
    bare: Path
    folder: Path
    callers: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    program: Path | None = Path(sys.executable).parent / "reconciler"
    environ: Mapping[str, str] = field(default_factory=dict)
    python: Path = Path(sys.base_prefix) / "bin" / "python3"
    count: int = 0

    def run(
        self, path: str, event: Event, again: Run | None = None, environ: Mapping[str, str] | None = None
    ) -> Run:
        """Run a caller for an event, or once more; `environ` is of the machine. Errors: `StartupFailure`."""
        caller = read_yaml(self.callers[path])
        if event.name not in caller["on"]:
            raise StartupFailure(f"{path} does not run on {event.name}")
        if again is not None:
            stored = next(run for run in self.hub.runs if run["id"] == again.number)
        else:
            stored = self.hub.add_run(
                path=path,
                event=event.name,
                head_sha=event.head,
                head_repository={"full_name": event.head_repository},
                status="in_progress",
                conclusion=None,
            )
        run = Run(stored["id"], again.attempt + 1 if again else 1, event)
        github = self._github(event, run, path)
        for name, job in caller["jobs"].items():
            called = _called(job["uses"])
            # What the caller gives; nothing where it does not say, which depends on settings.
            granted = job.get("permissions", caller.get("permissions"))
            given = {"github": github, "inputs": event.payload.get("inputs", {}), "vars": self.variables}
            inputs = _inputs(called, interpolated_all(job.get("with", {}), given))
            shared = {"github": github, "inputs": inputs, "vars": self.variables}
            for one in self._jobs(name, called, job, granted, shared, {**self.environ, **(environ or {})}):
                run.jobs[one.name] = one
        stored |= {"status": "completed", "conclusion": run.conclusion}
        return run

    def _github(self, event: Event, run: Run, path: str) -> dict[str, Any]:
        return {
            "event": event.payload,
            "event_name": event.name,
            "repository": REPOSITORY,
            "ref": event.ref,
            "ref_name": re.sub(r"refs/(heads|pull)/", "", event.ref),
            "sha": event.commit,
            "run_id": str(run.number),
            "run_attempt": str(run.attempt),
            "api_url": self.hub.api,
            "server_url": "https://github.example",
            "workflow_ref": f"{REPOSITORY}/{path}@{event.ref}",
            "actor": "octocat",
        }

    def _jobs(
        self,
        caller: str,
        called: Mapping[str, Any],
        calling: Mapping[str, Any],
        granted: Mapping[str, str] | None,
        shared: Mapping[str, Any],
        environ: Mapping[str, str],
    ) -> Iterator[Job]:
        results: dict[str, list[str]] = {}
        for name, job in called["jobs"].items():
            permissions = _permissions(called, job, granted)
            combinations: Sequence[Mapping[str, Any]] = [{}]
            needs = {one: {"result": _worst(results[one])} for one in job.get("needs", [])}
            status = "success" if all(one["result"] == "success" for one in needs.values()) else "failure"
            is_on = holds(job.get("if"), {**shared, "needs": needs}, status)
            if is_on and "strategy" in job:
                ((axis, values),) = job["strategy"]["matrix"].items()
                combinations = [{axis: value} for value in interpolated(values, shared)]
            for matrix in combinations:
                contexts = {**shared, "matrix": matrix, "job": {}, "needs": needs, "env": {}}
                title = as_text(interpolated(job.get("name", name), contexts)) if is_on else name
                made = Job(f"{caller} / {title}", permissions=permissions)
                if is_on:
                    self.count += 1
                    machine = Machine(self, made, contexts, environ, self.folder / f"job-{self.count}")
                    machine.run(job, calling.get("secrets"), called["on"]["workflow_call"].get("secrets", {}))
                else:
                    made.conclusion = "skipped"
                results.setdefault(name, []).append(made.conclusion)
                yield made


def _worst(results: Sequence[str]) -> str:
    return next((one for one in ("failure", "cancelled", "success") if one in results), "skipped")


def interpolated_all(values: Mapping[str, Any], contexts: Mapping[str, Any], status: str = "success") -> Any:
    return {name: interpolated(value, contexts, status) for name, value in values.items()}


def _called(uses: str) -> Any:
    path, _, commit = uses.partition("@")
    if not path.startswith(OWN) or not commit:
        raise StartupFailure(f"{uses} is no workflow of {OWN} at a commit")
    return read_yaml((TOP / path.removeprefix(OWN)).read_text("utf-8"))


def _permissions(
    called: Mapping[str, Any], job: Mapping[str, Any], granted: Mapping[str, str] | None
) -> Mapping[str, str]:
    """Return what a job of a called workflow has: no more than the caller gives, or GitHub does not begin."""
    assert granted is not None, "a caller says what it gives"
    wanted = job.get("permissions", called.get("permissions"))
    if wanted is None:
        return granted
    for name, level in wanted.items():
        if granted.get(name) not in (level, "write"):
            raise StartupFailure(f"{name}: {level} is requested, and {granted.get(name, 'none')} is allowed")
    return dict(wanted)


def _inputs(called: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    assert set(called["on"]) == {"workflow_call"}
    declared = called["on"]["workflow_call"]["inputs"]
    if set(given) - set(declared):
        raise StartupFailure(f"there is no input {set(given) - set(declared)}")
    values = {}
    for name, about in declared.items():
        if name not in given and about.get("required"):
            raise StartupFailure(f"input {name} is required")
        values[name] = given.get(name, about.get("default"))
        kind = {"string": str, "boolean": bool}[about["type"]]
        if not isinstance(values[name], kind):
            raise StartupFailure(f"input {name} is no {about['type']}")
    return values


@dataclass
class Machine:
    """A fresh machine for one job."""

    runner: Runner
    job: Job
    contexts: dict[str, Any]
    environ: Mapping[str, str]
    folder: Path
    status: str = "success"
    token: str = ""
    path: str = "/usr/local/bin:/usr/bin:/bin"

    def run(self, job: Mapping[str, Any], passed: Any, declared: Mapping[str, Any]) -> None:
        """Run the steps of a job; `passed` are the secrets that its caller passes on."""
        hub, temporary = self.runner.hub, self.folder / "temp"
        self.job.environment = as_text(interpolated(job.get("environment"), self.contexts))
        secrets = self._secrets(passed, declared)
        self.token = hub.token(**{n.replace("-", "_"): v for n, v in self.job.permissions.items()})
        for folder in (self.workspace, temporary, self.folder / "home"):
            folder.mkdir(parents=True)
        self._lay_program(temporary)
        self.contexts["github"] = {**self.contexts["github"], "token": self.token}
        steps: dict[str, Any] = {}
        self.contexts |= {"secrets": secrets, "runner": {"temp": str(temporary)}, "steps": steps}
        self._steps(job["steps"], self.contexts, {})
        self.job.outputs = {name: step["outputs"] for name, step in steps.items()}
        self.job.conclusion = self.status

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    def _secrets(self, passed: Any, declared: Mapping[str, Any]) -> Mapping[str, str]:
        own = self.runner.secrets.get("", {}) if passed == "inherit" else {}
        # A called workflow sees secrets of its environment only where the caller passes secrets on.
        of_environment = self.runner.secrets.get(self.job.environment, {}) if passed == "inherit" else {}
        return {name: value for name, value in {**own, **of_environment}.items() if name in declared}

    def _lay_program(self, temporary: Path) -> None:
        if self.runner.program is not None:
            place = temporary / "reconciler" / "bin" / "reconciler"
            place.parent.mkdir(parents=True)
            place.symlink_to(self.runner.program)

    def _steps(self, steps: Sequence[Any], contexts: dict[str, Any], outer: Mapping[str, str]) -> None:
        for step in steps:
            if not holds(step.get("if"), contexts, self.status):
                continue
            environ = {**outer, **interpolated_all(step.get("env", {}), contexts, self.status)}
            texts = {name: as_text(value) for name, value in environ.items()}
            if "uses" in step:
                self.job.uses.append(step["uses"])
                given = interpolated_all(step.get("with", {}), contexts, self.status)
                outputs = self._action(step["uses"], given, texts, contexts)
            else:
                assert "shell" in step, "steps of this repository name their shell"
                outputs = self._bash(interpolated(step["run"], contexts), texts, contexts)
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}

    def _bash(
        self, script: str, environ: Mapping[str, str], contexts: Mapping[str, Any]
    ) -> Mapping[str, str]:
        file, output, summary = (self.folder / name for name in ("script.sh", "output", "summary"))
        file.write_text(script, "utf-8")
        output.write_text("")
        summary.touch()
        summary.write_text("")
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=self.workspace,
            env={**self._variables(contexts), **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.job.log += ended.stdout.decode("utf-8", "replace")
        self.job.summary += summary.read_text("utf-8")
        if ended.returncode and self.status == "success":
            self.status, self.job.code = "failure", ended.returncode
        return dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())

    def _variables(self, contexts: Mapping[str, Any]) -> dict[str, str]:
        github, event = contexts["github"], self.folder / "event.json"
        event.write_text(json.dumps(github["event"]), "utf-8")
        names = ("event_name", "repository", "ref", "ref_name", "sha", "run_id", "run_attempt", "actor")
        told = {f"GITHUB_{name.upper()}": github[name] for name in (*names, "api_url", "server_url")}
        return {
            "PATH": self.path,
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_ACTION_PATH": github.get("action_path", ""),
            "RUNNER_TEMP": contexts["runner"]["temp"],
            "INPUT_PAUSE": "0",
            **told,
            **self.environ,
        }

    def _action(
        self, uses: str, given: Mapping[str, Any], environ: Mapping[str, str], contexts: Mapping[str, Any]
    ) -> Mapping[str, str]:
        name = uses.partition("@")[0]
        if name.startswith("$/"):
            return self._composite(TOP / name.removeprefix("$/"), given, environ, contexts)
        assert re.fullmatch(r"[0-9a-f]{40}", uses.partition("@")[2]), uses
        match name:
            case "actions/checkout":
                self._checkout(given)
            case "actions/setup-python":
                self._lay_python()
            case "actions/upload-artifact":
                self._upload(given)
            case _:
                raise AssertionError(f"{uses} is not known here")
        return {}

    def _composite(
        self, folder: Path, given: Mapping[str, Any], environ: Mapping[str, str], outer: Mapping[str, Any]
    ) -> Mapping[str, str]:
        action = read_yaml((folder / "action.yml").read_text("utf-8"))
        assert set(given) <= set(action["inputs"]), set(given) - set(action["inputs"])
        github = {**outer["github"], "action_path": str(folder)}
        # An action sees neither the secrets nor the steps of the workflow, and its inputs are text.
        contexts: dict[str, Any] = {"github": github, "runner": outer["runner"], "steps": {}, "env": {}}
        defaults = {name: about.get("default", "") for name, about in action["inputs"].items()}
        values = interpolated_all({**defaults, **given}, contexts)
        contexts["inputs"] = {name: as_text(value) for name, value in values.items()}
        self._steps(action["runs"]["steps"], contexts, environ)
        told = {name: about["value"] for name, about in action["outputs"].items()}
        return {n: as_text(v) for n, v in interpolated_all(told, contexts, self.status).items()}

    def _checkout(self, given: Mapping[str, Any]) -> None:
        github = self.contexts["github"]
        depth = [] if given.get("fetch-depth") == 0 else ["--depth=1"]
        url = f"file://{self.runner.bare}"
        self._git("init", "--quiet")
        self._git("fetch", "--quiet", *depth, url, "+refs/heads/*:refs/remotes/origin/*", github["sha"])
        self._git("checkout", "--quiet", "--detach", github["sha"])
        # A repository that nobody but its members may read.
        self._git("remote", "add", "origin", url if given["persist-credentials"] else NO_TOKEN)
        if self.job.permissions.get("contents") != "write":
            self._git("config", "remote.origin.receivepack", "STAND_IN_MAY_PUSH=no git-receive-pack")

    def _git(self, *arguments: str) -> None:
        environ = {"PATH": self.path, "HOME": str(self.folder / "home")}
        subprocess.run(["git", *arguments], cwd=self.workspace, env=environ, check=True, capture_output=True)

    def _lay_python(self) -> None:
        folder = self.folder / "python"
        folder.mkdir()
        for name in ("python3", "python"):
            (folder / name).symlink_to(self.runner.python)
        self.path = f"{folder}{os.pathsep}{self.path}"

    def _upload(self, given: Mapping[str, Any]) -> None:
        name, folder = given["name"], Path(given["path"])
        assert not re.search(r'[":<>|*?\r\n\\/]', name), f"no artifact may be called {name}"
        files = {path.name: path.read_bytes() for path in folder.glob("*")} if folder.is_dir() else {}
        if files:
            self.runner.hub.add_artifact(int(self.contexts["github"]["run_id"]), name, files)


def shown(run: Run) -> str:
    return "".join(job.log + job.summary for job in run.jobs.values())
