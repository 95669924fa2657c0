"""`reconciler sandbox …`: the emulated APIs."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import (
    option,
    output_options,
    selection_of,
    selection_options,
)
from reconciler.cli.running import run


@click.group(epilog=EPILOG)
def sandbox() -> None:
    """Serve, look into, reset the emulated APIs."""


@sandbox.command("serve", epilog=EPILOG)
@selection_options
@option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 is any free one.")
@option(
    "--variant", multiple=True, metavar="NAME=VALUE", help="How an unknown of the APIs behaves; repeatable."
)
@option("--fault", multiple=True, metavar="RULE", help="What goes wrong, like PUT:2:after:drop; repeatable.")
@output_options
def sandbox_serve(**options: Any) -> int:
    """Answer on a port of this machine until interrupted. It takes any keys."""
    from reconciler.commands.sandbox import sandbox_serve

    return run(
        options,
        lambda console, environment: sandbox_serve(
            selection_of(options),
            console,
            environment,
            port=options["port"],
            variants=options["variant"],
            faults=options["fault"],
        ),
    )


@sandbox.command("show", epilog=EPILOG)
@selection_options
@output_options
def sandbox_show(**options: Any) -> int:
    """Show what the sandbox holds: configurations, surveys, the last requests, mails."""
    from reconciler.commands.sandbox import sandbox_show

    return run(
        options, lambda console, environment: sandbox_show(selection_of(options), console, environment)
    )


@sandbox.command("reset", epilog=EPILOG)
@selection_options
@output_options
def sandbox_reset(**options: Any) -> int:
    """Put the sandbox back to its beginning."""
    from reconciler.commands.sandbox import sandbox_reset

    return run(
        options, lambda console, environment: sandbox_reset(selection_of(options), console, environment)
    )
