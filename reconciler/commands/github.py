"""A run inside GitHub Actions: secrets masked before anything is said, annotations, outputs, the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from reconciler.commands.console import Console
from reconciler.commands.outside import Outside
from reconciler.config.secret import Kept, Setting, kept_in
from reconciler.config.wording import visible
from reconciler.errors import ReconcilerError, UsageError
from reconciler.problems import Problem

if TYPE_CHECKING:
    from reconciler.config.load import Workspace
    from reconciler.expoints.seed import Seed
    from reconciler.render.fitting import Limit
    from reconciler.render.links import Links
    from reconciler.render.reported import Reported


def is_in_actions(outside: Outside) -> bool:
    """Tell whether the run is a step of GitHub Actions."""
    return outside.environ.get("GITHUB_ACTIONS", "").lower() == "true"


def begin(workspace: Workspace[Seed], console: Console, outside: Outside) -> None:
    """Say the first things about a workspace: to GitHub what is secret, to a person the warnings."""
    if is_in_actions(outside):
        from reconciler.render.github import mask_lines

        _command(mask_lines(_secrets(workspace, outside)), console)
    if not console.quiet:
        console.problems(workspace.warnings)


def annotate(problems: Sequence[Problem], console: Console, outside: Outside) -> None:
    """Show problems on their lines, where GitHub shows them."""
    if is_in_actions(outside):
        from reconciler.render.github import annotation_lines

        _command(annotation_lines(problems, links_of(outside)), console)


def links_of(outside: Outside) -> Links:
    """Return where files are seen: as git tells in a step of GitHub Actions, else as the variables do."""
    from reconciler.git import open_repository
    from reconciler.render.links import Links

    if is_in_actions(outside):
        try:
            with open_repository(outside.folder, outside.environ) as repository:
                commit = repository.commit("HEAD")
            return Links.in_checkout(outside.environ, outside.folder, commit, repository.prefix)
        except UsageError:
            pass  # no checkout, or one that git does not trust
    return Links.of(outside.environ, outside.folder)


def tell(told: Sequence[Reported], exit_code: int, outside: Outside) -> None:
    """Write the outputs and the summary of the step. Errors: `UsageError` where a file cannot be written."""
    from reconciler.render.github import outputs, outputs_text
    from reconciler.render.markdown import markdown

    _append("GITHUB_OUTPUT", outputs_text(outputs(told, exit_code)), outside)
    _append("GITHUB_STEP_SUMMARY", markdown(told, _room(outside)), outside)


def github_text(told: Sequence[Reported], problems: Sequence[Problem], exit_code: int, links: Links) -> str:
    """Return all that a step would tell GitHub, as one text: annotations, outputs, summary."""
    from reconciler.render.fitting import STEP_SUMMARY
    from reconciler.render.github import annotation_lines, outputs, outputs_text
    from reconciler.render.markdown import markdown

    lines = "".join(f"{line}\n" for line in annotation_lines(problems, links))
    return f"{lines}{outputs_text(outputs(told, exit_code))}\n{markdown(told, STEP_SUMMARY)}"


def _command(lines: Iterator[str], console: Console) -> None:
    """Print commands where GitHub reads them: it reads both streams, and JSON has the first one to itself."""
    for line in lines:
        console.command(line)


def _secrets(workspace: Workspace[Seed], outside: Outside) -> Iterator[str]:
    for target in workspace.targets.values():
        for kept in kept_in(target.settings):
            if not (isinstance(kept, Setting) and kept.text is not None):
                yield from _parts(_value(kept, outside))


def _value(kept: Kept, outside: Outside) -> str:
    try:
        return kept.read(outside.environ)
    except UsageError:
        return outside.environ.get(kept.env or "", "")  # malformed as it is, it stays a secret
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


def _room(outside: Outside) -> Limit:
    """Return what the summary of the step has room for, beside what other commands have written."""
    from reconciler.render.fitting import STEP_SUMMARY, Limit

    path = outside.environ.get("GITHUB_STEP_SUMMARY")
    try:
        taken = Path(path).stat().st_size if path else 0
    except OSError:
        taken = 0
    return Limit(max(0, STEP_SUMMARY.most - taken - 1), STEP_SUMMARY.size)


def _append(variable: str, text: str, outside: Outside) -> None:
    path = outside.environ.get(variable)
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
