"""One of many: what a plan of one key costs in a large workspace."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.benchmarks.bench import Bench, Watched
from tests.benchmarks.figures import Check, Goal, Row, seconds, times
from tests.benchmarks.processes import Spent
from tests.benchmarks.server import Account
from tests.benchmarks.workspaces import key_of

_READ = "reconciler.commands.session:open_workspace"


def only(bench: Bench) -> Iterator[Row]:
    """Measure `plan --only KEY` beside the plan of a single file, the reading of files apart."""
    many = bench.scale.many
    apart: dict[str, list[Watched]] = {"one file": [], "only": []}

    def alone() -> Spent:
        bench.server.begin(Account(1))
        return _noted(apart["one file"], bench.watched([_READ], "plan", workspace=bench.workspace(1)))

    def one_of_many() -> Spent:
        bench.server.begin(Account(many))
        arguments = ("plan", "--only", key_of(many // 2))
        return _noted(apart["only"], bench.watched([_READ], *arguments, workspace=bench.workspace(many)))

    bench.alternating({"plan of one file": alone, f"plan --only, of {many}": one_of_many}, many)
    asked = bench.server.told()
    mine, single = (_rest(apart[name]) for name in ("only", "one file"))
    checks = [
        Check(f"{asked.total} read", asked.total, Goal("1 read", 1)),
        Check(times(mine / single), mine / single, Goal("≤ 2 ×", 2)),
    ]
    work = f"`plan --only KEY` of {many:,}, without reading the files"
    yield Row(work, seconds(mine), f"`plan` of one file {seconds(single)}", checks)


def _noted(runs: list[Watched], run: Watched) -> Spent:
    runs.append(run)
    return run.spent


def _rest(runs: list[Watched]) -> float:
    """Return the middle of what runs took beside reading their files, in seconds."""
    return statistics.median(run.spent.wall - run.inside[_READ][1] for run in runs)
