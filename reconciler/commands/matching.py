"""Resources and seeds of a workspace by what they are called."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.commands.workspace import CUSTOMER_SEEDS, SECTIONS
from reconciler.config.load import Workspace
from reconciler.config.names import meant, visible
from reconciler.config.resources import Resource
from reconciler.config.sections import Section
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.expoints.seed import Seed

Resources = list[tuple[Section, Resource]]


def matching(workspace: Workspace[Seed], glob: str) -> Resources:
    """Return the resources that a glob names, with their section. `UsageError` where there is none."""
    everything = _resources(workspace)
    found = _called(everything, glob)
    if not found:
        raise _nothing("resource", glob, [resource.key for _, resource in everything])
    return found


def matching_any(workspace: Workspace[Seed], glob: str) -> tuple[Resources, list[str]]:
    """Return the resources and the keys of the seeds that a glob names. `UsageError` where neither is."""
    everything = _resources(workspace)
    seeds = [*dict.fromkeys(seed.key for seeds in workspace.seeds.values() for seed in seeds)]
    found, sown = _called(everything, glob), [key for key in seeds if _is_called(key, glob)]
    if not found and not sown:
        raise _nothing("resource or seed", glob, [*(resource.key for _, resource in everything), *seeds])
    return found, sown


def seeds_named(workspace: Workspace[Seed], glob: str) -> list[str]:
    """Return the keys of the seeds that a glob names by their section, as `customer_seeds.*` does.

    Without it seeds are not meant: what is said of them may mail people. `UsageError` where there is none.
    """
    if not glob.startswith(f"{CUSTOMER_SEEDS.name}."):
        return []
    return matching_any(workspace, glob)[1]


def _resources(workspace: Workspace[Seed]) -> Resources:
    return [
        (section, resource)
        for section in SECTIONS
        for resource in workspace.readers[section.kind.name].resources.values()
    ]


def _called(resources: Resources, glob: str) -> Resources:
    return [(section, resource) for section, resource in resources if _is_called(resource.key, glob)]


def _is_called(key: str, glob: str) -> bool:
    return fnmatchcase(key, glob) or fnmatchcase(key.partition(".")[2], glob)


def _nothing(what: str, glob: str, keys: list[str]) -> UsageError:
    hint = meant(glob, [key.partition(".")[2] for key in keys])
    return UsageError(f"no {what} is called {visible(glob)}; {hint}")
