"""The verbs that edit and list what stands in the files: set, fmt, list, and apply --write-ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.session import Session, chosen_target
from reconciler.commands.workspace import CUSTOMER_SEEDS, SECTIONS, SEED_SECTIONS, Selection, open_workspace
from reconciler.config.assignments import assignment, candidates, full_path, seed_assignment, split_assignment
from reconciler.config.contents import TARGETS
from reconciler.config.discovery import shown, workspace_files
from reconciler.config.edits import Put
from reconciler.config.file_edits import FileEdit, FileEdits, ResourceEditor, overlay, write
from reconciler.config.key_order import ordered, ranks_of
from reconciler.config.layout import masked
from reconciler.config.load import Workspace, load
from reconciler.config.names import meant, visible
from reconciler.config.resources import Resource
from reconciler.config.sections import Section
from reconciler.engine.change import Action
from reconciler.engine.declared import Declared, Given, Reference
from reconciler.engine.kind import Json
from reconciler.engine.outcome import Outcome, Report, Result, id_line
from reconciler.errors import Exit, FilesInvalid, NotEdited, UsageError, describe, exit_of
from reconciler.expoints.model import PLAIN_FIELDS, SEEDS, plain_fields
from reconciler.expoints.seed import Seed
from reconciler.problems import Severity
from reconciler.render.listing import Listed, Sending, listing_document, listing_text
from reconciler.render.values import FORMAT_VERSION, counted, diff_text

Resources = list[tuple[Section, Resource]]


def matching(workspace: Workspace[Seed], glob: str) -> Resources:
    """Return the resources that a glob names, with their section. `UsageError` where there is none."""
    everything = _resources(workspace)
    found = _called(everything, glob)
    if not found:
        raise _nothing("resource", glob, [resource.key for _, resource in everything])
    return found


def matching_any(workspace: Workspace[Seed], glob: str) -> tuple[Resources, list[str]]:
    """Return the resources and the keys of the seeds that a glob names. `UsageError` where neither is."""
    everything = _resources(workspace)
    seeds = [*dict.fromkeys(seed.key for seeds in workspace.seeds.values() for seed in seeds)]
    found, sown = _called(everything, glob), [key for key in seeds if _is_called(key, glob)]
    if not found and not sown:
        raise _nothing("resource or seed", glob, [*(resource.key for _, resource in everything), *seeds])
    return found, sown


def seeds_named(workspace: Workspace[Seed], glob: str) -> list[str]:
    """Return the keys of the seeds that a glob names by their section, as `customer_seeds.*` does.

    Without it seeds are not meant: what is said of them may mail people. `UsageError` where there is none.
    """
    if not glob.startswith(f"{CUSTOMER_SEEDS.name}."):
        return []
    return matching_any(workspace, glob)[1]


def _resources(workspace: Workspace[Seed]) -> Resources:
    return [
        (section, resource)
        for section in SECTIONS
        for resource in workspace.readers[section.kind.name].resources.values()
    ]


def _called(resources: Resources, glob: str) -> Resources:
    return [(section, resource) for section, resource in resources if _is_called(resource.key, glob)]


def _is_called(key: str, glob: str) -> bool:
    return fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)


def _nothing(what: str, glob: str, keys: list[str]) -> UsageError:
    hint = meant(glob, [key.partition(".")[2] for key in keys])
    return UsageError(f"no {what} is called {visible(glob)}; {hint}")


def edits_of(workspace: Workspace[Seed], environment: Environment) -> FileEdits:
    """Return the files of a workspace, ready to be edited."""
    return FileEdits(workspace.folder, environment.folder, ranks_of(SECTIONS, SEED_SECTIONS))


def as_edited(
    workspace: Workspace[Seed], edits: Sequence[FileEdit], environment: Environment
) -> Workspace[Seed]:
    """Return what the files would declare once edited. Errors: `NotEdited` where they would be invalid."""
    try:
        return load(workspace.folder, SECTIONS, environment.folder, SEED_SECTIONS, overlay(edits))
    except FilesInvalid as invalid:
        errors = [problem for problem in invalid.problems if problem.severity is Severity.ERROR]
        raise NotEdited(errors) from invalid


def finish(
    edits: Sequence[FileEdit],
    workspace: Workspace[Seed],
    console: Console,
    *,
    diff: bool,
    text: str,
    document: dict[str, Any],
) -> None:
    """Write edited files and print what was done; with `diff`, print what would change and write nothing."""
    diffs = {one.file: _diff(one, console) if diff or console.as_json else "" for one in edits}
    if not diff:
        write(edits, workspace.folder)
    plain = "" if not diff else "\n".join([*diffs.values(), *([""] if diffs else [])])
    files = [{"file": file, "diff": text, "written": not diff} for file, text in diffs.items()]
    console.result(plain + text, {**document, "files": files})


def _diff(edit: FileEdit, console: Console) -> str:
    before = None if edit.before is None else masked(edit.before)
    return diff_text(edit.file, before, masked(edit.after), paint=console.paint)


_SETTABLE = PLAIN_FIELDS - {"notification_email_addresses"}


def set_fields(
    glob: str,
    assignments: Sequence[str],
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    diff: bool = False,
) -> Exit:
    """Let every resource that the glob names say these values, and check the files before they are written.

    Seeds are meant only by `customer_seeds.GLOB`, and of them the fields that are one value.
    Errors: `NotEdited` with every place where that is not safe, or would make the files invalid.
    """
    workspace = open_workspace(selection, environment)
    files = edits_of(workspace, environment)
    seeds = seeds_named(workspace, glob)
    for key in seeds:
        _set_seed(key, assignments, workspace, files)
    matched = [] if seeds else matching(workspace, glob)
    for section, resource in matched:
        editor = ResourceEditor(files, section, resource, workspace.targets)
        for text in assignments:
            wanted = assignment(section, text, workspace.targets)
            editor.put(wanted.path, wanted.value, target=wanted.target)
    edits = files.edited()
    as_edited(workspace, edits, environment)
    verb, what = "Would change" if diff else "Changed", "seed" if seeds else "resource"
    keys = seeds or [resource.key for _, resource in matched]
    finish(
        edits,
        workspace,
        console,
        diff=diff,
        text=f"{verb}: {counted(len(edits), 'file')} for {counted(len(keys), what)}.",
        document={"format_version": FORMAT_VERSION, "keys": keys},
    )
    return Exit.DONE


def _set_seed(key: str, assignments: Sequence[str], workspace: Workspace[Seed], files: FileEdits) -> None:
    """Edit one seed; a block of a target where it lives already, for another one it would be sent to."""
    name = key.removeprefix(f"{SEEDS.name}.")
    homes = [target for target, seeds in workspace.seeds.items() if any(seed.key == key for seed in seeds)]
    file = files.home(SEEDS.name, name)
    if file is None:
        raise LookupError(key)
    for text in assignments:
        wanted = seed_assignment(SEEDS, text, _SETTABLE, workspace.targets)
        if wanted.target and wanted.target not in homes:
            raise UsageError(f"{key} does not live on target {wanted.target}; add it to its targets by hand")
        above = (TARGETS, wanted.target) if wanted.target else ()
        files.put(file, (SEEDS.name, name, *above, *wanted.path), Put(wanted.value))


def fmt(
    files: Sequence[Path],
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    check: bool = False,
    diff: bool = False,
) -> Exit:
    """Bring files into order, all of the workspace if none is named; `check` only says which are not.

    With `check`, exits 1 where a file is not in order. Errors: `FilesInvalid`, for order is of what counts.
    """
    workspace = open_workspace(selection, environment)
    ranks = ranks_of(SECTIONS, SEED_SECTIONS)
    edits = []
    for path in _chosen(files, [*workspace_files(workspace.folder)], environment.folder):
        before, file = path.read_bytes(), shown(path, environment.folder)
        after = ordered(before, file, ranks)
        if after != before:
            edits.append(FileEdit(path, file, before, after))
    text = "\n".join([*(edit.file for edit in edits), _summary(len(edits), writes=not check and not diff)])
    document = {"format_version": FORMAT_VERSION, "check": check}
    if check and not diff:
        console.result(text, {**document, "files": [{"file": e.file, "written": False} for e in edits]})
    else:
        finish(edits, workspace, console, diff=check or diff, text=text, document=document)
    return Exit.ERROR if check and edits else Exit.DONE


def _summary(number: int, *, writes: bool) -> str:
    if not number:
        return "All files are in order."
    return f"{'Put into order' if writes else 'Not in order'}: {counted(number, 'file')}."


def _chosen(files: Sequence[Path], known: Sequence[Path], base: Path) -> list[Path]:
    """Return the files of the workspace that are named, by their path from where one stands."""
    by_place = {path.resolve(): path for path in known}
    wanted = [(base / file).resolve() for file in files]
    for file, place in zip(files, wanted, strict=True):
        if place not in by_place:
            raise UsageError(f"{file} is no file of the workspace")
    return [by_place[place] for place in wanted] if files else [*known]


def list_resources(
    glob: str, where: Sequence[str], selection: Selection, console: Console, environment: Environment
) -> Exit:
    """Print the resources and seeds that the glob names and that say every `PATH=VALUE` of `where`.

    What presets and blocks of targets say counts; without a target in the selection, any target will do. Of a
    seed its plain fields can be compared. Errors: `UsageError` for a path that neither has.
    """
    workspace = open_workspace(selection, environment)
    targets = [chosen_target(workspace, selection.target).name] if selection.target else [*workspace.targets]
    search = _Search(workspace, targets, [split_assignment(text) for text in where])
    resources, seeds = matching_any(workspace, glob)
    search.check_paths()
    found = [*(search.resource(*one) for one in resources), *map(search.seed, seeds)]
    shown = [one for one in found if one.targets]
    console.result(listing_text(shown, paint=console.paint), listing_document(shown))
    return Exit.DONE


class _Search(Struct, frozen=True):
    """What is looked for, on which targets: both sides of each `PATH=VALUE`."""

    workspace: Workspace[Seed]
    targets: Sequence[str]
    wanted: Sequence[tuple[str, str]]

    def check_paths(self) -> None:
        """Check that every path is one of a resource or of a seed. Errors: `UsageError`."""
        for path, _ in self.wanted:
            for section in () if path in PLAIN_FIELDS else SECTIONS:
                full_path(section, path)

    def resource(self, section: Section, one: Resource) -> Listed:
        """Return a resource with the targets on which it says what is wanted."""
        declared = {t: found for t in self.targets if (found := _on(self.workspace, one.key, t))}
        chosen = {target: on for target, on in declared.items() if self._says(section, on)}
        given = next((on.given.get(section.kind.name_field) for on in chosen.values()), None)
        name = given.value if isinstance(given, Given) and isinstance(given.value, str) else None
        return Listed(one.key, one.written.key_place, {t: on.id for t, on in chosen.items()}, name)

    def seed(self, key: str) -> Listed:
        """Return a seed with the targets on which it says what is wanted."""
        sown = {t: seed for t, seeds in self.workspace.seeds.items() for seed in seeds if seed.key == key}
        chosen = [t for t in self.targets if t in sown and self._seed_says(sown[t])]
        seed = sown[chosen[0]] if chosen else next(iter(sown.values()))
        sending = Sending(seed.send.value, seed.round, len(seed.customers))
        return Listed(key, seed.place, dict.fromkeys(chosen), sending=sending)

    def _says(self, section: Section, declared: Declared) -> bool:
        return all(
            path not in PLAIN_FIELDS and _says_one(section, declared, path, value)
            for path, value in self.wanted
        )

    def _seed_says(self, seed: Seed) -> bool:
        said = plain_fields(seed)
        return all(
            any(path in said and _same(said[path], one) for one in candidates(value))
            for path, value in self.wanted
        )


def _on(workspace: Workspace[Seed], key: str, target: str) -> Declared | None:
    return next((one for one in workspace.declared[target] if one.key == key), None)


def _says_one(section: Section, declared: Declared, text: str, value: str) -> bool:
    path = full_path(section, text)
    field = next((named.field for named in section.named if named.path == path), path)
    given = declared.given.get(field)
    if given is None:
        return False
    if field != path:
        name = given.named or given.value
        return isinstance(name, Reference) and name.name in candidates(value)
    normal = section.kind.by_path[field].normal
    wanted = [normal(one) for one in candidates(value)]
    return any(_same(normal(given.value), one) for one in wanted if not isinstance(given.value, Reference))


def _same(one: Json, other: Json) -> bool:
    return one == other and type(one) is type(other)


class IdsWritten(Struct, frozen=True):
    """Which ids stand in the files now, by their keys; an exit that is an error says that they do not."""

    ids: Mapping[str, int]
    exit: Exit = Exit.DONE


NO_IDS = IdsWritten({})


def write_ids(report: Report, session: Session, console: Console) -> IdsWritten:
    """Write the ids of a run into the blocks of its target; all of them, or none if one is not safe.

    What was applied stays applied: where the files cannot be edited, that is said, and the lines are printed.
    """
    ids = dict(_found(report))
    if not ids:
        return NO_IDS
    try:
        return IdsWritten(_written(ids, session))
    except Exception as error:  # noqa: BLE001  # what was applied is still to be told
        problems = error.problems if isinstance(error, FilesInvalid) else ()
        if not console.quiet:
            console.problems(problems)
        console.say(f"Ids not written: {describe(error)}")
        return IdsWritten({}, exit_of(error))


def _found(report: Report) -> Iterator[tuple[str, int]]:
    """Yield every key with an id that the files do not know yet."""
    yield from ((one.key, one.id) for one in report.plan.unchanged if one.adopted and one.id is not None)
    adopted = {change.key for change in report.plan.changes if change.adopted}
    for outcome in report.outcomes:
        if outcome.id is not None and (outcome.key in adopted or _is_created(outcome)):
            yield outcome.key, outcome.id


def _is_created(outcome: Outcome) -> bool:
    return outcome.action is Action.CREATE and outcome.result is Result.APPLIED


def _written(ids: Mapping[str, int], session: Session) -> Mapping[str, int]:
    # An earlier target of this run may have written into the same files.
    workspace = open_workspace(Selection(session.workspace.folder), session.environment)
    files = edits_of(workspace, session.environment)
    resources = workspace.readers[SECTION.kind.name].resources
    there = {key: id for key, id in ids.items() if key in resources}
    for key, id in there.items():
        editor = ResourceEditor(files, SECTION, resources[key], workspace.targets)
        editor.write_id(session.target.name, id)
    edits = files.edited()
    as_edited(workspace, edits, session.environment)
    write(edits, workspace.folder)
    return there


def without_lines(report: Report, written: IdsWritten) -> Report:
    """Return the report without the lines that stand in the files now."""
    done = {id_line(key, report.plan.scope.target, id) for key, id in written.ids.items()}
    outcomes = (
        replace(one, lines=tuple(line for line in one.lines if line not in done)) for one in report.outcomes
    )
    return replace(report, outcomes=tuple(outcomes))
