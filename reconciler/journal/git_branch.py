"""A log in a branch of the workspace's own git repository, for where nothing else is shared.

The branch is log and lock at once. An addition is a commit that the remote has taken by a push without
force: of two that are made at once git refuses one. What the remote has is kept under refs/reconciler/NAME,
which is fetched without force as well, so a branch that was moved back is noticed, by later runs of the same
clone too. Without a remote the branch of the repository itself is moved, from the commit that was expected.
The work tree, the index, HEAD and the user's refs and settings are never touched.

Each entry is a small file, and so are its bodies; `reconciler-journal.json` is the first one. None is changed
later. Pruning removes files by a further commit; the branch's history still has them.
"""

from __future__ import annotations

import os
import random
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from reconciler.clock import Clock, SleepCut
from reconciler.errors import Refused, UsageError
from reconciler.git import Git, Said, check_version, find_repository, is_partial, lacking, quiet_ssh, trouble
from reconciler.journal.database import NOTHING_SENT
from reconciler.journal.entries import Line, Rejected

TURN = 16  # pushes of one process in a row before it lets others write
_WAY = (2.0, 5.0)  # for how long, in times of what a push took, so that a slower process gets its turn
_PUSHES, _FETCHES = 5, 8
"""How often to try while nothing says what became of a push, or another process of the clone fetches."""
_LARGEST = 16_000_000  # characters of an entry, which anybody may have pushed
_BODIES = 500  # how many bodies one process reads

META = "reconciler-journal.json"
README = """\
# A journal

`reconciler` writes this branch: what it was about to do, and what became of it. `git log` tells it to people.
Nothing else may write here, and no other branch is to be merged with it: a file that is changed or lost
makes the journal useless.
"""

_ENTRY = re.compile(rf"(?:runs/(\d+)|kept)/(\d+)\.json|{re.escape(META)}")
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""The tree without files, by the length of an object's name: git knows it in every repository."""
_CONTENDED = ("lock", "failed to update ref", "incorrect old value", "already exists")
"""What a remote says while another process moves the branch."""
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-filter")
_ALL_OF_IT = f"--depth={2**31 - 2}"  # one more would mean all of every other branch too
_OF_A_REMOTE = ("proxy", "proxyauthmethod", "receivepack", "uploadpack")
"""The settings of a remote that say how to reach it, beside its address."""


def open_branch(folder: Path, name: str, clock: Clock) -> BranchLog:
    """Return the log in a branch, which need not be there, of the repository that a folder lies in.

    Nothing is fetched or changed yet. Raises `UsageError` for a name that is none, a branch that is checked
    out, no repository or one that is not trusted, no git or an old one, and remotes of which none stands out.
    """
    environ = os.environ
    place = find_repository(folder, environ)
    git = place.git
    check_version(git("version").text)
    sound = name.isprintable() and not name.startswith("-") and name != "HEAD"
    if not sound or not git("check-ref-format", f"refs/heads/{name}").is_fine:
        raise UsageError(f"git+branch:{name!r} names no branch: git allows no such name")
    if f"branch refs/heads/{name}" in git.must("worktree", "list", "--porcelain").text.splitlines():
        raise UsageError(
            f"git+branch:{name} names a branch that is checked out. A journal needs a branch of its own: "
            f"name another one, and reconciler makes it"
        )
    configured = place.settings_of_remotes()
    remote = _remote(configured, name)
    if not remote:
        return BranchLog(git, name, "", "", clock)
    # A name of its own for the remote: it reaches what the user's reaches, and none of its settings touches
    # other branches. It is read where it is written: at the address for pushing, if the remote has one.
    alias = f"reconciler-{secrets.token_hex(4)}"
    own = {key.removeprefix(f"remote.{remote}."): value for key, value in configured.items()}
    settings = {key: own[key] for key in _OF_A_REMOTE if key in own}
    settings["url"] = own.get("pushurl") or own.get("url") or remote
    settings["fetch"] = f"refs/heads/{name}:refs/reconciler/{name}"
    ssh = quiet_ssh(environ, configured.get("core.sshcommand", ""))
    named = {f"remote.{alias}.{key}": value for key, value in settings.items()}
    return BranchLog(replace(git, settings=named, ssh=ssh), name, remote, alias, clock)


