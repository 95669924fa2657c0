"""From the command line to a command, and from errors to exit codes; nothing else.

Everything that a verb needs is imported when the verb runs, so that `--help` and `--version` stay fast.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import traceback

import click

from reconciler import __version__
from reconciler.cli.complaints import complain, logs_json
from reconciler.cli.completion import completion
from reconciler.cli.defaults import defaults
from reconciler.cli.doctor import doctor
from reconciler.cli.files import adopt, fmt, list_, set_
from reconciler.cli.history import history, restore
from reconciler.cli.init import init
from reconciler.cli.options import EPILOG
from reconciler.cli.sandbox import sandbox
from reconciler.cli.schema import schema
from reconciler.cli.seeds import seeds
from reconciler.cli.status import status
from reconciler.cli.verbs import apply, plan, show, validate
from reconciler.errors import Exit


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (that of the process, unless given) and return the exit code."""
    _make_streams_safe()
    told = sys.argv[1:] if arguments is None else arguments
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(cli.main(arguments, prog_name="reconciler", standalone_mode=False) or Exit.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        complain(told, error.format_message(), text.getvalue())
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        complain(told, "interrupted", "interrupted")
        return Exit.ERROR
    except BrokenPipeError:
        _close_stdout()
        return Exit.ERROR
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename or 'writing the result'})"
        complain(told, what)
        _close_stdout()
        return Exit.ERROR
    except Exception as error:  # noqa: BLE001  # a bug of ours ends as a sentence, not as a traceback
        return _bug(error, told)


def _make_streams_safe() -> None:
    """Let every character be written: what the terminal's encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _bug(error: Exception, told: list[str]) -> int:
    where: dict[str, str] = {}
    if os.environ.get("RECONCILER_DEBUG"):
        if not logs_json(told):
            raise error
        where = {"traceback": "".join(traceback.format_exception(error))}
    what = (
        f"this is a bug in reconciler {__version__}: {type(error).__name__}: {' '.join(str(error).split())}"
    )
    advice = "Set RECONCILER_DEBUG=1 to see where it happened, and please report it."
    complain(told, f"{what}. {advice}", f"Error: {what}\n{advice}", **where)
    return Exit.ERROR


def _close_stdout() -> None:
    # The reader has gone; Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Config-as-code for survey operations: declare import configurations in YAML, plan, apply."""


for _command in (
    init,
    validate,
    plan,
    apply,
    show,
    adopt,
    list_,
    set_,
    fmt,
    seeds,
    status,
    history,
    restore,
    defaults,
    schema,
    doctor,
    sandbox,
    completion,
):
    cli.add_command(_command)
