"""`reconciler doctor`: whether all is there that the targets need."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import output_options, selection_of, selection_options
from reconciler.cli.running import run


@click.command(epilog=EPILOG)
@selection_options
@output_options
def doctor(**options: Any) -> int:
    """Check credentials, hosts, APIs, clock, journal; say how to mend them. All targets if none is named."""
    from reconciler.commands.doctor import doctor

    return run(options, lambda console, environment: doctor(selection_of(options), console, environment))
