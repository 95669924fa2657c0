"""What is planted in every field and credential is sent, and is seen nowhere else."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Fault, Server, State, Variants, create_app
from reconciler.sandbox.state import State as Kept
from tests.seeds.world import ADD, DATA, SeedWorld

TOP = Path(__file__).parents[2]
FILE = b"planted11"
ENCRYPTED = {"is_encrypted": True, "certificate_thumbprint": "planted7", "encryption_key": "planted8"}
CUSTOMER: Mapping[str, Any] = {
    "email": "planted2@example.com",
    "phone_number": "+31600000003",
    "previous_id": 931_990_171,
    "answers_to_copy": [931_990_172],
    "data": {
        **DATA,
        "First_name_customer": "Planted4",
        "Family_name_customer": 'Planted5 "quoted" O\'Neil',
        "ProductNumber": {"value": "planted6", **ENCRYPTED},
    },
    "answers": [
        {
            "base_question_id": 1,
            "text": "planted9",
            "selected_scale_positions": [{"id": 931_990_173, "label": "planted13", "value": 931_990_174}],
            "file_answers": [
                {"file": "planted10.txt", "file_type": "planted14", "id": 931_990_175},
                {"data": base64.b64encode(b"planted15").decode(), "file_name": "planted16", **ENCRYPTED},
            ],
        }
    ],
}
SENT = [
    *("planted2", "00000003", "Planted4", "Planted5", "planted6", "planted7", "planted8", "planted9"),
    *("planted10", base64.b64encode(FILE).decode(), "planted12", "planted13", "planted14", "planted16"),
    *(base64.b64encode(b"planted15").decode(), *(str(931_990_170 + number) for number in range(1, 6))),
]
CREDENTIALS = {
    "PLANTED_TOKEN": "planted-token",
    "PLANTED_ID": "planted-client-id",
    "PLANTED_SECRET": "planted-client-secret",
}
SCOPE = "planted-scope/.default"
PLANTED = [*SENT, *CREDENTIALS.values(), SCOPE, FILE.decode()]
SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    expoints:
      url: "URL"
      LOGIN
      allowed_recipients: ["*@example.com"]
      allowed_phone_numbers: ["+31600000003"]
      allow_copies: true
"""
TOKEN = "token: {env: PLANTED_TOKEN}"
OAUTH = (
    'oauth: {token_url: "URL/oauth2/token", client_id: {env: PLANTED_ID}, '
    f"client_secret: {{env: PLANTED_SECRET}}, scope: {SCOPE}}}"
)
MISTAKES: list[dict[str, Any]] = [
    {"email": "planted2@elsewhere.example"},
    {"phone_number": "+31600000004 planted4"},
    {"send_date": "planted4"},
    {"previous_id": -931_990_171},
    {"data": {**DATA, "Gender_customer": {"value": "planted4", "is_encrypted": True}}},
    {"answers": [{"base_question_id": 1, "file_answers": [{"data": "planted9!"}]}]},
]
"""Some of each sort; tests/expoints/test_declaration_privacy.py has more of them."""

Run = Callable[..., bytes]


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    world = SeedWorld(tmp_path)
    world.write("planted10.txt", FILE.decode())
    world.declare(customers=[CUSTOMER], notification_email_addresses=["planted12@example.com"])
    return world


@pytest.fixture
def state() -> Iterator[Kept]:
    state = State(":memory:")
    yield state
    state.close()


@pytest.fixture
def run(world: SeedWorld, state: Kept) -> Run:
    """Return what runs a command and returns every byte that it wrote to its streams and its journal."""

    def run(
        *arguments: str, login: str = TOKEN, faults: str = "", variants: str = "", log: str = "text"
    ) -> bytes:
        chosen = Variants.parse(["unknown_previous=ignored", *variants.split()])
        app = create_app(state, chosen, [Fault.parse(fault) for fault in faults.split(";") if fault])
        with Server(app) as server:
            settings = SETTINGS.replace("LOGIN", login).replace("URL", server.url)
            world.write("reconciler.yaml", settings)
            process = subprocess.run(
                [sys.executable, "-m", "reconciler", *arguments],
                cwd=TOP,
                env={
                    "PATH": "",
                    "RECONCILER_WORKSPACE": str(world.folder / "configs"),
                    "RECONCILER_LOG_FORMAT": log,
                    **CREDENTIALS,
                },
                capture_output=True,
                check=False,
            )
        if log == "json":
            assert_is_a_log(process.stderr)
        journal = [file.read_bytes() for file in world.journal.parent.glob("journal*")]
        return b"\n".join([process.stdout, process.stderr, *journal])

    return run


