"""Tables and lists of customers in files of their own: CSV and JSON Lines, each row with its line.

A row becomes a mapping as it would stand in YAML. In a place of a CSV file the column is that of the table,
as spreadsheets count; in one of a JSON Lines file it is 1, where the line begins.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

from msgspec import Struct

from reconciler.config.names import CONTROL, snake, visible
from reconciler.config.nodes import Mark, Node, Written
from reconciler.config.validation import Report, kind_of
from reconciler.config.yaml import DEEPEST, Refusal, unseen
from reconciler.engine.kind import Json
from reconciler.problems import Place

LINES = ".jsonl"
FORMS = (".csv", LINES)
"""How the names of files with rows end."""
MOST_COLUMNS = 1_000
"""Of one table."""
MOST_VALUES = 10_000
"""In one line of JSON, about."""
DELIMITERS = (",", ";")
"""What may stand between the cells of a CSV file."""
ESCAPE = "data."
"""A header that begins so is the name of a column of data, whatever follows: `data.email`."""

Cell: TypeAlias = Callable[[str], Json]
"""Reads a cell; a text that it cannot read is returned as it is."""
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_TRUTHS = {"true": True, "false": False}


def text(cell: str) -> Json:
    """Return a cell as it is."""
    return cell


def whole_number(cell: str) -> Json:
    """Return the number in a cell."""
    return int(cell) if _WHOLE.fullmatch(cell) else cell


def truth(cell: str) -> Json:
    """Return what `true` or `false` in a cell means."""
    return _TRUTHS.get(cell, cell)


class Columns(Struct, frozen=True):
    """What the headers of a table may be, beside the names of columns of data."""

    cells: Mapping[str, Cell]
    """A field that fits into a cell → how it is read."""
    identity: str
    """The field that every table has; by its header the delimiter is told."""
    others: Collection[str]
    """Fields that do not fit into a cell."""


class _Column(NamedTuple):
    """A column of one table: what its cells say, in which part of a customer, and how they are read."""

    name: str
    is_data: bool
    reads: Cell


class _Unusable(Exception):
    """The rest of the file is not looked at."""

    def __init__(self, refusal: Refusal, mark: Mark = (1, 1)) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.mark = mark


class RowReader(Struct, frozen=True):
    """Reads the rows of one file; what is wrong goes to the report, under `key`, and repeats no value."""

    file: str
    """Its name in places."""
    columns: Columns
    report: Report
    key: str

    def read(self, content: bytes) -> Iterator[Written]:
        """Yield the rows in `content`: of a table, unless the file's name says JSON Lines."""
        try:
            decoded = _decoded(content)
            yield from self._lines(decoded) if self.file.endswith(LINES) else self._table(decoded)
        except _Unusable as unusable:
            self._error(unusable.refusal, unusable.mark)

    def _error(self, refusal: Refusal, mark: Mark) -> None:
        place = Place(self.file, *mark)
        self.report.error(refusal.code, place, self.key, refusal.message, refusal.hint)

    def _table(self, content: str) -> Iterator[Written]:
        records = _records(content, self._delimiter(content))
        line, headers = next(records)
        if not self._wrong_headers(headers, line):
            columns = [self._column(header) for header in headers]
            for line, cells in records:
                yield from self._row(columns, cells, line)

    def _delimiter(self, content: str) -> str:
        """Return the delimiter with which a header is the identity; the comma where both do."""
        for delimiter in DELIMITERS:
            if self.columns.identity in _first_record(content, delimiter):
                return delimiter
        # The first line may be a customer, so nothing of it is repeated.
        message = f"no header in the first line is {self.columns.identity}"
        hint = f"begin with headers like {self.columns.identity},First name; between them stands , or ;"
        raise _Unusable(Refusal("csv-header", message, hint))

    def _wrong_headers(self, headers: Sequence[str], line: int) -> bool:
        if len(headers) > MOST_COLUMNS:
            message = f"{len(headers):,} columns are too many"
            raise _Unusable(Refusal("csv-header", message, f"use at most {MOST_COLUMNS:,}"), (line, 1))
        times = Counter(map(self._path, headers))
        found = [
            (number, refusal)
            for number, header in enumerate(headers, start=1)
            if (refusal := self._wrong_header(header, times[self._path(header)]))
        ]
        for number, refusal in found:
            self._error(refusal, (line, number))
        return bool(found)

    def _path(self, header: str) -> tuple[str, ...]:
        return (header,) if header in self.columns.cells else ("data", header.removeprefix(ESCAPE))

    def _column(self, header: str) -> _Column:
        *group, name = self._path(header)
        return _Column(name, bool(group), text if group else self.columns.cells[name])

    def _wrong_header(self, header: str, times: int) -> Refusal | None:
        shown = visible(header)
        if times > 1:
            return Refusal("csv-header", f"{times} columns are {shown}", "keep one of them")
        if header in {"", ESCAPE} or header != header.strip():
            return Refusal("csv-header", "a header is empty, or has blanks around it", "write the name alone")
        if header in self.columns.others:
            hint = f"use a .jsonl file, or {ESCAPE}{shown} for the column of data with that name"
            return Refusal("csv-header", f"{shown} does not fit into a table", hint)
        meant = snake(header)
        if meant in self.columns.cells and header not in self.columns.cells:
            hint = f"write {meant}, or {ESCAPE}{shown} for the column of data with that name"
            return Refusal("csv-header", f"{shown} may be {meant}, or a column of data", hint)
        return None

    def _row(self, columns: Sequence[_Column], cells: Sequence[str], line: int) -> Iterator[Written]:
        if len(cells) == len(columns):
            yield Written(self.file, _mapping(columns, cells, line))
        else:
            message = f"this row has {len(cells)} cells, the first line has {len(columns)}"
            hint = "add or remove cells; a cell that holds a delimiter is written in quotes"
            self._error(Refusal("csv-row", message, hint), (line, 1))

    def _lines(self, content: str) -> Iterator[Written]:
        for number, line in enumerate(content.split("\n"), start=1):
            try:
                if line.strip():
                    yield Written(self.file, _of_json(line, (number, 1)))
            except _Unusable as unusable:
                self._error(unusable.refusal, unusable.mark)


