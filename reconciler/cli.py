"""From the command line to a command, and from errors to exit codes; nothing else.

Everything that a verb needs is imported when the verb runs, so that `--help` and `--version` stay fast.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler import __version__
from reconciler.errors import Exit, FilesInvalid, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.console import Console
    from reconciler.commands.session import Selection
    from reconciler.engine.planning import Consent

Command = TypeVar("Command", bound=Callable[..., Any])

EPILOG = """\b
Exit codes: 0 done or nothing to do, 1 error, 2 changes are pending (--detailed-exitcode),
3 refused by a safety rule, 4 partly applied, 5 stale, 6 in doubt, 7 API unavailable."""


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
        error.show()
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return Exit.ERROR
    except BrokenPipeError:
        _close_stdout()
        return Exit.ERROR
    except OSError as error:
        click.echo(f"Error: {error.strerror or error} ({error.filename or 'writing the result'})", err=True)
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
    text = f"Error: this is a bug in reconciler {__version__}: {type(error).__name__}: {error}"
    click.echo(f"{text}\nSet RECONCILER_DEBUG=1 to see where it happened, and please report it.", err=True)
    return Exit.ERROR


def _close_stdout() -> None:
    # The reader has gone; Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Return an option with its RECONCILER_… variable, for everything that does not consent to something."""
    variable = "RECONCILER_" + names[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def _selection_options(command: Command) -> Command:
    for option in reversed(
        (
            _option("--workspace", type=click.Path(path_type=Path), help="The folder with reconciler.yaml."),
            _option("--target", help="The target; default_target of the workspace if left out."),
        )
    ):
        command = option(command)
    return command


def _glob_options(command: Command) -> Command:
    for option in reversed(
        (
            _option("--only", multiple=True, metavar="GLOB", help="Only these keys; repeatable."),
            _option("--exclude", multiple=True, metavar="GLOB", help="Not these keys; repeatable."),
        )
    ):
        command = option(command)
    return command


def _output_options(command: Command) -> Command:
    for option in reversed(
        (
            _option(
                "--format",
                type=click.Choice(["text", "json"]),
                default="text",
                help="How to print the result.",
            ),
            _option("--quiet", is_flag=True, help="The result only."),
            _option("--verbose", "-v", count=True, help="More; -vv also logs every request."),
            _option("--no-color", is_flag=True, help="No colour, as with NO_COLOR."),
        )
    ):
        command = option(command)
    return command


def _consent_options(command: Command) -> Command:
    for option in reversed(
        (
            click.option(
                "--allow-resets",
                is_flag=False,
                flag_value="any",
                metavar="[N]",
                help="Consent to resets that no reset: list names; at most N fields if given.",
            ),
            click.option(
                "--allow-hide",
                multiple=True,
                metavar="KEY",
                help="Let is_reusable: false hide this one for good; repeatable.",
            ),
            click.option(
                "--prune", is_flag=True, help="Delete what is live and declared nowhere, within limits."
            ),
        )
    ):
        command = option(command)
    return command


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Config-as-code for survey operations: declare import configurations in YAML, plan, apply."""


@cli.command(epilog=EPILOG)
@_selection_options
@_output_options
def validate(**options: Any) -> int:
    """Check every file. Offline; needs no secret."""
    from reconciler.commands.validate import validate

    return _run(options, lambda console, outside: validate(_selection(options), console, outside))


@cli.command(epilog=EPILOG)
@_selection_options
@_glob_options
@_consent_options
@_option("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@_output_options
def plan(**options: Any) -> int:
    """Show what would change, and what is reset."""
    from reconciler.commands.plan import plan

    return _run(
        options,
        lambda console, outside: plan(
            _selection(options),
            _consent(options),
            console,
            outside,
            detailed_exitcode=options["detailed_exitcode"],
        ),
    )


@cli.command(epilog=EPILOG)
@_selection_options
@_glob_options
@_consent_options
@click.option("--no-seeds", is_flag=True, help="Send no seeds.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@_output_options
def apply(**options: Any) -> int:
    """Show the plan, ask, carry it out, verify it."""
    from reconciler.commands.apply import apply

    return _run(
        options,
        lambda console, outside: apply(
            _selection(options),
            _consent(options),
            console,
            outside,
            yes=options["yes"],
            with_seeds=not options["no_seeds"],
        ),
    )


@cli.command(epilog=EPILOG)
@click.argument("key")
@_selection_options
@_output_options
def show(**options: Any) -> int:
    """Show one resource: declared, live, desired."""
    from reconciler.commands.show import show

    return _run(options, lambda console, outside: show(options["key"], _selection(options), console, outside))


@cli.group(epilog=EPILOG)
def sandbox() -> None:
    """Serve, look into, reset the emulated APIs."""


@sandbox.command("serve", epilog=EPILOG)
@_selection_options
@_option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 is any free one.")
@_option(
    "--variant", multiple=True, metavar="NAME=VALUE", help="How an unknown of the APIs behaves; repeatable."
)
@_option("--fault", multiple=True, metavar="RULE", help="What goes wrong, like PUT:2:after:drop; repeatable.")
@_output_options
def sandbox_serve(**options: Any) -> int:
    """Answer on a port of this machine until interrupted. It takes any keys."""
    from reconciler.commands.sandbox import sandbox_serve

    return _run(
        options,
        lambda console, outside: sandbox_serve(
            _selection(options),
            console,
            outside,
            port=options["port"],
            variants=options["variant"],
            faults=options["fault"],
        ),
    )


@sandbox.command("show", epilog=EPILOG)
@_selection_options
@_output_options
def sandbox_show(**options: Any) -> int:
    """Show what the sandbox holds: configurations, surveys, the last requests, mails."""
    from reconciler.commands.sandbox import sandbox_show

    return _run(options, lambda console, outside: sandbox_show(_selection(options), console, outside))


@sandbox.command("reset", epilog=EPILOG)
@_selection_options
@_output_options
def sandbox_reset(**options: Any) -> int:
    """Put the sandbox back to its beginning."""
    from reconciler.commands.sandbox import sandbox_reset

    return _run(options, lambda console, outside: sandbox_reset(_selection(options), console, outside))


@cli.group(epilog=EPILOG)
def seeds() -> None:
    """Preview, watch, settle, send test batches."""


@seeds.command("preview", epilog=EPILOG)
@click.argument("key")
@_selection_options
@_output_options
def seeds_preview(**options: Any) -> int:
    """Show each customer as it will go, addresses in full; to a terminal only."""
    from reconciler.commands.seeds import seeds_preview

    return _run(
        options, lambda console, outside: seeds_preview(options["key"], _selection(options), console, outside)
    )


@seeds.command("status", epilog=EPILOG)
@_selection_options
@_glob_options
@_option("--wait", metavar="DURATION", default="0s", help="Look again for so long, like 30m.")
@_output_options
def seeds_status(**options: Any) -> int:
    """Show how seeds stand and what the tenant counts; exit 0 once all has arrived."""
    from reconciler.commands.seeds import seeds_status

    wait = _seconds(options["wait"])
    return _run(
        options, lambda console, outside: seeds_status(_selection(options), console, outside, wait=wait)
    )


@seeds.command("resolve", epilog=EPILOG)
@click.argument("key")
@click.option("--sent/--not-sent", default=None, help="What a person found out; one of the two is needed.")
@_selection_options
@_output_options
def seeds_resolve(**options: Any) -> int:
    """Settle the customers in doubt of a seed, after looking at the tenant."""
    from reconciler.commands.seeds import seeds_resolve

    if options["sent"] is None:
        raise click.UsageError("say what you found out: --sent or --not-sent")
    return _run(
        options,
        lambda console, outside: seeds_resolve(
            options["key"], _selection(options), console, outside, sent=options["sent"]
        ),
    )


@seeds.command("send", epilog=EPILOG)
@click.argument("key")
@click.option("--again", is_flag=True, help="Also to customers that were sent or found in this round.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@_selection_options
@_output_options
def seeds_send(**options: Any) -> int:
    """Send a seed now, whatever its send: says."""
    from reconciler.commands.seeds import seeds_send

    return _run(
        options,
        lambda console, outside: seeds_send(
            options["key"],
            _selection(options),
            console,
            outside,
            again=options["again"],
            yes=options["yes"],
        ),
    )


def _seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    if not text[:-1].isdecimal() or text[-1:] not in units:
        raise click.BadParameter(f"{text} is no duration like 30s, 5m or 1h", param_hint="--wait")
    return float(text[:-1]) * units[text[-1]]


def _selection(options: dict[str, Any]) -> Selection:
    from reconciler.commands.session import Selection

    return Selection(
        options["workspace"], options["target"], options.get("only", ()), options.get("exclude", ())
    )


def _consent(options: dict[str, Any]) -> Consent:
    from reconciler.engine.planning import Consent

    return Consent(_resets(options["allow_resets"]), frozenset(options["allow_hide"]), options["prune"])


def _resets(text: str | None) -> int | None:
    if text is None:
        return 0
    if text == "any":
        return None
    if not text.isdecimal():
        raise click.BadParameter(f"{text} is not a number of fields", param_hint="--allow-resets")
    return int(text)


def _run(options: dict[str, Any], command: Callable[[Console, Any], Exit]) -> int:
    """Run a command with a console; turn expected failures into their text and exit code."""
    from reconciler.commands.outside import Outside

    console = _console(options)
    try:
        return command(console, Outside())
    except ReconcilerError as error:
        _fail(error, console)
        return error.exit


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
    from reconciler.render.json import failure_document
    from reconciler.render.text import problems_text

    problems = error.problems if isinstance(error, FilesInvalid) else ()
    if console.as_json:
        console.result("", failure_document(str(error), error.exit, problems))
    if problems:
        print(problems_text(problems, paint=console.paint), file=console.stderr)
    print(f"Error: {error}", file=console.stderr)
