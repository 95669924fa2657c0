"""Results as a table in Markdown, in a file that keeps what stands around it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.figures import Row

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
_HEAD = "| work | reconciler | beside it | ratio or figure | goal |\n|---|---|---|---|---|\n"
_MARKS = {True: "✓", False: "✗", None: "?"}


def machine() -> str:
    """Return what is said of the machine."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    return _HEAD + "".join(map(_line, rows))


def _line(row: Row) -> str:
    shown = "; ".join(check.shown for check in row.checks)
    goals = "; ".join(f"{check.goal.words} {_MARKS[check.met]}" for check in row.checks if check.goal)
    cells = (row.work, row.ours, row.beside, shown, goals)
    return f"| {' | '.join(cell.strip() for cell in cells)} |\n"


def check_markers(path: Path) -> None:
    """Return if the file has the markers between which the table goes; raises `ValueError` if not."""
    text = path.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path}: the table goes between one line {BEGIN} and one line {END}; add them")


def write_between_markers(path: Path, text: str) -> None:
    """Write `text` in place of what stands between the markers of a file; see `check_markers`."""
    check_markers(path)
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", "utf-8")
