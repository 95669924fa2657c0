"""A journal of an earlier version, as it would be if it were brought up to date: for those who only read."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, MetaData, QueuePool, create_engine, delete, insert, select

from reconciler.journal.forms import Unsound
from reconciler.journal.migrations import Step, migrate, version


def brought_up_to_date(connection: Connection, steps: Sequence[Step], at: float) -> Engine:
    """Return a copy in memory, of the version that `steps` lead to, of the journal behind a connection.

    Whoever only plans must not change what others, with an earlier reconciler, still apply with.
    """
    # The one connection is the database; whoever wants it while it is at work waits.
    pool = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    copy = create_engine("sqlite://", connect_args={"check_same_thread": False}, **pool)
    with copy.begin() as target:
        migrate(target, steps[: version(connection)], at)
        _fill(target, connection)
        migrate(target, steps, at)
    return copy


def _fill(target: Connection, source: Connection) -> None:
    """Give every table of the target the rows of the source, and none else."""
    here, there = MetaData(), MetaData()
    here.reflect(target)
    there.reflect(source, only=list(here.tables))
    for table in here.sorted_tables:
        target.execute(delete(table))
        columns = [there.tables[table.name].c[column.name] for column in table.c]
        try:
            rows = [dict(row) for row in source.execute(select(*columns)).mappings()]
        except (ValueError, TypeError):
            raise Unsound(f"a row of {table.name} is damaged: it holds what is no JSON") from None
        if rows:
            target.execute(insert(table), rows)
