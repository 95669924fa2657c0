"""The tables of a journal, for every SQL database.

Rows are added, and never changed: what was intended stays written. A delivery's latest standing is the one
that counts, and so is an operation's latest ending. Only pruning deletes rows, and none of deliveries.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)

from reconciler.journal.text import written

TABLES = MetaData()


class Text(TypeDecorator[str]):
    """Any text. What no database takes, a null or half a character, is written as an escape that shows it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it is written, or compared with what was written."""
        del dialect
        return value and written(value)


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
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What is true of the whole journal. `hash_key`: the key of its hashes, in hexadecimal."""

runs = Table(
    "runs",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("ci_run", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("digests", JSON, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_autoincrement=True,
)
"""A run, from its beginning. `machine` to `started` are its process."""

holds = Table(
    "holds",
    TABLES,
    Column("run", ForeignKey(runs.c.number), primary_key=True),
    Column("account", Text, primary_key=True),
    Index("by_account", "account", "run"),
)
"""Which accounts a run holds while it has no row in `run_ends`."""

run_ends = Table(
    "run_ends",
    TABLES,
    Column("run", ForeignKey(runs.c.number), primary_key=True, autoincrement=False),
    Column("exit", Integer, nullable=True),
    Column("counts", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Double, nullable=False),
)
"""How a run ended. The key lets it end only once; `exit` is null for one that was found dead."""

operations = Table(
    "operations",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("run", ForeignKey(runs.c.number), nullable=False),
    Column("account", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("id", BigInteger, nullable=True),
    Column("digest", Text, nullable=False),
    Column("before", JSON(none_as_null=True), nullable=True),
    Column("body", JSON(none_as_null=True), nullable=True),
    Column("at", Double, nullable=False),
    Index("by_run", "run", "number"),
    Index("by_key", "account", "key", "number"),
    sqlite_autoincrement=True,
)
"""A write that was about to be made: what it overwrites, and what it sends."""

operation_ends = Table(
    "operation_ends",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("operation", ForeignKey(operations.c.number), nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("id", BigInteger, nullable=True),
    Column("after", JSON(none_as_null=True), nullable=True),
    Column("at", Double, nullable=False),
    Index("by_operation", "operation", "number"),
    sqlite_autoincrement=True,
)
"""What became known of an operation, one row each time."""

learned = Table(
    "learned",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("value", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Index("by_path", "account", "path", "number"),
    sqlite_autoincrement=True,
)
"""What a reset left behind, as a run saw it; the latest row of a path counts. It outlives its run."""

batches = Table(
    "batches",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("seed", Text, nullable=False),
    Column("round", Text, nullable=False),
    Column("resolved", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Column("run", Integer, nullable=True),
    Column("server_at", Double, nullable=True),
    Index("by_sender", "run"),
    sqlite_autoincrement=True,  # a number that a person was told never means another batch
)
"""What was written down at once: one request, or the customers that one look found.

`server_at` is what the server's own clock said then, null where that is not known.
"""

deliveries = Table(
    "deliveries",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("batch", ForeignKey(batches.c.number), nullable=False),
    Column("account", Text, nullable=False),
    Column("seed", Text, nullable=False),
    Column("round", Text, nullable=False),
    Column("customer", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("mailbox", String(32), nullable=False),
    Column("digest", String(32), nullable=False),
    Column("baseline", Integer, nullable=False),
    Column("contents", JSON(none_as_null=True), nullable=True),
    Column("ids", JSON(none_as_null=True), nullable=True),
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
    Column("account", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("server_at", Double, nullable=True),
    Index("by_delivery", "delivery", "number"),
    sqlite_autoincrement=True,
)
"""What became known of a delivery, one row each time. The first is its intent, or that it was found.

`server_at` is what the server's own clock said when a request was over, null where that is not known.
"""
