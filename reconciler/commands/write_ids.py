"""`apply --write-ids`: the ids of what was created or found by its name, written into the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.editing import as_edited, edition_of
from reconciler.commands.session import Session
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.blocks import ResourceEditor
from reconciler.config.editing.writing import write
from reconciler.engine.change import Action
from reconciler.engine.outcome import Outcome, Report, Result, id_line
from reconciler.errors import Exit, FilesInvalid, describe, exit_of


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
    edition = edition_of(workspace, session.environment)
    resources = workspace.readers[SECTION.kind.name].resources
    there = {key: id for key, id in ids.items() if key in resources}
    for key, id in there.items():
        editor = ResourceEditor(edition, SECTION, resources[key], workspace.targets)
        editor.write_id(session.target.name, id)
    edits = edition.edited()
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
