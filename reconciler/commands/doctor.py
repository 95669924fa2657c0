"""`reconciler doctor`: whether all is there that the targets need, and how to mend what is not.

Writes nothing anywhere: no journal and no sandbox is made. Of an API it asks for one cheap thing.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from reconciler import __version__
from reconciler.commands.checking_access import check_access
from reconciler.commands.checking_apis import check_account_access, check_tenant_access
from reconciler.commands.checking_journal import check_journal
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.init import is_ignored, repository_around
from reconciler.commands.interrupts import interruptible
from reconciler.commands.session import Chosen, chosen_target
from reconciler.commands.state import check_state_folder, sandbox_file, state_folder
from reconciler.commands.validate import files_schema
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.discovery import find_workspace, shown
from reconciler.config.load import Workspace
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.settings import SANDBOX, Target
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from reconciler.expoints.seed import Seed
from reconciler.private import private_database
from reconciler.render.listing import (
    Check,
    Part,
    State,
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


def doctor(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Look at the workspace and at the selected target, or at all of them, and print what was found.

    Errors: `UsageError` for a target that does not exist.
    """
    with interruptible(environment) as environment:
        access = Part("What the operator allows", [*check_access(environment)])
        parts = [
            Part("This installation", [_installation()]),
            access,
            *_parts(selection, console, environment),
        ]
    console.result(doctor_text(parts, console.paint), doctor_document(parts))
    return exit_of(parts)


def _installation() -> Check:
    system = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    return ok("versions", f"reconciler {__version__}, {system}")


def _parts(selection: Selection, console: Console, environment: Environment) -> Iterator[Part]:
    try:
        folder = find_workspace(selection.workspace, environment.folder)
    except UsageError as error:
        yield Part("Workspace", [replace(failed("workspace", error), mend="begin one: reconciler init")])
        return
    title = f"Workspace {shown(folder, environment.folder)}"
    try:
        workspace = open_workspace(selection, environment)
    except FilesInvalid as invalid:
        wrong = problem("files", counted(len(invalid.problems), "problem"), "reconciler validate lists them")
        told = not_checkable("targets", "nothing is asked while the files are wrong")
        yield Part(title, [wrong, *_surroundings(folder, environment), told])
        return
    yield Part(title, [_files(workspace), *_surroundings(folder, environment)])
    yield from _targets(workspace, selection, console, environment)


def _files(workspace: Workspace[Seed]) -> Check:
    warnings = counted(len(workspace.warnings), "warning")
    return ok(
        "files",
        f"{counted(workspace.files, 'file')}, {counted(workspace.resources, 'resource')}, "
        f"{counted(len(workspace.targets), 'target')}, {warnings}",
    )


def _surroundings(folder: Path, environment: Environment) -> Iterator[Check]:
    yield from _schema(folder, environment)
    yield _ignored(folder, environment)


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
        pass  # who cannot read it cannot tell either
    return not_checkable(
        "git", f"its .gitignore does not name {own}/; other settings of git may", "add the line .reconciler/"
    )


def _targets(
    workspace: Workspace[Seed], selection: Selection, console: Console, environment: Environment
) -> Iterator[Part]:
    chosen = (
        [chosen_target(workspace, selection.target)] if selection.target else [*workspace.targets.values()]
    )
    progress = console.progress("Looking at targets")
    for number, target in enumerate(chosen, start=1):
        yield Part(f"Target {target.name}", [*_target(Chosen(workspace, target, environment))])
        progress(number, len(chosen))


def _target(chosen: Chosen) -> Iterator[Check]:
    if chosen.target.checkmarket is not None:
        yield from check_account_access(chosen.target.name, chosen.target.checkmarket, chosen.environment)
    if chosen.target.expoints is not None:
        yield from check_tenant_access(chosen.target.name, chosen.target.expoints, chosen.environment)
        yield from _recipients(chosen.target)
    if SANDBOX in _urls(chosen.target):
        yield _sandbox(chosen)
    yield from check_journal(chosen)


def _urls(target: Target) -> Sequence[str]:
    return [api.url for api in (target.checkmarket, target.expoints) if api is not None]


def _recipients(target: Target) -> Iterator[Check]:
    allowed = len(target.guardrails.allowed_recipients)
    if allowed:
        yield ok("recipients", f"{counted(allowed, 'pattern')} of allowed recipients")
    else:
        yield Check(
            "recipients", State.OK, "nobody is allowed, so no seed is sent", "add allowed_recipients: […]"
        )


def _sandbox(chosen: Chosen) -> Check:
    path = sandbox_file(chosen.workspace.folder, chosen.target.name)
    name = shown(path, chosen.environment.folder)
    try:
        check_state_folder(chosen.workspace.folder, chosen.environment, make=False)
        if private_database(path) is None:
            return ok("sandbox", f"{name} is not there yet; the first plan begins it")
        check_state(path)
    except (StateError, Refused, OSError) as error:
        return problem("sandbox", str(error))
    return ok("sandbox", f"{name} is sound; reconciler sandbox reset starts over")
