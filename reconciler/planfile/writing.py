"""Writing a plan, a report or a status to a file: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from reconciler.config.names import visible
from reconciler.errors import UsageError

LARGEST_FILE = 16_000_000
"""Bytes of a plan file: some thousand changes."""

_FOR_THIS_USER, _FOR_EVERYBODY = 0o600, 0o644


def check_place(path: Path, what: str = "plan") -> None:
    """Check that a plan can be written to `path`, before work is done. Errors: `UsageError`."""
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {_shown(path.parent)} to write a {what} into")
    try:
        taken = path.exists() and not path.is_file()
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from error
    if taken:
        raise UsageError(f"{_shown(path)} is not a file that a {what} can be written to")


def write_plan(path: Path, text: str) -> None:
    """Write a plan; a reader sees the file of before or the whole new one, of which only this user can.

    Errors: `UsageError` if it cannot be written, or is too large to be read again.
    """
    check_place(path)
    # What UTF-8 cannot hold becomes the escape that JSON has for it.
    content = f"{text}\n".encode("utf-8", "backslashreplace")
    if len(content) > LARGEST_FILE:
        raise UsageError(f"the plan is too large for a file: {len(content)} bytes; plan a part with --only")
    _write(path, content)


def write_report(path: Path, text: str) -> None:
    """Write a report of any size, like a plan. Errors: `UsageError` if it cannot be written."""
    check_place(path, "report")
    _write(path, text.encode("utf-8", "backslashreplace"))


def write_shared(path: Path, text: str) -> None:
    """Write what other users may read, whatever the umask: a collector of figures is one of them.

    Errors: `UsageError` if it cannot be written.
    """
    check_place(path, "status")
    _write(path, text.encode("utf-8", "backslashreplace"), _FOR_EVERYBODY)


def _write(path: Path, content: bytes, mode: int = _FOR_THIS_USER) -> None:
    try:
        _replace(path, content, mode)
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror or error}") from error


def _shown(path: Path) -> str:
    return visible(str(path), longest=4096)


def _replace(path: Path, content: bytes, mode: int) -> None:
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(new).chmod(mode)
        Path(new).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(new).unlink()
        raise
