"""Who may call (DOC, getting started page): two keys on every call, and the roles of one of them."""

from __future__ import annotations

import pytest

from .conftest import CONFIGS, Sandbox


@pytest.mark.parametrize("headers", [{"X-Key": ""}, {"X-Master-Key": " "}])
def test_a_blank_key_is_401_even_for_the_root(sandbox: Sandbox, headers: dict[str, str]) -> None:
    """DOC: both headers on every call; INF: the status."""
    assert sandbox.client.get("/3/", headers=headers).status_code == 401
    del sandbox.client.headers[next(iter(headers))]
    assert sandbox.client.get(CONFIGS).status_code == 401


def test_the_root_answers_any_key(sandbox: Sandbox) -> None:
    """DOC: the root call needs no role."""
    assert sandbox.data("GET", "/3/") == {"Version": "3"}


def test_keys_are_written_down_nowhere(sandbox: Sandbox) -> None:
    """Our own promise: the log has no headers."""
    sandbox.client.get(CONFIGS, headers={"X-Key": "secret", "X-Master-Key": "secret"})
    with sandbox.state.transaction() as documents:
        assert documents.all("checkmarket.allowance") == {}
    assert "secret" not in str(sandbox.state.requests())
