"""Several targets in one run: each by itself, the failure of one leaving the others whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.github import begin
from reconciler.commands.interrupts import noticed_interrupts
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.load import Workspace
from reconciler.engine.declared import matches
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.expoints.seed import Seed
from reconciler.render.report import TargetEnd, heading
from reconciler.render.values import Document, harmless

_INTERRUPTED = "interrupted"

Told: TypeAlias = tuple[Exit, Document]
"""What a target means by itself, and the document with all that was told of it."""
Visit: TypeAlias = Callable[[Workspace[Seed], Selection], Told]
"""Plans or applies one target, and tells of it on the way."""


class TargetSelection(Struct, frozen=True):
    """Which targets are asked for, in this order; none named are all of the workspace, or the default one."""

    names: tuple[str, ...] = ()
    or_default: bool = False

    def of(self, workspace: Workspace[Seed]) -> tuple[str, ...]:
        """Return the names of the targets. Errors: `UsageError` for one that does not exist, or for none."""
        if not self.names and self.or_default:
            return (chosen_target(workspace, None).name,)
        for name in self.names:
            if name not in workspace.targets:
                raise UsageError(f"there is no target {name}; there are {', '.join(workspace.targets)}")
        return self.names or tuple(workspace.targets)


def visited(
    several: TargetSelection, selection: Selection, visit: Visit, console: Console, environment: Environment
) -> tuple[TargetEnd, ...]:
    """Visit every target of the workspace that is asked for; return how each ended.

    After an interrupt no other one is begun. Errors: `FilesInvalid` and `UsageError` before the first.
    """
    workspace = open_workspace(selection, environment)
    parts = shares(several, selection, workspace)
    begin(workspace, console, environment)
    with noticed_interrupts() as interrupted:
        return tuple(
            _Stop(workspace, part, console).end(visit, is_begun=not interrupted.is_set()) for part in parts
        )


class Share(Struct, frozen=True):
    """What of a selection is there on one target; `None` where nothing of it is."""

    target: str
    selection: Selection | None


def shares(several: TargetSelection, selection: Selection, workspace: Workspace[Seed]) -> tuple[Share, ...]:
    """Return the share of each target; a glob has to match on one of them.

    Errors: `UsageError` for one that matches nowhere.
    """
    keys = {name: _keys(workspace, name) for name in several.of(workspace)}
    for glob in (*selection.only, *selection.exclude):
        if not any(_there([glob], some) for some in keys.values()):
            raise UsageError(f"nothing declared on the targets {', '.join(keys)} is called {glob}")
    return tuple(_share(name, selection, some) for name, some in keys.items())


def _share(name: str, selection: Selection, keys: Sequence[str]) -> Share:
    only, exclude = _there(selection.only, keys), _there(selection.exclude, keys)
    if selection.only and not only:
        return Share(name, None)
    return Share(name, replace(selection, target=name, only=only, exclude=exclude))


def _keys(workspace: Workspace[Seed], target: str) -> Sequence[str]:
    return [*(one.key for one in workspace.declared[target]), *(one.key for one in workspace.seeds[target])]


def _there(globs: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """Return the globs that match any of the keys."""
    return tuple(glob for glob in globs if any(matches(key, glob) for key in keys))


class _Stop(Struct, frozen=True):
    """One target on the way."""

    workspace: Workspace[Seed]
    share: Share
    console: Console

    def end(self, visit: Visit, *, is_begun: bool) -> TargetEnd:
        name = self.share.target
        self.console.interim(heading(name, self.console.paint))
        if not is_begun:
            return self._failed(Exit.ERROR, f"not begun: {_INTERRUPTED}")
        if self.share.selection is None:
            note = "nothing that was selected is declared on it"
            self.console.interim(f"Left out: {note}.")
            return TargetEnd(name, Exit.DONE, note=note)
        try:
            exit, document = visit(self.workspace, self.share.selection)
        except ReconcilerError as error:
            return self._failed(error.exit, str(error))
        except KeyboardInterrupt:
            return self._failed(Exit.ERROR, _INTERRUPTED)
        return TargetEnd(name, exit, document)

    def _failed(self, exit: Exit, error: str) -> TargetEnd:
        self.console.interim(f"Error: {harmless(error)}")
        if self.console.as_json:
            self.console.complain(f"target {self.share.target}: {error}")
        return TargetEnd(self.share.target, exit, error=error)
