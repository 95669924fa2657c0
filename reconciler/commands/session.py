"""A workspace, one of its targets, the resources that the command is about, and the way to the API."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import scrypt
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.clock import Pace
from reconciler.commands.environment import Environment, interruptible
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.load import Workspace
from reconciler.config.names import instead, meant, meant_key, visible
from reconciler.config.settings import SANDBOX, Account, CheckMarket, Target, checkouts_of, needs_credentials
from reconciler.engine.body import value_at
from reconciler.engine.kind import Declared, Globs, Kind, Reader, matches
from reconciler.errors import Refused, UsageError
from reconciler.expoints.seed import Seed
from reconciler.git import place_of, with_index
from reconciler.journal.entries import ACCOUNT_SEPARATOR
from reconciler.problems import Place
from reconciler.system import BESIDE, private_database, private_folder

if TYPE_CHECKING:
    from reconciler.engine.kind import Client
    from reconciler.http.api import Bounds, Connection
    from reconciler.http.messages import Attempt

Keyed = TypeVar("Keyed", Declared, Seed)

EMBEDDED = "http://localhost"  # the address of a sandbox in this process
STATE = ".reconciler"  # what the folder with the default journal and the sandboxes is called
_SHORTEST_KEY = 16  # characters of a master key from which on it is hashed


class Chosen(Struct, frozen=True):
    """A target of a workspace that is not opened: no credential was read."""

    workspace: Workspace[Seed]
    target: Target
    environment: Environment


class Session(Chosen, frozen=True, kw_only=True):
    """An open target. `declared` and `seeds` hold what was selected."""

    kind: Kind
    account: str  # the name of the account in the journal. Shown through `shown_accounts` only
    account_name: str  # the name of the account in plans, digests and messages; nothing of a key shows in it
    declared: tuple[Declared, ...]
    seeds: tuple[Seed, ...]
    client: Client
    checkmarket: CheckMarket  # how to deal with the account; defaults where the target only sends seeds
    parts: tuple[Globs, ...] = ()  # by what `declared` and `seeds` were selected, if by anything

    @property
    def is_partial(self) -> bool:
        """Whether some of what is declared was left out."""
        return len(self.declared) < len(self.workspace.declared[self.target.name])

    @property
    def places(self) -> Mapping[str, Place]:
        """Where everything that was selected is declared."""
        seeds = {seed.key: seed.place for seed in self.seeds}
        return {one.key: one.place for one in self.declared} | seeds


def choose(selection: Selection, environment: Environment) -> Chosen:
    """Return the selected target. Errors: `UsageError` where there is none, `FilesInvalid`."""
    workspace = open_workspace(selection, environment)
    return Chosen(workspace, chosen_target(workspace, selection.target), environment)


def chosen_target(workspace: Workspace[Seed], name: str | None) -> Target:
    """Return the target that is named, or the default one."""
    chosen, names = name or workspace.settings.default_target, ", ".join(workspace.targets)
    if chosen is None:
        raise UsageError(f"no target: add --target, or default_target to reconciler.yaml; there is {names}")
    if chosen not in workspace.targets:
        raise UsageError(f"there is no target {visible(chosen)}; {meant(chosen, workspace.targets)}")
    return workspace.targets[chosen]


def check_target_is_named(selection: Selection, environment: Environment) -> None:
    """Check that an unattended run names the target that it writes to. Errors: `UsageError`."""
    if selection.target is None and environment.access.in_ci:
        raise UsageError("in CI the target that is written to must be named: add --target")


def chosen_keys(declared: Sequence[Keyed], parts: Sequence[Globs]) -> tuple[Keyed, ...]:
    """Return those of the resources or seeds that are in all of the parts."""
    return tuple(one for one in declared if all(part.holds(one.key) for part in parts))


def check_globs(selection: Selection, keys: Collection[str], where: str, more: str = "") -> None:
    """Check that every glob matches one of the keys that are declared there. Errors: `UsageError`."""
    for glob in (*selection.only, *selection.exclude):
        if not any(matches(key, glob) for key in keys):
            hint = f"{meant_key(glob, keys)}{more}"
            raise UsageError(f"nothing declared on {where} is called {visible(glob)}; {hint}")


@contextmanager
def open_session(selection: Selection, environment: Environment) -> Iterator[Session]:
    """Open the selected target of the selected workspace; its connections close with the block."""
    with open_target(open_workspace(selection, environment), selection, environment) as session:
        yield session


@contextmanager
def open_target(
    workspace: Workspace[Seed], selection: Selection, environment: Environment
) -> Iterator[Session]:
    """Open the selected target of a workspace; its connections close with the block, its waits on interrupt.

    Errors: `UsageError` for a glob that matches nothing.
    """
    target = chosen_target(workspace, selection.target)
    declared, seeds = workspace.declared[target.name], workspace.seeds[target.name]
    keys = [*(one.key for one in declared), *(seed.key for seed in seeds)]
    why = "" if target.checkmarket else ". It has no checkmarket: section, so only seeds live on it"
    check_globs(selection, keys, f"target {target.name}", why)
    settings = target.checkmarket
    with interruptible(environment) as environment:
        opened = partial(
            Session,
            workspace=workspace,
            target=target,
            declared=chosen_keys(declared, selection.parts),
            seeds=chosen_keys(seeds, selection.parts),
            environment=environment,
            parts=selection.parts,
        )
        if settings is None:
            (account,) = tenant_account(target)
            yield opened(
                kind=SECTION.kind,
                account=account,
                account_name=account,
                client=_NoAccount(target.name),
                checkmarket=CheckMarket(url=SANDBOX),
            )
            return
        # Imported here: what is offline needs no HTTP.
        from reconciler.checkmarket.client import open_checkmarket
        from reconciler.http.api import Bounds
        from reconciler.http.messages import Secret

        shown = account_name(target.name, settings)
        if settings.server_members:
            # A PUT leaves them out, which may reset them: every plan names them, and every digest binds them.
            shown += f" (never sent: {', '.join(map(visible, sorted(settings.server_members)))})"
        never_sent = {tuple(member.split(".")) for member in settings.server_members}
        kept = (settings.master_key, settings.key)  # of which a sandbox takes any
        master_key, key = (one.read(environment.environ) if one else "sandbox" for one in kept)
        account = account_in_journal(target.name, settings, master_key)
        bounds = Bounds(settings.requests_per_minute, settings.workers, settings.requests_per_run)
        chosen = Chosen(workspace, target, environment)
        connection = connection_to(chosen, settings.url, f"checkmarket {account}", bounds)
        url = EMBEDDED if settings.url == SANDBOX else settings.url
        with open_checkmarket(url, Secret(master_key), Secret(key), connection) as client:
            yield opened(
                kind=replace(SECTION.kind, server_members=SECTION.kind.server_members | never_sent),
                account=account,
                account_name=shown,
                client=client,
                checkmarket=settings,
            )


def connection_to(chosen: Chosen, url: str, account: str, bounds: Bounds) -> Connection:
    """Return how this run reaches an API of a target, or its sandbox; `account` names what has one pace."""
    from reconciler.http.api import Connection

    environment, name = chosen.environment, chosen.target.name

    def observe(attempt: Attempt) -> None:
        environment.crash.after("request")
        environment.on_request(name, attempt)

    transport, access = None, environment.access
    if url == SANDBOX:
        from reconciler.http.messages import WsgiTransport
        from reconciler.sandbox import Fault, State, StateError, Variants, create_app

        if (app := environment.sandboxes.get(name)) is None:
            variants = environment.environ.get("RECONCILER_SANDBOX_VARIANTS", "").split()
            rules = environment.environ.get("RECONCILER_SANDBOX_FAULTS", "").split(";")
            try:
                app = create_app(
                    State(private_sandbox(chosen.workspace.folder, name, environment)),
                    Variants.parse(variants),
                    [Fault.parse(rule.strip()) for rule in rules if rule.strip()],
                )
            except (StateError, ValueError) as error:
                raise UsageError(f"the sandbox of target {name} cannot be used: {error}") from error
        transport = WsgiTransport(app)
        access = replace(access, trusts_loopback=True)
    return Connection(
        bounds=bounds,
        clock=environment.clock,
        transport=transport,
        access=access,
        on_request=observe,
        before_request=lambda: environment.crash.before("request"),
        new_id=environment.new_id,
        pace=environment.paces.setdefault(account, Pace()),
    )


def tenant_account(target: Target) -> tuple[str, ...]:
    """Return the name under which the journal knows the target's tenant; nothing where it has none."""
    if target.expoints is None:
        return ()
    url = target.expoints.url
    return (f"sandbox:{target.name}" if url == SANDBOX else urlsplit(url).netloc,)


