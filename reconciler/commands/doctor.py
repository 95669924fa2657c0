"""`reconciler doctor`: whether all is there that the targets need, and how to mend what is not.

Writes nothing anywhere: no journal and no sandbox is made. Of an API it asks for one cheap thing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from reconciler import __version__
from reconciler.access import ALLOWED_ENV, MOUNTED_SECRETS, SECRETS_DIR, TRUSTED_HOSTS, Access
from reconciler.checkmarket.client import open_checkmarket
from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, interruptible
from reconciler.commands.expoints import login_of
from reconciler.commands.init import is_ignored, repository_around
from reconciler.commands.journal import journal_address, open_past
from reconciler.commands.session import (
    Chosen,
    check_state_folder,
    chosen_target,
    connection_to,
    lacking,
    state_folder,
)
from reconciler.commands.validate import files_schema
from reconciler.commands.workspace import Selection, counts_text, open_workspace
from reconciler.config.discovery import find_workspace, shown
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.settings import SANDBOX, CheckMarket, Expoints, needs_credentials
from reconciler.config.settings import Secret as SecretReference
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, Refused, UsageError
from reconciler.expoints.client import open_expoints, token_hosts
from reconciler.git import find_repository
from reconciler.http.api import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, Bounds, trusted
from reconciler.http.messages import Secret
from reconciler.journal.entries import Run, shown_accounts
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.journal import protection_of, shown_address
from reconciler.render.listing import (
    Check,
    Checks,
    doctor_document,
    doctor_text,
    exit_of,
    failed,
    not_checkable,
    ok,
    problem,
)
from reconciler.render.values import counted, json_text
from reconciler.sandbox import StateError, check_state
from reconciler.system import private_database

CLOCK_TOLERANCE = 60.0
"""Seconds by which two clocks may differ; a server tells whole seconds, and an answer takes a while."""
_PATIENCE = 5.0  # seconds in which an attempt that failed is repeated: a person is waiting
_FILE = "sqlite:"


def doctor(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Look at the workspace and at the selected target, or at all of them, and print what was found.

    Errors: `UsageError` for a target that does not exist.
    """
    system = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    with interruptible(environment) as environment:
        parts: Checks = [
            ("This installation", [ok("versions", f"reconciler {__version__}, {system}")]),
            ("What the operator allows", [*check_access(environment)]),
            *_workspace(selection, console, environment),
        ]
    console.result(doctor_text(parts, console.paint), doctor_document(parts), has_summary=True)
    return exit_of(parts)


def check_access(environment: Environment) -> Iterator[Check]:
    """Yield what each variable of the operator's allows here, and a problem for what has no effect."""
    access = environment.access
    mistakes = [problem(variable, text, mend) for variable, text, mend in access.mistakes()]
    wrong = {check.subject for check in mistakes}
    said = {
        "CI": "is set: nothing is asked, so this machine and files of secrets are trusted only as named below"
        if access.in_ci
        else "is not set: a person runs this, and this machine is trusted, as for reconciler sandbox serve",
        TRUSTED_HOSTS: _hosts(access),
        ALLOWED_ENV: f"{{env: …}} may name {', '.join(access.allowed_env)} only; a journal "
        "RECONCILER_JOURNAL too"
        if access.allowed_env
        else "is not set: {env: …} may name every variable but those of other systems and RECONCILER_*",
        SECRETS_DIR: _files(access),
    }
    yield from (ok(variable, text) for variable, text in said.items() if variable not in wrong)
    yield from mistakes


def _hosts(access: Access) -> str:
    """Return to whom credentials go: the hosts of each API, and those that the operator names."""
    own = (
        f"keys of CheckMarket go to {' and '.join(CHECKMARKET_HOSTS)}, a token of Expoints to "
        f"{', '.join(EXPOINTS_HOSTS)}, its client secret to {', '.join(TOKEN_HOSTS)} and the tenant"
    )
    if not access.trusted_hosts:
        return f"is not set: {own}, all at port 443"
    named = ", ".join(access.trusted_hosts)
    return f"adds {named}, at port 443 if none is named, for any API and a journal; otherwise {own}"


