"""From the files of a workspace to what they declare on each target."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from reconciler.config.contents import GUARDRAILS, TARGETS, Contents, read_moves, sorted_out
from reconciler.config.discovery import NOT_EDITED, SETTINGS_FILE, WorkspaceFiles, read_workspace, shown
from reconciler.config.nodes import Document, Node
from reconciler.config.resources import DEFAULTS, Ground, LevelReader, ResourceReader
from reconciler.config.sections import Finding, Section
from reconciler.config.settings import (
    DEFAULT_ZONE,
    Guardrails,
    GuardrailSettings,
    Settings,
    Target,
    TargetSettings,
)
from reconciler.config.validation import Full, Model, Report, kind_of, validated
from reconciler.engine.change import Limits
from reconciler.engine.declared import Accepted, Declared, Given, Reference
from reconciler.engine.kind import Json, Policy
from reconciler.errors import FilesInvalid, UsageError
from reconciler.problems import Place, Problem, Severity

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reconciler.config.sections import SeedsByName
    from reconciler.config.seeds import SeedReader


def check_shared(target: str, declared: Sequence[Declared], section: Section, report: Report) -> None:
    """Report two keys on one live id, or on one name, on a target."""
    name_field = section.kind.name_field
    _no_two(declared, lambda one: one.id, "same-id", f"live id on target {target}", "id", report)
    # What is hidden is out of sight for good, so its name is free; what is absent by its id needs no name.
    found_by_name = [one for one in declared if not one.hidden and not (one.absent and one.id is not None)]
    _no_two(
        found_by_name,
        lambda one: _name(one, name_field),
        "same-name",
        f"{name_field} on target {target}",
        name_field,
        report,
    )


def _no_two(
    declared: Iterable[Declared],
    identity: Callable[[Declared], Hashable],
    code: str,
    what: str,
    hint: str,
    report: Report,
) -> None:
    first: dict[Hashable, Declared] = {}
    for one in declared:
        value = identity(one)
        other = first.setdefault(value, one) if value is not None else one
        if other is not one:
            message = f"{one.key} and {other.key} ({other.place}) have one {what}"
            report.error(code, one.place, one.key, message, f"give each its own {hint}")


def _name(declared: Declared, name_field: str) -> Hashable:
    given = declared.given.get(name_field)
    return str(given.value) if given and given.value is not None else None


def check_section(declared: Iterable[Declared], section: Section, report: Report) -> None:
    """Report what the section's own check finds, each finding at the field that it is about."""
    for one in declared:
        for finding in section.check(one):
            place = _place(one, finding)
            report.add(Problem(finding.code, place, one.key, finding.message, finding.hint, finding.severity))


def _place(declared: Declared, finding: Finding) -> Place:
    said = declared.given.get(finding.path) or declared.rulings.get(finding.path)
    return said.origin.place if said else declared.place


def check_accounts(targets: Mapping[str, Target | None], accounts: Sequence[str], report: Report) -> None:
    """Report the targets that lead nowhere: without any of the sections that open an account."""
    for name, target in targets.items():
        if target and not any(map(target.has_account, accounts)):
            message = f"it leads nowhere: it has no {' and no '.join(f'{account}:' for account in accounts)}"
            hint = f'add {accounts[0]}: {{url: "sandbox:"}}, for example'
            report.error("no-account", target.place, f"targets.{name}", message, hint)


def check_presets(readers: Sequence[ResourceReader], report: Report, *, whole: bool) -> None:
    """Warn of presets that no resource names; only a workspace that was read as a `whole` can tell."""
    used = {r.own.controls.preset for reader in readers for r in reader.resources.values()}
    for reader in readers:
        for name, preset in reader.presets.items():
            if whole and name not in used:
                message = f"no resource names the preset {name}"
                report.warning(
                    "unused-preset", preset.written.key_place, "", message, "name it, or remove it"
                )


def read_settings(contents: Contents, report: Report) -> Settings | None:
    """Return what counts for the whole workspace, `None` where that cannot be told."""
    if not contents.settings.whole:
        return None
    top = contents.settings.top
    if not contents.targets:
        hint = 'add targets: {sandbox: {checkmarket: {url: "sandbox:"}}}'
        report.error("missing-field", top.at(TARGETS).key_place, "", "there is no target", hint)
    fields = {name: written.value for name, written in top.entries() if name in Settings.model_fields}
    settings = validated(Settings, fields, top, report)
    if settings and settings.default_target is not None:
        contents.has_target(settings.default_target, top.at("default_target").place, "", report)
    return settings


