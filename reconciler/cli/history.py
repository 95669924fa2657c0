"""`reconciler history …` and `reconciler restore RUN`: what was done, and the way back."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import (
    lock_of,
    lock_options,
    option,
    output_options,
    recreate_option,
    seconds,
    selection_of,
    selection_options,
    yes_option,
)
from reconciler.cli.running import run


@click.group(epilog=EPILOG, invoke_without_command=True)
@selection_options
@option("--key", multiple=True, metavar="GLOB", help="Only runs that wrote such a key; repeatable.")
@option("--since", metavar="DURATION", help="Only runs that began so lately, like 12h or 30d.")
@option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many runs.")
@output_options
@click.pass_context
def history(context: click.Context, /, **options: Any) -> int | None:
    """Show the runs of a target, newest first."""
    from reconciler.commands.history import Filter, history

    if context.invoked_subcommand is not None:
        _refuse_lost(context)
        return None
    since = None if options["since"] is None else seconds(options["since"], "--since")
    wanted = Filter(options["key"], since, options["limit"])
    return run(
        options, lambda console, environment: history(selection_of(options), wanted, console, environment)
    )


def _refuse_lost(context: click.Context) -> None:
    """Raise `UsageError` for options before a subcommand, which has its own and never sees them."""
    given = [name for name in context.params if _is_given(context, name)]
    if given:
        raise click.UsageError(f"write --{given[0]} after {context.invoked_subcommand}")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


@history.command("show", epilog=EPILOG)
@click.argument("number", metavar="RUN", type=click.IntRange(1))
@selection_options
@output_options
def history_show(**options: Any) -> int:
    """Show what one run wrote, field by field."""
    from reconciler.commands.history import history_show

    return run(
        options,
        lambda console, environment: history_show(
            options["number"], selection_of(options), console, environment
        ),
    )


@history.command("prune", epilog=EPILOG)
@click.option("--older-than", metavar="DURATION", required=True, help="Forget runs that ended so long ago.")
@selection_options
@yes_option
@output_options
def history_prune(**options: Any) -> int:
    """Forget old runs; never a delivery, nor what later runs need."""
    from reconciler.commands.history import history_prune

    age = seconds(options["older_than"], "--older-than")
    return run(
        options,
        lambda console, environment: history_prune(
            age, selection_of(options), console, environment, yes=options["yes"]
        ),
    )


@click.command(epilog=EPILOG)
@click.argument("number", metavar="RUN", type=click.IntRange(1))
@selection_options
@yes_option
@recreate_option
@lock_options
@output_options
def restore(**options: Any) -> int:
    """Plan the way back from a run, ask, carry it out, verify it."""
    from reconciler.commands.restore import restore

    return run(
        options,
        lambda console, environment: restore(
            options["number"],
            selection_of(options),
            console,
            environment,
            yes=options["yes"],
            lock=lock_of(options),
            recreate=frozenset(options["recreate"]),
        ),
    )
