"""Whether a target's APIs can be reached with its credentials: in the order in which it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from urllib.parse import urlsplit

from msgspec import Struct

from reconciler.access import Access
from reconciler.checkmarket.client import ImportConfigs, open_checkmarket
from reconciler.checkmarket.model import SECTION
from reconciler.commands.account import holds
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import login_of
from reconciler.config.secret import Kept
from reconciler.config.settings import SANDBOX, CheckMarket, Expoints, needs_credentials
from reconciler.errors import ReconcilerError
from reconciler.expoints.client import open_expoints, token_hosts
from reconciler.http import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, Bounds, Secret, trusted
from reconciler.render.listing import Check, State, failed, not_checkable, ok, problem

CLOCK_TOLERANCE = 60.0
"""Seconds by which two clocks may differ; a server tells whole seconds, and an answer takes a while."""
_PATIENCE = 5.0
"""Seconds in which an attempt that failed is repeated: who asks a doctor sits in front of it."""


class _Api(Struct, frozen=True):
    """One API of a target. `ask` reads one cheap thing, and returns the time by the server's clock."""

    name: str
    url: str
    credentials: Mapping[str, Kept | None]
    hosts: Mapping[str, tuple[tuple[str, ...], Access]]
    """Each address that gets credentials → the hosts that may, and who else is trusted."""
    ask: Callable[[], tuple[float | None, list[Check]]]
    may_write: str
    """What cannot be told of the right to write."""


def check_account_access(target: str, settings: CheckMarket, environment: Environment) -> Iterator[Check]:
    """Yield how a CheckMarket account stands: credentials, host, answer, account, rights, clock."""
    credentials = {"master_key": settings.master_key, "key": settings.key}

    def ask() -> tuple[float | None, list[Check]]:
        with open_checkmarket(
            settings.url,
            *(Secret(_read(kept, environment)) for kept in credentials.values()),
            bounds=Bounds(settings.requests_per_minute, total_wait=_PATIENCE),
            clock=environment.clock,
            access=environment.access,
            on_request=partial(environment.on_request, target),
            new_id=environment.new_id,
        ) as client:
            return client.server_time(), [*_account(client, settings)]

    write = "the API does not tell whether the keys have the role Contacts (write); the first apply will"
    hosts = {settings.url: (CHECKMARKET_HOSTS, environment.access)}
    yield from _checked(_Api("checkmarket", settings.url, credentials, hosts, ask, write), environment)


def _account(client: ImportConfigs, settings: CheckMarket) -> Iterator[Check]:
    wanted = settings.account_must_have
    if wanted is None:
        text = "which account it is the API does not tell"
        yield not_checkable("account", text, "add account_must_have: {id: …, name: …} of one in it")
    elif holds(client, SECTION.kind, wanted):
        yield ok("account", "it has what account_must_have names")
    else:
        yield problem(
            "account", "it lacks what account_must_have names", "are these the keys of another one?"
        )


def check_tenant_access(target: str, settings: Expoints, environment: Environment) -> Iterator[Check]:
    """Yield how an Expoints tenant stands: credentials, hosts, answer, rights, clock."""
    oauth = settings.oauth
    credentials: dict[str, Kept | None] = {"token": settings.token}
    hosts: dict[str, tuple[tuple[str, ...], Access]] = {settings.url: (EXPOINTS_HOSTS, environment.access)}
    if oauth is not None:
        credentials = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
        hosts[oauth.token_url] = token_hosts(settings.url, environment.access)

    def ask() -> tuple[float | None, list[Check]]:
        with open_expoints(
            settings.url,
            login_of(settings, environment.environ),
            bounds=Bounds(settings.requests_per_minute, total_wait=_PATIENCE),
            clock=environment.clock,
            access=environment.access,
            on_request=partial(environment.on_request, target),
            new_id=environment.new_id,
        ) as client:
            return client.server_time(), []

    write = "the API does not tell whether the token may add customers; the first seed will"
    yield from _checked(_Api("expoints", settings.url, credentials, hosts, ask, write), environment)


def _checked(api: _Api, environment: Environment) -> Iterator[Check]:
    if api.url == SANDBOX:
        yield ok(api.name, "the embedded sandbox: no account, no network")
        return
    before = [*_credentials(api, environment), *(_host(url, api) for url in api.hosts)]
    yield from before
    if any(check.state is State.PROBLEM for check in before):
        yield not_checkable(api.name, "it was not asked, because of what stands above")
    else:
        yield from _asked(api, environment)


def _credentials(api: _Api, environment: Environment) -> Iterator[Check]:
    for setting, kept in api.credentials.items():
        subject = f"{api.name} {setting}"
        if kept is None:
            if not needs_credentials(api.url):
                yield ok(subject, "a sandbox on this machine takes any")
            continue
        try:
            kept.read(environment.environ)
        except ReconcilerError as error:
            yield problem(subject, str(error), _way_to_give(kept, environment))
        else:
            yield ok(subject, f"{_whence(kept)} holds a value")


def _whence(kept: Kept) -> str:
    if kept.env is not None:
        return f"the variable {kept.env}"
    return f"the file {kept.file}" if kept.file is not None else "the files"


def _way_to_give(kept: Kept, environment: Environment) -> str:
    """Return how to give a value that is missing; empty where there is one, whose error says what to do."""
    if kept.env is not None:
        return "" if environment.environ.get(kept.env) else f"export {kept.env}=…"
    return "write it there, readable for yourself only"


def _host(url: str, api: _Api) -> Check:
    subject = f"{api.name} host"
    try:
        trusted(url, *api.hosts[url])
    except ReconcilerError as error:
        return failed(subject, error)
    return ok(subject, f"{urlsplit(url).netloc} is trusted with credentials")


def _asked(api: _Api, environment: Environment) -> Iterator[Check]:
    try:
        server_time, more = api.ask()
    except ReconcilerError as error:
        yield failed(api.name, error)
        return
    yield ok(api.name, "it answers, and the credentials may read")
    yield from more
    yield not_checkable(f"{api.name} writing", api.may_write)
    yield _clock(api, server_time, environment.clock.now())


def _clock(api: _Api, server_time: float | None, now: float) -> Check:
    subject = f"{api.name} clock"
    if server_time is None:
        return not_checkable(subject, "the server does not tell its time")
    apart = abs(now - server_time)
    if apart <= CLOCK_TOLERANCE:
        return ok(subject, "this machine's and the server's agree to the minute")
    message = f"this machine's is {apart:.0f} s {'ahead of' if now > server_time else 'behind'} the server's"
    return problem(subject, message, "set this machine's clock: dates of seeds and locks go by it")


def _read(kept: Kept | None, environment: Environment) -> str:
    return kept.read(environment.environ) if kept else "sandbox"
