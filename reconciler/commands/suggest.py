"""`reconciler check --suggest`: the import configuration that fits a file of contacts. Offline."""

from __future__ import annotations

import shlex
from pathlib import Path
from textwrap import wrap

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.edit import edited, edits_of, file_in, finish
from reconciler.commands.environment import Environment
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import CUSTOMER_SEEDS, Selection, open_workspace
from reconciler.config.discovery import TARGETS
from reconciler.config.edits import Edits, Put, edit
from reconciler.config.file_edits import ranks_of
from reconciler.config.load import Workspace
from reconciler.config.names import NAME, keys_for, visible
from reconciler.contacts.model import ImportRules
from reconciler.contacts.reading import open_contacts
from reconciler.contacts.suggest import suggestion
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.expoints.seed import Seed
from reconciler.render.values import FORMAT_VERSION, harmless

_KIND = SECTION.kind.name


def suggest(
    file: Path, key: str, into: Path | None, selection: Selection, console: Console, environment: Environment
) -> Exit:
    """Print the configuration that fits a file; with `into`, write it there and show the difference.

    The key is made from the name of the file where none is given; only to write into it takes a workspace.
    Errors: `UsageError` for a file that cannot be read, a key that is taken or is none, and a place that is
    not of the workspace; `NotEdited`; `FilesInvalid`.
    """
    workspace: Workspace[Seed] | None = None
    try:
        workspace = open_workspace(selection, environment)
    except ReconcilerError:
        if into or selection.workspace or selection.target:
            raise
    key = _free_key(key.removeprefix(f"{_KIND}."), file, workspace, is_written=into is not None)
    target, default = "", workspace.settings.default_target if workspace else None
    if workspace and (selection.target or default or len(workspace.targets) == 1):
        target = chosen_target(workspace, selection.target or default or next(iter(workspace.targets))).name
    table = open_contacts(environment.folder / file, ImportRules(f"{_KIND}.{key}", target))
    if not table.width:
        problem = table.problems[-1]
        raise UsageError(
            f"{visible(str(file), longest=4096)}: {problem.message}; {problem.hint}".rstrip("; ")
        )
    progress = console.progress("Reading rows")
    fields, notes = suggestion(table, lambda rows: progress(rows, None))
    progress(1, 1)  # ends its line
    if target:
        fields[TARGETS] = Put([target], "without this line it lives on every target")
    elif workspace:
        notes.append("it lives on every target: add targets, or name one with --target")
    edits: Edits = {(_KIND, key, name): put for name, put in fields.items()}
    document = {"format_version": FORMAT_VERSION, "key": f"{_KIND}.{key}", "notes": notes}
    left = [f"Left to you: {one}." for one in notes]
    if workspace and into:
        files = edits_of(workspace, environment)
        files.put(file_in(workspace, into, environment), edits)
        written, _ = edited(workspace, files, environment)
        summary = f"Written: {_KIND}.{key} into {written[0].file}."
        said = "\n".join([*left, summary])
        finish(workspace, written, console, said, document, diff=False, with_diff=True)
    else:
        text = edit(b"", "", edits, ranks_of(SECTION, CUSTOMER_SEEDS)).decode()
        dialect = table.dialect.replace(" (not declared)", "")
        lines = [f"Suggested for {visible(file.name)}: {dialect}.", *left]
        head = [f"# {harmless(line)}" for one in lines for line in wrap(one, 77, subsequent_indent="  ")]
        console.result("\n".join([*head, text.rstrip("\n")]), {**document, "text": text}, is_code=True)
    where = f" --target {target}" if target and target != default else ""
    before = "" if into else "put it into a file of the workspace, or add --into FILE; then "
    named = harmless(visible(shlex.quote(str(file)), longest=4096))
    console.say(f"Next: {before}reconciler check {named} --for {key}{where}")
    return Exit.DONE


def _free_key(key: str, file: Path, workspace: Workspace[Seed] | None, *, is_written: bool) -> str:
    """Return the key that is given, or one made from the name of the file. Errors: `UsageError`."""
    resources = workspace.resources if workspace else {}
    if not key:
        there = (*resources, *(workspace.moved if workspace else ()))
        return keys_for([(2, file.stem)], [one.removeprefix(f"{_KIND}.") for one in there], "contacts")[2]
    if not NAME.fullmatch(key):
        raise UsageError(f"{visible(key)} cannot be a key: use letters, digits, dots, dashes and underscores")
    if is_written and (one := resources.get(f"{_KIND}.{key}")):
        raise UsageError(f"{one.key} is declared already, at {one.written.key_place}; give another --for")
    return key