def account_name(target: str, settings: CheckMarket) -> str:
    """Return a name of an account from the files alone: its host, and where its master key is kept.

    A hash of the key, however short, would let others try at leisure which key it is.
    """
    if settings.url == SANDBOX:
        return f"sandbox:{target}"
    host, kept = urlsplit(settings.url).netloc, settings.master_key
    if kept is None:
        return host
    where = re.sub(r"[^\w.-]", "_", kept.env or Path(kept.file or "").name, flags=re.ASCII)
    return f"{host}{ACCOUNT_SEPARATOR}{where[:64]}"


def account_in_journal(target: str, settings: CheckMarket, master_key: str) -> str:
    """Return the name under which the journal knows an account: the same however the files call its key.

    The master key identifies it (vendor example "getting started"), by a hash that is slow to try (scrypt,
    RFC 7914). A text so short that it could be guessed, and a server on this machine, go by `account_name`.
    """
    if not needs_credentials(settings.url) or len(master_key) < _SHORTEST_KEY:
        return account_name(target, settings)
    host = urlsplit(settings.url).netloc
    digest = scrypt(master_key.encode(), salt=f"reconciler {host}".encode(), n=2**14, r=8, p=1, dklen=16)
    return f"{host}{ACCOUNT_SEPARATOR}{digest.hex()}"


