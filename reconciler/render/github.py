"""What GitHub reads and shows: commands in the output of a step, values in a file, links to lines of files.

A command is a line that begins with `::`, or holds `##[` (GitHub's documentation "Workflow commands for
GitHub Actions", and `ActionCommand` of actions/runner). No value gets as far as that: see `values.harmless`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import quote

from msgspec import Struct

from reconciler.problems import Place, Problem, Severity
from reconciler.render.report import Reported, TargetReport
from reconciler.render.values import counted, harmless, shortened

_SERVER = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Links(Struct, frozen=True):
    """Where files are seen at a commit. `commit` is the address of its tree, empty where none is known."""

    commit: str = ""
    below: str = ""  # the folder of the repository in which the run stands, from which files are named
    top: str = ""  # the folder of the repository on this machine, for files that are named from its root

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: Path) -> Links:
        """Return what the variables of GitHub Actions tell; none where any is not of its form."""
        top, folder = Path(environ.get("GITHUB_WORKSPACE", "")).resolve(), folder.resolve()
        if not environ.get("GITHUB_WORKSPACE") or not folder.is_relative_to(top):
            return cls()
        below = folder.relative_to(top).as_posix()
        return cls(_tree(environ, environ.get("GITHUB_SHA", "")), below, str(top))

    @classmethod
    def in_checkout(cls, environ: Mapping[str, str], folder: Path, commit: str, below: str) -> Links:
        """Return links to a commit of a checkout, whose top lies above `folder` by the parts of `below`."""
        places = (folder.resolve(), *folder.resolve().parents)
        return cls(_tree(environ, commit), below, str(places[len(PurePosixPath(below).parts)]))

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


MOST_ANNOTATIONS = 10  # GitHub shows so many of a kind, of each step
_LONGEST = 2000
_SHORTEST_MASK = 6
_COMMON = {
    *("account", "applied", "changes", "checkmarket", "configs", "create", "default", "delete", "example"),
    *("expoints", "failed", "github", "import_configs", "journal", "localhost", "master", "medallia"),
    *("password", "postgres", "postgresql", "production", "reconciler", "sandbox", "secret", "skipped"),
    *("staging", "summary", "target", "targets", "unchanged", "update", "workspace"),
}
"""Words that logs are full of. Shorter ones, like `true` and `http`, are never masked."""


def annotation_lines(problems: Sequence[Problem], links: Links) -> Iterator[str]:
    """Yield a command for each problem, at most ten a kind, and how many more there are."""
    for severity in Severity:
        some = [problem for problem in problems if problem.severity is severity]
        for problem in some[:MOST_ANNOTATIONS]:
            place, title = problem.place, f"{problem.code}{f' {problem.key}' if problem.key else ''}"
            named = ",".join(
                f"{name}={_data(value).replace(':', '%3A').replace(',', '%2C')}"
                for name, value in (
                    *(("file", links.path(place)), ("line", str(place.line))),
                    *(("col", str(place.column)), ("title", title)),
                )
            )
            text = f"{problem.message} → {problem.hint}" if problem.hint else problem.message
            # GitHub has no hints.
            command = "notice" if severity is Severity.HINT else severity.value
            yield f"::{command} {named}::{_data(shortened(text, _LONGEST))}"
        left = len(some) - MOST_ANNOTATIONS
        if left > 0:
            # Of a kind of its own, so that it is shown beside the ten.
            yield f"::notice::and {counted(left, f'more {severity.value}')}"


def mask_lines(values: Iterable[str]) -> Iterator[str]:
    """Yield commands that mask each line of these values, unless it is short or a common word."""
    for line in dict.fromkeys(line.strip() for value in values for line in value.splitlines()):
        if len(line) >= _SHORTEST_MASK and line.lower() not in _COMMON:
            # The value itself is what has to be masked, so it is escaped and otherwise left as it is.
            yield f"::add-mask::{_escaped(line)}"


def outputs_text(reports: Sequence[Reported], exit_code: int) -> str:
    """Return the outputs of a step for the file of GitHub: numbers, and fingerprints for `--reviewed`."""
    made = [one for one in reports if isinstance(one, TargetReport)]
    values = {
        "changes": sum(len(one.plan.changes) for one in made),
        "resets": sum(one.plan.resets for one in made),
        "fingerprint": ",".join(one.fingerprint for one in made),
        "exit_code": exit_code,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _data(text: str) -> str:
    return _escaped(harmless(text))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
