"""Opens a contact file as an import configuration says, and finds what is wrong between the two.

What the vendor leaves open, as whether rows and columns count from 0 or from 1, is wrong only where it is
wrong in either way. No message holds the content of a cell; of headers it names the words that are known.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct, field

from reconciler.config.names import visible
from reconciler.config.seeds import MARKS, MOST_COLUMNS, SAVE_AS_UTF_8, SEPARATOR, SHORTENED
from reconciler.contacts.codes import member_named
from reconciler.contacts.dates import SERIAL, TIMED, best_formats, count_formats
from reconciler.contacts.headers import folded, member_of, members_of
from reconciler.contacts.model import MOST_ROWS, ImportRules
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem, Severity

_ERROR, _WARNING, _HINT = Severity.ERROR, Severity.WARNING, Severity.HINT
_BATCH = 4096  # rows
_LOOKED_AT = 50  # rows at the beginning
_SAMPLE = 1 << 18  # characters by which the delimiter and the header are found
_BLOCK = 1 << 20
_ALIKE = 0.2  # of rows that a delimiter makes as wide as each other
_MOST_ABOVE = 10  # rows among which the header is looked for
_DELIMITERS = (";", ",", "\t", "|")
_ESCAPES = {r"\t": "\t", r"\r": "\r", r"\n": "\n", r"\\": "\\"}
_ENCODINGS = {"cp1252": "Windows-1252", "cp850": "code page 850 of MS-DOS", "mac_roman": "Mac Roman"}
_LETTERS = frozenset(
    "àáâäåãæçèéêëìíîïñòóôöõøœùúûüýÿßÀÁÂÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜ€’‘“”–°º·"
)  # of the names of people
_ERRORS = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|NV|BEZUG!|WERT!|ZAHL!|N/B|VERW!|WAARDE!|NAAM\?|DEEL/0!"
    r"|GETAL!|NOM\?|VALEUR!|NOMBRE!|NOMBRE\?|VALOR!|¡[^!]+!)"
)
# Where in a cell it is to be looked for, so that few cells are looked at → the whole sign.
_ANY = re.compile(r"(?s).*")
# Code → what of it is looked for first, as few cells hold it, and the whole cell.
_SIGNS = (
    ("error-cells", "#", _ERRORS),
    ("formula-cells", "=", re.compile(r"(?s)=.*")),
    ("garbled-letters", "Ã", re.compile("(?s).*Ã[\x80-\xbf‚-™].*")),
    ("garbled-letters", "\ufffd", _ANY),
    ("line-break-in-value", "\n", _ANY),
    ("shortened-number", "E+", SHORTENED),
)
_SAVE_AS_CSV = "open it in the program that made it, and save it as .xlsx or as CSV in UTF-8"


class Table(Struct, eq=False):
    """A contact file that is open for reading, with what is wrong with it. It can be read more than once.

    `problems` has what its beginning shows, and once all its rows were read what these show.
    """

    file: str  # as it was named
    rules: ImportRules
    dialect: str = ""  # how it is written, in words
    header: Sequence[str] = ()  # empty where it has none
    first: int = 1  # the row of the first contact, as a spreadsheet counts
    width: int = 0
    delimiter: str = ""  # what separates the columns of a file of text
    columns: Mapping[int, str] = field(default_factory=dict)  # index of a column → the member that it fills
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what the vendor leaves open about this file, in words
    rows: Callable[[], Iterator[list[str]]] = lambda: iter(())  # every row of the file, the first one too
    signs: Sequence[tuple[str, str, re.Pattern[str]]] = _SIGNS  # what its cells are looked through for
    counts: Counter[str] = field(default_factory=Counter)  # of line ends and quotes in a file of text
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
            where = f"row{'s' if count > 1 else ''} {', '.join(f'{row}' for row in rows)}{more}"
            if code in _OF_CELLS:
                what = f"column {letters_of(index)}: {what}"
                severity = _WARNING if severity is _ERROR and index not in self.columns else severity
            self.say(severity, code, rows[0], index, f"{what} ({where})", hint)
        self.notes.clear()

    def batches(self) -> Iterator[tuple[int, Sequence[Sequence[str]]]]:
        """Yield the number of a row, and rows from it on without a gap: each has a cell for every column.

        Blank rows are left out. Errors: those of reading.
        """
        filled, fitting = Counter[int](), {i: Counter[str]() for i in self.columns if self._is_date(i)}
        self.notes.clear()
        rows, number, total, last = self.rows(), self.first, 0, (0, [""])
        blank: list[int] = []  # rows of which it is not yet known whether a contact follows
        deque(islice(rows, self.first - 1), maxlen=0)
        while True:
            batch: list[list[str]] = []
            try:
                batch.extend(islice(rows, _BATCH))
            except csv.Error:  # a cell without an end: what was read before it counts
                self.note("quote-not-closed", number + len(batch))
                rows = iter(())
            if not batch:
                break
            if {*map(len, batch)} != {self.width}:
                self._even(number, batch)
            self._look(number, batch, filled, fitting)
            start = 0
            for at in [
                *(i for i, row in enumerate(batch) if not row[0].strip() and _is_blank(row)),
                len(batch),
            ]:
                if part := batch[start:at]:
                    for row in blank:
                        self.note("blank-rows", row)
                    blank.clear()
                    total, last = total + len(part), (number + at - 1, part[-1])
                    yield number + start, part
                blank += [number + at] if at < len(batch) and len(blank) < _BATCH else []
                start = at + 1
            number += len(batch)
        del self.problems[self.opened :]
        self._conclude(total, last, filled, fitting)

    def _is_date(self, index: int) -> bool:
        return member_named(self.columns[index]).what == "date"

    def _even(self, number: int, batch: Iterable[list[str]]) -> None:
        """Give rows as many cells as the header has."""
        for row, cells in enumerate(batch, number):
            if len(cells) > self.width and not _is_blank(cells[self.width :]):
                self.note("row-too-long", row)
            elif 0 < len(cells) < self.width:
                self.note("row-too-short", row)
            cells[self.width :] = [""] * (self.width - len(cells))

    def _look(
        self,
        number: int,
        batch: Iterable[Sequence[str]],
        filled: Counter[int],
        fitting: Mapping[int, Counter[str]],
    ) -> None:
        """Note what the cells of each column show, and count those that hold something."""
        for index, cells in enumerate(zip(*batch, strict=True)):
            text = "\0".join(cells)
            for code, sign, pattern in self.signs:
                if sign in text:
                    for row, cell in enumerate(cells, number):
                        if sign in cell and pattern.fullmatch(cell):
                            self.note(code, row, index)
            filled[index] += len(cells) - cells.count("")
            if "\n" in text:
                self.counts["in cells"] += text.count("\n") - text.count("\r\n")
            if index in fitting:
                count_formats(map(str.strip, cells), fitting[index], self.rules.date_format)

    def _conclude(
        self,
        total: int,
        last: tuple[int, Sequence[str]],
        filled: Mapping[int, int],
        fitting: Mapping[int, Counter[str]],
    ) -> None:
        """Add the problems that only all rows together show."""
        if self.width and not total:
            self.say(_ERROR, "no-contacts", self.first, 0, "no row holds a contact")
        broken = [rows[1] for (code, _), rows in self.notes.items() if code == "line-break-in-value"]
        if broken and self.counts['"'] % 2:
            self.note("quote-not-closed", min(broken))
        self.tell_notes()
        for index, member in self.columns.items() if total else ():
            of_all = f"of {total:,} rows"
            if not filled[index]:
                is_needed = member == "Email" and self.rules.email_is_required
                message = (
                    f"column {letters_of(index)} is to fill {member}, and is empty in all {total:,} rows"
                )
                severity = _ERROR if is_needed else _WARNING
                self.say(severity, "empty-column", self.first, index, message, "map the column that is meant")
            elif filled[index] * 100 <= total:
                message = (
                    f"column {letters_of(index)} ({member}) holds something in {filled[index]:,} {of_all}"
                )
                self.say(_HINT, "empty-column", self.first, index, message)
        row, cells = last
        held = sum(1 for cell in cells if cell.strip())
        emails = [i for i, member in self.columns.items() if member == "Email"]
        if total > 1 and held * 3 <= self.width and not any("@" in cells[i] for i in emails):
            message = (
                f"the last row, {row}, looks like a total or a note: it holds {held} of {self.width} cells"
            )
            self.say(
                _WARNING, "footer-row", row, 0, message, "remove it; as a contact it is refused or worse"
            )
        for index, tally in fitting.items():
            self._judge_dates(index, filled[index], tally)
        self._judge_line_ends()

    def _judge_dates(self, index: int, total: int, fitting: Counter[str]) -> None:
        """Say which format the dates of a column are in, where it is not clear or not the declared one."""
        declared, best = self.rules.date_format, best_formats(fitting)
        if not best:
            return  # no date at all: the rows tell
        most, fits = fitting[best[0]], fitting[declared or ""]
        column = f"column {letters_of(index)} ({self.columns[index]})"
        named, count = " or ".join(best), f"{most:,} of {total:,} dates"
        if best == [SERIAL]:
            message = f"{column}: {count} are the number by which a spreadsheet counts days"
            hint = "give the cells a date format in the spreadsheet, or make them text"
            self.say(_ERROR, "date-serials", self.first, index, message, hint)
        elif declared and fits < most:
            message = f"{column}: {count} are in {named}, {fits:,} in the declared date_format {declared}"
            hint = f"write date_format: {best[0]}" if len(best) == 1 and TIMED not in named else ""
            hint = hint or (
                "format the dates as days alone" if TIMED in named else "write the one that is meant"
            )
            self.say(_ERROR, "other-date-format", self.first, index, message, hint)
        elif len(best) > 1:
            message = (
                f"{column}: its dates are in {named}; no row tells which, as one with a day over 12 would"
            )
            severity = _HINT if declared else _WARNING
            self.say(
                severity, "ambiguous-dates", self.first, index, message, "check some dates by their source"
            )
        elif most < total and not declared:
            message = f"{column}: no format fits all; {count} are in {named}"
            self.say(_WARNING, "other-date-format", self.first, index, message)
        if not declared:
            said = f"date_format is not declared: as it is on the account; {count} of {column} are in {named}"
            self.unknown = [one for one in self.unknown if one != said] + [said]

    def _judge_line_ends(self) -> None:
        counts = {r"\r\n": self.counts["\r\n"], r"\r": self.counts["\r"]}
        counts[r"\n"] = self.counts["\n"] - self.counts["in cells"]
        if len(used := [f"{number:,} in {end}" for end, number in counts.items() if number > 0]) > 1:
            hint = "save the file again in one program: some readers take two rows for one"
            self.say(_WARNING, "mixed-line-ends", 1, 0, f"lines end in two ways: {', '.join(used)}", hint)


# Code → severity, what is wrong, what to do. An error of a column that fills no member is a warning.
_NOTED = {
    "quote-not-closed": (
        *(_ERROR, "a cell begins with a quote and does not end with one, so it goes on over the next rows"),
        'end it with a quote; a quote inside a cell is written twice: ""',
    ),
    "row-too-long": (
        *(_ERROR, "more cells than the header has columns, so that values move into other columns"),
        "put a value that holds the delimiter in quotes",
    ),
    "row-too-short": (_WARNING, "fewer cells than the header has columns", "a line may be broken in two"),
    "blank-rows": (_WARNING, "blank rows stand between contacts", "remove them: the import may end there"),
    "delimiter-in-value": (
        *(_HINT, "values hold the delimiter, in quotes"),
        "whether the vendor reads quotes is unknown: leave the delimiter out of values to be sure",
    ),
    "line-break-in-value": (
        *(_WARNING, "values hold a line break, in quotes"),
        "whether the vendor reads quotes is unknown: without them a row is broken in two",
    ),
    "error-cells": (_ERROR, "errors of a spreadsheet, like #N/A, in place of values", "mend its formulas"),
    "formula-cells": (
        *(_WARNING, "formulas in place of values"),
        "whether an upload takes their results is unknown: paste them as values",
    ),
    "garbled-letters": (
        *(_WARNING, "letters with accents that were read in the wrong encoding, like Ã© for é"),
        "export them again as UTF-8",
    ),
    "shortened-number": (
        *(_WARNING, "numbers that a spreadsheet has shortened, like 1,23E+11: their last digits are lost"),
        "let the cells be text in the spreadsheet, and write the numbers again",
    ),
}  # fmt: skip
_OF_CELLS = {code for code, *_ in _SIGNS} | {"delimiter-in-value"}


def _is_blank(cells: Iterable[str]) -> bool:
    return not "".join(cells).strip()


def letters_of(index: int) -> str:
    """Return the letters by which a spreadsheet names a column; its index counts from 0."""
    letters, number = "", index + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = f"{chr(65 + letter)}{letters}"
    return letters


def open_contacts(path: Path, rules: ImportRules) -> Table:
    """Return the contact file, open for reading as the rules say, with what its beginning shows to be wrong.

    A file that holds no table is an error among the problems. Errors: `UsageError` where it cannot be read.
    """
    table = Table(str(path), rules)
    try:
        if not path.is_file():
            raise UsageError(f"{path} is no file" if path.exists() else f"there is no file {path}")
        with path.open("rb") as file:
            head = file.read(_SAMPLE)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if what := _no_table(head):
        table.say(_ERROR, "not-a-table", 1, 0, f"this is {what}", _SAVE_AS_CSV)
    elif not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        table.say(_ERROR, "empty-file", 1, 0, "the file is empty")
    else:
        _open_text(path, head, table)
    table.opened = len(table.problems)
    return table


# How a file begins → what it is; by those of a page the case does not matter.
_BEGINS = {
    b"PK\3\4": "a packed file",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook of Excel in the old format (.xls)",
    b"%pdf": "a PDF",
    b"<": "a page of HTML or XML, whatever its name ends in, as some programs export for Excel",
    b"{\\rtf": "a text with formats (RTF)",
    b"{": "JSON",
    b"[{": "JSON",
    b"\x1f\x8b": "a packed file (gzip)",
}


def _no_table(head: bytes) -> str:
    """Return what a file is that holds no table, empty for one that may."""
    begins = head.removeprefix(codecs.BOM_UTF8).lstrip()[:100]
    what = next(
        (
            what
            for sign, what in _BEGINS.items()
            if begins.startswith(sign) or begins.lower().startswith(sign)
        ),
        "",
    )
    if b"EncryptedPackage".decode().encode("utf-16-le") in head:
        return "a workbook with a password"
    # A text in UTF-16 has a zero in every second place.
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head[:2]
    return what or ("" if is_wide or head.count(0) * 100 < len(head) else "no text")


def _scan(path: Path, encoding: str, errors: str, counts: Counter[str]) -> str:
    """Count the line ends, quotes and zeros of a file, and return how it begins.

    Errors: `UnicodeDecodeError` as the encoding, its `start` being the row of the byte that is wrong.
    """
    decoder, sample, last = codecs.getincrementaldecoder(encoding)(errors), "", ""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                row = counts["\n"] + counts["\r\n"] + error.object[: error.start].count(b"\n") + 1
                raise UnicodeDecodeError(encoding, error.object, row, row, error.reason) from error
            both = text.count("\r\n") + (last == "\r" and text.startswith("\n"))
            counts["\r\n"] += both
            counts["\r"] += text.count("\r") - both
            counts["\n"] += text.count("\n") - both
            counts['"'] += text.count('"')
            counts["\0"] += text.count("\0")
            sample, last = sample or text[:_SAMPLE], text[-1:]
    return sample


def _decoded(path: Path, head: bytes, table: Table) -> tuple[str, str]:
    """Return the encoding of a file of text, and how it begins; what is not UTF-8 is a warning."""
    encoding = next((name for mark, name in MARKS if head.startswith(mark)), "")
    if not encoding and b"\0" in head[:2]:
        encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
    hint = f"which encodings the vendor reads is unknown; {SAVE_AS_UTF_8}"
    if encoding:
        name = encoding[:6].upper()
        table.say(_WARNING, "other-encoding", 1, 0, f"the file is in {name}, not in UTF-8", hint)
        table.dialect = name
        return encoding, _scan(path, encoding, "replace", table.counts)
    marked = head.startswith(codecs.BOM_UTF8)
    table.dialect = "UTF-8 with a byte order mark" if marked else "UTF-8"
    try:
        return "utf-8-sig", _scan(path, "utf-8-sig", "strict", table.counts)
    except UnicodeDecodeError as error:
        others = bytes(byte for byte in error.object if byte > 127)
        fitting = {name: sum(c in _LETTERS for c in others.decode(name, "replace")) for name in _ENCODINGS}
        encoding = max(fitting, key=lambda name: fitting[name])
        table.dialect = f"probably {_ENCODINGS[encoding]}"
        message = f"the file is not UTF-8 from this row on; it is probably {_ENCODINGS[encoding]}"
        table.say(_WARNING, "other-encoding", error.start, 0, message, hint)
    table.counts.clear()
    return encoding, _scan(path, encoding, "replace", table.counts)


def _records(path: Path, encoding: str, delimiter: str, end: str) -> Iterator[list[str]]:
    """Yield every record of a file; a row delimiter that is no line end is taken literally."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines: Iterable[str] = _split(file, end) if end else file
        if len(delimiter) > 1:
            lines = (line.replace(delimiter, "\x1f") for line in lines)
        yield from csv.reader(lines, delimiter=delimiter if len(delimiter) == 1 else "\x1f")