class _Said(NamedTuple):
    """A guardrail of a target, and where it is said."""

    thing: str
    value: Any
    place: Place


class TargetReader(Struct, frozen=True):
    """Reads the targets of a workspace in `folder`; what is wrong goes to the report."""

    contents: Contents
    sections: Sequence[Section]
    folder: Path
    report: Report

    def read(self, settings: Settings | None) -> dict[str, Target | None]:
        """Return the targets by name, `None` for one whose settings cannot be told."""
        policy = settings.undeclared if settings else Policy.RESET
        apart = self._guardrails_apart()
        return {
            name: self._target(name, written, policy, apart.get(name, []))
            for name, written in self.contents.named(TARGETS, self.report).items()
        }

    def _target(self, name: str, written: Node, policy: Policy, apart: list[_Said]) -> Target | None:
        settings = self._settings(TargetSettings, written, name)
        if settings is None:
            return None
        if settings.checkmarket is not None:
            self._check_never_sent(written.at("checkmarket", "server_members"), key_of(name))
        at_target = [*_said(settings, written), *_said(settings.expoints, written.at("expoints"))]
        return Target(
            name=name,
            place=written.key_place,
            settings=settings,
            written=frozenset(thing for thing, one in written.entries() if one.value is not None),
            guardrails=_in_force(self._once([*at_target, *apart], key_of(name))),
            undeclared=settings.undeclared or policy,
            defaults=self._defaults(name, written.at("defaults")) if settings.defaults else {},
        )

    def _check_never_sent(self, written: Node, key: str) -> None:
        """Report members that the files may declare: left out of a PUT, they would be reset in no plan."""
        fields = [field for section in self.sections for field in section.kind.fields]
        writable = {field.member[:end] for field in fields for end in range(1, len(field.member) + 1)}
        writable |= {(*field.member, name) for field in fields if field.rows for name in field.rows.names}
        for one in written.items():
            if tuple(str(one.value).split(".")) in writable:
                message = f"{one.value} is for the files to declare, or to keep"
                hint = "leave it out; name only what the server alone writes"
                self.report.error("invalid-value", one.place, key, message, hint)

    def _settings(self, model: type[Model], written: Node, name: str) -> Model | None:
        key = key_of(name)
        if isinstance(written.value, dict):
            return validated(model, written.value, written, self.report, key=key, context=self.folder)
        message = f"a mapping is expected, this is {kind_of(written.value)}"
        self.report.error("wrong-type", written.place, key, message, "write a mapping: {name: value}")
        return None

    def _guardrails_apart(self) -> dict[str, list[_Said]]:
        found: dict[str, list[_Said]] = {}
        for name, written in self.contents.entries(GUARDRAILS):
            settings = self._settings(GuardrailSettings, written, name)
            if self.contents.has_target(name, written.key_place, "", self.report):
                found.setdefault(name, []).extend(_said(settings, written))
        return found

    def _once(self, said: list[_Said], key: str) -> dict[str, Any]:
        first: dict[str, _Said] = {}
        for one in said:
            other = first.setdefault(one.thing, one)
            if other is not one:
                message = f"{one.thing} of this target already stands at {other.place}"
                self.report.error("declared-twice", one.place, key, message, "keep one of the two")
        return {thing: one.value for thing, one in first.items()}

    def _defaults(self, target: str, written: Node) -> dict[str, Json]:
        said: dict[str, Given] = {}
        for name, default in written.entries():
            for field, given in self._default(name, default, key_of(target)):
                other = said.setdefault(field, given)
                if other is not given:
                    message = f"{field} already has a default on line {other.origin.place.line}"
                    place = given.origin.place
                    self.report.error("named-twice", place, key_of(target), message, "keep one of the two")
        return {field: given.value for field, given in said.items() if not isinstance(given.value, Reference)}

    def _default(self, name: str, written: Node, key: str) -> Iterator[tuple[str, Given]]:
        path = name.split(".")
        section = next((s for s in self.sections if path[0] in s.model.model_fields), self.sections[0])
        level = LevelReader(section, self.report).read(written.wrapped(*path), DEFAULTS, "defaults", key)
        for field, given in level.decisions.items():
            if isinstance(given, Given):
                yield field, given


