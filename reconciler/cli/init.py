"""`reconciler init`: the first files of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import option, output_options
from reconciler.cli.running import run


@click.command(epilog=EPILOG)
@option("--workspace", type=click.Path(path_type=Path), help="The folder to write to; configs/ if left out.")
@option(
    "--target-url",
    multiple=True,
    metavar="URL",
    help="The address of a real account's API, or of a tenant's; repeatable.",
)
@option("--non-interactive", is_flag=True, help="Ask nothing.")
@output_options
def init(**options: Any) -> int:
    """Write a workspace to begin with: a sandbox, an example, your account."""
    from reconciler.commands.init import init

    return run(
        options,
        lambda console, environment: init(
            options["workspace"],
            options["target_url"],
            console,
            environment,
            may_ask=not options["non_interactive"],
        ),
    )
