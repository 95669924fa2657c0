"""The file of a journal: who may read it, how safe it is, and what is not taken for one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory

import pytest

from reconciler.clock import Clock
from reconciler.errors import Refused, UsageError
from reconciler.journal.journal import Journal, open_journal
from reconciler.journal.rules import counting
from reconciler.journal.sqlite import SqliteLog
from tests.clock import FakeClock

from .shipments import ACCOUNT, SEED, shipment

NOBODY = 65534


def opened(path: Path, clock: Clock) -> Journal:
    return open_journal(f"sqlite:{path}", path.parent, clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def kept(path: Path, clock: FakeClock) -> Path:
    """A journal that knows enough to take up many pages."""
    with opened(path, clock) as journal:
        journal.intend(shipment(*(f"customer-{number}" for number in range(200))))
    return path


def test_it_is_one_private_file(tmp_path: Path, clock: FakeClock) -> None:
    tmp_path.chmod(0o755)  # what is there stays as it is
    path = tmp_path / "outer" / "inner" / "journal.db"
    with opened(path, clock) as journal:
        journal.intend(shipment("ann"))
    modes = [S_IMODE(part.stat().st_mode) for part in (tmp_path, path.parent.parent, path.parent, path)]
    assert modes == [0o755, 0o700, 0o700, 0o600]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 3), ("journal_mode", "delete"), ("fullfsync", 1)]
)
def test_a_commit_is_on_disk(kept: Path, pragma: str, value: object) -> None:
    with SqliteLog(kept).transaction(writes=False) as connection:
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_any_name_and_an_empty_file_will_do(tmp_path: Path, clock: FakeClock) -> None:
    hashes = set()
    for name in ("with space.db", "50%#1?.db", "ünï.db"):
        (tmp_path / name).touch(0o600)
        with opened(tmp_path / name, clock) as journal:
            assert journal.is_new
            hashes.add(journal.hash("ann@example.com"))
    assert len(list(tmp_path.iterdir())) == len(hashes) == 3


@pytest.mark.parametrize("content", [b"hello\n", b""])
def test_another_file_is_refused_and_left_alone(path: Path, clock: FakeClock, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)
    if not content:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE versions (number INTEGER)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"journal\.db is not a journal of reconciler"):
        opened(path, clock)
    assert path.read_bytes() == before


@pytest.mark.parametrize("keeps", [b"", b"\xff" * 20_000], ids=["cut", "scratched"])
def test_a_damaged_file_is_refused(kept: Path, clock: FakeClock, keeps: bytes) -> None:
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2] + keeps)
    with pytest.raises(Refused, match=r"is damaged.*; without it nothing is sent"):
        opened(kept, clock)


def test_a_file_that_is_replaced_or_gone_is_noticed(kept: Path, clock: FakeClock) -> None:
    older = kept.with_name("older.db")
    older.touch(0o600)
    older.write_bytes(kept.read_bytes())
    with opened(kept, clock) as journal:
        journal.intend(shipment("ann"))
        older.replace(kept)
        with pytest.raises(Refused, match="gone, so another or an older copy is in its place"):
            journal.intend(shipment("bob"))
        kept.unlink()
        with pytest.raises(Refused, match="cannot be opened"):
            journal.intend(shipment("ann"))
    assert not kept.exists()


def test_a_place_where_no_file_can_be_made_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"cannot be made: File exists: .*/file; without it nothing is sent"):
        opened(tmp_path / "file" / "journal.db", clock)
    with pytest.raises(Refused, match="is a folder, where reconciler makes a file"):
        opened(tmp_path, clock)


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


def test_what_may_not_be_written_can_be_read_and_is_refused(
    folder_of_an_ordinary_user: Path, clock: FakeClock
) -> None:
    kept = folder_of_an_ordinary_user / "journal.db"
    with opened(kept, clock) as journal:
        journal.intend(shipment("ann"))
    kept.chmod(0o400)
    with opened(kept, clock) as journal:
        assert len(counting(journal.past(ACCOUNT, SEED))) == 1
        with pytest.raises(Refused, match="cannot be written"):
            journal.intend(shipment("bob"))
    folder_of_an_ordinary_user.chmod(0o500)
    with pytest.raises(Refused, match="cannot be made: Permission denied"):
        opened(folder_of_an_ordinary_user / "other.db", clock)
