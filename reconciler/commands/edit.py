"""The verbs that edit and list what stands in the files: set, fmt, list, and apply --write-ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.session import Session, chosen_target
from reconciler.commands.workspace import CUSTOMER_SEEDS, Selection, open_workspace
from reconciler.config.discovery import TARGETS, is_workspace_file, shown, workspace_files
from reconciler.config.edits import Put, ordered
from reconciler.config.file_edits import (
    Assignment,
    FileEdit,
    FileEdits,
    ResourceEditor,
    full_path,
    ranks_of,
    split_assignment,
    with_meaning,
    write,
)
from reconciler.config.layout import masked
from reconciler.config.load import Workspace, load
from reconciler.config.names import instead, meant, meant_key, visible
from reconciler.config.resources import Controls, Resource
from reconciler.engine.change import Action
from reconciler.engine.kind import Declared, Given, Json, Policy, Reference, Ruling
from reconciler.engine.outcome import Result, id_line
from reconciler.errors import Exit, FilesInvalid, NotEdited, UsageError, describe, exit_of
from reconciler.problems import WARNINGS, Place, Severity
from reconciler.render.listing import Listed, listing_document, listing_text
from reconciler.render.values import FORMAT_VERSION, counted, diff_text

if TYPE_CHECKING:
    from reconciler.expoints.seed import Seed
    from reconciler.render.report import TargetReport

# The models of seeds are imported in the functions that need them: `apply` imports this module too.


def edits_of(workspace: Workspace[Seed], environment: Environment) -> FileEdits:
    """Return the files of a workspace, ready to be edited."""
    return FileEdits(workspace.folder, environment.folder, ranks_of(SECTION, CUSTOMER_SEEDS))


def edited(
    workspace: Workspace[Seed], files: FileEdits, environment: Environment
) -> tuple[Sequence[FileEdit], Workspace[Seed]]:
    """Return the files that change, and what the workspace would declare then.

    Errors: `NotEdited` where an edit is not safe, or would make the files invalid.
    """
    edits = files.edited()
    after = {edit.path: edit.after for edit in edits}
    try:
        loaded = load(workspace.folder, SECTION, environment.folder, CUSTOMER_SEEDS, after)
    except FilesInvalid as invalid:
        errors = [problem for problem in invalid.problems if problem.severity is Severity.ERROR]
        raise NotEdited(errors) from invalid
    of_checkout = (one for one in workspace.warnings if one.code not in WARNINGS)
    return edits, replace(loaded, warnings=(*of_checkout, *loaded.warnings))


def file_in(
    workspace: Workspace[Seed], named: Path, environment: Environment, *, split: bool | None = None
) -> Path:
    """Return the file of a workspace that is named from where one stands or from it; with `split` its folder.

    Errors: `UsageError` for one that is not of the workspace.
    """
    folder = workspace.folder.resolve()
    for start in (environment.folder, folder):
        place = (start / named).resolve()
        if not place.is_relative_to(folder):
            continue
        inside = place.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts):
            raise UsageError(f"{inside} would be hidden from the workspace by its dot")
        if not split and not is_workspace_file(inside.name):
            hint = "" if split is None else "; for a folder, add --split"
            raise UsageError(f"{inside} is no .yaml or .yml file{hint}")
        return workspace.folder / inside
    raise UsageError(f"{named} does not lie in the workspace {workspace.folder}")


def finish(
    workspace: Workspace[Seed],
    edits: Sequence[FileEdit],
    console: Console,
    text: str,
    document: dict[str, Any],
    *,
    diff: bool,
    with_diff: bool = False,
) -> None:
    """Write edited files and print what was done; with `diff`, print what would change and write nothing.

    With `with_diff`, what changes is printed as well as written.
    """
    diffs = dict.fromkeys((edit.file for edit in edits), "")
    if diff or with_diff or console.as_json:
        for edit in edits:
            before = None if edit.before is None else masked(edit.before)
            diffs[edit.file] = diff_text(edit.file, before, masked(edit.after), paint=console.paint)
    if not diff:
        write(edits, workspace.folder)
    shown_diffs = [*diffs.values(), ""] if (diff or with_diff) and diffs else []
    files = [{"file": file, "diff": one, "written": not diff} for file, one in diffs.items()]
    result = "\n".join(shown_diffs) + text
    console.result(result, {**document, "files": files}, has_summary=True, is_code=bool(shown_diffs))


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

    With a target selected, what lives there says them there and nowhere else. Seeds are meant only by
    `customer_seeds.GLOB`, for what is said of them may mail people; of them only the fields that are one
    value can be set. Errors: `UsageError` where the glob names nothing, for an unknown path or a value that
    is none; `NotEdited` with every place where the edit is not safe, or would make the files invalid.
    """
    workspace = open_workspace(selection, environment)
    files = edits_of(workspace, environment)
    target = chosen_target(workspace, selection.target).name if selection.target else ""
    is_seeds = glob.startswith(f"{CUSTOMER_SEEDS.name}.")
    resources, seeds = _named(workspace, glob, with_seeds=is_seeds)
    if target:
        here = {seed.key for seed in workspace.seeds[target]}
        resources, seeds = [r for r in resources if target in r.blocks], [key for key in seeds if key in here]
        if not resources and not seeds:
            raise UsageError(f"nothing that {visible(glob)} names lives on target {target}")
    said = [split_assignment(text, workspace.targets, target) for text in assignments]
    if not seeds:
        said = [replace(one, path=full_path(SECTION, one.path, Controls.model_fields)) for one in said]
    values = [(one, _value(one, console, of_seed=bool(seeds), to_set=True)) for one in said]
    for key in seeds:
        _set_seed(key, values, workspace, files)
    for resource in () if seeds else resources:
        editor = ResourceEditor(files, SECTION, resource, workspace.targets)
        for one, value in values:
            # A resource that lives on the selected target alone needs no block for it.
            is_alone = [*resource.blocks] == [target] and not any(_in_block(resource, one.path, target))
            editor.put_field(
                one.path.split("."),
                with_meaning(SECTION, one.path, value),
                target="" if is_alone else one.target,
            )
    edits, after = edited(workspace, files, environment)
    keys = seeds or [resource.key for resource in resources]
    what, where = counted(len(keys), "seed" if seeds else "resource"), f" on {target}" if target else ""
    text = f"{'Would change' if diff else 'Changed'}{where}: {counted(len(edits), 'file')} for {what}."
    overridden = [found for one in said if not one.target for found in _overridden(after, keys, one.path)]
    document = {"format_version": FORMAT_VERSION, "keys": keys, "overridden": overridden}
    finish(workspace, edits, console, "\n".join([text, *_overridden_lines(overridden)]), document, diff=diff)
    return Exit.DONE


