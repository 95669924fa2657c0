"""A log in a branch of the workspace's own git repository, for where nothing else is shared.

The branch is log and lock at once. An addition is a commit that the remote has taken by a push without
force: of two that are made at once git refuses one. What the remote has is kept under refs/reconciler/NAME,
which is fetched without force as well: so a branch that was moved back is noticed, by later runs of the same
clone too. Without a remote the branch of the repository itself is moved, from the commit that was expected.
The work tree, the index, HEAD and the user's refs and settings are never touched.

Each entry is a small file, and so are its bodies; none is changed later. `reconciler-journal.json` is the
first one, with the key of the hashes. Pruning removes files by a further commit; the branch's history still
has them.
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
from reconciler.git import (
    MOST_OUTPUT,
    Checkout,
    Git,
    Said,
    check_version,
    find_repository,
    is_partial,
    lacking,
    quiet_ssh,
    trouble,
)
from reconciler.journal.database import NOTHING_SENT
from reconciler.journal.entries import Line, Rejected, Unsound, document, other_format

FRESHNESS = 5.0
"""Seconds for which a reader goes by the last answer. A rule that refuses always asks again."""

TURN, WAY = 16, (2.0, 5.0)
"""How many pushes a process makes in a row before it lets others write, or one while others are seen to; and
how long: between these many times what a push took, so that one with a slower way there is not shut out."""

PUSHES, FETCHES = 5, 8
"""How often to push a commit, and look for it, when nothing says what became of it; and how often to fetch
while another process of the same clone does so."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds that the first pause between two attempts lasts at the most, and a later one."""

LARGEST = 16_000_000
"""Bytes of an entry; one that anybody can have pushed is not read beyond that."""

MOST_BODIES, MOST_BYTES = 500, 128_000_000
"""How many bodies are read at once, and how many bytes of them."""

META = "reconciler-journal.json"
README = """\
# A journal

`reconciler` writes this branch: what it was about to do, and what became of it. `git log` tells it to people.
Nothing else may write here, and no other branch is to be merged with it: a file that is changed or lost
makes the journal useless.
"""

_ENTRY = re.compile(r"(?:runs/(\d+)|kept)/(\d+)\.json")
_IDENTITY = "reconciler <reconciler@journal.invalid>"
_CONTENDED = ("lock", "failed to update ref", "incorrect old value", "already exists")
"""What a remote says while another process moves the branch."""
_EVERYTHING = 2**31 - 2
"""A depth that is all of a branch's history. One more would mean that of every other branch too."""
_OF_A_REMOTE = ("proxy", "proxyauthmethod", "receivepack", "uploadpack")
"""The settings of a remote that say how to reach it, beside its address."""
_CONFIGURED = re.compile(r"(remote\..*|branch\..*\.remote|core\.sshcommand)$", re.DOTALL)
_REACHES = re.compile(
    r"remote\.|hook\.|branch\.|url\.|http\.|ssh\.|protocol\.|credential\.|core\.(ssh|gitproxy|askpass)"
)
"""The settings by which a remote is reached."""


