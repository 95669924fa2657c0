"""Where the branch of a journal lives, and how it moves: only forward, and only from where one has seen it.

With a remote, a push decides, never with force: git itself refuses one that is not a fast-forward. What the
remote has is kept under refs/reconciler/NAME, which is fetched without force as well: so a branch that was
moved back is noticed, by later runs of the same clone too. Without a remote the branch of the repository
itself is moved, from the commit that was expected.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from reconciler.clock import Clock
from reconciler.errors import Refused, UsageError
from reconciler.git import Git, Said, trouble
from reconciler.journal.pauses import attempts

FETCHES = 8
"""How often to fetch when another process of the same clone does so at the same moment."""

_CONTENDED = ("lock", "failed to update ref", "incorrect old value", "already exists")
"""What a remote says when somebody else is moving the branch just now."""

_EVERYTHING = 2**31 - 2
"""A depth that is all of a branch's history. One more would mean that of every other branch too."""


class OutOfReach(Refused):
    """The remote gave no answer, so nothing is known of what it has."""


class TurnedDown(Refused):
    """The remote refused a commit for what it is, and not for what somebody else did. It was not taken."""


class Taken(Struct, frozen=True):
    """The branch is at the new commit."""


class NotTaken(Struct, frozen=True):
    """Nothing says that the branch is at the new commit; where it is, a look tells."""

    reason: str
    is_final: bool = False
    """Whether it was refused for what it is, and not for what somebody else did."""


class Branch(Protocol):
    """A branch that only moves forward."""

    def tip(self, seen: str | None) -> str | None:
        """Return the commit that the branch is at, which is then in the repository; `None` for no branch.

        `seen` is a commit that was in the branch before. Raises `Refused` if it no longer is, and
        `OutOfReach` if the branch cannot be asked.
        """

    def move(self, commit: str, base: str | None) -> Taken | NotTaken:
        """Move the branch to a commit that follows `base`, or make it (`None`).

        Raises `Refused` if the branch was moved back before by somebody.
        """


class LocalBranch(Struct, frozen=True):
    """A branch of a repository that has no remote. Two processes a move: one looks, one moves."""

    git: Git
    name: str

    def tip(self, seen: str | None) -> str | None:
        """Return the commit that the branch is at."""
        found = _commit_of(self.git, f"refs/heads/{self.name}", seen)
        if seen and not found:
            raise _moved_back(
                self.name, "", f"`git update-ref refs/heads/{self.name} {seen}` puts it back where it was"
            )
        return found

    def move(self, commit: str, base: str | None) -> Taken | NotTaken:
        """Move the branch if it is at `base`: compare and swap."""
        said = self.git("update-ref", f"refs/heads/{self.name}", commit, base or "")
        return Taken() if said.is_fine else NotTaken(said.reason)


