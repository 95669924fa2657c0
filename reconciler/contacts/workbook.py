"""Contact files of Excel (.xlsx): the rows of the first sheet, and what of them is no plain text.

The library reads a sheet whole, as a block as high and wide as what stands in it; how large is known before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from reconciler.config.names import visible
from reconciler.contacts.codes import member_named
from reconciler.contacts.dates import written
from reconciler.contacts.text import DAMAGED
from reconciler.errors import missing_extra
from reconciler.problems import Severity

if TYPE_CHECKING:
    from reconciler.contacts.reading import Table

_MOST_UNPACKED = 1 << 30  # bytes
_MOST_CELLS = 1 << 25  # a sheet as high as Excel allows, with the columns A to Z, has fewer
_MOST_DIGITS = 10**15  # numbers have 15 digits in a spreadsheet, then zeros
_BLOCK, _LONGEST_ROW = 1 << 20, 1 << 26  # bytes
# Rows, and cells that are far right or far down, in each way in which XML may write them.
_LARGE = re.compile(rb"""r\s*=\s*["'](?:([A-Za-z]{2,})(\d+)|[A-Za-z]?(\d{7,})|(\d+))["']""")
_CELL = re.compile(rb"""<(?:\w+:)?c\s+r=["']([A-Z]+)(\d+)["']([^<>]*)>\s*(<(?:\w+:)?f[ />])?""")
_HIDDEN = re.compile(rb'<(?:\w+:)?row (?=[^<>]* hidden="(?:1|true)")[^<>]*?r="(\d+)"')


def open_workbook(path: Path, table: Table) -> None:
    """Open the first sheet of a workbook, and say what else it holds.

    Errors: `UsageError` without the library that reads workbooks.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum
    except ImportError:
        raise missing_extra("check", "a check of a workbook") from None
    try:
        with ZipFile(path) as packed:
            _check_size(packed)
            book = CalamineWorkbook.from_path(path)
            sheets = book.sheets_metadata
            at = next(i for i, one in enumerate(sheets) if one.typ == SheetTypeEnum.WorkSheet)
            _scan(packed, _name_of(packed, at), table)
        sheet = book.get_sheet_by_index(at)
    except (*DAMAGED, CalamineError, StopIteration) as error:
        what = str(error) if type(error) is ValueError else "it is damaged"
        hint = "open it in Excel, and save it again as .xlsx"
        table.notes.clear()
        table.say(Severity.ERROR, "not-a-table", 1, 0, f"the workbook cannot be read: {what}", hint)
        return
    table.dialect = f'XLSX, sheet "{visible(sheet.name)}"'
    if sheets[at].visible != SheetVisibleEnum.Visible:
        message = f'the first sheet, "{visible(sheet.name)}", is hidden, and is read'
        table.say(
            Severity.WARNING, "other-sheets", 1, 0, message, "move the sheet of the contacts to the front"
        )
    elif others := ", ".join(f'"{visible(one.name)}"' for one in [*sheets[:at], *sheets[at + 1 :]][:9]):
        message = f'the first of {len(sheets)} sheets is read, "{visible(sheet.name)}", and not {others}'
        hint = "which of them an upload reads is unknown: keep the contacts in a workbook of their own"
        table.say(Severity.WARNING, "other-sheets", 1, 0, message, hint)
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if top < bottom:
            table.note("merged-cells", top + 1, left)
    table.counts.update(dict.fromkeys(("Ã", "\ufffd", "E+"), 1))  # its cells are looked through for these
    table.rows = lambda: _rows(sheet, table)


def _check_size(packed: ZipFile) -> None:
    """Check that memory takes a file unpacked, and its sizes are true. Errors: `BadZipFile`, `ValueError`."""
    if len({*packed.namelist()}) < len(packed.namelist()):
        raise BadZipFile  # which of two parts with one name counts is up to who reads
    if sum(one.file_size for one in packed.infolist()) > _MOST_UNPACKED:
        raise ValueError(f"unpacked it is larger than {_MOST_UNPACKED >> 20:,} MiB")
    for one in packed.infolist():
        if one.filename.endswith(".xml") and "worksheets/" not in one.filename:
            with packed.open(one) as file:
                while file.read(_BLOCK):
                    pass


def _name_of(packed: ZipFile, at: int) -> str:
    """Return the name of a sheet's part by its number. Errors: `LookupError` where that is not plain."""
    book, links = (packed.read(name) for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"))
    if b"<!" in book + links:  # what is in a comment to the library
        raise LookupError
    tags = re.findall(rb"<(?:\w+:)?sheet\s[^<>]*>", book)
    id = re.findall(rb"""\w+:id\s*=\s*["']([^"']+)["']""", tags[at])[0]
    is_of_sheet = re.compile(rb"""\sId\s*=\s*["']""" + re.escape(id) + rb"""["']""").search
    tags = [*filter(is_of_sheet, re.findall(rb"<[^<>]*Relationship\s[^<>]*>", links))]
    if len(tags) > 1:
        raise LookupError
    found = re.findall(rb"""\sTarget\s*=\s*["']/?(?:xl/)?([^"']+)["']""", tags[0])[0]
    return f"xl/{found.decode('utf-8', 'replace')}"


def _scan(packed: ZipFile, name: str, table: Table) -> None:
    """Note formulas, errors and hidden rows of a sheet. Errors: `ValueError` for one that is too large."""
    rest, height, widest = b"", 0, b"Z"
    with packed.open(name) as file:
        while block := file.read(_BLOCK):
            rest += block
            if (end := rest.rfind(b"row>")) < 0:
                if len(rest) > _LONGEST_ROW:
                    raise ValueError("a row of it is too long")
                continue
            text, rest = rest[:end], rest[end:]
            for column, *rows in _LARGE.findall(text):
                height = max(height, *(int(row.lstrip(b"0")[:9] or 0) for row in rows))
                widest = max(widest, column.upper(), key=lambda letters: (len(letters), letters))
            if b"<f" in text or b":f" in text or b't="e"' in text:
                for letters, row, kind, formula in _CELL.findall(text):
                    if formula:
                        table.note("formula-cells", int(row), _index_of(letters))
                    if b't="e"' in kind:
                        table.note("error-cells", int(row), _index_of(letters))
            if b'hidden="' in text:
                for row in _HIDDEN.findall(text):
                    table.note("hidden-rows", int(row))
    if height * (_index_of(widest) + 1) > _MOST_CELLS:
        raise ValueError(f"cells of it stand as far away as column {widest.decode()} and row {height:,}")


def _index_of(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _rows(sheet: Any, table: Table) -> Iterator[list[str]]:
    """Yield the rows of a sheet as texts, and note the cells of which an upload may make something else."""
    before = (sheet.start or (0, 0))[1]
    members = {index: member_named(member) for index, member in table.columns.items()}
    form = table.rules.date_format or "yyyy-MM-dd"
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [""] * before
        for index, cell in enumerate(row, start=before):
            if type(cell) is str:
                cells.append(cell)
                continue
            member = members.get(index)
            what = member.what if member else ""
            if isinstance(cell, float) and cell.is_integer():
                cell = int(cell)
                if what == "phone" or (what and abs(cell) >= _MOST_DIGITS):
                    table.note("number-cells" if what == "phone" else "shortened-number", number, index)
            elif isinstance(cell, date):
                if what == "date":
                    table.note("date-cells", number, index)
                elif member and not member.name.startswith("Custom"):
                    table.note("turned-into-date", number, index)
                clock = (
                    f" {cell:%H:%M:%S}"
                    if isinstance(cell, datetime) and cell.time() != datetime.min.time()
                    else ""
                )
                cell = f"{written(cell, form)}{clock}"
            cells.append(str(cell).upper() if isinstance(cell, bool) else str(cell))
        yield cells
