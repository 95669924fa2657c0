"""`reconciler seeds …`: test batches."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.completion import complete_seed
from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import (
    glob_options,
    lock_of,
    lock_options,
    option,
    output_options,
    seconds,
    selection_of,
    selection_options,
    yes_option,
)
from reconciler.cli.running import run


@click.group(epilog=EPILOG)
def seeds() -> None:
    """Preview, watch, settle, send test batches."""


@seeds.command("preview", epilog=EPILOG)
@click.argument("key", shell_complete=complete_seed)
@selection_options
@output_options
def seeds_preview(**options: Any) -> int:
    """Show each customer as it will go, addresses in full; to a terminal only."""
    from reconciler.commands.seeds import seeds_preview

    return run(
        options,
        lambda console, environment: seeds_preview(
            options["key"], selection_of(options), console, environment
        ),
    )


@seeds.command("status", epilog=EPILOG)
@selection_options
@glob_options
@option("--wait", metavar="DURATION", default="0s", help="Look again for so long, like 30m.")
@output_options
def seeds_status(**options: Any) -> int:
    """Show how seeds stand and what the tenant counts; exit 0 once all has arrived."""
    from reconciler.commands.seeds import seeds_status

    wait = seconds(options["wait"], "--wait")
    return run(
        options,
        lambda console, environment: seeds_status(selection_of(options), console, environment, wait=wait),
    )


@seeds.command("resolve", epilog=EPILOG)
@click.argument("key", shell_complete=complete_seed)
@click.option("--sent/--not-sent", default=None, help="What a person found out; one of the two is needed.")
@selection_options
@lock_options
@output_options
def seeds_resolve(**options: Any) -> int:
    """Settle the customers in doubt of a seed, after looking at the tenant."""
    from reconciler.commands.seeds import seeds_resolve

    if options["sent"] is None:
        raise click.UsageError("say what you found out: --sent or --not-sent")
    return run(
        options,
        lambda console, environment: seeds_resolve(
            options["key"],
            selection_of(options),
            console,
            environment,
            sent=options["sent"],
            lock=lock_of(options),
        ),
    )


@seeds.command("send", epilog=EPILOG)
@click.argument("key", shell_complete=complete_seed)
@click.option("--again", is_flag=True, help="Also to customers that were sent or found in this round.")
@yes_option
@selection_options
@lock_options
@output_options
def seeds_send(**options: Any) -> int:
    """Send a seed now, whatever its send: says."""
    from reconciler.commands.seeds import seeds_send

    return run(
        options,
        lambda console, environment: seeds_send(
            options["key"],
            selection_of(options),
            console,
            environment,
            again=options["again"],
            yes=options["yes"],
            lock=lock_of(options),
        ),
    )
