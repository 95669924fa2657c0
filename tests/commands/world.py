"""A workspace on disk, a sandbox in memory, and a console that remembers: all that a command needs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.history import Filter, history
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.planfile.format import schema_of
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
RESETS = Consent(resets=None)
EVERYTHING = Selection()


@cache
def _validator(kind: str) -> Any:
    return Draft202012Validator(schema_of(kind))


def document_of(out: str) -> Any:
    """Return the document that a command printed; a plan or a report is what its schema says."""
    document = json.loads(out)
    kinds = {
        "plan": "fingerprint",
        "report": "customers_in_doubt",
        "status": "at",
        "check": "allowed_refused",
        "forecast": "seconds_to_answer",
    }
    kind = next((kind for kind, member in kinds.items() if member in document), "")
    if "targets" in document and "resources" not in document and kind in ("report", ""):
        kind = "reports" if kind else "plans"
    if kind:
        assert [error.message for error in _validator(kind).iter_errors(document)] == []
    return document


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it printed."""

    exit: Exit
    out: str
    told: str
    """What stands on stderr."""

    @property
    def document(self) -> Any:
        return document_of(self.out)

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]

    @property
    def results(self) -> dict[str, str]:
        """Key → how its change ended."""
        return {outcome["key"]: outcome["result"] for outcome in self.document["outcomes"]}

    @property
    def reasons(self) -> dict[str, str]:
        """Key → why its change ended so."""
        return {outcome["key"]: outcome["reason"] for outcome in self.document["outcomes"]}

    @property
    def sent(self) -> dict[str, int]:
        """Key → how many customers were sent to, of every seed that had anything to send."""
        return {end["key"]: end["sent"] for end in self.document["sent"]}


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


class Doing(Terminal):
    """A person who does something before each answer, which is yes."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__("yes\nyes\n")
        self.what = what

    def readline(self, *_: object) -> str:  # type: ignore[override]  # as a text stream, not as its base
        self.what()
        return super().readline()


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
    def names(self) -> list[str]:
        """The name of everything that is live, in alphabetical order."""
        with self.state.transaction() as documents:
            return sorted(str(document["Config"]["Name"]) for document in documents.all(CONFIGS).values())

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.state.requests() if request.method != "GET"]

    def ran(
        self,
        command: Callable[..., Exit],
        *arguments: Any,
        screen: Screen | None = None,
        environment: Environment | None = None,
        json: bool = False,
        settings: Mapping[str, Any] | None = None,
        fault: str = "",
        faults: Sequence[str] = (),
        **asked: Any,
    ) -> Run:
        """Run a command with what is asked of it, on a console with these settings, while faults strike."""
        usual, strike = self.faults, [Fault.parse(one) for one in (fault, *faults) if one]
        self.faults = [*usual, *strike]
        environment, self.faults = environment or self.environment, usual
        screen = screen or Screen()
        console = screen.console(self.clock, **{"as_json": json, **(settings or {})})
        exit = command(*arguments, console, environment, **asked)
        return Run(exit, screen.out, screen.err)

    def plans(self, consent: Consent = RESETS, selection: Selection = EVERYTHING, **asked: Any) -> Run:
        """Plan; what is asked are fields of `PlanOptions`, and keywords of `ran`."""
        options = PlanOptions(consent, **_fields_of(PlanOptions, asked))
        return self.ran(plan, selection, options, **asked)

    def applies(self, consent: Consent = RESETS, selection: Selection = EVERYTHING, **asked: Any) -> Run:
        """Apply with a yes; what is asked are fields of `ApplyOptions`, and keywords of `ran`."""
        options = ApplyOptions(consent, **{"yes": True, **_fields_of(ApplyOptions, asked)})
        return self.ran(apply, selection, options, **asked)

    def runs(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return what the journal tells of its runs, the latest first; fields of `Filter` choose."""
        return list(self.ran(history, EVERYTHING, Filter(**wanted), json=True).document["runs"])

    def restores(self, number: int = 1, consent: Consent = RESETS, **asked: Any) -> Run:
        """Take a run back with a yes; what is asked is as for `applies`."""
        return self.applies(consent, restores=number, **asked)

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
        return document_of(self.out)


def _fields_of(options: type[Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Take out of what is asked the fields of a struct."""
    return {name: asked.pop(name) for name in options.__struct_fields__ if name in asked}
