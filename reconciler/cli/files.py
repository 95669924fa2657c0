"""The verbs that read and write the files of a workspace: `adopt`, `set`, `list`, `fmt`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from reconciler.cli import EPILOG
from reconciler.cli.options import (
    glob_options,
    output_options,
    plain_options_with,
    selection_anywhere,
    selection_of,
    selection_options,
)
from reconciler.cli.running import Command, runs

diff_option = click.option("--diff", is_flag=True, help="Show the edit, and write nothing.")


@click.command("adopt", epilog=EPILOG)
@click.option("--all", "everything", is_flag=True, help="Everything that is live and declared nowhere.")
@click.option("--id", "ids", type=int, multiple=True, metavar="N", help="This one; repeatable.")
@click.option("--name", "names", multiple=True, metavar="GLOB", help="What is named so; repeatable.")
@click.option("--into", type=click.Path(path_type=Path), help="The file; with --split the folder.")
@click.option("--split", is_flag=True, help="One file for each.")
@click.option("--preset", default="", metavar="NAME", help="Write only what differs from this preset.")
@click.option("--update", is_flag=True, help="Bring live changes of declared fields into the files.")
@diff_option
@selection_options
@glob_options
@output_options
@runs
def adopt(**options: Any) -> Command:
    """Write live configurations into the files, so that the next plan is empty.

    What is declared on another target by the same name comes to live on this one too.
    """
    from reconciler.commands.adopt import Wanted, adopt, adopt_update

    wanted = [options[name] for name in ("everything", "ids", "names", "into", "split", "preset")]
    if options["update"]:
        if any(wanted):
            raise click.UsageError(
                "--update is about what is declared already: choose with --only and --exclude"
            )
        return partial(adopt_update, selection_of(options), diff=options["diff"])
    if options["only"] or options["exclude"]:
        raise click.UsageError("--only and --exclude choose among what is declared: they go with --update")
    return partial(adopt, Wanted(*wanted), selection_of(options), diff=options["diff"])


@click.command("set", epilog=EPILOG)
@click.argument("glob")
@click.argument("assignments", nargs=-1, required=True, metavar="PATH=VALUE...")
@diff_option
@plain_options_with("Edit what counts on this target; on every target if left out.")
@runs
def set_(glob: str, assignments: tuple[str, ...], diff: bool, **options: Any) -> Command:
    """Edit many resources, or seeds named customer_seeds.GLOB, in place: comments and layout stay.

    A field of text has VALUE as it stands; PATH:=VALUE writes null, "text", [a list] or {a: mapping}.
    targets.NAME.PATH=VALUE, or --target NAME, edits what counts on a target.
    """
    from reconciler.commands.edit import set_fields

    return partial(set_fields, glob, assignments, selection_of(options), diff=diff)


@click.command("list", epilog=EPILOG)
@click.argument("glob", default="*")
@click.option(
    "--where", multiple=True, metavar="PATH=VALUE", help="Only what declares this; repeatable, all count."
)
@plain_options_with("Only what lives on this target; every target if left out.")
@runs
def list_(glob: str, where: tuple[str, ...], **options: Any) -> Command:
    """List resources and seeds, and where they stand. Offline.

    Text is compared as it stands; PATH:=null finds what is null.
    """
    from reconciler.commands.edit import list_resources

    return partial(list_resources, glob, where, selection_of(options))


@click.command("fmt", epilog=EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...]")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a file is not in order.")
@diff_option
@plain_options_with("Without effect: files are put in order whole.")
@runs
def fmt(files: tuple[Path, ...], check: bool, diff: bool, **options: Any) -> Command:
    """Put the keys of resources and seeds into their canonical order, comments with them."""
    from reconciler.commands.edit import fmt

    return partial(fmt, files, selection_anywhere(options), check=check, diff=diff)
