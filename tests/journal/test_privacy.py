"""No address, name or value stands in a journal, and opening one is the only thing that loads a database."""

from __future__ import annotations

import subprocess
import sys

from msgspec.structs import replace

from reconciler.journal.entries import BatchIntent, DeliveryState
from reconciler.journal.journal import Journal

from .backends import branch_of, open_at, path_of
from .programs import TOP, heard, started
from .shipments import ACCOUNT, SEED, delivery

PERSONAL = ["planted@example.com", "Plantagenet", "+31 6 12345678"]


def fill(journal: Journal) -> None:
    """Write down everything that there is to write, of a customer of whom everything is personal."""
    email, name, phone = PERSONAL
    hashed = replace(
        delivery(journal.hash(f"{email}#1")), mailbox=journal.hash(email), digest=journal.hash(name + phone)
    )
    number = journal.intend(BatchIntent(ACCOUNT, SEED, "1", [hashed], {"EndDate": "2026-10-01"}))
    journal.conclude(number, DeliveryState.IN_DOUBT, "no answer")
    journal.conclude_delivery(number, hashed.customer, DeliveryState.SENT)
    journal.record_found(ACCOUNT, SEED, "2", [hashed])


def test_nothing_personal_is_in_any_byte_even_of_a_half_written_file(sqlite: str) -> None:
    with open_at(sqlite) as journal:
        fill(journal)
    with started("write_half", sqlite) as process:
        heard(process)
        files = {file.name: file.read_bytes() for file in path_of(sqlite).parent.iterdir()}
    assert {"journal.db", "journal.db-journal"} <= set(files)
    assert SEED.encode() in files["journal.db"]  # so what stands there can be seen
    shown = [planted for planted in PERSONAL if any(planted.encode() in held for held in files.values())]
    assert shown == []


def test_nothing_personal_is_in_any_object_of_a_branch(git: str) -> None:
    with open_at(git) as journal:
        fill(journal)
    folder, _ = branch_of(git)
    told = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered"]
    objects = subprocess.run(told, cwd=folder, capture_output=True, check=True).stdout
    assert SEED.encode() in objects
    assert [planted for planted in PERSONAL if planted.encode() in objects] == []


def test_the_door_loads_no_database() -> None:
    program = (
        "import sys, reconciler.journal.journal; sys.exit(bool({'sqlite3', 'psycopg'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=TOP, check=False).returncode == 0
