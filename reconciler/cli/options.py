"""The options that verbs share, and what their values become."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli.completion import complete_key, complete_resource, complete_target

if TYPE_CHECKING:
    from reconciler.commands.reports import Form, ReportFile, TargetSelection
    from reconciler.commands.runs import Lock
    from reconciler.commands.workspace import Selection
    from reconciler.engine.plan import Consent

Decorator = Callable[[Any], Any]

_FINGERPRINT = re.compile("[0-9a-f]{64}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def option(*names: str, variable: str = "", **settings: Any) -> Decorator:
    """Return an option with its RECONCILER_… variable, for everything that does not consent to something."""
    named = variable or names[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=f"RECONCILER_{named}", show_envvar=True, **settings)


def out_option(help: str, variable: str = "OUT") -> Decorator:
    """Return `--out`, with a variable of its own for each document that goes to another place."""
    path = click.Path(path_type=Path)
    return option("--out", variable=variable, type=path, metavar="FILE", help=help)


def _all_of(*options: Decorator) -> Decorator:
    """Return one decorator for several options; help shows them in this order."""
    return lambda command: reduce(lambda made, one: one(made), reversed(options), command)


def selection_options_with(target: str) -> Decorator:
    """Return the options of which workspace and target a verb is about; `target` says what that one does."""
    return _all_of(
        option("--workspace", type=click.Path(path_type=Path), help="The folder with reconciler.yaml."),
        option("--target", multiple=True, shell_complete=complete_target, help=target),
    )


selection_options = selection_options_with("The target; default_target of the workspace if left out.")

all_targets_option = option(
    "--all-targets", is_flag=True, help="Every target of the workspace; --target is repeatable, too."
)

_globs: dict[str, Any] = {"multiple": True, "metavar": "GLOB", "shell_complete": complete_key}
glob_options = _all_of(
    option("--only", help="Only these keys; repeatable.", **_globs),
    option("--exclude", help="Not these keys; repeatable.", **_globs),
)


def output_options_with(*formats: str) -> Decorator:
    """Return the options of what is printed, and how: in these formats too, beside text and JSON."""
    choices = click.Choice(["text", "json", *formats])
    return _all_of(
        option("--format", type=choices, default="text", help="How to print the result."),
        option("--quiet", is_flag=True, help="The summary line alone, or a result that has none."),
        option("--verbose", "-v", count=True, help="More; -vv also logs every request."),
        option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            help="How stderr is written; json is an object a line, every request among them.",
        ),
        option("--no-color", is_flag=True, help="No color, as with NO_COLOR."),
    )


output_options = output_options_with()


def plain_options_with(target: str) -> Decorator:
    """Return the options of a verb that takes no others; `target` says what `--target` does."""
    return _all_of(selection_options_with(target), output_options)


plain_options = _all_of(selection_options, output_options)

# Consent is given by the person at the keyboard, so none of these has a variable.
_keys: dict[str, Any] = {"multiple": True, "metavar": "KEY", "shell_complete": complete_resource}
recreate_option = click.option(
    "--recreate",
    help="Create this one although the journal knows an id of it or a create in doubt, or another name looks "
    "the same; repeatable.",
    **_keys,
)
allow_resets_option = click.option(
    "--allow-resets",
    is_flag=False,
    flag_value="any",
    metavar="[N]",
    help="Consent to resets that no reset: list names; at most N fields if given.",
)
allow_effect_option = click.option(
    "--allow-effect",
    multiple=True,
    metavar="NAME[=N]",
    help="Consent to what a change does to people, by the name in brackets; to at most N changes if given; "
    "repeatable.",
)
consent_options = _all_of(
    allow_resets_option,
    allow_effect_option,
    click.option("--allow-hide", help="Let is_reusable: false hide this one for good; repeatable.", **_keys),
    recreate_option,
    click.option("--prune", is_flag=True, help="Delete what is live and declared nowhere, within limits."),
)

# To let contacts be refused, and to show personal data, is consent as well.
allow_refused_option = click.option(
    "--allow-refused",
    metavar="N|N%",
    default="0",
    help="How many rows may be refused, or what share of them.",
)
show_option = click.option(
    "--show", is_flag=True, help="Show values of cells instead of their shapes, to a terminal alone."
)

# `history --since` takes a time, so the variable of this one is not called after the flag alone.
since_option = option(
    "--since",
    variable="SINCE_REF",
    metavar="REF",
    help="Tell apart what the files since a commit cause.",
)

_reports: dict[str, Any] = {"multiple": True, "metavar": "KIND=PATH"}
report_option = option(
    "--report", help="Also write a report to a file: markdown, html or github; repeatable.", **_reports
)
contacts_report_option = option(
    "--report", help="Also write a report to a file: markdown or html; repeatable.", **_reports
)

planning_options = _all_of(
    selection_options, all_targets_option, glob_options, consent_options, since_option, report_option
)
"""The options that a plan and an apply have in common."""

# It counts as a person's answer, so it has no variable either.
reviewed_option = click.option(
    "--reviewed",
    multiple=True,
    metavar="FINGERPRINTS",
    help="Carry out only these: of whole plans, changes or seeds; repeatable, or with commas.",
)

lock_options = _all_of(
    option(
        "--lock-timeout",
        metavar="DURATION",
        default="0s",
        help="Wait so long for another run on the account, like 5m.",
    ),
    click.option(
        "--take-over",
        type=click.IntRange(1),
        metavar="RUN",
        help="End this run, which holds the account and is surely dead.",
    ),
)

yes_option = click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")


def fingerprints(texts: tuple[str, ...]) -> frozenset[str]:
    """Return the fingerprints that `--reviewed` names, each in full."""
    named = [one.strip().lower() for text in texts for one in text.split(",") if one.strip()]
    for one in named:
        if not _FINGERPRINT.fullmatch(one):
            raise click.BadParameter(
                f"{one} is no fingerprint of 64 digits and letters a to f", param_hint="--reviewed"
            )
    if texts and not named:
        raise click.BadParameter("it names nothing", param_hint="--reviewed")
    return frozenset(named)


def reports_of(options: dict[str, Any], *forms: Form) -> tuple[ReportFile, ...]:
    """Return the reports that `--report` asks for, each in one of these forms, any form if left out."""
    from reconciler.commands.reports import Form, ReportFile

    named = [text.partition("=") for text in options["report"]]
    for kind, _, path in named:
        if kind not in (forms or list(Form)) or not path:
            kinds = " or ".join(f"{form.value}=PATH" for form in forms or Form)
            raise click.BadParameter(f"write {kinds}", param_hint="--report")
    return tuple(ReportFile(Form(kind), Path(path)) for kind, _, path in named)


def selection_anywhere(options: dict[str, Any], target: str | None = None) -> Selection:
    """Return what a command is about, on no target or on the given one."""
    from reconciler.commands.workspace import Selection

    return Selection(options["workspace"], target, options.get("only", ()), options.get("exclude", ()))


def selection_of(options: dict[str, Any]) -> Selection:
    """Return what a command is about that takes one target at most."""
    targets = named_targets(options)
    if len(targets) > 1:
        raise click.UsageError(f"this command takes one target, not {' and '.join(targets)}")
    return selection_anywhere(options, next(iter(targets), None))


def targets_of(options: dict[str, Any]) -> TargetSelection | None:
    """Return the targets of a command where several are asked for, `None` for one or the default one.

    The command line counts more than the environment.
    """
    from reconciler.commands.reports import TargetSelection

    def is_typed(name: str) -> bool:
        source = click.get_current_context().get_parameter_source(name)
        return source is ParameterSource.COMMANDLINE

    targets = named_targets(options)
    if options["all_targets"] and targets and is_typed("all_targets") == is_typed("target"):
        raise click.UsageError("--all-targets is every target: leave out --target, or name them by it alone")
    if options["all_targets"] and (not targets or is_typed("all_targets")):
        return TargetSelection()
    return TargetSelection(targets) if len(targets) > 1 else None


def named_targets(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the targets that are named, each once."""
    return tuple(dict.fromkeys(name for name in options["target"] if name))


