"""`reconciler init`: the first files of a workspace. Overwrites nothing, and asks no API."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.validate import files_schema
from reconciler.config.discovery import DEFAULT_FOLDER, SETTINGS_FILE, find_workspace, read_workspace, shown
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.templates import REAL_TARGET, Accounts, accounts_at, first_files, server_at
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.http import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, trusted
from reconciler.render.values import json_text

_LINE = ".reconciler/"
_SAME = {".reconciler", ".reconciler/", "/.reconciler", "/.reconciler/", "**/.reconciler", "**/.reconciler/"}
_IGNORE = ".gitignore"


class Ignored(Struct, frozen=True):
    """What was written so that git ignores the state, and what a person has to do instead."""

    written: tuple[Path, ...] = ()
    advice: str = ""


def ignore_state(folder: Path) -> Ignored:
    """Let git ignore `.reconciler/` in the repository around a folder.

    Adds one line at the end of its .gitignore, unless one is there, and leaves the rest as it is, byte for
    byte. Needs no git.
    """
    top = repository_around(folder)
    if top is None:
        return Ignored(advice=f"once this is in a git repository: add the line {_LINE} to its {_IGNORE}")
    file = top / _IGNORE
    try:
        if is_ignored(file):
            return Ignored()
        # Git follows no link here, and what it leads to is not of this repository.
        if not file.is_symlink() and (file.is_file() or not file.exists()):
            _add_line(file)
            return Ignored((file,))
    except OSError:
        pass  # a person can do it
    return Ignored(advice=f"add the line {_LINE} to {file}, which could not be written")


def repository_around(folder: Path) -> Path | None:
    """Return the top of the git repository that a folder is in, `None` where it is in none."""
    real = folder.resolve()
    return next((top for top in (real, *real.parents) if (top / ".git").exists()), None)


def is_ignored(file: Path) -> bool:
    """Tell whether a .gitignore has a line for the state. Like git, it follows no link."""
    lines = file.read_bytes().splitlines() if file.is_file() and not file.is_symlink() else []
    return any(line.decode("utf-8", "replace").strip() in _SAME for line in lines)


def _add_line(file: Path) -> None:
    before = file.read_bytes() if file.exists() else b""
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    begun = b"" if before.endswith(b"\n") or not before else ending
    with file.open("ab") as there:
        there.write(begun + _LINE.encode() + ending)


_QUESTIONS = (
    "Address of your CheckMarket API, like https://api-eu.agileresearch.medallia.com (Enter: none yet):",
    "Address of your Expoints tenant, like https://acme.expoints.nl (Enter: none yet):",
)


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
    accounts = accounts_at(urls or list(_answers(console, may_ask=may_ask)))
    schema = {SCHEMA_FILE: f"{json_text(files_schema())}\n"}
    written = _write(folder, {**schema, **first_files(accounts)})
    ignored = ignore_state(folder)
    steps = [*_next_steps(folder, accounts, ignored, environment)]
    files = [shown(path, environment.folder) for path in (*written, *ignored.written)]
    console.result(_told(files, steps), {"written": files, "next": steps})
    return Exit.DONE


def _free_folder(workspace: Path | None, environment: Environment) -> Path:
    folder = workspace or environment.folder / DEFAULT_FOLDER
    folder = folder.parent if folder.name == SETTINGS_FILE else folder
    there = folder if workspace else _workspace_around(environment)
    if there is not None and (there / SETTINGS_FILE).exists():
        raise UsageError(
            f"{shown(there, environment.folder)} is a workspace already, and init overwrites nothing; "
            "plan with it, or name another folder with --workspace"
        )
    if folder.is_dir():
        for document in read_workspace(folder, environment.folder):
            raise UsageError(
                f"{document.top.file} would become a part of the workspace; name a folder without YAML files "
                "with --workspace"
            )
    return folder


def _workspace_around(environment: Environment) -> Path | None:
    try:
        return find_workspace(None, environment.folder)
    except UsageError:
        # Either there is none, or there are two here; one of them is where the new one would be.
        return environment.folder / DEFAULT_FOLDER


def _answers(console: Console, *, may_ask: bool) -> Iterator[str]:
    if may_ask and console.stdin.isatty():
        yield from (url for question in _QUESTIONS if (url := _answer(question, console)))


def _answer(question: str, console: Console) -> str:
    """Return an address as a person types it, empty for none; ask again where it is none."""
    while text := console.ask(question):
        try:
            return server_at(text)
        except ReconcilerError as error:
            console.say(f"  {error}")
    return ""


def _write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write new files in this order; where one cannot be written, take the others back."""
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
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


def _next_steps(
    folder: Path, accounts: Accounts, ignored: Ignored, environment: Environment
) -> Iterator[str]:
    named = _option(folder, environment)
    yield f"reconciler plan{named}: what would change in the sandbox; reconciler apply{named} does it"
    if accounts.variables:
        yield f"set {', '.join(accounts.variables)} in the environment: credentials stay out of the files"
    yield from (
        advice
        for url, hosts in ((accounts.checkmarket, CHECKMARKET_HOSTS), (accounts.expoints, EXPOINTS_HOSTS))
        if url and (advice := _trust(url, hosts, environment))
    )
    if accounts:
        yield f"reconciler doctor{named} --target {REAL_TARGET}: whether all is there that it needs"
    if accounts.checkmarket:
        yield f"reconciler adopt{named} --target {REAL_TARGET} --all: what is live there into the files"
    if ignored.advice:
        yield ignored.advice


def _option(folder: Path, environment: Environment) -> str:
    """Return the option that finds the workspace from here, empty where none is needed."""
    here = environment.folder.resolve()
    if folder.resolve() in (here, here / DEFAULT_FOLDER):
        return ""
    return f" --workspace {shlex.quote(shown(folder, environment.folder))}"


def _trust(url: str, hosts: tuple[str, ...], environment: Environment) -> str:
    """Return what to do before credentials go to an address, empty where nothing is to be done."""
    try:
        trusted(url, hosts, environment.access)
    except ReconcilerError as refusal:
        return str(refusal)
    return ""


def _told(files: Sequence[str], steps: Sequence[str]) -> str:
    return "\n".join(
        ["Written:", *(f"  {file}" for file in files), "", "Next:", *(f"  {step}" for step in steps)]
    )
