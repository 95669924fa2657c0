"""The verbs that stand by themselves: `validate`, `plan`, `apply`, `show`, `status`, `doctor`, `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.completion import complete_resource
from reconciler.cli.lazy_command import EPILOG
from reconciler.cli.options import (
    all_targets_option,
    consent_of,
    consent_options,
    fingerprints,
    glob_options,
    lock_of,
    lock_options,
    option,
    output_options,
    output_options_with,
    report_option,
    reports_of,
    reviewed_option,
    selection_anywhere,
    selection_of,
    selection_options,
    several_of,
    several_or_default,
    since_option,
    yes_option,
)
from reconciler.cli.running import run

if TYPE_CHECKING:
    from reconciler.commands.environment import Environment
    from reconciler.commands.reports import TargetSelection


@click.command(epilog=EPILOG)
@selection_options
@output_options
def validate(**options: Any) -> int:
    """Check every file. Offline; needs no secret."""
    from reconciler.commands.validate import validate

    return run(
        options, lambda console, environment: validate(selection_anywhere(options), console, environment)
    )


@click.command(epilog=EPILOG)
@selection_options
@all_targets_option
@glob_options
@consent_options
@since_option
@report_option
@option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Also write the plan to a file, for apply."
)
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@output_options
def plan(**options: Any) -> int:
    """Show what would change, and what is reset.

    Several targets are planned one after the other, and the gravest exit code of them counts.
    """
    from reconciler.commands.plan import plan, plan_across

    consent, several, reports = consent_of(options), several_of(options), reports_of(options)
    wanted = {"reports": reports, **{name: options[name] for name in ("detailed_exitcode", "since")}}
    if several is None:
        selection = selection_of(options)
        return run(
            options,
            lambda console, environment: plan(
                selection, consent, console, environment, out=options["out"], **wanted
            ),
        )
    if options["out"] is not None:
        raise click.UsageError("--out writes the plan of one target: plan each target by itself")
    selection = selection_anywhere(options)
    return run(
        options,
        lambda console, environment: plan_across(several, selection, consent, console, environment, **wanted),
    )


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@selection_options
@all_targets_option
@glob_options
@consent_options
@since_option
@report_option
@reviewed_option
@click.option("--no-seeds", is_flag=True, help="Send no seeds.")
@option("--write-ids", is_flag=True, help="Write the ids of what is created or found by name into the files.")
@yes_option
@lock_options
@output_options
def apply(**options: Any) -> int:
    """Show the plan, ask, carry it out, verify it.

    With a FILE of plan --out, or with --reviewed, nobody is asked: only what was reviewed is carried out;
    of several files, what is in any of them.
    """
    from reconciler.commands.apply import How, apply, apply_across

    several = several_of(options)
    _check_one_target(options, several)
    named, consent = fingerprints(options["reviewed"]), consent_of(options)
    if several is None:
        selection = selection_of(options)
        return run(
            options,
            lambda console, environment: apply(
                selection, consent, console, environment, **_how(options, named, environment)
            ),
        )
    selection = selection_anywhere(options)
    return run(
        options,
        lambda console, environment: apply_across(
            several, selection, How(consent, **_how(options, named, environment)), console, environment
        ),
    )


def _check_one_target(options: dict[str, Any], several: TargetSelection | None) -> None:
    if options["files"] and options["reviewed"]:
        raise click.UsageError("a plan file says what was reviewed: leave out --reviewed, or the file")
    if several is not None and options["files"]:
        raise click.UsageError("a plan file is for one target: apply each by itself")
    if several is not None and options["take_over"] is not None:
        raise click.UsageError("--take-over ends one run: name the one target that it holds")


def _how(options: dict[str, Any], named: frozenset[str], environment: Environment) -> dict[str, Any]:
    """Return how plans are to be carried out, beside what was consented to: the fields of `How`."""
    from reconciler.commands.apply import read_reviewed

    return {
        "yes": options["yes"],
        "with_seeds": not options["no_seeds"],
        "lock": lock_of(options),
        "reviewed": read_reviewed(options["files"], named, environment),
        "since": options["since"],
        "write_ids": options["write_ids"],
        "reports": reports_of(options),
    }


@click.command(epilog=EPILOG)
@click.argument("key", shell_complete=complete_resource)
@selection_options
@output_options
def show(**options: Any) -> int:
    """Show one resource: declared, live, desired."""
    from reconciler.commands.show import show

    return run(
        options,
        lambda console, environment: show(options["key"], selection_of(options), console, environment),
    )


# A plan goes to the place that RECONCILER_OUT names, so this one has a variable of its own.
@click.command(epilog=EPILOG)
@selection_options
@all_targets_option
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where something drifted or is to be sent.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="RECONCILER_STATUS_OUT",
    show_envvar=True,
    help="Also write it to a file that everybody may read.",
)
@output_options_with("openmetrics", "prometheus")
def status(**options: Any) -> int:
    """Count what is managed, drifted, pending, in doubt, and say when it was applied last. Reads only.

    One target that cannot be asked leaves the others whole. The format openmetrics is for scrapers,
    prometheus for the textfile collector of node_exporter.
    """
    from reconciler.commands.status import Form, status

    several, selection = several_or_default(options), selection_anywhere(options)
    wanted = {name: options[name] for name in ("detailed_exitcode", "out")}
    form = Form(options["format"])
    return run(
        options, lambda console, environment: status(several, selection, form, console, environment, **wanted)
    )


@click.command(epilog=EPILOG)
@selection_options
@output_options
def doctor(**options: Any) -> int:
    """Check credentials, hosts, APIs, clock, journal; say how to mend them. All targets if none is named."""
    from reconciler.commands.doctor import doctor

    return run(options, lambda console, environment: doctor(selection_of(options), console, environment))


@click.command(epilog=EPILOG)
@option("--workspace", type=click.Path(path_type=Path), help="The folder to write to; configs/ if left out.")
@option(
    "--target-url",
    multiple=True,
    metavar="URL",
    help="The address of a real account's API, or of a tenant's; repeatable.",
)
@option("--non-interactive", is_flag=True, help="Ask nothing.")
@output_options
def init(**options: Any) -> int:
    """Write a workspace to begin with: a sandbox, an example, your account."""
    from reconciler.commands.init import init

    return run(
        options,
        lambda console, environment: init(
            options["workspace"],
            options["target_url"],
            console,
            environment,
            may_ask=not options["non_interactive"],
        ),
    )
