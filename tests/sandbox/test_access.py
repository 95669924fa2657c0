"""Who may call (DOC, getting started page): two keys on every call, and the roles of one of them."""

from __future__ import annotations

import pytest

from reconciler.sandbox import Keys

from .conftest import CONFIGS, OpenSandbox, Sandbox


@pytest.mark.parametrize("headers", [{"X-Key": ""}, {"X-Master-Key": " "}])
def test_a_blank_key_is_401_even_for_the_root(sandbox: Sandbox, headers: dict[str, str]) -> None:
    """DOC: both headers on every call; UNK: the status, variant `bad_key`."""
    assert sandbox.client.get("/3/", headers=headers).status_code == 401


def test_a_missing_key_is_401(sandbox: Sandbox) -> None:
    """DOC: both headers on every call; UNK: the status, variant `bad_key`."""
    del sandbox.client.headers["X-Key"]
    assert sandbox.client.get(CONFIGS).status_code == 401


def test_a_bad_key_can_be_403(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `bad_key`."""
    sandbox = open_sandbox("bad_key=403", keys=Keys(accepted=frozenset({"other"})))
    assert sandbox.client.get(CONFIGS).status_code == 403


def test_only_accepted_keys_are_let_in(open_sandbox: OpenSandbox) -> None:
    """DOC: calls with an inactive key, or after the master key was made anew, are refused."""
    keys = Keys(master=frozenset({"master"}), accepted=frozenset({"key"}))
    sandbox = open_sandbox(keys=keys)
    assert sandbox.client.get(CONFIGS).status_code == 200
    assert sandbox.client.get(CONFIGS, headers={"X-Key": "other"}).status_code == 401
    assert sandbox.client.get(CONFIGS, headers={"X-Master-Key": "other"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CONFIGS),
        ("PUT", f"{CONFIGS}/288"),
        ("DELETE", f"{CONFIGS}/288"),
        ("POST", "/3/contacts/import/288"),
    ],
)
def test_a_key_without_the_write_role_is_403(open_sandbox: OpenSandbox, method: str, path: str) -> None:
    """DOC, single contact example: a missing role is 403; PUT page: required role Contacts (write)."""
    sandbox = open_sandbox(keys=Keys(read_only=frozenset({"key"})))
    assert sandbox.client.request(method, path, json={}).status_code == 403
    assert len(sandbox.listed()) == 4


def test_the_root_answers_any_key(sandbox: Sandbox) -> None:
    """DOC: the root call needs no role."""
    assert sandbox.data("GET", "/3/") == {"Version": "3"}


def test_keys_are_written_down_nowhere(sandbox: Sandbox) -> None:
    """Our own promise: the log has no headers."""
    sandbox.client.get(CONFIGS, headers={"X-Key": "secret", "X-Master-Key": "secret"})
    with sandbox.state.transaction() as documents:
        assert documents.all("checkmarket.allowance") == {}
    assert "secret" not in str(sandbox.state.requests())
