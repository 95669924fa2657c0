"""`reconciler schema …`: what the documents of this tool look like, as JSON Schemas."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.epilog import EPILOG
from reconciler.cli.options import output_options
from reconciler.cli.running import run


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
