"""Seeds: what the files declare to be sent, on which target, and to which customers.

A vendor package hands in the section of its seeds. Customers stand in the YAML, or in a table of their own
(CSV, JSON Lines), over the `defaults` of the seed. A row of a table becomes a mapping as it would stand in
YAML. In a place of a CSV file the column is that of the table, as spreadsheets count; in one of a JSON Lines
file it is 1, where the line begins.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice, product
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic import BaseModel

from reconciler.config import nodes
from reconciler.config.discovery import shown
from reconciler.config.names import BLANKS, UNWRITABLE, meant, snake, visible
from reconciler.config.nodes import LINE_BREAK, Node, Scalar, Source
from reconciler.config.resources import Controls, Facts, Finding, blocks_of
from reconciler.config.validation import MOST_PROBLEMS, Model, Report, Vocabulary, kind_of, paths, validated
from reconciler.config.yaml import DEEPEST, Refusal, Unreadable, check_is_text, unseen
from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem, Redacted, Severity

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reconciler.config.discovery import WorkspaceFiles
    from reconciler.config.load import Contents
    from reconciler.config.settings import Target

S = TypeVar("S")
Fields = TypeVar("Fields", bound=BaseModel)
Row = TypeVar("Row", bound=BaseModel)


def decided(layers: Sequence[Node], *path: str | int) -> Node:
    """Return what the first of these mappings that has `path` says there, else the nearest in the first."""
    found = (layer.find(*path) for layer in layers)
    return next(filter(None, found), None) or layers[0].at(*path)


class DeclaredCustomer(Redacted, Generic[Row], frozen=True):
    """One customer of a seed, the seed's `defaults` already under its own fields."""

    fields: Row
    written: tuple[Node, ...]  # the customer itself, in YAML or a table, and the `defaults` under it


class DeclaredSeed(Redacted, Generic[Fields, Row], frozen=True):
    """A seed on one target, the target's block already over its own fields."""

    shown: ClassVar = ("key", "place")

    key: str
    place: Place
    fields: Fields
    written: tuple[Node, ...]  # the block of its target, if there is one, and the seed
    after: tuple[str, ...]  # the full keys under `after`
    customers: tuple[DeclaredCustomer[Row], ...]  # those of the seed itself, then those of its file

    def place_of(self, path: str) -> Place:
        """Return where a finding belongs; `customers.3.email` counts the `customers` from 0."""
        steps = [int(step) if step.isdecimal() else step for step in path.split(".") if step]
        match steps:
            case []:
                return self.place
            case ["customers", int(number), *rest]:
                return decided(self.customers[number].written, *rest).place
        return decided(self.written, *steps).place


class SeedSection(Struct, Generic[S, Fields, Row], frozen=True):
    """The section of the files that declares seeds. Its checks repeat no address and no value."""

    name: str  # `customer_seeds`
    fields: type[Fields]
    """The fields of a seed, strict, every one optional, among them the lists `customers` and `after`, the
    mapping `defaults`, and `customers_from`; none called `targets`. The context of all these models is the
    `WorkspaceFiles`."""
    row: type[Row]  # the fields of a customer
    defaults: type[BaseModel]  # those of them that may count for all customers of a seed, every one optional
    cells: Mapping[str, type]
    """How a table of customers is read: the fields of a customer that fit into a cell → `str`, `int`, `bool`.
    A cell that is none is the text that stands in it."""
    identity: str  # the field that every table has; its header shows the delimiter
    words: Collection[str]  # what a header may say for it, in small letters without anything between them
    build: Callable[[DeclaredSeed[Fields, Row]], S]
    """Makes the seed. A field whose value was wrong is not set, and was reported."""
    check: Callable[[S, Target, ZoneInfo], Iterable[Finding]]
    """Finds what is wrong with one seed on its target; at the path "" what is missing."""
    check_together: Callable[[Sequence[S]], Iterable[tuple[int, Finding]]]
    """Finds what is wrong between the seeds of a target; the number is that of the seed."""
    older_names: Mapping[str, str] = field(default_factory=dict)  # as in `Section`
    order: tuple[str, ...] = ()  # the fields of a seed, `targets` among them, as they should be ordered
    facts: Facts = Facts()


