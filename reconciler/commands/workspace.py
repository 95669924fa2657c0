"""The workspace that a command is about, loaded and checked: what is offline needs no more than this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from reconciler.checkmarket.model import SECTION
from reconciler.commands.environment import Environment
from reconciler.config.discovery import find_workspace
from reconciler.config.load import SeedsByName, Workspace, as_of, load
from reconciler.engine.kind import Globs
from reconciler.git import check_not_bare

if TYPE_CHECKING:
    from reconciler.config.seeds import SeedSection
    from reconciler.expoints.seed import Seed


def _customer_seeds() -> SeedSection[Seed, Any, Any]:
    from reconciler.expoints.model import SEEDS

    return SEEDS


CUSTOMER_SEEDS: SeedsByName[Seed] = SeedsByName("customer_seeds", "expoints", _customer_seeds)
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


def open_workspace(selection: Selection, environment: Environment) -> Workspace[Seed]:
    """Find, load and check the workspace.

    Errors: `FilesInvalid`; `UsageError` where there is none, or it looks like a bare repository of git.
    """
    folder = find_workspace(selection.workspace, environment.folder)
    check_not_bare(folder)
    read = load(folder, SECTION, environment.folder, CUSTOMER_SEEDS, progress=environment.reading)
    return as_of(read, environment.clock.now())
