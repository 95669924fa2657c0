"""Planning: what is live is read over loopback, at once, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tests.benchmarks.bench import FLOOR, Bench
from tests.benchmarks.figures import Goal, Row, compared, cost, times
from tests.benchmarks.processes import Spent
from tests.benchmarks.server import Account, Told

PLAN, THIN = "reconciler plan", "reconciler plan, thin list"
SCRIPT, THIN_SCRIPT = "bare script, list", "bare script, thin list"
OCTODNS, TERRAFORM = "octoDNS", "Terraform"
_ROWS_OF_A_PAGE = 100


def planning(bench: Bench) -> Iterator[Row]:
    """Measure `plan` at every size beside the bare script and the peers, one in ten differing."""
    measured: dict[int, Mapping[str, Spent]] = {}
    for objects in bench.scale.sizes:
        measured[objects] = bench.alternating(dict(_runs(bench, objects)), objects)
        bench.results.grew(objects, measured[objects])
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    yield from _usual(bench, usual)
    yield from _many(bench, usual[PLAN], many)


def _runs(bench: Bench, objects: int) -> Iterator[tuple[str, Callable[[], Spent]]]:
    folder = bench.workspace(objects)
    url = bench.server.url

    def served(run: Callable[[], Spent], *, thin: bool) -> Callable[[], Spent]:
        def begun() -> Spent:
            bench.server.begin(Account(objects, objects // 10, thin))
            return run()

        return begun

    plan = partial(bench.run, "plan", workspace=folder)
    script = partial(bench.script, FLOOR, "plan", folder, url)
    yield PLAN, served(plan, thin=False)
    yield SCRIPT, served(script, thin=False)
    if objects <= bench.scale.objects:
        yield THIN, served(plan, thin=True)
        yield THIN_SCRIPT, served(script, thin=True)


def _usual(bench: Bench, spent: Mapping[str, Spent]) -> Iterator[Row]:
    objects = bench.scale.objects
    work = f"`plan`, {objects:,} configurations, {objects // 10:,} differing"
    yield compared(work, spent[PLAN], spent[SCRIPT], "bare script")
    yield compared(f"{work}, thin list", spent[THIN], spent[THIN_SCRIPT], "bare script")


def _many(bench: Bench, usual: Spent, spent: Mapping[str, Spent]) -> Iterator[Row]:
    many = bench.scale.many
    work = f"`plan`, {many:,} configurations, {many // 10:,} differing"
    yield compared(work, spent[PLAN], spent[SCRIPT], "bare script")
    growth = spent[PLAN].wall / usual.wall
    yield Row(
        "10 × the configurations",
        cost(spent[PLAN]),
        cost(usual),
        growth,
        times(growth),
        Goal("≤ 10 × the time", 10),
    )
    held = spent[PLAN].mebibytes
    yield Row(
        f"memory of `plan`, {many:,} configurations",
        f"{held:.0f} MiB",
        f"bare script {spent[SCRIPT].mebibytes:.0f} MiB",
        held,
        f"{held:.0f} MiB",
        Goal("≤ 300 MiB", 300),
    )


def asking(bench: Bench) -> Iterator[Row]:
    """Count what a plan asks: the pages of the list, one row once more, and what the list lacks."""
    objects = bench.scale.objects
    pages = -(-objects // _ROWS_OF_A_PAGE)
    listed, thin = _told(bench, thin=False), _told(bench, thin=True)
    yield _requests(
        f"requests of a `plan`, {objects:,} configurations", listed, f"{pages} pages, 1 probe", pages + 1
    )
    words = f"{pages} pages, {objects:,} reads"
    yield _requests("the same, thin list", thin, words, pages + objects)


def _told(bench: Bench, *, thin: bool) -> Told:
    objects = bench.scale.objects
    bench.server.begin(Account(objects, objects // 10, thin))
    bench.run("plan", workspace=bench.workspace(objects))
    return bench.server.told()


def _requests(work: str, told: Told, words: str, most: int) -> Row:
    return Row(work, f"{told.total:,}", "", told.total, f"{told.total:,}", Goal(words, most))
