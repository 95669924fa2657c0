"""Which folder is the workspace, and which files in it are read."""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from msgspec import field
from msgspec.structs import replace

from reconciler.config.names import instead, visible
from reconciler.config.nodes import Document, unread
from reconciler.config.yaml import LARGEST_FILE, Refusal, Unreadable, check_is_file, read
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem, Redacted, Severity, folded

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SETTINGS_FILE = "reconciler.yaml"
DEFAULT_FOLDER = "configs"
PRESETS, MOVED, GUARDRAILS = "presets", "moved", "guardrails"
ANYWHERE = (PRESETS, MOVED, GUARDRAILS)  # sections that any file may hold beside those that declare
TARGETS = "targets"
DEEPEST_FOLDER = 30  # folders inside each other, below that of the workspace
MOST_BYTES = 50_000_000  # in all other files of a workspace together, which its YAML names by their paths
is_workspace_file = re.compile(r"(?si)[^.].*\.ya?ml").fullmatch
"""Tells whether a file of this name is read as a part of a workspace; letter case makes no difference."""
NOT_EDITED: Mapping[Path, bytes] = MappingProxyType({})


def find_workspace(explicit: Path | None, start: Path) -> Path:
    """Return the folder with `reconciler.yaml`: the named one, or the nearest at or above `start`.

    `explicit` names the folder or the file in it. Above `start`, a folder may hold the file itself or in
    `configs/`. Errors: `UsageError`, where there is none, or both in one folder.
    """
    if explicit is not None:
        folder = explicit.parent if explicit.name == SETTINGS_FILE else explicit
        if _holds_settings(folder):
            return folder
        below = folder / DEFAULT_FOLDER
        hint = _misnamed(folder, below)
        if _holds_settings(below):
            hint = f"; did you mean {visible(str(below), longest=4096)}?"
        raise UsageError(f"there is no {SETTINGS_FILE} in {visible(str(folder), longest=4096)}{hint}")
    for folder in (start, *start.resolve().parents):
        found = [place for place in (folder, folder / DEFAULT_FOLDER) if _holds_settings(place)]
        if len(found) > 1:
            both = " and ".join(str(place / SETTINGS_FILE) for place in found)
            raise UsageError(f"both {both} exist; keep one, or name the folder with --workspace")
        if found:
            return found[0]
    hint = _misnamed(start, start / DEFAULT_FOLDER)
    hint = hint or "; let reconciler init write one, or name the folder with --workspace"
    either = f"{SETTINGS_FILE} or {DEFAULT_FOLDER}/{SETTINGS_FILE}"
    raise UsageError(f"no {either} here or in any folder above{hint}")


def _misnamed(*folders: Path) -> str:
    """Return a hint to rename what looks like settings in one of these folders; nothing without any."""
    for folder in folders:
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                if folded(path.name).removesuffix(".txt") in (
                    SETTINGS_FILE,
                    SETTINGS_FILE.replace("yaml", "yml"),
                ):
                    return f"; rename {visible(str(path), longest=4096)} to {SETTINGS_FILE}"
    return ""


def _holds_settings(folder: Path) -> bool:
    try:
        return (folder / SETTINGS_FILE).is_file()
    except OSError as error:
        shown_folder = visible(str(folder), longest=4096)
        raise UsageError(f"{shown_folder} cannot be looked into: {error.strerror}") from error


def shown(path: Path, base: Path) -> str:
    """Return how a file is named to people: relative to `base` when below it, else as it is."""
    try:
        relative = path.absolute().relative_to(base.absolute())
    except ValueError:
        relative = path
    return visible(relative.as_posix(), longest=4096)


def read_workspace(folder: Path, base: Path, edited: Mapping[Path, bytes] = NOT_EDITED) -> Iterator[Document]:
    """Yield every `*.yaml` and `*.yml` below `folder` that no dot hides, in a stable order.

    What cannot be read is an empty document with its problem. `base` as in `shown`. `edited` files are read
    as if they were written already, new ones too.
    """
    new, refused = dict(edited), list[Document]()
    for path in workspace_files(folder, lambda path, why: refused.append(_refused(shown(path, base), why))):
        content, file = new.pop(path, None), shown(path, base)
        try:
            if content is not None:
                yield read(content, file)
            elif leads_outside(path, folder):
                yield _refused(file, _OUTSIDE)
            else:
                yield read(content_of(path, LARGEST_FILE + 1), file)
        except OSError as error:
            yield _refused(file, _unreadable(error))
    yield from (read(edited[path], shown(path, base)) for path in sorted(new))
    yield from refused


def workspace_files(
    folder: Path, refuse: Callable[[Path, Refusal], object] = lambda _path, _why: None
) -> Iterator[Path]:
    """Yield the path of every file that `read_workspace` reads.

    `refuse` is given each folder that is left out, and each file whose name only looks like one that is read.
    """

    def fail(error: OSError) -> None:
        refuse(Path(str(error.filename)), _unreadable(error))

    for where, folders, files in os.walk(folder, onerror=fail):
        here = Path(where)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if folders and len(here.parts) - len(folder.parts) >= DEEPEST_FOLDER:
            refuse(here / folders[0], _TOO_DEEP)
            folders.clear()
        yield from (here / name for name in sorted(filter(is_workspace_file, files)))
        for name in sorted(files):
            form = "" if is_workspace_file(name) else folded(name)
            if is_workspace_file(form):
                refuse(here / name, _STRANGE_NAME)
            elif is_workspace_file(form.removesuffix(".txt")):
                refuse(here / name, _TEXT_NAME)
        for path in map(here.joinpath, folders):
            # A folder inside that a link leads to is read where it really is.
            try:
                if leads_outside(path, folder):
                    refuse(path, _OUTSIDE)
                elif path.is_symlink() and _is_hidden(path.resolve(), folder.resolve()):
                    refuse(path, _HIDDEN)
            except OSError as error:
                refuse(path, _unreadable(error))


