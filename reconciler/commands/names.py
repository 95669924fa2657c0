"""The names that a workspace gives to things, for completion: read at once, whatever else is in the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.config.discovery import find_workspace, read_workspace
from reconciler.config.names import NAME

TARGETS = "targets"
NOT_DECLARING = frozenset(
    {TARGETS, "presets", "moved", "guardrails", "version", "default_target", "undeclared", "time_zone"}
)
"""What may stand at the top of a file and declares nothing."""


class Names(Struct, frozen=True):
    """The names of a workspace, each once and in order. Nothing is checked, and nothing is secret."""

    targets: Sequence[str]
    sections: Mapping[str, Sequence[str]]
    """The name of a section → the short keys in it."""

    def keys(self, beginning: str, *sections: str) -> Iterator[str]:
        """Yield the keys that begin so, of some sections or of all; in full once their section is typed."""
        wanted = {name: keys for name, keys in self.sections.items() if not sections or name in sections}
        short = dict.fromkeys(key for keys in wanted.values() for key in keys)
        full = [f"{name}.{key}" for name, keys in wanted.items() for key in keys]
        yield from (key for key in short if key.startswith(beginning))
        yield from (key for key in full if "." in beginning and key.startswith(beginning))


def names_in(workspace: Path | None, folder: Path) -> Names:
    """Return the names in a workspace, the one around `folder` unless it is named.

    A file that cannot be read has none, and what has not the form of a name is left out: bash puts it into
    the line as it is, where `$(…)` and `;` are obeyed. Errors: `UsageError` where there is no workspace.
    """
    found: dict[str, dict[str, None]] = {}
    for document in read_workspace(find_workspace(workspace, folder), folder):
        for section, written in document.top.entries():
            if NAME.fullmatch(section):
                known = found.setdefault(section, {})
                known.update((name, None) for name, _ in written.entries() if NAME.fullmatch(name))
    names = {section: tuple(sorted(keys)) for section, keys in sorted(found.items()) if keys}
    sections = {section: keys for section, keys in names.items() if section not in NOT_DECLARING}
    return Names(names.get(TARGETS, ()), sections)
