"""What `doctor` looked at and how it stands, and how that is shown: as text and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from reconciler.errors import Exit, ReconcilerError
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.paint import Paint
from reconciler.render.values import counted, harmless


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKABLE = "not checkable"
    """Nothing tells, or nothing was asked because of another problem."""


class Check(Struct, frozen=True):
    """One thing that was looked at. It holds no secret."""

    subject: str
    state: State
    message: str
    mend: str = ""
    """What to do about it, empty where nothing is to be done or the message says so."""
    exit: Exit = Exit.DONE
    """What a problem means for the whole."""


class Part(Struct, frozen=True):
    """What was looked at of one thing: of this installation, the workspace, a target."""

    title: str
    checks: Sequence[Check]


def ok(subject: str, message: str) -> Check:
    """Return that a thing is as it should be."""
    return Check(subject, State.OK, message)


def problem(subject: str, message: str, mend: str = "", exit: Exit = Exit.ERROR) -> Check:
    """Return that a thing is not as it should be."""
    return Check(subject, State.PROBLEM, message, mend, exit)


def failed(subject: str, error: ReconcilerError) -> Check:
    """Return a failure as a problem; that an API is unavailable stays told apart."""
    exit = Exit.UNAVAILABLE if error.exit is Exit.UNAVAILABLE else Exit.ERROR
    return problem(subject, str(error), exit=exit)


def not_checkable(subject: str, message: str, mend: str = "") -> Check:
    """Return that it cannot be told how a thing stands."""
    return Check(subject, State.NOT_CHECKABLE, message, mend)


def exit_of(parts: Iterable[Part]) -> Exit:
    """Return what all of it together means: 0, 1, or 7 where nothing but an API is wrong."""
    return Exit.gravest(check.exit for part in parts for check in part.checks)


_SYMBOLS = {State.OK: "✓", State.PROBLEM: "!", State.NOT_CHECKABLE: "?"}


def doctor_text(parts: Sequence[Part], paint: Paint) -> str:
    """Return the parts with a line for each thing, and the way to mend it below; the counts come last."""
    return "\n\n".join([*("\n".join(_part(part, paint)) for part in parts), _summary(parts)])


def _part(part: Part, paint: Paint) -> Iterator[str]:
    yield paint.strong(harmless(part.title))
    width = max((len(check.subject) for check in part.checks), default=0)
    for check in part.checks:
        style = {State.OK: paint.create, State.PROBLEM: paint.blocked, State.NOT_CHECKABLE: paint.doubt}
        symbol = style[check.state](_SYMBOLS[check.state])
        yield f"  {symbol} {check.subject.ljust(width)}  {harmless(_message(check))}"
        if check.mend:
            yield f"    {' ' * width}  → {harmless(check.mend)}"


def _message(check: Check) -> str:
    return f"not checkable: {check.message}" if check.state is State.NOT_CHECKABLE else check.message


def _summary(parts: Sequence[Part]) -> str:
    states = [check.state for part in parts for check in part.checks]
    problems, unknown = counted(states.count(State.PROBLEM), "problem"), states.count(State.NOT_CHECKABLE)
    return f"Checked: {states.count(State.OK)} ok, {problems}, {unknown} not checkable."


def doctor_document(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the parts as a JSON document."""
    return {
        "format_version": FORMAT_VERSION,
        "parts": [
            {"title": part.title, "checks": [_check_document(check) for check in part.checks]}
            for part in parts
        ],
    }


def _check_document(check: Check) -> dict[str, Any]:
    unavailable = {"unavailable": check.exit is Exit.UNAVAILABLE} if check.state is State.PROBLEM else {}
    return {
        "subject": check.subject,
        "state": check.state,
        "message": check.message,
        "mend": check.mend or None,
        **unavailable,
    }
