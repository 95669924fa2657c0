"""More than one process at one journal, and processes that die: nothing that was intended is forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from reconciler.errors import Held, Refused
from reconciler.journal import postgresql
from reconciler.journal.entries import DeliveryState, Log
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


def test_a_write_that_is_killed_takes_nothing_with_it(sql_address: str, clock: FakeClock) -> None:
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


def test_while_another_writes_it_is_read_and_refused(sql_address: str, clock: FakeClock) -> None:
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


def test_all_that_a_killed_process_was_told_is_written(address: str, reopen: Reopen) -> None:
    journal = reopen()
    with started("write_till_the_end", address) as process:
        run = int(heard(process))
        told = [heard(process) for _ in range(3)]
        with pytest.raises(Held, match=rf"run {run} .*process {process.pid} on "):
            journal.begin_run(run_start())
        process.kill()
        assert process.stdout is not None
        told += [line.strip() for line in process.stdout]
        process.wait()
    written = journal.operations(run)
    assert [o.number for o in written][: len(told)] == [int(number) for number in told]
    assert len(written) - len(told) in (0, 1)  # the last one may be written, and the word of it lost
    assert {len(o.intent.body["big"]) for o in written if o.intent.body} == {20_000}
    journal.begin_run(run_start())
    dead = journal.run(run)
    assert dead is not None
    assert (dead.is_open, dead.exit) == (False, None)
    assert dead.note.startswith(f"found dead: process {process.pid} on ")
    assert journal.latest(API)[intent().key].number >= written[-1].number  # how it ended is unknown


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
def test_of_two_processes_one_wins(address: str, reopen: Reopen, accounts: tuple[str, str]) -> None:
    journal = reopen()
    with started("contest", address, accounts[0]) as one, started("contest", address, accounts[1]) as other:
        assert [heard(one), heard(other)] == ["ready", "ready"]
        go(one, other)
        won = [said for program in (one, other) for said in iter(lambda p=program: heard(p), "done")]  # type: ignore[misc]
    runs = len({*accounts})
    numbers = range(CONTESTS)
    assert sorted(won) == sorted([f"batch {n}" for n in numbers] + [f"run {n}" for n in numbers] * runs)
    assert len(journal.runs()) == CONTESTS * runs
    assert len(counting(journal.past(ACCOUNT, SEED))) == CONTESTS
