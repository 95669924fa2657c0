"""Resources of one section: which targets they live on, and what all their levels together say there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NoReturn, TypeVar

from msgspec import Struct

from reconciler.config.contents import Contents
from reconciler.config.homes import homes
from reconciler.config.levels import BLOCK, PRESET, RESOURCE, Decisions, Level, LevelReader
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.section import Named, Section
from reconciler.config.settings import Target
from reconciler.config.wording import meant, visible
from reconciler.engine.declared import Accepted, Declared, Given, Reference, Ruling
from reconciler.engine.kind import Policy

MOST_DECLARED = 50_000
"""Resources of one section on all targets together."""

T = TypeVar("T")


class Resource(Struct, frozen=True, dict=True):
    """A resource with its levels; `blocks` has an entry for every target it lives on."""

    key: str
    written: Written
    own: Level
    preset: Level | None
    blocks: Mapping[str, Level | None]

    @cached_property
    def _shared(self) -> Decisions:
        return {**self.preset.decisions, **self.own.decisions} if self.preset else self.own.decisions

    def decisions(self, target: str) -> Decisions:
        """Return what is said of each field on a target: the first level that names a field decides."""
        block = self.blocks[target]
        return {**self._shared, **block.decisions} if block else self._shared

    def accepted(self, target: str) -> dict[str, Accepted]:
        """Return the drift that is tolerated on a target.

        It holds over what its own level and weaker ones say of the field; a stronger level that names the
        field ends it.
        """
        accepted: dict[str, Accepted] = {}
        for level in reversed([*self.levels(target)]):
            accepted = {path: one for path, one in accepted.items() if path not in level.decisions}
            accepted |= level.accepted
        return accepted

    def levels(self, target: str) -> Iterator[Level]:
        """Yield the levels that speak on a target, the strongest first."""
        yield from (level for level in (self.blocks[target], self.own, self.preset) if level)


class Ground(Struct, frozen=True):
    """What a target lends to every resource on it."""

    name: str
    undeclared: Policy
    ids: Mapping[str, Mapping[str, int]] | None
    """Tables of names for ids; `None` where the settings of the target could not be read."""

    @classmethod
    def of(cls, name: str, target: Target | None) -> Ground:
        """Return the ground of the target called `name`, whose settings may be unknown."""
        return cls(name, target.undeclared, target.ids) if target else cls(name, Policy.RESET, None)


class ResourceReader(Struct, frozen=True, eq=False, dict=True):
    """Reads the resources of one section; what is wrong goes to the report."""

    section: Section
    report: Report
    targets: Mapping[str, Target | None]
    contents: Contents

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """All resources of the section by their full keys, in the order of the keys."""
        written = self.contents.named(self.section.kind.name, self.report)
        found: dict[str, Resource] = {}
        declared = 0
        for name, there in written.items():
            resource = self._read(name, there)
            declared += len(resource.blocks)
            if declared > MOST_DECLARED:
                self._too_many(resource)
            found[resource.key] = resource
        return found

    def _too_many(self, resource: Resource) -> NoReturn:
        message = f"{MOST_DECLARED:,} resources, each counted on every target, are the most of a workspace"
        hint = "say with targets: where each one lives, or make several workspaces of it"
        self.report.stop("too-much", resource.written.key_place, resource.key, message, hint)

    @property
    def keys(self) -> Collection[str]:
        """The full keys of all resources of the section."""
        return self.resources.keys()

    def on(self, ground: Ground) -> list[Declared]:
        """Return what is declared on a target, in the order of the keys."""
        return [
            _Folding(self.section, resource, ground, self.report).declared()
            for resource in self.resources.values()
            if ground.name in resource.blocks
        ]

    @cached_property
    def presets(self) -> Mapping[str, Level]:
        """The presets that stand for resources of this section, as it reads them."""
        written = self.contents.presets(self.section.kind.name, self.report)
        return {
            name: self.levels.read(there, PRESET, f"preset {name}", f"presets.{name}")
            for name, there in written.items()
        }

    @cached_property
    def levels(self) -> LevelReader:
        """Reads the single levels."""
        return LevelReader(self.section, self.report)

    def _read(self, name: str, written: Written) -> Resource:
        key = self.section.kind.key(name)
        own = self.levels.read(written, RESOURCE, "resource", key)
        blocks = dict(self._blocks(own, key))
        self._check_id(own, blocks, key)
        return Resource(key, written, own, self._preset(own, key), blocks)

    def _preset(self, own: Level, key: str) -> Level | None:
        name = own.controls.preset
        if name is None:
            return None
        if name not in self.presets or self.report.doubts(f"presets.{name}"):
            self.report.doubt(key)
        if name not in self.presets and self.contents.whole:
            place = own.written.at("preset").place
            hint = meant(name, self.presets)
            self.report.error("unknown-preset", place, key, f"there is no preset {visible(name)}", hint)
        return self.presets.get(name)

    def _blocks(self, own: Level, key: str) -> Iterator[tuple[str, Level | None]]:
        if own.controls.targets is None:
            yield from ((target, None) for target in self.targets if self._has_account(target))
            return
        for home in homes(own.written.at("targets"), key, self.contents, self.report):
            block, label = home.block, f"target {home.target}"
            level = self.levels.read(block, BLOCK, label, key) if block else None
            if home.exists and self._has_account(home.target):
                yield home.target, level
            elif home.exists:
                self._no_account(home.target, own, key)

    def _has_account(self, name: str) -> bool:
        """Tell whether a target has the account in which these resources live, as far as is known."""
        target = self.targets.get(name)
        return target is None or target.has_account(self.section.account)

    def _no_account(self, target: str, own: Level, key: str) -> None:
        message = f"target {visible(target)} has no {self.section.account}:"
        hint = f"add {self.section.account}: {{url: …}} to the target, or leave it out of targets"
        self.report.error("no-account", own.written.at("targets").place, key, message, hint)

    def _check_id(self, own: Level, blocks: Mapping[str, Level | None], key: str) -> None:
        if own.controls.id is not None and len(blocks) > 1:
            message = "an id counts for one target, and this resource lives on several"
            hint = "write it in the block of its target: targets: {NAME: {id: …}}"
            self.report.error("id-without-target", own.written.at("id").key_place, key, message, hint)


class _Folding(Struct, frozen=True):
    """All levels of one resource on their way into one, on one target."""

    section: Section
    resource: Resource
    ground: Ground
    report: Report

    def declared(self) -> Declared:
        said = [level.controls for level in self.resource.levels(self.ground.name)]
        absent = bool(_first(controls.absent for controls in said))
        hidden = bool(_first(controls.hidden for controls in said))
        if absent and hidden:
            self._absent_and_hidden()
        decisions = self._decisions()
        rulings = {path: one for path, one in decisions.items() if isinstance(one, Ruling)}
        return Declared(
            key=self.resource.key,
            place=self.resource.written.key_place,
            id=_first(controls.id for controls in said),
            absent=absent,
            hidden=hidden,
            given={path: one for path, one in decisions.items() if isinstance(one, Given)},
            rulings=rulings,
            undeclared=_first(controls.undeclared for controls in said) or self.ground.undeclared,
            accepted=self.resource.accepted(self.ground.name),
        )

    def _absent_and_hidden(self) -> None:
        place = self.resource.written.key_place
        message = "it cannot be absent and hidden at once"
        hint = "keep hidden: true for what was hidden on purpose, absent: true for what is to be deleted"
        self.report.error("contradiction", place, self.resource.key, message, hint)

    def _decisions(self) -> Decisions:
        decisions = self.resource.decisions(self.ground.name)
        for named in self.section.named if self.ground.ids is not None else ():
            given = decisions.get(named.field)
            if named.mapped and isinstance(given, Given) and isinstance(given.value, Reference):
                decisions = {**decisions, named.field: self._with_id(named, given, given.value)}
        return decisions

    def _with_id(self, named: Named, given: Given, reference: Reference) -> Given:
        known = (self.ground.ids or {}).get(named.mapped, {})
        if reference.name not in known:
            name = visible(reference.name)
            message = f"target {self.ground.name} has no id for the {named.what} {name}"
            hint = (
                f"{meant(reference.name, known)}; or add it to {named.mapped} there, or write {named.field}"
            )
            self.report.error("unknown-name", given.origin.place, self.resource.key, message, hint)
        return Given(known.get(reference.name), given.origin, named=reference)


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
