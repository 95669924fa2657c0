"""Which folder is the workspace, and which files in it are read."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import ClassVar

from msgspec import field

from reconciler.config.names import visible
from reconciler.config.nodes import Document, unread
from reconciler.config.yaml import LARGEST_FILE, Refusal, read
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem, Redacted

LARGEST_NAMED_FILE = 5_000_000
"""Bytes in one file."""
MOST_BYTES = 50_000_000
"""In all of them together."""


class Unfit(Exception):
    """A file that is not read, and why. The refusal does not repeat its path."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class WorkspaceFiles(Redacted, frozen=True, eq=False):
    """Reads files below `folder`, each once, so that what was checked is what is sent."""

    shown: ClassVar = ("folder", "base")

    folder: Path
    base: Path
    """The folder that files are named relative to."""
    _read: dict[str, bytes] = field(default_factory=dict)
    _encoded: dict[str, str] = field(default_factory=dict)

    def content(self, path: str) -> bytes:
        """Return the bytes of the file at `path`, which counts from the folder, with `/` between its parts.

        Errors: `Unfit` for a path that leads out of the folder or to something hidden in it, for what cannot
        be read, and for more than `LARGEST_FILE` bytes.
        """
        if path not in self._read:
            content = self._content(path)
            if sum(map(len, self._read.values())) + len(content) > MOST_BYTES:
                message = f"with this one, the files are larger than {MOST_BYTES // 1_000_000} MB together"
                raise Unfit(Refusal("file-too-large", message, "use fewer or smaller ones"))
            self._read[path] = content
        return self._read[path]

    def in_base64(self, path: str) -> str:
        """Return the same in base64: one text, however often a file is named. Errors: as for `content`."""
        if path not in self._encoded:
            self._encoded[path] = base64.b64encode(self.content(path)).decode("ascii")
        return self._encoded[path]

    def _content(self, path: str) -> bytes:
        try:
            content = content_of(self._inside(path), LARGEST_NAMED_FILE + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            hint = "check the path; it counts from the folder of the workspace"
            raise Unfit(Refusal("unreadable-file", f"the file cannot be read: {why}", hint)) from error
        if len(content) > LARGEST_NAMED_FILE:
            message = f"the file is larger than {LARGEST_NAMED_FILE // 1_000_000} MB"
            raise Unfit(Refusal("file-too-large", message, "use a smaller one"))
        return content

    def _inside(self, path: str) -> Path:
        if not path or PurePosixPath(path).is_absolute() or "\\" in path:
            raise _outside_path()
        top = self.folder.resolve()
        try:
            there = (top / path).resolve()
        except RuntimeError as loop:
            raise OSError("it is a link to itself") from loop
        # What a dot hides is not part of a workspace: .git/config may hold the credentials of a CI job.
        if not there.is_relative_to(top) or any(p.startswith(".") for p in there.relative_to(top).parts):
            raise _outside_path()
        return there


def _outside_path() -> Unfit:
    message = "this path does not lead to a visible file inside the workspace"
    hint = "write a path that counts from the folder of the workspace, with / between its parts"
    return Unfit(Refusal("path-outside", message, hint))


def content_of(path: Path, most: int) -> bytes:
    """Return at most the first `most` bytes of a regular file. Errors: `OSError`."""
    _check_regular(path.stat())
    # What it was a moment ago it need not be any more.
    with open(path, "rb", opener=_without_waiting) as file:
        found = os.fstat(file.fileno())
        _check_regular(found)
        # Room is made for as much as is asked for: `most` is asked for only of a file that has grown.
        content = file.read(min(most, found.st_size + 1))
        return content if len(content) <= found.st_size else content + file.read(most - len(content))


def _check_regular(found: os.stat_result) -> None:
    # A pipe or a device would be waited for without end.
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is not a regular file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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
        f"no {SETTINGS_FILE} or {DEFAULT_FOLDER}/{SETTINGS_FILE} here or in any folder above; let reconciler "
        "init write one, or name the folder with --workspace"
    )


def _named(explicit: Path) -> Path:
    folder = explicit.parent if explicit.name == SETTINGS_FILE else explicit
    if _holds_settings(folder):
        return folder
    below = folder / DEFAULT_FOLDER
    hint = f"; did you mean {visible(str(below), longest=4096)}?" if _holds_settings(below) else ""
    raise UsageError(f"there is no {SETTINGS_FILE} in {visible(str(folder), longest=4096)}{hint}")


def _workspaces_in(folder: Path) -> list[Path]:
    return [place for place in (folder, folder / DEFAULT_FOLDER) if _holds_settings(place)]


def _holds_settings(folder: Path) -> bool:
    try:
        return (folder / SETTINGS_FILE).is_file()
    except OSError as error:
        raise UsageError(
            f"{visible(str(folder), longest=4096)} cannot be looked into: {error.strerror}"
        ) from error


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


NOT_EDITED: Mapping[Path, bytes] = MappingProxyType({})


def read_workspace(folder: Path, base: Path, edited: Mapping[Path, bytes] = NOT_EDITED) -> Iterator[Document]:
    """Yield every `*.yaml` and `*.yml` below `folder` that no dot hides, in a stable order.

    What cannot be read is an empty document with its problem. `base` as in `shown`. `edited` files are read
    as if they were written already, new ones too.
    """
    unreadable: list[OSError] = []
    new = dict(edited)
    for here, folders, files in _walk(folder, unreadable.append):
        for name in _taken_if_too_deep(here, folder, folders):
            yield _too_deep(shown(here / name, base))
        before = f"{shown(here, base)}/".removeprefix("./")
        for path in files:
            content = new.pop(path, None) if new else None
            file = f"{before}{visible(path.name, longest=4096)}"
            yield _document(path, folder, file) if content is None else read(content, file)
        for name in folders:
            yield from _linked(here / name, folder, base)
    for path in sorted(new):
        yield read(edited[path], shown(path, base))
    for error in unreadable:
        yield _unreadable(shown(Path(str(error.filename)), base), error)


def workspace_files(folder: Path) -> Iterator[Path]:
    """Yield the path of every file that `read_workspace` reads, in its order."""
    for here, folders, files in _walk(folder, lambda _: None):
        _taken_if_too_deep(here, folder, folders)
        yield from files


def _walk(
    folder: Path, unreadable: Callable[[OSError], object]
) -> Iterator[tuple[Path, list[str], list[Path]]]:
    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(here), folders, [Path(here) / name for name in sorted(filter(is_workspace_file, files))]


def _taken_if_too_deep(here: Path, folder: Path, folders: list[str]) -> list[str]:
    """Take away the folders that lie too deep to be looked into; return the first of them."""
    if len(here.parts) - len(folder.parts) < DEEPEST_FOLDER:
        return []
    first = folders[:1]
    folders.clear()
    return first


def is_workspace_file(name: str) -> bool:
    """Tell whether a file of that name is read as a part of a workspace."""
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _linked(path: Path, folder: Path, base: Path) -> Iterator[Document]:
    """Yield the problem of a link to a folder outside; a folder inside is read where it really is."""
    try:
        if leads_outside(path, folder):
            yield _outside(shown(path, base))
    except OSError as error:
        yield _unreadable(shown(path, base), error)


def leads_outside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a link out of the workspace in `folder`. Errors: `OSError` for a loop."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except RuntimeError as loop:
        raise OSError("it is a link to itself") from loop


def _document(path: Path, folder: Path, file: str) -> Document:
    try:
        if leads_outside(path, folder):
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
