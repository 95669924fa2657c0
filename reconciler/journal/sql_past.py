"""What an open connection can tell of runs and of what they wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, func, or_, select, union_all

from reconciler.journal.runs import MAY_BE_DONE, Ending, Intent, Operation, Process, Run, RunStart
from reconciler.journal.schema import batches, holds, learned, operation_ends, operations, run_ends, runs


def runs_where(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Run]:
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
    accounts = _accounts(connection, *conditions)
    return tuple(_run(row, accounts.get(row.number, ())) for row in connection.execute(query))


def held(account: str) -> ColumnElement[bool]:
    """Return the condition that a run held the account, or holds it."""
    other = holds.alias()
    return runs.c.number.in_(select(other.c.run).where(other.c.account == account))


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


def _accounts(connection: Connection, *conditions: ColumnElement[bool]) -> Mapping[int, tuple[str, ...]]:
    """Return the accounts of each run that fulfils all conditions."""
    query = (
        select(holds)
        .join(runs, runs.c.number == holds.c.run)
        .join(run_ends, run_ends.c.run == runs.c.number, isouter=True)
        .where(*conditions)
        .order_by(holds.c.run, holds.c.account)
    )
    found: dict[int, tuple[str, ...]] = {}
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


def operations_where(connection: Connection, which: ColumnElement[bool]) -> Sequence[Operation]:
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


def latest_by_key(account: str | None = None) -> Select[int]:
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


def learned_on(connection: Connection, account: str) -> dict[str, Any]:
    """Return the learned values of an account; of each path the one that was written last."""
    query = select(learned).where(learned.c.account == account).order_by(learned.c.number)
    return {row.path: row.value for row in connection.execute(query)}