MOST_CUSTOMERS = 10_000  # of one seed
MOST_EVERYWHERE = 50_000  # customers of all seeds, each counted on every target that its seed lives on
MOST_VALUES = 250_000  # of all customers of all seeds, each with its keys each time it is read
_FEWER = "leave some out, or make several workspaces of it"

_NO_LIVE_STATE = "a seed has no live state: it is sent, not compared"
_ELSEWHERE = {
    "preset": "presets do not apply to seeds; share fields by an anchor, or by defaults: for customers",
    **dict.fromkeys(("keep", "reset", "accept", "undeclared", "id", "absent", "hidden"), _NO_LIVE_STATE),
    "accept_effects": _NO_LIVE_STATE,
}
_ON_THE_SEED = "it stands on the seed itself"

_Level: TypeAlias = tuple[Node, Any]  # where one level is written, and what it says, as a model
_Keys: TypeAlias = Mapping[str, Collection[str]]  # the full keys of the resources on each target


def _folded(over: Model, under: BaseModel) -> Model:
    """Return `over` with what only `under` says; mappings are folded key by key, lists are not."""
    said = {name: getattr(under, name) for name in under.model_fields_set}
    for name in over.model_fields_set & said.keys():
        own, below = getattr(over, name), said[name]
        said[name] = {**below, **own} if isinstance(own, dict) and isinstance(below, dict) else own
    return over.model_copy(update=said)


