"""Opens a contact file as an import configuration says, and finds what is wrong between the two.

What the vendor leaves open, as whether rows and columns count from 0 or from 1, is wrong only where it is
wrong in either way. No message holds the content of a cell; of headers it names the words that are known.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct, field

from reconciler.config.names import visible
from reconciler.config.seeds import MOST_COLUMNS, SHORTENED
from reconciler.contacts.codes import member_named
from reconciler.contacts.dates import SERIAL, TIMED, best_formats, count_formats
from reconciler.contacts.headers import folded, member_of, members_of
from reconciler.contacts.model import MOST_ROWS, ImportRules, without_words
from reconciler.contacts.text import DENSITY, open_text, what_is
from reconciler.contacts.workbook import open_workbook
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem, Severity

_ERROR, _WARNING, _HINT = Severity.ERROR, Severity.WARNING, Severity.HINT
_BATCH = 512  # rows: few enough that they stay in the processor's cache
_MOST_DATES = 1 << 15  # different ones of a column that are kept until they are looked at
_LOOKED_AT, _MOST_ABOVE = 50, 10  # rows at the beginning, and those of them that may be the header

_ANY = re.compile(r"(?s).*")
_ERRORS = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|NV|BEZUG!|WERT!|ZAHL!|N/B|VERW!|WAARDE!|NAAM\?|DEEL/0!"
    r"|GETAL!|LEEG!|NOM\?|VALEUR!|NOMBRE!|NOMBRE\?|VALOR!|¡[^!]+!)"
)
# Code → what is looked for first, as few files and cells hold it, and the whole cell.
_SIGNS = (
    ("error-cells", "#", _ERRORS),
    ("formula-cells", "=", re.compile(r"(?s)=.*")),
    ("garbled-letters", "Ã", re.compile("(?s).*Ã[\x80-\xbf‚-™].*")),
    ("garbled-letters", "\ufffd", _ANY),
    ("shortened-number", "E+", SHORTENED),
)
_QUOTES = "whether the vendor reads quotes is unknown"
# Code → severity, what is wrong, what to do. In a column that fills no member an error is a warning.
_NOTED = {
    "quote-not-closed": (
        *(_ERROR, "a quote opens a cell and none closes it, so that it takes in the rows below"),
        'end the cell with a quote; a quote inside it is written twice: ""',
    ),
    "row-too-long": (
        *(_ERROR, "more cells than the header has columns, so that values stand in wrong columns"),
        "put a value that holds the delimiter in quotes",
    ),
    "row-too-short": (
        *(_WARNING, "fewer cells than the header has columns"),
        "a line may be broken in two; Excel also leaves empty cells at the end of a row out",
    ),
    "blank-rows": (_WARNING, "blank rows stand between contacts", "remove them: an import may end there"),
    "delimiter-in-value": (_HINT, "values hold the delimiter, in quotes", _QUOTES),
    "line-break-in-value": (
        *(_WARNING, "values hold a line break, in quotes"),
        f"{_QUOTES}: without them a row is broken in two",
    ),
    "error-cells": (_ERROR, "errors of a spreadsheet, like #N/A, in place of values", "mend its formulas"),
    "formula-cells": (
        *(_WARNING, "formulas in place of values"),
        "whether an upload takes their results is unknown: paste them as values",
    ),
    "garbled-letters": (
        *(_WARNING, "letters with accents were read in the wrong encoding before, like Ã© for é"),
        "export them again, as UTF-8",
    ),
    "shortened-number": (
        *(_WARNING, "a spreadsheet has shortened numbers, like 1,23E+11: their last digits are lost"),
        "let the cells be text in the spreadsheet, and write the numbers again",
    ),
    "number-cells": (
        *(_WARNING, "numbers and no text, so that a spreadsheet has dropped zeros and + before them"),
        "let the cells be text in the spreadsheet, and write the values again",
    ),
    "date-cells": (
        *(_HINT, "cells that are dates to the spreadsheet; how an upload writes these is unknown"),
        "make them text in the declared date_format to be sure",
    ),
    "turned-into-date": (
        *(_WARNING, "a spreadsheet has taken values for dates, as 3-4 for the third of April"),
        "let the cells be text in the spreadsheet, and write the values again",
    ),
    "merged-cells": (
        *(_WARNING, "cells are merged over several rows, and the first row alone has their value"),
        "unmerge them, and write the value in each row",
    ),
    "hidden-rows": (
        *(_WARNING, "rows are hidden, as by a filter; an upload may import them all the same"),
        "remove them, or copy those that are shown into a new file",
    ),
}  # fmt: skip
_OF_ROWS = {"quote-not-closed", "row-too-long", "row-too-short", "blank-rows", "hidden-rows"}

_Dates = Mapping[int, tuple[Counter[str], Counter[str]]]  # index → texts of dates, the formats that fit


class Table(Struct, eq=False):
    """A contact file that is open for reading, with what is wrong with it. It can be read more than once.

    `problems` has what its beginning shows, and once all its rows were read what these show.
    """

    file: str  # as it was named
    rules: ImportRules
    dialect: str = ""  # how it is written, in words
    delimiter: str = ""  # empty for a workbook, and for a single column
    header: Sequence[str] = ()  # empty where it has none
    first: int = 1  # the row of the first contact, as a spreadsheet counts
    width: int = 0
    columns: Mapping[int, str] = field(default_factory=dict)  # index of a column → the member that it fills
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what the vendor leaves open about this file, in words
    rows: Callable[[], Iterator[list[str]]] = lambda: iter(())  # every row of the file, the first one too
    counts: Counter[str] = field(default_factory=Counter)  # of line ends, quotes, zeros and signs in a text
    stamp: tuple[int, int] = (0, 0)  # the time of the last change of the file, and its size
    opened: int = 0  # the number of problems that its beginning shows
    notes: dict[tuple[str, int], list[int]] = field(default_factory=dict)  # code, index → number, first rows

    def say(self, severity: Severity, code: str, row: int, index: int, message: str, hint: str = "") -> None:
        """Add a problem of this file; the index of its column counts from 0."""
        place = Place(self.file, row, index + 1)
        self.problems.append(Problem(code, place, self.rules.key, message, hint, severity))

    def note(self, code: str, row: int, index: int = 0) -> None:
        """Count a row, or its cell in a column, in what is told at the end, with the first rows of it."""
        noted = self.notes.setdefault((code, index), [0])
        noted[0] += 1
        if len(noted) <= MOST_ROWS:
            noted.append(row)

    def tell_notes(self) -> None:
        """Add one problem for each code and column that was noted, and forget the notes."""
        for (code, index), (count, *rows) in sorted(self.notes.items(), key=lambda noted: noted[1][1]):
            severity, what, hint = _NOTED[code]
            more = f" and {count - len(rows):,} more" if count > len(rows) else ""
            where = f"row{'s' if count > 1 else ''} {', '.join(map(str, rows))}{more}"
            if code not in _OF_ROWS:
                what = f"column {letters_of(index)}: {what}"
                severity = _WARNING if severity is _ERROR and index not in self.columns else severity
            self.say(severity, code, rows[0], index, f"{what} ({where})", hint)
        self.notes.clear()

    def batches(self) -> Iterator[tuple[int, Sequence[Sequence[str]]]]:
        """Yield the number of a row, and rows from it on without a gap: each has a cell for every column.

        Blank rows are left out. Errors: those of reading; `UsageError` if the file is another one by then.
        """
        filled, dates = Counter[Hashable](), {i: (Counter[str](), Counter[str]()) for i in self._dates()}
        self.notes.clear()
        rows, number, total, last = self.rows(), self.first, 0, (0, [""])
        size = min(_BATCH, 4 * self.counts[DENSITY] or _BATCH)  # memory does not grow with the rows' length
        blank: list[int] = []  # rows of which it is not yet known whether a contact follows
        deque(islice(rows, self.first - 1), maxlen=0)
        while True:
            batch: list[list[str]] = []
            try:
                batch.extend(islice(rows, size))
            except csv.Error:  # a cell without an end: what was read before it counts
                self.note("quote-not-closed", number + len(batch))
                rows = iter(())
            if not batch or not self.width:
                break
            if {*map(len, batch)} != {self.width}:
                self._even(number, batch)
            columns = [*zip(*batch, strict=True)]
            self._look(number, columns, filled, dates)
            start, gaps = 0, list[int]()
            if not all(map(str.strip, columns[0])):
                gaps = [at for at, row in enumerate(batch) if not row[0].strip() and _is_blank(row)]
            for at in (*gaps, len(batch)):
                if part := batch[start:at]:
                    for row in blank:
                        self.note("blank-rows", row)
                    blank.clear()
                    total, last = total + len(part), (number + at - 1, part[-1])
                    yield number + start, part
                blank += [number + at] if at < len(batch) and len(blank) < 8 * _BATCH else []
                start = at + 1
            number += len(batch)
        if self.stamp != _stamp_of(Path(self.file)):
            raise UsageError(f"{self.file} has changed while it was read; check it again")
        del self.problems[self.opened :]
        self._conclude(total, last, filled, dates)

    def _dates(self) -> list[int]:
        return [index for index, member in self.columns.items() if member_named(member).what == "date"]

    def _even(self, number: int, batch: Iterable[list[str]]) -> None:
        """Give rows as many cells as the header has."""
        for row, cells in enumerate(batch, number):
            if len(cells) > self.width and not _is_blank(cells[self.width :]):
                self.note("row-too-long", row)
            elif 0 < len(cells) < self.width:
                self.note("row-too-short", row)
            cells[self.width :] = [""] * (self.width - len(cells))

    def _look(
        self, number: int, columns: Iterable[Sequence[str]], filled: Counter[Hashable], dates: _Dates
    ) -> None:
        """Note what the cells of each column show, and count those that hold something."""
        signs = [one for one in _SIGNS if self.counts[one[1]]]
        if self.counts['"']:
            signs += [("line-break-in-value", "\n", _ANY)]
            signs += [("delimiter-in-value", self.delimiter, _ANY)] if self.delimiter else []
        for index, cells in enumerate(columns):
            filled[index] += len(cells) if all(cells) else len(cells) - cells.count("")
            text = "\0".join(cells) if signs else ""
            for code, sign, pattern in signs:
                if sign in text:
                    for row, cell in enumerate(cells, number):
                        if sign in cell and pattern.fullmatch(cell):
                            self.note(code, row, index)
            if "\n" in text:
                filled["in cells"] += text.count("\n") - text.count("\r\n")
            if self.columns.get(index) == "PostalCode":
                for length, count in Counter(map(len, filter(str.isdecimal, cells))).items():
                    filled[index, length] += count
            if index in dates:
                dates[index][0].update(cells)
                if len(dates[index][0]) > _MOST_DATES:
                    self._count_dates(*dates[index])

    def _count_dates(self, texts: Counter[str], fitting: Counter[str]) -> None:
        count_formats(texts, fitting, self.rules.date_format)
        texts.clear()

    def _conclude(
        self, total: int, last: tuple[int, Sequence[str]], filled: Counter[Hashable], dates: _Dates
    ) -> None:
        """Add the problems that only all rows together show."""
        if not total:
            self.tell_notes()
            if self.width:
                self.say(_ERROR, "no-contacts", self.first, 0, "no row holds a contact")
            return
        broken = [rows[1] for (code, _), rows in self.notes.items() if code == "line-break-in-value"]
        if broken and self.counts['"'] % 2:
            self.note("quote-not-closed", min(broken))
        self.tell_notes()
        for index, member in self.columns.items():
            column = f"column {letters_of(index)}, which fills {member},"
            if not filled[index]:
                severity = _ERROR if member == "Email" and self.rules.email_is_required else _WARNING
                message = f"{column} is empty in all {total:,} rows"
                self.say(severity, "empty-column", self.first, index, message, "map the column that is meant")
            elif filled[index] * 100 <= total:
                message = f"{column} holds something in {filled[index]:,} of {total:,} rows alone"
                self.say(_HINT, "empty-column", self.first, index, message)
            sizes = {size: filled[index, size] for size in (3, 4, 5)}
            most = max(sizes, key=lambda size: sizes[size])
            if member == "PostalCode" and sizes[most] * 5 >= filled[index] * 4 and sizes.get(most - 1):
                message = f"{column} has {sizes[most - 1]:,} codes of {most - 1} digits among those of {most}"
                hint = "a spreadsheet drops zeros before numbers: make the cells text, and write them again"
                self.say(_WARNING, "lost-zeros", self.first, index, message, hint)
        row, cells = last
        held = sum(1 for cell in cells if cell.strip())
        has_address = any("@" in cells[i] for i, member in self.columns.items() if member == "Email")
        if total > 1 and held * 3 <= self.width and not has_address:
            message = (
                f"the last row, {row}, looks like a total or a note: it fills {held} of {self.width} cells"
            )
            self.say(_WARNING, "footer-row", row, 0, message, "remove it: an import takes it for a contact")
        for index, (texts, fitting) in dates.items():
            self._count_dates(texts, fitting)
            self._judge_dates(index, filled[index], fitting)
        ends = {r"\r\n": self.counts["\r\n"], r"\r": self.counts["\r"]}
        ends[r"\n"] = self.counts["\n"] - filled["in cells"]
        if len(used := [f"{number:,} in {end}" for end, number in ends.items() if number > 0]) > 1:
            hint = "save the file again in one program: some readers take two rows for one"
            self.say(_WARNING, "mixed-line-ends", 1, 0, f"lines end in several ways: {', '.join(used)}", hint)

    def _judge_dates(self, index: int, total: int, fitting: Counter[str]) -> None:
        """Say which format the dates of a column are in, where it is not clear or not the declared one."""
        declared, best = self.rules.date_format, best_formats(fitting)
        if not best:
            return  # no date at all: the rows tell
        most, fits, named = fitting[best[0]], fitting[declared or ""], " or ".join(best)
        column = f"column {letters_of(index)}, which fills {self.columns[index]}"
        found = f"{column}: {most:,} of {total:,} dates are in {named}"
        if not declared:
            said = f"date_format is not declared: as it is on the account; {found}"
            self.unknown += [said] if said not in self.unknown else []
        severity, code, hint = _WARNING, "other-date-format", ""
        if best == [SERIAL]:
            severity, code, found = _ERROR, "date-serials", found.replace(" in ", " as a ")
            hint = "make them text in the spreadsheet, or give the cells the format of a date"
        elif declared and fits < most:
            # Few dates with a single digit are for the rows to tell.
            is_stricter = best == [declared.replace("dd", "d").replace("MM", "M")] and fits * 2 >= most
            severity = _WARNING if is_stricter else _ERROR
            found = f"{found}, {fits:,} in date_format {declared}"
            hint = f"write date_format: {best[0]}" if len(best) == 1 else "write the one that is meant"
            hint += f", or write the dates of the file in {declared}"
            hint = "leave the time of day out" if TIMED in named else hint
        elif len({re.sub("[dMy]", "x", form) for form in best}) > 1:  # cells of one form are not of another
            found, hint = found.replace(" or ", " and as many in "), "write all of them in one format"
        elif len(best) > 1:
            severity, code = _HINT if declared else _WARNING, "ambiguous-dates"
            found = f"{found}: none of them tells which, as a day over 12 would"
            hint = "compare some of them with where they come from"
        elif declared or most == total:
            return
        self.say(severity, code, self.first, index, found, hint)


def _stamp_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _is_blank(cells: Iterable[str]) -> bool:
    return not "".join(cells).strip()


def letters_of(index: int) -> str:
    """Return the letters by which a spreadsheet names a column; its index counts from 0."""
    letters, number = "", index + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = f"{chr(65 + letter)}{letters}"
    return letters


@without_words()
def open_contacts(path: Path, rules: ImportRules) -> Table:
    """Return the contact file, open for reading as the rules say, with what its beginning shows to be wrong.

    A file that holds no table is an error among the problems. Errors: `UsageError` where it cannot be read,
    or for a workbook without the library that reads it.
    """
    table = Table(str(path), rules)
    try:
        if not path.is_file():
            raise UsageError(f"{path} is no file" if path.exists() else f"there is no file {path}")
        table.stamp = _stamp_of(path)
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if what := what_is(path, head):
            hint = "open it in the program that made it, and save it as .xlsx, or as CSV in UTF-8"
            table.say(_ERROR, "not-a-table", 1, 0, f"this is {what}", hint)
        else:
            if head.startswith(b"PK"):
                open_workbook(path, table)
            else:
                open_text(path, head, table)
            _open_rows(table)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    table.tell_notes()
    table.opened = len(table.problems)
    return table


def _open_rows(table: Table) -> None:
    """Find the header, the first contact and the members that the columns fill."""
    looked_at = list[list[str]]()
    with suppress(csv.Error):  # told when the rows are read
        looked_at.extend(islice(table.rows(), _LOOKED_AT))
    filled = [(number, row) for number, row in enumerate(looked_at, start=1) if not _is_blank(row)]
    if not filled:
        if all(one.code != "not-a-table" for one in table.problems):
            table.say(_ERROR, "empty-file", 1, 0, "nothing stands in the file, or in its first sheet")
        return
    at = _header_row(filled, table.rules.first_row)
    widths = Counter(len(row) for _, row in filled[-20:])
    table.width = len(looked_at[at - 1]) if at else max(widths, key=lambda width: (widths[width], width))
    if table.width > MOST_COLUMNS:
        table.say(_ERROR, "not-a-table", at or 1, 0, f"{table.width:,} columns are too many for contacts")
        table.width = 0
        return
    table.first = at + 1 if at else filled[0][0]
    table.dialect += f", header in row {at}" if at else ", no header"
    if at:
        table.header = [cell.strip() for cell in looked_at[at - 1]]
        words = [folded(one) for one in table.header]
        for index, word in enumerate(words):
            if not word and any(words[index:]):
                message = f"column {letters_of(index)} has no header"
                table.say(_HINT, "blank-header", at, index, message)
            elif word and (first := words.index(word)) < index:
                message = f"columns {letters_of(first)} and {letters_of(index)} have the same header"
                table.say(_WARNING, "duplicate-header", at, index, message, "rename or remove one of them")
        if all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in table.header):
            message = "each value stands between apostrophes, which are a part of it to most readers"
            hint = 'export with quotes: in LibreOffice, " is the string delimiter'
            table.say(_ERROR, "other-quote", at, 0, message, hint)
        elif len(words) == 1 and len(members_of(re.split(r"[;,|\t]", table.header[0]))) > 1:
            message = "each row stands in quotes as a whole, and is one cell to most readers"
            table.say(_ERROR, "other-quote", at, 0, message, "remove the quotes around the rows")
        if above := [number for number, _ in filled if number < at]:
            message = f"the header is row {at}, and above it stands something"
            if looked_at[0] and looked_at[0][0].lower().startswith("sep="):
                message = "row 1 names the delimiter to Excel, and is a row to other programs"
            table.say(_WARNING, "title-rows", above[0], 0, message, "remove what stands above the header")
    else:
        message = "there is no header, or one of words that are not known"
        hint = "" if table.rules.columns else "put names above the columns, or declare column_mappings"
        table.say(_WARNING if hint else _HINT, "no-header", table.first, 0, message, hint)
    _judge_first_row(table, at)
    _find_columns(table, at or table.first, filled)


def _header_row(filled: Sequence[tuple[int, list[str]]], said: int | None) -> int:
    """Return the number of the row that is the header, 0 where there is none."""
    known = {
        number: 0 if any("@" in cell or cell.strip().isdecimal() for cell in row) else len(members_of(row))
        for number, row in filled[:_MOST_ABOVE]
    }
    best = max(known, key=lambda number: known[number])
    if known[best]:
        return best
    # Words that are not known: without an address where rows below have one, or first_row speaks for it.
    (number, row), *below = filled
    emails = {index for _, cells in below for index, cell in enumerate(cells) if "@" in cell}
    is_header = any(index in emails and cell.strip() and "@" not in cell for index, cell in enumerate(row))
    is_header |= said == number + 1 and "@" not in "".join(row)
    return number if is_header and not re.search(r"\d{3}", "".join(row)) else 0


def _judge_first_row(table: Table, at: int) -> None:
    """Judge first_row, which is wrong only where it is so counted from 1 and from 0."""
    said, first = table.rules.first_row, table.first
    hint = f"write first_row: {first}"
    if said is None:
        table.unknown.append(
            f"first_row is not declared: as it is on the account; the first contact is row {first}"
        )
    elif first == said:
        table.unknown.append(f"first_row {said} fits counted from 1; from 0 it would skip the first contact")
    elif first == said + 1:
        what = f"; counted from 1 it would import row {said} as a contact" if said else ""
        table.unknown.append(f"first_row {said} fits counted from 0{what}")
    elif said < first:
        what = "takes the header for a contact" if at else f"lies above the first contact, row {first}"
        message = f"first_row {said} {what}, counted from 0 or from 1"
        table.say(_ERROR, "header-as-contact", at or 1, 0, message, hint)
    else:
        message = f"first_row {said} skips contacts, which begin in row {first}, counted from 0 or from 1"
        table.say(_ERROR, "contacts-skipped", first, 0, message, hint)


def _find_columns(table: Table, at: int, filled: Sequence[tuple[int, list[str]]]) -> None:
    """Find the member that each column fills: by column_mappings, else by the header."""
    rules, known = table.rules, members_of(table.header)
    emails = Counter(
        index
        for number, row in filled
        for index, cell in enumerate(row[: table.width])
        if number >= table.first and "@" in cell and index not in known
    )
    if emails and "Email" not in known.values():
        known[emails.most_common(1)[0][0]] = "Email"
    if rules.columns:
        table.columns = _mapped(table, known, at, rules.columns)
        for index in sorted(known.keys() - table.columns.keys()):
            message = f"column {letters_of(index)} looks like {known[index]}, and no mapping is about it"
            table.say(_WARNING, "unmapped-column", at, index, message, "map it, or remove the column")
    else:
        table.columns = known
        told = "here by the header" if table.header else "without a header, addresses alone are found"
        table.unknown.append(f"column_mappings are not declared: as on the account; {told}")
        for index, word in enumerate(table.header):
            if index not in known and (member := member_of(word)) in known.values():
                other = letters_of(next(i for i, one in known.items() if one == member))
                message = f"columns {other} and {letters_of(index)} look like {member}; {other} is read"
                table.say(_WARNING, "two-columns-one-member", at, index, message, "map the one that is meant")
    if "Email" not in table.columns.values():
        is_needed = rules.email_is_required
        message = f"no column fills Email{', and email_is_required is true' if is_needed else ''}"
        hint = "add the column, or its mapping"
        table.say(_ERROR if is_needed else _WARNING, "no-email-column", at, 0, message, hint)


def _mapped(table: Table, known: Mapping[int, str], at: int, mappings: Mapping[int, str]) -> dict[int, str]:
    """Return the member of each column by the declared mappings, counted as fits the file better."""
    fits = {}
    for base in (1, 0):
        columns = {number - base: member_named(member).name for number, member in mappings.items()}
        inside = sum(0 <= index < table.width for index in columns)
        alike = sum((known.get(i) == one) - (known.get(i, one) != one) for i, one in columns.items())
        fits[base] = (inside, alike), columns
    base = 1 if fits[1][0] >= fits[0][0] else 0
    columns = fits[base][1]
    tells = (
        f"from {base} fits this file better"
        if fits[0][0] != fits[1][0]
        else "nothing here tells; read from 1"
    )
    table.unknown.append(f"whether source_column_number counts from 0 or from 1: {tells}")
    for index, member in columns.items():
        where = f"source_column_number {index + base} ({member})"
        letters = letters_of(index)
        first = next(other for other, one in columns.items() if one == member)
        if not 0 <= index < table.width:
            message = f"{where} is beyond the last column of the file, {letters_of(table.width - 1)}"
            hint = "add the column to the file, or remove its mapping"
            table.say(_ERROR, "column-beyond-file", at, table.width - 1, message, hint)
        elif known.get(index, member) != member and not member.startswith("CustomField"):
            is_word = index < len(table.header) and member_of(table.header[index])
            header = f', headed "{visible(table.header[index])}"' if is_word else ""
            message = f"{where} is column {letters}{header}, which looks like {known[index]}"
            severity = _ERROR if "Email" in (member, known[index]) else _WARNING
            table.say(severity, "column-contradicts-header", at, index, message, "map the right column")
        if first != index:
            message = f"columns {letters_of(first)} and {letters} both fill {member}"
            table.say(_ERROR, "two-columns-one-member", at, index, message, "map one of them alone")
    return {index: member for index, member in columns.items() if 0 <= index < table.width}
