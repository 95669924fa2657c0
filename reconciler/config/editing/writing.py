"""Files that are replaced: each at once or not at all, with the rights that it had."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.config.discovery import leads_outside
from reconciler.errors import UsageError


class FileEdit(Struct, frozen=True):
    """A file of a workspace with what stands in it and what shall; `before` is `None` for a new one."""

    path: Path
    file: str
    """How it is named to people."""
    before: bytes | None
    after: bytes


def write(edits: Sequence[FileEdit], folder: Path) -> None:
    """Write the files of the workspace in `folder`; each is replaced at once, and a link stays a link.

    Nothing is written unless every new content is on the disk beside its file. Errors: `UsageError` for a
    link out of the workspace, a file that may not be written, and one that changed since it was read.
    """
    with contextlib.ExitStack() as stack:
        staged = [(stack.enter_context(_staged(edit, folder)), edit) for edit in edits]
        for edit in edits:
            _check_unchanged(edit)
        for (temporary, path), _ in staged:
            temporary.replace(path)


@contextlib.contextmanager
def _staged(edit: FileEdit, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Write the new content beside the file that it is for; remove it if it was not taken."""
    try:
        path = _real(edit, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(edit.after)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(_mode(path))
            yield temporary, path
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{edit.file} cannot be written: {error.strerror or error}") from error


def _real(edit: FileEdit, folder: Path) -> Path:
    if leads_outside(edit.path, folder):
        raise UsageError(
            f"{edit.file} is a link out of the workspace; nothing was written. Copy what it leads to"
        )
    path = edit.path.resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(f"{edit.file} does not stand in the workspace; nothing was written")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"{edit.file} is read-only; nothing was written")
    return path


def _mode(path: Path) -> int:
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _check_unchanged(edit: FileEdit) -> None:
    now = edit.path.read_bytes() if edit.path.exists() else None
    if now != edit.before:
        raise UsageError(
            f"{edit.file} was changed by somebody else meanwhile; nothing was written. Run again"
        )
