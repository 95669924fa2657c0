"""Which folder is the workspace, and which files in it are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.config.files import content_of
from reconciler.config.nodes import Document, unread
from reconciler.config.wording import visible
from reconciler.config.yaml import LARGEST_FILE, read
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem

SETTINGS_FILE = "reconciler.yaml"
DEFAULT_FOLDER = "configs"
DEEPEST_FOLDER = 30
"""Folders inside each other, below that of the workspace."""
_SUFFIXES = (".yaml", ".yml")


def find_workspace(explicit: Path | None, start: Path) -> Path:
    """Return the folder with `reconciler.yaml`: the named one, or the nearest at or above `start`.

    `explicit` names the folder or the file in it. Above `start`, a folder may hold the file itself or in
    `configs/`. Errors: `UsageError`, where there is none, or both in one folder.
    """
    if explicit is not None:
        return _named(explicit)
    for folder in (start, *start.resolve().parents):
        if found := _workspaces_in(folder):
            return _only(found)
    raise UsageError(
        f"no {SETTINGS_FILE} or {DEFAULT_FOLDER}/{SETTINGS_FILE} here or in any folder above; write one, or "
        "name the folder with --workspace"
    )


def _named(explicit: Path) -> Path:
    folder = explicit.parent if explicit.name == SETTINGS_FILE else explicit
    if _holds_settings(folder):
        return folder
    below = folder / DEFAULT_FOLDER
    hint = f"; did you mean {visible(str(below))}?" if _holds_settings(below) else ""
    raise UsageError(f"there is no {SETTINGS_FILE} in {visible(str(folder))}{hint}")


def _workspaces_in(folder: Path) -> list[Path]:
    return [place for place in (folder, folder / DEFAULT_FOLDER) if _holds_settings(place)]


def _holds_settings(folder: Path) -> bool:
    try:
        return (folder / SETTINGS_FILE).is_file()
    except OSError as error:
        raise UsageError(f"{visible(str(folder))} cannot be looked into: {error.strerror}") from error


def _only(found: list[Path]) -> Path:
    if len(found) > 1:
        both = " and ".join(str(folder / SETTINGS_FILE) for folder in found)
        raise UsageError(f"both {both} exist; keep one, or name the folder with --workspace")
    return found[0]


def shown(path: Path, base: Path) -> str:
    """Return how a file is named to people: relative to `base` when below it, else as it is."""
    try:
        relative = path.absolute().relative_to(base.absolute())
    except ValueError:
        relative = path
    return visible(relative.as_posix(), longest=4096)


def read_workspace(folder: Path, base: Path) -> Iterator[Document]:
    """Yield every `*.yaml` and `*.yml` below `folder` that no dot hides, in a stable order.

    What cannot be read is an empty document with its problem. `base` as in `shown`.
    """
    unreadable: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(here).parts) - len(folder.parts) >= DEEPEST_FOLDER and folders:
            yield _too_deep(shown(Path(here) / folders[0], base))
            folders.clear()
        for name in sorted(filter(_is_wanted, files)):
            yield _document(Path(here) / name, folder, base)
        for name in folders:
            yield from _linked(Path(here) / name, folder, base)
    for error in unreadable:
        yield _unreadable(shown(Path(str(error.filename)), base), error)


def _is_wanted(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _linked(path: Path, folder: Path, base: Path) -> Iterator[Document]:
    """Yield the problem of a link to a folder outside; a folder inside is read where it really is."""
    try:
        if _leads_outside(path, folder):
            yield _outside(shown(path, base))
    except OSError as error:
        yield _unreadable(shown(path, base), error)


def _leads_outside(path: Path, folder: Path) -> bool:
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except RuntimeError as loop:
        raise OSError("it is a link to itself") from loop


def _document(path: Path, folder: Path, base: Path) -> Document:
    file = shown(path, base)
    try:
        if _leads_outside(path, folder):
            return _outside(file)
        return read(content_of(path, LARGEST_FILE + 1), file)
    except OSError as error:
        return _unreadable(file, error)


def _unreadable(file: str, error: OSError) -> Document:
    return _refused(
        file, "unreadable-file", f"it cannot be read: {error.strerror or error}", "make it readable"
    )


def _too_deep(file: str) -> Document:
    message = f"more than {DEEPEST_FOLDER} folders stand inside each other"
    return _refused(file, "too-much", message, "no workspace needs that; move it up")


def _outside(file: str) -> Document:
    message = "this link leads out of the workspace"
    return _refused(file, "symlink-outside", message, "copy what it leads to")


def _refused(file: str, code: str, message: str, hint: str) -> Document:
    return unread(file, Problem(code, Place(file, 1, 1), "", message, hint))
