"""Runs a command with a console, and turns what is expected to fail into its text and exit code."""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from reconciler import __version__
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.commands.console import Console
    from reconciler.commands.environment import Environment

Command: TypeAlias = "Callable[[Console, Environment], Exit]"
"""A command with everything that was asked of it, which still needs a console and the environment."""

_LOG_FORMAT, _LOG_VARIABLE = "--log-format", "RECONCILER_LOG_FORMAT"


def runs(verb: Callable[..., Command | None]) -> Callable[..., int | None]:
    """Return the verb so that it runs the command that it returns, and returns the exit code.

    What is expected to fail becomes its text and exit code. Without a command nothing is run: a verb that
    only leads to its subcommands.
    """

    @wraps(verb)
    def run_command(**options: Any) -> int | None:
        command = verb(**options)
        if command is None:
            return None
        from reconciler.commands.console import Requests
        from reconciler.commands.environment import CRASH_VARIABLE, CrashSwitch, Environment

        console, exit = _console(options), Exit.ERROR
        requests = Requests(console)
        try:
            with libraries_logged(console) if console.logs_json else nullcontext():
                environment = Environment(
                    crash=CrashSwitch(os.environ.get(CRASH_VARIABLE, "")),
                    reading=console.progress("Reading files"),
                    on_request=requests,
                    new_id=requests.new_id,
                )
                _check_encoding(options)
                exit = command(console, environment)
        except ReconcilerError as error:
            exit = error.exit
            problems = error.problems if isinstance(error, FilesInvalid) else ()
            _fail(console, str(error), exit, problems)
            console.problems(problems, every=isinstance(error, FilesInvalid) and error.lists_warnings)
            console.complain(str(error), kind=type(error).__name__, exit_code=int(exit))
        except KeyboardInterrupt:
            _fail(console, "interrupted", Exit.ERROR)
            raise
        finally:
            requests.end(click.get_current_context().command_path.partition(" ")[2], exit)
        return exit

    return run_command


def _check_encoding(options: dict[str, Any]) -> None:
    """Refuse what is not UTF-8 on the command line or in a variable of an option. Errors: `UsageError`."""
    for parameter in click.get_current_context().command.params:
        given = options.get(parameter.name or "")
        for one in given if isinstance(given, tuple) else (given,):
            text = str(one) if isinstance(one, str | os.PathLike) else ""
            if any("\ud800" <= character <= "\udfff" for character in text):
                raw = os.fsencode(text).decode("utf-8", "backslashreplace")
                raise UsageError(
                    f"{raw} is not UTF-8; the terminal or script that it comes from has to use that"
                )


def _console(options: dict[str, Any]) -> Console:
    from msgspec.structs import replace

    from reconciler.commands.console import Console
    from reconciler.render.values import COLOURED, PLAIN

    is_schema = " schema " in click.get_current_context().command_path
    if (options["format"] != "text" or is_schema) and isinstance(sys.stdout, io.TextIOWrapper):
        # What a program reads is UTF-8, whatever the encoding of this machine's terminals is.
        sys.stdout.reconfigure(encoding="utf-8", errors=sys.stdout.errors)
    is_read = sys.stdout.isatty() and options["format"] == "text"
    plain = options["no_color"] or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        as_json=options["format"] == "json",
        quiet=options["quiet"],
        verbose=options["verbose"] > 0,
        very_verbose=options["verbose"] > 1,
        logs_json=options["log_format"] == "json",
        paint=replace(
            COLOURED if is_read and not plain else PLAIN,
            width=shutil.get_terminal_size().columns if is_read and not options["quiet"] else 0,
        ),
    )


def _fail(console: Console, message: str, exit: Exit, problems: Sequence[Any] = ()) -> None:
    """Print the one document of a run that was asked for JSON and has no result."""
    if console.as_json:
        from reconciler.render.values import failure_document

        console.result("", failure_document(message, exit, problems))


@contextmanager
def libraries_logged(console: Console) -> Iterator[None]:
    """Let the warnings of libraries and of Python itself be lines of a log of JSON."""
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


