"""A journal of an older version is brought up to date, and one of a newer version is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Table, delete, insert, inspect, select, text

from reconciler.errors import Refused, UsageError
from reconciler.journal import schema
from reconciler.journal.first import FIRST
from reconciler.journal.ledger import DeliveryState
from reconciler.journal.migrations import STEPS, version
from reconciler.journal.schema import TABLES, batches, deliveries, versions
from tests.clock import FakeClock

from .backends import inside, open_at, open_steps, read_at
from .programs import go, heard, started
from .runs import a_run
from .shipments import ACCOUNT, SEED, shipment, standings

CURRENT = len(STEPS)

# Rows as version 1 wrote them; a customer with two attempts, one that was found, one in another round.
BATCHES = [
    {
        "seed": SEED,
        "round": "1",
        "resolved": {"EndDate": "2026-10-01T00:00:00+02:00"},
        "at": 1790000000.123456,
    },
    {"seed": SEED, "round": "1", "resolved": {}, "at": 1790000600.0},
    {"seed": SEED, "round": 'zwölf\'s "2"', "resolved": {"ü": ""}, "at": 1790001200.0},
]
DELIVERIES = [
    {"batch": 1, "customer": "a" * 32, "attempt": 1},
    {"batch": 1, "customer": "b" * 32, "attempt": 1},
    {"batch": 2, "customer": "a" * 32, "attempt": 2},
    {"batch": 3, "customer": "a" * 32, "attempt": 1},
]
STANDINGS = [
    {"delivery": 1, "standing": "intended", "note": ""},
    {"delivery": 2, "standing": "intended", "note": ""},
    {"delivery": 1, "standing": "not sent", "note": "nobody came"},
    {"delivery": 2, "standing": "sent", "note": ""},
    {"delivery": 3, "standing": "intended", "note": ""},
    {"delivery": 4, "standing": "found", "note": "ünï"},
]

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@pytest.fixture
def old(sql_address: str, clock: FakeClock) -> str:
    """The address of a journal of version 1 that knows something."""
    open_steps(sql_address, clock, STEPS[:1]).close()
    rounds = [row["round"] for row in BATCHES]
    with inside(sql_address) as connection:
        fill(connection, "batches", [{"account": ACCOUNT, **row} for row in BATCHES])
        fill(connection, "deliveries", [as_delivery(row, rounds) for row in DELIVERIES])
        fill(connection, "standings", [{"account": ACCOUNT, "at": 1790000000.5, **row} for row in STANDINGS])
    return sql_address


def as_delivery(row: Mapping[str, Any], rounds: Sequence[object]) -> Mapping[str, Any]:
    told = {"account": ACCOUNT, "seed": SEED, "round": rounds[row["batch"] - 1], "baseline": 3}
    return {**told, "mailbox": row["customer"][::-1], "digest": "d" * 32, **row}


def fill(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(insert(FIRST.tables[name]), [dict(row) for row in rows])


def rows_of(address: str, tables: Sequence[Table]) -> Rows:
    """Return every row of these tables, in the columns that they have here."""
    with inside(address) as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in tables
        }


def version_at(sql_address: str) -> int:
    with inside(sql_address) as connection:
        return version(connection)


def add_nothing_but_a_table(connection: Connection) -> None:
    """Bring a journal to a later version."""
    connection.execute(text("CREATE TABLE later (number INTEGER)"))


def forget(connection: Connection) -> None:
    """Bring a journal to a later version, in which something is missing."""
    add_nothing_but_a_table(connection)
    connection.execute(delete(FIRST.tables["standings"]))


def test_an_older_journal_is_brought_up_to_date_with_every_row_that_it_had(
    old: str, clock: FakeClock
) -> None:
    before = rows_of(old, FIRST.sorted_tables)
    assert [len(rows) for rows in before.values()].count(0) == 0
    open_at(old, clock).close()
    after = rows_of(old, FIRST.sorted_tables)
    [first, *later] = after["versions"]
    assert [first] == before["versions"]
    assert [row["number"] for row in later] == list(range(2, CURRENT + 1))
    assert {**after, "versions": [first]} == before


def test_what_an_older_journal_knew_still_counts(old: str, clock: FakeClock) -> None:
    with open_steps(old, clock, STEPS[:1]) as before:
        hashed = before.hash("ann")
    with open_at(old, clock) as journal:
        assert not journal.is_new
        assert journal.hash("ann") == hashed
        told = [(d.customer[0], d.round, d.standing, d.note, d.at) for d in journal.deliveries(ACCOUNT, SEED)]
        assert told == [
            ("b", "1", DeliveryState.SENT, "", BATCHES[0]["at"]),
            ("a", "1", DeliveryState.INTENDED, "", BATCHES[1]["at"]),
            ("a", BATCHES[2]["round"], DeliveryState.FOUND, "ünï", BATCHES[2]["at"]),
        ]
        assert all(dict(d.contents) == {} for d in journal.past(ACCOUNT, SEED))


def test_a_journal_of_version_2_is_brought_up_to_date_and_knows_no_server_s_clock(
    sql_address: str, clock: FakeClock
) -> None:
    open_steps(sql_address, clock, STEPS[:2]).close()
    with inside(sql_address) as connection:
        fill(connection, "batches", [{"account": ACCOUNT, **BATCHES[0]}])
        fill(connection, "deliveries", [as_delivery(row, ["1"]) for row in DELIVERIES[:2]])
        fill(connection, "standings", [{"account": ACCOUNT, "at": 1.5, **row} for row in STANDINGS[:4]])
    with open_at(sql_address, clock) as journal:
        past = {d.customer[0]: d for d in journal.past(ACCOUNT, SEED)}
        assert [(d.standing, d.server_at, d.server_since) for d in past.values()] == [
            (DeliveryState.NOT_SENT, None, None),
            (DeliveryState.SENT, None, None),
        ]
        journal.intend(replace(shipment("cas"), server_at=1.25))
        assert journal.past(ACCOUNT, SEED)[-1].server_at == 1.25


def test_an_older_journal_that_was_brought_up_to_date_can_be_written(old: str, clock: FakeClock) -> None:
    with open_at(old, clock) as journal:
        number = journal.intend(shipment("cas"))
        assert number > len(BATCHES)
        assert standings(journal)["cas"] is DeliveryState.INTENDED
        assert a_run(journal, "a") == 1


def test_of_two_processes_that_bring_a_journal_up_to_date_at_once_one_does_and_both_go_on(
    old: str, clock: FakeClock
) -> None:
    with open_steps(old, clock, STEPS[:1]) as journal:
        hashed = journal.hash("ann")
    with started("open_when_told", old) as one, started("open_when_told", old) as other:
        assert [heard(one), heard(other)] == ["ready", "ready"]
        go(one, other)
        assert [heard(one), heard(other)] == [hashed, hashed]
    assert [row["number"] for row in rows_of(old, [versions])["versions"]] == list(range(1, CURRENT + 1))


def test_an_older_journal_is_read_as_if_it_were_up_to_date_and_left_as_it_is(
    old: str, clock: FakeClock
) -> None:
    with read_at(old, clock) as copy:
        assert version_at(old) == 1
        read = [copy.hash("ann"), copy.past(ACCOUNT, SEED)]
        assert (list(copy.runs()), copy.latest(ACCOUNT), copy.learned(ACCOUNT)) == ([], {}, {})
        with ThreadPoolExecutor(8) as pool:
            counting = list(pool.map(lambda _: copy.deliveries(ACCOUNT, SEED), range(24)))
        assert [len(told) for told in counting] == [3] * 24
    with open_at(old, clock) as journal:
        assert [journal.hash("ann"), journal.past(ACCOUNT, SEED)] == read


def test_a_newer_journal_is_not_even_read(old: str, clock: FakeClock) -> None:
    open_steps(old, clock, [*STEPS, add_nothing_but_a_table]).close()
    with pytest.raises(UsageError, match=rf"version {CURRENT + 1}, .*Upgrade"):
        read_at(old, clock)


def test_a_new_journal_takes_every_step(sql_address: str, clock: FakeClock) -> None:
    with open_steps(sql_address, clock, [*STEPS, add_nothing_but_a_table]) as journal:
        assert journal.is_new
    assert version_at(sql_address) == CURRENT + 1


def test_a_newer_journal_is_refused_and_left_alone(old: str, clock: FakeClock) -> None:
    open_steps(old, clock, [*STEPS, add_nothing_but_a_table]).close()
    before = rows_of(old, TABLES.sorted_tables)
    with pytest.raises(UsageError, match=rf"version {CURRENT + 1}, and .* up to {CURRENT}: .*Upgrade"):
        open_at(old, clock)
    assert rows_of(old, TABLES.sorted_tables) == before


def test_a_step_that_loses_rows_is_taken_back(old: str, clock: FakeClock) -> None:
    before = rows_of(old, FIRST.sorted_tables)
    with pytest.raises(Refused, match="lose rows of standings"):
        open_steps(old, clock, [*STEPS, forget])
    assert rows_of(old, FIRST.sorted_tables) == before
    assert version_at(old) == 1


def test_a_step_that_fails_is_taken_back(old: str, clock: FakeClock) -> None:
    def fail(connection: Connection) -> None:
        add_nothing_but_a_table(connection)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        open_steps(old, clock, [*STEPS, fail])
    with inside(old) as connection:
        assert version(connection) == 1
        assert not inspect(connection).has_table("later")
        assert not inspect(connection).has_table("runs")


def test_the_steps_lead_to_the_schema(old: str, clock: FakeClock) -> None:
    open_at(old, clock).close()
    with inside(old) as connection:
        migrated = made(connection)
        TABLES.drop_all(connection)
        TABLES.create_all(connection)
        assert migrated == made(connection)
        assert set(migrated) == set(TABLES.tables)


def made(connection: Connection) -> dict[str, object]:
    """Return what the tables are made of, but for the order of columns and the names that nobody chose."""
    database = inspect(connection)
    return {
        name: {
            "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in database.get_columns(name)),
            "key": database.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(u["column_names"] for u in database.get_unique_constraints(name)),
            "refers": sorted(
                (f["constrained_columns"], f["referred_table"]) for f in database.get_foreign_keys(name)
            ),
            "indexes": sorted((str(i["name"]), i["column_names"]) for i in database.get_indexes(name)),
        }
        for name in database.get_table_names()
    }


def test_a_number_that_was_told_is_not_given_again_in_any_version(old: str, clock: FakeClock) -> None:
    with open_at(old, clock) as journal:
        told = journal.intend(shipment("cas"))
        with inside(old) as connection:
            newest = select(deliveries.c.number).where(deliveries.c.batch == told)
            connection.execute(delete(schema.standings).where(schema.standings.c.delivery.in_(newest)))
            connection.execute(delete(deliveries).where(deliveries.c.batch == told))
            connection.execute(delete(batches).where(batches.c.number == told))
        assert journal.intend(shipment("cas")) > told