def _files(access: Access) -> str:
    if access.secrets_dir:
        return f"{{file: …}} may name what lies in {access.secrets_dir} or {MOUNTED_SECRETS} only"
    if access.in_ci:
        return f"is not set: in CI {{file: …}} may name what lies in {MOUNTED_SECRETS} only"
    return "is not set: {file: …} may name any plain file of one line that is no other program's"


def _workspace(
    selection: Selection, console: Console, environment: Environment
) -> Iterator[tuple[str, list[Check]]]:
    """Yield how the workspace stands, and then each target of it."""
    try:
        folder = find_workspace(selection.workspace, environment.folder)
    except UsageError as error:
        yield "Workspace", [replace(failed("workspace", error), mend="begin one: reconciler init")]
        return
    title = f"Workspace {shown(folder, environment.folder)}"
    surroundings = [*_schema(folder, environment), _ignored(folder, environment)]
    try:
        workspace = open_workspace(selection, environment)
    except FilesInvalid as invalid:
        wrong = problem("files", counted(len(invalid.problems), "problem"), "reconciler validate lists them")
        untold = not_checkable("targets", "nothing is asked while the files are wrong")
        yield title, [wrong, *surroundings, untold]
        return
    yield title, [ok("files", counts_text(workspace)), *surroundings]
    one = [chosen_target(workspace, selection.target)] if selection.target else None
    targets = one or [*workspace.targets.values()]
    progress = console.progress("Looking at targets")
    for number, target in enumerate(targets, start=1):
        yield f"Target {target.name}", [*_target(Chosen(workspace, target, environment))]
        progress(number, len(targets))


def _schema(folder: Path, environment: Environment) -> Iterator[Check]:
    """Yield whether the schema that editors use is that of this version, where there is one."""
    file = folder / SCHEMA_FILE
    try:
        found = file.read_text("utf-8") if file.exists() else ""
    except (OSError, ValueError):
        found = "unreadable"
    if found == f"{json_text(files_schema())}\n":
        yield ok("schema", f"{SCHEMA_FILE} is of this version")
    elif found:
        name = shown(file, environment.folder)
        yield problem("schema", f"{name} is of another version", f"reconciler schema workspace > {name}")


def _ignored(folder: Path, environment: Environment) -> Check:
    own = shown(state_folder(folder), environment.folder)
    top = repository_around(folder)
    if top is None:
        return not_checkable("git", f"the workspace is in no repository that could ignore {own}/")
    try:
        if is_ignored(top / ".gitignore"):
            return ok("git", f"ignores {own}/")
    except OSError:
        pass  # a file that cannot be read does not tell
    return not_checkable(
        "git", f"its .gitignore does not name {own}/; other settings of git may", "add the line .reconciler/"
    )


def _target(chosen: Chosen) -> Iterator[Check]:
    target = chosen.target
    if target.checkmarket is not None:
        yield from check_account_access(chosen, target.checkmarket)
    if target.expoints is not None:
        yield from check_tenant_access(chosen, target.expoints)
        if allowed := len(target.guardrails.allowed_recipients):
            yield ok("recipients", f"{counted(allowed, 'pattern')} of allowed recipients")
        else:
            text = "no recipient is allowed, so no seed is sent"
            yield Check("recipients", "ok", text, "add allowed_recipients: […]")
    if any(api.url == SANDBOX for api in (target.checkmarket, target.expoints) if api is not None):
        yield _sandbox(chosen)
    yield from check_journal(chosen)


class _Api(Struct, frozen=True):
    """One API of a target. `ask` reads one cheap thing, and returns the time by the server's clock."""

    name: str
    url: str
    credentials: Mapping[str, SecretReference | None]
    hosts: Mapping[str, tuple[tuple[str, ...], Access]]
    """Each address that gets credentials → the hosts that may, and who else is trusted."""
    ask: Callable[[], tuple[float | None, list[Check]]]
    may_write: str  # what is unknown of the right to write