def _split(file: Iterable[str], end: str) -> Iterator[str]:
    rest = ""
    for line in file:
        *whole, rest = f"{rest}{line}".split(end)
        yield from (one.strip("\r\n") for one in whole)
    if rest.strip():
        yield rest.strip("\r\n")


def _open_text(path: Path, head: bytes, table: Table) -> None:
    """Open a file of text: its encoding, its delimiters, then what every table has."""
    rules, counts = table.rules, table.counts
    encoding, sample = _decoded(path, head, table)
    if counts["\0"]:
        message = f"the file holds {counts[chr(0)]:,} zero bytes, which no text has"
        table.say(_ERROR, "zero-bytes", 1, 0, message, _SAVE_AS_CSV)
    declared, end = (_real(one) for one in (rules.field_delimiter, rules.row_delimiter))
    if len(sample) == _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    delimiter = _delimiter(sample, declared, table)
    own_end = _row_delimiter(end, counts, sample, table)
    table.delimiter = delimiter
    table.signs = [*_SIGNS, ("delimiter-in-value", delimiter, _ANY)] if delimiter else _SIGNS
    table.rows = lambda: _records(path, encoding, delimiter or "\x1f", own_end)
    kind = "TSV" if delimiter == "\t" else "CSV"
    named = f'delimiter "{visible(delimiter)}"' if delimiter else "one column"
    if rules.field_delimiter is None:
        named += " (not declared)"
    table.dialect = f"{kind}, {table.dialect}, {named}"
    _open_rows(table)


