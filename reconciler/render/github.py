"""What GitHub Actions reads: commands in the output of a step, and values in a file.

A command is a line that begins with `::`, or holds `##[` (GitHub's documentation "Workflow commands for
GitHub Actions", and `ActionCommand` of actions/runner, which reads both forms). No value gets as far as that:
see `values.harmless`, and the escapes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.problems import Problem, Severity
from reconciler.render.links import Links
from reconciler.render.reported import Applied, Planned, Reported
from reconciler.render.values import counted, harmless, shortened

MOST_ANNOTATIONS = 10
"""GitHub shows so many of a kind, of each step."""
_LONGEST = 2000


_SHORTEST_MASK = 6
_COMMON = {
    *("account", "applied", "changes", "checkmarket", "configs", "create", "default", "delete", "example"),
    *("expoints", "failed", "github", "import_configs", "journal", "localhost", "master", "medallia"),
    *("password", "postgres", "postgresql", "production", "reconciler", "sandbox", "secret", "skipped"),
    *("staging", "summary", "target", "targets", "unchanged", "update", "workspace"),
}
"""Words that logs are full of. Shorter ones, like `true` and `http`, are never masked."""


def annotation_lines(problems: Sequence[Problem], links: Links) -> Iterator[str]:
    """Yield a command for each problem, at most ten a kind, and how many more there are."""
    for severity in Severity:
        some = [problem for problem in problems if problem.severity is severity]
        yield from (_annotation(problem, links) for problem in some[:MOST_ANNOTATIONS])
        left = len(some) - MOST_ANNOTATIONS
        if left > 0:
            # Of a kind of its own, so that it is shown beside the ten.
            yield f"::notice::and {counted(left, f'more {severity.value}')}"


def _annotation(problem: Problem, links: Links) -> str:
    place = problem.place
    properties = {
        "file": links.path(place),
        "line": str(place.line),
        "col": str(place.column),
        "title": f"{problem.code}{f' {problem.key}' if problem.key else ''}",
    }
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = f"{problem.message} → {problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity.value} {told}::{_data(shortened(text, _LONGEST))}"


def mask_lines(values: Iterable[str]) -> Iterator[str]:
    """Yield the commands after which GitHub shows none of these values, nor any line of one.

    What is short or a common word is no secret, and masked it would make a log of stars.
    """
    lines = dict.fromkeys(line.strip() for value in values for line in value.splitlines())
    # The value itself is what has to be masked, so it is escaped and otherwise left as it is.
    yield from (f"::add-mask::{_escaped(line)}" for line in lines if _is_maskable(line))


def _is_maskable(line: str) -> bool:
    return len(line) >= _SHORTEST_MASK and line.lower() not in _COMMON


def outputs(told: Sequence[Reported], exit_code: int) -> Mapping[str, str]:
    """Return the outputs of a step: numbers, and fingerprints as `--reviewed` takes them."""
    plans = [one.planned if isinstance(one, Applied) else one for one in told]
    made = [one for one in plans if isinstance(one, Planned)]
    return {
        "changes": str(sum(len(one.plan.changes) for one in made)),
        "resets": str(sum(one.plan.resets for one in made)),
        "fingerprint": ",".join(one.fingerprint for one in made),
        "exit_code": str(exit_code),
    }


def outputs_text(values: Mapping[str, str]) -> str:
    """Return outputs as the file of GitHub takes them; none holds a line break."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _data(text: str) -> str:
    return _escaped(harmless(text))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
