"""The workspace that a command is about, loaded and checked: what is offline needs no more than this."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.environment import Environment
from reconciler.config.discovery import SETTINGS_FILE, find_workspace, is_workspace_file, shown
from reconciler.config.load import SeedsByName, Workspace, as_of, load
from reconciler.config.names import listed
from reconciler.engine.kind import Globs
from reconciler.errors import FilesInvalid
from reconciler.git import check_not_bare, left_out
from reconciler.problems import Place, Problem, Severity
from reconciler.render.values import counted

if TYPE_CHECKING:
    from reconciler.config.resources import Resource
    from reconciler.expoints.seed import Seed


CUSTOMER_SEEDS: SeedsByName[Seed] = SeedsByName(
    "customer_seeds", "expoints", lambda: import_module("reconciler.expoints.model").SEEDS
)
"""The section of seeds, of which nothing is imported until it is opened."""


class Selection(Struct, frozen=True):
    """What a command is about: which files, target and keys. Globs match with `*` and `?`."""

    workspace: Path | None = None
    target: str | None = None
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    within: tuple[Globs, ...] = ()
    """What a plan file is about: only what is in these too, of which nothing has to be there any more."""

    @property
    def parts(self) -> tuple[Globs, ...]:
        """What is selected: that which is in all of them."""
        own = Globs(self.only, self.exclude)
        return self.within if own == Globs() else (*self.within, own)


def open_workspace(
    selection: Selection, environment: Environment, *, of_settings: bool = False
) -> Workspace[Seed]:
    """Find, load and check the workspace; `of_settings` only `reconciler.yaml`, as if nothing were declared.

    Errors: `FilesInvalid`; `UsageError` where there is none, or it looks like a bare repository of git.
    """
    folder = find_workspace(selection.workspace, environment.folder)
    check_not_bare(folder)
    names = [
        name
        for name in left_out(folder, environment.environ)
        if not any(part.startswith(".") for part in name.split("/"))
        and (name.endswith("/") or is_workspace_file(PurePosixPath(name).name))
    ]
    place = Place(shown(folder / SETTINGS_FILE, environment.folder), 1, 1)
    missing = [_not_read(names, place)] if names else []
    try:
        reading = environment.reading
        read = load(
            folder, SECTION, environment.folder, CUSTOMER_SEEDS, progress=reading, of_settings=of_settings
        )
    except FilesInvalid as invalid:
        raise FilesInvalid([*missing, *invalid.problems]) from invalid
    workspace = as_of(read, environment.clock.now())
    return replace(workspace, warnings=(*missing, *workspace.warnings))


def _not_read(names: Sequence[str], place: Place) -> Problem:
    """Return the warning that git leaves files and submodules of a workspace out of this checkout."""
    ways = {False: "git sparse-checkout disable", True: "git submodule update --init"}
    hint = " and ".join(ways[is_submodule] for is_submodule in sorted({name[-1] == "/" for name in names}))
    message = f"git leaves out of this checkout, so that it is not read: {listed(names)}"
    hint = f"{hint}; until then --prune is refused, for it would delete what they declare"
    return Problem("files-left-out", place, "", message, hint, Severity.WARNING)


def counts_text(workspace: Workspace[Seed]) -> str:
    """Return how much there is in a workspace."""
    numbers = {"file": workspace.files, "resource": workspace.count}
    numbers |= {"target": len(workspace.targets), "warning": len(workspace.warnings)}
    return ", ".join(counted(number, noun) for noun, number in numbers.items())


def hints(workspace: Workspace[Seed]) -> list[Problem]:
    """Return, once a file, that what names no targets lives on every one of several."""
    files: dict[str, list[Resource]] = {}
    for resource in workspace.resources.values():
        if resource.own.controls.targets is None and len(resource.blocks) > 1:
            files.setdefault(resource.written.source.file, []).append(resource)
    found = []
    for first, *more in files.values():
        others = f", like {len(more)} more of this file" if more else ""
        message = f"without targets: it lives on every target: {', '.join(first.blocks)}{others}"
        hint, place = "write targets: [NAME, …] with those that are meant", first.written.key_place
        found.append(Problem("every-target", place, first.key, message, hint, Severity.HINT))
    return sorted(found, key=lambda one: one.place)
