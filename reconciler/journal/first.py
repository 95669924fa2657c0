"""The tables of a journal of version 1, as they were: what an empty database becomes before later steps."""

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

FIRST = MetaData()

versions = Table(
    "versions",
    FIRST,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
)

meta = Table(
    "meta",
    FIRST,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

batches = Table(
    "batches",
    FIRST,
    Column("number", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("seed", String, nullable=False),
    Column("round", String, nullable=False),
    Column("resolved", JSON, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    FIRST,
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
    UniqueConstraint("account", "seed", "round", "customer", "attempt", name="one_at_a_time"),
    Index("by_mailbox", "account", "mailbox"),
    sqlite_autoincrement=True,
)

standings = Table(
    "standings",
    FIRST,
    Column("number", Integer, primary_key=True),
    Column("delivery", ForeignKey(deliveries.c.number), nullable=False),
    Column("account", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("note", String, nullable=False),
    Column("at", Double, nullable=False),
    Index("by_delivery", "delivery", "number"),
    sqlite_autoincrement=True,
)
