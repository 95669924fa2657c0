"""Which plans were reviewed that a push brings: those of the pull requests that its commits came from.

A plan comes from the artifact of the run that planned the pull request's head commit, never from a comment,
which can be edited. Nobody is believed: the run must be one of the named workflow, of a pull request, of this
repository, and of exactly that commit.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from github import GitHub, Gone

MOST_COMMITS = 500
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NEW_BRANCH = re.compile("0+")
_OF_GIT = ("PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "LD_LIBRARY_PATH", "GIT_CONFIG_GLOBAL")
_LOOKS = 4
"""How often to ask for the pull request of a commit: GitHub may know it a moment after the push only."""


@dataclass(frozen=True)
class Source:
    """Where commits of the push came from: a pull request, or nobody's review (0). Its plan, or why not."""

    number: int
    commit: str
    plan: Path | None = None
    run: int = 0
    why_not: str = ""


@dataclass(frozen=True)
class Push:
    """A push to a branch, as its event tells it."""

    branch: str
    before: str
    after: str


def commits_of(push: Push) -> list[str]:
    """Return the commits of a push along the branch itself, oldest first; none where git cannot tell them."""
    if not _COMMIT.fullmatch(push.after):
        return []
    if _NEW_BRANCH.fullmatch(push.before) or not _COMMIT.fullmatch(push.before):
        return [push.after]
    return git("rev-list", "--first-parent", "--reverse", f"{push.before}..{push.after}")


def git(*arguments: str) -> list[str]:
    """Return the words that git says about the checkout, none where it fails.

    It gets no key of the step, fetches nothing, and takes nothing but `.git` for a repository.
    """
    settings = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")
    command = ["git", "--no-pager", *(word for one in settings for word in ("-c", one)), *arguments]
    environ = {name: value for name, value in os.environ.items() if name in _OF_GIT}
    environ |= {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    if not Path(".git").exists():
        return []
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603


@dataclass(frozen=True)
class Search:
    """A search for the plans of one target. `workflow` is the path of the workflow that planned."""

    github: GitHub
    target: str
    workflow: str
    folder: Path

    def sources(self, push: Push) -> list[Source]:
        """Return where the commits of a push came from, each pull request once. Errors: `Trouble`."""
        commits = commits_of(push)
        if not commits:
            return [Source(0, push.after, why_not="git cannot tell what is new in the push")]
        if len(commits) > MOST_COMMITS:
            return [Source(0, push.after, why_not=f"the push has more than {MOST_COMMITS} commits")]
        # The newest first: where GitHub knows its pull request by now, it knows those of the others.
        pulls = {commit: self._pulls(commit, push) for commit in reversed(commits)}
        merged = {int(pull["number"]): pull for commit in commits for pull in pulls[commit]}
        direct = [commit for commit in commits if not pulls[commit]]
        return [
            *map(self._reviewed, merged.values()),
            *(Source(0, commit, why_not="it came by no pull request") for commit in direct),
        ]

    def _pulls(self, commit: str, push: Push) -> list[Any]:
        for look in range(_LOOKS):
            listed = self.github.pages(f"commits/{commit}/pulls")
            pulls = [pull for pull in listed if self._is_merged(pull, push.branch)]
            if pulls or commit != push.after or look == _LOOKS - 1:
                return pulls
            time.sleep(self.github.pause * 2**look)
        return []

    def _is_merged(self, pull: Any, branch: str) -> bool:
        base = pull["base"]
        return bool(pull["merged_at"]) and base["ref"] == branch and self._is_here(base["repo"])

    def _is_here(self, repository: Any) -> bool:
        """Tell whether something is of this repository; that of a fork may be gone, and `None`."""
        return bool(repository) and repository["full_name"].lower() == self.github.repository.lower()

    def _reviewed(self, pull: Any) -> Source:
        number, commit = int(pull["number"]), str(pull["head"]["sha"])
        if not _COMMIT.fullmatch(commit):
            return Source(number, "", why_not="its head is no commit")
        if not self._is_here(pull["head"]["repo"]):
            return Source(
                number, commit, why_not="it came from a fork, and such a pull request is not planned"
            )
        run = next(iter(self._runs(commit)), None)
        if run is None:
            why = f"no run of {self.workflow} has planned its head commit to the end"
            return Source(number, commit, why_not=why)
        return self._plan_of(number, commit, int(run["id"]))

    def _runs(self, commit: str) -> list[Any]:
        """Return the runs that planned a commit, refused plans included, the newest first."""
        path = f"actions/runs?event=pull_request&status=completed&head_sha={commit}"
        runs = [run for run in self.github.pages(path, "workflow_runs") if self._has_planned(run, commit)]
        return sorted(runs, key=lambda run: (str(run["created_at"]), int(run["id"])), reverse=True)

    def _has_planned(self, run: Any, commit: str) -> bool:
        return (
            run["path"].partition("@")[0] == self.workflow
            and run["event"] == "pull_request"
            and run["head_sha"] == commit
            and run["conclusion"] in ("success", "failure")
            and self._is_here(run["repository"])
            and self._is_here(run["head_repository"])
        )

    def _plan_of(self, number: int, commit: str, run: int) -> Source:
        name = artifact_name(self.target)
        listed = self.github.pages(f"actions/runs/{run}/artifacts?name={quote(name)}", "artifacts")
        artifacts = sorted((one for one in listed if one["name"] == name), key=lambda one: int(one["id"]))
        if not artifacts:
            return Source(number, commit, run=run, why_not=f"run {run} has made no plan of {self.target}")
        if artifacts[-1]["expired"]:
            return Source(number, commit, run=run, why_not=f"the plan that run {run} made has expired")
        try:
            plan = self.github.plan_in(int(artifacts[-1]["id"]))
        except Gone:
            return Source(number, commit, run=run, why_not=f"run {run} has left no plan of {self.target}")
        path = self.folder / f"reviewed-{number}.json"
        path.write_bytes(plan)
        return Source(number, commit, path, run)


def artifact_name(target: str) -> str:
    """Return the name under which the plan of a target is uploaded, without what such a name may not hold."""
    return f"reconciler-plan-{quote(target, safe='')}"
