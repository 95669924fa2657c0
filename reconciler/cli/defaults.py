"""`reconciler defaults …`: what a reset leaves behind on an account."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import (
    lock_of,
    lock_options,
    output_options,
    selection_of,
    selection_options,
    yes_option,
)
from reconciler.cli.running import run


@click.group(epilog=EPILOG)
def defaults() -> None:
    """Show and learn what a reset leaves behind."""


@defaults.command("show", epilog=EPILOG)
@selection_options
@output_options
def defaults_show(**options: Any) -> int:
    """Show the default of each field, and how it is known. Asks no API."""
    from reconciler.commands.defaults import defaults_show

    return run(
        options, lambda console, environment: defaults_show(selection_of(options), console, environment)
    )


@defaults.command("learn", epilog=EPILOG)
@selection_options
@yes_option
@lock_options
@output_options
def defaults_learn(**options: Any) -> int:
    """Create a configuration with nothing set, read it, delete it, print the defaults: to commit."""
    from reconciler.commands.defaults import defaults_learn

    return run(
        options,
        lambda console, environment: defaults_learn(
            selection_of(options), console, environment, yes=options["yes"], lock=lock_of(options)
        ),
    )
