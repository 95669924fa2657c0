"""A verb that is imported when it is used: `--help` and `--version` need only the table of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

EPILOG = """\b
Exit codes: 0 done or nothing to do, 1 error, 2 changes are pending (--detailed-exitcode),
3 refused by a safety rule, 4 partly applied, 5 stale, 6 in doubt, 7 API unavailable."""


class LazyCommand(click.Command):
    """Stands for the command `verb` of `cli/<module>.py`; `help` is its line in the list of verbs.

    A verb whose name Python has taken, like `list_`, is called without the underscore.
    """

    def __init__(self, verb: str, module: str, help: str) -> None:
        super().__init__(verb.rstrip("_"), help=help)
        self._verb, self._module = verb, f"reconciler.cli.{module}"

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the verb itself, which from here on is what runs, helps and completes."""
        verb: click.Command = getattr(import_module(self._module), self._verb)
        return verb.make_context(info_name, args, parent, **extra)