def open_branch(folder: Path, name: str, clock: Clock, *, freshness: float = FRESHNESS) -> BranchLog:
    """Return the log in a branch, which need not be there, of the repository that a folder lies in.

    Nothing is fetched, and nothing is changed. Git reads the settings of the repository: its remote, and
    programs for ssh and credentials.

    Raises `UsageError` for a name that is none, a branch that is checked out, no repository, one that git
    does not trust or that was brought along by files, no git or an old one, and for remotes among which none
    stands out.
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
            f"git+branch:{name} names a branch that is checked out. A journal needs a branch of its own, "
            f"which nobody works on: name another one, and reconciler makes it"
        )
    configured = _configured(git, place)
    remote = _remote(configured, name)
    if remote is None:
        return BranchLog(git, name, "", "", clock, freshness)
    # A name of its own for the remote: it reaches what the user's reaches, and none of its settings touches
    # other branches. It is read where it is written: at the address for pushing, if the remote has one.
    alias = f"reconciler-{secrets.token_hex(4)}"
    own = {key.removeprefix(f"remote.{remote}."): values for key, values in configured.items()}
    settings = {key: own[key][-1] for key in _OF_A_REMOTE if key in own}
    settings["url"] = (own.get("pushurl") or own.get("url") or (remote,))[0]
    settings["fetch"] = f"refs/heads/{name}:refs/reconciler/{name}"
    ssh = quiet_ssh(environ, _last(configured, "core.sshcommand"))
    named = {f"remote.{alias}.{key}": value for key, value in settings.items()}
    return BranchLog(replace(git, settings=named, ssh=ssh), name, remote, alias, clock, freshness)


def _configured(git: Git, place: Checkout) -> Mapping[str, Sequence[str]]:
    """Return what git was told about its remotes: name of the setting → its values.

    Raises `UsageError` where a file of the checkout, which a change can bring, says how to reach a remote.
    """
    found: dict[str, list[str]] = {}
    listed = git("config", "--null", "--list", "--show-scope", "--show-origin").out
    said = listed.decode("utf-8", "surrogateescape").split("\0")
    for scope, origin, setting in zip(said[::3], said[1::3], said[2::3], strict=False):
        key, _, value = setting.partition("\n")
        file = (place.top / origin.removeprefix("file:")).resolve()
        is_of_git = file.is_relative_to(place.git_dir) or file.is_relative_to(place.common)
        if scope in ("local", "worktree") and file.is_relative_to(place.top) and not is_of_git:
            if _REACHES.match(key):
                raise UsageError(
                    f"git takes the setting {key} from {file}, and what is in a checkout comes with any "
                    f"change of it. Take that file out: git config --local --unset-all include.path"
                )
        elif _CONFIGURED.match(key):
            found.setdefault(key, []).append(value)
    return found


def _remote(configured: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the remote that the branch lives at: its own, or origin, or the only one; `None` for none."""
    own = _last(configured, f"branch.{name}.remote")
    if own:
        return None if own == "." else own
    parts = (key.removeprefix("remote.").rpartition(".") for key in configured if key.startswith("remote."))
    remotes = {remote for remote, _, setting in parts if setting in ("url", "pushurl")}
    if len(remotes) > 1 and "origin" not in remotes:
        raise UsageError(
            f"git+branch:{name} could live at {' or '.join(sorted(remotes))}: `git config "
            f"branch.{name}.remote REMOTE` says where"
        )
    return "origin" if "origin" in remotes else next(iter(remotes), None)


def _last(configured: Mapping[str, Sequence[str]], key: str) -> str:
    return next(reversed(configured.get(key, ())), "")


