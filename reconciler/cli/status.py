"""`reconciler status`: how targets stand, for people and dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import (
    all_targets_option,
    option,
    output_options_with,
    selection_anywhere,
    selection_options,
    several_or_default,
)
from reconciler.cli.running import run


# A plan goes to the place that RECONCILER_OUT names, so this one has a variable of its own.
@click.command(epilog=EPILOG)
@selection_options
@all_targets_option
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where something drifted or is to be sent.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="RECONCILER_STATUS_OUT",
    show_envvar=True,
    help="Also write it to a file that everybody may read.",
)
@output_options_with("openmetrics", "prometheus")
def status(**options: Any) -> int:
    """Count what is managed, drifted, pending, in doubt, and say when it was applied last. Reads only.

    One target that cannot be asked leaves the others whole. The format openmetrics is for scrapers,
    prometheus for the textfile collector of node_exporter.
    """
    from reconciler.commands.status import Form, status

    several, selection = several_or_default(options), selection_anywhere(options)
    wanted = {name: options[name] for name in ("detailed_exitcode", "out")}
    form = Form(options["format"])
    return run(
        options, lambda console, environment: status(several, selection, form, console, environment, **wanted)
    )
