"""The files of a journal in git: one small file for each folder that an append touches, never changed again.

`reconciler-journal.json` holds the version of the format and the key of the hashes; whoever can read the
repository can read it, as with any journal. Pruning removes files by a further commit; the branch's history
still has them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from reconciler.errors import Refused, UsageError
from reconciler.git import Git, is_partial, lacking
from reconciler.journal import entries
from reconciler.journal.decisions import Decision
from reconciler.journal.forms import Digest, Number, Unsound, checked, document
from reconciler.journal.replay import Entry, Known
from reconciler.journal.text import UNSTORABLE, unstorable

FORMAT = 3
"""The version of the format that this program writes, and the highest that it reads.

1: as it began. 2: batches and standings hold what the server's own clock said.
3: deliveries hold which customers an address had before.
"""

LARGEST = 16_000_000
"""Bytes of a file; one that anybody can have pushed is not read beyond that."""

META = "reconciler-journal.json"
README = "README.md"

_ENTRIES = re.compile(r"\d{4}-\d{2}/[^/]+/\d+\.jsonl")
_IDENTITY = "reconciler <reconciler@journal.invalid>"
_EXPLAINED = """\
# A journal

`reconciler` writes this branch: what it was about to do, and what became of it. `git log` tells it to people.
Nothing else may write here, and no other branch is to be merged with it: a file that is changed or lost
makes the journal useless.
"""


class _Meta(Struct, frozen=True, forbid_unknown_fields=True):
    format: Number
    hash_key: Digest
    """64 hexadecimal digits."""


class Content(Struct, frozen=True):
    """Everything that a commit of a journal holds."""

    format: int
    hash_key: bytes
    entries: Sequence[Entry]

    @property
    def is_older(self) -> bool:
        """Whether the next write has to say that the format is a later one."""
        return self.format < FORMAT


class Draft(Struct):
    """A commit in the making: what would be known after it, and what it adds and removes."""

    known: Known
    at: float
    folders: dict[str, list[Entry]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)

    def add(self, decision: Decision[Any]) -> None:
        """Take a decision into it, or nothing of it. Raises `Refused` if it holds what no entry can hold."""
        first = self.known.given.entry + 1
        try:  # read back, so that it is known in the form in which others will read it
            added = [
                entries.as_read({"n": number, "at": self.at, **entry})
                for number, entry in enumerate(decision.entries, first)
            ]
        except UNSTORABLE as error:
            raise unstorable(error) from error
        for entry in added:
            self.known.add(entry)
            self.folders.setdefault(entries.folder(entry, self.known), []).append(entry)
            self.subjects.append(entries.subject(entry, self.known))
        gone = [entries.folder_of_run(self.known, run) for run in decision.forgotten]
        self.removed += gone
        self.folders = {folder: added for folder, added in self.folders.items() if folder not in gone}
        self.known.forget(decision.forgotten)

    def files(self) -> dict[str, str]:
        """Return the files to be added: path → text."""
        return {
            f"{folder}/{added[0]['n']:08}.jsonl": "".join(map(entries.line, added))
            for folder, added in self.folders.items()
        }


class Tree(Struct, frozen=True):
    """Reads and makes the commits of a journal, whose name in errors is `name`."""

    git: Git
    name: str
    writer: str = field(default_factory=lambda: secrets.token_hex(8))
    """Stands in every commit: two that write the same at one moment still make different ones.

    If they made the same one, a push of either would find it there, and take it for its own.
    """

    def content(self, commit: str) -> Content:
        """Return everything that a commit holds. Two processes.

        Raises `UsageError` if it is no journal's, or of a newer format, and `Refused` if it is damaged.
        """
        listed = self.git.must("ls-tree", "-r", "-z", "-l", "--full-tree", commit).out
        found = list(_listed(listed.decode("utf-8", "replace")))
        blobs = {path: blob for path, blob, _ in found}
        if META not in blobs:
            raise UsageError(
                f"journal {self.name} names a branch that is not a journal of reconciler; name another one, "
                f"which need not be there yet"
            )
        wanted = {path: blob for path, blob in blobs.items() if path == META or _ENTRIES.fullmatch(path)}
        if large := next((path for path, _, size in found if path in wanted and size > LARGEST), None):
            raise self.damaged(f"{large} is larger than any file that reconciler writes there")
        texts = self._read(wanted)
        return Content(*self._meta(texts.pop(META)), self._entries(texts))

    def added(self, old: str, new: str) -> Sequence[Entry] | None:
        """Return what was added between two commits; `None` if more than that happened. Two processes."""
        told = self.git.must("diff-tree", "-r", "-z", "--no-renames", "--no-relative", old, new)
        fields = told.out.decode("utf-8", "replace").split("\0")
        changes = [(about.split(), path) for about, path in zip(fields[::2], fields[1::2], strict=False)]
        if any(about[4] != "A" for about, _ in changes):
            return None
        return self._entries(
            self._read({path: about[3] for about, path in changes if _ENTRIES.fullmatch(path)})
        )

    def begin(self, at: float) -> str:
        """Make the first commit of a journal, with a key of its own; return it. One process."""
        files = {META: _meta_text(secrets.token_bytes(32)), README: _EXPLAINED}
        return self._commit(None, ["begin the journal"], at, [], files)

    def commit(self, base: str, draft: Draft, renewed: Content | None = None) -> str:
        """Make a commit of a draft after `base`; return it. No ref knows it yet. One process.

        It also brings the older journal `renewed` to this format, so that no older program goes on with it.
        """
        meta = {META: _meta_text(renewed.hash_key)} if renewed else {}
        return self._commit(base, draft.subjects, draft.at, draft.removed, {**draft.files(), **meta})

    def holds(self, tip: str, commit: str) -> bool:
        """Tell whether a commit is in the history of another one. One process."""
        return self.git("merge-base", "--is-ancestor", commit, tip).is_fine

    def damaged(self, what: str) -> Refused:
        """Return the error about a journal in which something cannot be right."""
        return Refused(
            f"journal {self.name} is damaged: {what}; without it nothing is sent. `git log -p` on the branch "
            f"says who changed it; put back what was there"
        )

    def _commit(
        self,
        base: str | None,
        subjects: Sequence[str],
        at: float,
        removed: Iterable[str],
        files: Mapping[str, str],
    ) -> str:
        said = self.git.must(
            "fast-import",
            "--quiet",
            "--done",
            fed=b"".join(_stream(base, _message(subjects, self.writer), at, removed, files)),
        )
        return said.text

    def _read(self, blobs: Mapping[str, str]) -> dict[str, bytes]:
        """Return the contents of files, by their paths."""
        if not blobs:
            return {}
        asked = "".join(f"{blob}\n" for blob in blobs.values()).encode("ascii")
        contents = _batched(self.git.must("cat-file", "--batch", fed=asked).out)
        texts = dict(zip(blobs, contents, strict=False))
        for path in blobs:
            if texts.get(path) is None and is_partial(self.git):
                raise lacking(path)
            if texts.get(path) is None:
                raise self.damaged(f"{path} is not in the repository")
        return {path: text for path, text in texts.items() if text is not None}

    def _meta(self, text: bytes) -> tuple[int, bytes]:
        """Return format and key."""
        try:
            meta = document(text)
            format = meta.get("format") if isinstance(meta, dict) else None
            if type(format) is int and FORMAT < format < 1_000_000:
                raise UsageError(
                    f"journal {self.name} has format {format}, and this reconciler knows formats up "
                    f"to {FORMAT}: a newer one has written it. Upgrade reconciler; `reconciler --version` "
                    f"says which one this is"
                )
            found = checked(_Meta, meta, META)
        except Unsound as error:
            raise self.damaged(f"{META} cannot be read: {error}") from error
        return found.format, bytes.fromhex(found.hash_key)

    def _entries(self, texts: Mapping[str, bytes]) -> Sequence[Entry]:
        return [entry for path, text in texts.items() for entry in self._lines(path, text)]

    def _lines(self, path: str, text: bytes) -> Iterator[Entry]:
        if not text.endswith(b"\n"):
            raise self.damaged(f"{path} is cut short")
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                entry = document(line)
            except Unsound as error:
                raise self.damaged(f"line {number} of {path} cannot be read: {error}") from error
            n = entry.get("n") if isinstance(entry, dict) else None
            if type(n) is not int or not 0 <= n < 2**63:
                raise self.damaged(f"line {number} of {path} is no entry with a number")
            yield entry


def _meta_text(hash_key: bytes) -> str:
    return json.dumps({"format": FORMAT, "hash_key": hash_key.hex()}, indent=2) + "\n"


def _listed(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield path, object and bytes of each file in what ls-tree says; 0 bytes where it lacks the content."""
    for line in filter(None, text.split("\0")):
        about, _, path = line.partition("\t")
        _, kind, name, size = about.split()
        if kind == "blob":
            yield path, name, int(size) if size.isdecimal() else 0


