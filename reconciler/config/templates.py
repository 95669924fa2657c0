"""The first files of a workspace, as text: what a person can plan with at once, and go on from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import TypeAdapter, ValidationError

from reconciler.config.discovery import SETTINGS_FILE
from reconciler.config.file_edits import modeline
from reconciler.config.settings import SANDBOX, ServerUrl, needs_credentials
from reconciler.config.yaml import quoted
from reconciler.errors import UsageError

EXAMPLE_FILE = "newsletter.yaml"
REAL_TARGET = "production"
"""What the target of a real account is called at first."""

_TENANTS = ".expoints.nl"
_KEYS = {"master_key": "CHECKMARKET_MASTER_KEY", "key": "CHECKMARKET_KEY"}
_TOKEN = "EXPOINTS_TOKEN"  # noqa: S105  # the name of a variable


class Accounts(Struct, frozen=True):
    """The addresses of a real account and tenant, each empty where there is none yet."""

    checkmarket: str = ""
    expoints: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that the files name for credentials; a sandbox on this machine needs none."""
        keys = tuple(_KEYS.values()) if self.checkmarket and needs_credentials(self.checkmarket) else ()
        token = (_TOKEN,) if self.expoints and needs_credentials(self.expoints) else ()
        return (*keys, *token)

    def __bool__(self) -> bool:
        return bool(self.checkmarket or self.expoints)


def accounts_at(urls: Sequence[str]) -> Accounts:
    """Return what is at these addresses: tenants are told by their host, anything else is an account.

    Errors: `UsageError` for one that is no address of an API, and for a second of the same sort.
    """
    found = [server_at(url) for url in urls]
    tenants = [url for url in found if _is_tenant(url)]
    accounts = [url for url in found if not _is_tenant(url)]
    for same in (tenants, accounts):
        if len(same) > 1:
            raise UsageError(
                f"{same[0]} and {same[1]} are of one sort; begin with one, and add targets later"
            )
    return Accounts("".join(accounts), "".join(tenants))


def server_at(url: str) -> str:
    """Return the address of an API in its normal form. Errors: `UsageError` says what to write instead."""
    try:
        server = TypeAdapter(ServerUrl).validate_python(url.strip())
    except ValidationError as invalid:
        context = invalid.errors()[0].get("ctx", {})
        raise UsageError(f"{context.get('message')}: {context.get('hint')}") from None
    if server == SANDBOX:
        raise UsageError("the sandbox is a target anyway: leave its address out")
    return server


def _is_tenant(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(_TENANTS)


def first_files(accounts: Accounts) -> dict[str, str]:
    """Return the text of each file by its name; the one that makes a folder a workspace is the last."""
    texts = {EXAMPLE_FILE: _EXAMPLE, SETTINGS_FILE: _settings(accounts)}
    return {name: f"{modeline(Path(name), Path())}{text}" for name, text in texts.items()}


def _settings(accounts: Accounts) -> str:
    return _SANDBOX + ("\n" + "\n".join(_real(accounts)) + "\n" if accounts else "")


def _real(accounts: Accounts) -> Iterator[str]:
    yield f"  {REAL_TARGET}:"
    if accounts.checkmarket:
        yield from _account(accounts.checkmarket)
    if accounts.expoints:
        yield from _tenant(accounts.expoints)
    yield "    limits: {resets: 0, deletes: 0, updates: 30%}  # what one run may do; these are the defaults"


def _account(url: str) -> Iterator[str]:
    yield "    checkmarket:"
    yield f"      url: {quoted(url)}"
    if needs_credentials(url):
        yield from (f"      {name}: {{env: {variable}}}" for name, variable in _KEYS.items())
    yield "      requests_per_minute: 60                # the allowance is shared by the whole account"


def _tenant(url: str) -> Iterator[str]:
    yield "    expoints:"
    yield f"      url: {quoted(url)}"
    if needs_credentials(url):
        yield f"      token: {{env: {_TOKEN}}}           # or oauth: {{token_url, client_id, client_secret}}"
    yield "      allowed_recipients: []                 # nobody yet: add mailboxes of your own before a seed"


_SANDBOX = """\
# The workspace: where resources live, and what a run may do there. Every other YAML file here declares some.
version: 1
default_target: sandbox
undeclared: reset                            # a field that nobody declares goes back to the server's default

targets:
  sandbox:                                   # embedded emulator of the APIs: no account, no network
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}
    limits: {resets: 5}                      # without it each reset needs --allow-resets, or a reset: list
"""

_EXAMPLE = """\
# An example, live in the sandbox already and a little different there: `reconciler plan` shows in what.
import_configs:
  newsletter-nl:                             # the key: your name for it
    name: Newsletter NL                      # API fields, in snake_case of the vendor's own names
    survey_settings:
      survey: Customer satisfaction 2026     # by title, or survey_id: 4711
      invitation_delay_in_days: 2
      invitation_time: "09:00"               # UTC, in quotes
      expiration_after_days: 14
      consider_cooldown_period: true
    email_is_required: true
    date_format: yyyy-MM-dd
    send_notification_mail: true
    default_language_code: nl
    update_type_id: 1                        # 1: update existing contacts within this survey
    keep: [survey_settings.expiration_time]  # leave these as they are live; anything else is reset
    targets: [sandbox]                       # where it lives; elsewhere with its id: {production: {id: 290}}
"""
