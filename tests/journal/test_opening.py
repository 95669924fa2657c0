"""The door to a journal by its address: reading makes nothing, and nothing personal is kept."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.errors import Exit, ReconcilerError, Refused, UsageError
from reconciler.journal.entries import BatchIntent, DeliveryState
from reconciler.journal.journal import FORMS, open_journal, read_journal
from reconciler.journal.rules import counting
from tests.clock import FakeClock
from tests.commands.conftest import FILES, WELCOME
from tests.commands.world import SETTINGS, World

from .backends import GIT, branch_of, declared, inside, open_at, path_of, read_at
from .programs import TOP, heard, started
from .repositories import Repositories
from .runs import ACCOUNT, run_start
from .server import QUOTED, free_port
from .shipments import ACCOUNT as TENANT
from .shipments import SEED, delivery

PERSONAL = ["planted@example.com", "Plantagenet", "+31 6 12345678"]


def test_a_path_counts_from_the_folder_unless_it_is_whole(tmp_path: Path, clock: FakeClock) -> None:
    whole = f"sqlite://{tmp_path / 'journal.db'}"
    for address, folder in (("sqlite:here/journal.db", tmp_path), (whole, Path("/nowhere"))):
        with open_journal(address, folder, clock):
            pass
    assert (tmp_path / "here" / "journal.db").is_file()
    assert (tmp_path / "journal.db").is_file()


@pytest.mark.parametrize(
    "address", ["", "mysql://u:secret@h/db", "journal.db", "SQLITE:x", "sqlite:", "sqlite:a\0b"]
)
def test_an_unknown_address_is_refused_and_not_shown(tmp_path: Path, clock: FakeClock, address: str) -> None:
    for door in (open_journal, read_journal):
        with pytest.raises(UsageError) as raised:
            door(address, tmp_path, clock)
        known = f"it begins with one of {', '.join(FORMS)}"
        assert str(raised.value).endswith((known, "names no file: write sqlite:PATH"))
    assert list(tmp_path.iterdir()) == []


def test_reading_a_journal_that_is_not_there_makes_nothing_and_tells_nothing(address: str) -> None:
    with read_at(address) as blank:
        assert blank.is_new
        assert (list(blank.runs()), list(blank.runs(ACCOUNT)), blank.run(1)) == ([], [], None)
        assert (list(blank.operations(1)), blank.latest(ACCOUNT), blank.learned(ACCOUNT)) == ([], {}, {})
        assert (list(counting(blank.past(ACCOUNT, SEED))), list(blank.past(ACCOUNT, SEED))) == ([], [])
        assert blank.hash("ann") == blank.hash("ann") != blank.hash("bob")
    with open_at(address) as journal:
        assert journal.is_new


DAMAGE = "is damaged.*without it nothing is sent|; without it nothing is sent. Restore a copy"


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        ("DROP TABLE entries; CREATE TABLE versions AS SELECT 4 AS number", UsageError, "format 4, .* again"),
        ("DROP TABLE entries; CREATE TABLE versions (number INTEGER)", Refused, DAMAGE),
        ("UPDATE entries SET entry = replace(entry, 'format\":5', 'format\":6')", UsageError, "Upgrade"),
        ("DELETE FROM entries", Refused, DAMAGE),
        ("UPDATE entries SET entry = 'x' WHERE n = 2", Refused, f"entry 2 is damaged: .* JSON{DAMAGE}"),
    ],
)
def test_a_database_without_such_a_journal_is_refused_and_left_alone(
    sql_address: str, clock: FakeClock, harm: str, error: type[ReconcilerError], said: str
) -> None:
    def content() -> list[Any]:
        asked = "SELECT * FROM versions" if "versions" in harm else "SELECT * FROM entries"
        with inside(sql_address) as connection:
            return list(connection.execute(asked).fetchall())

    with open_at(sql_address, clock) as journal:
        journal.begin_run(run_start())
    with inside(sql_address) as connection:
        for statement in harm.split("; "):
            connection.execute(statement)
    before = content()
    for door in (open_at, read_at):
        with pytest.raises(error, match=said):
            door(sql_address, clock)
    assert content() == before


def test_the_door_loads_no_database_and_says_which_library_is_not_there() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from reconciler.journal.journal import open_journal, read_journal\n"
        "from reconciler.clock import SystemClock; from reconciler.errors import UsageError\n"
        "assert not {'sqlite3', 'psycopg'} & set(sys.modules); sys.modules['psycopg'] = None\n"
        "for door in (open_journal, read_journal):\n"
        "    try: door('postgresql://u:secret@h/db', Path(), SystemClock())\n"
        "    except UsageError as error: print(error)"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=TOP, text=True)
    assert re.fullmatch(
        r"(a journal in PostgreSQL needs a library .*: .* install .*psycopg\S+ ?.*\n){2}", printed
    )


@pytest.mark.parametrize("kind", ["sqlite", "git"])
def test_nothing_personal_is_in_any_byte(kind: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue(kind)
    email, name, phone = PERSONAL
    with open_at(address) as journal:
        hashes = {"mailbox": journal.hash(email), "digest": journal.hash(name + phone)}
        one = replace(delivery(journal.hash(f"{email}#1")), **hashes)
        number = journal.intend(BatchIntent(TENANT, SEED, "1", [one], {"EndDate": "2026-10-01"}))
        journal.conclude(number, DeliveryState.IN_DOUBT, "no answer")
        journal.record_found(TENANT, SEED, "2", [one])
    if kind == "git":
        asked = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered"]
        kept = subprocess.run(asked, cwd=branch_of(address)[0], capture_output=True, check=True).stdout
    else:
        with started("write_half", address) as process:
            heard(process)
            files = {file.name: file.read_bytes() for file in path_of(address).parent.iterdir()}
        assert {"journal.db", "journal.db-journal"} <= set(files)
        kept = b"".join(files.values())
    assert SEED.encode() in kept  # so what stands there can be seen
    assert [planted for planted in PERSONAL if planted.encode() in kept] == []


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose target has its journal where a variable says."""
    made = World(tmp_path / "workspace")
    made.live({1: WELCOME})
    made.write("reconciler.yaml", f"{SETTINGS}    journal: {{env: JOURNAL}}\n")
    made.write("welcome.yaml", FILES)
    return made


