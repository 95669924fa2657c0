"""`reconciler init`: the first files of a workspace. Overwrites nothing, and asks no API."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.validate import files_schema
from reconciler.config.discovery import DEFAULT_FOLDER, SETTINGS_FILE, find_workspace, read_workspace, shown
from reconciler.config.file_edits import modeline
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.settings import needs_credentials, server_at
from reconciler.config.yaml import quoted
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.http.api import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, trusted
from reconciler.render.values import json_text

_EXAMPLE_FILE = "newsletter.yaml"
_REAL_TARGET = "production"  # the name of the target of a real account at first
_TENANTS = ".expoints.nl"
_KEYS = {"master_key": "CHECKMARKET_MASTER_KEY", "key": "CHECKMARKET_KEY"}
_TOKEN = "EXPOINTS_TOKEN"  # noqa: S105  # the name of a variable

_QUESTIONS = (
    "Address of your CheckMarket API, like https://api-eu.agileresearch.medallia.com (Enter: none yet):",
    "Address of your Expoints tenant, like https://acme.expoints.nl (Enter: none yet):",
)

_IGNORE = ".gitignore"
_STATE = ".reconciler/"
_IGNORED_AS = {
    *(".reconciler", ".reconciler/", "/.reconciler", "/.reconciler/", "**/.reconciler", "**/.reconciler/")
}


def init(
    workspace: Path | None,
    urls: Sequence[str],
    console: Console,
    environment: Environment,
    *,
    may_ask: bool = True,
) -> Exit:
    """Write a workspace that `validate` and `plan` work on at once, and say what to do next.

    `urls` are the addresses of a real account and tenant; without them a person at a terminal is asked,
    unless not `may_ask`. Errors: `UsageError` where a workspace or a YAML file is in the way; then nothing
    is written.
    """
    folder = _free_folder(workspace, environment)
    if not urls and may_ask and console.stdin.isatty():
        urls = [url for question in _QUESTIONS if (url := _answer(question, console))]
    accounts = accounts_at(urls)
    schema = {SCHEMA_FILE: f"{json_text(files_schema())}\n"}
    written = write_new(folder, {**schema, **first_files(accounts)})
    ignored, advice = _ignore_state(folder)
    steps = [*_next_steps(folder, accounts, environment), *([advice] if advice else [])]
    files = [shown(path, environment.folder) for path in (*written, *ignored)]
    lines = ["Written:", *(f"  {file}" for file in files), "", "Next:", *(f"  {step}" for step in steps)]
    console.result("\n".join(lines), {"written": files, "next": steps})
    return Exit.DONE


def _free_folder(workspace: Path | None, environment: Environment) -> Path:
    """Return the folder to write to. Errors: `UsageError` where a workspace or a YAML file is in the way."""
    folder = workspace or environment.folder / DEFAULT_FOLDER
    folder = folder.parent if folder.name == SETTINGS_FILE else folder
    there = folder
    if workspace is None:
        try:
            there = find_workspace(None, environment.folder)
        except UsageError:
            # Either there is none, or there are two here; one of them is where the new one would be.
            there = environment.folder / DEFAULT_FOLDER
    if (there / SETTINGS_FILE).exists():
        raise UsageError(
            f"{shown(there, environment.folder)} is a workspace already, and init overwrites nothing; "
            "plan with it, or name another folder with --workspace"
        )
    if folder.is_dir():
        for document in read_workspace(folder, environment.folder):
            raise UsageError(
                f"{document.top.source.file} would become a part of the workspace; name a folder without "
                "YAML files with --workspace"
            )
    return folder


def _answer(question: str, console: Console) -> str:
    """Return an address as a person types it, empty for none; ask again where it is none."""
    while text := console.ask(question):
        try:
            return server_at(text)
        except ReconcilerError as error:
            console.say(f"  {error}")
    return ""


def write_new(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write new files in this order; where one cannot be written, take the others back.

    Errors: `UsageError`, for one that is there already, too.
    """
    written: list[Path] = []
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
                written.append(folder / name)
                file.write(text)
    except BaseException as error:
        for path in written:
            path.unlink()
        if isinstance(error, OSError):
            raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error
        raise
    return written


def _ignore_state(folder: Path) -> tuple[list[Path], str]:
    """Let git ignore `.reconciler/`, the state of one machine, in the repository around a folder.

    Adds one line at the end of its .gitignore, unless one is there, and leaves the rest as it is, byte for
    byte. Needs no git. Returns what was written, and what a person has to do instead.
    """
    top = repository_around(folder)
    if top is None:
        return [], f"once this is in a git repository: add the line {_STATE} to its {_IGNORE}"
    file = top / _IGNORE
    try:
        if is_ignored(file):
            return [], ""
        # Git follows no link here, and what it leads to is not of this repository.
        if not file.is_symlink() and (file.is_file() or not file.exists()):
            before = file.read_bytes() if file.exists() else b""
            newline = b"\r\n" if b"\r\n" in before else b"\n"
            begun = b"" if before.endswith(b"\n") or not before else newline
            with file.open("ab") as there:
                there.write(begun + _STATE.encode() + newline)
            return [file], ""
    except OSError:
        pass  # a person can do it
    return [], f"add the line {_STATE} to {file}, which could not be written"


