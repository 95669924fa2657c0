"""Running a command with a console, and turning what is expected to fail into its text and exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reconciler.errors import Exit, FilesInvalid, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.console import Console


def run(options: dict[str, Any], command: Callable[[Console, Any], Exit]) -> int:
    """Run a command with a console; turn expected failures into their text and exit code."""
    from reconciler.commands.outside import Outside
    from reconciler.crash import VARIABLE, CrashSwitch

    # What is read and planned is kept to the end: to look through it for cycles, again and again, takes
    # a third of the time of a large run.
    gc.set_threshold(50_000, 100)
    console = _console(options)
    try:
        crash = CrashSwitch(os.environ.get(VARIABLE, ""))
        return command(console, Outside(crash=crash, reading=console.progress("Reading files")))
    except ReconcilerError as error:
        _fail(error, console)
        return error.exit
    except KeyboardInterrupt:
        _interrupted(console)
        raise


def _interrupted(console: Console) -> None:
    """Let a run that was interrupted before it did anything print its one document too."""
    from reconciler.render.problems import failure_document

    if console.as_json:
        console.result("", failure_document("interrupted", Exit.ERROR))


def _console(options: dict[str, Any]) -> Console:
    from reconciler.commands.console import Console

    if options["verbose"] > 1:
        import logging

        logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
        logging.getLogger("reconciler").setLevel(logging.DEBUG)
    plain = options["no_color"] or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        as_json=options["format"] == "json",
        quiet=options["quiet"],
        verbose=options["verbose"] > 0,
        colour=sys.stdout is not None and sys.stdout.isatty() and not plain and options["format"] == "text",
    )


def _fail(error: ReconcilerError, console: Console) -> None:
    from reconciler.render.problems import failure_document, problems_text
    from reconciler.render.values import harmless

    problems = error.problems if isinstance(error, FilesInvalid) else ()
    if console.as_json:
        console.result("", failure_document(str(error), error.exit, problems))
    if problems:
        print(problems_text(problems, paint=console.paint), file=console.stderr)
    print(f"Error: {harmless(str(error))}", file=console.stderr)
