"""The verbs that have verbs of their own, and `restore`, which goes back by what `history` shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from reconciler.cli import EPILOG
from reconciler.cli.completion import complete_seed
from reconciler.cli.options import (
    allow_effect_option,
    allow_resets_option,
    consent_of,
    fingerprints,
    glob_options,
    lock_of,
    lock_options,
    option,
    out_option,
    output_options,
    plain_options,
    recreate_option,
    report_option,
    reports_of,
    reviewed_option,
    seconds,
    selection_of,
    selection_options,
    yes_option,
)
from reconciler.cli.running import Command, runs

run_argument = click.argument("number", metavar="RUN", type=click.IntRange(1))
seed_argument = click.argument("key", shell_complete=complete_seed)


@click.group(epilog=EPILOG, invoke_without_command=True)
@selection_options
@option("--key", multiple=True, metavar="GLOB", help="Only runs that wrote such a key; repeatable.")
@option("--since", metavar="DURATION", help="Only runs that began so lately, like 12h or 30d.")
@option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many runs.")
@output_options
@runs
def history(key: tuple[str, ...], since: str | None, limit: int, **options: Any) -> Command | None:
    """Show the runs of a target, newest first."""
    from reconciler.commands.history import Filter, history

    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        # A subcommand has options of its own, and never sees those before it.
        for name in context.params:
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"write --{name} after {context.invoked_subcommand}")
        return None
    wanted = Filter(key, None if since is None else seconds(since, "--since"), limit)
    return partial(history, selection_of(options), wanted)


@history.command("show", epilog=EPILOG, short_help="Show all that one run did.")
@run_argument
@plain_options
@runs
def history_show(number: int, **options: Any) -> Command:
    """Show all that one run did: fields, mail, what it found, resolved and learned."""
    from reconciler.commands.history import history_show

    return partial(history_show, number, selection_of(options))


@history.command("prune", epilog=EPILOG)
@click.option("--older-than", metavar="DURATION", required=True, help="Forget runs that ended so long ago.")
@selection_options
@yes_option
@output_options
@runs
def history_prune(older_than: str, yes: bool, **options: Any) -> Command:
    """Forget old runs; never a delivery, nor what later runs need."""
    from reconciler.commands.history import history_prune

    return partial(history_prune, seconds(older_than, "--older-than"), selection_of(options), yes=yes)


@click.command(epilog=EPILOG)
@run_argument
@selection_options
@option("--plan", is_flag=True, help="Show the way back, and write nothing.")
@out_option("The same, and write it to a file, for apply.", "RESTORE_OUT")
@allow_resets_option
@allow_effect_option
@recreate_option
@report_option
@reviewed_option
@yes_option
@lock_options
@output_options
@runs
def restore(number: int, **options: Any) -> Command:
    """Plan the way back from a run, ask, carry it out, verify it.

    RUN is its number, which history lists. What was empty before the run is reset, within the limits of
    every plan. With --plan or --out nothing is written; apply FILE carries out what --out wrote, once it was
    reviewed.
    """
    from reconciler.commands.apply import ApplyOptions, apply
    from reconciler.commands.plan import PlanOptions, plan

    asked: dict[str, Any] = {"consent": consent_of(options), "reports": reports_of(options)}
    if options["plan"] or options["out"]:
        if options["yes"] or options["reviewed"]:
            raise click.UsageError(
                "--plan and --out write nothing to the account: leave out --yes, --reviewed"
            )
        return partial(plan, selection_of(options), PlanOptions(**asked, out=options["out"], restores=number))
    asked |= {"yes": options["yes"], "reviewed": fingerprints(options["reviewed"])}
    return partial(
        apply, selection_of(options), ApplyOptions(**asked, lock=lock_of(options), restores=number)
    )


@click.group(epilog=EPILOG)
def seeds() -> None:
    """Preview, watch, settle, send test batches."""


@seeds.command("preview", epilog=EPILOG, short_help="Show each customer as it will go.")
@seed_argument
@plain_options
@runs
def seeds_preview(key: str, **options: Any) -> Command:
    """Show each customer as it will go, with its data; masked unless on a terminal."""
    from reconciler.commands.seeds import seeds_preview

    return partial(seeds_preview, key, selection_of(options))


@seeds.command("status", epilog=EPILOG, short_help="Show how seeds stand and what has arrived.")
@click.argument("key", required=False, default="", shell_complete=complete_seed)
@selection_options
@glob_options
@option("--wait", metavar="DURATION", default="0s", help="Look again for so long, like 30m.")
@output_options
@runs
def seeds_status(key: str, wait: str, **options: Any) -> Command:
    """Show how seeds stand and what the tenant counts; exit 0 once all has arrived."""
    from reconciler.commands.seeds import seeds_status

    return partial(seeds_status, selection_of(options), key=key, wait=seconds(wait, "--wait"))


@seeds.command("resolve", epilog=EPILOG, short_help="Settle what is in doubt, after looking at the tenant.")
@seed_argument
@click.option("--sent/--not-sent", default=None, help="What a person found out; one of the two is needed.")
@selection_options
@lock_options
@output_options
@runs
def seeds_resolve(key: str, sent: bool | None, **options: Any) -> Command:
    """Settle the customers in doubt of a seed, after looking at the tenant."""
    from reconciler.commands.seeds import seeds_resolve

    if sent is None:
        raise click.UsageError("say what you found out: --sent or --not-sent")
    return partial(seeds_resolve, key, selection_of(options), sent=sent, lock=lock_of(options))


@seeds.command("send", epilog=EPILOG)
@seed_argument
@click.option("--again", is_flag=True, help="Also to customers that were sent to or found in this round.")
@yes_option
@selection_options
@lock_options
@output_options
@runs
def seeds_send(key: str, again: bool, yes: bool, **options: Any) -> Command:
    """Send a seed now, whatever its send: says."""
    from reconciler.commands.seeds import seeds_send

    return partial(seeds_send, key, selection_of(options), again=again, yes=yes, lock=lock_of(options))


@click.group(epilog=EPILOG)
def defaults() -> None:
    """Show and learn what a reset leaves behind."""


@defaults.command("show", epilog=EPILOG)
@plain_options
@runs
def defaults_show(**options: Any) -> Command:
    """Show the default of each field, and how it is known. Asks no API."""
    from reconciler.commands.defaults import defaults_show

    return partial(defaults_show, selection_of(options))


@defaults.command("learn", epilog=EPILOG, short_help="Find defaults out by an empty configuration.")
@selection_options
@yes_option
@lock_options
@output_options
@runs
def defaults_learn(yes: bool, **options: Any) -> Command:
    """Create a configuration with nothing set, read it, delete it, print the defaults: to commit."""
    from reconciler.commands.defaults import defaults_learn

    return partial(defaults_learn, selection_of(options), yes=yes, lock=lock_of(options))


@click.group(epilog=EPILOG)
def schema() -> None:
    """Print JSON Schemas: files, plans, reports, status."""


def _add_schema(kind: str, help: str) -> None:
    @schema.command(kind, epilog=EPILOG, help=help)
    @output_options
    @runs
    def print_schema(**_: Any) -> Command:
        from reconciler.commands.validate import schema

        return lambda console, _: schema(kind, console)


for _kind, _help in {
    "workspace": "Print the schema of the files, for editors.\n\nSave it as .schema.json beside them.",
    "plan": "Print the schema of a plan, as --out and --format json have it.",
    "report": "Print the schema of what apply --format json prints.",
    "plans": "Print the schema of what plan prints of several targets.",
    "reports": "Print the schema of what apply prints of several targets.",
    "status": "Print the schema of what status --format json prints.",
    "check": "Print the schema of a check, as --format json has it.",
    "forecast": "Print the schema of what forecast --format json prints.",
}.items():
    _add_schema(_kind, _help)


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
@runs
def sandbox_serve(port: int, variant: tuple[str, ...], fault: tuple[str, ...], **options: Any) -> Command:
    """Answer on a port of this machine until interrupted. It takes any keys."""
    from reconciler.commands.sandbox import sandbox_serve

    return partial(sandbox_serve, selection_of(options), port=port, variants=variant, faults=fault)


@sandbox.command("show", epilog=EPILOG, short_help="Show what it holds, its last requests and mails.")
@plain_options
@runs
def sandbox_show(**options: Any) -> Command:
    """Show what the sandbox holds: configurations, surveys, the last requests, mails."""
    from reconciler.commands.sandbox import sandbox_show

    return partial(sandbox_show, selection_of(options))


@sandbox.command("reset", epilog=EPILOG)
@plain_options
@runs
def sandbox_reset(**options: Any) -> Command:
    """Put the sandbox back to its beginning."""
    from reconciler.commands.sandbox import sandbox_reset

    return partial(sandbox_reset, selection_of(options))
