"""Completion in a shell: the script that asks for it, and the names of the workspace.

A shell asks while a line is typed, so an error is no answer, and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

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
    targets = _names(context).get("targets", ())
    return _items(name for name in targets if name.startswith(incomplete))


def complete_key(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the keys of resources and seeds that begin so."""
    return _keys(context, incomplete)


def complete_resource(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the keys of resources that begin so."""
    return _keys(context, incomplete, "import_configs")


def complete_seed(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the keys of seeds that begin so."""
    return _keys(context, incomplete, "customer_seeds")


def complete_topic(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the guides, and then the commands, that begin so."""
    from reconciler.commands.help import read_guides

    root = context.find_root()
    assert isinstance(root.command, click.Group)  # noqa: S101  # it has the verbs
    topics = [*read_guides(), *root.command.list_commands(root)]
    return _items(name for name in topics if name.startswith(incomplete))


def complete_explained(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names that `explain` knows and that begin so."""
    from reconciler.commands.explain import names_beginning

    return _items(names_beginning(incomplete))


def _keys(context: click.Context, incomplete: str, *sections: str) -> list[CompletionItem]:
    from reconciler.commands.names import keys_in

    return _items(keys_in(_names(context), incomplete, *sections))


def _items(names: Iterable[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names]


def _names(context: click.Context) -> dict[str, list[str]]:
    from reconciler.commands.names import names_in

    try:
        return names_in(context.params.get("workspace"), Path.cwd())
    except (ReconcilerError, OSError):
        return {}