def check_account_access(chosen: Chosen, settings: CheckMarket) -> Iterator[Check]:
    """Yield how a CheckMarket account stands: credentials, host, answer, account, rights, clock."""
    environment = chosen.environment
    credentials = {"master_key": settings.master_key, "key": settings.key}

    def ask() -> tuple[float | None, list[Check]]:
        kept = credentials.values()
        keys = [Secret(one.read(environment.environ) if one else "sandbox") for one in kept]
        bounds = Bounds(settings.requests_per_minute, total_wait=_PATIENCE)
        connection = connection_to(chosen, settings.url, f"checkmarket of {chosen.target.name}", bounds)
        with open_checkmarket(settings.url, keys[0], keys[1], connection) as client:
            server_time, wanted = client.server_time(), settings.account_must_have
            if wanted is None:
                text = "which account it is the API does not tell"
                check = not_checkable("account", text, "add account_must_have: {id: …, name: …} of one in it")
            elif lacks := lacking(client, SECTION.kind, wanted):
                check = problem("account", f"it {lacks}", "are these the keys of another one?")
            else:
                check = ok("account", "it has what account_must_have names")
            return server_time, [check]

    write = "the API does not tell whether the keys have the role Contacts (write); the first apply will"
    hosts = {settings.url: (CHECKMARKET_HOSTS, environment.access)}
    yield from _checked(_Api("checkmarket", settings.url, credentials, hosts, ask, write), environment)


def check_tenant_access(chosen: Chosen, settings: Expoints) -> Iterator[Check]:
    """Yield how an Expoints tenant stands: credentials, hosts, answer, rights, clock."""
    environment, oauth = chosen.environment, settings.oauth
    credentials: dict[str, SecretReference | None] = {"token": settings.token}
    hosts: dict[str, tuple[tuple[str, ...], Access]] = {settings.url: (EXPOINTS_HOSTS, environment.access)}
    if oauth is not None:
        credentials = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
        hosts[oauth.token_url] = token_hosts(settings.url, environment.access)

    def ask() -> tuple[float | None, list[Check]]:
        bounds = Bounds(settings.requests_per_minute, total_wait=_PATIENCE)
        connection = connection_to(chosen, settings.url, f"expoints of {chosen.target.name}", bounds)
        with open_expoints(settings.url, login_of(settings, environment.environ), connection) as client:
            return client.server_time(), []

    write = "the API does not tell whether the token may add customers; the first seed will"
    yield from _checked(_Api("expoints", settings.url, credentials, hosts, ask, write), environment)


def _checked(api: _Api, environment: Environment) -> Iterator[Check]:
    """Yield how an API stands, in the order in which it goes wrong; it is asked if all before is right."""
    if api.url == SANDBOX:
        yield ok(api.name, "the embedded sandbox: no account, no network")
        return
    before = [*_credentials(api, environment)]
    for url, (hosts, access) in api.hosts.items():
        try:
            trusted(url, hosts, access)
        except ReconcilerError as error:
            before.append(failed(f"{api.name} host", error))
        else:
            before.append(ok(f"{api.name} host", f"{urlsplit(url).netloc} is trusted with credentials"))
    yield from before
    if any(check.state == "problem" for check in before):
        yield not_checkable(api.name, "it was not asked, because of what stands above")
        return
    try:
        server_time, more = api.ask()
    except ReconcilerError as error:
        yield failed(api.name, error)
        return
    yield ok(api.name, "it answers, and the credentials may read")
    yield from more
    yield not_checkable(f"{api.name} writing", api.may_write)
    yield _clock(f"{api.name} clock", server_time, environment.clock.now())


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
            # Where there is a value, the error says what to do about it.
            has_value = kept.env is not None and environment.environ.get(kept.env)
            mend = f"export {kept.env}=…" if kept.env else "write it there, readable for yourself only"
            yield problem(subject, str(error), "" if has_value else mend)
        else:
            where = f"the file {kept.file}" if kept.file is not None else "the files"
            yield ok(
                subject, f"{f'the variable {kept.env}' if kept.env is not None else where} holds a value"
            )


