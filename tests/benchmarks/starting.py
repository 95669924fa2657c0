"""Start-up: what every command costs before it does anything."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Goal, Row, beside, seconds

_GOAL = Goal("≤ 5 ×", 5)
_FLAGS = ("--version", "--help")


def starting(bench: Bench) -> Iterator[Row]:
    """Measure `--version` and `--help` beside a Python that does nothing."""
    spent = bench.alternating(
        {
            "python -c pass": lambda: bench.script("-c", "pass"),
            "--version": lambda: bench.run("--version"),
            "--help": lambda: bench.run("--help"),
        }
    )
    nothing = spent["python -c pass"]
    for flag in _FLAGS:
        floor = f"`python -c pass` {seconds(nothing.wall)}"
        yield Row(
            f"`reconciler {flag}`", seconds(spent[flag].wall), floor, [beside(spent[flag], nothing, _GOAL)]
        )
