"""The verbs that read and write the files of a workspace: `set`, `list`, `fmt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import EPILOG, output_options, selection_of, selection_options
from reconciler.cli.running import run

diff_option = click.option("--diff", is_flag=True, help="Show the edit, and write nothing.")


@click.command("set", epilog=EPILOG)
@click.argument("glob")
@click.argument("assignments", nargs=-1, required=True, metavar="PATH=VALUE...")
@diff_option
@selection_options
@output_options
def set_(**options: Any) -> int:
    """Edit many resources at once, in place: comments and layout stay.

    targets.NAME.PATH=VALUE edits the block of a target.
    """
    from reconciler.commands.set_fields import set_fields

    return run(
        options,
        lambda console, outside: set_fields(
            options["glob"],
            options["assignments"],
            selection_of(options),
            console,
            outside,
            diff=options["diff"],
        ),
    )


@click.command("list", epilog=EPILOG)
@click.argument("glob", default="*")
@click.option(
    "--where", multiple=True, metavar="PATH=VALUE", help="Only what declares this; repeatable, all count."
)
@selection_options
@output_options
def list_(**options: Any) -> int:
    """List resources and where they stand. Offline."""
    from reconciler.commands.list_resources import list_resources

    return run(
        options,
        lambda console, outside: list_resources(
            options["glob"], options["where"], selection_of(options), console, outside
        ),
    )


@click.command("fmt", epilog=EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...]")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a file is not in order.")
@diff_option
@selection_options
@output_options
def fmt(**options: Any) -> int:
    """Put the keys of resources into their canonical order, comments with them."""
    from reconciler.commands.fmt import fmt

    return run(
        options,
        lambda console, outside: fmt(
            options["files"],
            selection_of(options),
            console,
            outside,
            check=options["check"],
            diff=options["diff"],
        ),
    )
