"""The verbs that have verbs of their own, and restore, which goes back by what history shows."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from reconciler.cli.completion import complete_seed
from reconciler.cli.lazy_command import EPILOG
from reconciler.cli.options import (
    glob_options,
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


@click.group(epilog=EPILOG)
def schema() -> None:
    """Print JSON Schemas: files, plans, reports, status."""


@schema.command("workspace", epilog=EPILOG)
@output_options
def schema_workspace(**options: Any) -> int:
    """Print the schema of what stands in the files, for editors: save it as .schema.json beside them."""
    return _print("workspace", options)


@schema.command("plan", epilog=EPILOG)
@output_options
def schema_plan(**options: Any) -> int:
    """Print the schema of what plan --out writes and plan --format json prints."""
    return _print("plan", options)


@schema.command("report", epilog=EPILOG)
@output_options
def schema_report(**options: Any) -> int:
    """Print the schema of what apply --format json prints."""
    return _print("report", options)


@schema.command("plans", epilog=EPILOG)
@output_options
def schema_plans(**options: Any) -> int:
    """Print the schema of what plan prints of several targets."""
    return _print("plans", options)


@schema.command("reports", epilog=EPILOG)
@output_options
def schema_reports(**options: Any) -> int:
    """Print the schema of what apply prints of several targets."""
    return _print("reports", options)


@schema.command("status", epilog=EPILOG)
@output_options
def schema_status(**options: Any) -> int:
    """Print the schema of what status --format json prints."""
    return _print("status", options)


def _print(kind: str, options: dict[str, Any]) -> int:
    from reconciler.commands.validate import schema

    return run(options, lambda console, _: schema(kind, console))


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
