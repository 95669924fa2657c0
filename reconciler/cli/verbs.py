"""The verbs that stand by themselves: `validate`, `plan`, `apply`, `check`, `show`, `status` and such."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from reconciler.cli import EPILOG, cli
from reconciler.cli.completion import complete_key, complete_resource, complete_topic
from reconciler.cli.options import (
    all_targets_option,
    allow_refused_option,
    consent_of,
    contacts_report_option,
    fingerprints,
    lock_of,
    lock_options,
    named_targets,
    option,
    out_option,
    output_options,
    output_options_with,
    plain_options,
    plain_options_with,
    planning_options,
    reports_of,
    reviewed_option,
    selection_anywhere,
    selection_of,
    selection_options,
    share_of,
    show_option,
    targets_of,
    yes_option,
)
from reconciler.cli.running import Command, runs


@click.command(epilog=EPILOG)
@plain_options_with("Without effect: every target is checked.")
@runs
def validate(**options: Any) -> Command:
    """Check every file. Offline; needs no secret."""
    from reconciler.commands.validate import validate

    return partial(validate, selection_anywhere(options))


@click.command(epilog=EPILOG)
@planning_options
@out_option("Also write the plan to a file, for apply.")
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where changes are pending.")
@output_options
@runs
def plan(**options: Any) -> Command:
    """Show what would change, and what is reset.

    Several targets are planned one after the other, and the gravest exit code of them counts.
    """
    from reconciler.commands.plan import PlanOptions, plan, plan_across

    others = {name: options[name] for name in ("detailed_exitcode", "out", "since")}
    asked = PlanOptions(consent=consent_of(options), reports=reports_of(options), **others)
    several = targets_of(options)
    if several is None:
        return partial(plan, selection_of(options), asked)
    if asked.out is not None:
        raise click.UsageError("--out writes the plan of one target: plan each target by itself")
    return partial(plan_across, several, selection_anywhere(options), asked)


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@planning_options
@reviewed_option
@click.option("--no-seeds", is_flag=True, help="Send no seeds.")
@option("--write-ids", is_flag=True, help="Write the ids of what is created or found by name into the files.")
@yes_option
@lock_options
@output_options
@runs
def apply(**options: Any) -> Command:
    """Show the plan, ask, carry it out, verify it.

    With a FILE of plan --out, or with --reviewed, no question is asked: only what was reviewed is carried
    out; of several files, what is in any of them.
    """
    from reconciler.commands.apply import ApplyOptions, apply, apply_across

    several = targets_of(options)
    if options["files"] and options["reviewed"]:
        raise click.UsageError("a plan file says what was reviewed: leave out --reviewed, or the file")
    if several is not None and options["files"]:
        raise click.UsageError("a plan file is for one target: apply each by itself")
    if several is not None and options["take_over"] is not None:
        raise click.UsageError("--take-over ends one run: name the one target that it holds")
    asked = ApplyOptions(
        consent=consent_of(options),
        with_seeds=not options["no_seeds"],
        lock=lock_of(options),
        reviewed=fingerprints(options["reviewed"]),
        plan_files=options["files"],
        reports=reports_of(options),
        **{name: options[name] for name in ("yes", "since", "write_ids")},
    )
    if several is None:
        return partial(apply, selection_of(options), asked)
    return partial(apply_across, several, selection_anywhere(options), asked)


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@option(
    "--for",
    "key",
    default="",
    metavar="KEY",
    shell_complete=complete_resource,
    help="The import configuration that the file is for; with --suggest its new key.",
)
@click.option("--suggest", is_flag=True, help="Print the configuration that fits the file, with reasons.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Write it into this file of the workspace; shows the diff.",
)
@allow_refused_option
@show_option
@contacts_report_option
@plain_options
@runs
def check(
    file: Path, key: str, suggest: bool, into: Path | None, allow_refused: str, show: bool, **options: Any
) -> Command:
    """Check a contact file before it is uploaded: CSV, TSV or XLSX against the declared configuration.

    Offline: says what does not fit, what rows an import would refuse, and what only the account knows. Of
    cells there are rows, columns and shapes, never their content.
    """
    from reconciler.commands.check import check
    from reconciler.commands.reports import Form

    reports = reports_of(options, Form.MARKDOWN, Form.HTML)
    if suggest or into:
        if show or reports or allow_refused != "0":
            raise click.UsageError("--suggest judges no row: leave out --allow-refused, --show and --report")
        from reconciler.commands.suggest import suggest as suggest_for

        return partial(suggest_for, file, key, into, selection_of(options))
    if not key:
        raise click.UsageError(
            "Missing option '--for': name the configuration, or add --suggest for a new one"
        )
    allowed = share_of(allow_refused, "--allow-refused")
    return partial(check, file, key, selection_of(options), allowed=allowed, show=show, reports=reports)


@click.command(epilog=EPILOG)
@click.argument("key", shell_complete=complete_resource)
@plain_options
@runs
def show(key: str, **options: Any) -> Command:
    """Show one resource: declared, live, desired."""
    from reconciler.commands.plan import show

    return partial(show, key, selection_of(options))


@click.command(epilog=EPILOG)
@click.argument("key", shell_complete=complete_key)
@option(
    "--at",
    default="now",
    metavar="WHEN",
    help="When it is imported or sent: 2026-12-01T09:30, 2026-12-01, tomorrow 09:00, +3d; now if left out.",
)
@option("--rows", type=click.IntRange(min=0), metavar="N", help="How many rows are imported.")
@option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Say how many rows of this file of contacts would be imported, as check does.",
)
@option(
    "--ics", type=click.Path(path_type=Path), metavar="FILE", help="Also write a calendar with both moments."
)
@option("--live", is_flag=True, help="Read from the account what is kept or reset; asks the API.")
@plain_options
@runs
def forecast(key: str, **options: Any) -> Command:
    """Say when people are mailed by an import or a test batch, and how long they can answer.

    Offline, by what the files declare, unless --live is given. Each sentence says how sure it is:
    documented by the vendor, inferred from that, or unknown.
    """
    from reconciler.commands.forecast import forecast

    if options["file"] and options["rows"] is not None:
        raise click.UsageError("--file counts the rows: leave out --rows")
    asked = {name: options[name] for name in ("rows", "file", "ics", "live")}
    return partial(forecast, key, options["at"], selection_of(options), **asked)


@click.command(epilog=EPILOG)
@click.argument("what", type=click.Choice(["surveys", "lists", "columns", "statuses"]))
@click.argument("words", nargs=-1, metavar="[WORD]...")
@plain_options
@runs
def lookup(what: str, words: tuple[str, ...], **options: Any) -> Command:
    """Find ids and names on an account, as lines to paste into the files. Reads only.

    Surveys and contact lists are CheckMarket's, columns and statuses of customers are Expoints'. Each WORD
    has to be in the name, in any letter case, with or without accents; or it is the id.
    """
    from reconciler.commands.lookup import lookup

    return partial(lookup, what, words, selection_of(options))


@click.command(epilog=EPILOG)
@selection_options
@all_targets_option
@option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 where anything is pending, drifted, blocked, to send."
)
@out_option("Also write it to a file that every user may read.", "STATUS_OUT")
@output_options_with("openmetrics", "prometheus")
@runs
def status(**options: Any) -> Command:
    """Count what is managed, drifted, pending, in doubt, and say when it was applied last. Reads only.

    One target that cannot be asked leaves the others whole. The format openmetrics is for scrapers,
    prometheus for the textfile collector of node_exporter.
    """
    from reconciler.commands.reports import TargetSelection
    from reconciler.commands.status import Form, status

    asked = {name: options[name] for name in ("detailed_exitcode", "out")}
    targets = targets_of(options) or TargetSelection(named_targets(options), or_default=True)
    return partial(status, targets, selection_anywhere(options), Form(options["format"]), **asked)


@click.command(epilog=EPILOG)
@click.option(
    "--ci", is_flag=True, help="Check the files of a CI system in this checkout instead; asks no API."
)
@plain_options_with("Only this target; every target if left out.")
@runs
def doctor(ci: bool, **options: Any) -> Command:
    """Check credentials, hosts, APIs, clock, journal; say how to mend them. Writes nothing."""
    if ci:
        from reconciler.commands.ci import doctor_ci

        return partial(doctor_ci, selection_of(options))
    from reconciler.commands.doctor import doctor

    return partial(doctor, selection_of(options))


@click.command(epilog=EPILOG)
@option("--workspace", type=click.Path(path_type=Path), help="The folder to write to; configs/ if left out.")
@option(
    "--target-url",
    multiple=True,
    metavar="URL",
    help="The address of a real account's API, or of a tenant's; repeatable.",
)
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "azure"]),
    help="Write the files by which this CI system plans and applies a workspace that is there.",
)
@click.option(
    "--source",
    default="",
    metavar="REPOSITORY[@COMMIT]",
    help="With --ci, where it gets the tool: OWNER/REPOSITORY or an address; as installed if left out.",
)
@option("--non-interactive", is_flag=True, help="Ask nothing.")
@output_options
@runs
def init(
    workspace: Path | None, target_url: tuple[str, ...], ci: str, source: str, non_interactive: bool, **_: Any
) -> Command:
    """Write a workspace to begin with: a sandbox, an example, your account; or the files of a CI system."""
    if ci:
        if target_url:
            raise click.UsageError("--ci is for a workspace that is there: leave out --target-url")
        from reconciler.commands.ci import init_ci
        from reconciler.commands.workspace import Selection

        return partial(init_ci, ci, source, Selection(workspace), may_ask=not non_interactive)
    if source:
        raise click.UsageError("--source goes with --ci")
    from reconciler.commands.init import init

    return partial(init, workspace, target_url, may_ask=not non_interactive)


@click.command("help", epilog=EPILOG)
@click.argument("topic", nargs=-1, metavar="[TOPIC]", shell_complete=complete_topic)
@click.option("--search", metavar="WORD", help="Find what the guides say of it, and where.")
@output_options
@runs
def help_(topic: tuple[str, ...], search: str | None, **_: Any) -> Command:
    """Read a guide: how to do something, step by step; without a TOPIC list them.

    A TOPIC may be a command too, like "seeds send". It needs no workspace, and no network.
    """
    from reconciler.commands.help import list_guides, search_guides, show_guide

    if search is not None:
        if topic:
            raise click.UsageError("--search looks through every guide: leave out the topic")
        return lambda console, _: search_guides(search, click.echo_via_pager, console)
    if not topic:
        return lambda console, _: list_guides(click.echo_via_pager, console)
    context, usage = click.get_current_context().find_root(), ""
    for word in topic:
        group = context.command
        verb = group.get_command(context, word) if isinstance(group, click.Group) else None
        if verb is None:
            break
        context = verb.make_context(word, [], context, resilient_parsing=True)
    else:
        usage = context.get_help()
    return lambda console, _: show_guide(topic, usage, [*cli.commands], click.echo_via_pager, console)
