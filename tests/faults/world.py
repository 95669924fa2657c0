"""A workspace with one thing to do, a sandbox in which one request goes wrong, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from reconciler.commands.environment import Environment
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Request, State, Tokens, create_app
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from tests.commands.world import EVERYTHING, Members
from tests.seeds.world import JANE, JOHN, SETTINGS, End, SeedWorld

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BOTH = [JANE, JOHN]
WELCOME: Mapping[str, Any] = {
    "Name": "Welcome",
    "SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 5},
    "EmailIsRequired": True,
    "IsReusable": True,
}
UPDATE = """\
import_configs:
  welcome:
    name: Welcome
    survey_settings: {survey: Customer satisfaction 2026, invitation_delay_in_days: 2}
    undeclared: keep
    targets: {sandbox: {id: 1}}
"""
CREATE = "import_configs: {newcomer: {name: Newcomer}}\n"
DELETE = "import_configs: {welcome: {absent: true, targets: {sandbox: {id: 1}}}}\n"
OTHER = "import_configs: {other: {name: Other, targets: {sandbox: {id: 2}}}}\n"
LIMITS = "    limits: {deletes: 1}\n"
LOGIN = "token_url: 'http://localhost/oauth2/token', client_id: c, client_secret: {env: SECRET}, scope: s"
OAUTH = f"oauth: {{{LOGIN}}}"


@dataclass
class Disturbed:
    """A WSGI layer in which something happens when one request comes in, such as `PUT *:2`."""

    app: WSGIApplication
    request: str
    happens: Callable[[], object]
    seen: int = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        at = Fault.parse(f"{self.request}:before:drop")
        if at.matches(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            self.seen += 1
            if self.seen == at.nth:
                self.happens()
        return self.app(environ, start_response)


@dataclass
class FaultWorld(SeedWorld):
    """One target with an account and a tenant; something `happens` `at` a request, see `Disturbed`."""

    tokens: Tokens = field(default_factory=Tokens)
    selection: Selection = EVERYTHING
    at: str = ""
    happens: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.write("reconciler.yaml", SETTINGS + LIMITS)
        self.begin_with({1: WELCOME})
        self.environ["SECRET"] = "a-secret-of-a-test"

    def begin_with(self, configs: Mapping[int, Mapping[str, Any]]) -> None:
        """Let exactly these configurations be live, beside an untouched tenant."""
        stored: dict[int | str, Members] = {id: stored_config(dict(body)) for id, body in configs.items()}
        self.state = State(":memory:", {**STARTING_POINT, CONFIGS: stored})

    @property
    def environment(self) -> Environment:
        faults, clock, sleep = self.faults, self.clock.monotonic, self.clock.sleep
        app = create_app(self.state, self.variants, faults, tokens=self.tokens, clock=clock, sleep=sleep)
        app = Disturbed(app, self.at, self.happens) if self.at else app
        return replace(super().environment, sandboxes={"sandbox": app})

    def run(self, *faults: str, consent: Consent = Consent()) -> End:  # noqa: B008 - it is frozen
        """Apply while these faults strike; an error that ends it is an end without a document."""
        try:
            return self.apply(*faults, selection=self.selection, consent=consent)
        except ReconcilerError as error:
            return End(error.exit, {}, str(error))

    def planned(self, *faults: str) -> int:
        """Plan while these faults strike; return the exit code."""
        try:
            return self.plans(Consent(), self.selection, faults=faults).exit
        except ReconcilerError as error:
            return error.exit

    @property
    def delay(self) -> Any:
        """What configuration 1 holds of the field that an update sets: 5 before, 2 after."""
        return (self.config(1).get("SurveySettings") or {}).get("InvitationDelayInDays")

    @property
    def perhaps_taken(self) -> Sequence[Request]:
        """The writes that no status and no missing connection proves to have changed nothing."""
        refused = {*range(400, 500)} - {408}
        return [
            request
            for request in self.writes
            if not request.path.endswith("token")
            and request.status not in refused
            and not (request.fault or "").endswith(":refuse")
        ]


def said(end: End) -> str:
    """Return in the words of the table how a run says that its only change or seed ended."""
    if not end.document:
        return "no plan"
    outcomes, sent = end.document["outcomes"], end.document["sent"]
    if outcomes:
        return str(outcomes[0]["result"]).replace("_", " ")
    names = ("sent", "refused", "in_doubt")
    counts = [name for name in names if any(one[name] for one in sent)]
    return counts[0].replace("_", " ") if counts else "nothing sent"
