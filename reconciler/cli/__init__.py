"""From the command line to a command, and from errors to exit codes; nothing else.

Everything that a verb needs is imported when the verb runs, so that `--help` and `--version` stay fast.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading

import click

from reconciler import __version__
from reconciler.cli.epilog import EPILOG
from reconciler.cli.later import Later
from reconciler.errors import Exit


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (that of the process, unless given) and return the exit code."""
    _make_streams_safe()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(cli.main(arguments, prog_name="reconciler", standalone_mode=False) or Exit.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        click.echo("\n".join(map(_harmless, text.getvalue().split("\n"))), err=True, nl=False)
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return Exit.ERROR
    except BrokenPipeError:
        _close_stdout()
        return Exit.ERROR
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename or 'writing the result'})"
        click.echo(f"Error: {_harmless(what)}", err=True)
        _close_stdout()
        return Exit.ERROR
    except Exception as error:  # noqa: BLE001  # a bug of ours ends as a sentence, not as a traceback
        return _bug(error)


def _make_streams_safe() -> None:
    """Let every character be written: what the terminal's encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _bug(error: Exception) -> int:
    if os.environ.get("RECONCILER_DEBUG"):
        raise error
    text = (
        f"Error: this is a bug in reconciler {__version__}: {type(error).__name__}: {_harmless(str(error))}"
    )
    click.echo(f"{text}\nSet RECONCILER_DEBUG=1 to see where it happened, and please report it.", err=True)
    return Exit.ERROR


def _harmless(text: str) -> str:
    """Return what somebody typed, or the environment held, without what steers a terminal."""
    from reconciler.render.values import harmless

    return harmless(text)


def _close_stdout() -> None:
    # The reader has gone; Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Config-as-code for survey operations: declare import configurations in YAML, plan, apply."""


# All that `--help` has to know of each verb: where it is, and what it does in one line.
for _verb in (
    Later("init", "init", "Write a workspace to begin with."),
    Later("validate", "verbs", "Check every file; offline, without a secret."),
    Later("plan", "verbs", "Show what would change, and what is reset."),
    Later("apply", "verbs", "Show the plan, ask, carry it out, verify it."),
    Later("show", "verbs", "Show one resource: declared, live, desired."),
    Later("adopt", "files", "Write live configurations into the files."),
    Later("list_", "files", "List resources and where they stand."),
    Later("set_", "files", "Edit many resources at once, in place."),
    Later("fmt", "files", "Put the keys of resources into their order."),
    Later("seeds", "seeds", "Preview, watch, settle, send test batches."),
    Later("history", "history", "Show the runs of a target, newest first."),
    Later("restore", "history", "Plan the way back from a run, ask, carry it out."),
    Later("defaults", "defaults", "Show and learn what a reset leaves behind."),
    Later("schema", "schema", "Print JSON Schemas: of the files, of plans, of reports."),
    Later("doctor", "doctor", "Check credentials, hosts, APIs, clock, journal."),
    Later("sandbox", "sandbox", "Serve, look into, reset the emulated APIs."),
    Later("completion", "completion", "Print the script by which a shell completes."),
):
    cli.add_command(_verb)
