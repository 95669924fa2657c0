"""A journal of an older version is brought up to date, and one of a newer version is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, inspect, select, text

from reconciler.errors import Refused, UsageError
from reconciler.journal.migrations import STEPS, version
from reconciler.journal.schema import TABLES, standings
from reconciler.journal.sqlite import engine_of, open_file
from tests.clock import FakeClock

from .shipments import ACCOUNT, SEED, shipment


def add_runs(connection: Connection) -> None:
    """Bring a journal to a version 2 in which there are runs."""
    connection.execute(text("CREATE TABLE runs (id INTEGER PRIMARY KEY)"))
    connection.execute(text("ALTER TABLE batches ADD COLUMN run INTEGER REFERENCES runs (id)"))


def forget(connection: Connection) -> None:
    """Bring a journal to a version 2 in which something is missing."""
    add_runs(connection)
    connection.execute(delete(standings))


@pytest.fixture
def path(tmp_path: Path, clock: FakeClock) -> Path:
    """A journal of version 1 with one intent."""
    path = tmp_path / "journal.db"
    with open_file(path, clock, steps=STEPS[:1]) as journal:
        journal.intend(shipment("ann"))
    return path


def version_of(path: Path) -> int:
    with engine_of(path).begin() as connection:
        return version(connection)


def test_an_older_journal_is_brought_up_to_date_with_all_that_it_knew(path: Path, clock: FakeClock) -> None:
    with open_file(path, clock, steps=STEPS[:1]) as old:
        hashed, told = old.hash("ann"), old.deliveries(ACCOUNT, SEED)
    with open_file(path, clock, steps=[*STEPS[:1], add_runs]) as journal:
        assert not journal.is_new
        assert journal.hash("ann") == hashed
        assert journal.deliveries(ACCOUNT, SEED) == told
        journal.intend(shipment("bob"))
    assert version_of(path) == 2


def test_a_new_journal_takes_every_step(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "new.db"
    with open_file(path, clock, steps=[*STEPS, add_runs]) as journal:
        assert journal.is_new
    assert version_of(path) == len(STEPS) + 1


def test_a_newer_journal_is_refused_and_left_alone(path: Path, clock: FakeClock) -> None:
    open_file(path, clock, steps=[*STEPS, add_runs]).close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"version 2, and .* up to 1: .*Upgrade"):
        open_file(path, clock, steps=STEPS)
    assert path.read_bytes() == before


def test_a_step_that_loses_rows_is_taken_back(path: Path, clock: FakeClock) -> None:
    with pytest.raises(Refused, match="lose rows of standings"):
        open_file(path, clock, steps=[*STEPS, forget])
    assert version_of(path) == 1
    with open_file(path, clock) as journal:
        assert len(journal.deliveries(ACCOUNT, SEED)) == 1


def test_a_step_that_fails_is_taken_back(path: Path, clock: FakeClock) -> None:
    def fail(connection: Connection) -> None:
        add_runs(connection)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        open_file(path, clock, steps=[*STEPS, fail])
    with engine_of(path).begin() as connection:
        assert version(connection) == 1
        assert not inspect(connection).has_table("runs")


def test_the_steps_lead_to_the_schema(tmp_path: Path, clock: FakeClock) -> None:
    migrated, declared = tmp_path / "migrated.db", tmp_path / "declared.db"
    open_file(migrated, clock).close()
    declared.touch()
    with engine_of(declared).begin() as connection:
        TABLES.create_all(connection)
    with engine_of(migrated).begin() as one, engine_of(declared).begin() as other:
        assert made(one) == made(other)


def made(connection: Connection) -> set[str]:
    """Return what the database says it was made of."""
    return set(connection.scalars(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")))


def test_there_is_one_row_for_each_version_that_was(path: Path, clock: FakeClock) -> None:
    clock.sleep(60)
    open_file(path, clock, steps=[*STEPS, add_runs]).close()
    with engine_of(path).begin() as connection:
        assert connection.scalar(select(func.count()).select_from(text("versions"))) == 2
