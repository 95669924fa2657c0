"""From the version that a journal has to the one that this program knows, without losing a row."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Double, func, insert, inspect, select, table

from reconciler.errors import Refused, UsageError
from reconciler.journal.first import FIRST
from reconciler.journal.forms import Count, checked
from reconciler.journal.schema import (
    TABLES,
    holds,
    learned,
    meta,
    operation_ends,
    operations,
    run_ends,
    runs,
    versions,
)

Step = Callable[[Connection], None]
"""What brings a journal from one version to the next, inside a transaction that it does not end."""


def begin(connection: Connection) -> None:
    """Make an empty journal of version 1, with a hash key of its own."""
    FIRST.create_all(connection)
    connection.execute(insert(meta).values(name="hash_key", value=secrets.token_hex(32)))


def add_runs(connection: Connection) -> None:
    """Make room for runs, for what they write, and for what a delivery consisted of."""
    # When a later version changes one of these tables, this step keeps its own copy of what it was.
    TABLES.create_all(connection, [runs, holds, run_ends, operations, operation_ends, learned])
    connection.exec_driver_sql("ALTER TABLE batches ADD COLUMN run INTEGER")
    connection.exec_driver_sql("CREATE INDEX by_sender ON batches (run)")
    connection.exec_driver_sql("ALTER TABLE deliveries ADD COLUMN contents JSON")


def add_server_times(connection: Connection) -> None:
    """Make room for what the server's own clock said; of what was written before, nobody knows it."""
    double = Double().compile(connection.dialect)
    for changed in ("batches", "standings"):
        connection.exec_driver_sql(f"ALTER TABLE {changed} ADD COLUMN server_at {double}")


def add_customer_ids(connection: Connection) -> None:
    """Make room for which customers an address had before a delivery."""
    connection.exec_driver_sql("ALTER TABLE deliveries ADD COLUMN ids JSON")


STEPS: Sequence[Step] = (begin, add_runs, add_server_times, add_customer_ids)
"""The step to version 1, to version 2, and so on. A step that was released is never changed."""


def version(connection: Connection) -> int:
    """Return the version of the journal; 0 where there is none yet."""
    if not inspect(connection).has_table(versions.name):
        return 0
    found = connection.scalar(select(func.max(versions.c.number))) or 0
    return checked(Count, found, "its version")


def is_current(connection: Connection, name: str, steps: Sequence[Step]) -> bool:
    """Tell whether the journal called `name` has the version that `steps` lead to.

    Raises `UsageError` if it has a later one: what that means is not known here.
    """
    found, known = version(connection), len(steps)
    if found > known:
        raise UsageError(
            f"journal {name} has version {found}, and this reconciler knows versions up to {known}: a newer "
            f"one has written it. Upgrade reconciler; `reconciler --version` says which one this is"
        )
    return found == known


def migrate(connection: Connection, steps: Sequence[Step], at: float) -> None:
    """Take every step that is missing, at the time `at`. The caller's transaction makes it all or nothing.

    Raises `Refused` if a step has lost a row, so that the caller rolls back.
    """
    before = _rows(connection)
    for number, step in enumerate(steps[version(connection) :], start=version(connection) + 1):
        step(connection)
        connection.execute(insert(versions).values(number=number, at=at))
    if lost := before - _rows(connection):
        raise Refused(
            f"bringing the journal to version {len(steps)} would lose rows of {', '.join(sorted(lost))}: it "
            f"was left as it was. This is a mistake in reconciler; please report it"
        )


def _rows(connection: Connection) -> Counter[str]:
    """Return how many rows each table holds."""
    names = inspect(connection).get_table_names()
    counts = {name: select(func.count()).select_from(table(name)) for name in names}
    return Counter({name: connection.scalar(count) or 0 for name, count in counts.items()})