def repository_around(folder: Path) -> Path | None:
    """Return the top of the git repository that a folder is in, `None` where it is in none."""
    real = folder.resolve()
    return next((top for top in (real, *real.parents) if (top / ".git").exists()), None)


def is_ignored(file: Path) -> bool:
    """Tell whether a .gitignore has a line for the state. Like git, it follows no link. Errors: `OSError`."""
    lines = file.read_bytes().splitlines() if file.is_file() and not file.is_symlink() else []
    return any(line.decode("utf-8", "replace").strip() in _IGNORED_AS for line in lines)


class Accounts(Struct, frozen=True):
    """The addresses of a real account and tenant, each empty where there is none yet."""

    checkmarket: str = ""
    expoints: str = ""


def accounts_at(urls: Sequence[str]) -> Accounts:
    """Return what is at these addresses: a tenant is known by its host, anything else is an account.

    Errors: `UsageError` for one that is no address of an API, and for a second of the same sort.
    """
    found: dict[bool, str] = {}
    for url in [server_at(url) for url in urls]:
        is_tenant = (urlsplit(url).hostname or "").endswith(_TENANTS)
        if is_tenant in found:
            raise UsageError(
                f"{found[is_tenant]} and {url} are of one sort; begin with one, and add targets later"
            )
        found[is_tenant] = url
    return Accounts(found.get(False, ""), found.get(True, ""))


def _next_steps(folder: Path, accounts: Accounts, environment: Environment) -> Iterator[str]:
    here, place = environment.folder.resolve(), folder.resolve()
    is_found = place in (here, here / DEFAULT_FOLDER)
    named = "" if is_found else f" --workspace {shlex.quote(shown(folder, environment.folder))}"
    yield f"reconciler plan{named}: what would change in the sandbox; reconciler apply{named} does it"
    named_by = ((accounts.checkmarket, _KEYS.values()), (accounts.expoints, [_TOKEN]))
    variables = [one for url, names in named_by if url and needs_credentials(url) for one in names]
    if variables:
        yield f"set {', '.join(variables)} in the environment: credentials stay out of the files"
    for url, hosts in ((accounts.checkmarket, CHECKMARKET_HOSTS), (accounts.expoints, EXPOINTS_HOSTS)):
        try:
            if url:
                trusted(url, hosts, environment.access)
        except ReconcilerError as refusal:
            # It says what to do before credentials go to the address.
            yield str(refusal)
    if accounts.checkmarket or accounts.expoints:
        yield f"reconciler doctor{named} --target {_REAL_TARGET}: whether all is there that it needs"
    yield f"give each configuration its targets: one without lives on every target, {_REAL_TARGET} too"
    if accounts.checkmarket:
        yield f"reconciler adopt{named} --target {_REAL_TARGET} --all: what is live there into the files"


def first_files(accounts: Accounts) -> dict[str, str]:
    """Return the text of each file by its name; the one that makes a folder a workspace is the last."""
    real = [*_real_target(accounts)] if accounts.checkmarket or accounts.expoints else []
    settings = "\n".join([_SANDBOX, *real, ""]) if real else _SANDBOX
    texts = {_EXAMPLE_FILE: _EXAMPLE, SETTINGS_FILE: settings}
    return {name: f"{modeline(Path(name), Path())}{text}" for name, text in texts.items()}


def _real_target(accounts: Accounts) -> Iterator[str]:
    """Yield the lines of the target of a real account."""
    yield f"  {_REAL_TARGET}:"
    if accounts.checkmarket:
        yield "    checkmarket:"
        yield f"      url: {quoted(accounts.checkmarket)}"
        if needs_credentials(accounts.checkmarket):
            yield from (f"      {name}: {{env: {variable}}}" for name, variable in _KEYS.items())
        yield "      requests_per_minute: 60                # the allowance is shared by the whole account"
    if accounts.expoints:
        yield "    expoints:"
        yield f"      url: {quoted(accounts.expoints)}"
        if needs_credentials(accounts.expoints):
            oauth = "# or oauth: {token_url, client_id, client_secret}"
            yield f"      token: {{env: {_TOKEN}}}           {oauth}"
        advice = "# none yet: add mailboxes of your own before a seed"
        yield f"      allowed_recipients: []                 {advice}"
    yield "    limits: {resets: 0, deletes: 0, updates: 30%}  # what one run may do; these are the defaults"


_SANDBOX = """\
# The workspace: where resources live, and what a run may do there. Every other YAML file here declares some.
version: 1
default_target: sandbox
undeclared: reset                            # an undeclared field goes back to the server's default

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
    # Where it lives. A configuration without `targets:` lives on every target, production too.
    targets: [sandbox]                       # elsewhere with its id: {production: {id: 290}}
"""
