"""What decides is what the remote took: races, lost answers, kills, and a branch that somebody moves back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from reconciler.commands.environment import CuttableClock
from reconciler.errors import Refused
from reconciler.journal.entries import DeliveryState, Rejected
from reconciler.journal.journal import Journal
from tests.clock import FakeClock

from .backends import GIT, in_branch
from .programs import go, heard, started
from .repositories import Repositories, git
from .runs import ACCOUNT, APPLIED, a_run, intent, run_start
from .shipments import shipment, standings

COUNTED = """
count=$(cat count 2>/dev/null || echo 0)
echo $((count + 1)) > count
"""
"""What lets a hook know how often it ran before."""

SOMEBODY_ELSE_WRITES = """
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o@example.com GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o@example.com
tip=$(git rev-parse journal)
git update-ref refs/heads/journal $(git commit-tree -p $tip -m other $tip^{tree})
"""


class Clones:
    """Opens the journal of one remote from one clone after another."""

    def __init__(self, repositories: Repositories, clock: FakeClock, opened: ExitStack) -> None:
        self._repositories, self._clock, self._opened = repositories, clock, opened
        self._numbers = count(1)
        self.origin = repositories.remote()

    def folder(self) -> Path:
        return self._repositories.clone(f"clone-{next(self._numbers)}")

    def journal(self, folder: Path | None = None) -> Journal:
        """Open it, in a clone of its own unless that is named."""
        return self._opened.enter_context(in_branch(folder or self.folder(), "journal", self._clock))

    def hook(self, name: str, script: str) -> None:
        """Let the remote run a script at a point of each push; its folder is that of the remote."""
        hook = self.origin / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    def tip(self) -> str:
        return git(self.origin, "rev-parse", "journal")

    def count(self) -> int:
        return int(git(self.origin, "rev-list", "--count", "journal"))


@pytest.fixture
def clones(repositories: Repositories, clock: FakeClock) -> Iterator[Clones]:
    with ExitStack() as opened:
        yield Clones(repositories, clock, opened)


def test_of_two_clones_that_make_the_journal_one_does(clones: Clones) -> None:
    clones.hook("pre-receive", "rm hooks/pre-receive; touch here; while [ -e here ]; do sleep 0.01; done")
    with started("contest", f"{GIT}journal {clones.folder()}", ACCOUNT) as process:
        while not (clones.origin / "here").exists():  # until its push has arrived, and is not taken yet
            assert process.poll() is None
        journal = clones.journal()
        assert journal.is_new
        (clones.origin / "here").unlink()
        assert heard(process) == "ready"
        go(process)
        assert heard(process) == "run 0"
    assert journal.run(1) is not None


LOST = '[ "$1" = committed ] && kill -9 $PPID; exit 0'
LOST_UNDER_OTHERS = (
    f'[ "$1" = committed ] || exit 0\nrm hooks/reference-transaction\n{SOMEBODY_ELSE_WRITES}kill -9 $PPID'
)
CUT = f"{COUNTED} [ $count -ge 2 ] || kill -9 $PPID"
LOCKED = f"touch refs/heads/journal.lock\n{COUNTED} [ $count -lt 2 ] || rm -f refs/heads/journal.lock"


@pytest.mark.parametrize(
    ("name", "script", "count"),
    [
        pytest.param("reference-transaction", LOST, 2, id="an answer that is lost is found by a look"),
        pytest.param("reference-transaction", LOST_UNDER_OTHERS, 3, id="also under what others wrote since"),
        pytest.param("pre-receive", CUT, 2, id="a push that is cut is made again"),
        pytest.param("pre-receive", LOCKED, 2, id="also one while somebody else writes"),
    ],
)
def test_a_commit_is_taken_once(clones: Clones, name: str, script: str, count: int) -> None:
    journal = clones.journal()
    clones.hook(name, script)
    assert journal.begin_run(run_start()) == 1
    assert clones.count() == count
    assert len(clones.journal().runs()) == 1


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_a_protected_branch_is_refused_and_can_be_tried_again(clones: Clones, name: str) -> None:
    journal = clones.journal()
    clones.hook(name, "echo 'GH006: the branch is protected' >&2; exit 1")
    said = r"cannot be written: \[remote rejected\] .*GH006: the branch is protected"
    with pytest.raises(Rejected, match=said):  # so that it fails alone
        journal.begin_run(run_start())
    assert (clones.count(), journal.runs()) == (1, ())
    clones.hook(name, "exit 0")
    assert journal.begin_run(run_start()) == 1


@pytest.mark.parametrize(("hook", "is_written"), [("pre-receive", False), ("post-receive", True)])
def test_a_process_killed_around_its_push_is_dead(clones: Clones, hook: str, is_written: bool) -> None:
    journal = clones.journal()
    with started("contest", f"{GIT}journal {clones.folder()}", ACCOUNT) as process:
        assert heard(process) == "ready"
        clones.hook(hook, f"kill -9 {process.pid}; exit 1")
        go(process)
        assert process.wait() == -9
    (clones.origin / "hooks" / hook).unlink()
    assert [run.is_open for run in journal.runs()] == [True] * is_written
    assert journal.begin_run(run_start(f"{ACCOUNT} 0")) == 1 + is_written
    dead = journal.run(1) if is_written else None
    assert dead is None or dead.note.startswith(f"found dead: process {process.pid}")


@pytest.mark.parametrize("meanwhile", ["nothing", "another run", "its end"])
def test_a_branch_that_is_moved_back_is_refused_from_then_on(clones: Clones, meanwhile: str) -> None:
    journal, other = clones.journal(), clones.journal()
    early = clones.tip()
    run = journal.begin_run(run_start())
    git(clones.origin, "update-ref", "refs/heads/journal", early)
    if meanwhile == "another run":
        clones.journal().begin_run(run_start())  # which can know nothing of the first
    if meanwhile == "its end":
        git(clones.origin, "update-ref", "-d", "refs/heads/journal")
    for _ in range(2):
        with pytest.raises(Refused, match="moved back or rewritten at origin"):
            journal.begin_operation(run, intent())
    with pytest.raises(Refused, match="moved back or rewritten"):
        journal.runs()
    assert meanwhile == "its end" or len(other.runs()) == 1


def test_a_branch_moved_back_between_runs_is_noticed_by_a_clone_that_knew_it(clones: Clones) -> None:
    folder = clones.folder()
    clones.journal(folder)
    early = clones.tip()
    a_run(clones.journal(folder), "one")
    late = clones.tip()
    git(clones.origin, "update-ref", "refs/heads/journal", early)
    with pytest.raises(Refused, match=r"refs/reconciler/journal of this clone has it; .*`git update-ref -d"):
        clones.journal(folder)
    assert git(folder, "rev-parse", "refs/reconciler/journal") == late
    git(folder, "update-ref", "-d", "refs/reconciler/journal")
    assert clones.journal(folder).runs() == ()


def test_a_branch_that_is_gone_is_not_made_anew_by_a_clone_that_knew_it(clones: Clones) -> None:
    folder = clones.folder()
    clones.journal(folder).intend(shipment("ann"))
    git(clones.origin, "update-ref", "-d", "refs/heads/journal")
    with pytest.raises(Refused, match=r"is gone from origin.*`git push origin ") as raised:
        clones.journal(folder)
    _, mend, *_ = str(raised.value).split("`")
    git(folder, *mend.split()[1:])
    assert standings(clones.journal(folder)) == {"ann": DeliveryState.INTENDED}


def test_an_interrupt_ends_no_attempt_to_write_down_what_was_done(clones: Clones) -> None:
    clock = CuttableClock(FakeClock())
    with in_branch(clones.folder(), "journal", clock) as journal:
        run = journal.begin_run(run_start())
        clock.cut()
        clones.hook("pre-receive", f"{COUNTED} [ $count -ge 3 ] || kill -9 $PPID")
        operation = journal.begin_operation(run, intent())
        clones.hook("pre-receive", "kill -9 $PPID")
        with pytest.raises(Refused, match="cannot be written"):
            journal.end_operation(operation, APPLIED)
        (clones.origin / "count").unlink()
        clones.hook("pre-receive", f"{COUNTED} [ $count -ge 3 ] || {{ {SOMEBODY_ELSE_WRITES} }}")
        journal.end_operation(operation, APPLIED)
        assert [one.ending for one in journal.operations(run)] == [APPLIED]