def key_of(target: str) -> str:
    """Return the key under which the problems of a target's settings are reported."""
    return f"{TARGETS}.{target}"


def _said(settings: BaseModel | None, written: Node) -> Iterator[_Said]:
    for thing in GuardrailSettings.model_fields:
        value = getattr(settings, thing, None)
        if value is not None:
            yield _Said(thing, value, written.at(thing).key_place)


def _in_force(said: Mapping[str, Any]) -> Guardrails:
    limits = said["limits"].limits if "limits" in said else Limits()
    return Guardrails(**{**said, "limits": limits})


MOST_FILES = 20_000
"""YAML files in one workspace."""
MOST_VALUES = 400_000
"""Values in all of them together, counted as if every alias and merge key were written out."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many files are read, and how many there are, once that is known."""

S = TypeVar("S")
"""What the section of seeds makes of them."""


class Workspace(Struct, Generic[S], frozen=True):
    """Everything that the files say, without a problem among them. No secret was read."""

    folder: Path
    settings: Settings
    targets: Mapping[str, Target]
    files: int
    resources: int
    """How many resources and seeds are declared."""
    declared: Mapping[str, tuple[Declared, ...]]
    """For every target, what is declared on it, in the order of the keys."""
    readers: Mapping[str, ResourceReader]
    """For every section, its resources and presets level by level, as they are written."""
    seeds: Mapping[str, tuple[S, ...]]
    """For every target, the seeds on it, in the order of the keys."""
    moved: Mapping[str, str]
    """Full key of before → full key of today."""
    warnings: tuple[Problem, ...]
    contents: Contents
    """The sections of the files, for those who ask where a setting stands."""


def load(
    folder: Path,
    sections: Sequence[Section],
    base: Path,
    seed_sections: Sequence[SeedsByName[S]] = (),
    edited: Mapping[Path, bytes] = NOT_EDITED,
    progress: Progress = lambda _done, _total: None,
) -> Workspace[S]:
    """Return what the files of the workspace in `folder` declare. Offline; needs no secret; changes nothing.

    `sections` are the kinds of resources, at least one, `seed_sections` what is sent; files are named
    relative to the folder `base`; `edited` files count as if they were written. `progress` is told of every
    file that is read, and at the end of the last. Errors: `FilesInvalid`
    carries every problem of every file, warnings too; `UsageError` where there is no `reconciler.yaml`.
    """
    report = Report()
    try:
        documents = tuple(_documents(folder, base, report, edited, progress))
        return _loaded(folder, sections, base, seed_sections, report, documents)
    except Full as full:
        raise FilesInvalid(report.all()) from full


def _loaded(
    folder: Path,
    sections: Sequence[Section],
    base: Path,
    seed_sections: Sequence[SeedsByName[S]],
    report: Report,
    documents: Sequence[Document],
) -> Workspace[S]:
    resources, others = [one.kind.name for one in sections], [one.name for one in seed_sections]
    contents = sorted_out(documents, shown(folder / SETTINGS_FILE, base), resources, others, report)
    settings = read_settings(contents, report)
    targets = TargetReader(contents, sections, folder, report).read(settings)
    accounts = [*(one.account for one in sections), *(one.account for one in seed_sections)]
    check_accounts(targets, accounts, report)
    readers = [ResourceReader(section, report, targets, contents) for section in sections]
    zone = settings.time_zone if settings else DEFAULT_ZONE
    seed_readers = _seed_readers(seed_sections, contents, WorkspaceFiles(folder, base), zone, report)
    keys = [key for reader in readers for key in reader.keys]
    keys += [key for reader in seed_readers for key in reader.keys]
    moved = read_moves(contents, [*resources, *others], keys, report)
    # What a target with an error lends is not to be relied on: its names for ids may be missing.
    known = {name: None if report.doubts(key_of(name)) else target for name, target in targets.items()}
    declared = _declared(readers, known, report)
    seeds = _seeds(seed_readers, known, declared)
    check_presets(readers, report, whole=contents.whole)
    if settings is None or report.errors():
        raise FilesInvalid(report.all())
    return Workspace(
        folder=folder,
        settings=settings,
        targets={name: target for name, target in targets.items() if target},
        files=contents.files,
        resources=len(keys),
        declared=declared,
        readers={reader.section.kind.name: reader for reader in readers},
        seeds=seeds,
        moved=moved,
        warnings=report.warnings(),
        contents=contents,
    )


