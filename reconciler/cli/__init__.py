"""From the command line to a command, and from errors to exit codes; nothing else.

Everything that a verb needs is imported when the verb runs, so that `--help` and `--version` stay fast.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import threading

import click

from reconciler import __version__
from reconciler.cli.lazy_command import EPILOG, Later
from reconciler.errors import Exit


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (that of the process, unless given) and return the exit code."""
    _do_without()
    _make_streams_safe()
    try:
        return _exit_code(arguments)
    finally:
        if arguments is None:
            # The process ends: to look through all of it once more would free nothing sooner.
            gc.freeze()


def _do_without() -> None:
    """Leave out what Python and the libraries would do at every start, and nobody here needs."""
    # What is imported, read and planned is kept to the end: to look through it for cycles, again and again,
    # takes a third of the time of a large run.
    gc.set_threshold(50_000, 100)
    # Every installed package would be asked for plugins, which would then be shown what is read.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "true"
    # httpx would import its own command line, where rich is installed with all of that: half of a start.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # which says: it is not there


def _exit_code(arguments: list[str] | None) -> int:
    """Run the command line; turn everything that can end it into an exit code and a sentence."""
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
        _complain(told, error.format_message(), text.getvalue())
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        _complain(told, "interrupted", "interrupted")
        return Exit.ERROR
    except BrokenPipeError:
        _close_stdout()
        return Exit.ERROR
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename or 'writing the result'})"
        _complain(told, what)
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


def _complain(arguments: list[str], message: str, text: str = "", **fields: str) -> None:
    from reconciler.cli.running import complain

    complain(arguments, message, text, **fields)


def _bug(error: Exception, told: list[str]) -> int:
    import traceback

    from reconciler.cli.running import logs_json

    where: dict[str, str] = {}
    if os.environ.get("RECONCILER_DEBUG"):
        if not logs_json(told):
            raise error
        where = {"traceback": "".join(traceback.format_exception(error))}
    what = (
        f"this is a bug in reconciler {__version__}: {type(error).__name__}: {' '.join(str(error).split())}"
    )
    advice = "Set RECONCILER_DEBUG=1 to see where it happened, and please report it."
    _complain(told, f"{what}. {advice}", f"Error: {what}\n{advice}", **where)
    return Exit.ERROR


def _close_stdout() -> None:
    # The reader has gone; Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Config-as-code for survey operations: declare import configurations in YAML, plan, apply."""


# All that `--help` has to know of each verb: where it is, and what it does in one line.
for _verb in (
    Later("init", "verbs", "Write a workspace to begin with."),
    Later("validate", "verbs", "Check every file; offline, without a secret."),
    Later("plan", "verbs", "Show what would change, and what is reset."),
    Later("apply", "verbs", "Show the plan, ask, carry it out, verify it."),
    Later("show", "verbs", "Show one resource: declared, live, desired."),
    Later("adopt", "files", "Write live configurations into the files."),
    Later("list_", "files", "List resources and where they stand."),
    Later("set_", "files", "Edit many resources at once, in place."),
    Later("fmt", "files", "Put the keys of resources into their order."),
    Later("seeds", "groups", "Preview, watch, settle, send test batches."),
    Later("status", "verbs", "Count what is managed, drifted, pending, in doubt."),
    Later("history", "groups", "Show the runs of a target, newest first."),
    Later("restore", "groups", "Plan the way back from a run, ask, carry it out."),
    Later("defaults", "groups", "Show and learn what a reset leaves behind."),
    Later("schema", "groups", "Print JSON Schemas: files, plans, reports, status."),
    Later("doctor", "verbs", "Check credentials, hosts, APIs, clock, journal."),
    Later("sandbox", "groups", "Serve, look into, reset the emulated APIs."),
    Later("completion", "completion", "Print the script by which a shell completes."),
):
    cli.add_command(_verb)
