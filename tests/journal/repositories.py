"""Repositories of git, made by the real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.repositories import Repository


def git(folder: Path, *arguments: str) -> str:
    """Run git as its user does; return what it says."""
    return Repository(folder).git(*arguments)


@dataclass(frozen=True, slots=True)
class Repositories:
    """Makes repositories side by side in one folder."""

    folder: Path

    @property
    def origin(self) -> Path:
        """Where the remote is, once it was made."""
        return self.folder / "origin.git"

    def remote(self) -> Path:
        """Make the bare repository that the others have as their remote."""
        git(self.folder, "init", "--quiet", "--bare", "--template=", "-bmain", self.origin.name)
        return self.origin

    def clone(self, name: str = "workspace") -> Path:
        """Make a repository with nothing in it that has the remote as its origin."""
        folder = self.alone(name)
        git(folder, "config", "remote.origin.url", str(self.origin))
        git(folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        return folder

    def alone(self, name: str = "workspace") -> Path:
        """Make a repository with nothing in it that has no remote."""
        git(self.folder, "init", "--quiet", "--template=", "--initial-branch=main", name)
        return self.folder / name
