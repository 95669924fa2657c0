"""Resources of a workspace by what they are called."""

from __future__ import annotations

from fnmatch import fnmatchcase

from reconciler.commands.workspace import SECTIONS
from reconciler.config.load import Workspace
from reconciler.config.resources import Resource
from reconciler.config.section import Section
from reconciler.config.wording import meant, visible
from reconciler.errors import UsageError
from reconciler.expoints.seed import Seed


def matching(workspace: Workspace[Seed], glob: str) -> list[tuple[Section, Resource]]:
    """Return the resources that a glob names, with their section. `UsageError` where there is none."""
    everything = [
        (section, resource)
        for section in SECTIONS
        for resource in workspace.readers[section.kind.name].resources.values()
    ]
    found = [(section, resource) for section, resource in everything if _is_called(resource.key, glob)]
    if not found:
        hint = meant(glob, [resource.key.partition(".")[2] for _, resource in everything])
        raise UsageError(f"no resource is called {visible(glob)}; {hint}")
    return found


def _is_called(key: str, glob: str) -> bool:
    return fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)
