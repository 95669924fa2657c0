"""No personal value is in what is told about the files, whatever is wrong with them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.expoints.test_declaration_refusals import problems_of

PLANTED = ("zelda", "31699999999", "hyrule", "triforce")
"""Parts of an address, a phone number, a value and an answer."""
VALUES: list[Any] = [
    *("zelda@example.com", "zelda@real.example,zelda@example.com", "Zelda <zelda@real.example>", "zelda"),
    *("+31699999999", "hyrule", "triforce" * 100, "triforce\n"),
    *(31699999999, 316999999990000000000, 3169.9999999, True, None),
    *(["zelda@example.com"], {"value": "hyrule"}, {"hint": "triforce"}),
    {"value": 31699999999, "is_encrypted": True},
]
PLACES: list[tuple[str | int, ...]] = [
    *(("notification_email_addresses",), ("notification_email_addresses", 0), ("batch_name",)),
    *(("customers",), ("customers", 0)),
    *(("customers", 0, field) for field in ("email", "phone_number", "send_date", "data")),
    ("customers", 0, "data", "Name"),
    *(("customers", 0, "answers", 0, field) for field in ("text", "date_answered")),
    ("customers", 0, "answers", 0, "selected_scale_positions", 0, "label"),
    *(("customers", 0, "answers", 0, "file_answers", 0, field) for field in ("data", "file")),
    *(("defaults", "phone_number"), ("defaults", "data", "Name"), ("customers_from",)),
]


def declared() -> dict[str, Any]:
    answer = {"base_question_id": 1, "selected_scale_positions": [{}], "file_answers": [{"data": "QEA="}]}
    return {
        "targets": ["sandbox"],
        "is_test": True,
        "notification_email_addresses": ["qa@example.com"],
        "defaults": {"data": {}},
        "customers": [{"email": "a@example.com", "data": {}, "answers": [answer]}],
    }


def planted(place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    seed = declared()
    there: Any = seed
    for step in place[:-1]:
        there = there[step]
    there[place[-1]] = value
    return seed


def told(text: str, **also: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        files = {name.replace("_", "."): content for name, content in also.items()}
        found = problems_of(Path(folder), {"a.yaml": text, **files})
    return " ".join(f"{problem.message} {problem.hint}" for problem in found).lower()


def leaks(said: str) -> list[str]:
    # The domain of an address may be shown, and the first letter of who it is.
    return [word for word in PLANTED if word in said]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("value", VALUES, ids=[str(number) for number in range(len(VALUES))])
def test_a_planted_value_is_not_told(place: tuple[str | int, ...], value: object) -> None:
    assert leaks(told(json.dumps({"customer_seeds": {"s": planted(place, value)}}))) == []


@pytest.mark.parametrize(
    "value", ["+31699999999", "031699999999", "31699999999.", "3169_9999999", "31699999999:11"]
)
@pytest.mark.parametrize("place", [*PLACES[5:11], PLACES[-2]], ids=lambda place: ".".join(map(str, place)))
def test_a_plain_value_that_yaml_refuses_is_not_told(place: tuple[str | int, ...], value: str) -> None:
    text = json.dumps({"customer_seeds": {"s": planted(place, "PLANTED")}}).replace('"PLANTED"', value)
    said = told(text)
    assert "quotes" in said
    assert leaks(said) == []


TABLES = [
    "zelda@real.example,31699999999\n",
    "email,Name\nzelda@real.example,hyrule\n",
    "email,Name\nzelda@real.example,hyrule,triforce\n",
    'email,Name\nzelda@real.example,"hyrule"triforce\n',
    'email,Name\nzelda@real.example,"hyrule\n',
    "email,phone_number,send_date,priority\nzelda,31699999999,hyrule,triforce\n",
    "email\nzelda@real.example,zelda@example.com\n",
    "email\nzelda@example.com\nZELDA@example.com\n",
    "email\nzelda\x00\n",
]
LINES = [
    '{"email": "zelda@real.example"',
    '{"email": "zelda@real.example", "priority": "triforce"}',
    '{"email": "zelda@real.example", "data": {"Name": 31699999999}}',
    '{"email": 31699999999}',
    '"zelda"',
    '{"email": "zelda\\u0000"}',
]


@pytest.mark.parametrize(
    ("name", "text"), [*(("t.csv", text) for text in TABLES), *(("t.jsonl", text) for text in LINES)]
)
def test_a_row_or_line_of_a_file_is_not_told(name: str, text: str) -> None:
    seed = {**declared(), "customers_from": name}
    said = told(json.dumps({"customer_seeds": {"s": seed}}), **{name.replace(".", "_"): text})
    assert said
    assert leaks(said) == []