def check_account(session: Session) -> None:
    """Check that the account holds what `account_must_have` names. Errors: `Refused` if it does not."""
    wanted = session.checkmarket.account_must_have
    if wanted is not None and (lacks := lacking(session.client, session.kind, wanted)):
        raise Refused(
            f"the account behind target {session.target.name} {lacks}. Are these the keys of another "
            "account? Nothing was changed"
        )


def lacking(client: Reader, kind: Kind, wanted: Account) -> str:
    """Return what an account lacks of what `wanted` names, and what looks like it; empty for nothing."""
    bodies = [*client.list()] if wanted.id is None else [*filter(None, [client.read(wanted.id)])]
    names = [str(value_at(body, kind.by_path[kind.name_field].member)) for body in bodies]
    if bodies and wanted.name in (None, *names):
        return ""
    what = " ".join(str(part) for part in (wanted.id, wanted.name) if part is not None)
    hint = instead(wanted.name or "", names)
    return f"does not have {visible(what)}, which account_must_have names{hint and f' ({hint})'}"


class _NoAccount:
    """The client of a target that only sends seeds. It holds nothing; a write is a `UsageError`."""

    def __init__(self, target: str) -> None:
        self._target = target

    def _nothing(self, *_: object, **__: object) -> tuple[()]:
        return ()

    def _none(self, *_: object, **__: object) -> None:
        return None

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise UsageError(
            f"target {self._target} has no checkmarket: section, so it holds no import configurations; "
            "add one to reconciler.yaml"
        )

    list = find = _nothing
    read = name = _none
    meant = _refuse
    create = update = delete = _refuse


def state_folder(folder: Path) -> Path:
    """Return `.reconciler/` beside the workspace folder; in it where that is the top of a repository."""
    top = folder.resolve()
    return (top if (top / ".git").exists() else top.parent) / STATE


def private_sandbox(folder: Path, target: str, environment: Environment) -> Path:
    """Return where the sandbox of a target keeps its state; makes the folder.

    Errors: `UsageError`; `Refused` where another user or the repository can have put there what is found.
    """
    try:
        check_state_folder(folder, environment, make=True)
    except OSError as error:
        own = state_folder(folder)
        raise UsageError(f"{own} must be a folder that can be written: {error.strerror}") from error
    path = state_folder(folder) / f"sandbox-{target}.db"
    private_database(path)
    return path


def check_state_folder(folder: Path, environment: Environment, *, make: bool) -> None:
    """Check that `.reconciler/`, made with `make`, is this user's alone. Errors: `Refused`, `OSError`."""
    own = state_folder(folder)
    if private_folder(own, make=make):
        _check_untracked(own.parent, [own.name], own, environment)


def check_journal_file(path: Path, folder: Path, environment: Environment) -> None:
    """Check that no link in the checkout leads to the journal, and git tracks none of it: else `Refused`."""
    top = checkouts_of(folder)[-1]
    named = Path(os.path.normpath(folder.resolve() / path))
    if named.is_relative_to(top) and (folder / path).parent.resolve() != named.parent:
        raise Refused(
            f"the way to journal {path} goes over a link, and one in a repository can lead anywhere: name "
            f"the folder that it leads to"
        )
    if path.parent.is_dir():
        _check_untracked(path.parent, [path.name + ending for ending in ("", *BESIDE)], path, environment)


def _check_untracked(folder: Path, names: Sequence[str], shown: Path, environment: Environment) -> None:
    """Raise `Refused` where git tracks one of these names, in any case; none of its settings is read."""
    place = place_of(folder, environment.environ)
    if place is None or not (place.git_dir / "index").exists():
        return
    paths = [f":(top,icase,literal){posixpath.join(place.prefix, name)}" for name in names]
    try:
        with with_index(place) as git:
            is_tracked = bool(git("ls-files", "-z", "--cached", "--", *paths).out)
    except (UsageError, OSError):  # no git, or a repository that this user may not read
        return
    if is_tracked:
        raise Refused(
            f"git tracks {shown}, so what it says was sent and reviewed may come from everyone who can "
            f"change the repository, and is not believed. Move it away, and take it out: "
            f"git rm -r --cached '{shown}'"
        )
