"""One level of the files: what a preset, a resource or its block for a target says about the fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from reconciler.config.homes import Targets
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.section import Named, Section
from reconciler.config.validation import Vocabulary, kind_of, paths, unknown_name, validated
from reconciler.config.wording import LINE_BREAK
from reconciler.engine.declared import Given, Origin, Reference, Ruling
from reconciler.engine.kind import Body, Json, Policy

Decision: TypeAlias = Given | Ruling
Decisions: TypeAlias = Mapping[str, Decision]
"""What is said of each field, by the paths of `Kind.fields`; a field that is not named is not a key."""


class Controls(BaseModel):
    """What stands beside the fields: how a level is applied, not what is in the body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    keep: list[str] = Field([], description="Fields or groups that stay as they are live.")
    reset: list[str] = Field([], description="Fields or groups that go back to the server's default.")
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


@dataclass(frozen=True, slots=True)
class Role:
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
    _ANYWHERE | _IDENTITY,
    own=True,
    elsewhere={"preset": _ON_A_RESOURCE, "targets": _ON_A_RESOURCE},
)
PRESET = Role(
    _ANYWHERE,
    own=False,
    identifies=False,
    elsewhere=dict.fromkeys(("id", "absent", "hidden", "preset", "targets"), _ON_A_RESOURCE),
)
DEFAULTS = Role(
    frozenset(),
    own=False,
    identifies=False,
    by_name=False,
    elsewhere=dict.fromkeys(Controls.model_fields, "defaults hold fields and their values only"),
)


@dataclass(frozen=True, slots=True)
class Level:
    """What one level says. `controls` are defaults where it says nothing."""

    decisions: Decisions
    controls: Controls
    written: Written


class _Naming(NamedTuple):
    """One mention of a field. Of two at one level the longer path wins: a leaf over its group."""

    path: str
    depth: int
    decision: Decision


@dataclass(frozen=True)
class LevelReader:
    """Reads the levels of one section; what is wrong goes to the report."""

    section: Section
    report: Report

    def read(self, written: Written, role: Role, label: str, key: str) -> Level:
        """Return what the mapping `written` says; `label` is the `Origin.level`, `key` as in `Problem`."""
        return _Reading(self, written, role, label, key).level()

    @cached_property
    def field_paths(self) -> tuple[str, ...]:
        """The names of all fields and groups in the files, by id and by name."""
        return (*paths(self.section.model), *(named.path for named in self.section.named))

    def words(self, role: Role) -> Vocabulary:
        """Return the names that may stand at a level of this role."""
        fields = self.field_paths if role.by_name else paths(self.section.model)
        return Vocabulary((*fields, *role.controls), self.section.older_names, role.elsewhere)


