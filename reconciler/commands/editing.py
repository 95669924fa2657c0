"""The end of every command that edits files: check them as they would be, then show or write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.workspace import SECTIONS, SEED_SECTIONS
from reconciler.config.canonical import ranks_of
from reconciler.config.editing.edition import Edition, overlay
from reconciler.config.editing.masking import masked
from reconciler.config.editing.writing import FileEdit, write
from reconciler.config.load import Workspace, load
from reconciler.errors import FilesInvalid, NotEdited
from reconciler.expoints.seed import Seed
from reconciler.problems import Severity
from reconciler.render.values import diff_text


def edition_of(workspace: Workspace[Seed], environment: Environment) -> Edition:
    """Return the files of a workspace, ready to be edited."""
    return Edition(workspace.folder, environment.folder, ranks_of(SECTIONS, SEED_SECTIONS))


def as_edited(
    workspace: Workspace[Seed], edits: Sequence[FileEdit], environment: Environment
) -> Workspace[Seed]:
    """Return what the files would declare once edited. Errors: `NotEdited` where they would be invalid."""
    try:
        return load(workspace.folder, SECTIONS, environment.folder, SEED_SECTIONS, overlay(edits))
    except FilesInvalid as invalid:
        errors = [problem for problem in invalid.problems if problem.severity is Severity.ERROR]
        raise NotEdited(errors) from invalid


def finish(
    edits: Sequence[FileEdit],
    workspace: Workspace[Seed],
    console: Console,
    *,
    diff: bool,
    text: str,
    document: dict[str, Any],
) -> None:
    """Write edited files and print what was done; with `diff`, print what would change and write nothing."""
    diffs = {one.file: _diff(one, console) if diff or console.as_json else "" for one in edits}
    if not diff:
        write(edits, workspace.folder)
    plain = "" if not diff else "\n".join([*diffs.values(), *([""] if diffs else [])])
    files = [{"file": file, "diff": text, "written": not diff} for file, text in diffs.items()]
    console.result(plain + text, {**document, "files": files})


def _diff(edit: FileEdit, console: Console) -> str:
    before = None if edit.before is None else masked(edit.before)
    return diff_text(edit.file, before, masked(edit.after), paint=console.paint)
