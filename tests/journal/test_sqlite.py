"""The file of a journal: who may read it, how safe it is, and what is not taken for one."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from reconciler.errors import Refused, UsageError
from reconciler.journal.schema import batches, deliveries
from reconciler.journal.sqlite import engine_of, open_file
from tests.clock import FakeClock

from .backends import open_at
from .programs import heard, started
from .shipments import ACCOUNT, SEED, shipment

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def kept(path: Path, clock: FakeClock) -> Path:
    """A journal that knows enough to take up many pages."""
    with open_file(path, clock) as journal:
        journal.intend(shipment(*(f"customer-{number}" for number in range(200))))
    return path


def test_the_file_and_the_folders_that_are_made_for_it_are_private(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "outer" / "inner" / "journal.db"
    open_file(path, clock).close()
    modes = [S_IMODE(part.stat().st_mode) for part in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path, clock: FakeClock) -> None:
    tmp_path.chmod(0o755)
    open_file(tmp_path / "journal.db", clock).close()
    assert S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_file_alone_is_the_whole_journal(kept: Path) -> None:
    assert [entry.name for entry in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("synchronous", 3), ("journal_mode", "delete"), ("fullfsync", 1), ("foreign_keys", 1)],
)
def test_a_commit_is_on_disk_and_holds_together(kept: Path, pragma: str, value: object) -> None:
    with engine_of(kept).begin() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value


def test_the_database_itself_refuses_the_same_attempt_twice(kept: Path) -> None:
    with engine_of(kept).begin() as connection:
        row = connection.execute(select(deliveries).limit(1)).mappings().one()
        batch = connection.execute(select(batches)).mappings().one()
        connection.execute(insert(batches).values({**batch, "number": 2}))
    with pytest.raises(IntegrityError, match="attempt"), engine_of(kept).begin() as connection:
        connection.execute(insert(deliveries).values({**row, "number": 1000, "batch": 2}))


@pytest.mark.parametrize("name", ["with space.db", "50%#1?.db", "ünï.db"])
def test_any_name_will_do(tmp_path: Path, clock: FakeClock, name: str) -> None:
    open_file(tmp_path / name, clock).close()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_an_empty_file_becomes_a_new_journal(path: Path, clock: FakeClock) -> None:
    path.touch(0o600)
    with open_file(path, clock) as journal:
        assert journal.is_new


def test_two_journals_hash_differently(tmp_path: Path, clock: FakeClock) -> None:
    with open_file(tmp_path / "a", clock) as one, open_file(tmp_path / "b", clock) as other:
        assert one.hash("ann@example.com") != other.hash("ann@example.com")


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 100_000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    path: Path, clock: FakeClock, content: bytes
) -> None:
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"journal\.db is not a journal of reconciler"):
        open_file(path, clock)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path, clock: FakeClock) -> None:
    path.touch(0o600)
    change(path, "CREATE TABLE versions (number INTEGER)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="not a journal of reconciler"):
        open_file(path, clock)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "scratched", "without its version", "without its key"])
def test_a_damaged_journal_is_refused(kept: Path, clock: FakeClock, damage: str) -> None:
    match damage:
        case "cut":
            os.truncate(kept, kept.stat().st_size // 2)
        case "scratched":
            scratch(kept)
        case "without its version":
            change(kept, "DROP TABLE versions")
        case "without its key":
            change(kept, "DELETE FROM meta")
    with pytest.raises(Refused, match=r"is damaged.*; without it nothing is sent"):
        open_file(kept, clock)


def test_a_file_that_vanishes_is_not_silently_made_anew(kept: Path, clock: FakeClock) -> None:
    with open_file(kept, clock) as journal:
        kept.unlink()
        with pytest.raises(Refused, match="cannot be opened"):
            journal.intend(shipment("ann"))
    assert not kept.exists()


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"cannot be made: File exists: .*/file; without it nothing is sent"):
        open_file(tmp_path / "file" / "journal.db", clock)


def test_a_folder_is_no_journal(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(Refused, match="is a folder, where reconciler makes a file"):
        open_file(tmp_path, clock)


@pytest.fixture
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """Run a test without the rights of root, which may write everywhere, in a folder that it may enter."""
    with TemporaryDirectory() as name, ExitStack() as undo:
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
            undo.callback(os.seteuid, 0)
        yield Path(name)
        Path(name).chmod(0o700)


def test_a_folder_that_may_not_be_written_is_refused(
    folder_of_an_ordinary_user: Path, clock: FakeClock
) -> None:
    folder_of_an_ordinary_user.chmod(0o500)
    with pytest.raises(Refused, match="cannot be made: Permission denied"):
        open_file(folder_of_an_ordinary_user / "journal.db", clock)


def test_a_file_that_may_not_be_written_can_be_read_and_refuses_an_intent(
    folder_of_an_ordinary_user: Path, clock: FakeClock
) -> None:
    kept = folder_of_an_ordinary_user / "journal.db"
    with open_file(kept, clock) as journal:
        journal.intend(shipment(*(f"customer-{number}" for number in range(200))))
    kept.chmod(0o400)
    with open_file(kept, clock) as journal:
        assert len(journal.deliveries(ACCOUNT, SEED)) == 200
        with pytest.raises(Refused, match="cannot be written"):
            journal.intend(shipment("ann"))


def test_a_journal_that_is_held_by_another_process_is_refused_in_the_end(
    kept: Path, clock: FakeClock
) -> None:
    with open_file(kept, clock, patience=0) as journal, writer(kept) as other:
        assert len(journal.deliveries(ACCOUNT, SEED)) == 200  # reading goes on meanwhile
        with pytest.raises(Refused, match="in use by another process"):
            journal.intend(shipment("ann"))
        other.rollback()
        journal.intend(shipment("ann"))


def test_a_disk_that_is_full_is_told_and_takes_nothing_with_it(sqlite: str) -> None:
    with started("fill_up", sqlite) as process:
        written, reason = int(heard(process)), heard(process)
        assert process.wait() == 0
    assert re.search("cannot be (read or )?written: the disk .*; without it nothing is sent", reason)
    with open_at(sqlite) as journal:
        [run] = journal.runs()
        assert len(journal.operations(run.number)) == written > 0


@contextmanager
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the right to write, as a process does that is in the middle of it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def scratch(path: Path) -> None:
    """Overwrite the second half of the file, but for its length."""
    half = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(half)
        file.write(b"\xff" * half)


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