def _real(declared: str | None) -> str:
    """Return the characters of a delimiter, which the files may hold as escapes; empty for none."""
    return re.sub(r"\\[trn\\]", lambda escape: _ESCAPES[escape[0]], declared or "")


def _delimiter(sample: str, declared: str, table: Table) -> str:
    """Return the delimiter of the file, empty for a single column; another than declared is an error."""
    separator = SEPARATOR.match(sample)
    fitting = {one: _fit(sample, one) for one in dict.fromkeys((declared, *_DELIMITERS)) if one}
    best = separator[1] if separator else max(fitting, key=lambda one: fitting[one])
    if not separator and fitting[best] < _ALIKE:
        best = ""
    if declared and (not best or fitting[declared] * 2 >= fitting.get(best, 1)):
        return declared
    if declared:
        message = f'"{visible(best)}" separates the columns, and field_delimiter says "{visible(declared)}"'
        hint = (
            f"write field_delimiter: '{visible(best)}', by which the rest is checked, or save the file anew"
        )
        table.say(_ERROR, "other-delimiter", 1, 0, message, hint)
    else:
        table.unknown.append(
            f'field_delimiter is not declared: as it is on the account; the file has "{visible(best)}"'
        )
    return best


def _fit(sample: str, delimiter: str) -> float:
    """Return how well a delimiter makes columns of a text: by their number, and how alike the rows are."""
    lines = sample.splitlines(keepends=True)
    reader = csv.reader((line.replace(delimiter, "\x1f") for line in lines), delimiter="\x1f")
    widths = Counter[int]()
    with suppress(csv.Error):
        widths.update(len(row) for row in reader if row)
    width, count = max(widths.items(), key=lambda one: (one[0] > 1, one[1]), default=(1, 1))
    return (width - 1) * (count / (widths.total() or 1)) ** 2


