"""Resources: what a vendor package hands in for a kind of them, and what the files say of each.

Every level of the files says something of the fields; all levels together declare a resource on each target.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.alias_generators import to_pascal

from reconciler.config.names import LINE_BREAK, LONGEST_NAME, NAME, meant, visible
from reconciler.config.nodes import Node
from reconciler.config.validation import (
    Choice,
    Id,
    Reason,
    Report,
    Vocabulary,
    Written,
    kind_of,
    paths,
    pattern_of,
    refusal,
    unknown_name,
    validated,
    without,
)
from reconciler.engine.kind import Accepted, Declared, Given, Json, Kind, Origin, Policy, Reference, Ruling
from reconciler.problems import Problem, Severity

if TYPE_CHECKING:
    from reconciler.config.load import Contents
    from reconciler.config.settings import Target


class ApiFields(Written):
    """Fields of an API. The alias of one is its member in the API's body; it is not accepted in files."""

    model_config = ConfigDict(alias_generator=to_pascal, validate_by_name=True, validate_by_alias=False)


class Finding(Struct, frozen=True):
    """Something a section's own check found in one resource, at the field `path` (empty: the resource)."""

    code: str
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


class Named(Struct, frozen=True):
    """A field that people may write by name instead of by id: `survey` for `survey_id`; both are one field.

    `what` is the sort of thing named. With `mapped`, names are looked up in the target's mapping of that
    name (`contact_lists`) while the files are read; otherwise the value becomes a `Reference`.
    """

    path: str
    field: str
    what: str
    mapped: str = ""


class Facts(Struct, frozen=True):
    """What is known of fields beyond their models, by their paths; a group's source is that of its fields."""

    sources: Mapping[str, str] = {}  # where the vendor says what a field is; empty for one of this tool
    defaults: Mapping[str, tuple[str, str]] = {}  # what a field is that is left out, and how that is known
    unknown: Mapping[str, str] = {}  # what no source says of a field


class Section(Struct, frozen=True):
    """One kind of resource in the files."""

    kind: Kind
    model: type[BaseModel]  # the fields, strict, all optional; an alias is the member in the API's body
    named: tuple[Named, ...] = ()
    check: Callable[[Declared], Iterable[Finding]] = lambda _: ()
    meanings: Mapping[str, Mapping[Json, str]] = field(default_factory=dict)
    """Fields that hold a code: path → code → what the vendor means by it, to be written beside it."""
    older_names: Mapping[str, str] = field(default_factory=dict)
    """Names that older documentation used → the path meant today, for suggestions."""
    account: str = ""  # the section of a target that opens the account: `checkmarket`; empty for none
    facts: Facts = Facts()


MOST_DECLARED = 50_000  # resources of one section on all targets together

Decision: TypeAlias = Given | Ruling
Decisions: TypeAlias = Mapping[str, Decision]
"""Values and rulings by the paths of `Kind.fields`; a field that no level names is not a key."""
Said: TypeAlias = Decision | Accepted

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise refusal("invalid-value", "this is no day of the calendar", "write it like 2026-12-31")


def _targets(value: object) -> object:
    if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return value
    is_name = isinstance(value, str) and NAME.fullmatch(value)
    hint = f"write [{value}]" if is_name else "write [one, two], or {one: {name: value}, two: {}}"
    raise refusal("wrong-type", "names of targets are expected", hint)


Targets: TypeAlias = Annotated[
    Any,
    PlainValidator(_targets),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
                {"type": "object", "minProperties": 1},
            ]
        }
    ),
]
"""A list of the names of targets, or a mapping from them to what differs there."""


class Acceptance(Written):
    """One known drift that shall be left alone for a while."""

    field: str = Field(description="The field, or the group of fields, that keeps its live value.")
    until: Annotated[
        date,
        PlainValidator(_day),
        WithJsonSchema({"type": "string", "pattern": pattern_of(_DAY), "examples": ["2026-12-31"]}),
    ] = Field(description="The last day on which it counts, in the workspace's time zone.")
    reason: Reason = Field(description="Why; plans show it.")


