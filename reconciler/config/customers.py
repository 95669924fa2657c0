"""The customers of a seed: those in the YAML and those of a file of their own, over the seed's `defaults`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct, field
from pydantic import BaseModel

from reconciler.config.discovery import shown
from reconciler.config.drafts import Customer, Fields, Layers, Row, S, SeedSection, Surroundings
from reconciler.config.files import Unfit
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.rows import FORMS, RowReader
from reconciler.config.scalars import Refusal
from reconciler.config.validation import MOST_PROBLEMS, Vocabulary, kind_of, paths, validated

MOST_CUSTOMERS = 10_000
"""Of one seed."""
MOST_EVERYWHERE = 50_000
"""Customers of all seeds, each counted on every target that its seed lives on."""
MOST_VALUES = 250_000
"""Of all customers of all seeds together, each with its keys as many times as it is read."""
_FEWER = "leave some out, or make several workspaces of it"
_SOURCES = ("customers", "customers_from", "defaults")
ON_THE_SEED = "it stands on the seed itself"

M = TypeVar("M", bound=BaseModel)


class Level(NamedTuple, Generic[M]):
    """What one level says, and where."""

    written: Written
    fields: M


def folded(over: M, under: BaseModel) -> M:
    """Return `over` with what only `under` says; mappings are folded key by key, lists are not."""
    missing = {name: getattr(under, name) for name in under.model_fields_set - over.model_fields_set}
    both = over.model_fields_set & under.model_fields_set
    merged = {
        name: {**getattr(under, name), **getattr(over, name)}
        for name in both
        if isinstance(getattr(over, name), dict) and isinstance(getattr(under, name), dict)
    }
    return over.model_copy(update={**missing, **merged})


class CustomerReader(Struct, Generic[S, Fields, Row], frozen=True, eq=False, dict=True):
    """Reads the customers of seeds; what is wrong goes to the report."""

    section: SeedSection[S, Fields, Row]
    surroundings: Surroundings
    report: Report
    _read: dict[tuple[object, ...], tuple[Customer[Row], ...]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def read(self, written: Layers, key: str) -> tuple[Customer[Row], ...]:
        """Return the customers of the seed `key`, whose levels are `written`, but for wrong ones."""
        # Most targets say nothing of the customers, and then they are read, and reported, once.
        said = [layer.find(name) for layer in written.all for name in _SOURCES]
        sources = (key, *(id(there.node) for there in said if there))
        if sources not in self._read:
            self._read[sources] = tuple(self._read_customers(written, key))
        self._counts["customers"] += len(self._read[sources])
        if self._counts["customers"] > MOST_EVERYWHERE:
            message = f"all seeds together have more than {MOST_EVERYWHERE:,} customers on all targets"
            self.report.stop("too-much", written.first.key_place, key, message, _FEWER)
        return self._read[sources]

    def _read_customers(self, written: Layers, key: str) -> Iterator[Customer[Row]]:
        levels = (self._defaults(layer, key) for layer in written.all)
        under = [level for level in levels if level]
        before = self.report.total
        for number, row in enumerate(self._rows(written, key)):
            if number == MOST_CUSTOMERS or self.report.total - before >= MOST_PROBLEMS:
                self._stop(row, key, number)
                return
            self._count(row, key)
            customer = self._customer(row, under, key)
            if customer:
                yield customer

    def _count(self, row: Written, key: str) -> None:
        self._counts["values"] += row.node.size
        if self._counts["values"] > MOST_VALUES:
            message = f"the customers of all seeds hold more than {MOST_VALUES:,} values together"
            self.report.stop("too-much", row.place, key, message, _FEWER)

    def _stop(self, row: Written, key: str, number: int) -> None:
        if number == MOST_CUSTOMERS:
            message = f"{MOST_CUSTOMERS:,} customers are the most of one seed"
            self.report.error("too-long", row.place, key, message, "split the seed")
        else:
            message = "this customer and those after it are not looked at"
            self.report.error("too-many-problems", row.place, key, message, "solve the others first")

    def _defaults(self, layer: Written, key: str) -> Level[BaseModel] | None:
        written = layer.find("defaults")
        if written is None or not isinstance(written.value, dict):
            return None
        model = self._validated(self.section.defaults, written.value, written, key, self._default_words)
        return Level(written, model) if model else None

    def _customer(self, row: Written, under: Sequence[Level[BaseModel]], key: str) -> Customer[Row] | None:
        if not isinstance(row.value, dict):
            message = f"a customer is a mapping, this is {kind_of(row.value)}"
            self.report.error("wrong-type", row.place, key, message, "write {email: …, data: {…}}")
            return None
        fields = self._validated(self.section.row, row.value, row, key, self._row_words)
        if fields is None:
            return None
        for level in under:
            fields = folded(fields, level.fields)
        return Customer(fields, Layers(row, tuple(level.written for level in under)))

    def _rows(self, written: Layers, key: str) -> Iterator[Written]:
        yield from written.at("customers").items()
        there = written.at("customers_from")
        if isinstance(there.value, str):
            yield from self._rows_of(there.value, there, key)

    def _rows_of(self, path: str, there: Written, key: str) -> Iterator[Written]:
        files = self.surroundings.files
        try:
            content = files.content(_with_rows(path))
        except Unfit as unfit:
            code, message, hint = unfit.refusal
            self.report.error(code, there.place, key, f"customers_from: {message}", hint)
            return
        file = shown(files.folder / path, files.base)
        yield from RowReader(file, self.section.columns, self.report, key).read(content)

    def _customer_words(self, model: type[BaseModel], hint: str) -> Vocabulary:
        known = model.model_fields
        elsewhere = {
            **{name: ON_THE_SEED for name in self.section.fields.model_fields if name not in known},
            **{name: hint for name in self.section.row.model_fields if name not in known},
        }
        return Vocabulary(paths(model), self.section.older_names, elsewhere)

    @cached_property
    def _row_words(self) -> Vocabulary:
        return self._customer_words(self.section.row, "")

    @cached_property
    def _default_words(self) -> Vocabulary:
        return self._customer_words(self.section.defaults, "every customer has its own")

    def _validated(
        self, model: type[M], fields: Mapping[str, object], written: Written, key: str, words: Vocabulary
    ) -> M | None:
        return validated(model, fields, written, self.report, key=key, words=words, context=self.surroundings)


def _with_rows(path: str) -> str:
    if PurePosixPath(path).suffix in FORMS:
        return path
    message = "the name of the file ends in neither .csv nor .jsonl"
    raise Unfit(Refusal("unknown-format", message, "write a table as .csv, or one object a line as .jsonl"))
