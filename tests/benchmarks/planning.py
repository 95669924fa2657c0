"""Planning: what is live is read over loopback, at once, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tests.benchmarks.bench import FLOOR, Bench
from tests.benchmarks.figures import Check, Goal, Row, beside, cost, grown, held
from tests.benchmarks.peers.octodns import OctoDns
from tests.benchmarks.peers.terraform import Terraform
from tests.benchmarks.processes import Spent
from tests.benchmarks.server import Account, Told

PLAN, THIN = "reconciler plan", "reconciler plan, thin list"
SCRIPT, THIN_SCRIPT = "bare script, list", "bare script, thin list"
OCTODNS, TERRAFORM = "octoDNS", "Terraform"
_ROWS_OF_A_PAGE = 100
# What each of ours is held against.
_GOALS = {
    PLAN: {OCTODNS: Goal("≤ 1/5", 1 / 5), TERRAFORM: Goal("≤ 1/8", 1 / 8)},
    THIN: {OCTODNS: Goal("≤ 1/2", 1 / 2)},
}

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
    work = f"`plan`, {bench.scale.objects:,} configurations, 10 % differing"
    yield _row(work, PLAN, SCRIPT, usual)
    yield _row(f"{work}, from a thin list", THIN, THIN_SCRIPT, usual)
    yield _many(bench.scale.many, usual[PLAN], many)
    if peers.terraform:
        applied = peers.terraform.applied[bench.scale.objects]
        bench.say(f"Terraform's apply of {bench.scale.objects}, once: {cost(applied)}")


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


def _row(work: str, ours: str, script: str, spent: Mapping[str, Spent]) -> Row:
    others = {"bare script": spent[script], **{name: spent[name] for name in _GOALS[ours] if name in spent}}
    words = "; ".join(f"{name} {cost(one)}" for name, one in others.items())
    checks = [beside(spent[ours], one, _GOALS[ours].get(name)) for name, one in others.items()]
    return Row(work, cost(spent[ours]), words, checks)


def _many(many: int, usual: Spent, spent: Mapping[str, Spent]) -> Row:
    others = {"bare script": spent[SCRIPT], **{name: spent[name] for name in (OCTODNS,) if name in spent}}
    words = "; ".join(f"{name} {cost(one)}" for name, one in others.items())
    checks = [beside(spent[PLAN], one) for one in others.values()]
    work = f"`plan`, {many:,} configurations, 10 % differing"
    checks += [grown(spent[PLAN], usual), held(spent[PLAN], 300)]
    return Row(work, cost(spent[PLAN]), words, checks)


def asking(bench: Bench) -> Iterator[Row]:
    """Count what a plan asks: the pages of the list, one row once more, and what the list lacks."""
    objects = bench.scale.objects
    pages = -(-objects // _ROWS_OF_A_PAGE)
    listed, thin = (_told(bench, thin=thin).total for thin in (False, True))
    checks = [
        Check(f"{listed:,}", listed, Goal(f"{pages} pages, 1 probe", pages + 1)),
        Check(f"thin: {thin:,}", thin, Goal(f"{pages} pages, {objects:,} reads", pages + objects)),
    ]
    yield Row(f"requests of a `plan` of {objects:,}", f"{listed:,}; thin {thin:,}", "", checks)


def _told(bench: Bench, *, thin: bool) -> Told:
    objects = bench.scale.objects
    bench.server.begin(Account(objects, objects // 10, thin))
    bench.run("plan", workspace=bench.workspace(objects))
    return bench.server.told()