class Controls(Written):
    """What stands beside the fields: how a level is applied, not what is in the body."""

    keep: list[str] = Field(default_factory=list, description="Fields or groups that stay as they are live.")
    reset: list[str] = Field(
        default_factory=list, description="Fields or groups that go back to the server's default."
    )
    accept: list[Acceptance] = Field(
        default_factory=list, description="Known differences that are left alone for a while."
    )
    accept_effects: list[str] = Field(
        default_factory=list,
        description="What a change of this one may do to people although limits.effects refuses it, by name.",
    )
    undeclared: Choice | None = Field(
        None, description="What happens to every other field that is not declared."
    )
    id: Id | None = Field(None, description="The live id, which counts for one target.")
    absent: bool | None = Field(None, description="true deletes what is live, within limits.deletes.")
    hidden: bool | None = Field(None, description="true for what was hidden on purpose, for good.")
    preset: str | None = Field(None, description="The name of a preset that says what is not said here.")
    targets: Targets = Field(
        None, description="Where it lives, all targets if left out: [a, b], or {a: {what differs there}}."
    )


_NO_CONTROLS = Controls.model_construct()


class Role(Struct, frozen=True):
    """What kind of level speaks, and which controls it may use."""

    controls: frozenset[str]
    own: bool  # whether it speaks for one resource: it may name it, and consent to a reset of its fields
    elsewhere: Mapping[str, str]  # controls that mean nothing here → where they belong
    by_name: bool = True  # whether fields that hold an id may be given by name


_ANYWHERE = frozenset({"keep", "reset", "undeclared"})
_IDENTITY = frozenset({"id", "absent", "hidden"})
_ON_A_RESOURCE = "it stands on the resource itself"

RESOURCE = Role(frozenset(Controls.model_fields), own=True, elsewhere={})
BLOCK = Role(
    _ANYWHERE | _IDENTITY | {"accept", "accept_effects"},
    own=True,
    elsewhere=dict.fromkeys(("preset", "targets"), _ON_A_RESOURCE),
)
PRESET = Role(
    _ANYWHERE,
    own=False,
    elsewhere=dict.fromkeys((*_IDENTITY, "preset", "targets", "accept", "accept_effects"), _ON_A_RESOURCE),
)
DEFAULTS = Role(
    frozenset(),
    own=False,
    elsewhere=dict.fromkeys(Controls.model_fields, "defaults hold fields and their values only"),
    by_name=False,
)


class Level(Struct, frozen=True):
    """What one level of the files says: a resource, its block for a target, a preset, or defaults."""

    decisions: Decisions
    accepted: Mapping[str, Accepted]
    """The drift that it tolerates, by the paths of `Kind.fields`, until days that may be over."""
    controls: Controls
    written: Node


class Resource(Struct, frozen=True):
    """A resource with its levels; `blocks` has an entry for every target it lives on."""

    key: str
    written: Node
    own: Level
    preset: Level | None
    blocks: Mapping[str, Level | None]
    shared: Decisions  # the decisions on every target whose block decides nothing else

    def levels(self, target: str) -> list[Level]:
        """Return the levels that speak on a target, the strongest first."""
        return [level for level in (self.blocks[target], self.own, self.preset) if level]


def blocks_of(
    targets: Node, key: str, contents: Contents, report: Report
) -> Iterator[tuple[str, Node | None]]:
    """Yield every target that `targets` names once, in its order, with the block of what differs there.

    An empty block is none. A target that does not exist is reported, and yielded all the same.
    """
    if not targets.value:
        report.error("no-target", targets.place, key, "it lives on no target", "name at least one")
    for name, block in targets.entries():
        contents.has_target(name, block.key_place, key, report)
        yield name, block if block.value != {} else None
    seen: set[str] = set()
    for item in targets.items():
        name = str(item.value)
        if name in seen:
            message = f"the target {visible(name)} is listed twice"
            report.error("declared-twice", item.place, key, message, "remove one of the two")
            continue
        contents.has_target(name, item.place, key, report)
        seen.add(name)
        yield name, None


