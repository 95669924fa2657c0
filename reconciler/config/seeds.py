"""Seeds: what the files declare to be sent, on which target, and to which customers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict

from reconciler.config.contents import Contents, Home, Targets, homes
from reconciler.config.discovery import Unfit, shown
from reconciler.config.names import meant, visible
from reconciler.config.nodes import Node
from reconciler.config.rows import FORMS, RowReader
from reconciler.config.sections import (
    Customer,
    Draft,
    Fields,
    Finding,
    Layers,
    Row,
    S,
    SeedSection,
    Surroundings,
)
from reconciler.config.settings import Target
from reconciler.config.validation import MOST_PROBLEMS, Report, Vocabulary, kind_of, paths, validated
from reconciler.config.yaml import Refusal
from reconciler.problems import Problem

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

    written: Node
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
        sources = (key, *(id(there) for there in said if there))
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

    def _count(self, row: Node, key: str) -> None:
        self._counts["values"] += row.size
        if self._counts["values"] > MOST_VALUES:
            message = f"the customers of all seeds hold more than {MOST_VALUES:,} values together"
            self.report.stop("too-much", row.place, key, message, _FEWER)

    def _stop(self, row: Node, key: str, number: int) -> None:
        if number == MOST_CUSTOMERS:
            message = f"{MOST_CUSTOMERS:,} customers are the most of one seed"
            self.report.error("too-long", row.place, key, message, "split the seed")
        else:
            message = "this customer and those after it are not looked at"
            self.report.error("too-many-problems", row.place, key, message, "solve the others first")

    def _defaults(self, layer: Node, key: str) -> Level[BaseModel] | None:
        written = layer.find("defaults")
        if written is None or not isinstance(written.value, dict):
            return None
        model = self._validated(self.section.defaults, written.value, written, key, self._default_words)
        return Level(written, model) if model else None

    def _customer(self, row: Node, under: Sequence[Level[BaseModel]], key: str) -> Customer[Row] | None:
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

    def _rows(self, written: Layers, key: str) -> Iterator[Node]:
        yield from written.at("customers").items()
        there = written.at("customers_from")
        if isinstance(there.value, str):
            yield from self._rows_of(there.value, there, key)

    def _rows_of(self, path: str, there: Node, key: str) -> Iterator[Node]:
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
        self, model: type[M], fields: Mapping[str, object], written: Node, key: str, words: Vocabulary
    ) -> M | None:
        return validated(model, fields, written, self.report, key=key, words=words, context=self.surroundings)


def _with_rows(path: str) -> str:
    if PurePosixPath(path).suffix in FORMS:
        return path
    message = "the name of the file ends in neither .csv nor .jsonl"
    raise Unfit(Refusal("unknown-format", message, "write a table as .csv, or one object a line as .jsonl"))


_NO_LIVE_STATE = "a seed has no live state: it is sent, not compared"
_ELSEWHERE = {
    "preset": "presets do not apply to seeds; share fields by an anchor, or by defaults: for customers",
    **dict.fromkeys(("keep", "reset", "accept", "undeclared", "id", "absent", "hidden"), _NO_LIVE_STATE),
}


class _Whereabouts(BaseModel):
    """What every seed says beside its fields."""

    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)

    targets: Targets


class _Sown(Struct, Generic[Fields], frozen=True):
    """A seed with its levels. `blocks` has an entry for every target it lives on."""

    key: str
    own: Level[Fields]
    blocks: Mapping[str, Level[Fields] | None]

    def on(self, target: str) -> tuple[Fields, Layers]:
        """Return what its levels together say on a target, and where."""
        block = self.blocks[target]
        if block is None:
            return self.own.fields, Layers(self.own.written)
        return folded(block.fields, self.own.fields), Layers(block.written, (self.own.written,))


class SeedReader(Struct, Generic[S, Fields, Row], frozen=True, eq=False, dict=True):
    """Reads the seeds of a workspace; what is wrong goes to the report."""

    section: SeedSection[S, Fields, Row]
    contents: Contents
    surroundings: Surroundings
    report: Report

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The full keys of all seeds, in their order."""
        return tuple(f"{self.section.name}.{name}" for name in self._written)

    def read(
        self, targets: Mapping[str, Target | None], resources: Mapping[str, Collection[str]]
    ) -> dict[str, tuple[S, ...]]:
        """Return the seeds on each target, in the order of the keys, and report what their checks find.

        A target is `None` where its settings could not be read; `resources` are the full keys on each.
        """
        drafts = {name: self._drafts(name, resources) for name in targets}
        # Something that is missing may be what could not be read; what the checks say does not count.
        doubtful = {key for key in self.keys if self.report.doubts(key)}
        return {name: self._seeds(drafts[name], target, doubtful) for name, target in targets.items()}

    def _seeds(
        self, drafts: Sequence[Draft[Fields, Row]], target: Target | None, doubtful: Collection[str]
    ) -> tuple[S, ...]:
        seeds = tuple(self.section.build(draft) for draft in drafts)
        for draft, findings in self._findings(drafts, seeds, target):
            told = [finding for finding in findings if finding.path or draft.key not in doubtful]
            self._tell(draft, told)
        return seeds

    def _findings(
        self, drafts: Sequence[Draft[Fields, Row]], seeds: Sequence[S], target: Target | None
    ) -> Iterator[tuple[Draft[Fields, Row], Iterable[Finding]]]:
        if target is not None:
            for draft, seed in zip(drafts, seeds, strict=True):
                yield draft, self.section.check(seed, target, self.surroundings.zone)
        between: dict[int, list[Finding]] = {}
        for number, finding in self.section.check_together(seeds):
            between.setdefault(number, []).append(finding)
        yield from ((drafts[number], findings) for number, findings in between.items())

    def _tell(self, draft: Draft[Fields, Row], findings: Sequence[Finding]) -> None:
        for one in findings[:MOST_PROBLEMS]:
            place = draft.place_of(one.path)
            self.report.add(Problem(one.code, place, draft.key, one.message, one.hint, one.severity))
        if len(findings) > MOST_PROBLEMS:
            message = f"{len(findings) - MOST_PROBLEMS} more problems are not listed"
            self.report.error("too-many-problems", draft.place, draft.key, message, "solve the others first")

    @cached_property
    def _customers(self) -> CustomerReader[S, Fields, Row]:
        return CustomerReader(self.section, self.surroundings, self.report)

    @cached_property
    def _written(self) -> Mapping[str, Node]:
        return self.contents.named(self.section.name, self.report)

    @cached_property
    def _sown(self) -> Sequence[_Sown[Fields]]:
        sown = (self._sow(f"{self.section.name}.{name}", there) for name, there in self._written.items())
        return [one for one in sown if one]

    def _sow(self, key: str, written: Node) -> _Sown[Fields] | None:
        own = self._level(written, key, self._own_words)
        if own is None:
            return None
        lives = list(self._homes(written, key))
        blocks = {home.target: self._block(home, key) for home in lives}
        return _Sown(key, own, {home.target: blocks[home.target] for home in lives if home.exists})

    def _homes(self, written: Node, key: str) -> Iterable[Home]:
        targets = written.find("targets")
        said = {"targets": targets.value} if targets else {}
        if validated(_Whereabouts, said, written, self.report, key=key) is None or targets is None:
            return ()
        return homes(targets, key, self.contents, self.report)

    def _block(self, home: Home, key: str) -> Level[Fields] | None:
        return self._level(home.block, key, self._block_words) if home.block else None

    def _level(self, written: Node, key: str, words: Vocabulary) -> Level[Fields] | None:
        if not isinstance(written.value, dict):
            message = f"a mapping is expected, this is {kind_of(written.value)}"
            self.report.error("wrong-type", written.place, key, message, "write a mapping: {name: value}")
            return None
        own = {"targets"} & set(words.paths)
        said = {name: value for name, value in written.value.items() if name not in own}
        model = validated(
            self.section.fields, said, written, self.report, key=key, words=words, context=self.surroundings
        )
        return Level(written, model or self.section.fields())

    @cached_property
    def _own_words(self) -> Vocabulary:
        section = self.section
        inner = [f"customers.{path}" for path in paths(section.row)]
        return Vocabulary((*paths(section.fields), "targets", *inner), section.older_names, _ELSEWHERE)

    @cached_property
    def _block_words(self) -> Vocabulary:
        elsewhere = {**_ELSEWHERE, "targets": ON_THE_SEED}
        return Vocabulary(paths(self.section.fields), self.section.older_names, elsewhere)

    def _drafts(self, target: str, resources: Mapping[str, Collection[str]]) -> Sequence[Draft[Fields, Row]]:
        here = [sown for sown in self._sown if target in sown.blocks]
        return [self._draft(sown, target, resources) for sown in here]

    def _draft(
        self, sown: _Sown[Fields], target: str, resources: Mapping[str, Collection[str]]
    ) -> Draft[Fields, Row]:
        fields, written = sown.on(target)
        return Draft(
            key=sown.key,
            place=sown.own.written.key_place,
            fields=fields,
            written=written,
            after=tuple(self._after(written, sown.key, target, resources)),
            customers=self._customers.read(written, sown.key),
            table=self._table(written),
        )

    def _table(self, written: Layers) -> str:
        path = written.at("customers_from").value
        try:
            content = self.surroundings.files.content(path) if isinstance(path, str) else b""
        except Unfit:
            content = b""  # which is reported where its customers are read
        return hashlib.sha256(content).hexdigest() if content else ""

    def _after(
        self, written: Layers, key: str, target: str, resources: Mapping[str, Collection[str]]
    ) -> Iterator[str]:
        for item in islice(written.at("after").items(), MOST_PROBLEMS):
            named = _called(str(item.value), resources[target])
            if named:
                yield named[0]
            elif self.contents.whole and isinstance(item.value, str):
                message, hint = self._unknown_key(item.value, target, resources)
                self.report.error("unknown-key", item.place, key, message, hint)

    def _unknown_key(
        self, name: str, target: str, resources: Mapping[str, Collection[str]]
    ) -> tuple[str, str]:
        anywhere = {key for keys in resources.values() for key in keys}
        if _called(name, anywhere):
            return f"{visible(name)} does not live on target {target}", "declare it there, or leave it out"
        if _called(name, self.keys):
            return f"{visible(name)} is a seed", "name resources; a seed does not wait for a seed"
        return f"{visible(name)} is not declared", meant(name, anywhere)


def _called(name: str, keys: Iterable[str]) -> list[str]:
    """Return the full keys that a name stands for, with its section or without."""
    return [key for key in keys if name in {key, key.partition(".")[2]}]