class RemoteBranch(Struct, frozen=True):
    """A branch of a remote. A move is one push; a look is one fetch and one process."""

    git: Git
    name: str
    remote: str
    """What the user calls the remote."""
    alias: str
    """What it is called here, without the settings that would touch branches of the user."""
    clock: Clock

    @property
    def kept(self) -> str:
        """The ref that says what the remote had when it was last asked."""
        return f"refs/reconciler/{self.name}"

    def tip(self, seen: str | None) -> str | None:
        """Fetch the branch, and return the commit that it is at."""
        for _ in attempts(FETCHES, self.clock):
            fetched = self._fetch()
            if fetched.is_fine:
                return self._kept_now(seen)
            there, here = self._there(fetched), _commit_of(self.git, self.kept)
            if there is None:
                self._refuse_lost(here or seen)
                return None
            if there == here:  # another process of this clone was faster
                return self._kept_now(seen)
            if here:
                self._refuse_moved_back(here, there)
        raise _out_of_reach(self.name, self.remote, fetched)

    def move(self, commit: str, base: str | None) -> Taken | NotTaken:
        """Push a commit, without force and without hooks."""
        target = f"refs/heads/{self.name}"
        said = self.git("push", "--porcelain", "--no-verify", self.alias, f"{commit}:{target}")
        flag, summary = _told(said, target)
        if flag == "!":
            return _rejected(summary, said)
        if flag is None:
            return NotTaken(said.reason)
        if base and flag != "=" and not base.startswith(summary.partition("..")[0]):
            raise self._moved_back(" (and this run has put it forward again)")
        return Taken()

    def _fetch(self, *how: str) -> Said:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-filter")
        return self.git("fetch", *options, *how, self.alias)

    def _kept_now(self, seen: str | None) -> str:
        found = _commit_of(self.git, self.kept, seen)
        if not found:
            raise self._moved_back()
        return found

    def _there(self, fetched: Said) -> str | None:
        """Ask the remote for the commit of its branch, after a fetch that failed."""
        target = f"refs/heads/{self.name}"
        said = self.git("ls-remote", "--exit-code", self.alias, target)
        if said.code not in (0, 2):
            raise _out_of_reach(self.name, self.remote, fetched)
        refs = (line.split("\t") for line in said.text.splitlines())
        return next((commit for commit, ref in refs if ref == target), None)

    def _refuse_lost(self, known: str | None) -> None:
        """Raise `Refused` for a branch that was at the remote, or is in this repository alone."""
        if known:
            mend = f"git push {self.remote} {self.kept}:refs/heads/{self.name}"
            raise Refused(
                f"journal git+branch:{self.name} is gone from {self.remote}: without it nobody knows what "
                f"was sent. This clone still has it: `{mend}` puts it back. To begin a new one: `git "
                f"update-ref -d {self.kept}`"
            )
        if _commit_of(self.git, f"refs/heads/{self.name}"):
            raise UsageError(
                f"journal git+branch:{self.name} is in this repository, and not at {self.remote}, where "
                f"others would look for it: `git push {self.remote} {self.name}` puts it there"
            )

    def _refuse_moved_back(self, here: str, there: str) -> None:
        """Raise `Refused` if what the remote had is not in what it has."""
        if self._lacks(here, there) and self._is_shallow():
            self._fetch(f"--depth={_EVERYTHING}")  # a checkout has cut the history of the branch short
        if self._lacks(here, there):
            raise self._moved_back()

    def _lacks(self, here: str, there: str) -> bool:
        # 1 is no; anything else but 0 means that it cannot be told.
        return self.git("merge-base", "--is-ancestor", here, there).code == 1

    def _is_shallow(self) -> bool:
        return self.git.must("rev-parse", "--is-shallow-repository").text == "true"

    def _moved_back(self, note: str = "") -> Refused:
        mend = (
            f"{self.kept} of this clone has it; if it was meant, `git update-ref -d {self.kept}` accepts it"
        )
        return _moved_back(self.name, f" at {self.remote}{note}", mend)


def _commit_of(git: Git, ref: str, holding: str | None = None) -> str | None:
    """Return the commit of a ref; `None` if there is none, or it does not hold the commit `holding`."""
    holds = [f"--contains={holding}"] if holding else []
    return git.must("for-each-ref", "--format=%(objectname)", *holds, ref).text or None


def _told(said: Said, target: str) -> tuple[str | None, str]:
    """Return flag and summary of what a push says about a ref; no flag where it says nothing about it."""
    for line in said.out.decode("utf-8", "replace").splitlines():
        match line.split("\t"):
            case [flag, refs, summary] if refs.endswith(f":{target}"):
                return flag, summary
    return None, ""


def _rejected(summary: str, said: Said) -> NotTaken:
    refused = summary.startswith("[remote rejected]") and not any(word in summary for word in _CONTENDED)
    return NotTaken(f"{summary}: {said.reason}", is_final=refused)


def _moved_back(name: str, where: str, mend: str) -> Refused:
    return Refused(
        f"journal git+branch:{name} was moved back or rewritten by somebody{where}: what was written there "
        f"is gone, and others may have acted without it. Nothing further is sent. {mend}"
    )


def _out_of_reach(name: str, remote: str, said: Said) -> OutOfReach:
    known = trouble(said)
    if isinstance(known, UsageError):
        raise known
    return OutOfReach(f"journal git+branch:{name}: {remote} cannot be reached: {said.reason}")
