"""Runs, their writes, and what they learned, in an SQL database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, Integer, Table, bindparam, delete, exists, insert, select

from reconciler.journal.database import Database
from reconciler.journal.holding import found_dead, never_held, refuse_held, taken_for_dead
from reconciler.journal.runs import Ending, Intent, Operation, Pruned, Run, RunStart, news
from reconciler.journal.schema import batches, holds, learned, operation_ends, operations, run_ends, runs
from reconciler.journal.sql_past import held, latest_by_key, learned_on, operations_where, runs_where
from reconciler.journal.together import Together

AT_ONCE = 500
"""How many values one statement may hold; databases have a limit, and a journal may grow for years."""


class SqlRuns:
    """Keeps `reconciler.journal.runs.RunLog`."""

    _database: Database
    _together: Together

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return every run, newest first; only those that held `account`, if one is given."""
        which = [] if account is None else [held(account)]
        with self._database.reading() as connection:
            return runs_where(connection, *which)[::-1]

    def run(self, number: int) -> Run | None:
        """Return one run, `None` where the journal knows no such number."""
        with self._database.reading() as connection:
            return next(iter(runs_where(connection, runs.c.number == number)), None)

    def operations(self, run: int) -> Sequence[Operation]:
        """Return every write of a run, in the order in which they were begun."""
        with self._database.reading() as connection:
            return operations_where(connection, operations.c.run == run)

    def latest(self, account: str) -> Mapping[str, Operation]:
        """Return for every key the last write on the account that may have been carried out."""
        with self._database.reading() as connection:
            found = operations_where(connection, operations.c.number.in_(latest_by_key(account)))
        return {operation.intent.key: operation for operation in found}

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return what resets were seen to leave behind on the account."""
        with self._database.reading() as connection:
            return learned_on(connection, account)

    def begin_run(self, start: RunStart) -> int:
        """Write down that a run begins, and hold its accounts; return its number."""
        self._database.check_fits(start)
        with self._database.writing() as connection:
            now = self._database.clock.now()
            for dead in refuse_held(start, runs_where(connection, run_ends.c.run.is_(None)), now):
                _end(connection, dead.number, None, {}, found_dead(dead), now)
            return _begin(connection, start, now)

    def end_run(self, run: int, exit: int, counts: Mapping[str, int]) -> None:
        """Write down how a run ended, and let go of its accounts. One that has ended already stays so."""
        with self._database.writing() as connection:
            if _is_open(connection, run):
                _end(connection, run, exit, counts, "", self._database.clock.now())

    def take_over(self, run: int, note: str) -> None:
        """End a run that another one holds on to. Raises `LookupError` for an unknown one."""
        with self._database.writing() as connection:
            if not runs_where(connection, runs.c.number == run):
                raise LookupError(f"the journal knows no run {run}")
            if _is_open(connection, run):
                _end(connection, run, None, {}, note, self._database.clock.now())

    def begin_operation(self, run: int, intent: Intent) -> int:
        """Write down that a write is about to be made; return its number."""
        self._database.check_fits(intent)

        def begin(connection: Connection) -> int:
            check_holds(connection, run, intent.account)
            at = self._database.clock.now()
            return _added(connection, operations, {"run": run, "at": at, **asdict(intent)})

        return self._together.write(begin)

    def end_operation(self, operation: int, ending: Ending) -> None:
        """Write down how a write ended. Raises `LookupError` for an unknown one."""
        self._database.check_fits(ending)

        def end(connection: Connection) -> None:
            if not connection.scalar(_OPERATION_EXISTS, {"number": operation}):
                raise LookupError(f"the journal knows no operation {operation}")
            at = self._database.clock.now()
            _added(connection, operation_ends, {"operation": operation, "at": at, **asdict(ending)})

        self._together.write(end)

    def learn(self, run: int, account: str, values: Mapping[str, Any]) -> None:
        """Write down what resets left behind, of which the journal does not know the same already."""
        with self._database.writing() as connection:
            new, at = news(learned_on(connection, account), values), self._database.clock.now()
            rows = [
                {"run": run, "account": account, "path": path, "value": value, "at": at}
                for path, value in new.items()
            ]
            if rows:
                connection.execute(insert(learned), rows)

    def prune(self, before: float) -> Pruned:
        """Remove runs that ended before a time, with their writes; return how much that was."""
        wrote_last = select(operations.c.run).where(operations.c.number.in_(latest_by_key()))
        sent = select(batches.c.run).where(batches.c.run.is_not(None))
        needed = run_ends.c.run.in_(wrote_last) | run_ends.c.run.in_(sent)
        old = select(run_ends.c.run).where(run_ends.c.at < before, ~needed)
        with self._database.writing() as connection:
            return _remove(connection, connection.scalars(old).all())


def check_holds(connection: Connection, run: int, account: str) -> None:
    """Return if the run holds the account. Raises `Refused` if it was ended, or never held that one."""
    is_open, is_held = connection.execute(_OPEN_AND_HELD, {"number": run, "account": account}).one()
    if not is_open:
        raise taken_for_dead(run)
    if not is_held:
        raise never_held(run, account)


def _is_open(connection: Connection, run: int) -> bool:
    return bool(connection.scalar(select(_OPEN), {"number": run}))


# Made once: each write of an apply asks them.
_NUMBER = bindparam("number", type_=Integer)
_OPEN = exists().where(runs.c.number == _NUMBER) & ~exists().where(run_ends.c.run == _NUMBER)
_HELD = exists().where(holds.c.run == _NUMBER, holds.c.account == bindparam("account"))
_OPEN_AND_HELD = select(_OPEN, _HELD)
_OPERATION_EXISTS = select(exists().where(operations.c.number == _NUMBER))


def _begin(connection: Connection, start: RunStart, at: float) -> int:
    """Add a run and what it holds; return its number."""
    number = _added(connection, runs, _run_row(start, at))
    rows = [{"run": number, "account": account} for account in dict.fromkeys(start.accounts)]
    if rows:
        connection.execute(insert(holds), rows)
    return number


def _run_row(start: RunStart, at: float) -> dict[str, object]:
    return {
        "command": start.command,
        "target": start.target,
        "who": start.who,
        "version": start.version,
        "commit": start.commit,
        "ci_run": start.ci_run,
        "fingerprint": start.fingerprint,
        "digests": list(start.digests),
        "at": at,
        **asdict(start.process),
    }


def _end(
    connection: Connection, run: int, exit: int | None, counts: Mapping[str, int], note: str, at: float
) -> None:
    row = {"run": run, "exit": exit, "counts": dict(counts), "note": note, "at": at}
    connection.execute(insert(run_ends).values(row))


def _remove(connection: Connection, gone: Sequence[int]) -> Pruned:
    """Delete these runs with all that they wrote; return how much that was."""
    removed = 0
    for start in range(0, len(gone), AT_ONCE):
        some = gone[start : start + AT_ONCE]
        written = select(operations.c.number).where(operations.c.run.in_(some))
        connection.execute(delete(operation_ends).where(operation_ends.c.operation.in_(written)))
        removed += connection.execute(delete(operations).where(operations.c.run.in_(some))).rowcount
        connection.execute(delete(holds).where(holds.c.run.in_(some)))
        connection.execute(delete(run_ends).where(run_ends.c.run.in_(some)))
        connection.execute(delete(runs).where(runs.c.number.in_(some)))
    return Pruned(len(gone), removed)


def _added(connection: Connection, table: Table, row: Mapping[str, object]) -> int:
    """Add a row; return its number."""
    key: Any = connection.execute(insert(table), dict(row)).inserted_primary_key
    return int(key[0])
