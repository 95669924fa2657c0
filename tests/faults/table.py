"""The tables of `.github/FAULTS.md`, read as what they are: the tests' own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / ".github" / "FAULTS.md"
FAULTS = "The faults"

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Row:
    """What a section says of one fault or of several that end alike."""

    section: str
    faults: Sequence[str]
    raises: str
    """The name of the error of the client, empty for none."""
    asked: int
    says: str
    """How `apply` says that it ended, empty where no apply asks this."""
    exit: int


def sections() -> Mapping[str, Sequence[Cells]]:
    """Return the rows of the table under each heading, without the table's own head."""
    _, *parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {
        lines[0]: [
            [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")
        ][2:]
        for lines in map(str.splitlines, parts)
    }


def effects() -> Mapping[str, Sequence[str]]:
    """Return for each fault the ways in which the sandbox imitates it, from the number of the request on."""
    return {name: re.findall("`([^`]+)`", ways) for name, ways in sections()[FAULTS]}


def rows() -> list[Row]:
    """Return every row of every section that says how something ends."""
    found = []
    for section, table in sections().items():
        for cells in table:
            if len(cells) == 5:
                faults, raises, asked, says, exit = ("" if cell == "–" else cell for cell in cells)
                found.append(Row(section, faults.split(" · "), raises, int(asked), says, int(exit or 0)))
    return found