def complain(error: BaseException, arguments: Sequence[str]) -> None:
    """Print on stderr what ended the command line outside of any command: for a person, or as a log line.

    Raises the error itself where it is a bug of ours, RECONCILER_DEBUG asks for it and the log is no JSON.
    """
    from reconciler.render.values import harmless, log_line

    fields, as_log = {}, logs_json(arguments)
    if isinstance(error, click.ClickException):
        if isinstance(error, click.NoSuchOption):
            error = _with_near(error)
        elif isinstance(error, click.UsageError) and error.ctx:
            error = click.UsageError(error.format_message() + _advice(error, error.ctx), error.ctx)
        shown = io.StringIO()
        error.show(shown)
        message, text = error.format_message(), shown.getvalue()
    elif isinstance(error, KeyboardInterrupt | click.Abort):
        message = text = "interrupted"
    elif isinstance(error, OSError):
        message = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
        text = f"Error: {message}"
    else:
        if os.environ.get("RECONCILER_DEBUG"):
            if not as_log:
                raise error
            import traceback

            fields = {"traceback": "".join(traceback.format_exception(error))}
        words = " ".join(str(error).split())
        bug = f"this is a bug in reconciler {__version__}: {type(error).__name__}: {words}"
        advice = "Set RECONCILER_DEBUG=1 to see where it happened, and please report it."
        message, text = f"{bug}. {advice}", f"Error: {bug}\n{advice}"
    if as_log:
        click.echo(log_line(time.time(), "error", "error", {"message": message, **fields}), err=True)
    else:
        click.echo("\n".join(map(harmless, text.rstrip("\n").expandtabs(4).split("\n"))), err=True)


def _with_near(error: click.NoSuchOption) -> click.NoSuchOption:
    """Return the error with what may be meant: the options that it begins or extends, else the nearest.

    One that is only somewhat alike, as `--prune` is to `--dry-run`, may consent to what was not meant.
    """
    from difflib import get_close_matches

    name, context = error.option_name, error.ctx
    known = [one for of in (context.command.get_params(context) if context else []) for one in of.opts]
    known = [one for one in known if one.startswith("--")]
    begun = name if name.startswith("--") else f"-{name}"
    alike = [one for one in known if one.startswith(begun) or begun.startswith(one)]
    alike = alike or get_close_matches(name, known, n=1, cutoff=0.75)
    message = f"No such option {name!r}."
    if alike:
        message += f" Did you mean {' or '.join(map(repr, sorted(alike)))}?"
    elif context is not None and context.parent is None:
        message += " Options stand after the verb."
    return click.NoSuchOption(name, message, ctx=context)


def _advice(error: click.UsageError, context: click.Context) -> str:
    """Return what to write where an argument has no place, or no command is called so; else nothing."""
    parameters = context.command.get_params(context)
    if error.message.startswith("Got unexpected extra argument"):
        if any(isinstance(one, click.Argument) for one in parameters):
            return ""
        flags = {one for of in parameters for one in of.opts}
        ways = {"--id": "--id N or --name GLOB", "--only": "--only KEY", "--workspace": "--workspace FOLDER"}
        way = next((words for flag, words in ways.items() if flag in flags), "")
        return f". To choose what it is about: {way}" if way else ""
    if error.message.startswith("No such command") and not getattr(error, "possibilities", None):
        return " reconciler help lists what can be done, and help --search WORD looks inside."
    return ""


def logs_json(arguments: Sequence[str]) -> bool:
    """Return whether the log is JSON, as far as a command line shows it that may not be valid.

    The last one typed counts, and anything typed counts more than the environment, as for every option.
    """
    asked = os.environ.get(_LOG_VARIABLE, "")
    for number, argument in enumerate(arguments):
        if argument == _LOG_FORMAT:
            asked = next(iter(arguments[number + 1 : number + 2]), "")
        elif argument.startswith(f"{_LOG_FORMAT}="):
            asked = argument.partition("=")[2]
    return asked == "json"