def test_only_apply_makes_the_journal_and_writes_its_run_there(world: World, address: str) -> None:
    world.environ["JOURNAL"] = declared(address)
    world.plans()
    with read_at(address, world.clock) as past:
        assert past.is_new
    assert world.applies().exit is Exit.DONE
    with read_at(address, world.clock) as past:
        [run] = past.runs()
        [operation] = past.operations(run.number)
    assert (run.exit, operation.intent.key) == (Exit.DONE, "import_configs.welcome")
    assert (operation.intent.before or {})["DateFormat"] == WELCOME["DateFormat"]


def test_a_create_in_doubt_is_known(world: World, address: str, repositories: Repositories) -> None:
    world.environ["JOURNAL"] = declared(address)
    world.write("welcome.yaml", "import_configs: {newcomer: {name: Newcomer}}\n")
    assert world.applies(fault="POST:1+:before:drop").exit is Exit.IN_DOUBT
    assert world.applies().exit is Exit.IN_DOUBT
    if not address.startswith(GIT) or repositories.origin.exists():  # else it is one machine's
        if address.startswith(GIT):
            repositories.clone("elsewhere")
        elsewhere = World(repositories.folder / "elsewhere", world.clock, world.environ, world.state)
        elsewhere.write("reconciler.yaml", f"{SETTINGS}    journal: {{env: JOURNAL}}\n")
        elsewhere.write("welcome.yaml", "import_configs: {newcomer: {name: Newcomer}}\n")
        assert elsewhere.applies().exit is Exit.IN_DOUBT
    assert len(world.writes) == 1


def test_without_its_server_a_plan_is_made_and_says_so_and_apply_writes_nothing(world: World) -> None:
    world.environ["JOURNAL"] = f"postgresql://tester:{QUOTED}@127.0.0.1:{free_port()}/journal"
    run = world.plans()
    assert run.exit is Exit.DONE
    assert "cannot be reached" in run.told
    assert "made without the journal" in run.told
    with pytest.raises(Refused, match=r"cannot be reached: .*refused"):
        world.applies()
    assert world.writes == []
    assert "p@ss" not in run.told + run.out
