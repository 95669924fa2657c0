"""What lets a call in: a bearer token, given by a person or got for client credentials.

Expoints documents neither how a token is got nor how long it is good (U). The header and the exchange are
those of a public client (C: NotifyNL-OMC, KtoHttpNetworkService.cs), the form of its answers that of OAuth2
(I: RFC 6749).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import ClassVar, Protocol, Self
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from reconciler.access import Access, is_loopback
from reconciler.clock import Clock, SystemClock
from reconciler.errors import BadAnswer, Declined, Forbidden, NotFound, Unauthorised
from reconciler.http import (
    TOKEN_HOSTS,
    USUAL_BOUNDS,
    Answer,
    Api,
    Bounds,
    Dialect,
    Exchange,
    Secret,
    Share,
    Transport,
    trusted,
)
from reconciler.redacted import Redacted

# What a token without a stated lifetime is believed to be good for, in seconds: far less than any common
# lifetime, and long enough for most runs. A token that ends earlier is renewed at the 401.
_UNSTATED_LIFETIME = 300.0
_LONGEST_LIFETIME = 86_400.0
_LONGEST_MARGIN = 60.0


class Tokens(Protocol):
    """Where the token of a call comes from. Safe for use by many threads at once."""

    def current(self) -> Secret:
        """Return a token that is believed to be good. Raises an `ApiError` where none can be got."""

    def renewed(self, after: Secret) -> Secret:
        """Return another token than `after`, which was refused; an `ApiError` where none can be got."""


class GivenToken:
    """A token that a person gave; it cannot be renewed. `whereabouts` says in messages where it is set."""

    def __init__(self, secret: Secret, whereabouts: str = "`token` of the target") -> None:
        self._secret = secret
        self._whereabouts = whereabouts

    def current(self) -> Secret:
        """Return the token, whatever became of it."""
        return self._secret

    def renewed(self, after: Secret) -> Secret:
        """Raise `Unauthorised`: nobody but a person can give another one."""
        del after
        raise Unauthorised(
            "401 Unauthorized: the API does not accept the token, and a given token cannot be renewed here. "
            f"Set a new one, without the word Bearer, in {self._whereabouts}, or declare `oauth`, with which "
            "tokens renew themselves."
        )


class ClientLogin(Redacted, frozen=True):
    """Client credentials as Expoints hands them out, and where they are exchanged for a token (C).

    `scope` is an opaque text: the known examples disagree about its form (C).
    """

    shown: ClassVar = ("token_url", "client_secret", "scope")

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None


class _Grant(Struct, frozen=True):
    """A token, and how long it is good from when it was asked for, in seconds."""

    token: Secret
    lifetime: float

    @property
    def usable(self) -> float:
        """How long it is used: not to the last moment, for a call takes time, and clocks differ."""
        return self.lifetime - min(_LONGEST_MARGIN, self.lifetime / 10)


def token_hosts(tenant: str, access: Access) -> tuple[tuple[str, ...], Access]:
    """Return the hosts that may get the client secret of a tenant, by its address, and who else is trusted.

    Anybody may listen on this machine, so for a tenant elsewhere it is trusted only where it is named.
    """
    host = (urlsplit(tenant).hostname or "").lower().removesuffix(".")
    elsewhere = bool(host) and not is_loopback(host)
    hosts = (*TOKEN_HOSTS, host) if elsewhere else TOKEN_HOSTS
    return hosts, replace(access, trusts_loopback=access.trusts_loopback and not elsewhere)


class ClientCredentials:
    """Tokens for client credentials, by OAuth2 (C). Close it, or use it in a `with`.

    A token is kept until shortly before it expires. Threads that need one at the same time share one request
    and what comes of it, a failure too. The credentials go to the host of `token_url` only, which must be
    that of the `tenant`, a known token host, or trusted by `access`. `whereabouts` says in messages where
    they are set; the rest is as for `Api`, but that the allowance of a minute is the tenant's and not the
    token host's.

    Raises `Refused` for an address that is not trusted, `UsageError` for one that is none.
    """

    def __init__(
        self,
        login: ClientLogin,
        *,
        whereabouts: str = "`oauth` of the target",
        bounds: Bounds = USUAL_BOUNDS,
        share: Share | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        tenant: str = "",
        access: Access | None = None,
        on_request: Callable[[Exchange], None] = lambda _: None,
        before_request: Callable[[], None] = lambda: None,
        new_id: Callable[[], str] = lambda: "",
    ) -> None:
        hosts, access = token_hosts(tenant, access or Access())
        address = urlsplit(trusted(login.token_url, hosts, access))
        self._path = address.path or "/"
        self._login = login
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._good_until = 0.0
        self._flight: Future[Secret] | None = None
        self._api = Api(
            f"{address.scheme}://{address.netloc}",
            bounds=replace(bounds, requests_per_minute=None),
            share=share,
            dialect=_dialect(whereabouts),
            clock=self._clock,
            transport=transport,
            hosts=hosts,
            access=access,
            on_request=on_request,
            before_request=before_request,
            new_id=new_id,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; asking for a new token after it is a programming error."""
        self._api.close()

    def current(self) -> Secret:
        """Return the token that is kept, or a new one.

        Raises `Unauthorised` where the credentials are refused, `BadAnswer` for an answer without a bearer
        token, `Unreachable` where there is no answer.
        """
        return self._other_than(None)

    def renewed(self, after: Secret) -> Secret:
        """Return a new token, or the one that another thread got since `after`. Errors: as for `current`."""
        return self._other_than(after)

    def _other_than(self, refused: Secret | None) -> Secret:
        with self._lock:
            if self._token not in (None, refused) and self._clock.monotonic() < self._good_until:
                return self._token
            flight, is_first = self._flight or Future(), self._flight is None
            self._flight = flight
        if is_first:
            self._fly(flight)
        return flight.result()

    def _fly(self, flight: Future[Secret]) -> None:
        """Get a new token for everybody who waits for it."""
        started = self._clock.monotonic()
        try:
            grant = self._granted()
        except BaseException as error:
            self._land(None, 0.0)
            flight.set_exception(error)
            raise
        self._land(grant.token, started + grant.usable)
        flight.set_result(grant.token)

    def _land(self, token: Secret | None, good_until: float) -> None:
        with self._lock:
            self._token, self._good_until, self._flight = token, good_until, None

    def _granted(self) -> _Grant:
        """Ask for a token. It changes nothing, so asking again does no harm."""
        try:
            return _grant(self._api.request("POST", self._path, form=self._form(), reads=True))
        except (Declined, Forbidden, NotFound) as error:
            # Whatever the status: who gets no token is not let in, and nothing was asked of the tenant.
            raise Unauthorised(str(error)) from error

    def _form(self) -> Mapping[str, str | Secret]:
        scope = {"scope": self._login.scope} if self._login.scope else {}
        return {
            "grant_type": "client_credentials",
            "client_id": Secret(self._login.client_id),
            "client_secret": self._login.client_secret,
            **scope,
        }


