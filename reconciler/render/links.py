"""From a place in a file to the page that shows it, where it is known which commit that would be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import quote

from msgspec import Struct

from reconciler.problems import Place

_SERVER = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Links(Struct, frozen=True):
    """Where files are seen at a commit. `commit` is the address of its tree, empty where none is known."""

    commit: str = ""
    below: str = ""
    """The folder of the repository in which the run stands, from which files are named."""
    top: str = ""
    """The folder of this machine that the repository is in, for files that are named from its root."""

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: Path) -> Links:
        """Return what the variables of GitHub Actions tell; none where any is not of its form."""
        top = environ.get("GITHUB_WORKSPACE", "")
        if not top or not folder.resolve().is_relative_to(Path(top).resolve()):
            return cls()
        below = folder.resolve().relative_to(Path(top).resolve()).as_posix()
        return cls(_tree(environ, environ.get("GITHUB_SHA", "")), below, str(Path(top).resolve()))

    @classmethod
    def in_checkout(cls, environ: Mapping[str, str], folder: Path, commit: str, below: str) -> Links:
        """Return what is known where git tells which commit is checked out, and where in it the folder lies.

        That need not be what the variables say: GITHUB_SHA is the merge that is tried where a workflow checks
        out the head of a pull request, and GITHUB_WORKSPACE may hold several checkouts.
        """
        top = folder.resolve()
        for _ in PurePosixPath(below).parts:
            top = top.parent
        return cls(_tree(environ, commit), below, str(top))

    def path(self, place: Place) -> str:
        """Return the path of a file from the top of the repository; as it is, where it lies elsewhere."""
        file = PurePosixPath(place.file.replace("\\", "/"))
        if self.top and file.is_absolute() and file.is_relative_to(self.top):
            return str(file.relative_to(self.top))
        return normpath(PurePosixPath(self.below) / file)

    def to(self, place: Place) -> str:
        """Return the address of a line, empty where there is none."""
        path = PurePosixPath(self.path(place))
        if not self.commit or path.is_absolute() or ".." in path.parts:
            return ""
        return f"{self.commit}/{quote(str(path), errors='replace')}#L{place.line}"


def _tree(environ: Mapping[str, str], commit: str) -> str:
    server, repository = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY"))
    known = _SERVER.fullmatch(server) and _REPOSITORY.fullmatch(repository) and _COMMIT.fullmatch(commit)
    return f"{server}/{repository}/blob/{commit}" if known else ""
