"""The tables of a journal, for every SQL database.

Rows are added, and never changed or deleted: what was intended stays written. A delivery's latest standing
is the one that counts.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

TABLES = MetaData()

versions = Table(
    "versions",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
)
"""Every version that the journal has had; the highest is the one that it has."""

meta = Table(
    "meta",
    TABLES,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""What is true of the whole journal. `hash_key`: the key of its hashes, in hexadecimal."""

batches = Table(
    "batches",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("seed", String, nullable=False),
    Column("round", String, nullable=False),
    Column("resolved", JSON, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_autoincrement=True,  # a number that a person was told never means another batch
)
"""What was written down at once: one request, or the customers that one look found."""

deliveries = Table(
    "deliveries",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("batch", ForeignKey(batches.c.number), nullable=False),
    Column("account", String, nullable=False),
    Column("seed", String, nullable=False),
    Column("round", String, nullable=False),
    Column("customer", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("mailbox", String(32), nullable=False),
    Column("digest", String(32), nullable=False),
    Column("baseline", Integer, nullable=False),
    UniqueConstraint("batch", "customer", name="one_in_a_batch"),
    # Two runs that have read the same past both want the same attempt: only one of them gets it.
    UniqueConstraint("account", "seed", "round", "customer", "attempt", name="one_at_a_time"),
    Index("by_mailbox", "account", "mailbox"),
    sqlite_autoincrement=True,
)
"""One customer in one batch. `attempt` counts the customer's deliveries in the round, from 1."""

standings = Table(
    "standings",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("delivery", ForeignKey(deliveries.c.number), nullable=False),
    Column("account", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("note", String, nullable=False),
    Column("at", Double, nullable=False),
    Index("by_delivery", "delivery", "number"),
    sqlite_autoincrement=True,
)
"""What became known of a delivery, one row each time. The first is its intent, or that it was found."""
