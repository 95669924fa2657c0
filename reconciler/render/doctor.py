"""What `doctor` found, as text and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.checkup import Check, Part, State
from reconciler.errors import Exit
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.paint import Paint
from reconciler.render.values import counted, harmless

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
