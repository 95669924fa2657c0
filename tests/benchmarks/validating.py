"""Validating: every file read, every problem looked for, nothing asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from tests.benchmarks.bench import FLOOR, Bench
from tests.benchmarks.figures import Goal, Row, beside, cost, grown, held, seconds
from tests.benchmarks.processes import Spent

VALIDATE, SCRIPT = "reconciler validate", "bare script, files"
_FEW = 3
_IMPORTS = "from pydantic import BaseModel; from _ruamel_yaml import CParser"
_GOAL = Goal("≤ 1.5 ×", 1.5)


def validating(bench: Bench) -> Iterator[Row]:
    """Measure `validate` of a few files beside the bare imports, and of many beside the bare script."""
    yield _few(bench)
    measured = {objects: _measured(bench, objects) for objects in bench.scale.sizes}
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    yield _row(bench.scale.objects, usual)
    row = _row(bench.scale.many, many)
    yield Row(
        row.work,
        row.ours,
        row.beside,
        [*row.checks, grown(many[VALIDATE], usual[VALIDATE]), held(many[VALIDATE], 200)],
    )


def _few(bench: Bench) -> Row:
    folder = bench.workspace(_FEW)
    spent = bench.alternating(
        {
            "imports": lambda: bench.script("-c", _IMPORTS),
            VALIDATE: lambda: bench.run("validate", workspace=folder),
        }
    )
    ours, imports = spent[VALIDATE], spent["imports"]
    alone = f"its imports alone {seconds(imports.wall)}"
    return Row(f"`validate`, {_FEW} files", cost(ours), alone, [beside(ours, imports, _GOAL)])


def _measured(bench: Bench, objects: int) -> Mapping[str, Spent]:
    folder = bench.workspace(objects)
    spent = bench.alternating(
        {
            VALIDATE: partial(bench.run, "validate", workspace=folder),
            SCRIPT: partial(bench.script, FLOOR, "validate", folder),
        },
        objects,
    )
    bench.results.grew(objects, spent)
    return spent


def _row(objects: int, spent: Mapping[str, Spent]) -> Row:
    ours, floor = spent[VALIDATE], spent[SCRIPT]
    checks = [beside(ours, floor, _GOAL)]
    return Row(f"`validate`, {objects:,} files", cost(ours), f"bare script {cost(floor)}", checks)