def _documents(
    folder: Path, base: Path, report: Report, edited: Mapping[Path, bytes], progress: Progress
) -> Iterator[Document]:
    """Yield the files as they are read, until they are more than a workspace may hold."""
    if not (folder / SETTINGS_FILE).is_file():
        raise UsageError(f"there is no {SETTINGS_FILE} in {shown(folder, base)}; write one")
    number = values = 0
    try:
        for number, document in enumerate(read_workspace(folder, base, edited), start=1):
            report.take(document.problems)
            values += document.top.size
            if number > MOST_FILES or values > MOST_VALUES:
                _too_much(document, report)
            progress(number, None)
            yield document
    finally:
        progress(number, number)


def _too_much(document: Document, report: Report) -> NoReturn:
    message = f"a workspace holds at most {MOST_FILES:,} files with {MOST_VALUES:,} values together"
    place = Place(document.top.file, 1, 1)
    report.stop("too-much", place, "", message, "make several workspaces of it")


def _declared(
    readers: Sequence[ResourceReader], targets: Mapping[str, Target | None], report: Report
) -> dict[str, tuple[Declared, ...]]:
    grounds = [Ground.of(name, target) for name, target in targets.items()]
    declared = {(reader, ground.name): reader.on(ground) for reader in readers for ground in grounds}
    trusted = {at: [one for one in ones if not report.doubts(one.key)] for at, ones in declared.items()}
    for (reader, target), ones in declared.items():
        check_section(trusted[reader, target], reader.section, report)
        check_shared(target, ones, reader.section, report)
    return {
        ground.name: tuple(one for reader in readers for one in declared[reader, ground.name])
        for ground in grounds
    }


def _seed_readers(
    sections: Sequence[SeedsByName[S]],
    contents: Contents,
    files: WorkspaceFiles,
    zone: ZoneInfo,
    report: Report,
) -> list[SeedReader[S, Any, Any]]:
    """Return the readers of the sections that the files hold; the others stay closed."""
    held = [one for one in sections if one.name in contents.sections]
    if not held:
        return []
    # Imported here, like the models of the sections: most workspaces hold no seed.
    from reconciler.config.sections import Surroundings
    from reconciler.config.seeds import SeedReader

    return [SeedReader(one.opened(), contents, Surroundings(files, zone), report) for one in held]


def _seeds(
    readers: Sequence[SeedReader[S, Any, Any]],
    targets: Mapping[str, Target | None],
    declared: Mapping[str, Sequence[Declared]],
) -> dict[str, tuple[S, ...]]:
    keys = {name: [one.key for one in ones] for name, ones in declared.items()}
    read = [reader.read(targets, keys) for reader in readers]
    return {name: tuple(seed for seeds in read for seed in seeds[name]) for name in targets}


def as_of(workspace: Workspace[S], now: float) -> Workspace[S]:
    """Return the workspace with the acceptances alone that hold at `now`, in seconds since 1970 UTC.

    Each that has ended becomes a warning. Its last day is a day in the workspace's time zone.
    """
    today = datetime.fromtimestamp(now, UTC).astimezone(workspace.settings.time_zone).date()
    declared = {
        target: tuple(_holding(one, today) for one in some) for target, some in workspace.declared.items()
    }
    ended = {
        _ended(one, over): None
        for some in workspace.declared.values()
        for one in some
        for over in one.accepted.values()
        if over.until < today
    }
    warnings = sorted([*workspace.warnings, *ended], key=lambda problem: problem.place)
    return replace(workspace, declared=declared, warnings=tuple(warnings))


def _holding(declared: Declared, today: date) -> Declared:
    accepted = {path: one for path, one in declared.accepted.items() if one.until >= today}
    return declared if accepted == declared.accepted else replace(declared, accepted=accepted)


def _ended(declared: Declared, accepted: Accepted) -> Problem:
    return Problem(
        "acceptance-ended",
        accepted.origin.place,
        declared.key,
        f"{accepted.field} was accepted until {accepted.until} ({accepted.reason}); it no longer is",
        "remove the entry, or write a later day if the difference is still meant",
        Severity.WARNING,
    )
