"""Who may call Expoints: a bearer token on every call, and where it is got."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import Tokens, revoke_tokens

from .conftest import EXPOINTS, OpenTenant, Tenant

CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "client",
    "client_secret": "planted-secret",
    "scope": "api://some/.default",
}


def ask(tenant: Tenant, path: str = "/oauth2/token", **changes: str) -> httpx.Response:
    form = {name: text for name, text in (CREDENTIALS | changes).items() if text}
    return tenant.sandbox.client.post(path, data=form)


def call(tenant: Tenant, authorization: str) -> int:
    """Return the status of a call with this header."""
    headers = {"Authorization": authorization}
    return tenant.sandbox.client.get(f"{EXPOINTS}/customer/count", headers=headers).status_code


def token(tenant: Tenant) -> str:
    """Return the header with a new token."""
    return f"Bearer {ask(tenant).json()['access_token']}"


@pytest.mark.parametrize("path", ["/oauth2/token", "/8a2f/OAuth2/v2.0/Token/"])
def test_client_credentials_get_a_token(tenant: Tenant, path: str) -> None:
    """C, OAuthTokenResponse.cs: the four members that the client requires."""
    answer = ask(tenant, path).json()
    assert {**answer, "access_token": ""} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "ext_expires_in": 3600,
        "access_token": "",
    }
    assert call(tenant, f"bearer {answer['access_token']}") == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
    ],
)
def test_a_wrong_request_gets_no_token(
    open_tenant: OpenTenant, changes: dict[str, str], status: int, error: str
) -> None:
    """I, RFC 6749: 400 or 401 with an error code."""
    answer = ask(open_tenant(tokens=Tokens(clients={"client": "planted-secret"})), **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_request_for_a_token_has_to_be_a_form(tenant: Tenant) -> None:
    """C, KtoHttpNetworkService.cs: form-encoded."""
    assert tenant.sandbox.client.post("/oauth2/token", json=CREDENTIALS).json()["error"] == "invalid_request"


def test_a_lifetime_can_be_a_string(open_tenant: OpenTenant) -> None:
    """U: one version of the documented endpoint writes numbers, the other strings; variant `expires_in`."""
    answer = ask(open_tenant("expires_in=string")).json()
    assert (answer["expires_in"], answer["ext_expires_in"]) == ("3600", "3600")


def test_a_token_expires_by_the_clock(open_tenant: OpenTenant) -> None:
    """U: the lifetime is not documented; variant `token_seconds`."""
    tenant = open_tenant("token_seconds=60")
    given = token(tenant)
    tenant.sandbox.clock.now += 59
    assert call(tenant, given) == 200
    tenant.sandbox.clock.now += 1
    assert call(tenant, given) == 401
    assert call(tenant, token(tenant)) == 200


def test_a_token_can_be_revoked(tenant: Tenant) -> None:
    """I: a good token can become invalid before it expires."""
    given = token(tenant)
    revoke_tokens(tenant.sandbox.state)
    assert call(tenant, given) == 401
    assert call(tenant, token(tenant)) == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic token", "token"])
@pytest.mark.parametrize("path", ["customerdatacolumn", "customer", "customer/count", "customer/getoptouts"])
def test_a_missing_token_is_401(tenant: Tenant, header: str, path: str) -> None:
    """D, every call page: missing or invalid authentication token."""
    response = tenant.sandbox.client.get(f"{EXPOINTS}/{path}", headers={"Authorization": header})
    assert (response.status_code, set(response.json())) == (401, {"Message"})


def test_only_accepted_and_given_tokens_are_let_in(open_tenant: OpenTenant) -> None:
    """D, every call page: an invalid token is 401."""
    tenant = open_tenant(tokens=Tokens(accepted=frozenset({"good"})))
    assert [call(tenant, f"Bearer {text}") for text in ("good", "other")] == [200, 401]
    assert call(tenant, token(tenant)) == 200


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/tokens"])
def test_secrets_of_clients_are_not_in_the_log(tenant: Tenant, path: str) -> None:
    """Our own promise, also where the address or the form of the request is wrong."""
    ask(tenant, path)
    tenant.sandbox.client.post("/oauth2/token", json=CREDENTIALS)
    seen = tenant.sandbox.state.requests()
    assert [request.path for request in seen] == [path, "/oauth2/token"]
    assert "planted-secret" not in str(seen)
