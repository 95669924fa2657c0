"""`reconciler fmt`: the keys of resources, presets and seeds in their canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.commands.console import Console
from reconciler.commands.editing import finish
from reconciler.commands.environment import Environment
from reconciler.commands.workspace import SECTIONS, SEED_SECTIONS, Selection, open_workspace
from reconciler.config.canonical import ranks_of
from reconciler.config.discovery import shown, workspace_files
from reconciler.config.editing.ordering import ordered
from reconciler.config.editing.writing import FileEdit
from reconciler.errors import Exit, UsageError
from reconciler.render.values import FORMAT_VERSION, counted


def fmt(
    files: Sequence[Path],
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    check: bool = False,
    diff: bool = False,
) -> Exit:
    """Bring files into order, all of the workspace if none is named; `check` only says which are not.

    With `check`, exits 1 where a file is not in order. Errors: `FilesInvalid`, for order is of what counts.
    """
    workspace = open_workspace(selection, environment)
    ranks = ranks_of(SECTIONS, SEED_SECTIONS)
    edits = []
    for path in _chosen(files, [*workspace_files(workspace.folder)], environment.folder):
        before, file = path.read_bytes(), shown(path, environment.folder)
        after = ordered(before, file, ranks)
        if after != before:
            edits.append(FileEdit(path, file, before, after))
    text = "\n".join([*(edit.file for edit in edits), _summary(len(edits), writes=not check and not diff)])
    document = {"format_version": FORMAT_VERSION, "check": check}
    if check and not diff:
        console.result(text, {**document, "files": [{"file": e.file, "written": False} for e in edits]})
    else:
        finish(edits, workspace, console, diff=check or diff, text=text, document=document)
    return Exit.ERROR if check and edits else Exit.DONE


def _summary(number: int, *, writes: bool) -> str:
    if not number:
        return "All files are in order."
    return f"{'Put into order' if writes else 'Not in order'}: {counted(number, 'file')}."


def _chosen(files: Sequence[Path], known: Sequence[Path], base: Path) -> list[Path]:
    """Return the files of the workspace that are named, by their path from where one stands."""
    by_place = {path.resolve(): path for path in known}
    wanted = [(base / file).resolve() for file in files]
    for file, place in zip(files, wanted, strict=True):
        if place not in by_place:
            raise UsageError(f"{file} is no file of the workspace")
    return [by_place[place] for place in wanted] if files else [*known]
