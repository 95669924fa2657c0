"""`reconciler validate` and `reconciler schema`: every problem of the files, and the schemas. Offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.workspace import CUSTOMER_SEEDS, Selection, counts_text, hints, open_workspace
from reconciler.config.validation import Schema
from reconciler.errors import Exit, FilesInvalid
from reconciler.problems import Problem
from reconciler.render.values import FORMAT_VERSION, harmless, json_text, problem_document, problems_text


def validate(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print the warnings, hints and what was checked. Errors: `FilesInvalid` with all problems."""
    try:
        workspace = open_workspace(selection, environment)
    except FilesInvalid as error:
        _annotate(error.problems, console, environment)
        error.lists_warnings = True
        raise
    _annotate(workspace.warnings, console, environment)
    summary = f"Valid: {counts_text(workspace)}."
    found, reasons = hints(workspace), workspace.settings.ignore_warnings
    counts = {**workspace.ignored, **Counter(one.code for one in found)}
    ignored = {code: (counts[code], why) for code, why in reasons.items()}
    found = [one for one in found if one.code not in reasons]
    off = [f"Switched off: {number} × {code} ({harmless(why)})" for code, (number, why) in ignored.items()]
    warnings = problems_text([*workspace.warnings, *found], paint=console.paint)
    document = {
        "format_version": FORMAT_VERSION,
        "files": workspace.files,
        "resources": workspace.count,
        "targets": list(workspace.targets),
        "problems": [problem_document(problem) for problem in workspace.warnings],
        "hints": [problem_document(hint) for hint in found],
        "ignored": [
            {"code": code, "count": number, "reason": why} for code, (number, why) in ignored.items()
        ],
    }
    console.result(
        "\n\n".join(text for text in (warnings, "\n".join(off), summary) if text), document, has_summary=True
    )
    return Exit.DONE


def _annotate(problems: Sequence[Problem], console: Console, environment: Environment) -> None:
    if problems:
        # Imported here: files without a problem need nothing of what an apply reports.
        from reconciler.commands.reports import annotate

        annotate(problems, console, environment)


def schema(kind: str, console: Console) -> Exit:
    """Print the schema of `workspace`, or of one of `planfile.format.DOCUMENTS`; it is JSON either way."""
    # Imported here, as `validate` needs none of it.
    from reconciler.planfile.format import schema_of

    found = files_schema() if kind == "workspace" else dict(schema_of(kind))
    console.result(json_text(found), found, is_code=True)
    return Exit.DONE


def files_schema() -> Schema:
    """Return the schema of what a person may write into any file of a workspace."""
    # Imported here, as `validate` needs none of it.
    from reconciler.config.schema import workspace_schema

    return workspace_schema(SECTION, CUSTOMER_SEEDS)
