"""Keeping `.reconciler/` out of git: the journal and the sandboxes are of one machine, and of its owner."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

_LINE = ".reconciler/"
_SAME = {".reconciler", ".reconciler/", "/.reconciler", "/.reconciler/", "**/.reconciler", "**/.reconciler/"}
_IGNORE = ".gitignore"


class Ignored(Struct, frozen=True):
    """What was written so that git ignores the state, and what a person has to do instead."""

    written: tuple[Path, ...] = ()
    advice: str = ""


def ignore_state(folder: Path) -> Ignored:
    """Let git ignore `.reconciler/` in the repository around a folder.

    Adds one line at the end of its .gitignore, unless one is there, and leaves the rest as it is, byte for
    byte. Needs no git.
    """
    top = repository_around(folder)
    if top is None:
        return Ignored(advice=f"once this is in a git repository: add the line {_LINE} to its {_IGNORE}")
    file = top / _IGNORE
    try:
        if is_ignored(file):
            return Ignored()
        # Git follows no link here, and what it leads to is not of this repository.
        if not file.is_symlink() and (file.is_file() or not file.exists()):
            _add_line(file)
            return Ignored((file,))
    except OSError:
        pass  # a person can do it
    return Ignored(advice=f"add the line {_LINE} to {file}, which could not be written")


def repository_around(folder: Path) -> Path | None:
    """Return the top of the git repository that a folder is in, `None` where it is in none."""
    real = folder.resolve()
    return next((top for top in (real, *real.parents) if (top / ".git").exists()), None)


def is_ignored(file: Path) -> bool:
    """Tell whether a .gitignore has a line for the state. Like git, it follows no link."""
    lines = file.read_bytes().splitlines() if file.is_file() and not file.is_symlink() else []
    return any(line.decode("utf-8", "replace").strip() in _SAME for line in lines)


def _add_line(file: Path) -> None:
    before = file.read_bytes() if file.exists() else b""
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    begun = b"" if before.endswith(b"\n") or not before else ending
    with file.open("ab") as there:
        there.write(begun + _LINE.encode() + ending)
