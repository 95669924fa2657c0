"""The line by which an editor finds the schema of a file, in the form of the YAML language server."""

from __future__ import annotations

from pathlib import Path

from reconciler.config.schema import SCHEMA_FILE


def modeline(file: Path, folder: Path) -> str:
    """Return the line for a file of the workspace in `folder`, its end included.

    It names the schema by where it lies from the file, so that it holds wherever the workspace is.
    """
    depth = len(file.relative_to(folder).parts) - 1
    return f"# yaml-language-server: $schema={'../' * depth}{SCHEMA_FILE}\n"


def modeline_if_known(file: Path, folder: Path) -> str:
    """Return the line for a new file of a workspace, empty where there is no schema that it could name."""
    return modeline(file, folder) if (folder / SCHEMA_FILE).is_file() else ""