def _batched(out: bytes) -> Iterator[bytes | None]:
    """Yield each content in what cat-file says; `None` for an object that is not there."""
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        head, at = out[at:end].split(), end + 1
        if head[-1] == b"missing":
            yield None
            continue
        size = int(head[2])
        yield out[at : at + size]
        at += size + 1


def _stream(
    base: str | None, message: str, at: float, removed: Iterable[str], files: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield what makes fast-import write one commit and say its name, and leaves no ref behind."""
    yield f"commit refs/reconciler-made\nmark :1\ncommitter {_IDENTITY} {int(at)} +0000\n".encode()
    yield _data(message)
    yield f"from {base}\n".encode() if base else b""
    for path in removed:
        yield f"D {path}\n".encode()
    for path, text in files.items():
        yield f"M 100644 inline {path}\n".encode() + _data(text)
    yield b"\nget-mark :1\nreset refs/reconciler-made\n\ndone\n"


def _data(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return f"data {len(encoded)}\n".encode() + encoded + b"\n"


def _message(subjects: Sequence[str], writer: str) -> str:
    """Return a message whose first line stands for all."""
    first, *others = subjects
    if not others:
        return f"{first}\n\nWriter: {writer}\n"
    listed = "\n".join(subjects)
    return f"{first} (and {len(others)} more)\n\n{listed}\n\nWriter: {writer}\n"