@dataclass(frozen=True)
class _Reading:
    reader: LevelReader
    written: Written
    role: Role
    label: str
    key: str

    def level(self) -> Level:
        mapping = self._mapping()
        known = {name: value for name, value in mapping.items() if name in self.role.controls}
        fields = {name: value for name, value in mapping.items() if name not in self.role.controls}
        controls = self._controls(known)
        namings = [*self._values(fields), *self._rulings(controls)]
        return Level(self._decisions(namings), controls, self.written)

    def _controls(self, known: dict[str, Json]) -> Controls:
        for name in [name for name, value in known.items() if value is None]:
            there = self.written.at(name)
            self._error("wrong-type", there, f"{name} cannot be null", "leave it out")
            del known[name]
        return validated(Controls, known, self.written, self.reader.report, key=self.key) or Controls()

    def _error(self, code: str, written: Written, message: str, hint: str) -> None:
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

    def _values(self, fields: dict[str, Json]) -> Iterator[_Naming]:
        for named in self.reader.section.named if self.role.by_name else ():
            fields, found = _taken(fields, named.path.split("."))
            for value in found:
                yield from self._by_name(named, value)
        yield from self._by_model(fields)

    def _by_name(self, named: Named, value: Json) -> Iterator[_Naming]:
        there = self.written.at(*named.path.split("."))
        self._look_at(there)
        if value is None:
            yield _Naming(named.field, _depth(named.path), self._given(None, there))
        elif not isinstance(value, str):
            self._not_a_name(named, there)
        elif self._is_shown(value, there):
            yield _Naming(named.field, _depth(named.path), self._given(Reference(named.what, value), there))

    def _not_a_name(self, named: Named, there: Written) -> None:
        message = f"{named.path}: the name of a {named.what} is expected, this is {kind_of(there.value)}"
        hint = f"write the name in quotes, or {named.field} for an id"
        self._error("wrong-type", there, message, hint)

    def _is_shown(self, name: str, there: Written) -> bool:
        if not name.strip():
            self._error("too-short", there, "a name cannot be empty", "write the name")
        elif LINE_BREAK.search(name):
            message = "a name cannot hold a tab or a line break"
            self._error("control-character", there, message, "write it in one line")
        else:
            return True
        return False

    def _by_model(self, fields: dict[str, Json]) -> Iterator[_Naming]:
        section = self.reader.section
        words = self.reader.words(self.role)
        model = validated(section.model, fields, self.written, self.reader.report, key=self.key, words=words)
        body = model.model_dump(by_alias=True, exclude_unset=True) if model else {}
        for leaf in section.kind.fields:
            for depth, value in _found(body, leaf.member):
                there = self.written.at(*leaf.path.split("."))
                self._look_at(there)
                if leaf.path != section.kind.name_field or value is None or self._is_shown(str(value), there):
                    yield _Naming(leaf.path, depth, self._given(value, there))

    def _look_at(self, there: Written) -> None:
        if self.reader.report.unread(there.place):
            self.reader.report.doubt(self.key)

    def _given(self, value: Json | Reference, there: Written) -> Given:
        return Given(value, Origin(self.label, there.key_place))

    def _rulings(self, controls: Controls) -> Iterator[_Naming]:
        for policy, named in ((Policy.KEEP, controls.keep), (Policy.RESET, controls.reset)):
            for index, path in enumerate(named):
                yield from self._ruling(policy, path, self.written.at(policy.value, index))

    def _ruling(self, policy: Policy, path: str, there: Written) -> Iterator[_Naming]:
        section = self.reader.section
        meant = next((named.field for named in section.named if named.path == path), path)
        ruling = Ruling(policy, Origin(self.label, there.place), self.role.own)
        leaves = section.kind.leaves(meant)
        if not leaves:
            self._unknown_path(path, there)
        for leaf in leaves:
            yield _Naming(leaf.path, _depth(meant), ruling)

    def _unknown_path(self, path: str, there: Written) -> None:
        parent, _, name = path.rpartition(".")
        words = Vocabulary(self.reader.field_paths, self.reader.section.older_names)
        saying = unknown_name(name, parent, words)
        self._error(saying.code, there, saying.message, saying.hint)

    def _decisions(self, namings: Iterable[_Naming]) -> Decisions:
        chosen: dict[str, _Naming] = {}
        for naming in namings:
            other = chosen.get(naming.path)
            if other is None or naming.depth > other.depth:
                chosen[naming.path] = naming
            elif naming.depth == other.depth:
                self._twice(naming, other)
        return {path: naming.decision for path, naming in chosen.items()}

    def _twice(self, naming: _Naming, other: _Naming) -> None:
        first, second = sorted((naming.decision.origin.place, other.decision.origin.place))
        message = f"{naming.path} is named twice at this level; first on line {first.line}"
        hint = "keep one of the two: the value, or its name under keep or reset"
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


def _found(body: Body, member: Sequence[str]) -> Iterator[tuple[int, Json]]:
    """Yield how deep the value of a member is said, and the value; a null group says it for all below."""
    there: Json = dict(body)
    for depth, step in enumerate(member):
        if there is None:
            yield depth, None
            return
        if not isinstance(there, dict) or step not in there:
            return
        there = there[step]
    yield len(member), there
