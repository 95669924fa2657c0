"""Runs a command with a console, and turns what is expected to fail into its text and exit code."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from reconciler.errors import Exit, FilesInvalid, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.console import Console, Requests
    from reconciler.commands.environment import Environment


_OPTION, _VARIABLE, _JSON = "--log-format", "RECONCILER_LOG_FORMAT", "json"


def complain(arguments: Sequence[str], message: str, text: str = "", **fields: str) -> None:
    """Print a message; `text` is how a person reads it, lines and all, and `fields` are for programs."""
    from reconciler.render.values import harmless

    if not logs_json(arguments):
        shown = "\n".join(map(harmless, (text or f"Error: {message}").rstrip("\n").split("\n")))
        click.echo(shown, err=True)
        return
    from reconciler.render.values import log_line

    click.echo(log_line(time.time(), "error", "error", {"message": message, **fields}), err=True)


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


@contextmanager
def libraries_logged(console: Console) -> Iterator[None]:
    """Let the warnings of libraries, and those of Python itself, be lines of the log while the block runs."""
    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            is_error = record.levelno >= logging.ERROR
            console.library(record.name, record.getMessage(), "error" if is_error else "warning")

    handler, root = Lines(logging.WARNING), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)


def run(options: dict[str, Any], command: Callable[[Console, Any], Exit]) -> int:
    """Run a command with a console; turn expected failures into their text and exit code."""
    from reconciler.commands.console import Requests

    console = _console(options)
    requests = Requests(console)
    exit = Exit.ERROR
    try:
        with _everything_logged(console):
            exit = command(console, _outside(console, requests))
    except ReconcilerError as error:
        _fail(error, console)
        exit = error.exit
    except KeyboardInterrupt:
        _interrupted(console)
        raise
    finally:
        requests.end(click.get_current_context().command_path.partition(" ")[2], exit)
    return exit


def _outside(console: Console, requests: Requests) -> Environment:
    """Return the world of a real run. Errors: `UsageError` for a point of crashing that is none."""
    from reconciler.commands.environment import CRASH_VARIABLE, CrashSwitch, Environment

    return Environment(
        crash=CrashSwitch(os.environ.get(CRASH_VARIABLE, "")),
        reading=console.progress("Reading files"),
        on_request=requests,
        new_id=requests.new_id,
    )


def _everything_logged(console: Console) -> AbstractContextManager[None]:
    if not console.logs_json:
        return nullcontext()

    return libraries_logged(console)


def _interrupted(console: Console) -> None:
    """Let a run that was interrupted before it did anything print its one document too."""
    from reconciler.render.values import failure_document

    if console.as_json:
        console.result("", failure_document("interrupted", Exit.ERROR))


def _console(options: dict[str, Any]) -> Console:
    from reconciler.commands.console import Console

    plain = options["no_color"] or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        as_json=options["format"] == "json",
        quiet=options["quiet"],
        verbose=options["verbose"] > 0,
        very_verbose=options["verbose"] > 1,
        logs_json=options["log_format"] == "json",
        colour=sys.stdout is not None and sys.stdout.isatty() and not plain and options["format"] == "text",
    )


def _fail(error: ReconcilerError, console: Console) -> None:
    from reconciler.render.values import failure_document

    problems = error.problems if isinstance(error, FilesInvalid) else ()
    if console.as_json:
        console.result("", failure_document(str(error), error.exit, problems))
    console.problems(problems)
    console.complain(str(error), kind=type(error).__name__, exit_code=int(error.exit))
