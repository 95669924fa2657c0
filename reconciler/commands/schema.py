"""`reconciler schema KIND`: the JSON Schema of a document. Offline, and needs no workspace."""

from __future__ import annotations

from reconciler.commands.console import Console, json_text
from reconciler.errors import Exit
from reconciler.planfile.format import schema_of


def schema(kind: str, console: Console) -> Exit:
    """Print the schema of one of `planfile.format.DOCUMENTS`; it is JSON either way."""
    found = schema_of(kind)
    console.result(json_text(found), found)
    return Exit.DONE
