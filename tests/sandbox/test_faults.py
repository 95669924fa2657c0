"""What goes wrong on demand; inside the process, so a lost answer is an error of the connection."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox import AnswerLostError, Fault
from reconciler.sandbox.faults import Effect

from .conftest import CONFIGS, OpenSandbox, Sandbox


def rename(sandbox: Sandbox, name: str) -> httpx.Response:
    return sandbox.client.put(f"{CONFIGS}/288", params={"name": name})


def name_now(sandbox: Sandbox) -> str:
    return str(sandbox.read(288)["Name"])


@pytest.mark.parametrize(("when", "name"), [("before", "Newsletter NL"), ("after", "Other")])
def test_a_lost_answer_says_nothing_about_execution(open_sandbox: OpenSandbox, when: str, name: str) -> None:
    sandbox = open_sandbox(faults=(f"PUT:1:{when}:drop",))
    with pytest.raises(AnswerLostError):
        rename(sandbox, "Other")
    assert name_now(sandbox) == name


@pytest.mark.parametrize(("when", "name"), [("before", "Newsletter NL"), ("after", "Other")])
def test_an_error_status_says_nothing_about_execution(
    open_sandbox: OpenSandbox, when: str, name: str
) -> None:
    sandbox = open_sandbox(faults=(f"PUT:1:{when}:status=503",))
    response = rename(sandbox, "Other")
    assert (response.status_code, response.json()["Meta"]) == (503, {"Status": 503})
    assert name_now(sandbox) == name


def test_a_status_can_have_retry_after_and_an_html_page(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("*:1:before:status=429,retry-after=7,html",))
    response = sandbox.client.get(CONFIGS)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_proxys_html_page_can_take_the_place_of_an_answer(open_sandbox: OpenSandbox) -> None:
    """INF: proxies or crashes may return HTML."""
    response = open_sandbox(faults=("*:1:after:html",)).client.get(CONFIGS)
    assert (response.status_code, response.text[:15]) == (200, "<!DOCTYPE html>")


def test_an_answer_can_have_the_wrong_content_type(open_sandbox: OpenSandbox) -> None:
    response = open_sandbox(faults=("*:1:after:type=text/plain",)).client.get(CONFIGS)
    assert (response.headers["Content-Type"], len(response.json()["Data"])) == ("text/plain", 4)


def test_a_redirect_leads_elsewhere(open_sandbox: OpenSandbox) -> None:
    response = open_sandbox(faults=("*:1:before:redirect=https://example.com/login",)).client.get(CONFIGS)
    assert (response.status_code, response.headers["Location"]) == (302, "https://example.com/login")


@pytest.mark.parametrize("effect", ["cut", "cut=0", "cut=10"])
def test_a_body_can_break_off(open_sandbox: OpenSandbox, effect: str) -> None:
    sandbox = open_sandbox(faults=(f"PUT:1:after:{effect}",))
    with pytest.raises(AnswerLostError):
        rename(sandbox, "Other")
    assert name_now(sandbox) == "Other"


@pytest.mark.parametrize(("effect", "error"), [("refuse", ConnectionRefusedError), ("silence", TimeoutError)])
def test_nothing_may_listen_and_nobody_may_answer(
    open_sandbox: OpenSandbox, effect: str, error: type[OSError]
) -> None:
    sandbox = open_sandbox(faults=(f"PUT:1:before:{effect}",))
    with pytest.raises(error):
        rename(sandbox, "Other")
    assert name_now(sandbox) == "Newsletter NL"


def test_an_answer_may_be_late_beyond_all_patience(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("PUT:1:after:silence",))
    with pytest.raises(TimeoutError):
        rename(sandbox, "Other")
    assert name_now(sandbox) == "Other"


def test_the_time_to_wait_can_be_a_date(open_sandbox: OpenSandbox) -> None:
    fault = "*:1:before:status=503,retry-after=Mon, 21 Sep 2026 14:00:00 GMT,html"
    response = open_sandbox(faults=(fault,)).client.get(CONFIGS)
    assert response.headers["Retry-After"] == "Mon, 21 Sep 2026 14:00:00 GMT"
    assert str(Fault.parse(fault)) == fault


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_takes_its_time_and_then_answers(open_sandbox: OpenSandbox, when: str) -> None:
    sandbox = open_sandbox(faults=(f"GET:1:{when}:delay=2.5",))
    start = sandbox.clock.now
    answered = sandbox.client.get("/3/").json()["Meta"]["Timestamp"]
    assert sandbox.clock.now == start + 2.5
    assert answered.endswith("02.5000000Z" if when == "before" else "00.0000000Z")


def test_the_nth_match_is_struck_and_no_other(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("GET /3/Surveys*:2:before:status=500",))
    paths = ["/3/surveys", CONFIGS, "/3/surveys/4711", "/3/surveys"]
    assert [sandbox.client.get(path).status_code for path in paths] == [200, 200, 500, 200]


def test_a_plus_strikes_every_later_match_too(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("GET:2+:before:status=500",))
    assert [sandbox.client.get("/3/").status_code for _ in range(4)] == [200, 500, 500, 500]


def test_of_two_faults_for_one_request_the_first_strikes_and_both_count(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(
        faults=("GET:1:before:status=500", "*:1:before:status=502", "*:2:before:status=503")
    )
    assert [sandbox.client.get("/3/").status_code for _ in range(3)] == [500, 503, 200]


def test_the_log_tells_what_was_done_to_a_request(open_sandbox: OpenSandbox) -> None:
    sandbox = open_sandbox(faults=("PUT:1:after:drop", "GET:1:before:status=503"))
    with pytest.raises(AnswerLostError):
        sandbox.put(288)
    sandbox.client.get(CONFIGS)
    sandbox.client.get("/3/Surveys", params={"top": 1})
    lost, failed, fine = sandbox.state.requests()
    assert (lost.method, lost.status, lost.fault) == ("PUT", None, "PUT:1:after:drop")
    assert lost.body == '{"Name":"N","IsReusable":true}'
    assert (failed.status, failed.fault) == (503, "GET:1:before:status=503")
    assert (fine.path, fine.query, fine.status, fine.fault) == ("/3/Surveys", "top=1", 200, None)


EFFECTS = st.one_of(
    st.sampled_from(["drop", "silence", "html", "delay=0.5", "redirect=https://example.com:1/a,b"]),
    st.builds("status={},retry-after={},html".format, st.integers(200, 599), st.integers(0, 99)),
)


@given(
    method=st.sampled_from(["*", "GET", "PUT"]),
    path=st.sampled_from(["", " /3/surveys*"]),
    nth=st.integers(1, 99),
    onwards=st.sampled_from(["", "+"]),
    when=st.sampled_from(["before", "after"]),
    effect=EFFECTS,
)
def test_a_fault_is_written_as_it_is_read(
    method: str, path: str, nth: int, onwards: str, when: str, effect: str
) -> None:
    text = f"{method}{path}:{nth}{onwards}:{when}:{effect}"
    assert str(Fault.parse(text)) == text


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


def test_only_a_status_has_options() -> None:
    with pytest.raises(ValueError, match="not an effect"):
        Effect(name="drop", html=True)