def _grant(answer: Answer) -> _Grant:
    """Return what an answer grants. C: `token_type`, `expires_in` and `access_token` (OAuthTokenResponse.cs).

    Raises `BadAnswer`, without any value of the answer, for one that holds no bearer token.
    """
    document, where = answer.json(), f"{answer.method} {answer.path}: {answer.status}, but"
    token = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not _is_sendable(token):
        raise BadAnswer(f"{where} the answer has no access_token that can be sent. Check the token_url.")
    if str(document.get("token_type") or "bearer").lower() != "bearer":
        raise BadAnswer(f"{where} its token_type is not Bearer, the only one that the API knows.")
    return _Grant(Secret(str(token)), _lifetime(document.get("expires_in")))


def _is_sendable(token: object) -> bool:
    """Tell whether a value can stand in a header after the word Bearer (I: RFC 6750, 2.1)."""
    return isinstance(token, str) and re.fullmatch(r"[!-~]+", token) is not None


def _lifetime(stated: object) -> float:
    """Return the seconds in `expires_in`: a number (C), or one written as text (U, seen elsewhere)."""
    if isinstance(stated, str) and re.fullmatch(r"[0-9]{1,9}", stated):
        stated = int(stated)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return _UNSTATED_LIFETIME
    return float(min(max(stated, 0), _LONGEST_LIFETIME))


def _dialect(whereabouts: str) -> Dialect:
    advice = f"No token was given: check {whereabouts}."
    return Dialect(
        complaint=_complaint, hints=dict.fromkeys((Unauthorised, Declined, Forbidden, NotFound), advice)
    )


def _complaint(answer: Answer) -> str:
    """Return the error of OAuth2 (I: RFC 6749, 5.2) and nothing else: a page may repeat the whole request."""
    try:
        document = answer.json()
    except BadAnswer:
        return ""
    if not isinstance(document, dict):
        return ""
    texts = (document.get("error"), document.get("error_description"))
    return ": ".join(text for text in texts if isinstance(text, str))
