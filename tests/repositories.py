"""Real repositories for tests, made by real git in a folder of their own; nobody's settings count."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

ENVIRON = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
}


@dataclass(frozen=True)
class Repository:
    """A repository with its work tree in `folder`."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Repository:
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def git(self, *arguments: str, input: bytes | None = None) -> str:
        ended = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=ENVIRON, input=input, capture_output=True, check=True
        )
        return ended.stdout.decode().strip()

    def commit(self, message: str = "change") -> str:
        """Commit all that is in the work tree; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def state(self) -> tuple[str, ...]:
        """Return all that reading must not change: the index, every reference, the work tree."""
        git = self.folder / ".git"
        index = (git / "index").read_bytes().hex() if (git / "index").exists() else ""
        files = [
            f"{path} {path.stat().st_mtime_ns}" for path in sorted(self.folder.rglob("*")) if path.is_file()
        ]
        return (index, self.git("for-each-ref"), *files)