def _clock(subject: str, server_time: float | None, now: float) -> Check:
    if server_time is None:
        return not_checkable(subject, "the server does not tell its time")
    apart = abs(now - server_time)
    if apart <= CLOCK_TOLERANCE:
        return ok(subject, "this machine's and the server's agree to the minute")
    message = f"this machine's is {apart:.0f} s {'ahead of' if now > server_time else 'behind'} the server's"
    return problem(subject, message, "set this machine's clock: dates of seeds and locks go by it")


def _sandbox(chosen: Chosen) -> Check:
    path = state_folder(chosen.workspace.folder) / f"sandbox-{chosen.target.name}.db"
    name = shown(path, chosen.environment.folder)
    try:
        check_state_folder(chosen.workspace.folder, chosen.environment, make=False)
        if private_database(path) is None:
            return ok("sandbox", f"{name} is not there yet; the first plan begins it")
        check_state(path)
    except (StateError, Refused, OSError) as error:
        return problem("sandbox", str(error))
    return ok("sandbox", f"{name} is sound; reconciler sandbox reset starts over")


def check_journal(chosen: Chosen) -> Iterator[Check]:
    """Yield how the journal stands: where it is, whether it can be read, and which runs hold an account.

    It is read as for a plan: none is made.
    """
    folder = chosen.workspace.folder
    try:
        address = journal_address(chosen)
        name = shown_address(address, folder)
        with open_past(chosen) as past:
            is_new, runs = past.is_new, past.runs()
    except ReconcilerError as error:
        yield failed("journal", error)
        return
    is_file = address.startswith(_FILE)
    name = shown(Path(name), chosen.environment.folder) if is_file else name
    if is_new:
        yield ok("journal", f"{name} is not there yet; the first apply makes it")
    else:
        yield ok("journal", f"{name} can be read by this version; {counted(len(runs), 'run')}")
    mode = protection_of(address)
    if mode == "verify-full":
        yield ok("journal host", "it proves its name by a certificate (sslmode=verify-full)")
    elif mode:
        text = f"another host may pose as it, or read along (sslmode={mode})"
        mend = "write sslmode=verify-full, with sslrootcert=FILE of its authority"
        yield not_checkable("journal host", text, mend)
    if is_file:
        file = Path(shown_address(address, folder))
        there = next(path for path in (file, *file.absolute().parents) if path.exists())
        if os.access(there, os.W_OK):
            yield ok("journal writing", "its place can be written")
        else:
            yield problem("journal writing", f"{there} may not be written", "look at the rights on it")
    else:
        yield not_checkable("journal writing", "only a write shows whether it may be written")
    yield from (_holder(run, chosen.environment.clock.now()) for run in runs if run.is_open)
    apis = (chosen.target.checkmarket, chosen.target.expoints)
    if is_file and any(needs_credentials(api.url) for api in apis if api is not None):
        mend = "add journal: to the target: {env: NAME} of a postgresql:// address, or git+branch:NAME"
        if chosen.environment.access.in_ci:
            text = "in CI a file is gone after the run, and seeds are not sent"
            yield problem("journal sharing", text, mend)
        else:
            yield not_checkable("journal sharing", "a file knows nothing of runs on other machines", mend)
    elif address.startswith("git+branch:"):
        remotes = find_repository(folder, chosen.environment.environ).settings_of_remotes()
        if not any(key.endswith("url") for key in remotes):
            text = "the repository has no remote, so the branch stays in this clone"
            mend = "git remote add origin ADDRESS, and git push the branch if it is there already"
            yield not_checkable("journal sharing", text, mend)


def _holder(run: Run, now: float) -> Check:
    start, observer = run.start, this_process()
    who = f"run {run.number} ({start.command} on {start.target}) of {start.who}"
    if is_dead(run, observer, now):
        return ok("lock", f"{who} died; the next run ends it and goes on")
    held = f"{who} holds {' and '.join(shown_accounts(start.accounts))}"
    if start.process.machine == observer.machine:
        return ok("lock", f"{held}: it is at work here, process {start.process.pid}")
    mend = f"wait with --lock-timeout; if it is surely dead, --take-over {run.number} ends it"
    return not_checkable("lock", f"{held}; whether it lives cannot be seen from here", mend)