def read_resources(
    section: Section, contents: Contents, targets: Mapping[str, Target | None], report: Report
) -> tuple[dict[str, Level], dict[str, Resource]]:
    """Return the presets by name, and all resources by their full keys, both in order."""
    presets: dict[str, Level] = {}
    for name, node in contents.named("presets", report).items():
        reader = LevelReader(section, report, node, PRESET, f"preset {name}", f"presets.{name}")
        presets[name] = reader.read()
    found: dict[str, Resource] = {}
    used, declared = set[str | None](), 0
    for name, node in contents.named(section.kind.name, report).items():
        key = f"{section.kind.name}.{name}"
        own = LevelReader(section, report, node, RESOURCE, "resource", key).read()
        blocks = _blocks(own, key, section, contents, targets, report)
        for level in (own, *blocks.values()):
            if level and level.controls.accept_effects:
                check_effects(level.written.find("accept_effects"), key, section, report)
        if own.controls.id is not None and len(blocks) > 1:
            message = "an id counts for one target, and this resource lives on several"
            hint = "write it in the block of its target: targets: {NAME: {id: …}}"
            report.error("id-without-target", node.at("id").key_place, key, message, hint)
        preset = own.controls.preset
        if preset is not None and (preset not in presets or f"presets.{preset}" in report.doubtful):
            report.doubtful.add(key)
        if preset is not None and preset not in presets and contents.whole:
            message, hint = f"there is no preset {visible(preset)}", meant(preset, presets)
            report.error("unknown-preset", node.at("preset").place, key, message, hint)
        under = presets.get(preset or "")
        shared = {**under.decisions, **own.decisions} if under else own.decisions
        found[key] = Resource(key, node, own, under, blocks, shared)
        used.add(preset)
        declared += len(blocks)
        if declared > MOST_DECLARED:
            most = f"{MOST_DECLARED:,} resources, each counted on every target,"
            hint = "say with targets: where each one lives, or make several workspaces of it"
            report.stop("too-much", node.key_place, key, f"{most} are the most of a workspace", hint)
    for name in sorted(presets.keys() - used) if contents.whole else ():
        place, message = presets[name].written.key_place, f"no resource names the preset {name}"
        report.add(Problem("unused-preset", place, "", message, "name it, or remove it", Severity.WARNING))
    return presets, found


def _blocks(
    own: Level,
    key: str,
    section: Section,
    contents: Contents,
    targets: Mapping[str, Target | None],
    report: Report,
) -> dict[str, Level | None]:
    """Return the targets that a resource lives on, with what its block for each says."""
    account = section.account
    # A target whose settings could not be read may have the account.
    known = {name: {"", *target.written} for name, target in targets.items() if target}
    without = {name for name, written in known.items() if account not in written}
    if own.controls.targets is None:
        return {name: None for name in targets if name not in without}
    blocks: dict[str, Level | None] = {}
    homes = own.written.at("targets")
    for name, node in blocks_of(homes, key, contents, report):
        level = LevelReader(section, report, node, BLOCK, f"target {name}", key).read() if node else None
        if name in without:
            message = f"target {visible(name)} has no {account}:"
            hint = f"add {account}: {{url: …}} to the target, or leave it out of targets"
            report.error("no-account", homes.place, key, message, hint)
        elif name in contents.targets:
            blocks[name] = level
    return blocks


_FOLDED = ("id", "absent", "hidden", "undeclared")  # controls of which the first level that names one decides


