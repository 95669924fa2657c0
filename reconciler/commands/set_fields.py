"""`reconciler set GLOB PATH=VALUE`: one edit of many resources, in place."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.commands.console import Console
from reconciler.commands.editing import as_edited, edition_of, finish
from reconciler.commands.environment import Environment
from reconciler.commands.matching import matching, seeds_named
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.assignments import assignment, seed_assignment
from reconciler.config.blocks import ResourceEditor
from reconciler.config.contents import TARGETS
from reconciler.config.editing.edition import Edition
from reconciler.config.editing.patch import Put
from reconciler.config.load import Workspace
from reconciler.errors import Exit, UsageError
from reconciler.expoints.model import PLAIN_FIELDS, SEEDS
from reconciler.expoints.seed import Seed
from reconciler.render.values import FORMAT_VERSION, counted

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
    edition = edition_of(workspace, environment)
    seeds = seeds_named(workspace, glob)
    for key in seeds:
        _set_seed(key, assignments, workspace, edition)
    matched = [] if seeds else matching(workspace, glob)
    for section, resource in matched:
        editor = ResourceEditor(edition, section, resource, workspace.targets)
        for text in assignments:
            wanted = assignment(section, text, workspace.targets)
            editor.put(wanted.path, wanted.value, target=wanted.target)
    edits = edition.edited()
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


def _set_seed(key: str, assignments: Sequence[str], workspace: Workspace[Seed], edition: Edition) -> None:
    """Edit one seed; a block of a target where it lives already, for another one it would be sent to."""
    name = key.removeprefix(f"{SEEDS.name}.")
    homes = [target for target, seeds in workspace.seeds.items() if any(seed.key == key for seed in seeds)]
    file = edition.home(SEEDS.name, name)
    if file is None:
        raise LookupError(key)
    for text in assignments:
        wanted = seed_assignment(SEEDS, text, _SETTABLE, workspace.targets)
        if wanted.target and wanted.target not in homes:
            raise UsageError(f"{key} does not live on target {wanted.target}; add it to its targets by hand")
        above = (TARGETS, wanted.target) if wanted.target else ()
        edition.put(file, (SEEDS.name, name, *above, *wanted.path), Put(wanted.value))
