"""Resources of one section: what each level of the files says, and all levels together on each target."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Annotated, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar

from msgspec import Struct, field
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from reconciler.config.contents import Contents, Targets, homes
from reconciler.config.names import CONTROL, LINE_BREAK, LONGEST_NAME, meant, visible
from reconciler.config.nodes import Node
from reconciler.config.sections import Named, Section
from reconciler.config.settings import Target
from reconciler.config.validation import (
    NOT_BLANK,
    Report,
    Vocabulary,
    kind_of,
    paths,
    pattern_of,
    refusal,
    shape,
    shaped,
    unknown_name,
    validated,
)
from reconciler.engine.declared import Accepted, Declared, Given, Origin, Reference, Ruling
from reconciler.engine.kind import Field as Leaf
from reconciler.engine.kind import Json, Policy

Decision: TypeAlias = Given | Ruling
Decisions: TypeAlias = Mapping[str, Decision]
"""What is said of each field, by the paths of `Kind.fields`; a field that is not named is not a key."""


_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise refusal("invalid-value", "this is no day of the calendar", "write it like 2026-12-31")


def _reason(value: str) -> str:
    if not value.strip():
        raise refusal("too-short", "an empty reason is none", "write why the difference is accepted")
    if CONTROL.search(value) or LINE_BREAK.search(value):
        raise refusal("control-character", "it holds what cannot be seen", "write it in one line")
    return value.strip()


class Acceptance(BaseModel):
    """One known drift that shall be left alone for a while."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    field: str = Field(description="The field, or the group of fields, that keeps its live value.")
    until: Annotated[
        date,
        PlainValidator(_day),
        shaped(type="string", pattern=pattern_of(_DAY), examples=["2026-12-31"]),
    ] = Field(description="The last day on which it counts, in the workspace's time zone.")
    reason: Annotated[str, AfterValidator(_reason), shape(pattern=NOT_BLANK)] = Field(
        max_length=LONGEST_NAME, description="Why; whoever reads a plan sees it."
    )


class Controls(BaseModel):
    """What stands beside the fields: how a level is applied, not what is in the body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    keep: list[str] = Field(default_factory=list, description="Fields or groups that stay as they are live.")
    reset: list[str] = Field(
        default_factory=list, description="Fields or groups that go back to the server's default."
    )
    accept: list[Acceptance] = Field(
        default_factory=list, description="Known differences that are left alone for a while."
    )
    undeclared: Annotated[Policy, Field(strict=False)] | None = Field(
        None, description="What happens to every other field that is not declared."
    )
    id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The live id, which counts for one target."
    )
    absent: bool | None = Field(None, description="true deletes what is live, within limits.deletes.")
    hidden: bool | None = Field(None, description="true for what was hidden on purpose, for good.")
    preset: str | None = Field(None, description="The name of a preset that says what is not said here.")
    targets: Targets = Field(
        None, description="Where it lives, all targets if left out: [a, b], or {a: {what differs there}}."
    )


class Role(Struct, frozen=True):
    """Who speaks at a level, and which controls it may use."""

    controls: frozenset[str]
    own: bool
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Controls that mean nothing here → where they belong."""
    identifies: bool = True
    """Whether it may give the name that identifies a resource."""
    by_name: bool = True
    """Whether fields that hold an id may be given by name."""


_ANYWHERE = frozenset({"keep", "reset", "undeclared"})
_IDENTITY = frozenset({"id", "absent", "hidden"})
_ON_A_RESOURCE = "it stands on the resource itself"

RESOURCE = Role(frozenset(Controls.model_fields), own=True)
BLOCK = Role(
    _ANYWHERE | _IDENTITY | {"accept"},
    own=True,
    elsewhere={"preset": _ON_A_RESOURCE, "targets": _ON_A_RESOURCE},
)
PRESET = Role(
    _ANYWHERE,
    own=False,
    identifies=False,
    elsewhere=dict.fromkeys(("id", "absent", "hidden", "preset", "targets", "accept"), _ON_A_RESOURCE),
)
DEFAULTS = Role(
    frozenset(),
    own=False,
    identifies=False,
    by_name=False,
    elsewhere=dict.fromkeys(Controls.model_fields, "defaults hold fields and their values only"),
)


class Bearings(NamedTuple):
    """Where a resource lives and what it is based on, as far as one level says: the fields of `Controls`."""

    id: int | None
    absent: bool | None
    hidden: bool | None
    preset: str | None
    targets: Targets
    undeclared: Policy | None

    @classmethod
    def of(cls, controls: Controls) -> Bearings:
        """Return what of the controls counts beyond their level."""
        return cls(*(getattr(controls, name) for name in cls._fields))


class Level(Struct, frozen=True):
    """What one level says. Of its controls only what is no decision is kept: there may be many levels."""

    decisions: Decisions
    accepted: Mapping[str, Accepted]
    """The drift that it tolerates, by the paths of `Kind.fields`, until days that may be over."""
    controls: Bearings
    written: Node