def declared_on(
    name: str, target: Target | None, resources: Iterable[Resource], section: Section, report: Report
) -> list[Declared]:
    """Return what is declared on the target called `name`, in the same order; its settings may be unknown."""
    found: list[Declared] = []
    for resource in resources:
        if name not in resource.blocks:
            continue
        levels, block, place = resource.levels(name), resource.blocks[name], resource.written.key_place
        controls: dict[str, Any] = {}
        for level in reversed(levels):
            said = ((one, getattr(level.controls, one)) for one in _FOLDED)
            controls |= {one: value for one, value in said if value is not None}
        if controls.get("absent") and controls.get("hidden"):
            message = "it cannot be absent and hidden at once"
            hint = "keep hidden: true for what was hidden on purpose, absent: true for what is to be deleted"
            report.error("contradiction", place, resource.key, message, hint)
        # The first level that names a field decides.
        decisions = {**resource.shared, **block.decisions} if block else resource.shared
        given = {path: one for path, one in decisions.items() if isinstance(one, Given)}
        for named in section.named if target else ():
            written = given.get(named.field)
            reference = written.value if written and named.mapped else None
            if target is None or written is None or not isinstance(reference, Reference):
                continue
            known = target.ids[named.mapped]
            if reference.name not in known:
                message = f"target {name} has no id for the {named.what} {visible(reference.name)}"
                hint = f"{meant(reference.name, known)}; or " if known else ""
                hint += f"add it to {named.mapped} there, or write {named.field}; reconciler lookup shows ids"
                report.error("unknown-name", written.origin.place, resource.key, message, hint)
            given[named.field] = Given(known.get(reference.name), written.origin, named=reference)
        # An acceptance holds over what its own level and weaker ones say; a stronger one ends it.
        accepted: dict[str, Accepted] = {}
        for level in reversed(levels):
            accepted = {path: one for path, one in accepted.items() if path not in level.decisions}
            accepted |= level.accepted
        one = Declared(
            key=resource.key,
            place=place,
            id=controls.get("id"),
            absent=bool(controls.get("absent")),
            hidden=bool(controls.get("hidden")),
            given=given,
            rulings={path: one for path, one in decisions.items() if isinstance(one, Ruling)},
            undeclared=controls.get("undeclared", target.undeclared if target else Policy.RESET),
            accepted=accepted,
            accepted_effects=frozenset(name for level in levels for name in level.controls.accept_effects),
        )
        found.append(one)
    return found


def check_effects(there: Node | None, key: str, section: Section, report: Report) -> None:
    """Report the names of effects, listed or allowed by what is there, that are none.

    So is the one that is consented to in another way: visibility.
    """
    listed = [(str(one.value), one.place) for one in there.items()] if there else []
    rules, mapped = section.kind.effect_rules, there.entries() if there else ()
    listed += [(name, one.key_place) for name, one in mapped if one.value == "allow" or name not in rules]
    for name, place in listed:
        rule = rules.get(name)
        if rule is None:
            message = f"there is no effect {visible(name)}"
            report.error("unknown-effect", place, key, message, meant(name, rules))
        elif rule.paths == (section.kind.visible_field,):
            message = f"{name} is for good, so each one that it may happen to is named when it does"
            report.error("misplaced", place, key, message, "leave it out, and run with --allow-hide KEY")


def field_paths(section: Section) -> tuple[str, ...]:
    """Return the names of all fields and groups in the files, by id and by name."""
    return (*paths(section.model), *(named.path for named in section.named))


