"""`reconciler defaults`: what a reset leaves behind on an account, and finding it out."""

from __future__ import annotations

import secrets

from reconciler.commands.apply import engine_for
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, deferred_interrupts
from reconciler.commands.journal import remembered
from reconciler.commands.runs import NO_WAIT, Lock, OpenRun, open_run
from reconciler.commands.session import Session, check_account, check_target_is_named, open_session
from reconciler.commands.workspace import Selection
from reconciler.engine.apply import LearnedDefaults, apply, learn_defaults
from reconciler.engine.change import Scope
from reconciler.engine.classify import AccountProfile, known_defaults
from reconciler.errors import Exit
from reconciler.render.history import defaults_document, defaults_text, learned_document, learned_text


def defaults_show(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print the default of every field of the target, and how it is known, proved or not."""
    with open_session(selection, environment) as session, remembered(session, console) as memory:
        known = known_defaults(session.kind, session.target.defaults, memory.learned)
        kind, target = session.kind, session.target.name
        console.result(defaults_text(kind, target, known), defaults_document(kind, target, known))
    return Exit.DONE


def defaults_learn(
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    yes: bool = False,
    lock: Lock = NO_WAIT,
) -> Exit:
    """Create a configuration in which nothing is set, read it, delete it, and print what its fields hold.

    What it finds counts from then on, as everything that the journal has learned. A configuration that may
    have been left over is named, and makes this fail.
    """
    check_target_is_named(selection, environment)
    name = f"reconciler defaults {secrets.token_hex(4)}"
    with open_session(selection, environment) as session:
        kind, target = session.kind, session.target.name
        if not yes:
            question = f'Create a configuration "{name}" on {target}, read it, and delete it again?'
            console.confirm(question, "nothing was created")
        with open_run(session, "defaults learn", lock, console) as run:
            check_account(session)
            lesson = _lesson(name, session, run)
            run.exit = lesson.exit
        console.result(learned_text(kind, target, lesson), learned_document(kind, target, lesson))
    return lesson.exit


def _lesson(name: str, session: Session, run: OpenRun) -> LearnedDefaults:
    """Take the lesson, in which an interrupt waits until the configuration is deleted again."""
    account = AccountProfile(session.kind)
    scope = Scope(session.target.name, session.account_name, session.target.guardrails.limits)
    with deferred_interrupts(lambda: None):
        lesson = learn_defaults(
            account, scope, name, lambda plan: apply(plan, engine_for(session, plan, run))[0]
        )
        run.journal.learn(run.number, run.account, lesson.values)
    return lesson
