"""A runner for tests: nektos/act runs the workflow files themselves, on this machine.

They are as they stand, but for `uses: $/…` and `queue:`, which act does not know. In `local` lie the actions
of others, and a bash without a terminal, as on GitHub. What act leaves out is done here: which token and
secrets an event gets, a caller that gives too little, and the artifacts of a run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.actions.hub import REPOSITORY, Hub

TOP = Path(__file__).parents[2]
LOCAL = Path(__file__).with_name("local")
ACT = Path(sys.executable).with_name("act")
PATH = "/usr/local/bin:/usr/bin:/bin"
OWN = "example/reconciler"
"""What callers call this repository."""
OTHERS = re.compile(r"uses: (actions/([a-z-]+)@[0-9a-f]{40}) ")
ENVIRONMENT = "${{ format(inputs.environment, matrix.target) }}"


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

    @property
    def is_trusted(self) -> bool:
        """Whether GitHub lets its run have secrets, and a token that may write."""
        user = self.payload.get("pull_request", {}).get("user", {})
        return self.head_repository == REPOSITORY and user.get("login") != "dependabot[bot]"


@dataclass
class Job:
    """A job that has run. `code` is that of the step that failed."""

    name: str
    conclusion: str = ""
    code: int = 0
    log: str = ""
    summary: str = ""


@dataclass
class Run:
    """A run of a workflow, with the jobs that were not left out by their names."""

    number: int
    attempt: int
    event: Event
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        return "failure" if any(job.conclusion == "failure" for job in self.jobs.values()) else "success"

    @property
    def done(self) -> list[str]:
        """The names of the jobs, but for the one that sums up."""
        return [name for name in self.jobs if not name.endswith("/ checked")]


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
        (calling,) = caller["jobs"].values()
        file, _, commit = calling["uses"].removeprefix(f"{OWN}/").partition("@")
        called = read_yaml((TOP / file).read_text("utf-8"))
        assert set(calling["with"]) <= set(called["on"]["workflow_call"]["inputs"])
        permissions = _permissions(called, calling["permissions"])
        if not event.is_trusted:
            permissions = dict.fromkeys(permissions, "read")
        token = self.hub.token(**{name.replace("-", "_"): level for name, level in permissions.items()})
        secrets = {"GITHUB_TOKEN": token, **(self._secrets(called, calling) if event.is_trusted else {})}
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
        self.count += 1
        folder = self.folder / f"run-{self.count}"
        self._lay(folder, path, commit)
        machine = {
            "STAND_IN_MAY_PUSH": "yes" if permissions.get("contents") == "write" else "no",
            **self.environ,
            **(environ or {}),
        }
        self._act(folder, path, run, secrets, machine)
        for artifact in (folder / "artifacts").glob("*"):
            files = {file.name: file.read_bytes() for file in artifact.iterdir()}
            if files:
                self.hub.add_artifact(run.number, artifact.name, files)
        stored |= {"status": "completed", "conclusion": run.conclusion}
        return run

    def _secrets(self, called: Mapping[str, Any], calling: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the secrets that a caller passes on, of the environment that its one target has."""
        (job,) = (job for job in called["jobs"].values() if "strategy" in job)
        assert job["environment"] == ENVIRONMENT
        (target,) = json.loads(calling["with"]["targets"])
        inputs = called["on"]["workflow_call"]["inputs"]
        environment = calling["with"].get("environment", inputs["environment"]["default"]).format(target)
        return self.secrets.get(environment, {}) if calling["secrets"] == "inherit" else {}

    def _lay(self, folder: Path, path: str, commit: str) -> None:
        """Lay the caller, and this repository with references to itself that act knows."""
        caller = folder / "caller" / path
        caller.parent.mkdir(parents=True)
        caller.write_text(self.callers[path], "utf-8")
        for name in ("home", "logs"):
            (folder / name).mkdir()
        installed = () if self.program else ("reconciler", "pyproject.toml", "README.md", "LICENSE")
        for name in (".github", *installed):
            source, place = TOP / name, folder / "own" / name
            shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)
        for file in (folder / "own/.github").rglob("*.yml"):
            text = file.read_text("utf-8")
            text = re.sub(r"uses: \$/(\S+)", rf"uses: {OWN}/\1@{commit}", text)
            file.write_text(re.sub(r"^ +queue: .*\n", "", text, flags=re.MULTILINE), "utf-8")

    def _act(
        self, folder: Path, path: str, run: Run, secrets: Mapping[str, str], machine: Mapping[str, str]
    ) -> None:
        event = folder / "event.json"
        pull = run.event.payload.get("pull_request", {})
        event.write_text(json.dumps({**run.event.payload, "number": pull.get("number")}), "utf-8")
        workflows = "".join(file.read_text("utf-8") for file in TOP.glob(".github/workflows/*.yml"))
        commits = set(re.findall(rf"uses: {OWN}/\S+@(\S+)", self.callers[path]))
        local = {f"{OWN}@{commit}": folder / "own" for commit in commits}
        local |= {uses: LOCAL / name for uses, name in OTHERS.findall(workflows)}
        github = {
            "SHA_REF": run.event.commit,  # so act calls it
            "GITHUB_REF": run.event.ref,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": run.number,
            "GITHUB_RUN_ATTEMPT": run.attempt,
            "GITHUB_API_URL": self.hub.api,
            "GITHUB_SERVER_URL": "https://github.example",
        }
        options: list[tuple[str, Mapping[str, Any]]] = [
            ("--local-repository", local),
            ("--env", github),
            ("--secret", secrets),
            ("--var", self.variables),
        ]
        ended = subprocess.run(
            [
                *(ACT, run.event.name, "--json", "--insecure-secrets", "--actor", "octocat"),
                *("--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--action-offline-mode"),
                *("--no-cache-server", "--action-cache-path", folder / "machine"),
                *("--directory", folder / "caller", "--workflows", path, "--eventpath", event),
                *(part for name, values in options for n, v in values.items() for part in (name, f"{n}={v}")),
            ],
            cwd=folder / "caller",
            env={
                "PATH": f"{LOCAL / 'bin'}:{PATH}",
                "HOME": str(folder / "home"),
                "LANG": "C.UTF-8",
                "INPUT_PAUSE": "0",
                "STAND_IN_ORIGIN": f"file://{self.bare}",
                "STAND_IN_BASH": str(shutil.which("bash", path=PATH)),
                "STAND_IN_PYTHON": str(self.python),
                "STAND_IN_PROGRAM": str(self.program or ""),
                "STAND_IN_ARTIFACTS": str(folder / "artifacts"),
                "STAND_IN_LOGS": str(folder / "logs"),
                **machine,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
        )
        _hear(run, [json.loads(line) for line in ended.stdout.splitlines()], folder / "logs")
        assert (ended.returncode == 0) == (run.conclusion == "success"), ended.stderr.decode()


def _permissions(called: Mapping[str, Any], granted: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the jobs of a workflow have. Errors: `StartupFailure` where a caller gives less."""
    found: dict[str, str] = {}
    for job in called["jobs"].values():
        wanted = job.get("permissions", granted)
        for name, level in wanted.items():
            if granted.get(name) not in (level, "write"):
                raise StartupFailure(
                    f"{name}: {level} is requested, and {granted.get(name, 'none')} is allowed"
                )
        found |= wanted
    return found


def _hear(run: Run, entries: list[Mapping[str, Any]], logs: Path) -> None:
    """Note what act says of each job."""
    for entry in entries:
        if entry.get("job", "").count("/") < 2:
            continue  # the caller's own
        caller, _, title = entry["job"].split("/", 2)
        name = f"{caller} / {title.strip()}"
        if name not in run.jobs:
            run.jobs[name] = Job(name, log=(logs / entry["jobID"]).read_text("utf-8", "replace"))
        job = run.jobs[name]
        job.conclusion = entry.get("jobResult", job.conclusion)
        failed = re.fullmatch(r"exit status (\d+)", entry["msg"])
        if failed and not job.code:
            job.code = int(failed[1])
        if entry.get("command") == "summary" and len(entry["stepID"]) > 1:  # the action that wrote it
            job.summary += entry["content"]


def shown(run: Run) -> str:
    return "".join(job.log + job.summary for job in run.jobs.values())