def _value(one: Assignment, console: Console, *, of_seed: bool, to_set: bool = False) -> Json:
    """Return the value for a field of a resource or seed; say so where YAML would read another in its text.

    Errors: `UsageError` for an unknown path, a field of a seed that is not one value, and what is no value.
    """
    from reconciler.expoints.model import PLAIN_FIELDS, SEEDS

    if of_seed:
        fields = PLAIN_FIELDS - ({"notification_email_addresses"} if to_set else set())
        if one.path not in fields:
            hint = meant(one.path, sorted(fields))
            raise UsageError(f"{visible(one.path)} is no field of a seed that can be set so; {hint}")
        value = one.value_of(SEEDS.fields.model_fields[one.path].annotation)
    else:
        value = one.value_in(SECTION)
    text = one.text
    if not one.is_yaml and value == text and (text == "null" or text[:1] + text[-1:] in ('""', "''")):
        path = visible(one.path)
        console.say(
            f"{path} is the text {visible(text)} as it stands; as YAML has it: {path}:={visible(text)}"
        )
    return value


def _set_seed(
    key: str, values: Sequence[tuple[Assignment, Json]], workspace: Workspace[Seed], files: FileEdits
) -> None:
    """Edit one seed; a block of a target only where the seed lives, for elsewhere it would be sent to."""
    homes = {target: seed for target, seeds in workspace.seeds.items() for seed in seeds if seed.key == key}
    file = files.paths[next(iter(homes.values())).place.file]
    for one, value in values:
        if one.target and one.target not in homes:
            raise UsageError(f"{key} does not live on target {one.target}; add it to its targets by hand")
        path = (TARGETS, one.target, one.path) if one.target else (one.path,)
        files.put(file, {path: Put(value)}, *key.split(".", 1))


def _in_block(resource: Resource, path: str, target: str) -> Iterator[tuple[Place, bool]]:
    """Yield where the block of a target decides on what a path names, and whether it says the same."""
    block, own = resource.blocks[target], resource.own
    if block is None:
        return
    full = next((named.field for named in SECTION.named if named.path == path), path)
    fields = [leaf.path for leaf in SECTION.kind.leaves(full)]
    if path in list(Policy):
        fields = [f for f, one in own.decisions.items() if isinstance(one, Ruling) and one.policy == path]
    elif path == "accept":
        fields = [*own.accepted]
    elif path in Controls.model_fields and (there := block.written.find(path)):
        yield there.key_place, there.value == own.written.at(path).value
    for field in fields:
        mine, one = own.decisions.get(field), block.accepted.get(field) or block.decisions.get(field)
        if isinstance(one, Given):
            yield one.origin.place, isinstance(mine, Given) and one.value == mine.value
        elif one:
            yield (
                one.origin.place,
                isinstance(one, Ruling) and isinstance(mine, Ruling) and one.policy == mine.policy,
            )


