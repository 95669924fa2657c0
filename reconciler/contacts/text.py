"""Contact files of text: what they are, their encoding, and what separates their columns and rows."""

from __future__ import annotations

import codecs
import csv
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from zipfile import BadZipFile, ZipFile

from reconciler.config.names import visible
from reconciler.config.seeds import MARKS, MOST_COLUMNS, SAVE_AS_UTF_8, SEPARATOR
from reconciler.contacts.headers import members_of
from reconciler.problems import Severity

if TYPE_CHECKING:
    from reconciler.contacts.reading import Table

# What reading a packed file raises where its bytes make no sense.
DAMAGED = (BadZipFile, EOFError, LookupError, OSError, RuntimeError, ValueError, struct.error, zlib.error)
_BLOCK = 1 << 20
_SAMPLE = 1 << 18  # characters by which the delimiter is found
_FEWEST = 16  # lines in a block: a contact has some 40 members of 256 characters at most
_LONGEST_RECORD = 1 << 21  # characters: a quote that nothing ends takes in the lines below it
_LINE_BREAK = re.compile("\r\n?|\n")
_ALIKE = 0.2  # a delimiter makes rows as alike as that, or it is none
_MOST_ABOVE = 10  # rows at the beginning among which the header is
_OWN = "\x1f"  # stands for a delimiter of several characters, and for none
_DELIMITERS = (";", ",", "\t", "|")
_ESCAPES = {r"\t": "\t", r"\r": "\r", r"\n": "\n", r"\\": "\\"}
DENSITY = "rows in a block"  # the fewest lines in that many bytes
_SIGNS = ('"', "\0", "#", "=", "Ã", "\ufffd", "E+")
_ENCODINGS = {"cp1252": "Windows-1252", "cp850": "code page 850 of MS-DOS", "mac_roman": "Mac Roman"}
# Of names and streets.
_LETTERS = frozenset("àáâäåãæçèéêëìíîïñòóôöõøœùúûüýÿßÀÁÂÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜ€’‘“”–°º·")
_PACKED = {  # a file in a packed one → what it is
    "xl/workbook.xml": "",
    "xl/workbook.bin": "a binary workbook of Excel (.xlsb)",
    "word/document.xml": "a document of Word",
    "Index/Document.iwa": "a document of Numbers",
    "content.xml": "a document of LibreOffice (.ods)",
}
_BEGINS = {  # how a file begins, in any case → what it is
    b"\xd0\xcf\x11\xe0": "a workbook of Excel in the old format (.xls), or one with a password",
    b"%pdf": "a PDF",
    b"<": "a page of HTML or XML, as some programs export for Excel, whatever its name ends in",
    rb"{\rtf": "a text with formats (RTF)",
    b"{": "JSON",
    b"[{": "JSON",
    b"\x1f\x8b": "a packed file (gzip)",
}


def what_is(path: Path, head: bytes) -> str:
    """Return what a file is that holds no table, empty for one that may. Errors: `OSError`."""
    if head.startswith(b"PK\3\4"):
        try:
            with ZipFile(path) as packed:
                names = {*packed.namelist()}
        except DAMAGED:
            return "a packed file that is damaged"
        return next((what for name, what in _PACKED.items() if name in names), "a packed file (zip)")
    if "EncryptedPackage".encode("utf-16-le") in head:
        return "a workbook with a password"
    begins = head.removeprefix(codecs.BOM_UTF8).lstrip()[:100].lower()
    what = next((what for sign, what in _BEGINS.items() if begins.startswith(sign)), "")
    # A text in UTF-16 has a zero in every second place, and no text has other bytes below the tab.
    is_wide = b"\0" in head[:4] and head.count(0) * 3 > len(head)
    is_binary = not is_wide and sum(map(head.count, range(9))) * 100 > len(head)
    return what or ("no text" if is_binary else "")


def open_text(path: Path, head: bytes, table: Table) -> None:
    """Open a file of text: find its encoding and delimiters, and say where these are not the declared ones.

    Errors: `OSError`.
    """
    rules, counts = table.rules, table.counts
    encoding, sample = _decoded(path, head, table)
    if counts["\0"]:
        message = f"the file holds {counts[chr(0)]:,} zero bytes, which no text has"
        table.say(Severity.ERROR, "zero-bytes", 1, 0, message, "export the file again")
    if len(sample) == _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    declared, end = (
        re.sub(r"\\[trn\\]", lambda escape: _ESCAPES[escape[0]], one or "")
        for one in (rules.field_delimiter, rules.row_delimiter)
    )
    table.delimiter = delimiter = _delimiter(sample, declared, table)
    own_end = _row_delimiter(end, sample, table)
    if own_end or not 0 < counts[DENSITY] < _FEWEST:
        has_quotes = counts['"'] > 0
        table.rows = lambda: _records(path, encoding, delimiter or _OWN, own_end, has_quotes=has_quotes)
    else:
        table.say(Severity.ERROR, "not-a-table", 1, 0, "the file has lines that are too long for contacts")
    named = f'delimiter "{visible(delimiter)}"' if delimiter else "one column"
    table.dialect = f"{'TSV' if delimiter == chr(9) else 'CSV'}, {table.dialect}, {named}"


