"""Planning: what is live is read over loopback, at once, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tests.benchmarks.bench import FLOOR, Bench
from tests.benchmarks.figures import Goal, Row, compared, cost, seconds, times
from tests.benchmarks.peers.octodns import OctoDns
from tests.benchmarks.peers.terraform import Terraform
from tests.benchmarks.processes import Spent
from tests.benchmarks.server import Account, Told

PLAN, THIN = "reconciler plan", "reconciler plan, thin list"
SCRIPT, THIN_SCRIPT = "bare script, list", "bare script, thin list"
OCTODNS, TERRAFORM = "octoDNS", "Terraform"
_ROWS_OF_A_PAGE = 100
# The words, the bound, and whose figure is compared, for each of ours.
_BESIDE_PEERS = (
    (PLAN, OCTODNS, Goal("≤ 1/5", 1 / 5)),
    (PLAN, TERRAFORM, Goal("≤ 1/8", 1 / 8)),
    (THIN, OCTODNS, Goal("≤ 1/2", 1 / 2)),
)

Runs = Iterator[tuple[str, Callable[[], Spent]]]


def planning(bench: Bench) -> Iterator[Row]:
    """Measure `plan` at every size beside the bare script and the peers, one in ten differing."""
    peers = Peers.installed(bench) if bench.scale.peers else Peers()
    measured: dict[int, Mapping[str, Spent]] = {}
    for objects in bench.scale.sizes:
        runs = dict([*_runs(bench, objects), *peers.runs(bench, objects)])
        measured[objects] = bench.alternating(runs, objects)
        bench.results.grew(objects, measured[objects])
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    yield from _usual(bench.scale.objects, usual)
    yield from _many(bench.scale.many, usual[PLAN], many)
    if peers.terraform:
        applied = peers.terraform.applied[bench.scale.objects]
        yield Row(f"Terraform's apply of {bench.scale.objects:,}, once", "", cost(applied))


@dataclass(frozen=True)
class Peers:
    """The peers that plan; none where they are not wanted or, of Terraform, cannot be had."""

    octodns: OctoDns | None = None
    terraform: Terraform | None = None

    @classmethod
    def installed(cls, bench: Bench) -> Peers:
        """Return both. Raises `Failed` without octoDNS."""
        return cls(OctoDns.installed(bench), Terraform.installed(bench))

    def runs(self, bench: Bench, objects: int) -> Runs:
        """Yield what plans so many; Terraform never many, for its cost grows faster than they do."""
        usual = objects <= bench.scale.objects
        if self.octodns and (usual or bench.scale.full):
            self.octodns.prepare(objects)
            yield OCTODNS, partial(self.octodns.plan, objects)
        if self.terraform and usual:
            self.terraform.prepare(objects)
            yield TERRAFORM, partial(self.terraform.plan, objects)


def _runs(bench: Bench, objects: int) -> Runs:
    folder, url = bench.workspace(objects), bench.server.url

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


def _usual(objects: int, spent: Mapping[str, Spent]) -> Iterator[Row]:
    work = f"`plan`, {objects:,} configurations, {objects // 10:,} differing"
    works = {PLAN: work, THIN: f"{work}, thin list"}
    yield compared(works[PLAN], spent[PLAN], spent[SCRIPT], "bare script")
    yield compared(works[THIN], spent[THIN], spent[THIN_SCRIPT], "bare script")
    for ours, peer, goal in _BESIDE_PEERS:
        if peer in spent:
            yield compared(works[ours], spent[ours], spent[peer], peer, goal)


def _many(many: int, usual: Spent, spent: Mapping[str, Spent]) -> Iterator[Row]:
    work = f"`plan`, {many:,} configurations, {many // 10:,} differing"
    yield compared(work, spent[PLAN], spent[SCRIPT], "bare script")
    if OCTODNS in spent:
        yield compared(work, spent[PLAN], spent[OCTODNS], OCTODNS)
    growth = spent[PLAN].wall / usual.wall
    goal = Goal("≤ 10 × the time", 10)
    yield Row(
        "10 × the configurations", seconds(spent[PLAN].wall), seconds(usual.wall), growth, times(growth), goal
    )
    held = spent[PLAN].mebibytes
    beside = f"bare script {spent[SCRIPT].mebibytes:.0f} MiB"
    shown = f"{held:.0f} MiB"
    yield Row(f"memory of that `plan` of {many:,}", shown, beside, held, shown, Goal("≤ 300 MiB", 300))


def asking(bench: Bench) -> Iterator[Row]:
    """Count what a plan asks: the pages of the list, one row once more, and what the list lacks."""
    objects = bench.scale.objects
    pages = -(-objects // _ROWS_OF_A_PAGE)
    listed, thin = _told(bench, thin=False), _told(bench, thin=True)
    words = f"{pages} of the list, 1 probe"
    yield _requests(f"requests of a `plan`, {objects:,} configurations", listed, words, pages + 1)
    words = f"{pages} of the list, {objects:,} reads"
    yield _requests("the same, thin list", thin, words, pages + objects)


def _told(bench: Bench, *, thin: bool) -> Told:
    objects = bench.scale.objects
    bench.server.begin(Account(objects, objects // 10, thin))
    bench.run("plan", workspace=bench.workspace(objects))
    return bench.server.told()


def _requests(work: str, told: Told, words: str, most: int) -> Row:
    return Row(work, told.words, "", told.total, f"{told.total:,}", Goal(words, most))
