"""`reconciler show KEY`: one resource, side by side: declared and where, live, desired, and why."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.journal import remembered
from reconciler.commands.plan import read_target
from reconciler.commands.session import open_session
from reconciler.commands.workspace import Selection
from reconciler.engine.change import Plan
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, UsageError
from reconciler.render.json import show_document
from reconciler.render.text import show_text


def show(key: str, selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print everything that is known of one resource on one target. Writes nothing."""
    # Consent is given here so that the picture is of the resource itself, not of a run's limits.
    consent = Consent(resets=None)
    with (
        open_session(replace(selection, only=(key,)), environment) as session,
        remembered(session, console) as memory,
    ):
        if not session.declared:
            raise UsageError(f"{key} is a seed, which has no live state; look at it with seeds preview")
        if len(session.declared) != 1:
            keys = ", ".join(d.key for d in session.declared)
            raise UsageError(f"{key} names more than one resource: {keys}")
        made: Plan = read_target(session, memory, consent, console).plan(consent)
        declared = session.declared[0]
        console.result(show_text(made, declared, paint=console.paint), show_document(made, declared))
    return Exit.DONE
