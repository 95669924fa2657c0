"""The other files of a workspace, which its YAML names by their paths: tables of customers, files to send."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path, PurePosixPath
from typing import ClassVar

from msgspec import field

from reconciler.config.scalars import Refusal
from reconciler.problems import Redacted

LARGEST_FILE = 5_000_000
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
            content = content_of(self._inside(path), LARGEST_FILE + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            hint = "check the path; it counts from the folder of the workspace"
            raise Unfit(Refusal("unreadable-file", f"the file cannot be read: {why}", hint)) from error
        if len(content) > LARGEST_FILE:
            message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
            raise Unfit(Refusal("file-too-large", message, "use a smaller one"))
        return content

    def _inside(self, path: str) -> Path:
        if not path or PurePosixPath(path).is_absolute() or "\\" in path:
            raise _outside()
        top = self.folder.resolve()
        try:
            there = (top / path).resolve()
        except RuntimeError as loop:
            raise OSError("it is a link to itself") from loop
        # What a dot hides is not part of a workspace: .git/config may hold the credentials of a CI job.
        if not there.is_relative_to(top) or any(p.startswith(".") for p in there.relative_to(top).parts):
            raise _outside()
        return there


def _outside() -> Unfit:
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
