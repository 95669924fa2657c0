"""More than one process at one journal, and processes that die: nothing that was intended is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from reconciler.journal.ledger import Standing

from .backends import open_at
from .conftest import Reopen
from .programs import CONTESTS, heard, started
from .shipments import ACCOUNT, SEED, shipment, standings


def test_a_process_that_is_killed_after_its_intent_leaves_it_behind(address: str, reopen: Reopen) -> None:
    with started("intend", address) as process:
        assert heard(process) == "intended"
        process.kill()
        assert process.wait() == -9
    assert standings(reopen()) == {"ann": Standing.INTENDED}


def test_a_process_that_is_killed_while_it_writes_takes_nothing_with_it(sqlite: str) -> None:
    with open_at(sqlite) as journal:
        journal.intend(shipment("ann"))
        with started("write_half", sqlite) as process:
            assert heard(process) == "written"
            assert Path(f"{sqlite}-journal").exists()
            process.kill()
            process.wait()
        journal.intend(shipment("bob"))
        assert standings(journal) == {"ann": Standing.INTENDED, "bob": Standing.INTENDED}


def test_of_two_processes_that_intend_the_same_exactly_one_does(address: str, reopen: Reopen) -> None:
    journal = reopen()
    with started("race", address) as one, started("race", address) as other:
        assert [heard(one), heard(other)] == ["ready", "ready"]
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        won = [*wins(one.stdout), *wins(other.stdout)]
    assert sorted(won) == list(range(CONTESTS))
    assert len(journal.deliveries(ACCOUNT, SEED)) == CONTESTS


def test_threads_that_write_at_once_lose_nothing(reopen: Reopen) -> None:
    journal = reopen()
    names = [f"customer-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda name: journal.intend(shipment(name)), names))
    assert len(set(numbers)) == len(names)
    assert set(standings(journal)) == set(names)


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


def wins(said: Iterable[str] | None) -> list[int]:
    return [int(line) for line in said or ()]
