"""What an open connection can tell of runs and of what they wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, func, or_, select, union_all

from reconciler.journal.forms import Json, Text, checked
from reconciler.journal.runs import SURELY_NOT_DONE, Operation, Run
from reconciler.journal.schema import batches, holds, learned, operation_ends, operations, run_ends, runs


def runs_where(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Run]:
    """Return the runs that fulfil all conditions, oldest first."""
    query = (
        select(
            runs,
            run_ends.c.run.label("end"),
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
    names = ("command", "target", "who", "version", "commit", "ci_run", "fingerprint", "digests")
    start = {name: getattr(row, name) for name in names}
    process = {name: getattr(row, name) for name in ("machine", "host", "pid", "started")}
    told = {
        "number": row.number,
        "start": {**start, "accounts": accounts, "process": process},
        "began": row.at,
        "latest": row.at if row.latest is None else row.latest,
        "ended": row.ended,
        "exit": row.exit,
    }
    if row.end is not None:
        told |= {"counts": row.counts, "note": row.note}
    run = checked(Run, told, f"run {row.number}")
    return replace(run, latest=max(run.began, run.latest, run.ended or 0.0))


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
            operation_ends.c.number.label("end"),
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
    names = ("account", "key", "action", "id", "digest", "before", "body")
    told = {
        "number": row.number,
        "run": row.run,
        "intent": {name: getattr(row, name) for name in names},
        "at": row.at,
    }
    if row.end is not None:
        told["ending"] = {"result": row.result, "reason": row.reason, "id": row.new_id, "after": row.after}
    return checked(Operation, told, f"write {row.number}")


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
        .where(or_(result.is_(None), result.not_in(SURELY_NOT_DONE)))
        .group_by(operations.c.account, operations.c.key)
    )
    return query if account is None else query.where(operations.c.account == account)


def learned_on(connection: Connection, account: str) -> dict[str, Any]:
    """Return the learned values of an account; of each path the one that was written last."""
    query = select(learned).where(learned.c.account == account).order_by(learned.c.number)
    found: dict[str, Any] = {}
    for row in connection.execute(query):
        found |= checked(dict[Text, Json], {row.path: row.value}, f"learned value {row.number}")
    return found
