"""`reconciler validate`: every problem of every file. Offline, and needs no secret."""

from __future__ import annotations

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.github import annotate
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.errors import Exit, FilesInvalid
from reconciler.render.values import FORMAT_VERSION, counted, problem_document, problems_text


def validate(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print the warnings and what was checked. Errors: `FilesInvalid` with all problems."""
    try:
        workspace = open_workspace(selection, environment)
    except FilesInvalid as error:
        annotate(error.problems, console, environment)
        raise
    annotate(workspace.warnings, console, environment)
    summary = (
        f"Valid: {counted(workspace.files, 'file')}, {counted(workspace.resources, 'resource')}, "
        f"{counted(len(workspace.targets), 'target')}, {counted(len(workspace.warnings), 'warning')}."
    )
    warnings = problems_text(workspace.warnings, paint=console.paint)
    document = {
        "format_version": FORMAT_VERSION,
        "files": workspace.files,
        "resources": workspace.resources,
        "targets": list(workspace.targets),
        "problems": [problem_document(problem) for problem in workspace.warnings],
    }
    console.result(f"{warnings}\n\n{summary}" if warnings else summary, document)
    return Exit.DONE
