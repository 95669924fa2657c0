"""Where the branch of a journal lives, and how it moves: only forward, and only from where one has seen it.

With a remote, a push decides, never with force: git itself refuses one that is not a fast-forward. What the
remote has is kept under refs/reconciler/NAME, which is fetched without force as well: so a branch that was
moved back is noticed, by later runs of the same clone too. Without a remote the branch of the repository
itself is moved, from the commit that was expected.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.clock import Clock
from reconciler.errors import Refused, UsageError
from reconciler.journal.git_command import (
    SETTINGS,
    Git,
    Said,
    check_version,
    quiet_ssh,
    surroundings,
    trouble,
)
from reconciler.journal.pauses import attempts

FETCHES = 8
"""How often to fetch when another process of the same clone does so at the same moment."""

_CONTENDED = ("lock", "failed to update ref", "incorrect old value", "already exists")
"""What a remote says when somebody else is moving the branch just now."""

_OF_A_REMOTE = ("proxy", "proxyauthmethod", "receivepack", "uploadpack")
"""The settings of a remote that say how to reach it, beside its address."""

_CONFIGURED = r"^(remote\..*|branch\..*\.remote|core\.sshcommand)$"


class OutOfReach(Refused):
    """The remote gave no answer, so nothing is known of what it has."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The branch is at the new commit."""


@dataclass(frozen=True, slots=True)
class NotTaken:
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


@dataclass(frozen=True, slots=True)
class LocalBranch:
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


@dataclass(frozen=True, slots=True)
class RemoteBranch:
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
            fetched = self.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-filter", self.alias)
            if fetched.is_fine:
                return self._kept_now(seen)
            there, here = self._there(fetched), _commit_of(self.git, self.kept)
            if there is None:
                self._refuse_lost(here or seen)
                return None
            if there == here:  # another process of this clone was faster
                return self._kept_now(seen)
            self._refuse_moved_back(here, there)
        raise _out_of_reach(self.name, self.remote, fetched)

    def move(self, commit: str, base: str | None) -> Taken | NotTaken:
        """Push a commit, without force and without hooks."""
        target = f"refs/heads/{self.name}"
        said = self.git("push", "--porcelain", "--no-verify", self.alias, f"{commit}:{target}")
        lines = [line.split("\t") for line in said.out.decode("utf-8", "replace").splitlines()]
        for flag, *_, summary in (line for line in lines if len(line) == 3 and line[1].endswith(f":{target}")):
            if flag == "!":
                return _rejected(summary, said)
            if base and flag != "=" and not base.startswith(summary.partition("..")[0]):
                raise self._moved_back(" (and this run has put it forward again)")
            return Taken()
        return NotTaken(said.reason)

    def _kept_now(self, seen: str | None) -> str:
        found = _commit_of(self.git, self.kept, seen)
        if not found:
            raise self._moved_back()
        return found

    def _moved_back(name: str, where: str, mend: str) -> Refused:
    return Refused(
        f"journal git+branch:{name} was moved back or rewritten by somebody{where}: what was written there is "
        f"gone, and others may have acted without it. Nothing further is sent. {mend}"
    )


def _out_of_reach(name: str, remote: str, said: Said) -> Refused:
    known = trouble(said)
    if isinstance(known, UsageError):
        raise known
    return OutOfReach(f"journal git+branch:{name}: {remote} cannot be reached: {said.reason}")
