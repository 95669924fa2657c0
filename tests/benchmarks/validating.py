"""Validating: every file read, every problem looked for, nothing asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.benchmarks.bench import FLOOR, Bench
from tests.benchmarks.figures import Goal, Row, compared, cost, times

VALIDATE, SCRIPT = "reconciler validate", "bare script, files"
_FEW = 3
_IMPORTS = "from pydantic import BaseModel; from _ruamel_yaml import CParser"
_GOAL = Goal("≤ 1.5 ×", 1.5)


def validating(bench: Bench) -> Iterator[Row]:
    """Measure `validate` of a few files beside the bare imports, and of many beside the bare script."""
    few = bench.workspace(_FEW)
    spent = bench.alternating(
        {
            "imports": lambda: bench.script("-c", _IMPORTS),
            "validate": lambda: bench.run("validate", workspace=few),
        }
    )
    yield compared(f"`validate`, {_FEW} files", spent["validate"], spent["imports"], "imports alone", _GOAL)
    yield from _growing(bench)


def _growing(bench: Bench) -> Iterator[Row]:
    measured = {}
    for objects in bench.scale.sizes:
        folder = bench.workspace(objects)
        spent = bench.alternating(
            {
                VALIDATE: partial(bench.run, "validate", workspace=folder),
                SCRIPT: partial(bench.script, FLOOR, "validate", folder),
            },
            objects,
        )
        bench.results.grew(objects, spent)
        measured[objects] = spent
    for objects in (bench.scale.objects, bench.scale.many):
        ours, floor = measured[objects].values()
        yield compared(f"`validate`, {objects:,} files", ours, floor, "bare script", _GOAL)
    usual, many = (measured[n][VALIDATE] for n in (bench.scale.objects, bench.scale.many))
    growth = many.wall / usual.wall
    yield Row("10 × the files", cost(many), cost(usual), growth, times(growth), Goal("≤ 10 × the time", 10))
    yield Row(
        f"memory of `validate`, {bench.scale.many:,} files",
        f"{many.mebibytes:.0f} MiB",
        f"bare script {floor.mebibytes:.0f} MiB",
        many.mebibytes,
        f"{many.mebibytes:.0f} MiB",
        Goal("≤ 200 MiB", 200),
    )