def _row_delimiter(declared: str, counts: Counter[str], sample: str, table: Table) -> str:
    """Return what ends a row where that is no line end; another end than declared is a problem."""
    ends = {one: counts[one] for one in ("\r\n", "\n", "\r")}
    most = max(ends, key=lambda one: ends[one])
    if not declared:
        table.unknown.append("row_delimiter is not declared: as it is on the account")
        return ""
    if declared not in ends and declared in sample:
        return declared
    if declared != most and ends[most]:
        message = f"lines end in {visible(most)}, and row_delimiter says {visible(declared)}"
        if declared in most:
            hint = "whether the vendor then cuts the rest off the last column is unknown"
            table.say(
                _WARNING, "other-line-end", 1, 0, message, f"write row_delimiter: '{visible(most)}'; {hint}"
            )
        else:
            hint = f"write row_delimiter: '{visible(most)}': taken literally, the file is a single row"
            table.say(_ERROR, "other-line-end", 1, 0, message, hint)
    return ""


def _open_rows(table: Table) -> None:
    """Find the header, the first contact and the members that the columns fill."""
    rows, looked_at = table.rows(), list[list[str]]()
    with suppress(csv.Error):  # told when the rows are read
        looked_at.extend(islice(rows, _LOOKED_AT))
    filled = [(number, row) for number, row in enumerate(looked_at, start=1) if not _is_blank(row)]
    if not filled:
        table.say(_ERROR, "empty-file", 1, 0, "nothing stands in the file")
        return
    at = _header_row(filled)
    widths = Counter(len(row) for _, row in filled[-20:])
    table.width = len(looked_at[at - 1]) if at else max(widths, key=lambda width: (widths[width], width))
    if table.width > MOST_COLUMNS:
        table.say(_ERROR, "not-a-table", at or 1, 0, f"{table.width:,} columns are too many for contacts")
        table.rows = lambda: iter(())
        return
    above = [number for number, _ in filled if number < at]
    table.first = at + 1 if at else filled[0][0]
    if at:
        table.header = [cell.strip() for cell in looked_at[at - 1]]
        table.dialect += f", header in row {at}"
        _judge_header(table, at)
    else:
        table.dialect += ", no header"
        message = "no header: the first row holds a contact, or words that are not known"
        table.say(_HINT if table.rules.columns else _WARNING, "no-header", filled[0][0], 0, message)
    if above:
        is_separator = SEPARATOR.fullmatch(looked_at[0][0]) if looked_at[0] else None
        what = (
            "tells Excel the delimiter, and is a row to others" if is_separator else "stands above the header"
        )
        message = f"row {above[0]} {what}" if len(above) == 1 else f"{len(above)} rows stand above the header"
        table.say(_WARNING, "title-rows", above[0], 0, message, "remove it, so that the header is row 1")
    _judge_first_row(table, at)
    _find_columns(table, at or table.first, filled)


