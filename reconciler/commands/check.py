"""`reconciler check`: what an import would make of a file of contacts, by what the files declare. Offline."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.reports import ReportFile, annotate, is_in_actions, reporting
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.load import Workspace
from reconciler.config.names import meant_key, visible
from reconciler.contacts.model import FIELDS, Checked, ImportRules
from reconciler.contacts.reading import open_contacts
from reconciler.contacts.rows import judge
from reconciler.engine.kind import Declared, Reference, matches
from reconciler.errors import Exit, UsageError
from reconciler.expoints.seed import Seed
from reconciler.git import top_of
from reconciler.render.contacts import contacts_document, contacts_problems, contacts_text


def check(
    file: Path,
    key: str,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    allowed: str = "0",
    show: bool = False,
    reports: tuple[ReportFile, ...] = (),
) -> Exit:
    """Print what does not fit, what rows would be answered, and what only the account knows.

    Refused where the file does not fit the configuration, or more rows would be refused than are `allowed`:
    a number, or a share like 0.5%. `show` prints values of cells, not their shapes. Errors: `UsageError` for
    a file that cannot be read, a key of no configuration on the target, and values that are not shown
    to a terminal alone; `FilesInvalid`.
    """
    is_logged = environment.access.in_ci or is_in_actions(environment)  # some give their steps a terminal
    if show and (reports or console.as_json or is_logged or not console.stdout.isatty()):
        raise UsageError("--show prints personal data: to a terminal, as text, and into no report")
    if str(file) == "-":
        raise UsageError("standard input cannot be checked, for a file is read twice: save it, and name that")
    path = environment.folder / file
    with reporting("check", selection, reports, console, environment, file) as report:
        workspace = open_workspace(selection, environment)
        # An upload in the Tool is what is checked, so the warning that a field is for one says nothing here.
        console.problems([one for one in workspace.warnings if one.code != "file-imports-only"])
        rules = rules_of(workspace, selection.target, key)
        now = datetime.fromtimestamp(environment.clock.now(), UTC)
        today = now.astimezone(workspace.settings.time_zone).date()
        checked = judged(path, rules, today, console, environment, show=show)
        checked = replace(checked, allowed=allowed)
        text = contacts_text(checked, every=console.verbose, paint=console.paint)
        console.result(text, contacts_document(checked), has_summary=True)
        if _name_of(path, environment)[1]:
            annotate(contacts_problems(checked), console, environment)
        report.checked = checked
    return Exit.gravest([checked.exit, report.exit])


def judged(
    path: Path,
    rules: ImportRules,
    today: date,
    console: Console,
    environment: Environment,
    *,
    show: bool = False,
) -> Checked:
    """Return what an import with these rules would answer to a file, under the name that people are shown.

    Errors: `UsageError` where it cannot be read, or a library is missing.
    """
    name, _ = _name_of(path, environment)
    progress = console.progress("Checking rows")
    try:
        table = open_contacts(path, rules)
        checked = judge(table, rules, today=today, show=show, progress=lambda rows: progress(rows, None))
    except UsageError as error:
        raise UsageError(str(error).replace(str(path), name)) from error
    progress(checked.rows, checked.rows)
    problems = [replace(one, place=replace(one.place, file=name)) for one in checked.problems]
    return replace(checked, file=name, problems=problems)


def rules_of(workspace: Workspace[Seed], target: str | None, key: str) -> ImportRules:
    """Return what the files declare about the files of one configuration, on the named or default target.

    An empty value leaves it to the account, like one that is not declared. Errors: `UsageError` for what is
    no configuration there, or takes no contacts.
    """
    name = chosen_target(workspace, target).name
    found = [one for one in workspace.declared[name] if matches(one.key, key)]
    if len(found) > 1:
        raise UsageError(
            f"{visible(key)} names more than one: {', '.join(one.key for one in found)}; name one"
        )
    if not found:
        raise UsageError(_why_none(workspace, name, key))
    declared = found[0]
    for what, is_so in {"absent": declared.absent, "hidden": declared.hidden}.items():
        if is_so:
            why = f"{declared.key} is declared {what}: true on target {name}"
            raise UsageError(f"{why}, so nothing is imported with it there")
    return ImportRules(declared.key, name, **{rule: _value(declared, path) for rule, path in FIELDS.items()})


def _why_none(workspace: Workspace[Seed], target: str, key: str) -> str:
    """Return why no configuration of a target has this key, and what is near."""
    elsewhere = [one for one in workspace.resources.values() if matches(one.key, key)]
    if elsewhere:
        homes = ", ".join(elsewhere[0].blocks)
        return f"{elsewhere[0].key} does not live on target {target}, but on {homes}: add --target"
    if any(matches(seed.key, key) for seed in workspace.seeds[target]):
        return f"{visible(key)} is a test batch; a file is checked for an import configuration"
    hint = meant_key(key, [one.key for one in workspace.declared[target]])
    return f"nothing declared on {target} is called {visible(key)}; {hint}"


def _value(declared: Declared, path: str) -> Any:
    """Return the declared value of a field, `None` for an empty one; columns by their numbers."""
    given = declared.given.get(path)
    value = given.value if given else None
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        return {row["SourceColumnNumber"]: row["TargetColumnName"] for row in rows} or None
    return None if value == "" or isinstance(value, Reference) else value


def _name_of(path: Path, environment: Environment) -> tuple[str, bool]:
    """Return what people are shown of a path, and whether the file lies in the repository, if there is one.

    Elsewhere it is the name alone: the folders of a person are no matter of a report.
    """
    real, here = Path(os.path.realpath(path)), environment.folder.resolve()  # a link may lead to itself
    top = top_of(here, environment.environ) or here
    if not real.is_relative_to(top):
        return visible(path.name, longest=4096), False
    return visible(Path(os.path.relpath(real, here)).as_posix(), longest=4096), True
