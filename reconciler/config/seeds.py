"""Seeds: what the files declare to be sent, on which target, and to which customers.

Customers stand in the YAML, or in a table of their own (CSV, JSON Lines), over the `defaults` of the seed. A
row of a table becomes a mapping as it would stand in YAML. In a place of a CSV file the column is that of the
table, as spreadsheets count; in one of a JSON Lines file it is 1, where the line begins.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeAlias

from msgspec import Struct, field
from pydantic import BaseModel

from reconciler.config import nodes
from reconciler.config.discovery import shown
from reconciler.config.names import CONTROL, meant, snake, visible
from reconciler.config.nodes import Node, Row, Scalar
from reconciler.config.resources import Controls, blocks_of
from reconciler.config.sections import (
    Columns,
    DeclaredCustomer,
    DeclaredSeed,
    Finding,
    Layers,
    S,
    SeedContext,
    SeedSection,
)
from reconciler.config.validation import (
    MOST_PROBLEMS,
    Model,
    Report,
    Vocabulary,
    kind_of,
    paths,
    validated,
)
from reconciler.config.yaml import DEEPEST, Refusal, Unreadable, unseen
from reconciler.problems import Place, Problem

if TYPE_CHECKING:
    from reconciler.config.contents import Contents
    from reconciler.config.settings import Target

MOST_CUSTOMERS = 10_000
"""Of one seed."""
MOST_EVERYWHERE = 50_000
"""Customers of all seeds, each counted on every target that its seed lives on."""
MOST_VALUES = 250_000
"""Of all customers of all seeds together, each with its keys as many times as it is read."""
_FEWER = "leave some out, or make several workspaces of it"

_NO_LIVE_STATE = "a seed has no live state: it is sent, not compared"
_ELSEWHERE = {
    "preset": "presets do not apply to seeds; share fields by an anchor, or by defaults: for customers",
    **dict.fromkeys(("keep", "reset", "accept", "undeclared", "id", "absent", "hidden"), _NO_LIVE_STATE),
}
_ON_THE_SEED = "it stands on the seed itself"


_Level: TypeAlias = tuple[Node, Any]
"""Where one level is written, and what it says, as a model."""


def _folded(over: Model, under: BaseModel) -> Model:
    """Return `over` with what only `under` says; mappings are folded key by key, lists are not."""
    missing = {name: getattr(under, name) for name in under.model_fields_set - over.model_fields_set}
    both = over.model_fields_set & under.model_fields_set
    merged = {
        name: {**getattr(under, name), **getattr(over, name)}
        for name in both
        if isinstance(getattr(over, name), dict) and isinstance(getattr(under, name), dict)
    }
    return over.model_copy(update={**missing, **merged})


class SeedReader(Struct, Generic[S], frozen=True, eq=False, dict=True):
    """Reads the seeds of a workspace; what is wrong goes to the report."""

    section: SeedSection[S, BaseModel, BaseModel]
    contents: Contents
    context: SeedContext
    report: Report
    _customers: dict[tuple[object, ...], tuple[DeclaredCustomer[Any], ...]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def seeds(self) -> Mapping[str, Node]:
        """All seeds as they are written, by their full keys, in the order of the keys."""
        named = self.contents.named(self.section.name, self.report)
        return {f"{self.section.name}.{name}": node for name, node in named.items()}

    def read(
        self, targets: Mapping[str, Target | None], resources: Mapping[str, Collection[str]]
    ) -> dict[str, tuple[S, ...]]:
        """Return the seeds on each target, in the order of the keys, and report what their checks find.

        A target is `None` where its settings could not be read; `resources` are the full keys on each.
        """
        levels = [(key, *self._levels(node, key)) for key, node in self.seeds.items()]
        declared = {
            target: [
                self._declared(key, own, blocks[target], target, resources)
                for key, own, blocks in levels
                if own and target in blocks
            ]
            for target in targets
        }
        # Something that is missing may be what could not be read; what the checks say does not count.
        doubtful = {key for key in self.seeds if self.report.doubts(key)}
        built: dict[str, tuple[S, ...]] = {}
        for name, target in targets.items():
            built[name] = seeds = tuple(self.section.build(one) for one in declared[name])
            if target is not None:
                for one, seed in zip(declared[name], seeds, strict=True):
                    self._report(one, self.section.check(seed, target, self.context.zone), doubtful)
            between: dict[int, list[Finding]] = {}
            for number, finding in self.section.check_together(seeds):
                between.setdefault(number, []).append(finding)
            for number, findings in between.items():
                self._report(declared[name][number], findings, doubtful)
        return built

    def _report(
        self, declared: DeclaredSeed[Any, Any], findings: Iterable[Finding], doubtful: Collection[str]
    ) -> None:
        key = declared.key
        counting = [finding for finding in findings if finding.path or key not in doubtful]
        for one in counting[:MOST_PROBLEMS]:
            place = declared.place_of(one.path)
            self.report.add(Problem(one.code, place, key, one.message, one.hint, one.severity))
        if len(counting) > MOST_PROBLEMS:
            message = f"{len(counting) - MOST_PROBLEMS} more problems are not listed"
            self.report.error("too-many-problems", declared.place, key, message, "solve the others first")

    def _levels(self, node: Node, key: str) -> tuple[_Level | None, dict[str, _Level | None]]:
        """Return what a seed itself says, and its block for every target that it lives on."""
        blocks: dict[str, _Level | None] = {}
        own, targets = self._level(node, key, "seed", without="targets"), node.find("targets")
        if own and targets is None:
            self.report.error("missing-field", node.key_place, key, "targets is missing", "add targets: …")
        elif own and targets:
            said = {"targets": targets.value}
            controls = validated(Controls, node, self.report, fields=said, key=key)
            if controls is None or controls.targets is None:
                return own, blocks
            for name, block in blocks_of(targets, key, self.contents, self.report):
                level = self._level(block, key, "block") if block else None
                if name in self.contents.targets:
                    blocks[name] = level
        return own, blocks

    def _level(self, node: Node, key: str, what: str, *, without: str = "") -> _Level | None:
        if not self.report.check_mapping(node, key):
            return None
        fields = self._validated(self.section.fields, node, key, what, without=without)
        return node, fields or self.section.fields()

    @cached_property
    def _words(self) -> Mapping[str, Vocabulary]:
        """The names that may stand on a seed, in its block for a target, in a customer, and in defaults."""
        section = self.section
        fields, row, older = section.fields, section.row, section.older_names
        on_row = {name: _ON_THE_SEED for name in fields.model_fields if name not in row.model_fields}
        known = section.defaults.model_fields
        in_defaults = {
            **{name: _ON_THE_SEED for name in fields.model_fields if name not in known},
            **{name: "every customer has its own" for name in row.model_fields if name not in known},
        }
        inner = [f"customers.{path}" for path in paths(row)]
        return {
            "seed": Vocabulary((*paths(fields), "targets", *inner), older, _ELSEWHERE),
            "block": Vocabulary(paths(fields), older, {**_ELSEWHERE, "targets": _ON_THE_SEED}),
            "customer": Vocabulary(paths(row), older, on_row),
            "defaults": Vocabulary(paths(section.defaults), older, in_defaults),
        }

    def _validated(
        self, model: type[Model], node: Node, key: str, what: str, *, without: str = ""
    ) -> Model | None:
        """Return a mapping as a model, `what` being one of `_words`; a name that is `without` is left out."""
        fields = {name: inner.value for name, inner in node.entries() if name != without}
        words = self._words[what]
        return validated(model, node, self.report, fields=fields, key=key, words=words, context=self.context)

    def _declared(
        self,
        key: str,
        own: _Level,
        block: _Level | None,
        target: str,
        resources: Mapping[str, Collection[str]],
    ) -> DeclaredSeed[Any, Any]:
        node, fields = own
        written = Layers((node,))
        if block is not None:
            over, said = block
            fields, written = _folded(said, fields), Layers((over, node))
        table, path = b"", written.at("customers_from").value
        with suppress(Unreadable):  # which is reported where its customers are read
            table = self.context.files.content(path) if isinstance(path, str) else b""
        # Most targets say nothing of the customers, and then they are read, and reported, once.
        names = ("customers", "customers_from", "defaults")
        parts = [layer.find(name) for layer in written.nodes for name in names]
        sources = (key, *(id(there) for there in parts if there))
        if sources not in self._customers:
            self._customers[sources] = tuple(self._read_customers(written, key))
        customers = self._customers[sources]
        self._counts["customers"] += len(customers)
        if self._counts["customers"] > MOST_EVERYWHERE:
            message = f"all seeds together have more than {MOST_EVERYWHERE:,} customers on all targets"
            self.report.stop("too-much", written.nodes[0].key_place, key, message, _FEWER)
        return DeclaredSeed(
            key=key,
            place=node.key_place,
            fields=fields,
            written=written,
            after=tuple(self._after(written, key, target, resources)),
            customers=customers,
            table=hashlib.sha256(table).hexdigest() if table else "",
        )

    def _after(
        self, written: Layers, key: str, target: str, resources: Mapping[str, Collection[str]]
    ) -> Iterator[str]:
        """Yield the full keys of the resources that a seed waits for; report those that are none here."""
        for item in islice(written.at("after").items(), MOST_PROBLEMS):
            name = item.value
            if called := _called(str(name), resources[target]):
                yield called[0]
                continue
            if not self.contents.whole or not isinstance(name, str):
                continue
            anywhere = {key for keys in resources.values() for key in keys}
            if _called(name, anywhere):
                message, hint = f"does not live on target {target}", "declare it there, or leave it out"
            elif _called(name, self.seeds):
                message, hint = "is a seed", "name resources; a seed does not wait for a seed"
            else:
                message, hint = "is not declared", meant(name, anywhere)
            self.report.error("unknown-key", item.place, key, f"{visible(name)} {message}", hint)

    def _read_customers(self, written: Layers, key: str) -> Iterator[DeclaredCustomer[Any]]:
        under: list[_Level] = []
        for layer in written.nodes:
            node = layer.find("defaults")
            if node and isinstance(node.value, dict):
                defaults = self._validated(self.section.defaults, node, key, "defaults")
                under += [(node, defaults)] if defaults else []
        before = self.report.total
        for number, row in enumerate(self._rows(written, key)):
            if number == MOST_CUSTOMERS:
                message = f"{MOST_CUSTOMERS:,} customers are the most of one seed"
                self.report.error("too-long", row.place, key, message, "split the seed")
                return
            if self.report.total - before >= MOST_PROBLEMS:
                message = "this customer and those after it are not looked at"
                self.report.error("too-many-problems", row.place, key, message, "solve the others first")
                return
            self._counts["values"] += row.size
            if self._counts["values"] > MOST_VALUES:
                message = f"the customers of all seeds hold more than {MOST_VALUES:,} values together"
                self.report.stop("too-much", row.place, key, message, _FEWER)
            if not isinstance(row.value, dict):
                message = f"a customer is a mapping, this is {kind_of(row.value)}"
                self.report.error("wrong-type", row.place, key, message, "write {email: …, data: {…}}")
                continue
            fields = self._validated(self.section.row, row, key, "customer")
            if fields is not None:
                for _, said in under:
                    fields = _folded(fields, said)
                yield DeclaredCustomer(fields, Layers((row, *(node for node, _ in under))))

    def _rows(self, written: Layers, key: str) -> Iterator[Node]:
        yield from written.at("customers").items()
        there, files = written.at("customers_from"), self.context.files
        if not isinstance(there.value, str):
            return
        path = there.value
        try:
            if PurePosixPath(path).suffix not in FORMS:
                message = "the name of the file ends in neither .csv nor .jsonl"
                hint = "write a table as .csv, or one object a line as .jsonl"
                raise Unreadable(Refusal("unknown-format", message, hint))
            content = files.content(path)
        except Unreadable as unreadable:
            code, message, hint = unreadable.refusal
            self.report.error(code, there.place, key, f"customers_from: {message}", hint)
            return
        file = shown(files.folder / path, files.base)
        yield from RowReader(file, self.section.columns, self.report, key).read(content)


def _called(name: str, keys: Iterable[str]) -> list[str]:
    """Return the full keys that a name stands for, with its section or without."""
    return [key for key in keys if name in {key, key.partition(".")[2]}]


LINES = ".jsonl"
FORMS = (".csv", LINES)
"""How the names of files with rows end."""
MOST_COLUMNS = 1_000
"""Of one table."""
MOST_VALUES_IN_LINE = 10_000
"""In one line of JSON, about."""
DELIMITERS = (",", ";")
"""What may stand between the cells of a CSV file."""
ESCAPE = "data."
"""A header that begins so is the name of a column of data, whatever follows: `data.email`."""


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
            text = content.decode("utf-8-sig")
            if found := CONTROL.search(text):
                raise Unreadable(unseen(found.group()), text.count("\n", 0, found.start()) + 1)
            yield from self._lines(text) if self.file.endswith(LINES) else self._table(text)
        except UnicodeDecodeError as error:
            refusal = Refusal("not-utf-8", "the file is not UTF-8 from here on", "save it as UTF-8")
            self._error(refusal, content.count(b"\n", 0, error.start) + 1)
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
        for delimiter in DELIMITERS:
            with suppress(StopIteration, Unreadable):
                if self.columns.identity in next(_records(text, delimiter))[1]:
                    return delimiter
        # The first line may be a customer, so nothing of it is repeated.
        message = f"no header in the first line is {self.columns.identity}"
        hint = f"begin with headers like {self.columns.identity},First name; between them stands , or ;"
        raise Unreadable(Refusal("csv-header", message, hint))

    def _path(self, header: str) -> tuple[str, ...]:
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
    if sum(map(line.count, ",[{")) > MOST_VALUES_IN_LINE:
        message = f"this line holds more than {MOST_VALUES_IN_LINE:,} values"
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
