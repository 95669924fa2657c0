"""From the files of a workspace to what they declare on each target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeAlias

from msgspec import Struct
from typing_extensions import TypeVar

from reconciler.config.contents import Contents, sorted_out
from reconciler.config.crosschecks import check_accounts, check_presets, check_section, check_shared
from reconciler.config.discovery import NOT_EDITED, SETTINGS_FILE, read_workspace, shown
from reconciler.config.files import WorkspaceFiles
from reconciler.config.moves import read_moves
from reconciler.config.nodes import Document
from reconciler.config.report import Full, Report
from reconciler.config.resources import Ground, ResourceReader
from reconciler.config.section import Section
from reconciler.config.settings import DEFAULT_ZONE, Settings, Target
from reconciler.config.targets import TargetReader, key_of, read_settings
from reconciler.engine.declared import Declared
from reconciler.errors import FilesInvalid, UsageError
from reconciler.problems import Place, Problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reconciler.config.drafts import SeedsByName
    from reconciler.config.seeds import SeedReader

MOST_FILES = 20_000
"""YAML files in one workspace."""
MOST_VALUES = 400_000
"""Values in all of them together, counted as if every alias and merge key were written out."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many files are read, and how many there are, once that is known."""

S = TypeVar("S", default=Any)
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
            values += document.top.node.size
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
    from reconciler.config.drafts import Surroundings
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
