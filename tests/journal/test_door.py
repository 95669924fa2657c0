"""What the door does with any log: writes of many threads together, races, and what each is refused for."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from reconciler.errors import Held, Refused
from reconciler.journal.entries import Line, Rejected
from reconciler.journal.journal import Journal
from tests.clock import FakeClock

from .logs import MemoryLog
from .runs import ACCOUNT, OTHER, a_run, intent, run_start
from .shipments import shipment, standings

WRITERS = 8
Work = Callable[[], object]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def journal(log: MemoryLog, clock: FakeClock) -> Journal:
    return Journal(log, clock)


@contextmanager
def behind_another(journal: Journal, log: MemoryLog, works: Sequence[Work]) -> Iterator[list[Future[object]]]:
    """Let all `works` come while another write is being added; they end with the block."""
    begun, go_on = threading.Event(), threading.Event()

    before = log.before

    def held(lines: Sequence[Line]) -> None:
        if not begun.is_set():
            begun.set()
            assert go_on.wait(60)
        before(lines)

    log.before = held

    with ThreadPoolExecutor(len(works) + 1) as pool:
        pool.submit(journal.intend, shipment("first"))
        assert begun.wait(60)
        futures = [pool.submit(work) for work in works]
        while len(journal._waiting) < len(works):
            os.sched_yield()
        go_on.set()
        yield futures


def send(journal: Journal, customer: str) -> Work:
    return lambda: journal.intend(shipment(customer))


def test_writes_that_wait_share_the_next_addition_and_know_of_each_other(
    journal: Journal, log: MemoryLog
) -> None:
    with behind_another(journal, log, [send(journal, "ann") for _ in range(WRITERS)]) as futures:
        errors = [future.exception() for future in futures]
    assert errors.count(None) == 1
    assert {type(error) for error in errors} == {type(None), Refused}
    assert set(standings(journal)) == {"first", "ann"}
    assert log.additions == [1, 1, 1]


def test_what_one_is_refused_for_keeps_no_other_back(journal: Journal, log: MemoryLog) -> None:
    def reject(lines: Sequence[Line]) -> None:
        if any("forbidden" in line.text for line in lines):
            raise Rejected("a secret")

    run = journal.begin_run(run_start())
    log.before = reject
    works: list[Work] = [
        send(journal, "ann"),
        lambda: journal.take_over(99, "unknown"),
        lambda: journal.begin_operation(run, replace(intent(), body={"beyond": math.inf})),
        lambda: journal.begin_run(run_start()),
        lambda: journal.begin_run(run_start(OTHER, command="forbidden")),
        send(journal, "bob"),
    ]
    with behind_another(journal, log, works) as (ann, unknown, infinite, held, forbidden, bob):
        assert {ann.result(), bob.result()} == {2, 3}
        raised = [type(future.exception()) for future in (unknown, infinite, held, forbidden)]
    assert raised == [LookupError, Refused, Held, Rejected]


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()])
def test_what_breaks_an_addition_is_raised_by_all_of_it(
    journal: Journal, log: MemoryLog, error: BaseException
) -> None:
    broken: list[BaseException] = []

    def break_off(lines: Sequence[Line]) -> None:
        if len(lines) > 1 and not broken:
            broken.append(error)
            raise error

    log.before = break_off
    with behind_another(journal, log, [send(journal, "ann"), send(journal, "bob")]) as futures:
        assert {type(future.exception()) for future in futures} == {type(error)}
    assert journal.intend(shipment("ann")) == 2


def test_after_a_lost_addition_the_log_decides(journal: Journal, log: MemoryLog, clock: FakeClock) -> None:
    added = log.append

    def lost(last: Line | None, lines: Sequence[Line]) -> bool:
        added(last, lines)
        raise Refused("broke off")

    log.append = lost  # type: ignore[method-assign]
    with pytest.raises(Refused, match="broke off"):
        journal.intend(shipment("ann"))
    log.append = added  # type: ignore[method-assign]
    with pytest.raises(Refused, match="under way or in doubt"):
        journal.intend(shipment("ann"))
    assert set(standings(Journal(log, clock))) == {"ann"}


def test_the_second_is_judged_by_the_rules_again(journal: Journal, log: MemoryLog, clock: FakeClock) -> None:
    log.freshness = 1e9
    other = Journal(log, clock)
    run = journal.begin_run(run_start())
    assert other.begin_run(run_start(OTHER)) == run + 1
    with pytest.raises(Held, match=f"run {run} "):
        other.begin_run(run_start())
    journal.end_run(run, 0, {})
    assert other.begin_run(run_start()) == run + 2  # nothing is refused for what is no longer so
    assert journal.begin_operation(journal.begin_run(run_start("third")), intent(account="third")) == 1


def test_others_who_are_always_first_are_not_raced_for_ever(log: MemoryLog, clock: FakeClock) -> None:
    journal, other = Journal(log, clock), Journal(log, clock)
    journal.races = 3

    def first(_: Sequence[Line]) -> None:
        log.before = lambda _: None
        a_run(other)
        log.before = first

    log.before = first
    with pytest.raises(Refused, match="others write to it all the time"):
        journal.begin_run(run_start())


def test_the_bodies_of_a_run_are_read_only_where_they_are_asked_for(journal: Journal, log: MemoryLog) -> None:
    run = a_run(journal, "a")
    log.lines = [replace(line, bodies="damaged" if line.bodies else None) for line in log.lines]
    [told] = journal.operations(run, bodies=False)
    assert (told.intent.key, told.intent.body, told.ending and told.ending.result) == ("a", None, "applied")
    with pytest.raises(Refused, match="a body of write 1 is damaged: it is not JSON"):
        journal.operations(run)
    with pytest.raises(Refused, match="a body of write 1 is damaged"):
        journal.latest(ACCOUNT)
