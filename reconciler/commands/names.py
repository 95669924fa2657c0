"""The names that a workspace gives to things, for completion: read even from files with errors."""

from __future__ import annotations

from pathlib import Path

from reconciler.config.discovery import find_workspace, read_workspace
from reconciler.config.names import NAME

TARGETS = "targets"
NOT_DECLARING = frozenset(
    {TARGETS, "presets", "moved", "guardrails", "version", "default_target", "undeclared", "time_zone"}
    | {"ignore_warnings"}
)
"""What may stand at the top of a file and declares nothing."""


def names_in(workspace: Path | None, folder: Path) -> dict[str, list[str]]:
    """Return the names in each section of a workspace, the one around `folder` unless it is named, in order.

    Nothing is checked, and nothing is secret. A file that cannot be read has no names, and what has not the
    form of a name is left out: bash puts it into the line as it is, where `$(…)` and `;` are obeyed.
    Errors: `UsageError` where there is no workspace.
    """
    found: dict[str, set[str]] = {}
    for document in read_workspace(find_workspace(workspace, folder), folder):
        for section, node in document.top.entries():
            if NAME.fullmatch(section):
                names = found.setdefault(section, set())
                names.update(name for name, _ in node.entries() if NAME.fullmatch(name))
    return {section: sorted(names) for section, names in sorted(found.items()) if names}


def keys_in(names: dict[str, list[str]], beginning: str, *sections: str) -> list[str]:
    """Return the keys that begin so, of some sections or of all; in full once their section is typed."""
    declaring = [name for name in names if name not in NOT_DECLARING]
    wanted = [name for name in declaring if not sections or name in sections]
    keys = [*dict.fromkeys(key for section in wanted for key in names[section])]
    if "." in beginning:
        keys += [f"{section}.{key}" for section in wanted for key in names[section]]
    return [key for key in keys if key.startswith(beginning)]