class SeedReader(Struct, Generic[S], frozen=True, eq=False, dict=True):
    """Reads the seeds of a workspace; what is wrong goes to the report."""

    section: SeedSection[S, BaseModel, BaseModel]
    contents: Contents
    files: WorkspaceFiles
    report: Report
    seeds: Mapping[str, Node]  # all seeds as they are written, by their full keys, in the order of the keys
    _customers: dict[tuple[object, ...], tuple[DeclaredCustomer[Any], ...]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def _words(self) -> Mapping[str, Vocabulary]:
        """The names that may stand on a seed, in its block for a target, in a customer, and in defaults."""
        section = self.section
        fields, row, older = section.fields, section.row, section.older_names
        known = section.defaults.model_fields
        on_row = {name: _ON_THE_SEED for name in fields.model_fields if name not in row.model_fields}
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

    def read(self, targets: Mapping[str, Target | None], resources: _Keys) -> dict[str, tuple[S, ...]]:
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
        doubtful = self.report.doubtful & self.seeds.keys()
        built: dict[str, tuple[S, ...]] = {}
        for name, target in targets.items():
            built[name] = seeds = tuple(self.section.build(one) for one in declared[name])
            if target is not None:
                for one, seed in zip(declared[name], seeds, strict=True):
                    self._report(one, self.section.check(seed, target, self.files.zone), doubtful)
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
        problems = [
            Problem(one.code, declared.place_of(one.path), key, one.message, one.hint, one.severity)
            for one in counting
        ]
        errors = [one for one in problems if one.severity is Severity.ERROR]
        if errors and declared.customers:
            errors = _by_column(errors, declared.customers[-1].written[0].source)
        for one in (*errors[:MOST_PROBLEMS], *(one for one in problems if one.severity is Severity.WARNING)):
            self.report.add(one)
        if len(errors) > MOST_PROBLEMS:
            message = f"{len(errors) - MOST_PROBLEMS} more problems are not listed"
            self.report.error("too-many-problems", declared.place, key, message, "solve the others first")

    def _levels(self, node: Node, key: str) -> tuple[_Level | None, dict[str, _Level | None]]:
        """Return what a seed itself says, and its block for every target that it lives on."""
        blocks: dict[str, _Level | None] = {}
        own, targets = self._level(node, key, "seed"), node.find("targets")
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

    def _level(self, node: Node, key: str, what: str) -> _Level | None:
        if not self.report.check_mapping(node, key):
            return None
        model, words, entries = self.section.fields, self._words[what], node.entries()
        fields = {name: inner.value for name, inner in entries if (what, name) != ("seed", "targets")}
        said = validated(model, node, self.report, fields=fields, key=key, words=words, context=self.files)
        return node, said or model()

    def _declared(
        self, key: str, own: _Level, block: _Level | None, target: str, resources: _Keys
    ) -> DeclaredSeed[Any, Any]:
        node, fields = own
        written: tuple[Node, ...] = (node,)
        if block is not None:
            over, said = block
            fields, written = _folded(said, fields), (over, node)
        # Most targets say nothing of the customers, and then they are read, and reported, once.
        names = ("customers", "customers_from", "defaults")
        sources = (key, *(id(there) for layer in written for name in names if (there := layer.find(name))))
        if sources not in self._customers:
            self._customers[sources] = tuple(self._read_customers(written, key))
        customers = self._customers[sources]
        self._counts["customers"] += len(customers)
        if self._counts["customers"] > MOST_EVERYWHERE:
            message = f"all seeds together have more than {MOST_EVERYWHERE:,} customers on all targets"
            self.report.stop("too-much", written[0].key_place, key, message, _FEWER)
        return DeclaredSeed(
            key=key,
            place=node.key_place,
            fields=fields,
            written=written,
            after=tuple(self._after(written, key, target, resources)),
            customers=customers,
        )

    def _after(self, written: Sequence[Node], key: str, target: str, resources: _Keys) -> Iterator[str]:
        """Yield the full keys of the resources that a seed waits for; report those that are none here."""
        for item in islice(decided(written, "after").items(), MOST_PROBLEMS):
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

    def _read_customers(self, written: Sequence[Node], key: str) -> Iterator[DeclaredCustomer[Any]]:
        report, section = self.report, self.section
        words = self._words
        under: list[_Level] = []
        for layer in written:
            node = layer.find("defaults")
            if node and isinstance(node.value, dict):
                said = validated(
                    section.defaults, node, report, key=key, words=words["defaults"], context=self.files
                )
                under += [(node, said)] if said else []
        below = tuple(node for node, _ in under)
        before, found = report.errors, list[Problem]()
        for number, row in enumerate(self._rows(written, key)):
            if number == MOST_CUSTOMERS:
                message = f"{MOST_CUSTOMERS:,} customers are the most of one seed"
                report.error("too-long", row.place, key, message, "split the seed")
                break
            if report.errors - before >= MOST_PROBLEMS:
                message = "this customer and those after it are not looked at"
                report.error("too-many-problems", row.place, key, message, "solve the others first")
                break
            self._counts["values"] += row.size
            if self._counts["values"] > MOST_VALUES:
                message = f"the customers of all seeds hold more than {MOST_VALUES:,} values together"
                report.stop("too-much", row.place, key, message, _FEWER)
            if not isinstance(row.value, dict):
                message = f"a customer is a mapping, this is {kind_of(row.value)}"
                report.error("wrong-type", row.place, key, message, "write {email: …, data: {…}}")
                continue
            own = Report() if row.source.header else report
            fields = validated(section.row, row, own, key=key, words=words["customer"], context=self.files)
            found += own.found if own is not report else ()
            if fields is not None:
                for _, said in under:
                    fields = _folded(fields, said)
                yield DeclaredCustomer(fields, (row, *below))
        for one in _by_column(found, row.source) if found else ():
            report.add(one)

    def _rows(self, written: Sequence[Node], key: str) -> Iterator[Node]:
        yield from decided(written, "customers").items()
        there, files = decided(written, "customers_from"), self.files
        if not isinstance(there.value, str):
            return
        path = there.value
        try:
            if PurePosixPath(path).suffix.lower() not in FORMS:
                message = "the name of the file ends in neither .csv nor .jsonl"
                hint = "save it as “CSV UTF-8 (Comma delimited)” in Excel, or write .jsonl, one object a line"
                raise Unreadable(Refusal("unknown-format", message, hint))
            content = files.content(path)
        except Unreadable as unreadable:
            code, message, hint = unreadable.refusal
            self.report.error(code, there.place, key, f"customers_from: {message}", hint)
            return
        file = shown(files.folder / path, files.base)
        yield from read_rows(content, file, self.section, self.report, key)


def _called(name: str, keys: Iterable[str]) -> list[str]:
    """Return the full keys that a name stands for, with its section or without."""
    return [key for key in keys if name in {key, key.partition(".")[2]}]


LINES = ".jsonl"
FORMS = (".csv", LINES)  # how the names of files with rows end
MOST_COLUMNS = 1_000  # of one table
MOST_VALUES_IN_LINE = 10_000  # in one line of JSON, about
MOST_LINES = 5  # that one problem of a column names
DELIMITERS = (",", ";", "\t")  # what may stand between the cells of a CSV file
ESCAPE = "data."  # a header that begins so is the name of a column of data, whatever follows: `data.email`

_Section: TypeAlias = SeedSection[Any, Any, Any]
_Tell: TypeAlias = Callable[..., None]  # takes code, message and hint, and where: a line, perhaps a column

MARKS = (
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),  # which begins like the next one
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
_WORKBOOKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # how .xlsx and .ods begin, and .xls
SAVE_AS_UTF_8 = (
    "save it as UTF-8: in Excel as “CSV UTF-8 (Comma delimited)”; in LibreOffice by “Save As” with “Edit "
    "filter settings”, character set “Unicode (UTF-8)”"
)


def read_rows(content: bytes, file: str, section: _Section, report: Report, key: str) -> Iterator[Node]:
    """Yield the rows in `content`, a table or JSON Lines by the name of its `file`.

    What is wrong goes to the report, under `key`, and repeats no value.
    """

    def tell(
        code: str, message: str, hint: str, line: int, column: int = 1, severity: Severity = Severity.ERROR
    ) -> None:
        report.add(Problem(code, Place(file, line, column), key, message, hint, severity))

    try:
        if content.startswith(_WORKBOOKS):
            message = "this is a workbook of Excel or LibreOffice, whatever its name ends in"
            raise Unreadable(Refusal("unknown-format", message, SAVE_AS_UTF_8))
        text = _decoded(content)
        check_is_text(text)
        if file.lower().endswith(LINES):
            yield from _lines(text, file, tell)
        else:
            yield from _table(text, file, section, tell)
    except UnicodeDecodeError as error:
        message = f"the file is not {error.encoding.upper()} from here on"
        if error.encoding == "utf-8":
            message += "; it may be Windows-1252 or latin-1, which nothing tells apart surely"
        before = content[: error.start].decode(error.encoding, "replace")
        tell("not-utf-8", message, SAVE_AS_UTF_8, len(LINE_BREAK.split(before)))
    except Unreadable as unreadable:
        tell(*unreadable.refusal, unreadable.line)


def _decoded(content: bytes) -> str:
    """Return the text of a file without its byte order marks. Errors: `UnicodeDecodeError`."""
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    # UTF-16 without a mark: no other text has a zero beside each of its first letters.
    if any(content[:2]) and b"\0" in content[:2]:
        encoding = "utf-16-be" if content[0] == 0 else "utf-16-le"
    return content.decode(encoding).lstrip("\ufeff")


SHORTENED = re.compile(r" *[0-9](?:[.,][0-9]+)?E\+[0-9]{2} *")  # as Excel writes a number of 12 digits
SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t]*(?:\r\n?|\n|$)', re.IGNORECASE)