def _decoded(path: Path, head: bytes, table: Table) -> tuple[str, str]:
    """Return the encoding of a file of text, and how it begins; what is not UTF-8 is a warning."""
    encoding = next((name for mark, name in MARKS if head.startswith(mark)), "")
    if not encoding and b"\0" in head[:2]:
        encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
    row, errors = 1, "strict" if not encoding else "replace"
    table.dialect = "UTF-8 with a byte order mark" if head.startswith(codecs.BOM_UTF8) else "UTF-8"
    try:
        sample = _scan(path, encoding or "utf-8-sig", errors, table.counts)
    except UnicodeDecodeError as error:
        others = bytes(byte for byte in error.object if byte > 127)
        texts = {name: others.decode(name, "replace") for name in _ENCODINGS}
        # Small letters are more frequent than capitals.
        fitting = {name: sum((c in _LETTERS) * (1 + c.islower()) for c in texts[name]) for name in texts}
        encoding, row = max(fitting, key=lambda name: fitting[name]), error.start
        table.counts.clear()
        sample = _scan(path, encoding, "replace", table.counts)
    if encoding:
        name = _ENCODINGS.get(encoding) or encoding[:6].upper()
        table.dialect = f"probably {name}" if encoding in _ENCODINGS else name
        message = f"the file is not UTF-8{' from this row on' if row > 1 else ''}, but {table.dialect}"
        hint = f"which encodings the vendor reads is unknown: {SAVE_AS_UTF_8}"
        table.say(Severity.WARNING, "other-encoding", row, 0, message, hint)
    return encoding or "utf-8-sig", sample


def _scan(path: Path, encoding: str, errors: str, counts: Counter[str]) -> str:
    """Count the line ends of a file and the signs in it, and return how it begins.

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
            for sign in _SIGNS:
                counts[sign] += text.count(sign)
            if len(block) == _BLOCK:
                counts[DENSITY] = min(counts[DENSITY] or _BLOCK, text.count("\n") + text.count("\r") + 1)
            sample, last = sample or text[:_SAMPLE], text[-1:]
    return sample


def _records(path: Path, encoding: str, delimiter: str, end: str, *, has_quotes: bool) -> Iterator[list[str]]:
    """Yield every record of a file; a row delimiter that is no line end is taken literally.

    Errors: `csv.Error` for a cell or a record without an end.
    """
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines: Iterable[str] = _split(file, end) if end else file
        is_odd = len(delimiter) > 1 or delimiter in '"\r\n'  # the library takes none of these
        plain = (line.replace(delimiter, _OWN) for line in lines) if is_odd else lines
        size = 0

        def bounded() -> Iterator[str]:
            nonlocal size
            for line in plain:
                size += len(line)
                if size > _LONGEST_RECORD:
                    raise csv.Error
                yield line

        for record in csv.reader(bounded() if has_quotes else plain, delimiter=_OWN if is_odd else delimiter):
            size = 0
            yield record


def _split(file: TextIO, end: str) -> Iterator[str]:
    rest = ""
    while text := file.read(_BLOCK):
        *whole, rest = f"{rest}{text}".split(end)
        if len(rest) > _BLOCK:
            raise csv.Error
        # The library takes no line break in a record but in quotes.
        yield from (_LINE_BREAK.sub("\u2028", one.strip("\r\n")) for one in whole)
    if rest.strip():
        yield _LINE_BREAK.sub("\u2028", rest.strip("\r\n"))


def _delimiter(sample: str, declared: str, table: Table) -> str:
    """Return the delimiter of the file, empty for a single column; another than declared is an error."""
    fitting = {one: _fit(sample, one) for one in (declared, *_DELIMITERS) if one}
    best = max(fitting, key=lambda one: fitting[one])
    if separator := SEPARATOR.match(sample):
        best = separator[1]
    elif fitting[best] < _ALIKE:
        best = ""
    if declared and (not best or fitting[declared] * 2 >= fitting.get(best, 1)):
        return declared
    if declared:
        message = f'"{visible(best)}" separates the columns, and field_delimiter says "{visible(declared)}"'
        hint = f"write field_delimiter: '{visible(best)}', by which the rest is checked, or save it anew"
        table.say(Severity.ERROR, "other-delimiter", 1, 0, message, hint)
    else:
        found = f'; the file has "{visible(best)}"' if best else ""
        table.unknown.append(f"field_delimiter is not declared: as it is on the account{found}")
    return best


def _fit(sample: str, delimiter: str) -> float:
    """Return how well a delimiter makes columns of a text.

    By their number, how alike the rows are, and how many words of a header are among the first rows.
    """
    lines = (line.replace(delimiter, _OWN) for line in sample.splitlines(keepends=True))
    widths, words, rows = Counter[int](), 0, csv.reader(lines, delimiter=_OWN)
    with suppress(csv.Error):
        for row in islice(rows, _MOST_ABOVE):
            widths[len(row)] += bool(row)
            words = max(words, len(members_of(row)) if 1 < len(row) <= MOST_COLUMNS else 0)
        widths.update(len(row) for row in rows if row)
    width, count = max(widths.items(), key=lambda one: (one[0] > 1, one[1]), default=(1, 1))
    return (width - 1) * (count / (widths.total() or 1)) ** 2 * (1 + words) ** 2


def _row_delimiter(declared: str, sample: str, table: Table) -> str:
    """Return what ends a row where that is no line end; another end than declared is a problem."""
    ends = {one: table.counts[one] for one in ("\r\n", "\n", "\r")}
    most = max(ends, key=lambda one: ends[one])
    if not declared:
        table.unknown.append("row_delimiter is not declared: as it is on the account")
    elif declared not in ends and declared in sample:
        return declared
    elif declared != most and ends[most]:
        message = f"lines end in {visible(most)}, and row_delimiter says {visible(declared)}"
        is_part = declared in most
        what = f"taken literally, {'a sign stays in each last cell' if is_part else 'it is one row'}"
        severity = Severity.WARNING if is_part else Severity.ERROR
        table.say(
            severity, "other-line-end", 1, 0, message, f"write row_delimiter: '{visible(most)}': {what}"
        )
    return ""
