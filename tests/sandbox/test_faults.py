"""What goes wrong on demand; inside the process, so a lost answer is an error of the connection."""

from __future__ import annotations

import re

import pytest

from reconciler.sandbox import Fault

from .conftest import CONFIGS, OpenSandbox

DATE = "Mon, 21 Sep 2026 14:00:00 GMT"


@pytest.mark.parametrize(
    ("effect", "status", "header"),
    [
        ("status=503", 503, ("Content-Type", "application/json; charset=utf-8")),
        ("status=429,retry-after=7,html", 429, ("Retry-After", "7")),
        (f"status=503,retry-after={DATE},html", 503, ("Retry-After", DATE)),
        ("html", 200, ("Content-Type", "text/html; charset=utf-8")),
        ("type=text/plain", 200, ("Content-Type", "text/plain")),
        ("redirect=https://example.com/login", 302, ("Location", "https://example.com/login")),
    ],
)
def test_another_answer_can_come_carried_out_or_not(
    open_sandbox: OpenSandbox, effect: str, status: int, header: tuple[str, str]
) -> None:
    for when, name in (("before", "Newsletter NL"), ("after", "Other")):
        if not (when == "before" and effect.startswith("type")):
            sandbox = open_sandbox(faults=(f"PUT:1:{when}:{effect}",))
            response = sandbox.client.put(f"{CONFIGS}/288", params={"name": "Other"})
            assert (response.status_code, response.headers[header[0]]) == (status, header[1])
            assert response.text.startswith("<!DOCTYPE") is ("html" in effect)
            assert sandbox.read(288)["Name"] == name


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_takes_its_time_and_then_answers(open_sandbox: OpenSandbox, when: str) -> None:
    sandbox = open_sandbox(faults=(f"GET:1:{when}:delay=2.5",))
    start = sandbox.clock.now
    answered = sandbox.client.get("/3/").json()["Meta"]["Timestamp"]
    assert sandbox.clock.now == start + 2.5
    assert answered.endswith("02.5000000Z" if when == "before" else "00.0000000Z")


@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        (("GET /3/Surveys*:2:before:status=500",), [200, 200, 500, 200]),
        (("GET:2+:before:status=500",), [200, 500, 500, 500]),
        # Of two for one request the first strikes, and both count.
        (("GET:1:before:status=500", "*:1:before:status=502", "*:2:before:status=503"), [500, 503, 200, 200]),
    ],
)
def test_the_nth_match_is_struck_and_later_ones_only_with_a_plus(
    open_sandbox: OpenSandbox, faults: tuple[str, ...], statuses: list[int]
) -> None:
    sandbox = open_sandbox(faults=faults)
    paths = ["/3/surveys", CONFIGS, "/3/surveys", "/3/surveys"]
    assert [sandbox.client.get(path).status_code for path in paths] == statuses


def test_the_log_tells_what_was_done_to_a_request(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("PUT:1:after:drop", "GET:1:before:status=503"))
    with pytest.raises(ConnectionResetError):
        sandbox.put(288)
    sandbox.client.get(CONFIGS)
    sandbox.client.get("/3/Surveys", params={"top": 1})
    lost, failed, fine = sandbox.state.requests()
    assert (lost.method, lost.status, lost.fault) == ("PUT", None, "PUT:1:after:drop")
    assert lost.body == '{"Name":"N","IsReusable":true}'
    assert (failed.status, failed.fault) == (503, "GET:1:before:status=503")
    assert (fine.path, fine.query, fine.status, fine.fault) == ("/3/Surveys", "top=1", 200, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "METHOD[ PATH]:NTH"),
        ("PUT:x:after:drop", "METHOD[ PATH]:NTH"),
        ("PUT:0:after:drop", "counted from 1"),
        ("PUT:1:during:drop", "METHOD[ PATH]:NTH"),
        ("PUT:1:after:explode", "write one of drop"),
        ("PUT:1:after:drop=1", "write one of drop"),
        ("PUT:1:after:status", "write one of drop"),
        ("PUT:1:after:status=99", "write one of drop"),
        ("PUT:1:after:status=503,later", "options of a status"),
        ("PUT:1:before:cut", "write after"),
        ("PUT:1:after:refuse", "write before"),
        ("PUT:1:before:type=text/plain", "write after"),
    ],
)
def test_a_text_that_is_no_fault_is_refused_with_the_form(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        Fault.parse(text)