def leads_outside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a link out of the workspace in `folder`. Errors: `OSError` for a loop."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except RuntimeError as loop:
        raise OSError("it is a link to itself") from loop


def _is_hidden(path: Path, folder: Path) -> bool:
    """Tell whether a dot hides a path below a folder. .git/config may hold the credentials of a CI job."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


_HIDDEN = Refusal("symlink-hidden", "this link leads to a folder that a dot hides", "rename that folder")
_OUTSIDE = Refusal("symlink-outside", "this link leads out of the workspace", "copy what it leads to")
_TOO_DEEP = Refusal(
    "too-much",
    f"more than {DEEPEST_FOLDER} folders stand inside each other",
    "no workspace needs that; move it up",
)


_STRANGE_NAME = Refusal(
    "strange-suffix",
    "its name only looks as if it ended in .yaml: it holds blanks, unseen or other letters",
    "rename it",
)
_TEXT_NAME = Refusal(
    "unread-file",
    "it is not read, for its name ends in .txt, which Windows may hide",
    "rename it to end in .yaml, or switch this warning off where it is meant so",
)


def _unreadable(error: OSError) -> Refusal:
    return Refusal("unreadable-file", f"it cannot be read: {error.strerror or error}", "make it readable")


def _refused(file: str, why: Refusal) -> Document:
    code, message, hint = why
    place = Place(file, 1, 1)
    if why is _TEXT_NAME:
        warning = Problem("unread-file", place, "", message, hint, Severity.WARNING)
        return replace(unread(file, warning), whole=True)
    return unread(file, Problem(code, place, "", message, hint))


class WorkspaceFiles(Redacted, frozen=True, eq=False):
    """The files that seeds name, each read once, so that what was checked is what is sent."""

    shown: ClassVar = ("folder", "base")

    folder: Path
    base: Path  # the folder that files are named relative to
    zone: ZoneInfo  # in which the dates and times of the seeds are meant
    _read: dict[str, bytes] = field(default_factory=dict)
    _encoded: dict[str, str] = field(default_factory=dict)

    def content(self, path: str) -> bytes:
        """Return the bytes of the file at `path`, which counts from the folder, with `/` between its parts.

        Errors: `Unreadable`, whose refusal repeats of the path at most what looks like a file that is there,
        for a path that leads out of the folder or to something hidden in it, for what cannot be read, for
        what only stands in for a file, and for more than `LARGEST_FILE` bytes.
        """
        if path in self._read:
            return self._read[path]
        try:
            content = content_of(self._inside(path), LARGEST_FILE + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            hint = "check the path; it counts from the folder of the workspace"
            with suppress(OSError, ValueError):
                hint = self._near(path) or hint
            message = f"the file cannot be read: {why}"
            raise Unreadable(Refusal("unreadable-file", message, hint)) from error
        if len(content) > LARGEST_FILE:
            message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
            raise Unreadable(Refusal("file-too-large", message, "use a smaller one"))
        check_is_file(content)
        if sum(map(len, self._read.values())) + len(content) > MOST_BYTES:
            message = f"with this one, the files are larger than {MOST_BYTES // 1_000_000} MB together"
            raise Unreadable(Refusal("file-too-large", message, "use fewer or smaller ones"))
        self._read[path] = content
        return content

    def _near(self, path: str) -> str:
        """Return what to write instead of the first part of a path that is not there, if anything is near."""
        folder = self.folder.resolve()
        for part in self._inside(path).relative_to(folder).parts:
            names = [one.name for one in folder.iterdir() if not one.name.startswith(".")]
            if part not in names:
                return instead(part, names)
            folder /= part
        return ""

    def in_base64(self, path: str) -> str:
        """Return the same in base64: one text, however often a file is named. Errors: as for `content`."""
        if path not in self._encoded:
            self._encoded[path] = base64.b64encode(self.content(path)).decode("ascii")
        return self._encoded[path]

    def _inside(self, path: str) -> Path:
        message = "this path does not lead to a visible file inside the workspace"
        hint = "write a path that counts from the folder of the workspace, with / between its parts"
        outside = Unreadable(Refusal("path-outside", message, hint))
        if not path or PurePosixPath(path).is_absolute() or "\\" in path:
            raise outside
        top = self.folder.resolve()
        try:
            there = (top / path).resolve()
        except RuntimeError as loop:
            raise OSError("it is a link to itself") from loop
        if not there.is_relative_to(top) or _is_hidden(there, top):
            raise outside
        return there


def content_of(path: Path, most: int) -> bytes:
    """Return at most the first `most` bytes of a regular file. Errors: `OSError`."""
    irregular = OSError("it is not a regular file")
    # A pipe or a device would be waited for without end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise irregular
    # What it was a moment ago it need not be any more.
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise irregular
        # Room is made for as much as is asked for: `most` is asked for only of a file that has grown.
        content = file.read(min(most, found.st_size + 1))
        return content if len(content) <= found.st_size else content + file.read(most - len(content))