def _table(text: str, file: str, section: _Section, tell: _Tell) -> Iterator[Node]:
    delimiters: tuple[str, ...] = DELIMITERS
    if said := SEPARATOR.match(text):  # it tells Excel the delimiter, and is no row
        text, delimiters = "\n" + text[said.end() :], (said[1], *DELIMITERS)
    records, line, headers = _headed(text, delimiters, section, tell)
    if len(headers) > MOST_COLUMNS:
        message = f"{len(headers):,} columns are too many"
        raise Unreadable(Refusal("csv-header", message, f"use at most {MOST_COLUMNS:,}"), line)
    columns = [("", one) if one in section.cells else ("data", one.removeprefix(ESCAPE)) for one in headers]
    wrong = [*_wrong_headers(headers, Counter(columns), section)]
    for column, message, hint in wrong:
        tell("csv-header", message, hint, line, column)
    named = max(column for column, header in enumerate(headers, start=1) if header)
    of_data = {name: at for at, (group, name) in enumerate(columns, start=1) if group and name}
    misfits, odd = dict[int, int](), dict[tuple[bool, int], list[int]]()  # line → cells, column → lines
    for number, cells in records if not wrong else ():
        while len(cells) > named and not cells[-1].strip(BLANKS):
            cells.pop()
        if named <= len(cells) <= len(headers):
            for found in _odd_cells(headers, cells):
                odd.setdefault(found, []).append(number)
            source = Source(file, row=number, header=line, columns=of_data)
            yield _row(source, columns, cells, section.cells)
        else:
            misfits[number] = len(cells)
    for (is_named, column), lines in odd.items():
        if is_named:
            message = (
                f"a spreadsheet has shortened numbers here, and lost their last digits{_lines_of(lines)}"
            )
            hint = "let the cells of the column be text in the spreadsheet, and write the numbers again"
            tell("shortened-number", message, hint, lines[0], column, Severity.WARNING)
        else:
            message = f"this column has no header, and values{_lines_of(lines) or f' in line {lines[0]}'}"
            tell("csv-header", message, "give it a header, or empty the column", line, column)
    for number in [*misfits][:1]:
        message = f"this row has {misfits[number]} cells, the first line has {len(headers)}"
        hint = "add or remove cells; a cell that holds a delimiter is written in quotes"
        if misfits[number] < named:
            hint += "; Excel leaves empty cells at the end of rows out, so let a full column be the last"
        tell("csv-row", f"{message}{_lines_of([*misfits])}", hint, number)


