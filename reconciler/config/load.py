"""From the files of a workspace to what they declare on each target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from reconciler.config import nodes
from reconciler.config.discovery import (
    ANYWHERE,
    GUARDRAILS,
    MOVED,
    NOT_EDITED,
    SETTINGS_FILE,
    TARGETS,
    WorkspaceFiles,
    read_workspace,
    shown,
)
from reconciler.config.names import NAME, meant, visible
from reconciler.config.nodes import Document, Node, unread
from reconciler.config.resources import (
    DEFAULTS,
    Level,
    LevelReader,
    Resource,
    Section,
    check_effects,
    declared_on,
    read_resources,
)
from reconciler.config.settings import (
    DEFAULT_ZONE,
    Guardrails,
    GuardrailSettings,
    LimitSettings,
    Settings,
    Target,
    TargetSettings,
)
from reconciler.config.validation import Report, Vocabulary, kind_of, unknown_name, validated
from reconciler.engine.change import Limits
from reconciler.engine.kind import Declared, Given, Json, Policy, Reference
from reconciler.errors import FilesInvalid, UsageError
from reconciler.problems import Place, Problem, Severity

if TYPE_CHECKING:
    from reconciler.config.seeds import SeedSection

MOST_FILES = 20_000  # YAML files in one workspace
MOST_VALUES = 400_000  # in all of them together, as if every alias and merge key were written out

Progress: TypeAlias = Callable[[int, int | None], None]
"""Is given how many files are read, and how many there are, once that is known."""

S = TypeVar("S")  # what the section of seeds makes of them


class Contents(Struct, frozen=True):
    """The sections of all files."""

    sections: Mapping[str, Sequence[tuple[str, Node]]]
    """A section → every name in it and what stands behind it, file by file."""
    settings: Document  # `reconciler.yaml`
    files: int
    whole: bool  # whether every file was read: if not, a name that is missing may stand in one that was not
    targets: frozenset[str]  # the names of all targets

    def has_target(self, name: str, place: Place, key: str, report: Report) -> bool:
        """Return whether there is such a target; where there is none, report it at `place`."""
        if name not in self.targets and self.settings.whole:
            message = f"there is no target {visible(name)}"
            report.error("unknown-target", place, key, message, meant(name, self.targets))
        return name in self.targets

    def named(self, section: str, report: Report) -> dict[str, Node]:
        """Return what is called what in a section, over all files, in the order of the names."""
        found: dict[str, Node] = {}
        for name, node in self.sections.get(section, ()):
            if name in found:
                message = f"{visible(name)} already stands in {section} at {found[name].key_place}"
                report.error("declared-twice", node.key_place, "", message, "remove one of the two")
            elif NAME.fullmatch(name):
                found[name] = node
            else:
                message = f"{visible(name)} cannot be a name"
                hint = (
                    "use at most 100 letters, digits, dots, dashes and underscores, not beginning with a dot"
                )
                report.error("invalid-name", node.key_place, "", message, f"{hint} or a dash")
        return dict(sorted(found.items()))

    def place_of(self, target: str, *path: str | int) -> Place | None:
        """Return where a setting of a target stands, `None` where it does not stand in the files.

        It may stand in a `guardrails:` section, the recipients of a tenant beside its address as well; a name
        with dots in it as one key or as nested ones.
        """
        top = self.settings.top.find(TARGETS, target)
        apart = [node for name, node in self.sections.get(GUARDRAILS, ()) if name == target]
        for node in (top, *apart, top and top.find("expoints")):
            found = node and (node.find(*path) or node.find(*path[:-1], *str(path[-1]).split(".")))
            if found:
                return found.key_place
        return None


def contents_of(
    documents: Sequence[Document],
    settings_file: str,
    settings: Collection[str],
    declaring: Sequence[str],
    report: Report,
) -> Contents:
    """Return the sections of the files: `settings` stand in `settings_file` alone, `declaring` in any."""
    sections: dict[str, list[tuple[str, Node]]] = {}
    top: Document | None = None
    of_settings = (*settings, TARGETS)
    elsewhere = dict.fromkeys(of_settings, f"it stands in {SETTINGS_FILE}")
    for document in documents:
        words = Vocabulary((*declaring, *ANYWHERE), elsewhere=elsewhere)
        if document.top.source.file == settings_file:
            top = document
            words = Vocabulary((*words.paths, *of_settings))
        for name, node in document.top.entries():
            if name not in words.paths:
                code, message, hint = unknown_name(name, "", words)
                code = code.replace("unknown-field", "unknown-section")
                report.error(code, node.key_place, "", message, hint)
            elif name in settings or report.check_mapping(node, "", "write {} if nothing stands in it"):
                sections.setdefault(name, []).extend(node.entries())
    return Contents(
        sections,
        settings=top or unread(settings_file),
        files=len(documents),
        whole=all(document.whole for document in documents),
        targets=frozenset(name for name, _ in sections.get(TARGETS, ())),
    )


def moved_keys(
    contents: Contents, sections: Sequence[str], keys: Collection[str], report: Report
) -> dict[str, str]:
    """Return what `moved` says: the full key of before → the full key of today.

    In the files a key stands in full, or without its section where only one section has it. `keys` are all
    full keys that are declared.
    """
    moves: dict[str, tuple[str, Node]] = {}
    for old, node in contents.named(MOVED, report).items():
        new = node.value
        if not isinstance(new, str):
            message = f"the key of today is expected, this is {kind_of(new)}"
            report.error("wrong-type", node.place, "", message, "write moved: {old-key: new-key}")
            continue
        named = [section for section in sections if new.startswith(f"{section}.")]
        having = [section for section in sections if f"{section}.{new}" in keys]
        before = f"{(*named, *having, *sections)[0]}."
        old, new = (key if key.startswith(before) else before + key for key in (old, new))
        moves[old] = new, node
    taken: set[str] = set()
    for old, (new, node) in moves.items():
        if new in taken:
            message = f"another key is moved to {visible(new)} already"
            report.error("contradiction", node.place, "", message, "keep one: a key has one history")
        taken.add(new)
        if old in keys:
            message = f"{visible(old)} is still declared"
            report.error("moved-in-place", node.key_place, "", message, "remove it here, or there")
        if new in moves:
            hint = f"write {visible(moves[new][0])}"
            report.error("moved-in-chain", node.place, "", f"{visible(new)} is itself moved", hint)
        elif new not in keys and contents.whole:
            message = f"{visible(new)} is not declared"
            report.error("moved-nowhere", node.place, "", message, meant(new, keys))
    return {old: new for old, (new, _) in moves.items()}


class SeedsByName(Struct, Generic[S], frozen=True):
    """A section of seeds by its name; its models, which take a while to define, come once it is opened."""

    name: str  # `customer_seeds`
    account: str  # the section of a target that opens the account where they are sent: `expoints`
    opened: Callable[[], SeedSection[S, Any, Any]]


class Workspace(Struct, Generic[S], frozen=True):
    """Everything that the files say, without a problem among them. No secret was read."""

    folder: Path
    settings: Settings
    targets: Mapping[str, Target]
    files: int
    count: int  # how many resources and seeds are declared
    declared: Mapping[str, tuple[Declared, ...]]  # per target, in the order of the keys
    section: Section
    resources: Mapping[str, Resource]  # all resources by their full keys, level by level, as they are written
    presets: Mapping[str, Level]
    seeds: Mapping[str, tuple[S, ...]]  # for every target, the seeds on it, in the order of the keys
    moved: Mapping[str, str]  # full key of before → full key of today
    warnings: tuple[Problem, ...]  # but for those that are switched off
    ignored: Mapping[str, int]  # the code of every warning that is switched off → how many there are
    contents: Contents  # the sections of the files, which tell where a setting stands


def load(
    folder: Path,
    section: Section,
    base: Path,
    seeds: SeedsByName[S],
    edited: Mapping[Path, bytes] = NOT_EDITED,
    progress: Progress = lambda _done, _total: None,
    *,
    of_settings: bool = False,
) -> Workspace[S]:
    """Return what the files of the workspace in `folder` declare. Offline; needs no secret; changes nothing.

    `section` is what is kept alike, `seeds` what is sent; files are named relative to the folder `base`;
    `edited` files count as if they were written. `progress` is called after every file that is read, and at
    the end of the last. `of_settings`: no file but `reconciler.yaml` counts. Errors: `FilesInvalid` carries
    every problem of every file, warnings too; `UsageError` where there is no `reconciler.yaml`.
    """
    report = Report()
    documents = tuple(_documents(folder, base, report, edited, progress, of_settings=of_settings))
    file, names = shown(folder / SETTINGS_FILE, base), (section.kind.name, seeds.name)
    contents = contents_of(documents, file, Settings.model_fields, names, report)
    settings = _settings(contents, report)
    report.ignored = frozenset(settings.ignore_warnings if settings else ())
    targets = _targets(contents, section, folder, settings.undeclared if settings else Policy.RESET, report)
    for name, target in targets.items():
        if target and not {section.account, seeds.account} & {"", *target.written}:
            message = f"it leads nowhere: it has no {section.account}: and no {seeds.account}:"
            hint = f'add {section.account}: {{url: "sandbox:"}}, for example'
            report.error("no-account", target.place, f"{TARGETS}.{name}", message, hint)
    presets, resources = read_resources(section, contents, targets, report)
    keys, seed_reader = [*resources], None
    if seeds.name in contents.sections:
        from reconciler.config.seeds import SeedReader  # here, for most workspaces hold no seed

        files = WorkspaceFiles(folder, base, settings.time_zone if settings else DEFAULT_ZONE)
        named = {f"{seeds.name}.{name}": node for name, node in contents.named(seeds.name, report).items()}
        seed_reader = SeedReader(seeds.opened(), contents, files, report, named)
        keys += named
    moved = moved_keys(contents, names, keys, report)
    # What a target with an error lends is not to be relied on: its names for ids may be missing.
    known = {
        name: None if f"{TARGETS}.{name}" in report.doubtful else target for name, target in targets.items()
    }
    declared = {
        name: declared_on(name, target, resources.values(), section, report) for name, target in known.items()
    }
    _check_declared(declared, section, report)
    here = {name: [one.key for one in ones] for name, ones in declared.items()}
    seeds_here = seed_reader.read(known, here) if seed_reader else dict.fromkeys(targets, ())
    if settings is None or report.problems(Severity.ERROR):
        raise FilesInvalid(report.problems())
    return Workspace(
        folder=folder,
        settings=settings,
        targets={name: target for name, target in targets.items() if target},
        files=contents.files,
        count=len(keys),
        declared={name: tuple(ones) for name, ones in declared.items()},
        section=section,
        resources=resources,
        presets=presets,
        seeds=seeds_here,
        moved=moved,
        warnings=report.problems(Severity.WARNING),
        ignored={code: sum(one.code == code for one in report.found) for code in sorted(report.ignored)},
        contents=contents,
    )


def _documents(
    folder: Path,
    base: Path,
    report: Report,
    edited: Mapping[Path, bytes],
    progress: Progress,
    *,
    of_settings: bool,
) -> Iterator[Document]:
    """Yield the files as they are read, until they are more than a workspace may hold."""
    if not (folder / SETTINGS_FILE).is_file():
        raise UsageError(f"there is no {SETTINGS_FILE} in {shown(folder, base)}; write one")
    number = values = 0
    try:
        for number, document in enumerate(read_workspace(folder, base, edited), start=1):
            if of_settings and document.top.source.file != shown(folder / SETTINGS_FILE, base):
                continue
            report.take(document)
            values += document.top.size
            if number > MOST_FILES or values > MOST_VALUES:
                message = (
                    f"a workspace holds at most {MOST_FILES:,} files with {MOST_VALUES:,} values together"
                )
                place = Place(document.top.source.file, 1, 1)
                report.stop("too-much", place, "", message, "make several workspaces of it")
            progress(number, None)
            yield document
    finally:
        progress(number, number)


def _settings(contents: Contents, report: Report) -> Settings | None:
    """Return what counts for the whole workspace, `None` where they cannot be read."""
    if not contents.settings.whole:
        return None
    top = contents.settings.top
    if not contents.targets:
        hint = 'add targets: {sandbox: {checkmarket: {url: "sandbox:"}}}'
        report.error("missing-field", top.at(TARGETS).key_place, "", "there is no target", hint)
    fields = {name: node.value for name, node in top.entries() if name in Settings.model_fields}
    settings = validated(Settings, top, report, fields=fields)
    if settings and settings.default_target is not None:
        contents.has_target(settings.default_target, top.at("default_target").place, "", report)
    return settings


def _targets(
    contents: Contents, section: Section, folder: Path, policy: Policy, report: Report
) -> dict[str, Target | None]:
    apart: dict[str, list[tuple[BaseModel | None, Node]]] = {}
    for name, node in contents.sections.get(GUARDRAILS, ()):
        guardrails = validated(GuardrailSettings, node, report, key=f"{TARGETS}.{name}", context=folder)
        if contents.has_target(name, node.key_place, "", report):
            apart.setdefault(name, []).append((guardrails, node))
    # Left out of a PUT, what the files may declare would be reset in no plan.
    fields = section.kind.fields
    writable = {field.member[:end] for field in fields for end in range(1, len(field.member) + 1)}
    writable |= {(*field.member, name) for field in fields if field.rows for name in field.rows.names}
    targets: dict[str, Target | None] = {}
    for name, node in contents.named(TARGETS, report).items():
        key = f"{TARGETS}.{name}"
        settings = validated(TargetSettings, node, report, key=key, context=folder)
        targets[name] = None
        if settings is None:
            continue
        if settings.checkmarket is not None:
            for one in node.at("checkmarket", "server_members").items():
                if tuple(str(one.value).split(".")) in writable:
                    message = f"{one.value} is for the files to declare, or to keep"
                    hint = "leave it out; name only what the server alone writes"
                    report.error("invalid-value", one.place, key, message, hint)
        said = [(settings, node), (settings.expoints, node.at("expoints")), *apart.get(name, ())]
        targets[name] = Target(
            name=name,
            place=node.key_place,
            settings=settings,
            checkmarket=settings.checkmarket,
            expoints=settings.expoints,
            journal=settings.journal,
            ids={"contact_lists": settings.contact_lists},
            written=frozenset(thing for thing, one in node.entries() if one.value is not None),
            guardrails=_guardrails(said, section, key, report),
            undeclared=settings.undeclared or policy,
            defaults=_defaults(node.at("defaults"), section, key, report) if settings.defaults else {},
        )
    return targets


def _guardrails(
    said: Iterable[tuple[BaseModel | None, Node]], section: Section, key: str, report: Report
) -> Guardrails:
    """Return the guardrails in force, each of which may be said by one of these settings."""
    rules = section.kind.effect_rules
    usual = frozenset(name for name, rule in rules.items() if rule.refused)
    values: dict[str, Any] = {"limits": Limits(refused_effects=usual)}
    places: dict[str, Place] = {}
    for settings, node in said:
        for thing in GuardrailSettings.model_fields:
            value, place = getattr(settings, thing, None), node.at(thing).key_place
            if value is not None and thing in places:
                message = f"{thing} of this target already stands at {places[thing]}"
                report.error("declared-twice", place, key, message, "keep one of the two")
            elif isinstance(value, LimitSettings):
                if value.effects:
                    check_effects(node.find(thing, "effects"), key, section, report)
                refused = usual | {name for name, what in value.effects.items() if what == "refuse"}
                refused -= {name for name, what in value.effects.items() if what == "allow"}
                values[thing] = Limits(value.resets, value.deletes, value.updates, refused)
                places[thing] = place
            elif value is not None:
                values[thing], places[thing] = value, place
    return Guardrails(**values)


def _defaults(node: Node, section: Section, key: str, report: Report) -> dict[str, Json]:
    """Return what a reset leaves behind: the path of a field → the value as it stands in a body."""
    found: dict[str, Given] = {}
    for name, default in node.entries():
        nested = default
        for step in reversed(name.split(".")):
            place = (nested.start, nested.end, nested.key)
            nested = nodes.Mapping(nested.source, {step: nested.value}, *place, children={step: nested})
        level = LevelReader(section, report, nested, DEFAULTS, "defaults", key).read()
        for path, given in level.decisions.items():
            other = found.get(path)
            if other is not None:
                message = f"{path} already has a default on line {other.origin.place.line}"
                report.error("named-twice", given.origin.place, key, message, "keep one of the two")
            elif isinstance(given, Given):
                found[path] = given
    return {path: one.value for path, one in found.items() if not isinstance(one.value, Reference)}


def _check_declared(declared: Mapping[str, Sequence[Declared]], section: Section, report: Report) -> None:
    """Report what can only be seen with everything together, on each target."""
    doubtful = {one.key for ones in declared.values() for one in ones if one.key in report.doubtful}
    name_field = section.kind.name_field
    for target, ones in declared.items():
        for one in ones:
            for finding in section.check(one) if one.key not in doubtful else ():
                said = one.given.get(finding.path) or one.rulings.get(finding.path)
                place = said.origin.place if said else one.place
                report.add(
                    Problem(finding.code, place, one.key, finding.message, finding.hint, finding.severity)
                )
        ids: list[tuple[Declared, Hashable]] = [(one, one.id) for one in ones if one.id is not None]
        # What is hidden is out of sight for good, so its name is free; what is absent by its id needs none.
        seen = (one for one in ones if not one.hidden and not (one.absent and one.id is not None))
        said_names = ((one, one.given[name_field].value) for one in seen if name_field in one.given)
        names = [(one, str(name)) for one, name in said_names if name is not None]
        for code, what, field, found in (
            ("same-id", "live id", "id", ids),
            ("same-name", name_field, name_field, names),
        ):
            first: dict[Hashable, Declared] = {}
            for one, identity in found:
                other = first.setdefault(identity, one)
                if other is not one:
                    message = f"{one.key} and {other.key} ({other.place}) have one {what} on target {target}"
                    report.error(code, one.place, one.key, message, f"give each its own {field}")


def as_of(workspace: Workspace[S], now: float) -> Workspace[S]:
    """Return the workspace with the acceptances alone that hold at `now`, in seconds since 1970 UTC.

    Each that has ended becomes a warning. Its last day is a day in the workspace's time zone.
    """
    today = datetime.fromtimestamp(now, UTC).astimezone(workspace.settings.time_zone).date()
    hint = "remove the entry, or write a later day if the difference is still meant"
    ended: dict[Problem, None] = {}
    declared: dict[str, tuple[Declared, ...]] = {}
    for target, ones in workspace.declared.items():
        holding = []
        for one in ones:
            for over in one.accepted.values():
                if over.until < today:
                    message = f"{over.field} was accepted until {over.until} ({over.reason}); it no longer is"
                    place = over.origin.place
                    ended[Problem("acceptance-ended", place, one.key, message, hint, Severity.WARNING)] = None
            accepted = {path: over for path, over in one.accepted.items() if over.until >= today}
            holding.append(one if accepted == one.accepted else replace(one, accepted=accepted))
        declared[target] = tuple(holding)
    ignored = {code: n + sum(one.code == code for one in ended) for code, n in workspace.ignored.items()}
    told = [*workspace.warnings, *(one for one in ended if one.code not in ignored)]
    warnings = tuple(sorted(told, key=lambda problem: problem.place))
    return replace(workspace, declared=declared, warnings=warnings, ignored=ignored)