class LevelReader(Struct, frozen=True):
    """Reads the mapping `node` as a level; what is wrong goes to the report, under `key`."""

    section: Section
    report: Report
    node: Node
    role: Role
    label: str  # the `Origin.level`
    key: str
    _taken: dict[tuple[str, bool], tuple[int, Said]] = {}
    """The path of a field, and whether it is an acceptance → how deep it is said, and what."""

    def read(self) -> Level:
        """Return what the level says."""
        section, node, role = self.section, self.node, self.role
        self.report.check_mapping(node, self.key, "write a mapping; {} if it says nothing")
        said = {name: there.value for name, there in node.entries()}
        name_field = section.kind.name_field
        if not role.own and said.pop(name_field, self) is not self:
            message = f"{name_field} does not belong here: this speaks for many resources"
            self.report.error("misplaced", node.at(name_field).key_place, self.key, message, _ON_A_RESOURCE)
        beside = {name: said.pop(name) for name in [*said] if name in role.controls}
        for name in [name for name, value in beside.items() if value is None]:
            self._error("wrong-type", node.at(name), f"{name} cannot be null", "leave it out")
            del beside[name]
        found = validated(Controls, node, self.report, fields=beside, key=self.key) if beside else None
        controls = found or _NO_CONTROLS
        for named in section.named if role.by_name else ():
            steps = named.path.split(".")
            there = node.find(*steps)
            if there is None or steps[0] not in said:
                continue
            said = without(said, steps)
            self.report.doubt_if_unread(there, self.key)
            value, origin = there.value, Origin(self.label, there.key_place)
            if value is None:
                self._take(named.field, len(steps), Given(None, origin))
            elif not isinstance(value, str):
                message = f"{named.path}: the name of a {named.what} is expected, this is {kind_of(value)}"
                hint = f"write the name in quotes, or {named.field} for an id"
                self._error("wrong-type", there, message, hint)
            elif self._is_plain_name(value, there):
                self._take(named.field, len(steps), Given(Reference(named.what, value), origin))
        if said:
            self._take_values(said)
        for policy, named_paths in ((Policy.KEEP, controls.keep), (Policy.RESET, controls.reset)):
            for index, path in enumerate(named_paths):
                there = node.at(policy.value, index)
                self._take_path(path, there, Ruling(policy, Origin(self.label, there.place), role.own))
        for index, one in enumerate(controls.accept):
            there = node.at("accept", index)
            origin = Origin(self.label, there.place)
            self._take_path(one.field, there.at("field"), Accepted(one.field, one.until, one.reason, origin))
        taken = self._taken.items()
        decisions = {path: one for (path, _), (_, one) in taken if not isinstance(one, Accepted)}
        accepted = {path: one for (path, _), (_, one) in taken if isinstance(one, Accepted)}
        return Level(decisions, accepted, controls, node)

    def _error(self, code: str, node: Node, message: str, hint: str) -> None:
        self.report.error(code, node.place, self.key, message, hint)

    def _is_plain_name(self, name: str, there: Node) -> bool:
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

    def _take_values(self, said: Mapping[str, Json]) -> None:
        section = self.section
        fields = field_paths(section) if self.role.by_name else paths(section.model)
        words = Vocabulary((*fields, *self.role.controls), section.older_names, self.role.elsewhere)
        model = validated(section.model, self.node, self.report, fields=said, key=self.key, words=words)
        body = model.model_dump(by_alias=True, exclude_unset=True) if model else {}
        for leaf in section.kind.fields:
            value: Json = body
            depth = 0
            # A null group says it for all that is in it.
            while depth < len(leaf.member) and isinstance(value, dict) and leaf.member[depth] in value:
                value, depth = value[leaf.member[depth]], depth + 1
            if not depth or (depth < len(leaf.member) and value is not None):
                continue
            steps = leaf.path.split(".")
            there = self.node.at(*steps)
            self.report.doubt_if_unread(there, self.key)
            is_name = leaf.path == section.kind.name_field and value is not None
            if not is_name or self._is_plain_name(str(value), there):
                self._take(leaf.path, depth, Given(value, Origin(self.label, there.key_place)))

    def _take_path(self, path: str, there: Node, said: Said) -> None:
        """Take a decision on all fields that a path names; report a path that names none."""
        section = self.section
        full = next((named.field for named in section.named if named.path == path), path)
        leaves = section.kind.leaves(full)
        for leaf in leaves:
            self._take(leaf.path, full.count(".") + 1, said)
        if not leaves:
            parent, _, name = path.rpartition(".")
            words = Vocabulary(field_paths(section), section.older_names)
            code, message, hint = unknown_name(name, parent, words)
            self._error(code, there, message, hint)

    def _take(self, path: str, depth: int, said: Said) -> None:
        """Take a decision on one field. Of two at one level the deeper wins, a leaf over its group."""
        where = path, isinstance(said, Accepted)
        other = self._taken.get(where)
        if other is None or depth > other[0]:
            self._taken[where] = depth, said
        elif depth == other[0]:
            first, second = sorted((said.origin.place, other[1].origin.place))
            message = f"{path} is named twice at this level; first on line {first.line}"
            instead = "" if isinstance(said, Accepted) else ": the value, or its name under keep or reset"
            self.report.error("named-twice", second, self.key, message, f"keep one of the two{instead}")