class BranchLog:
    """Keeps `reconciler.journal.entries.Log` in a branch, of what the user calls `remote`, or "" for none.

    An addition costs two processes of git (a commit, a push); one more look costs two where there is nothing
    new, and four where there is.
    """

    def __init__(
        self, git: Git, branch: str, remote: str, alias: str, clock: Clock, freshness: float
    ) -> None:
        self.name = f"git+branch:{branch}"
        self.freshness = freshness
        self._git, self._branch, self._remote, self._alias, self._clock = git, branch, remote, alias, clock
        self._head = f"refs/heads/{branch}"
        self._kept = f"refs/reconciler/{branch}" if remote else self._head
        """The ref that says what the branch was when it was last asked."""
        # In every commit: two that write the same at one moment still make different ones. If they made the
        # same one, a push of either would find it there, and take it for its own.
        self._writer = secrets.token_hex(8)
        self._seen: tuple[str | None, int] = (None, 0)
        """The commit that was read or made last, and the number of its last entry."""
        self._refusal: Refused | None = None
        self._turn, self._back_at = TURN, clock.monotonic()

    def read(self, after: int) -> Sequence[Line]:
        """Return the entries after a number; all of them where files were not only added."""
        tip = self._tip(self._seen[0])
        old, n = self._seen
        if tip is None or (tip, after) == self._seen:
            return ()
        lines = self._added(old, tip) if old and n == after else None
        lines = self._whole(tip) if lines is None else lines
        self._seen = (tip, lines[-1].n if lines else after)
        return lines

    def append(self, last: Line | None, lines: Sequence[Line]) -> bool:
        """Add lines by a commit after the one that ends with `last`, if the branch is still there.

        A commit that lost a race can never be taken later: it is no fast-forward any more.
        """
        if self._refusal is not None:
            raise self._refusal
        self._make_way()
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
            self._back_at = ended + (ended - began) * random.uniform(*WAY)  # noqa: S311
        return is_taken

    def bodies(self, lines: Sequence[tuple[int, int]]) -> Mapping[int, str]:
        """Return what is kept beside entries. One process for each five hundred."""
        found: dict[int, str] = {}
        for start in range(0, len(lines), MOST_BODIES):
            some = lines[start : start + MOST_BODIES]
            names = [f"{self._seen[0]}:{_path(run, n, 'bodies.json')}" for run, n in some]
            texts = self._contents(names, MOST_BYTES)
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

    def _whole(self, tip: str) -> Sequence[Line]:
        """Return every entry of a commit. Raises `UsageError` if it is no journal's, or of another format."""
        listed = self._git.must("ls-tree", "-r", "-z", "-l", "--full-tree", tip).out
        blobs: dict[str, str] = {}
        for line in filter(None, listed.decode("utf-8", "replace").split("\0")):
            about, _, path = line.partition("\t")
            _, kind, name, size = about.split()
            if kind == "blob" and (path == META or _ENTRY.fullmatch(path)):
                blobs[path] = name
                if size.isdecimal() and int(size) > LARGEST:
                    raise self.damaged(f"{path} is larger than any file that reconciler writes there")
        if META not in blobs:
            raise UsageError(
                f"journal {self.name} names a branch that is not a journal of reconciler; name another one, "
                f"which need not be there yet"
            )
        return self._lines(blobs)

    def _added(self, old: str, new: str) -> Sequence[Line] | None:
        """Return the entries that were added between two commits; `None` if more than that happened."""
        told = self._git.must("diff-tree", "-r", "-z", "--no-renames", "--no-relative", old, new)
        fields = told.out.decode("utf-8", "replace").split("\0")
        changes = [(about.split(), path) for about, path in zip(fields[::2], fields[1::2], strict=False)]
        if any(about[4] != "A" for about, _ in changes):
            return None
        return self._lines({path: about[3] for about, path in changes if _ENTRY.fullmatch(path)})

    def _lines(self, blobs: Mapping[str, str]) -> Sequence[Line]:
        """Return the entries in files, path → object, in their order."""
        lines = []
        for path, text in zip(blobs, self._contents(list(blobs.values())), strict=True):
            if not text.endswith("\n"):
                raise self.damaged(f"{path} is cut short, or not in the repository")
            found = _ENTRY.fullmatch(path)
            if found:
                run, n = found.groups()
                lines.append(Line(int(n), int(run) if run else None, text[:-1]))
                continue
            try:
                meta = document(text)
            except Unsound as error:
                raise self.damaged(f"{META} cannot be read: {error}") from error
            if isinstance(meta, dict) and type(meta.get("format")) is int:  # as earlier formats had it
                raise other_format(self.name, meta["format"])
            lines.append(Line(1, None, text[:-1]))
        return sorted(lines, key=lambda line: line.n)

    def _contents(self, names: Sequence[str], most: int = MOST_OUTPUT) -> Sequence[str]:
        """Return the contents of objects; empty for one that is not there.

        One process, if anything is asked.
        """
        if not names:
            return ()
        fed = "".join(f"{name}\n" for name in names).encode("utf-8")
        said = self._git("cat-file", "--batch", fed=fed, most=most)
        if not said.is_fine:
            raise self.damaged(f"its files cannot be read: {said.reason}")
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
        files: dict[str, str] = {}
        for line in lines:
            files[_path(line.run, line.n) if line.n > 1 else META] = line.text
            if line.bodies is not None:
                files[_path(line.run, line.n, "bodies.json")] = line.bodies
        files |= {} if base else {"README.md": README.rstrip("\n")}
        committer = f"committer {_IDENTITY} {int(self._clock.now())} +0000"
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
        for _ in self._attempts(PUSHES):
            reason = self._move(commit, base)
            if not reason:
                return True
            tip = self._tip_if_reached(base)
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
        told = (line.split("\t") for line in said.out.decode("utf-8", "replace").splitlines())
        about = next((line for line in told if len(line) == 3 and line[1].endswith(f":{self._head}")), None)
        if about is None:
            return said.reason
        flag, _, summary = about
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
        for _ in self._attempts(FETCHES):
            fetched = self._fetch()
            there = None if fetched.is_fine else self._at_remote(fetched)
            here = None if fetched.is_fine else self._commit_of(self._kept)
            if fetched.is_fine or (
                there and there == here
            ):  # or another process of this clone has fetched it
                found = self._commit_of(self._kept, seen)
                if not found:
                    raise self._moved_back()
                return found
            if there is None:
                self._refuse_lost(here or seen)
                return None
            if here and self._is_moved_back(here, there):
                raise self._moved_back()
        raise self._out_of_reach(fetched)

    def _tip_if_reached(self, seen: str | None) -> str | None:
        """Return the same, `None` too where the remote gives no answer."""
        try:
            return self._tip(seen)
        except Refused:
            if self._refusal is not None:
                raise
            return None

    def _fetch(self, *how: str) -> Said:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-filter")
        return self._git("fetch", *options, *how, self._alias)

    def _at_remote(self, fetched: Said) -> str | None:
        """Ask the remote for the commit of its branch, after a fetch that failed; `None` for no branch."""
        said = self._git("ls-remote", "--exit-code", self._alias, self._head)
        if said.code not in (0, 2):
            known = trouble(fetched)
            raise known if isinstance(known, UsageError) else self._out_of_reach(fetched)
        refs = (line.split("\t") for line in said.text.splitlines())
        return next((commit for commit, ref in refs if ref == self._head), None)

    def _out_of_reach(self, fetched: Said) -> Refused:
        return Refused(f"journal {self.name}: {self._remote} cannot be reached: {fetched.reason}")

    def _refuse_lost(self, known: str | None) -> None:
        """Raise `Refused` for a branch that the remote has no longer, `UsageError` where it never had it."""
        if known:
            mend = f"git push {self._remote} {self._kept}:{self._head}"
            self._refusal = Refused(
                f"journal {self.name} is gone from {self._remote}: without it nobody knows what was sent. "
                f"This clone still has it: `{mend}` puts it back. To begin a new one: "
                f"`git update-ref -d {self._kept}`"
            )
            raise self._refusal
        if self._commit_of(self._head):
            raise UsageError(
                f"journal {self.name} is in this repository, and not at {self._remote}, where "
                f"others would look for it: `git push {self._remote} {self._branch}` puts it there"
            )

    def _is_moved_back(self, here: str, there: str) -> bool:
        """Tell whether what the remote had is not in what it has."""
        lacks = ("merge-base", "--is-ancestor", here, there)  # 1 is no; else but 0 it cannot be told
        if (
            self._git(*lacks).code == 1
            and self._git.must("rev-parse", "--is-shallow-repository").text == "true"
        ):
            self._fetch(f"--depth={_EVERYTHING}")  # a checkout has cut the history of the branch short
        return self._git(*lacks).code == 1

    def _moved_back(self, note: str = "", mend: str = "") -> Refused:
        where = f" at {self._remote}{note}" if self._remote else note
        mend = mend or (
            f"{self._kept} of this clone has it; if it was meant, `git update-ref -d {self._kept}` accepts it"
        )
        self._refusal = Refused(
            f"journal {self.name} was moved back or rewritten by somebody{where}: what was written there "
            f"is gone, and others may have acted without it. Nothing further is sent. {mend}"
        )
        return self._refusal

    def _commit_of(self, ref: str, holding: str | None = None) -> str | None:
        """Return the commit of a ref; `None` if there is none, or it does not hold the commit `holding`."""
        holds = [f"--contains={holding}"] if holding else []
        return self._git.must("for-each-ref", "--format=%(objectname)", *holds, ref).text or None

    def _make_way(self) -> None:
        """Keep away from the branch for a while after a turn, and learn whether another process has used it.

        Otherwise a process that writes all the time shuts out the others: each of their pushes is refused,
        for it follows a commit that is not the last any more. What waits goes in one commit afterwards.
        """
        if self._turn > 0:
            return
        left, self._turn = self._back_at - self._clock.monotonic(), TURN
        if left > 0:
            self._pause(left)
            self._turn = TURN if self._tip_if_reached(self._seen[0]) in (None, self._seen[0]) else 1

    def _attempts(self, number: int) -> Iterator[int]:
        """Yield 0 to `number` - 1, with a pause of random length before each but the first.

        So processes that collided once do not do so again and again. An interrupt ends the pauses and no
        attempt, for what an interrupted run has done must be written down too.
        """
        for attempt in range(number):
            if attempt:
                self._pause(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))  # noqa: S311
            yield attempt

    def _pause(self, seconds: float) -> None:
        with suppress(SleepCut):
            self._clock.sleep(seconds)


def _path(run: int | None, n: int, ending: str = "json") -> str:
    return f"runs/{run:06}/{n:08}.{ending}" if run else f"kept/{n:08}.{ending}"


def _data(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return f"data {len(encoded)}\n".encode() + encoded + b"\n"
