"""What is planted in every field and credential is sent, and is seen nowhere else."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.seeds.world import ADD, DATA, SeedWorld

TOP = Path(__file__).parents[2]
TOKEN = "token-planted-1"
CUSTOMER: Mapping[str, Any] = {
    "email": "planted2@example.com",
    "phone_number": "+31600000003",
    "data": {
        **DATA,
        "First_name_customer": "Planted4",
        "Family_name_customer": 'Planted5 "quoted" O\'Neil',
        "ProductNumber": {
            "value": "planted6",
            "is_encrypted": True,
            "certificate_thumbprint": "planted7",
            "encryption_key": "planted8",
        },
    },
    "answers": [
        {"base_question_id": 1, "text": "planted9", "file_answers": [{"file": "planted10.txt"}]},
    ],
}
FILE = b"planted11"
PLANTED = [
    *(TOKEN, "planted2", "00000003", "Planted4", "Planted5", "planted6", "planted7", "planted8"),
    *("planted9", "planted10", FILE.decode(), base64.b64encode(FILE).decode(), "planted12"),
]
SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints:
      url: "sandbox:"
      token: {env: PLANTED_TOKEN}
      allowed_recipients: ["*@example.com"]
      allowed_phone_numbers: ["+31600000003"]
"""


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    world = SeedWorld(tmp_path)
    world.write("reconciler.yaml", SETTINGS)
    world.write("planted10.txt", FILE.decode())
    world.declare(customers=[CUSTOMER], notification_email_addresses=["planted12@example.com"])
    return world


def run(world: SeedWorld, *arguments: str, faults: str = "", variants: str = "") -> bytes:
    """Run the command; return every byte that it wrote to its streams and its journal."""
    process = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=TOP,
        env={
            "PATH": "",
            "PLANTED_TOKEN": TOKEN,
            "RECONCILER_WORKSPACE": str(world.folder / "configs"),
            "RECONCILER_SANDBOX_FAULTS": faults,
            "RECONCILER_SANDBOX_VARIANTS": variants,
        },
        capture_output=True,
        check=False,
    )
    journal = [file.read_bytes() for file in world.journal.parent.glob("journal*")]
    return b"\n".join([process.stdout, process.stderr, *journal])


def shown(seen: bytes) -> list[str]:
    return [planted for planted in PLANTED if planted.lower().encode() in seen.lower()]


@pytest.mark.parametrize(
    ("faults", "variants", "told"),
    [
        ("", "", b"1 customer sent."),
        ("", "add_answer=customer-ids", b"1 customer sent."),
        (f"{ADD}:1:after:drop", "", b"in doubt"),
        (f"{ADD}:1:after:status=503,html", "", b"in doubt"),
        (f"{ADD}:1:before:status=400", "", b"refused, nothing was sent"),
        ("GET *customer/count:1+:before:status=403", "", b"403"),
        ("", "twin_columns=true", b"2 columns are called Business Unit"),
    ],
)
def test_an_apply_shows_and_keeps_nothing_of_it_however_it_ends(
    world: SeedWorld, faults: str, variants: str, told: bytes
) -> None:
    seen = run(world, "apply", "--yes", "-vv", faults=faults, variants=variants)
    assert told in seen
    assert shown(seen) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_plan_shows_nothing_of_it(world: SeedWorld, form: str) -> None:
    seen = run(world, "plan", "-vv", "--format", form)
    assert b"customer_seeds.smoke" in seen
    assert shown(seen) == []


@pytest.mark.parametrize(
    "mistake",
    [
        {"email": "planted2@elsewhere.example"},
        {"email": "planted2@example.com,planted4@example.com"},
        {"phone_number": "+31600000004 planted4"},
        {"send_date": "planted4"},
        {"data": ["planted4"]},
        {"data": {**DATA, "Gender_customer": {"value": "planted4", "is_encrypted": True}}},
        {"answers": "planted9"},
        {"answers": [{"base_question_id": "planted9"}]},
    ],
    ids=json.dumps,
)
def test_a_problem_of_the_files_shows_nothing_of_it(world: SeedWorld, mistake: dict[str, Any]) -> None:
    world.declare(customers=[{**CUSTOMER, **mistake}])
    seen = run(world, "apply", "--yes", "-vv")
    assert b"configs/smoke.yaml:1:" in seen
    assert shown(seen) == []


def test_what_is_planted_reaches_the_tenant(world: SeedWorld) -> None:
    world.environ["PLANTED_TOKEN"] = TOKEN
    world.apply()
    (post,) = world.posts
    missing = [planted for planted in PLANTED if planted not in post.body]
    assert missing == [TOKEN, FILE.decode()]
