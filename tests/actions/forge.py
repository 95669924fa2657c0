"""The git side of the stand-in: a real repository, pull requests of its branches, and every way to merge."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.actions.hub import REPOSITORY, Hub
from tests.actions.workflows import Event
from tests.repositories import Repository

GUARD = """\
#!/bin/sh
[ "$STAND_IN_MAY_PUSH" != no ] || { echo "Write access to repository not granted." >&2; exit 1; }
"""
"""What refuses a push by a job whose token may not write."""


@dataclass
class Forge:
    """A bare repository with the work tree of somebody who may push, and the pull requests of the hub."""

    hub: Hub
    bare: Path
    work: Repository

    @classmethod
    def made(cls, hub: Hub, folder: Path, files: Mapping[str, str]) -> Forge:
        """Return a repository whose default branch holds these files."""
        bare, work = folder / "origin.git", Repository.made(folder / "work")
        work.git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        # GitHub gives any commit that it has, also one that no branch has any more.
        work.git("--git-dir", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
        hook = bare / "hooks" / "pre-receive"
        hook.write_text(GUARD)
        hook.chmod(0o755)
        work.git("remote", "add", "origin", str(bare))
        forge = cls(hub, bare, work)
        forge.write(files)
        work.commit("Begin")
        work.git("push", "--quiet", "origin", "main")
        return forge

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.work.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def pull(self, branch: str, *commits: Mapping[str, str], title: str = "A change", fork: str = "") -> int:
        self.work.git("switch", "--quiet", "--create", branch, "main")
        for files in commits:
            self.write(files)
            self.work.commit(title)
        self.work.git("switch", "--quiet", "main")
        number = 1 + len(self.hub.pulls) + len(self.hub.issues)
        head = {"ref": branch, "repo": {"full_name": fork or REPOSITORY}}
        user = {"login": "octocat", "type": "User"}
        self.hub.add_pull(number, head, title=title, user=user)
        self.update(number)
        return number

    def update(self, number: int, files: Mapping[str, str] | None = None) -> None:
        """Push the branch of a pull request, with one more commit where there are files."""
        pull = self.hub.pulls[number]
        branch = pull["head"]["ref"]
        if files:
            self.work.git("switch", "--quiet", branch)
            self.write(files)
            self.work.commit(pull["title"])
            self.work.git("switch", "--quiet", "main")
        pull["head"]["sha"] = self.tip(branch)
        self.work.git("switch", "--quiet", "--detach", "main")
        self.work.git("merge", "--quiet", "--no-ff", "--message", "Merge for the checks", branch)
        refs = (f"{branch}:refs/heads/{branch}", f"HEAD:refs/pull/{number}/merge")
        self.work.git("push", "--quiet", "--force", "origin", *refs)
        self.work.git("switch", "--quiet", "main")

    def tip(self, ref: str) -> str:
        return self.work.git("rev-parse", ref)

    def pull_event(self, number: int) -> Event:
        pull = self.hub.pulls[number]
        merged = self.work.git("ls-remote", str(self.bare), f"refs/pull/{number}/merge").split()[0]
        payload = {"pull_request": copy.deepcopy(pull), "repository": self._repository}
        origin = pull["head"]["repo"]["full_name"]
        return Event(
            "pull_request", payload, f"refs/pull/{number}/merge", merged, pull["head"]["sha"], origin
        )

    def merged(self, how: str, *numbers: int) -> Event:
        """Merge pull requests, each as named, and push once: the merge queue does so with several."""
        before = self.tip("main")
        for number in numbers:
            start = self.tip("main")
            _WAYS[how](self, self.hub.pulls[number])
            new = self.work.git("rev-list", f"{start}..main").split()
            # GitHub names for a commit the merged pull request that brought it to the default branch.
            self.hub.pulls_of |= {commit: [number] for commit in new}
            self.hub.pulls[number] |= {"merged_at": "2026-01-02T00:00:00Z", "state": "closed"}
        return self.pushed(before)

    def pushed(self, before: str) -> Event:
        self.work.git("push", "--quiet", "origin", "main")
        after = self.tip("main")
        payload = {"before": before, "after": after, "ref": "refs/heads/main", "repository": self._repository}
        return Event("push", payload, "refs/heads/main", after, after)

    def direct_push(self, files: Mapping[str, str]) -> Event:
        before = self.tip("main")
        self.write(files)
        self.work.commit("Straight to main")
        return self.pushed(before)

    def event(self, name: str, **payload: Any) -> Event:
        tip = self.tip("main")
        return Event(name, {"repository": self._repository, **payload}, "refs/heads/main", tip, tip)

    @property
    def _repository(self) -> dict[str, str]:
        return {"full_name": REPOSITORY, "default_branch": "main"}


def _squashed(forge: Forge, pull: Mapping[str, Any]) -> None:
    forge.work.git("merge", "--quiet", "--squash", pull["head"]["ref"])
    forge.work.commit(f"{pull['title']} (#{pull['number']})")


def _joined(forge: Forge, pull: Mapping[str, Any]) -> None:
    message = f"Merge pull request #{pull['number']}"
    forge.work.git("merge", "--quiet", "--no-ff", "--message", message, pull["head"]["ref"])


def _rebased(forge: Forge, pull: Mapping[str, Any]) -> None:
    commits = forge.work.git("rev-list", "--reverse", f"main..{pull['head']['ref']}").split()
    # Each becomes a new commit, as GitHub makes them even where they could stay.
    forge.work.git("cherry-pick", "--no-ff", *commits)


_WAYS = {"squash": _squashed, "merge": _joined, "rebase": _rebased}