def _odd_cells(headers: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[bool, int]]:
    """Yield the column of each value without a header, as False, and of each shortened number, as True."""
    for column, (header, cell) in enumerate(zip(headers, cells, strict=False), start=1):
        if (not header and cell.strip(BLANKS)) or ("E+" in cell and SHORTENED.fullmatch(cell)):
            yield bool(header), column


def _row(
    row: Source, columns: Sequence[tuple[str, str]], cells: Sequence[str], kinds: Mapping[str, type]
) -> Node:
    """Return the customer of a row; an empty cell says nothing, and so do the blanks around a field."""
    top: dict[str, Node] = {}
    data: dict[str, Node] = {}
    for column, ((group, name), cell) in enumerate(zip(columns, cells, strict=False), start=1):
        value = cell if group else _read_cell(cell.strip(BLANKS), kinds[name])
        if name and value != "":
            (data if group else top)[name] = Scalar(row, value, column, column, column)
    if data:
        top["data"] = _mapping(row, data)
    return _mapping(row, top)


def _by_column(problems: Iterable[Problem], table: Source) -> list[Problem]:
    """Return problems, those of one kind in one column of a table as one, which is at its header."""
    alike: dict[tuple[object, ...], list[Problem]] = {}
    for number, one in enumerate(problems):
        of_table = table.header and one.place.file == table.file
        alike.setdefault((one.code, one.place.column) if of_table else (number,), []).append(one)
    told = []
    for first, *others in alike.values():
        message = f"{first.message}{_lines_of([one.place.line for one in (first, *others)])}"
        is_of_column = others and first.code != "missing-field"
        place = Place(table.file, table.header, first.place.column) if is_of_column else first.place
        told.append(replace(first, place=place, message=message))
    return told


def _lines_of(lines: Sequence[int]) -> str:
    """Return which lines a message about the first of several rows is about, empty for one."""
    if len(lines) == 1:
        return ""
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    return f" (line {lines[0]}; likewise {', '.join(map(str, lines[1:MOST_LINES]))}{more})"


_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def _read_cell(cell: str, kind: type) -> Json:
    if kind is int and _WHOLE.fullmatch(cell):
        return int(cell)
    # Excel makes capital letters of them.
    return cell.lower() == "true" if kind is bool and cell.lower() in ("true", "false") else cell