def _remote(configured: Mapping[str, str], name: str) -> str:
    """Return the remote that the branch lives at: its own, or origin, or the only one; "" for none."""
    if own := configured.get(f"branch.{name}.remote"):
        return "" if own == "." else own
    parts = (key.removeprefix("remote.").rpartition(".") for key in configured if key.startswith("remote."))
    remotes = {remote for remote, _, setting in parts if setting in ("url", "pushurl")}
    if len(remotes) > 1 and "origin" not in remotes:
        raise UsageError(
            f"git+branch:{name} could live at {' or '.join(sorted(remotes))}: `git config "
            f"branch.{name}.remote REMOTE` says where"
        )
    return "origin" if "origin" in remotes else next(iter(remotes), "")


class BranchLog:
    """Keeps `reconciler.journal.entries.Log` in a branch, of what the user calls `remote`, or "" for none.

    An addition costs two processes of git; one more look costs two, and four where there is something new.
    """

    freshness = 5.0  # seconds for which a reader goes by the last answer; a rule that refuses asks again

    def __init__(self, git: Git, branch: str, remote: str, alias: str, clock: Clock) -> None:
        self.name = f"git+branch:{branch}"
        self._git, self._branch, self._remote, self._alias, self._clock = git, branch, remote, alias, clock
        self._head = f"refs/heads/{branch}"
        self._kept = f"refs/reconciler/{branch}" if remote else self._head
        """The ref that says what the branch was when it was last asked."""
        self._writer = secrets.token_hex(8)
        """Stands in every commit: a push of an equal one by two at one moment would succeed for both."""
        self._away = f"journal {self.name}: {remote} cannot be reached"
        self._seen: tuple[str | None, int] = (None, 0)
        """The commit that was read or made last, and the number of its last entry."""
        self._refusal: Refused | None = None
        self._turn, self._back_at = TURN, clock.monotonic()

    def read(self, after: int) -> Sequence[Line]:
        """Return the entries after a number; all of them where files were not only added."""
        tip = self._tip(self._seen[0])
        if tip is None or (tip, after) == self._seen:
            return ()
        old, n = self._seen
        lines = self._added(old, tip) if old and n == after else None
        if lines is None:
            lines = self._added(None, tip) or ()
        self._seen = (tip, lines[-1].n if lines else after)
        return lines

    def append(self, last: Line | None, lines: Sequence[Line]) -> bool:
        """Add lines by a commit after the one that ends with `last`, if the branch is still there.

        A commit that lost a race can never be taken later: it is no fast-forward any more.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._turn <= 0:  # one that writes all the time would shut the others out
            self._turn = TURN
            self._pause(self._back_at - self._clock.monotonic())
        base, n = self._seen
        if n != (last.n if last else 0):
            return False
        began = self._clock.monotonic()
        commit = self._commit(base, lines)
        is_taken = self._is_taken(commit, base)
        if is_taken:
            self._seen = (commit, lines[-1].n)
        self._turn = self._turn - 1 if is_taken else 1
        if self._turn <= 0:
            ended = self._clock.monotonic()
            self._back_at = ended + (ended - began) * random.uniform(*_WAY)  # noqa: S311
        return is_taken

    def bodies(self, lines: Sequence[tuple[int, int]]) -> Mapping[int, str]:
        """Return what is kept beside entries."""
        found: dict[int, str] = {}
        for start in range(0, len(lines), _BODIES):
            some = lines[start : start + _BODIES]
            texts = self._contents([f"{self._seen[0]}:{_path(run, n, 'bodies.json')}" for run, n in some])
            found.update((n, text.rstrip("\n")) for (_, n), text in zip(some, texts, strict=True))
        return found

    def damaged(self, what: str) -> Refused:
        """Return the error about entries that cannot be right."""
        return Refused(
            f"journal {self.name} is damaged: {what}; {NOTHING_SENT}. `git log -p` on the branch "
            f"says who changed it; put back what was there"
        )

    def close(self) -> None:
        """Return: nothing is open between two commands."""

    def _added(self, old: str | None, new: str) -> Sequence[Line] | None:
        """Return the entries added between two commits, in order; `None` if more than that happened.

        Without `old` they are all entries of the commit. Raises `UsageError` if it is no journal's.
        """
        trees = (old or _EMPTY_TREES[len(new)], new)
        said = self._git.must("diff-tree", "-r", "-z", "--no-renames", "--no-relative", *trees)
        fields = said.out.decode("utf-8", "replace").split("\0")
        changes = [(*about.split()[3:], path) for about, path in zip(fields[::2], fields[1::2], strict=False)]
        if any(kind != "A" for _, kind, _ in changes):
            return None
        blobs = {path: blob for blob, _, path in changes if _ENTRY.fullmatch(path)}
        if old is None and META not in blobs:
            raise UsageError(
                f"journal {self.name} names a branch that is not a journal of reconciler; name another one, "
                f"which need not be there yet"
            )
        lines = []
        for path, text in zip(blobs, self._contents(list(blobs.values())), strict=True):
            if not text.endswith("\n"):
                raise self.damaged(f"{path} is cut short, or not in the repository")
            if len(text) > _LARGEST:
                raise self.damaged(f"{path} is larger than any file that reconciler writes there")
            run, n = _ENTRY.fullmatch(path).groups()  # type: ignore[union-attr]
            lines.append(Line(int(n or 1), int(run) if run else None, text[:-1]))
        return sorted(lines, key=lambda line: line.n)

    def _contents(self, names: Sequence[str]) -> Sequence[str]:
        """Return the contents of objects, in their order; empty for one that is not there."""
        if not names:
            return ()
        said = self._git("cat-file", "--batch", fed="".join(f"{name}\n" for name in names).encode("utf-8"))
        if not said.is_fine:
            raise trouble(said, self.damaged(f"its files cannot be read: {said.reason}"))
        texts, at = [], 0
        for name in names:
            end = said.out.index(b"\n", at)
            head, at = said.out[at:end].split(), end + 1
            if len(head) < 3:  # it is missing, or no file
                if is_partial(self._git):
                    raise lacking(name)
                texts.append("")
                continue
            texts.append(said.out[at : at + int(head[2])].decode("utf-8", "replace"))
            at += int(head[2]) + 1
        return texts

    def _commit(self, base: str | None, lines: Sequence[Line]) -> str:
        """Make a commit after `base`; return it. No ref knows it yet."""
        first, *others = [line.subject for line in lines]
        subject = f"{first} (and {len(others)} more)\n\n" + "\n".join([first, *others]) if others else first
        files = {} if base else {"README.md": README.rstrip("\n")}
        for line in lines:
            files[_path(line.run, line.n) if line.n > 1 else META] = line.text
            if line.bodies is not None:
                files[_path(line.run, line.n, "bodies.json")] = line.bodies
        committer = f"committer reconciler <reconciler@journal.invalid> {int(self._clock.now())} +0000"
        stream = [
            f"commit refs/reconciler-made\nmark :1\n{committer}\n".encode(),
            _data(f"{subject}\n\nWriter: {self._writer}\n"),
            f"from {base}\n".encode() if base else b"",
            *(f"D runs/{run:06}\n".encode() for line in lines for run in line.pruned),
            *(f"M 100644 inline {path}\n".encode() + _data(text + "\n") for path, text in files.items()),
            b"\nget-mark :1\nreset refs/reconciler-made\n\ndone\n",
        ]
        return self._git.must("fast-import", "--quiet", "--done", fed=b"".join(stream)).text

    def _is_taken(self, commit: str, base: str | None) -> bool:
        """Move the branch from `base` to a commit, whatever it takes to know; tell whether it was taken."""
        reason = ""
        for _ in self._attempts(_PUSHES):
            reason = self._move(commit, base)
            if not reason:
                return True
            try:
                tip = self._tip(base)
            except Refused:
                if self._refusal is not None:
                    raise
                tip = None  # the remote gives no answer
            if tip and tip != base:
                return self._git("merge-base", "--is-ancestor", commit, tip).is_fine
            if reason.startswith("[remote rejected]") and not any(word in reason for word in _CONTENDED):
                raise Rejected(f"journal {self.name} cannot be written: {reason}; {NOTHING_SENT}")
        raise Refused(f"journal {self.name} cannot be written: {reason}; {NOTHING_SENT}")

    def _move(self, commit: str, base: str | None) -> str:
        """Move the branch without force and without hooks; return why it may not be there, "" if it is.

        Raises `Refused` if the branch was moved back before.
        """
        if not self._remote:
            said = self._git("update-ref", self._head, commit, base or "")
            return "" if said.is_fine else said.reason
        said = self._git("push", "--porcelain", "--no-verify", self._alias, f"{commit}:{self._head}")
        pattern = rf"^(.)\t[^\t\n]*:{re.escape(self._head)}\t(.*)$"
        about = re.search(pattern, said.out.decode("utf-8", "replace"), re.MULTILINE)
        if about is None:
            return said.reason
        flag, summary = about.groups()
        if flag == "!":
            return f"{summary}: {said.reason}"
        if base and flag != "=" and not base.startswith(summary.partition("..")[0]):
            raise self._moved_back(" (and this run has put it forward again)")
        return ""

    def _tip(self, seen: str | None) -> str | None:
        """Return the commit that the branch is at, once it is in this repository; `None` for no branch.

        `seen` is a commit that was in the branch before. Raises `Refused` if it no longer is, for the rest of
        the run, and if the branch cannot be asked.
        """
        if self._refusal is not None:
            raise self._refusal
        if not self._remote:
            found = self._commit_of(self._head, seen)
            if seen and not found:
                raise self._moved_back(mend=f"`git update-ref {self._head} {seen}` puts it back where it was")
            return found
        for _ in self._attempts(_FETCHES):
            fetched = self._git(*_FETCH, self._alias)
            here = there = None
            if not fetched.is_fine:
                here = self._commit_of(self._kept)
                there = self._at_remote(fetched, here or seen)
                if there is None:
                    return None
            if here == there:  # after a fetch that failed: another process of this clone has fetched it
                found = self._commit_of(self._kept, seen)
                if not found:
                    raise self._moved_back()
                return found
            if here and there and self._is_moved_back(here, there):
                raise self._moved_back()
        raise Refused(f"{self._away}: {fetched.reason}")

    def _at_remote(self, fetched: Said, known: str | None) -> str | None:
        """Ask the remote for the commit of its branch, after a fetch that failed; `None` for no branch.

        Raises `Refused` for a branch that it has no longer, `UsageError` for one that is only here.
        """
        said = self._git("ls-remote", "--exit-code", self._alias, self._head)
        if said.code not in (0, 2):
            raise trouble(fetched, Refused(f"{self._away}: {fetched.reason}"))
        for commit, ref in (line.split("\t") for line in said.text.splitlines()):
            if ref == self._head:
                return commit
        if known:
            mend = f"git push {self._remote} {self._kept}:{self._head}"
            self._refusal = Refused(
                f"journal {self.name} is gone from {self._remote}: without it, what was sent is not known. "
                f"This clone still has it: `{mend}` puts it back. To begin a new one: "
                f"`git update-ref -d {self._kept}`"
            )
            raise self._refusal
        if self._commit_of(self._head):
            raise UsageError(
                f"journal {self.name} is in this repository, and not at {self._remote}, where "
                f"others would look for it: `git push {self._remote} {self._branch}` puts it there"
            )
        return None

    def _is_moved_back(self, here: str, there: str) -> bool:
        """Tell whether what the remote had is not in what it has."""
        lacks = ("merge-base", "--is-ancestor", here, there)  # 1 is no; else but 0 it cannot be told
        is_cut_short = self._git.must("rev-parse", "--is-shallow-repository").text == "true"
        if is_cut_short and self._git(*lacks).code == 1:
            self._git(*_FETCH, _ALL_OF_IT, self._alias)
        return self._git(*lacks).code == 1

    def _moved_back(self, note: str = "", mend: str = "") -> Refused:
        where = f" at {self._remote}{note}" if self._remote else note
        mend = mend or (
            f"{self._kept} of this clone has it; if it was meant, `git update-ref -d {self._kept}` accepts it"
        )
        self._refusal = Refused(
            f"journal {self.name} was moved back or rewritten{where}: what was written there "
            f"is gone, and others may have acted without it. Nothing further is sent. {mend}"
        )
        return self._refusal

    def _commit_of(self, ref: str, holding: str | None = None) -> str | None:
        """Return the commit of a ref; `None` if there is none, or it does not hold the commit `holding`."""
        holds = [f"--contains={holding}"] if holding else []
        return self._git.must("for-each-ref", "--format=%(objectname)", *holds, ref).text or None

    def _attempts(self, number: int) -> Iterator[int]:
        """Yield 0 to `number` - 1, with a pause of random length before each but the first.

        So processes that collided once do not do so again and again. An interrupt ends the pauses and no
        attempt, for what an interrupted run has done must be written down too.
        """
        for attempt in range(number):
            if attempt:
                self._pause(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311
            yield attempt

    def _pause(self, seconds: float) -> None:
        with suppress(SleepCut):
            self._clock.sleep(max(0.0, seconds))


def _path(run: int | None, n: int, ending: str = "json") -> str:
    return f"runs/{run:06}/{n:08}.{ending}" if run else f"kept/{n:08}.{ending}"


def _data(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return f"data {len(encoded)}\n".encode() + encoded + b"\n"
