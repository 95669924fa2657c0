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
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

from msgspec import Struct

from reconciler.config import nodes
from reconciler.config.names import CONTROL, snake, visible
from reconciler.config.nodes import Node, Row, Scalar
from reconciler.config.validation import Report, kind_of
from reconciler.config.yaml import DEEPEST, Refusal, Unreadable, unseen
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


class RowReader(Struct, frozen=True):
    """Reads the rows of one file; what is wrong goes to the report, under `key`, and repeats no value."""

    file: str
    """Its name in places."""
    columns: Columns
    report: Report
    key: str

    def read(self, content: bytes) -> Iterator[Node]:
        """Yield the rows in `content`: of a table, unless the file's name says JSON Lines."""
        try:
            text = _decoded(content)
            yield from self._lines(text) if self.file.endswith(LINES) else self._table(text)
        except Unreadable as unreadable:
            self._error(unreadable.refusal, unreadable.line)

    def _error(self, refusal: Refusal, line: int, column: int = 1) -> None:
        code, message, hint = refusal
        self.report.error(code, Place(self.file, line, column), self.key, message, hint)

    def _table(self, text: str) -> Iterator[Node]:
        records = _records(text, self._delimiter(text))
        line, headers = next(records)
        if self._are_wrong(headers, line):
            return
        paths = [self._path(header) for header in headers]
        readers = [self.columns.cells[path[0]] if len(path) == 1 else str for path in paths]
        for line, cells in records:
            if len(cells) != len(headers):
                message = f"this row has {len(cells)} cells, the first line has {len(headers)}"
                hint = "add or remove cells; a cell that holds a delimiter is written in quotes"
                self._error(Refusal("csv-row", message, hint), line)
                continue
            row = Row(self.file, line)
            top: dict[str, Node] = {}
            data: dict[str, Node] = {}
            for column, (path, reads, cell) in enumerate(zip(paths, readers, cells, strict=True), start=1):
                if cell:  # an empty one says nothing
                    there = top if len(path) == 1 else data
                    there[path[-1]] = Scalar(row, reads(cell), column, column, column)
            if data:
                top["data"] = _mapping(row, data)
            yield _mapping(row, top)

    def _delimiter(self, text: str) -> str:
        """Return the delimiter with which a header is the identity; the comma where both do."""
        for delimiter in DELIMITERS:
            with suppress(StopIteration, Unreadable):
                if self.columns.identity in next(_records(text, delimiter))[1]:
                    return delimiter
        # The first line may be a customer, so nothing of it is repeated.
        message = f"no header in the first line is {self.columns.identity}"
        hint = f"begin with headers like {self.columns.identity},First name; between them stands , or ;"
        raise Unreadable(Refusal("csv-header", message, hint))

    def _path(self, header: str) -> tuple[str, ...]:
        """Return where in a customer the cells below a header belong."""
        return (header,) if header in self.columns.cells else ("data", header.removeprefix(ESCAPE))

    def _are_wrong(self, headers: Sequence[str], line: int) -> bool:
        if len(headers) > MOST_COLUMNS:
            message = f"{len(headers):,} columns are too many"
            raise Unreadable(Refusal("csv-header", message, f"use at most {MOST_COLUMNS:,}"), line)
        times = Counter(map(self._path, headers))
        found = False
        for column, header in enumerate(headers, start=1):
            known, shown, meant = self.columns.cells, visible(header), snake(header)
            if times[self._path(header)] > 1:
                message, hint = f"{times[self._path(header)]} columns are {shown}", "keep one of them"
            elif header in {"", ESCAPE} or header != header.strip():
                message, hint = "a header is empty, or has blanks around it", "write the name alone"
            elif header in self.columns.others:
                message = f"{shown} does not fit into a table"
                hint = f"use a .jsonl file, or {ESCAPE}{shown} for the column of data with that name"
            elif meant in known and header not in known:
                message = f"{shown} may be {meant}, or a column of data"
                hint = f"write {meant}, or {ESCAPE}{shown} for the column of data with that name"
            else:
                continue
            self._error(Refusal("csv-header", message, hint), line, column)
            found = True
        return found

    def _lines(self, text: str) -> Iterator[Node]:
        for number, line in enumerate(text.split("\n"), start=1):
            try:
                if line.strip():
                    yield _node(_object(line), Row(self.file, number), DEEPEST)
            except Unreadable as unreadable:
                self._error(unreadable.refusal, number)


def _mapping(row: Row, entries: dict[str, Node]) -> Node:
    size = 1 + sum([node.size for node in entries.values()])
    values = {name: node.value for name, node in entries.items()}
    return nodes.Mapping(row, values, 1, 1, 1, children=entries, size=size)


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refusal = Refusal("not-utf-8", "the file is not UTF-8 from here on", "save it as UTF-8")
        raise Unreadable(refusal, content.count(b"\n", 0, error.start) + 1) from error
    if found := CONTROL.search(text):
        raise Unreadable(unseen(found.group()), text.count("\n", 0, found.start()) + 1)
    return text


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"this is not CSV: {error}"
            hint = 'a cell in quotes ends with one; a quote inside it is written twice: ""'
            raise Unreadable(Refusal("csv-syntax", message, hint), line) from error
        if cells is None:
            return
        if cells:
            yield line, cells


_ONE_OBJECT = 'write one object a line: {"email": …, "data": {…}}'


def _object(line: str) -> dict[str, Any]:
    if sum(map(line.count, ",[{")) > MOST_VALUES:
        message = f"this line holds more than {MOST_VALUES:,} values"
        raise Unreadable(Refusal("jsonl-syntax", message, _ONE_OBJECT))
    try:
        value = json.loads(line, object_pairs_hook=_without_twins, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise Unreadable(Refusal("jsonl-syntax", f"this is not JSON: {why}", _ONE_OBJECT)) from error
    if not isinstance(value, dict):
        message = f"a mapping is expected, this is {kind_of(value)}"
        raise Unreadable(Refusal("wrong-type", message, _ONE_OBJECT))
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            message = f"the key {visible(name)} stands twice in one object"
            raise Unreadable(Refusal("duplicate-key", message, "remove one of the two"))
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_UNSEEN = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]")


def _node(value: Any, row: Row, deepest: int) -> Node:
    """Return the node of a value of JSON; everything in it has one place."""
    if not deepest:
        message = f"more than {DEEPEST} objects and lists stand inside each other"
        raise Unreadable(Refusal("jsonl-syntax", message, "nothing here needs that; flatten it"))
    if isinstance(value, dict):
        return _mapping(row, {_seen(name): _node(inner, row, deepest - 1) for name, inner in value.items()})
    if isinstance(value, list):
        items = [_node(item, row, deepest - 1) for item in value]
        values = [item.value for item in items]
        return nodes.Sequence(row, values, 1, 1, 1, children=items, size=1 + sum(item.size for item in items))
    return Scalar(row, _seen(value) if isinstance(value, str) else value, 1, 1, 1)


def _seen(text: str) -> str:
    # The line itself holds none, but an escape can make one, or half of a character.
    if found := _UNSEEN.search(text):
        raise Unreadable(unseen(found.group()))
    return text
