"""A server that answers with whatever it is told to, behind the `sandbox:` address of a target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.environment import Environment
from reconciler.commands.plan import PlanOptions, plan, show
from reconciler.commands.reports import Form, ReportFile
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import ReconcilerError
from tests.clock import FakeClock
from tests.commands.world import Screen
from tests.hostile.looking import assert_harmless, strict

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

CONFIGS = """\
import_configs:
  by-id:
    name: Newsletter
    survey_settings: {survey_id: 1, invitation_delay_in_days: 2}
    column_mappings: [{source_column_number: 1, target_column_name: Email}]
    targets: {sandbox: {id: 1}}
  by-name: {name: Welcome, undeclared: keep, survey_settings: {survey: Customer satisfaction}}
"""
SEEDS = """\
customer_seeds:
  smoke:
    targets: [sandbox]
    is_test: true
    notification_email_addresses: [qa@example.com]
    fault_statuses: [Bounced]
    customers: [{email: a@example.com, data: {Name: A}}, {email: b@example.com, data: {"7": B}}]
"""
EVERYTHING = Consent(resets=None)
REPORTS = tuple(ReportFile(form, Path(f"report.{form}")) for form in (Form.MARKDOWN, Form.HTML, Form.GITHUB))


@dataclass
class Hostile:
    """Answers each request by the first pattern that stands in its method and path; 404 for the rest."""

    answers: Mapping[str, bytes]
    asked: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.asked.append(request)
        content = next((content for pattern, content in self.answers.items() if pattern in request), None)
        status = "404 Not Found" if content is None else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [content or b""]


@dataclass(frozen=True)
class Seen:
    """What a person saw of one run, and what a program saw of the same one."""

    out: str
    document: Any
    error: str


def run(folder: Path, server: Callable[..., Any], verb: str, *, as_json: bool = False) -> Seen:
    """Run a verb in a workspace against a server; whatever it shows must be harmless, its JSON strict."""
    clock, screen, selection = FakeClock(), Screen(), Selection(folder)
    environment = Environment({}, clock, folder, {"sandbox": server})
    console = screen.console(clock, as_json=as_json, verbose=True)
    error = ""
    try:
        if verb == "plan":
            plan(selection, PlanOptions(EVERYTHING, reports=REPORTS), console, environment)
        elif verb == "show":
            show("by-id", selection, console, environment)
        else:
            apply(selection, ApplyOptions(EVERYTHING, yes=True), console, environment)
    except ReconcilerError as expected:
        error = str(expected)
    assert_harmless(screen.err)
    assert_harmless(error)
    assert_harmless(screen.out)
    for report in folder.glob("report.*"):
        assert_harmless(report.read_text("utf-8"))
    if as_json:
        return Seen("", strict(screen.out) if screen.out else None, error)
    return Seen(screen.out, None, error)


def envelope(data: Any, **meta: Any) -> bytes:
    return json.dumps({"Meta": {"Status": 200, **meta}, "Data": data}).encode()
