"""The door to a journal: its addresses, and opening one to read it, which makes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.journal.journal import FORMS, open_journal, read_journal
from tests.clock import FakeClock

from .backends import open_at, read_at
from .programs import TOP
from .runs import ACCOUNT, intent, run_start
from .shipments import SEED, named, shipment, standings


@pytest.mark.parametrize("address", ["sqlite:here/journal.db", "sqlite://here/journal.db"])
def test_the_path_of_a_file_counts_from_the_folder(tmp_path: Path, clock: FakeClock, address: str) -> None:
    open_journal(address, tmp_path, clock).close()
    assert (tmp_path / "here" / "journal.db").is_file()


@pytest.mark.parametrize("beginning", ["sqlite:", "sqlite://"])
def test_a_whole_path_counts_from_nowhere(tmp_path: Path, clock: FakeClock, beginning: str) -> None:
    open_journal(f"{beginning}{tmp_path / 'journal.db'}", Path("/nowhere"), clock).close()
    assert (tmp_path / "journal.db").is_file()


@pytest.mark.parametrize("address", ["", "mysql://u:secret@h/db", "journal.db", "SQLITE:x", " sqlite:x"])
def test_an_address_of_no_known_form_is_refused_and_not_shown(
    tmp_path: Path, clock: FakeClock, address: str
) -> None:
    for door in (open_journal, read_journal):
        with pytest.raises(UsageError) as raised:
            door(address, tmp_path, clock)
        assert str(raised.value).endswith(f"it begins with one of {', '.join(FORMS)}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["sqlite:", "sqlite://", "sqlite:a\0b"])
def test_an_address_that_names_no_file_is_refused(tmp_path: Path, clock: FakeClock, address: str) -> None:
    with pytest.raises(UsageError, match="names no file: write sqlite:PATH"):
        open_journal(address, tmp_path, clock)


def test_reading_a_journal_that_is_not_there_makes_nothing_and_tells_nothing(address: str) -> None:
    with read_at(address) as blank:
        assert blank.is_new
        assert (list(blank.runs()), list(blank.runs(ACCOUNT)), blank.run(1)) == ([], [], None)
        assert (list(blank.operations(1)), blank.latest(ACCOUNT), blank.learned(ACCOUNT)) == ([], {}, {})
        assert (list(blank.deliveries(ACCOUNT, SEED)), list(blank.past(ACCOUNT, SEED))) == ([], [])
        assert blank.hash("ann") == blank.hash("ann") != blank.hash("bob")
    with open_at(address) as journal:
        assert journal.is_new


def test_reading_makes_neither_a_file_nor_a_folder(tmp_path: Path, clock: FakeClock) -> None:
    read_journal("sqlite:here/journal.db", tmp_path, clock).close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_empty_still_is_after_reading(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "journal.db").touch(0o600)
    with read_journal("sqlite:journal.db", tmp_path, clock) as blank:
        assert list(blank.runs()) == []
    assert (tmp_path / "journal.db").read_bytes() == b""


def test_reading_tells_all_that_is_written(address: str) -> None:
    with open_at(address) as journal:
        run = journal.begin_run(run_start())
        operation = journal.begin_operation(run, intent())
        journal.learn(run, ACCOUNT, {"a": 1})
        journal.intend(shipment("ann"))
        hashed, written = journal.hash("ann"), standings(journal)
    with read_at(address) as past:
        assert not past.is_new
        assert ([told.number for told in past.runs()], past.learned(ACCOUNT)) == ([run], {"a": 1})
        assert [told.number for told in past.operations(run)] == [operation]
        assert (
            past.hash("ann"),
            {named(d.customer): d.standing for d in past.past("acme.expoints.nl", SEED)},
        ) == (
            hashed,
            written,
        )


@pytest.mark.parametrize("door", ["open_journal", "read_journal"])
def test_without_its_driver_a_postgresql_address_says_what_to_install(door: str) -> None:
    program = (
        "import sys; from pathlib import Path; sys.modules['psycopg'] = None;"
        f"from reconciler.journal.journal import {door};"
        "from reconciler.clock import SystemClock; from reconciler.errors import UsageError\n"
        f"try: {door}('postgresql://u:secret@h/db', Path(), SystemClock())\n"
        "except UsageError as error: print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert ended.stdout == (
        "a journal in PostgreSQL needs a library that is not there: pip install 'reconciler[postgresql]'\n"
    )