def _header_row(filled: Sequence[tuple[int, list[str]]]) -> int:
    """Return the number of the row that is the header, 0 where there is none."""
    known = {}
    for number, row in filled[:_MOST_ABOVE]:
        is_contact = any("@" in cell or cell.strip().isdecimal() for cell in row)
        known[number] = 0 if is_contact else len(members_of(row))
    best = max(known, key=lambda number: known[number])
    if known[best]:
        return best
    # Words that are not known: a header has no address where the rows below it have one.
    (number, row), *below = filled
    emails = {index for _, cells in below for index, cell in enumerate(cells) if "@" in cell}
    is_header = any(index in emails and "@" not in cell for index, cell in enumerate(row))
    return number if is_header and not any(any(c.isdecimal() for c in cell) for cell in row) else 0


def _judge_header(table: Table, at: int) -> None:
    """Say which headers are blank, or stand there twice."""
    words = [folded(one) for one in table.header]
    for index, word in enumerate(words):
        if not word and any(words[index:]):
            message = f"column {letters_of(index)} has no header"
            table.say(_HINT, "blank-header", at, index, message)
        elif word and (first := words.index(word)) < index:
            message = f"columns {letters_of(first)} and {letters_of(index)} have the same header"
            table.say(_WARNING, "duplicate-header", at, index, message, "rename or remove one of them")