def _headed(
    text: str, delimiters: Sequence[str], section: _Section, tell: _Tell
) -> tuple[Iterator[tuple[int, list[str]]], int, list[str]]:
    """Return the records of a table behind its headers, with these and their line.

    The header that is the identity shows the delimiter; a word for it counts where it is the only one.
    """
    for is_word, delimiter in product((False, True), delimiters):
        with suppress(StopIteration, Unreadable):
            records = _records(text, delimiter)
            line, cells = next(records)
            headers = [cell if cell.strip(BLANKS) else "" for cell in cells]
            words = [_word(header) in section.words for header in headers]
            if is_word and words.count(True) == 1:
                at = words.index(True)
                message = f"{visible(headers[at])} is read as {section.identity}"
                hint = f"write {section.identity}"
                tell("csv-header-word", message, hint, line, at + 1, Severity.WARNING)
                headers[at] = section.identity
            if section.identity in headers or (is_word and any(words)):
                return records, line, headers
    # The first line may be a customer, so nothing of it is repeated.
    message = f"no header in the first line is {section.identity}"
    hint = f"begin with headers like {section.identity},First name; between them stands , or ; or a tab"
    raise Unreadable(Refusal("csv-header", message, hint))


def _word(header: str) -> str:
    """Return the letters of a header, empty for one that holds several cells or an address."""
    is_one = not any(one in header for one in (*DELIMITERS, "@"))
    return "".join(filter(str.isalnum, header.casefold())) if is_one else ""


def _wrong_headers(
    headers: Sequence[str], times: Counter[tuple[str, str]], section: _Section
) -> Iterator[tuple[int, str, str]]:
    """Yield the column of each header that is wrong, why, and what to write instead."""
    cells = section.cells
    for column, header in enumerate(headers, start=1):
        shown_header, field_meant = visible(header), snake(header)
        if section.identity not in headers and _word(header) in section.words:
            field_meant = section.identity
        is_of_data = f"or {ESCAPE}{shown_header} for the column of data with that name"
        count = times[("", header) if header in cells else ("data", header.removeprefix(ESCAPE))]
        if not header:
            continue
        if count > 1:
            yield column, f"{count} columns are {shown_header}", "keep one of them"
        elif header == ESCAPE:
            yield column, f"{ESCAPE} names no column", "write the name of a column behind it"
        elif header != header.strip(BLANKS):
            message = f'the header "{shown_header}" has blanks around it'
            yield column, message, f"write {visible(header.strip(BLANKS))}"
        elif header in section.row.model_fields and header not in cells:
            yield column, f"{shown_header} does not fit into a table", f"use a .jsonl file, {is_of_data}"
        elif field_meant in cells and header not in cells:
            message = f"{shown_header} may be {field_meant}, or a column of data"
            yield column, message, f"write {field_meant}, {is_of_data}"


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records in which something stands, each with the line on which it begins."""
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
        if any(cell.strip(BLANKS) for cell in cells):
            yield line, cells


_ONE_OBJECT = 'write one object a line: {"email": …, "data": {…}}'


def _lines(text: str, file: str, tell: _Tell) -> Iterator[Node]:
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        try:
            if line.strip():
                yield _node(_object(line), Source(file, row=number), DEEPEST)
        except Unreadable as unreadable:
            tell(*unreadable.refusal, number)


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


def _node(value: Any, row: Source, deepest: int) -> Node:
    """Return the node of a value of JSON; everything in it has one place."""
    if not deepest:
        message = f"more than {DEEPEST} objects and lists stand inside each other"
        raise Unreadable(Refusal("jsonl-syntax", message, "nothing here needs that; flatten it"))
    if isinstance(value, list):
        items = [_node(item, row, deepest - 1) for item in value]
        values = [item.value for item in items]
        return nodes.Sequence(row, values, 1, 1, 1, children=items, size=1 + sum(item.size for item in items))
    # The line itself holds none, but an escape can make one, or half of a character.
    for text in value if isinstance(value, dict) else [value]:
        if isinstance(text, str) and (found := UNWRITABLE.search(text)):
            raise Unreadable(unseen(found.group()))
    if isinstance(value, dict):
        return _mapping(row, {name: _node(inner, row, deepest - 1) for name, inner in value.items()})
    return Scalar(row, value, 1, 1, 1)


def _mapping(row: Source, entries: dict[str, Node]) -> Node:
    size = 1 + sum([node.size for node in entries.values()])
    values = {name: node.value for name, node in entries.items()}
    return nodes.Mapping(row, values, 1, 1, 1, children=entries, size=size)
