"""A workspace on disk, a sandbox in memory, and a console that remembers: all that a command needs."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.workspace import Selection
from reconciler.sandbox import Fault, Request, State, Variants, create_app
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, SURVEYS, stored_config
from tests.clock import FakeClock

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
"""

Members = dict[str, Any]


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """One target called `sandbox`, in a folder of its own."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    environ: dict[str, str] = field(default_factory=dict)
    state: State = field(default_factory=lambda: State(":memory:"))
    variants: Variants = field(default_factory=Variants)
    faults: Sequence[Fault] = ()

    def write(self, name: str, text: str) -> None:
        path = self.folder / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def live(self, configs: Mapping[int, Members]) -> None:
        """Let exactly these configurations be live."""
        seed: dict[str, Any] = {
            CONFIGS: {id: stored_config(body) for id, body in configs.items()},
            SURVEYS: STARTING_POINT[SURVEYS],
        }
        self.state = State(":memory:", seed)

    def config(self, id: int) -> Members:
        """Return what the server holds of one configuration."""
        with self.state.transaction() as documents:
            stored = documents.get(CONFIGS, id)
        return dict(stored["Config"]) if stored else {}

    def change(self, id: int, **members: Any) -> None:
        """Edit a live configuration as a person would in the Tool."""
        with self.state.transaction() as documents:
            documents.put(CONFIGS, id, stored_config({**self.config_in(documents, id), **members}))

    @staticmethod
    def config_in(documents: Any, id: int) -> Members:
        return dict(documents.get(CONFIGS, id)["Config"])

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.state.requests() if request.method != "GET"]

    @property
    def environment(self) -> Environment:
        app = create_app(self.state, self.variants, self.faults, clock=self.clock.now, sleep=self.clock.sleep)
        return Environment(self.environ, self.clock, self.folder, {"sandbox": app})


@dataclass
class Screen:
    """A console and what came out of it."""

    stdout: io.StringIO = field(default_factory=io.StringIO)
    stderr: io.StringIO = field(default_factory=io.StringIO)
    stdin: io.StringIO = field(default_factory=io.StringIO)

    def console(self, clock: FakeClock, **settings: Any) -> Console:
        return Console(self.stdout, self.stderr, self.stdin, clock=clock, **settings)

    @property
    def out(self) -> str:
        return self.stdout.getvalue()

    @property
    def err(self) -> str:
        return self.stderr.getvalue()

    @property
    def document(self) -> Any:
        return json.loads(self.out)


EVERYTHING = Selection()
