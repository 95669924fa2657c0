"""Who runs this, where, and of which commit: what a journal says of a run, for the one who asks later."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.git import open_repository

# The variables of GitHub, GitLab, Azure Pipelines, Jenkins and of a login, each with the best one first.
_WHO = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILD_REQUESTEDFOR",
    "BUILD_USER_ID",
    "LOGNAME",
    "USER",
    "USERNAME",
)
_WHERE = ("CI_JOB_URL", "BUILD_URL")
_COMMIT = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILD_SOURCEVERSION", "GIT_COMMIT")


def who(environ: Mapping[str, str]) -> str:
    """Return the login of the person behind a run: that of CI, of the session, or of the process."""
    return _first(environ, _WHO) or _owner()


def _owner() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number that has no name
        return "somebody"


def ci_run(environ: Mapping[str, str]) -> str:
    """Return the address at which a run in CI can be looked at, empty outside of CI.

    Of GitHub it names the attempt, too: a run that is run again keeps its number.
    """
    parts = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(parts):
        server, repository, number = parts
        attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
        again = f"/attempts/{attempt}" if attempt else ""
        return f"{server}/{repository}/actions/runs/{number}{again}"
    return _first(environ, _WHERE)


def commit(environ: Mapping[str, str], folder: Path) -> str:
    """Return the commit of the files in a folder: what git says, else the environment, else nothing."""
    try:
        with open_repository(folder, environ) as repository:
            return repository.commit("HEAD")
    except UsageError:
        return _first(environ, _COMMIT)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, ""))), "")