def _judge_first_row(table: Table, at: int) -> None:
    """Judge first_row, which is wrong only where it is so counted from 1 and from 0."""
    said, first = table.rules.first_row, table.first
    if said is None:
        table.unknown.append(
            f"first_row is not declared: as it is on the account; the first contact is in row {first}"
        )
        return
    if first in (said, said + 1):
        other, way = (said + 1, "from 0") if first == said else (said, "from 1")
        counted = "from 1" if first == said else "from 0"
        if other:
            what = "would skip the first contact" if other > first else "would import the header as a contact"
            table.unknown.append(
                f"first_row {said} fits counted {counted}; counted {way} it is row {other}, and {what}"
            )
    elif said + 1 < first:
        what = f"the header, row {at}," if said + 1 == at or not at else f"what stands above row {first}"
        message = f"first_row {said} takes {what} for a contact, whether rows count from 1 or from 0"
        table.say(_ERROR, "header-as-contact", first - 1, 0, message, f"write first_row: {first}")
    else:
        message = f"first_row {said} skips contacts from row {first} on, whether rows count from 1 or from 0"
        table.say(_ERROR, "contacts-skipped", first, 0, message, f"write first_row: {first}")


def _find_columns(table: Table, at: int, filled: Sequence[tuple[int, list[str]]]) -> None:
    """Find the member that each column fills: by column_mappings, else by the words of the header."""
    rules, known = table.rules, members_of(table.header)
    if rules.columns:
        table.columns = _mapped(table, known, at, rules.columns)
        for index in known.keys() - table.columns.keys():
            message = f"column {letters_of(index)} looks like {known[index]}, and no mapping is about it"
            table.say(_WARNING, "unmapped-column", at, index, message, "map it, or remove the column")
    else:
        table.unknown.append(
            "column_mappings are not declared: as on the account; columns are read by their headers"
        )
        emails = Counter(i for _, row in filled for i, cell in enumerate(row[: table.width]) if "@" in cell)
        if not known and emails:
            known = {emails.most_common(1)[0][0]: "Email"}
        table.columns = known
        for index, word in enumerate(table.header):
            if index not in known and (member := member_of(word)):
                other = letters_of(next(i for i, one in known.items() if one == member))
                message = f"columns {other} and {letters_of(index)} both look like {member}; {other} is read"
                table.say(_WARNING, "two-columns-one-member", at, index, message, "map the one that is meant")
    if "Email" not in table.columns.values():
        severity = _ERROR if rules.email_is_required else _WARNING
        message = "no column fills Email" + (
            ", and email_is_required is true" if rules.email_is_required else ""
        )
        table.say(severity, "no-email-column", at, 0, message, "add the column, or its mapping")