def _mapping(columns: Sequence[_Column], cells: Sequence[str], line: int) -> Node:
    """Return a row as a mapping. An empty cell says nothing."""
    top: dict[str, Node] = {}
    data: dict[str, Node] = {}
    for number, (column, cell) in enumerate(zip(columns, cells, strict=True), start=1):
        if cell:
            name, is_data, reads = column
            mark = (line, number)
            (data if is_data else top)[name] = Node(reads(cell), mark, mark)
    if data:
        top["data"] = _of_entries(data, (line, 1))
    return _of_entries(top, (line, 1))


def _decoded(content: bytes) -> str:
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refusal = Refusal("not-utf-8", "the file is not UTF-8 from here on", "save it as UTF-8")
        raise _Unusable(refusal, (content.count(b"\n", 0, error.start) + 1, 1)) from error
    if found := CONTROL.search(decoded):
        raise _Unusable(unseen(found.group()), (decoded.count("\n", 0, found.start()) + 1, 1))
    return decoded


def _first_record(content: str, delimiter: str) -> Sequence[str]:
    try:
        return next(_records(content, delimiter))[1]
    except (StopIteration, _Unusable):
        return ()


def _records(content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"this is not CSV: {error}"
            hint = 'a cell in quotes ends with one; a quote inside it is written twice: ""'
            raise _Unusable(Refusal("csv-syntax", message, hint), (line, 1)) from error
        if cells is None:
            return
        if cells:
            yield line, cells


def _of_json(line: str, mark: Mark) -> Node:
    if sum(map(line.count, ",[{")) > MOST_VALUES:
        message = f"this line holds more than {MOST_VALUES:,} values"
        raise _Unusable(Refusal("jsonl-syntax", message, _ONE_OBJECT), mark)
    try:
        value = json.loads(line, object_pairs_hook=_without_twins, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise _Unusable(Refusal("jsonl-syntax", f"this is not JSON: {why}", _ONE_OBJECT), mark) from error
    except _Unusable as unusable:
        raise _Unusable(unusable.refusal, mark) from unusable
    if not isinstance(value, dict):
        message = f"a mapping is expected, this is {kind_of(value)}"
        raise _Unusable(Refusal("wrong-type", message, _ONE_OBJECT), mark)
    return _node(value, mark, DEEPEST)


_ONE_OBJECT = 'write one object a line: {"email": …, "data": {…}}'


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            message = f"the key {visible(name)} stands twice in one object"
            raise _Unusable(Refusal("duplicate-key", message, "remove one of the two"))
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _node(value: Any, mark: Mark, deepest: int) -> Node:
    """Return the node of a value of JSON; everything in it has one mark."""
    if not deepest:
        message = f"more than {DEEPEST} objects and lists stand inside each other"
        raise _Unusable(Refusal("jsonl-syntax", message, "nothing here needs that; flatten it"), mark)
    if isinstance(value, dict):
        entries = {_seen(name, mark): _node(inner, mark, deepest - 1) for name, inner in value.items()}
        return _of_entries(entries, mark)
    if isinstance(value, list):
        items = [_node(item, mark, deepest - 1) for item in value]
        return Node([item.value for item in items], mark, mark, items, 1 + sum(item.size for item in items))
    return Node(_seen(value, mark) if isinstance(value, str) else value, mark, mark)


def _of_entries(entries: dict[str, Node], mark: Mark) -> Node:
    size = 1 + sum([node.size for node in entries.values()])
    return Node({name: node.value for name, node in entries.items()}, mark, mark, entries, size)


_UNSEEN = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]")


def _seen(text: str, mark: Mark) -> str:
    # The line itself holds none, but an escape can make one, or half of a character.
    if found := _UNSEEN.search(text):
        raise _Unusable(unseen(found.group()), mark)
    return text
