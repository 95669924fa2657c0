"""A run in the journal: it holds its accounts from before the first write, and writes down what it does."""

from __future__ import annotations

import getpass
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct, field

from reconciler import __version__
from reconciler.clock import Clock
from reconciler.commands.console import Console
from reconciler.commands.journal import open_to_write
from reconciler.commands.session import Session, tenant_account
from reconciler.config.settings import needs_credentials
from reconciler.engine.change import Change, fingerprint_of
from reconciler.engine.kind import Body, Json
from reconciler.engine.outcome import Outcome
from reconciler.errors import Exit, Held, ReconcilerError, UsageError, describe
from reconciler.git import find_repository, without_settings
from reconciler.journal.entries import Ending, Intent, RunStart
from reconciler.journal.holding import this_process
from reconciler.journal.journal import Journal

_NOTHING = object()

POLL_SECONDS = 1.0  # how long a run rests between two tries to get hold of its accounts


class Lock(Struct, frozen=True):
    """How to deal with another run on the account: wait for so many seconds, or end the one that is named."""

    timeout: float = 0.0
    take_over: int | None = None


NO_WAIT = Lock()


class OpenRun(Struct):
    """A run that has begun: an `engine.apply.Journal`, safe for use by many threads.

    `exit` and `counts` are what its end is written down with.
    """

    journal: Journal
    number: int
    account: str
    exit: Exit = Exit.ERROR
    counts: Mapping[str, int] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)
    _learned: dict[str, Json] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        """Write down what is about to be overwritten, and with what."""
        intent = Intent(
            self.account, change.key, change.action.value, change.id, change.digest, overwritten, body
        )
        number = self.journal.begin_operation(self.number, intent)
        with self._lock:
            self._open[change.key] = number

    def outcome(self, outcome: Outcome) -> None:
        """Write down how a write ended, and what it taught; nothing of a change that was never written."""
        with self._lock:
            number = self._open.pop(outcome.key, None)
        if number is None:
            return
        ending = Ending(outcome.result.value, outcome.reason, outcome.id, outcome.body)
        self.journal.end_operation(number, ending)
        with self._lock:
            # Most updates of a run teach the same, which is written down once.
            news = {p: v for p, v in outcome.learned.items() if self._learned.get(p, _NOTHING) != v}
            self._learned.update(news)
        if news:
            self.journal.learn(self.number, self.account, news)


@contextmanager
def open_run(
    session: Session, command: str, lock: Lock, console: Console, digests: Sequence[str] | None = None
) -> Iterator[OpenRun]:
    """Begin a run that holds every account of the target; end it with the block, however that ends.

    `command` is what a person would say; `digests` are of the changes and seeds of the plan that it executes.

    Errors: `Held` while another run holds one of them; `Refused` where nothing can be written down.
    """
    environ, folder = session.environment.environ, session.workspace.folder
    with open_to_write(session) as journal:
        if journal.is_new and session.environment.access.in_ci and needs_credentials(session.checkmarket.url):
            console.warn(
                "the journal is brand-new: nothing is known of earlier runs. If this machine is thrown away "
                "after the run, so is what it writes down: declare a journal: that outlives it on the target"
            )
        if lock.take_over is not None:
            try:
                journal.take_over(lock.take_over, "ended by a person: --take-over")
            except LookupError as error:
                raise UsageError(f"--take-over: {error}") from error
        start = RunStart(
            command=command,
            target=session.target.name,
            accounts=tuple(dict.fromkeys((session.account, *tenant_account(session.target)))),
            who=who(environ),
            process=this_process(),
            version=__version__,
            commit=commit(environ, folder),
            ci_run=ci_run(environ),
            fingerprint="" if digests is None else fingerprint_of(digests),
            digests=tuple(digests or ()),
        )
        number = _begin(journal, start, lock, session.environment.clock, console)
        run = OpenRun(journal, number, session.account)
        try:
            yield run
        except ReconcilerError as error:
            run.exit = error.exit
            raise
        finally:
            try:
                journal.end_run(number, run.exit, run.counts)
            except Exception as error:  # noqa: BLE001  # it must not hide what was done
                reason = describe(error).rstrip(".")
                console.warn(f"{reason}. Run {number} stays open in the journal; the next one will end it.")


def _begin(journal: Journal, start: RunStart, lock: Lock, clock: Clock, console: Console) -> int:
    """Begin the run as soon as its accounts are free, within the time that the lock allows."""
    deadline, waits = clock.monotonic() + lock.timeout, False
    while True:
        try:
            return journal.begin_run(start)
        except Held as error:
            if clock.monotonic() >= deadline:
                raise
            if not waits:
                console.say(f"Waiting: {error}")
            waits = True
        clock.sleep(POLL_SECONDS)


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
_BRANCH = (
    *("GITHUB_HEAD_REF", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "SYSTEM_PULLREQUEST_SOURCEBRANCH"),
    *("GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BUILD_SOURCEBRANCH", "GIT_BRANCH"),
)
# Azure Pipelines numbers pull requests of GitHub twice: people know the number, and its own have an id alone.
_PULL_REQUEST = (
    *("CI_MERGE_REQUEST_IID", "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"),
    "CHANGE_ID",
)


def who(environ: Mapping[str, str]) -> str:
    """Return the login of the person behind a run: that of CI, of the session, or of the process."""
    if name := _first(environ, _WHO):
        return name
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"


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
    parts = [
        environ.get(name, "") for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
    ]
    if all(parts):  # of Azure Pipelines
        server, project, number = parts
        return f"{server.rstrip('/')}/{quote(project)}/_build/results?buildId={number}"
    return _first(environ, _WHERE)


def commit(environ: Mapping[str, str], folder: Path) -> str:
    """Return the commit of the files in a folder: what git says, else the environment, else nothing."""
    try:
        with without_settings(find_repository(folder, environ)) as repository:
            return repository.commit("HEAD")
    except UsageError:
        return _first(environ, _COMMIT)


def origin_of(environ: Mapping[str, str], folder: Path, at: float) -> Sequence[tuple[str, str]]:
    """Return what a report is of, as names and values: version, time, commit, branch, pull request, CI run.

    What is not known is left out; commit and branch are of the checkout around `folder`, else of CI.
    """
    branch = _first(environ, _BRANCH).removeprefix("refs/heads/")
    if not branch:
        with suppress(UsageError), without_settings(find_repository(folder, environ)) as repository:
            branch = repository.git("symbolic-ref", "--short", "--quiet", "HEAD").text
    merged = re.fullmatch(r"refs/pull/(\d+)/\w+", environ.get("GITHUB_REF", ""))
    origin = (
        ("reconciler", __version__),
        ("at", f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"),
        ("commit", commit(environ, folder)),
        ("branch", branch),
        ("pull request", merged[1] if merged else _first(environ, _PULL_REQUEST)),
        ("CI run", ci_run(environ)),
    )
    return [(name, value) for name, value in origin if value]


def _first(environ: Mapping[str, str], names: Sequence[str]) -> str:
    return next((value for name in names if (value := environ.get(name, ""))), "")
