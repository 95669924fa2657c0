"""Who may call: bearer tokens, and the endpoint that gives them for client credentials.

Expoints documents neither how a token is got nor how long it is good; a client gets it by OAuth2 client
credentials from a server of its own, apart from the tenant (C: NotifyNL-OMC, KtoHttpNetworkService.cs).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from msgspec import Struct

from reconciler.sandbox.state import State

from .calls import Answer, FailedError, Tenant, as_json

Form = Mapping[str, str]

_TOKENS = "expoints.tokens"
_FORM = "application/x-www-form-urlencoded"
_DENIED = "Authorization has been denied for this request."


class NoTokenError(Exception):
    """No token is given; `code` is one of the error codes of OAuth2."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Tokens(Struct, frozen=True, kw_only=True):
    """Which tokens are accepted, beside those that the endpoint gave, and which clients get one there.

    `accepted` is None for every token that is not blank, `clients` (id → secret) None for every client. A
    forbidden token is known but may not call.
    """

    accepted: frozenset[str] | None = None
    forbidden: frozenset[str] = frozenset()
    clients: Mapping[str, str] | None = None

    def admit(self, authorization: str, tenant: Tenant) -> None:
        """Raise `FailedError` with 401 for a missing or invalid token, 403 for a forbidden one (D).

        A token that the endpoint gave is good until it expires or is revoked (I).
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._is_good(token.strip(), tenant):
            raise FailedError(401, _DENIED)
        if token.strip() in self.forbidden:
            raise FailedError(403, _DENIED)

    def give(self, form: Form, content_type: str, tenant: Tenant) -> Answer:
        """Return a new token; `NoTokenError` for a request that is wrong or of an unknown client.

        The members of the answer are those that the client requires (C: OAuthTokenResponse.cs).
        """
        _check_request(form, content_type, tenant)
        if not self._knows(form["client_id"], form["client_secret"]):
            raise NoTokenError(401, "invalid_client", "The client id or secret is wrong.")
        token, seconds = secrets.token_urlsafe(24), tenant.variants.token_seconds
        tenant.documents.put(_TOKENS, token, {"Until": tenant.now + seconds})
        lifetime = int(seconds) if tenant.variants.expires_in == "number" else str(int(seconds))
        times = {"expires_in": lifetime, "ext_expires_in": lifetime}
        return as_json({"token_type": "Bearer", **times, "access_token": token})

    def _is_good(self, token: str, tenant: Tenant) -> bool:
        given = tenant.documents.get(_TOKENS, token)
        if given is not None:
            return bool(tenant.now < given["Until"])
        return bool(token) and (self.accepted is None or token in self.accepted | self.forbidden)

    def _knows(self, client: str, secret: str) -> bool:
        return self.clients is None or self.clients.get(client) == secret


def revoke_tokens(state: State) -> None:
    """Make every token that the endpoint gave so far invalid, as when a client's secret is replaced."""
    with state.transaction() as documents:
        for token in documents.all(_TOKENS):
            documents.put(_TOKENS, token, {"Until": 0.0})


def no_token(error: NoTokenError) -> Answer:
    """Return the answer to whoever gets no token, in the form of OAuth2 (I: RFC 6749, 5.2)."""
    return as_json({"error": error.code, "error_description": str(error)}, error.status)


def _check_request(form: Form, content_type: str, tenant: Tenant) -> None:
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise NoTokenError(400, "invalid_request", f"Send the request as {_FORM}.")
    if form.get("grant_type") != "client_credentials":
        raise NoTokenError(400, "unsupported_grant_type", "The grant type has to be client_credentials.")
    scope = ("scope",) if tenant.variants.scope_required else ()
    for name in ("client_id", "client_secret", *scope):
        if not form.get(name):
            raise NoTokenError(400, "invalid_request", f"The request lacks {name}.")