_NOTHING_SAID = Controls.model_construct()

Said = TypeVar("Said", bound=Decision | Accepted)


class _Naming(Struct, Generic[Said], frozen=True, gc=False):
    """One mention of a field. Of two at one level the longer path wins: a leaf over its group."""

    path: str
    depth: int
    said: Said


class LevelReader(Struct, frozen=True, dict=True):
    """Reads the levels of one section; what is wrong goes to the report."""

    section: Section
    report: Report

    def read(self, written: Node, role: Role, label: str, key: str) -> Level:
        """Return what the mapping `written` says; `label` is the `Origin.level`, `key` as in `Problem`."""
        return _Reading(self, written, role, label, key).level()

    @cached_property
    def field_paths(self) -> tuple[str, ...]:
        """The names of all fields and groups in the files, by id and by name."""
        return (*paths(self.section.model), *(named.path for named in self.section.named))

    @cached_property
    def leaves(self) -> tuple[tuple[Leaf, tuple[str, ...]], ...]:
        """The fields of the kind, each with the steps that lead to it in the files."""
        return tuple((leaf, tuple(leaf.path.split("."))) for leaf in self.section.kind.fields)

    def words(self, role: Role) -> Vocabulary:
        """Return the names that may stand at a level of this role."""
        fields = self.field_paths if role.by_name else paths(self.section.model)
        return Vocabulary((*fields, *role.controls), self.section.older_names, role.elsewhere)