def _overridden(workspace: Workspace[Seed], keys: Sequence[str], path: str) -> Iterator[dict[str, Any]]:
    """Yield where the block of a target says something else than these resources or seeds do on top."""
    seeds = dict(workspace.contents.sections.get(CUSTOMER_SEEDS.name, ()))
    for key in keys:
        if resource := workspace.resources.get(key):
            found = [
                (target, *one) for target in resource.blocks for one in _in_block(resource, path, target)
            ]
        else:
            seed = seeds[key.partition(".")[2]]
            blocks = [(target, block.find(path)) for target, block in seed.at(TARGETS).entries()]
            found = [
                (target, one.key_place, one.value == seed.at(path).value) for target, one in blocks if one
            ]
        for target, place in dict.fromkeys(
            (target, place) for target, place, is_same in found if not is_same
        ):
            yield {"key": key, "target": target, "path": path, **asdict(place)}


def _overridden_lines(overridden: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield one line for each path and target; the first resource stands for all."""
    for target, path in dict.fromkeys((one["target"], one["path"]) for one in overridden):
        first, *more = (one for one in overridden if (one["target"], one["path"]) == (target, path))
        others = f", and {len(more)} more do" if more else ""
        yield (
            f"On {target} another {path} counts: the block of {first['key']} says it "
            f"({first['file']}:{first['line']}:{first['column']}){others}. Set targets.{target}.{path} too, "
            f"or add --target {target}."
        )


def _named(workspace: Workspace[Seed], glob: str, *, with_seeds: bool) -> tuple[list[Resource], list[str]]:
    """Return the resources and the keys of the seeds that a glob names, with their section or without.

    Errors: `UsageError` where there is neither.
    """
    resources = workspace.resources
    seeds = [seed.key for seeds in workspace.seeds.values() for seed in seeds] if with_seeds else []
    keys = dict.fromkeys([*resources, *seeds])
    found = [key for key in keys if fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)]
    if not found:
        what = "resource or seed" if with_seeds else "resource"
        raise UsageError(f"no {what} is called {visible(glob)}; {meant_key(glob, keys)}")
    return [resources[key] for key in found if key in resources], [k for k in found if k not in resources]


def fmt(
    files: Sequence[Path],
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    check: bool = False,
    diff: bool = False,
) -> Exit:
    """Put the keys of resources, presets and seeds into order, in all files if none is named.

    With `check`, writes nothing and exits 1 where a file is not in order. Errors: `FilesInvalid`;
    `UsageError` for a file that is not of the workspace.
    """
    workspace = open_workspace(selection, environment)
    known = {path.resolve(): path for path in workspace_files(workspace.folder)}
    named = [(environment.folder / file).resolve() for file in files] if files else [*known]
    for place, typed in zip(named, files, strict=False):
        if place not in known:
            hint = instead(str(typed), [shown(path, environment.folder) for path in known.values()])
            raise UsageError(f"{visible(str(typed))} is no file of the workspace{hint and f'; {hint}'}")
    edits = []
    for path in (known[place] for place in named):
        before, file = path.read_bytes(), shown(path, environment.folder)
        after = ordered(before, file, ranks_of(SECTION, CUSTOMER_SEEDS))
        if after != before:
            edits.append(FileEdit(path, file, before, after))
    verb = "Not in order" if check or diff else "Put into order"
    summary = f"{verb}: {counted(len(edits), 'file')}." if edits else "All files are in order."
    text = "\n".join([*(edit.file for edit in edits), summary])
    document = {"format_version": FORMAT_VERSION, "check": check}
    if check and not diff:
        files_left = [{"file": edit.file, "written": False} for edit in edits]
        console.result(text, {**document, "files": files_left}, has_summary=True)
    else:
        finish(workspace, edits, console, text, document, diff=diff)
    return Exit.ERROR if check and edits else Exit.DONE


def list_resources(
    glob: str, where: Sequence[str], selection: Selection, console: Console, environment: Environment
) -> Exit:
    """Print the resources and seeds that the glob names and that say every `PATH=VALUE` of `where`.

    What presets and blocks of targets say counts; without a target in the selection, any target will do. Of a
    seed its plain fields can be compared. Errors: `UsageError` for a path that neither has.
    """
    from reconciler.expoints.model import PLAIN_FIELDS, plain_fields

    workspace = open_workspace(selection, environment)
    targets = [chosen_target(workspace, selection.target).name] if selection.target else [*workspace.targets]
    wanted, of_seeds = list[tuple[str, Json]](), list[tuple[str, Json]]()
    for one in map(split_assignment, where):
        is_seeds = one.path in PLAIN_FIELDS
        path = one.path if is_seeds else full_path(SECTION, one.path)
        value = _value(replace(one, path=path), console, of_seed=is_seeds)
        (of_seeds if is_seeds else wanted).append((path, value))
    resources, seeds = _named(workspace, glob, with_seeds=True)
    declared = {target: {one.key: one for one in workspace.declared[target]} for target in targets}
    listed = []
    for resource in resources:
        on = [(target, by_key.get(resource.key)) for target, by_key in declared.items()]
        fitting = {
            target: one
            for target, one in on
            if one and all(_says(one, path, value) for path, value in wanted)
        }
        if fitting and not of_seeds:
            given = next(iter(fitting.values())).given.get(SECTION.kind.name_field)
            name = given.value if given and isinstance(given.value, str) else None
            ids = {target: one.id for target, one in fitting.items()}
            listed.append(Listed(resource.key, resource.written.key_place, ids, name))
    for key in seeds:
        sown = {t: seed for t in targets for seed in workspace.seeds.get(t, ()) if seed.key == key}
        fields = {target: plain_fields(seed) for target, seed in sown.items()}
        chosen = {
            target: None
            for target, own in fields.items()
            if all(path in own and _is(own[path], value) for path, value in of_seeds)
        }
        if chosen and not wanted:
            seed = sown[next(iter(chosen))]
            goes = (seed.send.value, seed.round, len(seed.customers))
            listed.append(Listed(key, seed.place, chosen, None, *goes))
    console.result(listing_text(listed, paint=console.paint), listing_document(listed), has_summary=True)
    return Exit.DONE


def _says(declared: Declared, path: str, value: Json) -> bool:
    """Tell whether a resource declares a value; of a path of names, that name."""
    field = next((named.field for named in SECTION.named if named.path == path), path)
    given = declared.given.get(field)
    if given is None:
        return False
    if field != path:
        name = given.named or given.value
        return isinstance(name, Reference) and name.name == value
    normal = SECTION.kind.by_path[field].normal
    return not isinstance(given.value, Reference) and _is(normal(given.value), normal(value))


def _is(value: Json, other: Json) -> bool:
    """Tell whether two values are one, `1` and `true` being two."""
    return value == other and type(value) is type(other)


def write_ids(applied: TargetReport, session: Session, console: Console) -> TargetReport:
    """Write the ids of a run into the blocks of its target, all or none, and return how it ended then.

    What was applied stays applied: where the files cannot be edited, that is said, and the lines are printed.
    """
    plan, target = applied.plan, session.target.name
    found = {change.key for change in plan.changes if change.adopted}
    ids = {one.key: one.id for one in plan.unchanged if one.adopted and one.id is not None}
    for outcome in applied.outcomes:
        is_created = outcome.action is Action.CREATE and outcome.result is Result.APPLIED
        if outcome.id is not None and (outcome.key in found or is_created):
            ids[outcome.key] = outcome.id
    if not ids:
        return applied
    try:
        # An earlier target of this run may have written into the same files.
        workspace = open_workspace(Selection(session.workspace.folder), session.environment)
        files, resources = edits_of(workspace, session.environment), workspace.resources
        ids = {key: id for key, id in ids.items() if key in resources}
        for key, id in ids.items():
            editor = ResourceEditor(files, SECTION, resources[key], workspace.targets)
            editor.edit(("id",), Put(id), target=target)
        edits, _ = edited(workspace, files, session.environment)
        write(edits, workspace.folder)
    except Exception as error:  # noqa: BLE001  # a file that cannot be edited must not hide what was applied
        if isinstance(error, FilesInvalid) and not console.quiet:
            console.problems(error.problems)
        console.warn(f"ids not written: {describe(error)}", always=True)
        # What was applied is no error, and the files lack what was asked for.
        done = any(one.result is Result.APPLIED for one in applied.outcomes)
        return replace(applied, exit=Exit.gravest([applied.exit, Exit.PARTLY if done else exit_of(error)]))
    written = {id_line(key, target, id) for key, id in ids.items()}
    outcomes = [
        replace(one, lines=tuple(line for line in one.lines if line not in written))
        for one in applied.outcomes
    ]
    return replace(applied, outcomes=outcomes, ids_written=ids)
