"""What went wrong outside of any command, told on stderr: to a person, or as a line of the log."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import click

_OPTION, _VARIABLE, _JSON = "--log-format", "RECONCILER_LOG_FORMAT", "json"


def complain(arguments: Sequence[str], message: str, text: str = "", **fields: str) -> None:
    """Print a message; `text` is how a person reads it, lines and all, and `fields` are for programs."""
    from reconciler.render.values import harmless

    if not logs_json(arguments):
        shown = "\n".join(map(harmless, (text or f"Error: {message}").rstrip("\n").split("\n")))
        click.echo(shown, err=True)
        return
    from reconciler.render.values import Level, log_line

    click.echo(log_line(time.time(), Level.ERROR, "error", {"message": message, **fields}), err=True)


def logs_json(arguments: Sequence[str]) -> bool:
    """Tell whether the log is JSON, as far as that can be told of a command line that may not be valid.

    What is typed last counts, and what is typed at all more than the environment, as for every option.
    """
    asked = os.environ.get(_VARIABLE, "")
    for number, argument in enumerate(arguments):
        if argument == _OPTION:
            asked = next(iter(arguments[number + 1 : number + 2]), "")
        elif argument.startswith(f"{_OPTION}="):
            asked = argument.partition("=")[2]
    return asked == _JSON
