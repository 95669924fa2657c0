"""All that differs between Linux, macOS and Windows: private files, processes, what a console can show.

A journal, and what a sandbox remembers, is this user's alone. What such files hold is believed, so nothing is
taken for one of them that a repository, an archive or another user of this machine can have put in its place.
No link is followed. Windows has neither owners nor modes of this kind: a folder there is its user's by the
rights that it inherits.

`windows` is there for tests: it takes the way of Windows on any system. Line ends of Windows and suffixes in
another case need no way of their own: files are read so on every system, for a repository is shared.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

from reconciler.errors import Refused

GONE = ""  # what `started` returns for a process that is not there, or has ended and was not buried yet
UTC = "UTC"  # how a start begins that `ps` told: in one time zone and one language, whatever a shell has set
_SIGNS = ("->", "=>", "R", "v", "x", "...", "-", "*", ".", "-", "!=", '"', '"', "'")
PLAIN_SIGNS = dict(zip("→⇒↺✓✗…─•·–≠“”’", _SIGNS, strict=True))
BESIDE = ("-journal", "-wal", "-shm")  # what SQLite adds to a database's name for the files beside it


def private_folder(path: Path, *, make: bool, windows: bool = False) -> bool:
    """Check that a folder is this user's alone, and tell whether it is there.

    With `make` a missing folder is made, in a parent that exists, and one that others could look into is
    closed to them. Raises `Refused` where it is something else, another user's, or writable by others, and
    `OSError` where it cannot be made or opened.
    """
    if make:
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            sync_folder(path.parent, windows=windows)
    if sys.platform == "win32" or windows:
        return path.is_dir()
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        facts = os.lstat(path)
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Refused(_is_something_else(path, facts, "folder")) from None
        _check_owner(path, facts)
        raise
    try:
        facts = os.fstat(opened)
        _check_owner(path, facts)
        if facts.st_mode & 0o022:
            raise Refused(
                f"other users may write into {path} (mode {stat.S_IMODE(facts.st_mode):04o}), so what is in "
                f"it cannot be believed. Look at what they can have put there, and then: chmod 700 '{path}'"
            )
        if make and facts.st_mode & 0o055:
            os.fchmod(opened, 0o700)
    finally:
        os.close(opened)
    return True


def private_database(path: Path, *, windows: bool = False) -> tuple[int, int] | None:
    """Check that a file of SQLite is this user's alone, and those that SQLite would read beside it.

    Returns what tells it from every other file, `None` where there is none. It is only looked at: to open and
    close a database would take away the locks that SQLite holds on it.

    Raises `Refused` where one is something else or another user's, has a second name, or is open to others,
    and `OSError` where that cannot be seen.
    """
    identity = None
    for file in (*(path.with_name(path.name + ending) for ending in BESIDE), path):
        try:
            facts = os.lstat(file)
        except FileNotFoundError:
            identity = None
            continue
        identity = facts.st_dev, facts.st_ino
        if not stat.S_ISREG(facts.st_mode):
            raise Refused(_is_something_else(file, facts, "file"))
        if sys.platform == "win32" or windows:
            continue
        _check_owner(file, facts)
        if facts.st_nlink > 1:
            raise Refused(
                f"{file} is one of {facts.st_nlink} names of the same file, which can be changed under "
                f"another one. If it is yours: cp -p '{file}' '{file}.mine', and move that to its place"
            )
        if facts.st_mode & 0o077:
            raise Refused(
                f"{file} is open to other users (mode {stat.S_IMODE(facts.st_mode):04o}), as reconciler "
                f"makes none: it may come out of a repository or an archive. If it is yours and you believe "
                f"what it holds: chmod 600 '{file}'. Otherwise move it away"
            )
    return identity


def sync_folder(folder: Path, *, windows: bool = False) -> None:
    """Return once a power cut can no longer take away what was made in the folder."""
    if sys.platform == "win32" or windows:  # a folder cannot be opened there, and its entries are journaled
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def end_now(pid: int, *, group: bool = False, windows: bool = False) -> None:
    """End a process, or the group that it leads, at once; it cannot catch that. None is no error."""
    try:
        if sys.platform == "win32" or windows:
            with suppress(OSError):  # one that has ended is refused there, or an invalid argument
                os.kill(pid, signal.SIGTERM)  # by which Windows ends a process at once; there are no groups
        elif group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def started(pid: int, *, windows: bool = False) -> str | None:
    """Return when a process of this machine began, in a form that does not change.

    `GONE` for one that is not there or can do nothing further, `None` where that is unknown.
    """
    if sys.platform == "win32" or windows:  # to ask by a signal would interrupt it there
        return None
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except (ProcessLookupError, OverflowError):
        return GONE
    except PermissionError:
        pass  # it belongs to another user
    if not Path("/proc/self/stat").exists():
        told = answer("/bin/ps", "-o", "lstart=", "-p", str(pid)).split()
        return " ".join((UTC, *told)) if told else None
    try:
        # After the name in parentheses, which may hold anything, the first of the rest is the state, and the
        # 20th the start (proc(5)).
        rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None  # it ended just now, or /proc hides the processes of others (hidepid)
    return GONE if rest[0] in "ZX" else rest[19]


def answer(*command: str) -> str:
    """Return what a program of the system says, in English and in UTC; nothing where it fails."""
    import subprocess  # here, for most commands ask none

    environment = {"LC_ALL": "C", "TZ": "UTC"}
    try:
        ended = subprocess.run(  # noqa: S603
            command, capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return ended.stdout.decode("ascii", "replace").strip() if ended.returncode == 0 else ""


def plainly(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that the encoding of a stream lacks: signs of ours, or escapes.

    For `codecs.register_error`: a console of Windows may know the characters of one part of the world only.
    """
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  # nothing is read with it
    chars = error.object[error.start : error.end]
    return "".join(
        PLAIN_SIGNS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in chars
    ), error.end


def _check_owner(path: Path, facts: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    me = os.geteuid()
    if facts.st_uid != me:
        raise Refused(
            f"{path} belongs to user {facts.st_uid}, and this is user {me}, who did not make it. If you "
            f"believe what it holds: run this as user {facts.st_uid}, or chown -R {me} '{path}'. Otherwise "
            f"move it away"
        )


def _is_something_else(path: Path, facts: os.stat_result, wanted: str) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFIFO: "a pipe"}
    kind = kinds.get(stat.S_IFMT(facts.st_mode), "no ordinary file")
    return (
        f"{path} is {kind}, where reconciler makes a {wanted} of its own and follows no link. Find out who "
        f"put it there, and move it away"
    )
