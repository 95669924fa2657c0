"""A secret is sent, and is seen nowhere else."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import httpx
import pytest

from reconciler.errors import ApiError, UsageError
from reconciler.http import Answer, Api, Attempt, Bounds, Connection, Secret

SECRET = "hunter22-do-not-show"
OTHER = "second-secret"


def echo(request: httpx.Request) -> httpx.Response:
    """Refuse a request and repeat all that it said."""
    said = [*request.headers.values(), request.content.decode()]
    return httpx.Response(400, text=" ".join(said), headers={"X-Echo": SECRET})


def exploding(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError(f"lost {request.headers['X-Key']}", request=request)


@pytest.mark.parametrize("server", [echo, exploding])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_error_log_or_record_shows_a_secret(
    server: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Attempt] = []
    with (
        Api(
            "http://localhost",
            Connection(
                transport=httpx.MockTransport(server), bounds=Bounds(total_wait=0), on_request=seen.append
            ),
            headers={"X-Key": Secret(SECRET)},
        ) as api,
        pytest.raises(ApiError) as caught,
    ):
        api.request(
            method, "/x", headers={"Authorization": Secret(OTHER)}, form={"client_secret": Secret(OTHER)}
        )
    shown = [str(caught.value), repr(caught.value), repr(seen), repr(api), caplog.text]
    assert not any(SECRET in text or OTHER in text for text in shown)
    assert "***" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))


def test_secrets_have_no_text_form() -> None:
    assert SECRET not in f"{Secret(SECRET)} {Secret(SECRET)!r}"


def test_an_answer_shows_neither_its_content_nor_what_was_sent() -> None:
    answer = Answer("GET", "/x", 200, {"set-cookie": SECRET}, SECRET.encode(), (Secret(SECRET),))
    assert SECRET not in repr(answer)
    assert answer.quoted(f"you sent {SECRET}") == "you sent ***"


def test_the_secret_is_what_is_sent() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Key"] == SECRET
        assert request.content == b"grant_type=client_credentials&client_secret=second-secret"
        return httpx.Response(200)

    with Api(
        "http://localhost",
        Connection(transport=httpx.MockTransport(server)),
        headers={"X-Key": Secret(SECRET)},
    ) as api:
        form: dict[str, str | Secret] = {"grant_type": "client_credentials", "client_secret": Secret(OTHER)}
        assert api.request("POST", "/token", form=form).status == 200


@pytest.mark.parametrize("value", ["", f"{SECRET}\n", f" {SECRET}", f"{SECRET}\r\nX-Evil: 1", f"{SECRET}é"])
def test_a_value_that_no_header_can_carry_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(UsageError, match="X-Key") as caught:
        Api("http://localhost", headers={"X-Key": Secret(value)})
    assert SECRET not in str(caught.value)