class _Reading(Struct, frozen=True):
    reader: LevelReader
    written: Node
    role: Role
    label: str
    key: str

    def level(self) -> Level:
        mapping = self._mapping()
        known = {name: value for name, value in mapping.items() if name in self.role.controls}
        fields = {name: value for name, value in mapping.items() if name not in self.role.controls}
        controls = self._controls(known)
        namings = [*self._values(fields), *self._rulings(controls)]
        hint = "keep one of the two: the value, or its name under keep or reset"
        decisions = self._chosen(namings, hint)
        accepted = self._chosen([*self._acceptances(controls)], "keep one of the two")
        return Level(decisions, accepted, Bearings.of(controls), self.written)

    def _controls(self, known: dict[str, Json]) -> Controls:
        if not known:
            return _NOTHING_SAID
        for name in [name for name, value in known.items() if value is None]:
            there = self.written.at(name)
            self._error("wrong-type", there, f"{name} cannot be null", "leave it out")
            del known[name]
        return validated(Controls, known, self.written, self.reader.report, key=self.key) or Controls()

    def _error(self, code: str, written: Node, message: str, hint: str) -> None:
        self.reader.report.error(code, written.place, self.key, message, hint)

    def _mapping(self) -> dict[str, Json]:
        value = self.written.value
        if isinstance(value, dict):
            return self._without_name(value)
        message = f"a mapping is expected, this is {kind_of(value)}"
        self._error("wrong-type", self.written, message, "write a mapping; {} if it says nothing")
        return {}

    def _without_name(self, mapping: dict[str, Json]) -> dict[str, Json]:
        name = self.reader.section.kind.name_field
        if self.role.identifies or name not in mapping:
            return mapping
        place = self.written.at(name).key_place
        message = f"{name} does not belong here: this speaks for many resources"
        self.reader.report.error("misplaced", place, self.key, message, _ON_A_RESOURCE)
        return {other: value for other, value in mapping.items() if other != name}

    def _values(self, fields: dict[str, Json]) -> Iterator[_Naming[Decision]]:
        for named in self.reader.section.named if self.role.by_name else ():
            fields, found = _taken(fields, named.path.split("."))
            for value in found:
                yield from self._by_name(named, value)
        yield from self._by_model(fields)

    def _by_name(self, named: Named, value: Json) -> Iterator[_Naming[Decision]]:
        there = self.written.at(*named.path.split("."))
        self._look_at(there)
        if value is None:
            yield _Naming(named.field, _depth(named.path), self._given(None, there))
        elif not isinstance(value, str):
            self._not_a_name(named, there)
        elif self._is_shown(value, there):
            yield _Naming(named.field, _depth(named.path), self._given(Reference(named.what, value), there))

    def _not_a_name(self, named: Named, there: Node) -> None:
        message = f"{named.path}: the name of a {named.what} is expected, this is {kind_of(there.value)}"
        hint = f"write the name in quotes, or {named.field} for an id"
        self._error("wrong-type", there, message, hint)

    def _is_shown(self, name: str, there: Node) -> bool:
        if not name.strip():
            self._error("too-short", there, "a name cannot be empty", "write the name")
        elif len(name) > LONGEST_NAME:
            message = f"it has {len(name)} characters, and {LONGEST_NAME} is the most"
            self._error("too-long", there, message, "shorten it")
        elif LINE_BREAK.search(name):
            message = "a name cannot hold a tab or a line break"
            self._error("control-character", there, message, "write it in one line")
        else:
            return True
        return False

    def _by_model(self, fields: dict[str, Json]) -> Iterator[_Naming[Decision]]:
        if not fields:
            return
        section = self.reader.section
        words = self.reader.words(self.role)
        model = validated(section.model, fields, self.written, self.reader.report, key=self.key, words=words)
        body = model.model_dump(by_alias=True, exclude_unset=True) if model else {}
        misses_something, name = self.reader.report.misses_something, section.kind.name_field
        for leaf, steps in self.reader.leaves:
            found = _found(body, leaf.member) if steps[0] in fields else None
            if found is None:
                continue
            depth, value = found
            there = self.written.at(*steps)
            if misses_something:
                self._look_at(there)
            if leaf.path != name or value is None or self._is_shown(str(value), there):
                yield _Naming(leaf.path, depth, self._given(value, there))

    def _look_at(self, there: Node) -> None:
        if self.reader.report.unread(there.place):
            self.reader.report.doubt(self.key)

    def _given(self, value: Json | Reference, there: Node) -> Given:
        return Given(value, Origin(self.label, there.key_place))

    def _rulings(self, controls: Controls) -> Iterator[_Naming[Decision]]:
        for policy, named in ((Policy.KEEP, controls.keep), (Policy.RESET, controls.reset)):
            for index, path in enumerate(named):
                yield from self._ruling(policy, path, self.written.at(policy.value, index))

    def _ruling(self, policy: Policy, path: str, there: Node) -> Iterator[_Naming[Decision]]:
        ruling = Ruling(policy, Origin(self.label, there.place), self.role.own)
        for leaf, depth in self._leaves(path, there):
            yield _Naming(leaf, depth, ruling)

    def _acceptances(self, controls: Controls) -> Iterator[_Naming[Accepted]]:
        for index, one in enumerate(controls.accept):
            there = self.written.at("accept", index)
            accepted = Accepted(one.field, one.until, one.reason, Origin(self.label, there.place))
            for leaf, depth in self._leaves(one.field, there.at("field")):
                yield _Naming(leaf, depth, accepted)

    def _leaves(self, path: str, there: Node) -> Iterator[tuple[str, int]]:
        """Yield the fields that a path names, and how deep it goes; a path that names none is reported."""
        section = self.reader.section
        meant = next((named.field for named in section.named if named.path == path), path)
        leaves = section.kind.leaves(meant)
        if not leaves:
            self._unknown_path(path, there)
        yield from ((leaf.path, _depth(meant)) for leaf in leaves)

    def _unknown_path(self, path: str, there: Node) -> None:
        parent, _, name = path.rpartition(".")
        words = Vocabulary(self.reader.field_paths, self.reader.section.older_names)
        saying = unknown_name(name, parent, words)
        self._error(saying.code, there, saying.message, saying.hint)

    def _chosen(self, namings: Iterable[_Naming[Said]], hint: str) -> dict[str, Said]:
        chosen: dict[str, _Naming[Said]] = {}
        for naming in namings:
            other = chosen.get(naming.path)
            if other is None or naming.depth > other.depth:
                chosen[naming.path] = naming
            elif naming.depth == other.depth:
                self._twice(naming, other, hint)
        return {path: naming.said for path, naming in chosen.items()}

    def _twice(self, naming: _Naming[Said], other: _Naming[Said], hint: str) -> None:
        first, second = sorted((naming.said.origin.place, other.said.origin.place))
        message = f"{naming.path} is named twice at this level; first on line {first.line}"
        self.reader.report.error("named-twice", second, self.key, message, hint)


def _depth(path: str) -> int:
    return path.count(".") + 1


def _taken(fields: dict[str, Json], steps: Sequence[str]) -> tuple[dict[str, Json], list[Json]]:
    """Return `fields` without what stands at `steps`, and that, if anything does."""
    first, *rest = steps
    inner = fields.get(first)
    if not rest and first in fields:
        return {name: value for name, value in fields.items() if name != first}, [inner]
    if not rest or not isinstance(inner, dict):
        return fields, []
    left, found = _taken(inner, rest)
    return ({**fields, first: left} if found else fields), found


def _found(body: dict[str, Json], member: Sequence[str]) -> tuple[int, Json] | None:
    """Return how deep the value of a member is said, and the value; a null group says it for all below."""
    there: Json = body
    for depth, step in enumerate(member):
        if there is None:
            return depth, None
        if not isinstance(there, dict) or step not in there:
            return None
        there = there[step]
    return len(member), there


MOST_DECLARED = 50_000
"""Resources of one section on all targets together."""

T = TypeVar("T")


class Resource(Struct, frozen=True, dict=True):
    """A resource with its levels; `blocks` has an entry for every target it lives on."""

    key: str
    written: Node
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

    def _read(self, name: str, written: Node) -> Resource:
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
