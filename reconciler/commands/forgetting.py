"""What is written down when a sandbox begins anew: nothing that a journal knows of it is there any more."""

from __future__ import annotations

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.journal import open_past
from reconciler.commands.runs import NO_WAIT, OpenRun, Purpose, open_run
from reconciler.commands.session import Session, open_session
from reconciler.commands.workspace import Selection
from reconciler.config.settings import SANDBOX
from reconciler.engine.change import Action
from reconciler.errors import Exit
from reconciler.journal.ledger import DeliveryState
from reconciler.journal.runs import Ending, Intent, Operation

_WHY = "the sandbox was reset"


def forget_sandbox(selection: Selection, console: Console, environment: Environment) -> None:
    """Write down that all configurations and customers of an embedded sandbox are gone, if any are known."""
    with open_session(selection, environment) as session:
        if not _is_embedded(session) or not _knows_anything(session):
            return
        with open_run(session, Purpose("sandbox reset"), NO_WAIT, console) as run:
            for operation in run.journal.latest(run.account).values():
                _forget_config(run, operation)
            for delivery in run.journal.past(run.account):
                if not delivery.standing.is_unsent:
                    run.journal.conclude_delivery(
                        delivery.batch, delivery.customer, DeliveryState.NOT_SENT, _WHY
                    )
            run.exit = Exit.DONE


def _is_embedded(session: Session) -> bool:
    homes = (session.target.checkmarket, session.target.expoints)
    return all(home is None or home.url == SANDBOX for home in homes)


def _knows_anything(session: Session) -> bool:
    with open_past(session) as past:
        return bool(past.latest(session.account) or past.past(session.account))


def _forget_config(run: OpenRun, operation: Operation) -> None:
    intent, ending = operation.intent, operation.ending
    if intent.action == Action.DELETE:
        return
    id = ending.id if ending and ending.id is not None else intent.id
    body = (ending and ending.after) or intent.body
    gone = Intent(run.account, intent.key, Action.DELETE.value, id, intent.digest, body, None)
    run.journal.end_operation(run.journal.begin_operation(run.number, gone), Ending("applied", _WHY, id))
