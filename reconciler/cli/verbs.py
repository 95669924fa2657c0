"""The verbs that stand by themselves: `validate`, `plan`, `apply`, `show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.completion import complete_resource
from reconciler.cli.options import (
    EPILOG,
    consent_of,
    consent_options,
    fingerprints,
    glob_options,
    lock_of,
    lock_options,
    option,
    output_options,
    reviewed_option,
    selection_of,
    selection_options,
    since_option,
    yes_option,
)
from reconciler.cli.running import run


@click.command(epilog=EPILOG)
@selection_options
@output_options
def validate(**options: Any) -> int:
    """Check every file. Offline; needs no secret."""
    from reconciler.commands.validate import validate

    return run(options, lambda console, outside: validate(selection_of(options), console, outside))


@click.command(epilog=EPILOG)
@selection_options
@glob_options
@consent_options
@since_option
@option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Also write the plan to a file, for apply."
)
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@output_options
def plan(**options: Any) -> int:
    """Show what would change, and what is reset."""
    from reconciler.commands.plan import plan

    return run(
        options,
        lambda console, outside: plan(
            selection_of(options),
            consent_of(options),
            console,
            outside,
            detailed_exitcode=options["detailed_exitcode"],
            out=options["out"],
            since=options["since"],
        ),
    )


@click.command(epilog=EPILOG)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@selection_options
@glob_options
@consent_options
@since_option
@reviewed_option
@click.option("--no-seeds", is_flag=True, help="Send no seeds.")
@yes_option
@lock_options
@output_options
def apply(**options: Any) -> int:
    """Show the plan, ask, carry it out, verify it.

    With a FILE of plan --out, or with --reviewed, nobody is asked: only what was reviewed is carried out.
    """
    from reconciler.commands.apply import apply
    from reconciler.commands.reviewing import read_reviewed

    named = fingerprints(options["reviewed"])
    if options["file"] is not None and named:
        raise click.UsageError("a plan file says what was reviewed: leave out --reviewed, or the file")
    return run(
        options,
        lambda console, outside: apply(
            selection_of(options),
            consent_of(options),
            console,
            outside,
            yes=options["yes"],
            with_seeds=not options["no_seeds"],
            reviewed=read_reviewed(options["file"], named, outside),
            since=options["since"],
            lock=lock_of(options),
        ),
    )


@click.command(epilog=EPILOG)
@click.argument("key", shell_complete=complete_resource)
@selection_options
@output_options
def show(**options: Any) -> int:
    """Show one resource: declared, live, desired."""
    from reconciler.commands.show import show

    return run(
        options, lambda console, outside: show(options["key"], selection_of(options), console, outside)
    )
