"""A journal that somebody else can write to is checked when it is read, and never just believed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.commands.history import history_show
from reconciler.errors import Exit, Refused
from tests.commands.conftest import FILES, welcome_in
from tests.commands.reviews import applied, planned
from tests.commands.world import EVERYTHING, World
from tests.seeds.world import JANE, JOHN, SeedWorld


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world in which a first run has changed something, and a second change is declared."""
    made = welcome_in(tmp_path)
    planned(made)
    assert applied(made).exit is Exit.DONE
    made.write("welcome.yaml", FILES.replace("in_days: 2", "in_days: 9"))
    return made


def alter(world: World, statement: str) -> None:
    """Change the journal as anybody can who may write the file."""
    with closing(sqlite3.connect(world.folder / ".reconciler" / "journal.db")) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_a_fingerprint_stands_only_for_digests_that_make_it(world: World) -> None:
    """Somebody lends the fingerprint of a run that was reviewed to the digests of a plan that was not."""
    (digest,) = [change["digest"] for change in planned(world).document["changes"]]
    (run,) = world.runs()
    alter(world, setting("run", "fact.start.digests", json.dumps([digest])))
    before = len(world.writes)
    with pytest.raises(Refused, match=r"run 1 in the journal is damaged.*do not make the fingerprint"):
        applied(world, [run["fingerprint"]])
    assert len(world.writes) == before


def setting(what: str, place: str, value: str) -> str:
    """Return the statement that gives a member of every fact of a sort another value, as JSON."""
    return (
        f"UPDATE entries SET entry = json_set(entry, '$.{place}', json('{value}')) "  # noqa: S608
        f"WHERE entry ->> '$.fact.what' = '{what}'"
    )


BODY = "UPDATE entries SET bodies = {} WHERE entry ->> '$.fact.what' = 'operation'"
DAMAGES = (
    (setting("run", "n", "7"), "entry 2 is damaged: it says that it is entry 7"),
    (setting("run", "fact.start.fingerprint", '"whole"'), "entry 2 is damaged: fact.start.fingerprint"),
    (setting("operation", "fact.intent.action", '"believe me"'), "entry 3 is damaged: fact.intent.action"),
    (setting("operation", "fact.intent.account", '"another"'), "entry 3 is damaged: run 1 does not hold"),
    (setting("operation end", "fact.operation", "99"), "entry 4 is damaged: .*another run"),
    (setting("journal", "fact.hash_key", '"short"'), "entry 1 is damaged: fact.hash_key"),
    (BODY.format("'[' || bodies || ']'"), "a body of write 1 is damaged: "),
    (BODY.format("NULL"), "a body of write 1 is damaged: it is not text"),
    ("UPDATE entries SET entry = x'00ff' WHERE n = 3", "entry 3 is damaged: it is not text"),
    ("UPDATE entries SET run = NULL WHERE n = 3", "entry 3 is damaged: .*another run"),
    ("DELETE FROM entries WHERE n = 1", "entry 2 is damaged"),
    ("DELETE FROM entries WHERE n = 2", "entry 3 is damaged: there is no run 1 before it"),
)


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[damage for damage, _ in DAMAGES])
def test_a_damaged_entry_is_named_and_nothing_is_written(world: World, damage: str, said: str) -> None:
    alter(world, damage)
    before = len(world.writes)
    with pytest.raises(Refused, match=rf"journal\.db.*{said}.*Restore a copy"):
        world.ran(history_show, 1, EVERYTHING)
    assert "This plan is made without the journal, and apply would refuse" in planned(world).told
    with pytest.raises(Refused, match=rf"journal\.db.*{said}"):
        world.applies()
    assert len(world.writes) == before


FIRST = "fact.batch.deliveries[0]"
SENT_DAMAGES = (
    ("DELETE FROM entries WHERE n = 3", "entry 4 is damaged: there is no such delivery"),
    (setting("standing", "fact.batch", "7"), "entry 4 is damaged: there is no such delivery"),
    (setting("batch", f"{FIRST}.customer", '"anybody"'), "entry 3 is damaged: fact.batch.deliver"),
    (setting("batch", f"{FIRST}.baseline", "-1"), "entry 3 is damaged: fact.batch.deliver"),
    (setting("batch", "fact.number", "2"), "entry 3 is damaged: batch 1 is missing"),
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
        world.applies()
    assert len(world.writes) == before
