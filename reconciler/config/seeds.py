"""Seeds: what the files declare to be sent, on which target, and what is wrong with it there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Generic

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from reconciler.config.contents import Contents
from reconciler.config.customers import ON_THE_SEED, CustomerReader, Level, folded
from reconciler.config.drafts import Draft, Fields, Layers, Row, S, SeedSection, Surroundings
from reconciler.config.files import Unfit
from reconciler.config.homes import Home, Targets, homes
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.section import Finding
from reconciler.config.settings import Target
from reconciler.config.validation import MOST_PROBLEMS, Vocabulary, kind_of, paths, validated
from reconciler.config.wording import meant, visible
from reconciler.problems import Problem

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
    def _written(self) -> Mapping[str, Written]:
        return self.contents.named(self.section.name, self.report)

    @cached_property
    def _sown(self) -> Sequence[_Sown[Fields]]:
        sown = (self._sow(f"{self.section.name}.{name}", there) for name, there in self._written.items())
        return [one for one in sown if one]

    def _sow(self, key: str, written: Written) -> _Sown[Fields] | None:
        own = self._level(written, key, self._own_words)
        if own is None:
            return None
        lives = list(self._homes(written, key))
        blocks = {home.target: self._block(home, key) for home in lives}
        return _Sown(key, own, {home.target: blocks[home.target] for home in lives if home.exists})

    def _homes(self, written: Written, key: str) -> Iterable[Home]:
        targets = written.find("targets")
        said = {"targets": targets.value} if targets else {}
        if validated(_Whereabouts, said, written, self.report, key=key) is None or targets is None:
            return ()
        return homes(targets, key, self.contents, self.report)

    def _block(self, home: Home, key: str) -> Level[Fields] | None:
        return self._level(home.block, key, self._block_words) if home.block else None

    def _level(self, written: Written, key: str, words: Vocabulary) -> Level[Fields] | None:
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
