"""Runs, their writes, and what they learned, in an SQL database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
)

from reconciler.errors import Refused
from reconciler.journal.database import Database
from reconciler.journal.holding import found_dead, refuse_held
from reconciler.journal.runs import Ending, Intent, Operation, Process, Pruned, Run, RunStart
from reconciler.journal.schema import batches, holds, learned, operation_ends, operations, run_ends, runs

MAY_BE_DONE = ("applied", "in doubt")
"""How a write ends that may have been carried out."""


class SqlRuns:
    """Keeps `reconciler.journal.runs.RunLog`."""

    _database: Database

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return every run, newest first; only those that held `account`, if one is given."""
        held = exists().where(holds.c.run == runs.c.number, holds.c.account == account)
        with self._database.reading() as connection:
            return _runs(connection, *([held] if account is not None else []))[::-1]

    def run(self, number: int) -> Run | None:
        """Return one run, `None` where the journal knows no such number."""
        with self._database.reading() as connection:
            return next(iter(_runs(connection, runs.c.number == number)), None)

    def operations(self, run: int) -> Sequence[Operation]:
        """Return every write of a run, in the order in which they were begun."""
        with self._database.reading() as connection:
            return _operations(connection, operations.c.run == run)

    def latest(self, account: str) -> Mapping[str, Operation]:
        """Return for every key the last write on the account that may have been carried out."""
        with self._database.reading() as connection:
            found = _operations(connection, operations.c.number.in_(_latest_by_key(account)))
        return {operation.intent.key: operation for operation in found}

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return what resets were seen to leave behind on the account."""
        with self._database.reading() as connection:
            return _learned(connection, account)

    def begin_run(self, start: RunStart) -> int:
        """Write down that a run begins, and hold its accounts; return its number."""
        now = self._database.clock.now()
        with self._database.writing() as connection:
            for dead in refuse_held(start, _runs(connection, run_ends.c.run.is_(None)), now):
                _end(connection, dead.number, None, {}, found_dead(dead), now)
            number = _added(connection, runs, _run_row(start, now))
            rows = [{"run": number, "account": account} for account in dict.fromkeys(start.accounts)]
            if rows:
                connection.execute(insert(holds), rows)
        return number

    def end_run(self, run: int, exit: int, counts: Mapping[str, int]) -> None:
        """Write down how a run ended, and let go of its accounts. One that has ended already stays so."""
        with self._database.writing() as connection:
            if _is_open(connection, run):
                _end(connection, run, exit, counts, "", self._database.clock.now())

    def take_over(self, run: int, note: str) -> None:
        """End a run that another one holds on to. Raises `LookupError` for an unknown one."""
        with self._database.writing() as connection:
            if not _runs(connection, runs.c.number == run):
                raise LookupError(f"the journal knows no run {run}")
            if _is_open(connection, run):
                _end(connection, run, None, {}, note, self._database.clock.now())

    def begin_operation(self, run: int, intent: Intent) -> int:
        """Write down that a write is about to be made; return its number."""
        row = {"run": run, "at": self._database.clock.now(), **_columns(intent)}
        with self._database.writing() as connection:
            check_holds(connection, run)
            return _added(connection, operations, row)

    def end_operation(self, operation: int, ending: Ending) -> None:
        """Write down how a write ended. Raises `LookupError` for an unknown one."""
        row = {"operation": operation, "at": self._database.clock.now(), **_columns(ending)}
        with self._database.writing() as connection:
            if not connection.scalar(select(exists().where(operations.c.number == operation))):
                raise LookupError(f"the journal knows no operation {operation}")
            connection.execute(insert(operation_ends).values(row))

    def learn(self, run: int, account: str, values: Mapping[str, Any]) -> None:
        """Write down what resets left behind, of which the journal does not know the same already."""
        at = self._database.clock.now()
        with self._database.writing() as connection:
            known = _learned(connection, account)
            rows = [
                {"run": run, "account": account, "path": path, "value": value, "at": at}
                for path, value in values.items()
                if path not in known or known[path] != value
            ]
            if rows:
                connection.execute(insert(learned), rows)

    def prune(self, before: float) -> Pruned:
        """Remove runs that ended before a time, with their writes; return how much that was."""
        with self._database.writing() as connection:
            old = list(connection.scalars(select(run_ends.c.run).where(run_ends.c.at < before)))
            kept = {operation.number: operation.run for operation in _last_of_each_key(connection)}
            gone = [run for run in old if run not in kept.values()]
            removed = _delete_operations(connection, old, list(kept))
            for table, column in ((holds, holds.c.run), (run_ends, run_ends.c.run), (runs, runs.c.number)):
                connection.execute(delete(table).where(column.in_(gone)))
        return Pruned(len(gone), removed)


def check_holds(connection: Connection, run: int) -> None:
    """Return if the run still holds its accounts. Raises `Refused` if it was ended by another one."""
    if not _is_open(connection, run):
        raise Refused(
            f"run {run} no longer holds its account: another run took it for dead. Nothing further is written"
        )


def _is_open(connection: Connection, run: int) -> bool:
    begun = exists().where(runs.c.number == run)
    ended = exists().where(run_ends.c.run == run)
    return bool(connection.scalar(select(and_(begun, ~ended))))


def _runs(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Run]:
    """Return the runs that fulfil all conditions, oldest first."""
    query = (
        select(
            runs,
            run_ends.c.exit,
            run_ends.c.counts,
            run_ends.c.note,
            run_ends.c.at.label("ended"),
            _latest_sign().label("latest"),
        )
        .join(run_ends, run_ends.c.run == runs.c.number, isouter=True)
        .where(*conditions)
        .order_by(runs.c.number)
    )
    rows = connection.execute(query).all()
    accounts = _accounts(connection, [row.number for row in rows])
    return tuple(_run(row, accounts.get(row.number, ())) for row in rows)


def _latest_sign() -> ScalarSelect[float]:
    """Return the time at which a run last wrote anything, null if it wrote nothing since it began."""
    begun = select(operations.c.at).where(operations.c.run == runs.c.number)
    ended = (
        select(operation_ends.c.at)
        .join(operations, operations.c.number == operation_ends.c.operation)
        .where(operations.c.run == runs.c.number)
    )
    sent = select(batches.c.at).where(batches.c.run == runs.c.number)
    signs = union_all(*(query.correlate(runs) for query in (begun, ended, sent))).subquery()
    return select(func.max(signs.c.at)).scalar_subquery()


def _accounts(connection: Connection, numbers: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    query = select(holds).where(holds.c.run.in_(numbers)).order_by(holds.c.run, holds.c.account)
    for row in connection.execute(query):
        found[row.run] = (*found.get(row.run, ()), row.account)
    return found


def _run(row: Row[Any], accounts: tuple[str, ...]) -> Run:
    process = Process(row.machine, row.host, row.pid, row.started)
    start = RunStart(
        command=row.command,
        target=row.target,
        accounts=accounts,
        who=row.who,
        process=process,
        version=row.version,
        commit=row.commit,
        ci_run=row.ci_run,
        fingerprint=row.fingerprint,
        digests=tuple(row.digests),
    )
    latest = max(at for at in (row.at, row.latest, row.ended) if at is not None)
    return Run(row.number, start, row.at, latest, row.ended, row.exit, row.counts or {}, row.note or "")


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


def _columns(values: Intent | Ending) -> dict[str, object]:
    """Return an intent or an ending as the columns of its table, which have the same names."""
    return {name: getattr(values, name) for name in values.__slots__}


def _end(
    connection: Connection, run: int, exit: int | None, counts: Mapping[str, int], note: str, at: float
) -> None:
    row = {"run": run, "exit": exit, "counts": dict(counts), "note": note, "at": at}
    connection.execute(insert(run_ends).values(row))


def _operations(connection: Connection, which: ColumnElement[bool]) -> Sequence[Operation]:
    """Return the operations that fit, each with its latest ending, in the order of their numbers."""
    last = (
        select(func.max(operation_ends.c.number))
        .where(operation_ends.c.operation == operations.c.number)
        .scalar_subquery()
        .correlate(operations)
    )
    query = (
        select(
            operations,
            operation_ends.c.result,
            operation_ends.c.reason,
            operation_ends.c.id.label("new_id"),
            operation_ends.c.after,
        )
        .join(operation_ends, operation_ends.c.number == last, isouter=True)
        .where(which)
        .order_by(operations.c.number)
    )
    return tuple(_operation(row) for row in connection.execute(query))


def _operation(row: Row[Any]) -> Operation:
    intent = Intent(row.account, row.key, row.action, row.id, row.digest, row.before, row.body)
    ending = None if row.result is None else Ending(row.result, row.reason, row.new_id, row.after)
    return Operation(row.number, row.run, intent, row.at, ending)


def _latest_by_key(account: str | None) -> Any:
    """Return the numbers of the last operation of each key that may have been carried out."""
    result = (
        select(operation_ends.c.result)
        .where(operation_ends.c.operation == operations.c.number)
        .order_by(operation_ends.c.number.desc())
        .limit(1)
        .scalar_subquery()
        .correlate(operations)
    )
    query = (
        select(func.max(operations.c.number))
        .where(or_(result.is_(None), result.in_(MAY_BE_DONE)))
        .group_by(operations.c.account, operations.c.key)
    )
    return query if account is None else query.where(operations.c.account == account)


def _last_of_each_key(connection: Connection) -> Iterable[Operation]:
    return _operations(connection, operations.c.number.in_(_latest_by_key(None)))


def _delete_operations(connection: Connection, of_runs: Sequence[int], kept: Sequence[int]) -> int:
    """Delete the operations of these runs but for those that are kept; return how many there were."""
    gone = and_(operations.c.run.in_(of_runs), operations.c.number.not_in(kept))
    numbers = select(operations.c.number).where(gone)
    connection.execute(delete(operation_ends).where(operation_ends.c.operation.in_(numbers)))
    return connection.execute(delete(operations).where(gone)).rowcount


def _learned(connection: Connection, account: str) -> dict[str, Any]:
    """Return the learned values of an account; of each path the one that was written last."""
    query = select(learned).where(learned.c.account == account).order_by(learned.c.number)
    return {row.path: row.value for row in connection.execute(query)}


def _added(connection: Connection, table: Table, row: Mapping[str, object]) -> int:
    """Add a row; return its number."""
    key: Any = connection.execute(insert(table).values(dict(row))).inserted_primary_key
    return int(key[0])
