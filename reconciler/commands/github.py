"""A run inside GitHub Actions: secrets masked before anything is said, annotations, outputs, the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.config.names import visible
from reconciler.config.secret import Kept, Setting, kept_in
from reconciler.errors import ReconcilerError, UsageError
from reconciler.problems import Problem

if TYPE_CHECKING:
    from reconciler.config.load import Workspace
    from reconciler.expoints.seed import Seed
    from reconciler.render.github import Links
    from reconciler.render.markdown import Limit
    from reconciler.render.report import Reported


def is_in_actions(environment: Environment) -> bool:
    """Tell whether the run is a step of GitHub Actions."""
    return environment.environ.get("GITHUB_ACTIONS", "").lower() == "true"


def begin(workspace: Workspace[Seed], console: Console, environment: Environment) -> None:
    """Say the first things about a workspace: to GitHub what is secret, to a person the warnings."""
    if is_in_actions(environment):
        from reconciler.render.github import mask_lines

        _command(mask_lines(_secrets(workspace, environment)), console)
    if not console.quiet:
        console.problems(workspace.warnings)


def annotate(problems: Sequence[Problem], console: Console, environment: Environment) -> None:
    """Show problems on their lines, where GitHub shows them."""
    if is_in_actions(environment):
        from reconciler.render.github import annotation_lines

        _command(annotation_lines(problems, links_of(environment)), console)


def links_of(environment: Environment) -> Links:
    """Return where files are seen: as git tells in a step of GitHub Actions, else as the variables do."""
    from reconciler.git import open_repository
    from reconciler.render.github import Links

    if is_in_actions(environment):
        try:
            with open_repository(environment.folder, environment.environ) as repository:
                commit = repository.commit("HEAD")
            return Links.in_checkout(environment.environ, environment.folder, commit, repository.prefix)
        except UsageError:
            pass  # no checkout, or one that git does not trust
    return Links.of(environment.environ, environment.folder)


def tell(told: Sequence[Reported], exit_code: int, environment: Environment) -> None:
    """Write the outputs and the summary of the step. Errors: `UsageError` where a file cannot be written."""
    from reconciler.render.github import outputs, outputs_text
    from reconciler.render.markdown import markdown

    _append("GITHUB_OUTPUT", outputs_text(outputs(told, exit_code)), environment)
    _append("GITHUB_STEP_SUMMARY", markdown(told, _room(environment)), environment)


def github_text(told: Sequence[Reported], problems: Sequence[Problem], exit_code: int, links: Links) -> str:
    """Return all that a step would tell GitHub, as one text: annotations, outputs, summary."""
    from reconciler.render.github import annotation_lines, outputs, outputs_text
    from reconciler.render.markdown import STEP_SUMMARY, markdown

    lines = "".join(f"{line}\n" for line in annotation_lines(problems, links))
    return f"{lines}{outputs_text(outputs(told, exit_code))}\n{markdown(told, STEP_SUMMARY)}"


def _command(lines: Iterator[str], console: Console) -> None:
    """Print commands where GitHub reads them: it reads both streams, and JSON has the first one to itself."""
    for line in lines:
        console.command(line)


def _secrets(workspace: Workspace[Seed], environment: Environment) -> Iterator[str]:
    for target in workspace.targets.values():
        for kept in kept_in(target.settings):
            if not (isinstance(kept, Setting) and kept.text is not None):
                yield from _parts(_value(kept, environment))


def _value(kept: Kept, environment: Environment) -> str:
    try:
        return kept.read(environment.environ)
    except UsageError:
        return environment.environ.get(kept.env or "", "")  # malformed as it is, it stays a secret
    except ReconcilerError:
        return ""  # it is not read at all


def _parts(value: str) -> Iterator[str]:
    """Yield a secret, and the password of an address, which may be shown by itself."""
    yield value
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def _room(environment: Environment) -> Limit:
    """Return what the summary of the step has room for, beside what other commands have written."""
    from reconciler.render.markdown import STEP_SUMMARY, Limit

    path = environment.environ.get("GITHUB_STEP_SUMMARY")
    try:
        taken = Path(path).stat().st_size if path else 0
    except OSError:
        taken = 0
    return Limit(max(0, STEP_SUMMARY.most - taken - 1), STEP_SUMMARY.size)


def _append(variable: str, text: str, environment: Environment) -> None:
    path = environment.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("ab+") as file:
            begun = _is_begun(file)
            file.write(f"{chr(10) if begun else ''}{text}".encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{visible(path)} ({variable}) cannot be written: {why}") from error


def _is_begun(file: BinaryIO) -> bool:
    """Tell whether somebody else's last line is still without an end."""
    if file.seek(0, SEEK_END) == 0:
        return False
    file.seek(-1, SEEK_END)
    return file.read(1) != b"\n"
