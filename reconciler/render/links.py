"""From a place in a file to the page that shows it, where it is known which commit that would be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from reconciler.problems import Place

_SERVER = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Links:
    """Where files are seen at a commit. `commit` is the address of its tree, empty where none is known."""

    commit: str = ""
    below: str = ""
    """The folder of the repository in which the run stands, from which files are named."""

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: Path) -> Links:
        """Return what the variables of GitHub Actions tell; none where any is not of its form."""
        server, repository, commit, top = (
            environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA", "WORKSPACE")
        )
        if not top or not folder.resolve().is_relative_to(Path(top).resolve()):
            return cls()
        below = folder.resolve().relative_to(Path(top).resolve()).as_posix()
        known = _SERVER.fullmatch(server) and _REPOSITORY.fullmatch(repository) and _COMMIT.fullmatch(commit)
        return cls(f"{server}/{repository}/blob/{commit}" if known else "", below)

    def path(self, place: Place) -> str:
        """Return the path of a file from the top of the repository."""
        return str(PurePosixPath(self.below) / place.file.replace("\\", "/"))

    def to(self, place: Place) -> str:
        """Return the address of a line, empty where there is none."""
        path = PurePosixPath(self.path(place))
        if not self.commit or path.is_absolute() or ".." in path.parts:
            return ""
        return f"{self.commit}/{quote(str(path), errors='replace')}#L{place.line}"
