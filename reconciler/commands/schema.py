"""`reconciler schema KIND`: the JSON Schema of a document, or of the files. Offline; needs no workspace."""

from __future__ import annotations

from reconciler.commands.console import Console
from reconciler.commands.workspace import SECTIONS, SEED_SECTIONS
from reconciler.config.schema import workspace_schema
from reconciler.config.validation import Schema
from reconciler.errors import Exit
from reconciler.planfile.format import schema_of
from reconciler.render.values import json_text


def schema(kind: str, console: Console) -> Exit:
    """Print the schema of `workspace`, or of one of `planfile.format.DOCUMENTS`; it is JSON either way."""
    found = files_schema() if kind == "workspace" else dict(schema_of(kind))
    console.result(json_text(found), found)
    return Exit.DONE


def files_schema() -> Schema:
    """Return the schema of what a person may write into any file of a workspace."""
    return workspace_schema(SECTIONS, SEED_SECTIONS)