def consent_of(options: dict[str, Any]) -> Consent:
    """Return what the person at the keyboard agreed to, of what the command can be given."""
    from reconciler.engine.plan import Consent

    text: str | None = options["allow_resets"]
    if text not in (None, "any") and not re.fullmatch("[0-9]{1,9}", text):
        raise click.BadParameter(f"{text} is not a number of fields", param_hint="--allow-resets")
    resets = None if text == "any" else int(text or 0)
    effects: dict[str, int | None] = {}
    for one in options["allow_effect"]:
        name, has_number, number = one.strip().partition("=")
        if has_number and not re.fullmatch("[0-9]{1,9}", number):
            raise click.BadParameter(f"{number} is not a number of changes", param_hint="--allow-effect")
        effects[name.replace("-", "_")] = int(number) if has_number else None
    recreate, hide = frozenset(options["recreate"]), frozenset(options.get("allow_hide", ()))
    return Consent(resets, hide, options.get("prune", False), recreate, effects)


def lock_of(options: dict[str, Any]) -> Lock:
    """Return how to deal with another run on the account."""
    from reconciler.commands.runs import Lock

    return Lock(seconds(options["lock_timeout"], "--lock-timeout"), options["take_over"])


def seconds(text: str, hint: str) -> float:
    """Return how many seconds a duration like 30s or 5m is; `hint` is the option that it was given to."""
    if not re.fullmatch("[0-9]{1,8}[smhd]", text):
        raise click.BadParameter(f"{text} is no duration like 30s, 5m, 1h or 30d", param_hint=hint)
    return float(text[:-1]) * _SECONDS[text[-1]]


def share_of(text: str, hint: str) -> str:
    """Return a number, or a share in percent, as it was given to the option `hint`."""
    if not re.fullmatch(r"[0-9]{1,9}|(100|[0-9]{1,2}(\.[0-9]{1,3})?)%", text):
        raise click.BadParameter(f"{text} is no number like 20, and no share like 0.5%", param_hint=hint)
    return text
