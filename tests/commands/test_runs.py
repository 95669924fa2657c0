"""A run holds its accounts: another one waits, is refused, or takes over what is provably dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.commands.runs import Lock
from reconciler.errors import Exit, Held, Refused, UsageError
from reconciler.journal.entries import Process, RunStart
from reconciler.journal.holding import this_process
from reconciler.journal.journal import Journal, open_journal
from tests.clock import FakeClock
from tests.commands.world import Screen, World

ELSEWHERE = Process("another machine", "build-3", 7, "1")
ACCOUNT = "sandbox:sandbox"


def path_of(world: World) -> Path:
    return world.folder / ".reconciler" / "journal.db"


@contextmanager
def at_work(
    world: World, process: Process = ELSEWHERE, account: str = ACCOUNT, target: str = "sandbox"
) -> Iterator[Journal]:
    """Let another run hold the account."""
    with open_journal(f"sqlite:{path_of(world)}", world.folder, world.clock) as journal:
        journal.begin_run(RunStart("apply", target, (account,), "ann", process, "1.0"))
        yield journal


@pytest.fixture
def gone() -> Process:
    """A process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return replace(this_process(), pid=process.pid)


def test_while_another_run_is_at_work_nothing_is_written_and_it_is_named(world: World) -> None:
    with (
        at_work(world),
        pytest.raises(Held, match=r"run 1 \(apply on sandbox\) of ann is at work.*build-3") as held,
    ):
        world.applies()
    assert held.value.exit is Exit.REFUSED
    assert not world.writes


def test_a_run_waits_as_long_as_it_may_and_says_so(world: World) -> None:
    screen = Screen()
    before = world.clock.now()
    with at_work(world), pytest.raises(Held):
        world.applies(lock=Lock(timeout=60), screen=screen)
    assert 60 <= world.clock.now() - before < 90
    assert screen.err.count("Waiting:") == 1


class EndsARun(FakeClock):
    """A clock in which the other run ends while somebody sleeps."""

    def __init__(self, now: float, journal: Journal) -> None:
        super().__init__(now)
        self._journal = journal

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._journal.end_run(1, 0, {})


def test_a_run_goes_on_when_the_other_one_has_ended(world: World) -> None:
    with at_work(world) as journal:
        world.clock = EndsARun(world.clock.now(), journal)
        assert world.applies(lock=Lock(timeout=60)).exit is Exit.DONE
    assert len(world.writes) == 1


def test_another_account_a_plan_and_what_has_nothing_to_do_are_not_held_up(world: World) -> None:
    with at_work(world, account="api.example#1"):
        assert world.applies().exit is Exit.DONE
    with at_work(world):
        assert world.plans().exit is Exit.DONE
        assert world.applies().exit is Exit.DONE


def test_a_run_whose_process_is_gone_is_ended_by_the_next_one_even_with_nothing_to_do(
    world: World, gone: Process
) -> None:
    for number in (1, 3):
        with at_work(world, gone) as journal:
            assert world.applies().exit is Exit.DONE
            dead = journal.run(number)
        assert dead
        assert dead.note.startswith("found dead")


def test_a_person_can_take_over_and_that_is_written_down(world: World) -> None:
    with at_work(world) as journal:
        with pytest.raises(UsageError, match="knows no run 9"):
            world.applies(lock=Lock(take_over=9))
        assert world.applies(lock=Lock(take_over=1)).exit is Exit.DONE
        ended = journal.run(1)
    assert ended
    assert ended.note == "ended by a person: --take-over"


def test_without_a_readable_journal_a_plan_says_so_and_an_apply_refuses_at_once(world: World) -> None:
    path_of(world).parent.mkdir()
    path_of(world).write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    run = world.plans()
    assert run.exit is Exit.DONE
    assert "This plan is made without the journal, and apply would refuse." in run.told
    with pytest.raises((Refused, UsageError)):
        world.applies()
    assert not world.writes
