"""Problems of the files, and what stopped a command, as text and as documents."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import Exit
from reconciler.problems import Problem, Severity
from reconciler.render.document import FORMAT_VERSION, Document
from reconciler.render.paint import PLAIN, Paint
from reconciler.render.values import harmless


def problems_text(problems: Sequence[Problem], *, paint: Paint = PLAIN) -> str:
    """Return one paragraph a problem: place, severity and code, key, what is wrong, what to write instead."""
    return "\n".join(_problem(problem, paint) for problem in problems)


def _problem(problem: Problem, paint: Paint) -> str:
    style = paint.blocked if problem.severity is Severity.ERROR else paint.doubt
    place, message = harmless(str(problem.place)), harmless(problem.message)
    key = f"{harmless(problem.key)}: " if problem.key else ""
    title = f"{place}: {style(problem.severity.value)}[{problem.code}] {key}{message}"
    return f"{title}\n    → {harmless(problem.hint)}" if problem.hint else title


def problem_document(problem: Problem) -> Document:
    """Return one problem as a document."""
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }


def failure_document(message: str, exit: Exit, problems: Sequence[Problem] = ()) -> Document:
    """Return what stopped a command, as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "error": message,
        "exit_code": int(exit),
        "problems": [problem_document(problem) for problem in problems],
    }
