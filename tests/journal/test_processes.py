"""More than one process at one journal, and processes that die: nothing that was intended is forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from reconciler.errors import Held, Refused
from reconciler.journal import postgresql
from reconciler.journal.entries import DeliveryState, Ending, Log
from reconciler.journal.journal import Journal
from reconciler.journal.postgresql import PostgresqlLog
from reconciler.journal.rules import counting
from reconciler.journal.sqlite import SqliteLog
from tests.clock import FakeClock

from .backends import inside, open_at, path_of, read_at
from .conftest import Reopen
from .programs import CONTESTS, go, heard, started
from .runs import ACCOUNT as API
from .runs import OTHER, intent, run_start
from .shipments import ACCOUNT, SEED, shipment, standings


def test_a_process_that_is_killed_while_it_writes_takes_nothing_with_it(
    sql_address: str, clock: FakeClock
) -> None:
    with open_at(sql_address, clock) as journal:
        journal.intend(shipment("ann"))
    with started("write_half", sql_address) as process:
        assert heard(process) == "written"
        if sql_address.startswith("sqlite:"):
            assert Path(f"{path_of(sql_address)}-journal").exists()
        process.kill()
        process.wait()
    with read_at(sql_address) as past:
        assert standings(past) == {"ann": DeliveryState.INTENDED}
    with open_at(sql_address, clock) as journal:
        journal.intend(shipment("bob"))
        assert standings(journal) == {"ann": DeliveryState.INTENDED, "bob": DeliveryState.INTENDED}


def test_a_journal_that_another_process_writes_to_is_read_and_in_the_end_refuses_to_be_written(
    sql_address: str, clock: FakeClock
) -> None:
    log: Log
    if sql_address.startswith("sqlite:"):
        log, begin = SqliteLog(path_of(sql_address), make=True, patience=0), "BEGIN IMMEDIATE"
    else:
        log, begin = PostgresqlLog(sql_address, 0.01), f"SELECT pg_advisory_xact_lock({postgresql._LOCK})"
    with Journal(log, clock) as journal:
        with inside(sql_address) as other:
            other.execute(begin)
            assert list(journal.runs()) == []
            with pytest.raises(Refused, match="in use by another process"):
                journal.begin_run(run_start())
        journal.begin_run(run_start())


def test_whenever_a_process_is_killed_all_that_it_was_told_is_written_and_no_half(
    address: str, reopen: Reopen
) -> None:
    journal = reopen()
    with started("write_till_the_end", address) as process:
        run = int(heard(process))
        told = [heard(process) for _ in range(3)]
        process.kill()
        assert process.stdout is not None
        told += [line.strip() for line in process.stdout]
        process.wait()
    written = journal.operations(run)
    assert [o.number for o in written][: len(told)] == [int(number) for number in told]
    assert len(written) - len(told) in (0, 1)  # the last one may be written, and the word of it lost
    assert {len(o.intent.body["big"]) for o in written if o.intent.body} == {20_000}


def test_threads_that_write_at_once_lose_nothing(reopen: Reopen) -> None:
    journal = reopen()
    run = journal.begin_run(run_start())

    def write(number: int) -> tuple[int, int]:
        operation = journal.begin_operation(run, intent(f"key-{number}"))
        batch = journal.intend(shipment(f"customer-{number}"))
        journal.end_operation(operation, Ending("applied", id=number))
        return operation, batch

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(write, range(16)))
    told = {o.number: o.ending and o.ending.id for o in journal.operations(run)}
    assert told == {operation: number for number, (operation, _) in enumerate(numbers)}
    assert len({batch for _, batch in numbers}) == len(standings(journal)) == 16


def test_of_many_that_open_a_new_journal_at_once_one_makes_it(reopen: Reopen) -> None:
    together = Barrier(6)

    def run(_: int) -> tuple[bool, str]:
        together.wait()
        journal = reopen()
        return journal.is_new, journal.hash("x")

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(run, range(6)))
    assert sum(is_new for is_new, _ in told) == 1
    assert len({hashed for _, hashed in told}) == 1


@pytest.mark.parametrize("accounts", [(API, API), (API, OTHER)])
def test_of_two_processes_one_sends_the_same_batch_and_one_holds_an_account(
    address: str, reopen: Reopen, accounts: tuple[str, str]
) -> None:
    journal = reopen()
    with started("contest", address, accounts[0]) as one, started("contest", address, accounts[1]) as other:
        assert [heard(one), heard(other)] == ["ready", "ready"]
        go(one, other)
        won = [said for program in (one, other) for said in iter(lambda p=program: heard(p), "done")]  # type: ignore[misc]
    times = 2 if accounts[0] != accounts[1] else 1
    assert sorted(won) == sorted(
        [f"batch {n}" for n in range(CONTESTS)] + [f"run {n}" for n in range(CONTESTS)] * times
    )
    assert len(journal.runs()) == CONTESTS * times
    assert len(counting(journal.past(ACCOUNT, SEED))) == CONTESTS


def test_a_run_of_another_process_holds_its_account_until_that_is_dead(address: str, reopen: Reopen) -> None:
    journal = reopen()
    with started("hold", address) as process:
        number, operation = int(heard(process)), int(heard(process))
        with pytest.raises(Held, match=rf"run {number} .*process {process.pid} on "):
            journal.begin_run(run_start())
        process.kill()
        process.wait()
    assert [(run.number, run.is_open) for run in journal.runs()] == [(number, True)]
    journal.begin_run(run_start())
    dead = journal.run(number)
    assert dead is not None
    assert not dead.is_open
    assert (dead.exit, dead.note.partition(" on ")[0]) == (None, f"found dead: process {process.pid}")
    assert journal.latest(API)[intent().key].number == operation  # how it ended is unknown
    assert standings(journal) == {"ann": DeliveryState.INTENDED}
