"""From the command line to a command, and from errors to exit codes; nothing else.

Everything that a verb needs is imported when the verb runs, so that `--help` and `--version` stay fast.
"""

from __future__ import annotations

import codecs
import gc
import io
import os
import signal
import sys
import threading
from importlib import import_module
from typing import Any

import click

from reconciler import __version__
from reconciler.errors import MEANINGS, Exit
from reconciler.system import plainly

EPILOG = (
    f"Exit codes: {'; '.join(f'{exit:d} {meaning}' for exit, meaning in MEANINGS.items())}. "
    "reconciler explain NAME says more of them, and of any field, code, symbol or flag."
)


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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (that of the process, unless given) and return the exit code."""
    # What is imported, read and planned is kept to the end: to look through it for cycles, again and again,
    # takes a third of the time of a large run.
    gc.set_threshold(50_000, 100)
    # Every installed package would be asked for plugins, which would then be shown what is read.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "true"
    # httpx would import its own command line, where rich is installed with all of that: half of a start.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # which says: it is not there
    codecs.register_error("plain", plainly)
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller: nothing comes, and what is written goes nowhere
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(cli.main(arguments, prog_name="reconciler", standalone_mode=False) or Exit.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        _close_stdout()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # a bug of ours ends as a sentence too
        from reconciler.cli.running import complain

        complain(error, sys.argv[1:] if arguments is None else arguments)
        if isinstance(error, OSError):
            _close_stdout()
    finally:
        if arguments is None:
            # The process ends: to look through all of it once more would free nothing sooner.
            gc.freeze()
    return Exit.ERROR


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _close_stdout() -> None:
    # The reader has gone; Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Config-as-code for survey operations: declare import configurations in YAML, plan, apply.

    New here? "reconciler help" lists the guides.
    """


# All that `--help` has to know of each verb: where it is, and what it does in one line.
for _verb in (
    LazyCommand("init", "verbs", "Write a workspace to begin with."),
    LazyCommand("validate", "verbs", "Check every file; offline, without a secret."),
    LazyCommand("plan", "verbs", "Show what would change, and what is reset."),
    LazyCommand("apply", "verbs", "Show the plan, ask, carry it out, verify it."),
    LazyCommand("check", "verbs", "Check a contact file before it is uploaded; offline."),
    LazyCommand("show", "verbs", "Show one resource: declared, live, desired."),
    LazyCommand("forecast", "verbs", "Say when people are mailed by an import or a seed."),
    LazyCommand("adopt", "files", "Write live configurations into the files."),
    LazyCommand("list_", "files", "List resources and where they stand."),
    LazyCommand("set_", "files", "Edit many resources at once, in place."),
    LazyCommand("fmt", "files", "Put the keys of resources into their order."),
    LazyCommand("lookup", "verbs", "Find ids and names on an account, ready to paste."),
    LazyCommand("seeds", "groups", "Preview, watch, settle, send test batches."),
    LazyCommand("status", "verbs", "Count what is managed, drifted, pending, in doubt."),
    LazyCommand("history", "groups", "Show the runs of a target, newest first."),
    LazyCommand("restore", "groups", "Plan the way back from a run, ask, carry it out."),
    LazyCommand("defaults", "groups", "Show and learn what a reset leaves behind."),
    LazyCommand("schema", "groups", "Print JSON Schemas: files, plans, reports, status."),
    LazyCommand("doctor", "verbs", "Check credentials, hosts, APIs, clock, journal."),
    LazyCommand("sandbox", "groups", "Serve, look into, reset the emulated APIs."),
    LazyCommand("help_", "verbs", "Read a guide, or list and search them."),
    LazyCommand("explain", "explain", "Explain a field, setting, code, exit, symbol or flag."),
    LazyCommand("completion", "completion", "Print the script by which a shell completes."),
):
    cli.add_command(_verb)
