"""Completion in a shell: the script that asks for it, and the names of the workspace.

A shell asks while a line is typed, so an error is no answer, and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reconciler.commands.names import Names

_VARIABLE = "_RECONCILER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script by which a shell completes: eval "$(reconciler completion bash)".

    In fish: reconciler completion fish | source. It goes into the start-up file of the shell.
    """
    from click.shell_completion import get_completion_class

    made_by = get_completion_class(shell)
    assert made_by is not None  # noqa: S101  # the choices above are click's own
    click.echo(made_by(context.find_root().command, {}, "reconciler", _VARIABLE).source())
    return 0


def complete_target(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the targets that begin so."""
    return _items(name for name in _names(context).targets if name.startswith(incomplete))


def _complete_keys(*sections: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what returns the keys of these sections, or of all, that begin so."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _items(_names(context).keys(incomplete, *sections))

    return complete


complete_key = _complete_keys()
complete_resource = _complete_keys("import_configs")
complete_seed = _complete_keys("customer_seeds")


def _items(names: Iterable[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names]


def _names(context: click.Context) -> Names:
    from reconciler.commands.names import Names, names_in

    try:
        return names_in(context.params.get("workspace"), Path.cwd())
    except (ReconcilerError, OSError):
        return Names((), {})
