"""A journal that somebody else can write to is checked when it is read, and never just believed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.history import history_show
from reconciler.errors import Exit, Refused
from tests.commands.conftest import FILES, WELCOME
from tests.commands.reviews import RESETS, applied, planned
from tests.commands.world import EVERYTHING, SETTINGS, Screen, World
from tests.seeds.world import JANE, JOHN, SeedWorld


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world in which a first run has changed something, and a second change is declared."""
    made = World(tmp_path)
    made.live({1: WELCOME})
    made.write("reconciler.yaml", SETTINGS)
    made.write("welcome.yaml", FILES)
    planned(made)
    assert applied(made).exit is Exit.DONE
    made.write("welcome.yaml", FILES.replace("in_days: 2", "in_days: 9"))
    return made


def alter(world: World, statement: str, *values: object) -> None:
    """Change the journal as anybody can who may write the file."""
    with closing(sqlite3.connect(world.folder / ".reconciler" / "journal.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement, values).rowcount > 0


def test_a_fingerprint_stands_only_for_digests_that_make_it(world: World) -> None:
    """Somebody lends the fingerprint of a run that was reviewed to the digests of a plan that was not."""
    (digest,) = [change["digest"] for change in planned(world).document["changes"]]
    with closing(sqlite3.connect(world.folder / ".reconciler" / "journal.db")) as connection:
        ((fingerprint,),) = connection.execute("SELECT fingerprint FROM runs").fetchall()
    alter(world, "UPDATE runs SET digests = ?", json.dumps([digest]))
    before = len(world.writes)
    with pytest.raises(Refused, match=r"run 1 in the journal is damaged.*do not make the fingerprint"):
        applied(world, [fingerprint])
    assert len(world.writes) == before


def apply_all(world: World) -> None:
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)


DAMAGES = (
    ("UPDATE runs SET pid = 'x'", "row 1 of runs"),
    ("UPDATE runs SET at = 9e999", "run 1 is damaged: began"),
    ("UPDATE runs SET at = -1.0", "run 1 is damaged: began"),
    ("UPDATE runs SET digests = '[7]'", "run 1 is damaged: start.digests"),
    ("UPDATE runs SET digests = '[Infinity]'", "run 1 is damaged: start.digests"),
    ("UPDATE runs SET fingerprint = 'whole'", "run 1 is damaged: start.fingerprint"),
    ('UPDATE run_ends SET counts = \'{"applied": "many"}\'', "run 1 is damaged: counts"),
    ("UPDATE run_ends SET exit = -5", "run 1 is damaged: exit"),
    ("UPDATE operations SET action = 'believe me'", "write 1 is damaged: intent.action"),
    ("UPDATE operations SET account = x'00ff'", "row 1 of operations"),
    ("UPDATE operations SET body = '[' || body || ']'", "write 1 is damaged: intent.body"),
    ("UPDATE operation_ends SET result = 'undone'", "write 1 is damaged: ending.result"),
    ("UPDATE operation_ends SET operation = 99", "row 1 of operation_ends .*not there"),
    ("UPDATE meta SET value = 'short'", "the key of its hashes"),
    ("UPDATE versions SET number = number - 9", "damaged"),
)


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[damage for damage, _ in DAMAGES])
def test_a_damaged_entry_is_named_and_nothing_is_written(world: World, damage: str, said: str) -> None:
    alter(world, damage)
    before, screen = len(world.writes), Screen()
    with pytest.raises(Refused, match=rf"journal\.db.*{said}.*Restore a copy"):
        history_show(1, EVERYTHING, screen.console(world.clock), world.environment)
    if not said.startswith("run 1"):  # a plan goes by what was written, and not by who wrote it
        assert "This plan is made without the journal, and apply would refuse" in planned(world).told
        with pytest.raises(Refused, match=rf"journal\.db.*{said}"):
            apply_all(world)
    assert len(world.writes) == before


SENT_DAMAGES = (
    ("DELETE FROM standings WHERE number > 0", "delivery 1 is damaged"),
    ("UPDATE standings SET standing = 'posted'", "delivery 1 is damaged: standing: unknown word"),
    ("UPDATE deliveries SET seed = x'00'", "row 1 of deliveries"),
    ("UPDATE deliveries SET customer = 'anybody' WHERE number = 1", "delivery 1 is damaged: customer"),
    ("UPDATE deliveries SET baseline = -1", "delivery 1 is damaged: baseline"),
    ("UPDATE batches SET at = 9e999", "delivery 1 is damaged: at"),
    ("UPDATE batches SET round = 'another'", "delivery 1 is damaged: it is not like its batch"),
)


@pytest.mark.parametrize(("damage", "said"), SENT_DAMAGES, ids=[damage for damage, _ in SENT_DAMAGES])
def test_a_damaged_delivery_is_never_sent_again(tmp_path: Path, damage: str, said: str) -> None:
    world = SeedWorld(tmp_path)
    world.declare(JOHN, JANE)
    planned(world)
    assert applied(world).exit is Exit.DONE
    alter(world, damage)
    before = len(world.writes)
    assert planned(world).document["seeds_trouble"]
    with pytest.raises(Refused, match=rf"journal\.db: {said}"):
        apply_all(world)
    assert len(world.writes) == before
