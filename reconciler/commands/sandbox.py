"""`reconciler sandbox`: the emulated APIs over a port, their state, and their beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.journal import open_past
from reconciler.commands.runs import NO_WAIT, open_run
from reconciler.commands.session import chosen_target, open_session, private_sandbox
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.settings import SANDBOX
from reconciler.engine.change import Action
from reconciler.errors import Exit, UsageError
from reconciler.journal.entries import DeliveryState, Ending, Intent
from reconciler.render.listing import sandbox_text
from reconciler.sandbox import Fault, State, StateError, Variants, create_app, serve, take_inventory

Made = TypeVar("Made")
_RESET = "the sandbox was reset"


def sandbox_serve(
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    port: int,
    variants: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> Exit:
    """Answer on a port of this machine until interrupted. Prints the address once it can be called."""
    app = _usable(
        lambda: create_app(
            _state(selection, environment), Variants.parse(variants), [*map(Fault.parse, faults)]
        )
    )

    def say_ready(url: str) -> None:
        console.result(f"Sandbox at {url}, any keys. Stop it with Ctrl-C.", {"url": url})
        console.stdout.flush()

    try:
        serve(app, port=port, ready=say_ready)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}; choose another, or 0 for any"
        ) from error
    except KeyboardInterrupt:
        console.say("stopped")
    return Exit.DONE


def sandbox_reset(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Put a sandbox back to its beginning, and have the journal know that."""
    _usable(lambda: _state(selection, environment).reset())
    _forget_sandbox(selection, console, environment)
    console.result("The sandbox is as it was at the beginning.", {"reset": True})
    return Exit.DONE


def sandbox_show(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print what a sandbox holds: configurations, hidden ones too, surveys, the last requests, mails."""
    inventory = _usable(lambda: take_inventory(_state(selection, environment)))
    console.result(sandbox_text(inventory), inventory)
    return Exit.DONE


def _state(selection: Selection, environment: Environment) -> State:
    workspace = open_workspace(selection, environment)
    target = chosen_target(workspace, selection.target)
    return State(private_sandbox(workspace.folder, target.name, environment))


def _usable(make: Callable[[], Made]) -> Made:
    """Return what `make` makes; what a person named wrongly is an error of theirs, not of ours."""
    try:
        return make()
    except (StateError, ValueError) as error:
        raise UsageError(str(error)) from error


def _forget_sandbox(selection: Selection, console: Console, environment: Environment) -> None:
    """Write down that all configurations and customers of an embedded sandbox are gone, if any are known."""
    with open_session(selection, environment) as session:
        homes = (session.target.checkmarket, session.target.expoints)
        if any(home is not None and home.url != SANDBOX for home in homes):
            return
        with open_past(session) as past:
            if not past.latest(session.account) and not past.past(session.account):
                return
        with open_run(session, "sandbox reset", NO_WAIT, console) as run:
            known = run.journal.latest(run.account).values()
            for one in (one for one in known if one.intent.action != Action.DELETE):
                body = (one.ending and one.ending.after) or one.intent.body
                gone = Intent(
                    run.account, one.intent.key, Action.DELETE.value, one.id, one.intent.digest, body, None
                )
                number = run.journal.begin_operation(run.number, gone)
                run.journal.end_operation(number, Ending("applied", _RESET, one.id))
            for delivery in run.journal.past(run.account):
                if not delivery.standing.is_unsent:
                    run.journal.conclude_delivery(
                        delivery.batch, delivery.customer, DeliveryState.NOT_SENT, _RESET
                    )
            run.exit = Exit.DONE