def _mapped(table: Table, known: Mapping[int, str], at: int, mappings: Mapping[int, str]) -> dict[int, str]:
    """Return the member of each column by the declared mappings, counted as it fits the header better."""
    fits = {}
    for base in (1, 0):
        columns = {number - base: member_named(member).name for number, member in mappings.items()}
        inside = sum(0 <= index < table.width for index in columns)
        alike = sum(known.get(index) == member for index, member in columns.items())
        clashes = sum(known.get(index, member) != member for index, member in columns.items())
        fits[base] = (inside, alike, -clashes), columns
    base = 1 if fits[1][0] >= fits[0][0] else 0
    columns = fits[base][1]
    if fits[0][0] != fits[1][0]:
        table.unknown.append(
            f"source_column_number counts from 0 or from 1: from {base} fits this file better"
        )
    else:
        table.unknown.append(
            "source_column_number counts from 0 or from 1: nothing in this file tells; read from 1"
        )
    for index, member in columns.items():
        where = f"source_column_number {index + base} ({member})"
        if not 0 <= index < table.width:
            message = f"{where} is beyond the last column of the file, {letters_of(table.width - 1)}"
            table.say(_ERROR, "column-beyond-file", at, table.width - 1, message)
        elif known.get(index, member) != member:
            header = f"{visible(table.header[index])} ({known[index]})"
            message = f"{where} is column {letters_of(index)}, whose header says {header}"
            is_address = "Email" in (member, known[index])
            table.say(_ERROR if is_address else _WARNING, "column-contradicts-header", at, index, message)
        first = next(other for other, one in columns.items() if one == member)
        if first != index:
            message = f"columns {letters_of(first)} and {letters_of(index)} both fill {member}"
            table.say(_ERROR, "two-columns-one-member", at, index, message, "map one of them alone")
    return {index: member for index, member in columns.items() if 0 <= index < table.width}
