"""The verb `explain`, and what it says of all verbs and their flags."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import EPILOG
from reconciler.cli.completion import complete_explained
from reconciler.cli.options import output_options
from reconciler.cli.running import Command, runs
from reconciler.system import PLAIN_SIGNS

if TYPE_CHECKING:
    from reconciler.commands.explain import Topic


_SIGN_OF = {PLAIN_SIGNS[sign]: sign for sign in "↺✓✗≠→⇒"}


class OneWord(click.Command):
    """A command to which a single option is the word that it is asked about, not an option of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as any command does, but for a single option."""
        is_asked = len(args) == 1 and args[0][:1] == "-" and args[0] not in ("-", "--", "-h", "--help")
        return super().parse_args(ctx, ["--", *args] if is_asked else args)


@click.command(cls=OneWord, epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[NAME]", shell_complete=complete_explained)
@output_options
@runs
def explain(words: tuple[str, ...], **_: Any) -> Command:
    """Explain a field, setting, code, exit, symbol or flag.

    NAME is as in the files or as printed, and of a path the end will do: date_format, limits.resets,
    would-hide, 3, ↺, --prune. Without it, what there is. Needs no workspace.
    """
    from reconciler.commands.explain import explain

    # A stream that cannot write a sign has shown another one for it.
    words = tuple(_SIGN_OF.get(word, word) for word in words)
    return partial(explain, words, [*topics(click.get_current_context().find_root())])


def topics(root: click.Context) -> Iterator[Topic]:
    """Yield every verb, every flag with what its verbs say of it, and the variable that stands for it."""
    from reconciler.commands.explain import Topic

    for name, verb in getattr(root.command, "commands", {}).items():
        yield Topic("verbs", name, str(verb.help), details={"more": f"reconciler {name} --help"})
    options, found = dict[str, click.Option](), dict[str, dict[str, list[str]]]()  # flag → help → verbs
    for verb, option in _options(root.command, root):
        name = max(option.opts, key=len)
        options.setdefault(name, option)
        found.setdefault(name, {}).setdefault(option.help or "", []).append(verb)
    everywhere = [verb for verbs in found["--no-color"].values() for verb in verbs]
    for name, said in sorted(found.items()):
        option, (about, *others) = options[name], sorted(said, key=lambda text: -len(said[text]))
        details = {"verbs": "all" if {*said[about]} >= {*everywhere} else ", ".join(said[about])}
        details |= {", ".join(said[other]): other for other in others}
        details["one of"] = ", ".join(getattr(option.type, "choices", ()))
        details["default"] = str(option.default) if isinstance(option.default, str | int) else ""
        details["variable"] = variable = str(option.envvar or "")
        also = (*(one for one in option.opts if one != name), *option.secondary_opts)
        yield Topic("flags", name, about, also, {what: text for what, text in details.items() if text})
        if variable:
            yield Topic("variables", variable, f"Stands for {name} where that is not typed. {about}")


def _options(
    command: click.Command, context: click.Context, verb: str = ""
) -> Iterator[tuple[str, click.Option]]:
    """Yield the options of a command and of all commands below it, each with its verb."""
    if verb:  # in place of what stands for a verb until it runs
        context = command.make_context(verb, [], context, resilient_parsing=True)
        command = context.command
    yield from (
        (verb or "reconciler", one) for one in command.get_params(context) if isinstance(one, click.Option)
    )
    for name, below in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _options(below, context, f"{verb} {name}".strip())
