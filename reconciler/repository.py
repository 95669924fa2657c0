"""The git repository around a folder, by the installed `git`: what stood in the folder at another commit.

Only commands that read objects are run, so no hook, pager, filter or textconv runs, and nothing of the
repository or its work tree is touched.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from msgspec import Struct

from reconciler.errors import UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FILES, _LINK = ("100644", "100755", "100664"), "120000"
_PORTION = 16_000_000
"""Bytes of content that are asked for at once."""
_MOST_FILES = 500
# What a hook or a careless shell leaves in the environment would lead git to another repository.
_CONFIGURES = ("GIT_CONFIG", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
_SETTINGS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class NotThere(Exception):
    """The folder did not exist at that commit."""


class UnsafeTree(Exception):
    """The commit holds a name that no file of a work tree can have."""


class _Entry(Struct, frozen=True):
    mode: str
    object: str
    size: int
    path: str


class Repository(Struct, frozen=True):
    """The repository that holds `folder`; `prefix` is where in it the folder lies, empty at its top."""

    folder: Path
    prefix: str
    environ: Mapping[str, str]

    def commit(self, ref: str) -> str:
        """Return the full name of the commit that `ref` stands for. Errors: `UsageError` if there is none."""
        if not ref or ref.startswith("-") or not ref.isprintable():
            raise UsageError(f"{ref!a} is not the name of a commit")
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        found = _text(self._git(*asked)).split()[-1:]
        if not found or not _COMMIT.fullmatch(found[0]):
            raise UsageError(f"git knows no commit {ref}{self._why_unknown()}")
        return found[0]

    @contextmanager
    def folder_at(self, commit: str, most: int) -> Iterator[Path]:
        """Yield a temporary copy of the folder as it stood at a commit, gone when the block ends.

        Links are copied as links, wherever they lead. What a dot hides is left out, and so is the content of
        files of more than `most` bytes: they are as long, and empty. Errors: `NotThere`, `UnsafeTree`.
        """
        entries = [entry for entry in self._entries(commit) if not _is_hidden(entry.path)]
        with TemporaryDirectory(prefix="reconciler-") as temporary:
            top = Path(temporary) / (self.folder.name or "workspace")
            top.mkdir()
            self._write(top, entries, most)
            yield top

    def _entries(self, commit: str) -> Iterator[_Entry]:
        tree = f"{commit}:{self.prefix}" if self.prefix else f"{commit}^{{tree}}"
        listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", tree)
        if listed.returncode:
            raise NotThere
        for line in listed.stdout.split(b"\0"):
            if line:
                facts, _, path = line.partition(b"\t")
                mode, _, object, size = os.fsdecode(facts).split()
                yield _Entry(mode, object, int(size) if size.isdecimal() else 0, _safe(os.fsdecode(path)))

    def _write(self, top: Path, entries: Sequence[_Entry], most: int) -> None:
        files = [entry for entry in entries if entry.mode in _FILES]
        links = [entry for entry in entries if entry.mode == _LINK]
        try:
            for entry in files:
                if entry.size > most:
                    with _new(top, entry).open("xb") as file:
                        file.truncate(entry.size)
            for entry, content in self._contents([entry for entry in files if entry.size <= most]):
                with _new(top, entry).open("xb") as file:
                    file.write(content)
            # Last, so that nothing is written through a link.
            for entry, content in self._contents(links):
                _new(top, entry).symlink_to(os.fsdecode(content))
        except (OSError, ValueError) as error:
            raise UnsafeTree(str(error)) from error

    def _contents(self, entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, bytes]]:
        for portion in _portions(entries):
            names = "".join(f"{entry.object}\n" for entry in portion)
            answered = self._git("cat-file", "--batch", input=names.encode()).stdout
            for entry in portion:
                header, _, answered = answered.partition(b"\n")
                if header != f"{entry.object} blob {entry.size}".encode():
                    raise UnsafeTree(f"git lacks the content of {entry.path!a}")
                yield entry, answered[: entry.size]
                answered = answered[entry.size + 1 :]

    def _why_unknown(self) -> str:
        shallow = _text(self._git("rev-parse", "--is-shallow-repository")).strip() == "true"
        if not shallow:
            return ""
        return (
            ": this clone is shallow and lacks older commits; run git fetch --unshallow, or check out with "
            "fetch-depth: 0"
        )

    def _git(self, *arguments: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return _git(self.folder, self.environ, *arguments, input=input)


def repository_of(folder: Path, environ: Mapping[str, str]) -> Repository:
    """Return the repository around a folder. Errors: `UsageError` where there is none, or no git."""
    real = folder.resolve()
    found = _git(real, environ, "rev-parse", "--show-prefix")
    if found.returncode:
        raise UsageError(f"{folder} is not in a git repository that can be read: {_complaint(found)}")
    return Repository(real, os.fsdecode(found.stdout.removesuffix(b"\n")).removesuffix("/"), environ)


def _git(
    folder: Path, environ: Mapping[str, str], *arguments: str, input: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    kept = {n: v for n, v in environ.items() if not n.startswith("GIT_") or n.startswith(_CONFIGURES)}
    quiet = {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    command = ["git", "--no-pager", *_SETTINGS, *arguments]
    try:
        return subprocess.run(  # noqa: S603  # no shell, and nothing in it that a person wrote is an option
            command, cwd=folder, env={**kept, **quiet}, input=input, capture_output=True, check=False
        )
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}; --since needs it") from error


def _text(ended: subprocess.CompletedProcess[bytes]) -> str:
    return ended.stdout.decode("utf-8", "replace")


def _complaint(ended: subprocess.CompletedProcess[bytes]) -> str:
    first = ended.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
    return "".join(first).removeprefix("fatal: ") or f"git ended with {ended.returncode}"


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _safe(path: str) -> str:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or PurePosixPath(path).is_absolute():
        raise UnsafeTree(f"{path!a} is no name of a file")
    return path


def _new(top: Path, entry: _Entry) -> Path:
    path = top / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _portions(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Yield the entries in groups whose contents together are not too large."""
    group: list[_Entry] = []
    size = 0
    for entry in entries:
        if group and (size + entry.size > _PORTION or len(group) == _MOST_FILES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield group