def assert_is_a_log(stderr: bytes) -> None:
    """Every line of it is one JSON object, and the last one says how it ended."""
    events = [json.loads(line) for line in stderr.splitlines()]
    assert events[-1]["event"] == "end"
    assert all({"time", "level", "event"} <= event.keys() for event in events)


def shown(seen: bytes) -> list[str]:
    return [planted for planted in PLANTED if planted.lower().encode() in seen.lower()]


@pytest.mark.parametrize(
    ("login", "faults", "variants", "told"),
    [
        (TOKEN, "", "", b"1 customer sent."),
        (OAUTH, "", "", b"1 customer sent."),
        (TOKEN, "", "add_answer=customer-ids", b"1 customer sent."),
        (TOKEN, f"{ADD}:1:after:drop", "", b"in doubt"),
        (TOKEN, f"{ADD}:1:after:status=503,html", "", b"in doubt"),
        (OAUTH, f"{ADD}:1:before:status=400", "", b"refused, nothing was sent"),
        (TOKEN, "", "unknown_previous=refused", b"refused, nothing was sent"),
        (TOKEN, "", "unknown_previous=refused refusal_body=text", b"refused, nothing was sent"),
        (TOKEN, "GET *customer/count:1+:before:status=403", "", b"403"),
        (OAUTH, "POST *oauth2/token:1+:before:status=400", "", b"400"),
        (OAUTH, "POST *oauth2/token:1+:before:status=401,html", "", b"401"),
        (OAUTH, "POST *oauth2/token:1:after:cut", "", b"oauth2/token"),
        (TOKEN, "", "twin_columns=true", b"2 columns are called Business Unit"),
    ],
)
@pytest.mark.parametrize("log", ["text", "json"])
def test_an_apply_shows_and_keeps_nothing_of_it_however_it_ends(
    run: Run, login: str, faults: str, variants: str, told: bytes, log: str
) -> None:
    seen = run("apply", "--yes", "-vv", login=login, faults=faults, variants=variants, log=log)
    assert told in seen
    assert shown(seen) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_plan_of_what_changed_shows_nothing_of_it(world: SeedWorld, run: Run, form: str) -> None:
    run("apply", "--yes")
    world.declare(customers=[{**CUSTOMER, "data": DATA}], send="on_change", is_concept=True)
    seen = run("plan", "-vv", "--format", form)
    assert b"customer_seeds.smoke" in seen
    assert shown(seen) == []


@pytest.mark.parametrize(
    "verb",
    [
        *("seeds status", "seeds status --format json", "seeds send smoke --yes --again", "show smoke"),
        *("seeds resolve smoke --not-sent", "seeds preview smoke"),
    ],
)
@pytest.mark.parametrize("fault", ["", f"{ADD}:1:after:drop"])
@pytest.mark.parametrize("log", ["text", "json"])
def test_no_verb_of_seeds_shows_anything_of_it(run: Run, verb: str, fault: str, log: str) -> None:
    run("apply", "--yes", faults=fault)
    assert shown(run(*verb.split(), "-vv", login=OAUTH, log=log)) == []


@pytest.mark.parametrize(
    "verb",
    [
        *("plan", "plan --format json", "apply --format json", "doctor", "validate", "list", "fmt"),
        *("status", "status --format json", "status --format openmetrics", "schema status"),
        *("history", "history show 1", "restore 1", "adopt --all", "defaults show", "sandbox show"),
        "set * first_row=2",
    ],
)
def test_no_other_verb_shows_anything_of_it(run: Run, verb: str) -> None:
    run("apply", "--yes", faults=f"{ADD}:1:after:drop")
    assert shown(run(*verb.split(), "-vv", login=OAUTH, log="json")) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=json.dumps)
@pytest.mark.parametrize("log", ["text", "json"])
def test_a_problem_of_the_files_shows_nothing_of_it(
    world: SeedWorld, run: Run, mistake: dict[str, Any], log: str
) -> None:
    world.declare(customers=[{**CUSTOMER, **mistake}])
    seen = run("apply", "--yes", "-vv", log=log)
    assert (b"configs/smoke.yaml:1:" if log == "text" else b'configs/smoke.yaml", "line": 1') in seen
    assert shown(seen) == []


@pytest.mark.parametrize("login", [TOKEN, OAUTH])
def test_what_is_planted_reaches_the_tenant(run: Run, state: Kept, login: str) -> None:
    run("apply", "--yes", login=login)
    posts = [request for request in state.requests() if request.method == "POST"]
    assert [planted for planted in SENT if planted not in posts[-1].body] == []
    # What is posted to get a token is a secret, so not even the sandbox keeps it.
    assert {post.path for post in posts[:-1]} == ({"/oauth2/token"} if login is OAUTH else set())
