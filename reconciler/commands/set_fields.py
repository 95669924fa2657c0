"""`reconciler set GLOB PATH=VALUE`: one edit of many resources, in place."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.commands.console import Console
from reconciler.commands.editing import as_edited, edition_of, finish
from reconciler.commands.matching import matching
from reconciler.commands.outside import Outside
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.assignments import assignment
from reconciler.config.blocks import ResourceEditor
from reconciler.errors import Exit
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.values import counted


def set_fields(
    glob: str,
    assignments: Sequence[str],
    selection: Selection,
    console: Console,
    outside: Outside,
    *,
    diff: bool = False,
) -> Exit:
    """Let every resource that the glob names say these values, and check the files before they are written.

    Errors: `NotEdited` with every place where that is not safe, or would make the files invalid.
    """
    workspace = open_workspace(selection, outside)
    edition = edition_of(workspace, outside)
    matched = matching(workspace, glob)
    for section, resource in matched:
        editor = ResourceEditor(edition, section, resource, workspace.targets)
        for text in assignments:
            wanted = assignment(section, text, workspace.targets)
            editor.put(wanted.path, wanted.value, target=wanted.target)
    edits = edition.edited()
    as_edited(workspace, edits, outside)
    verb = "Would change" if diff else "Changed"
    finish(
        edits,
        workspace,
        console,
        diff=diff,
        text=f"{verb}: {counted(len(edits), 'file')} for {counted(len(matched), 'resource')}.",
        document={"format_version": FORMAT_VERSION, "keys": [resource.key for _, resource in matched]},
    )
    return Exit.DONE
