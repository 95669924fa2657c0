"""The rows of the table: what each benchmark measures, beside what, and the goal that it is held against."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tests.benchmarks.bench import (
    FLOOR,
    Bench,
    Check,
    Failed,
    Goal,
    Row,
    beside,
    cost,
    grown,
    held,
    middle,
    seconds,
    times,
)
from tests.benchmarks.peers import OctoDns, Terraform
from tests.benchmarks.server import Account, Counts
from tests.benchmarks.workspaces import key_of, write_seed
from tests.hostile.children import Ended

VALIDATE, FILES_SCRIPT = "reconciler validate", "bare script, files"
PLAN, THIN = "reconciler plan", "reconciler plan, thin list"
SCRIPT, THIN_SCRIPT = "bare script, list", "bare script, thin list"
OCTODNS, TERRAFORM = "octoDNS", "Terraform"
# What `apply` is measured with.
_LATENCY, _WORKERS = 0.05, 20

_INTENT, _OUTCOME = "reconciler.commands.runs:OpenRun.intent", "reconciler.commands.runs:OpenRun.outcome"
_READ = "reconciler.commands.session:open_workspace"
_WRITE = "reconciler.commands.reports:Reporting.write"


def starting(bench: Bench) -> Iterator[Row]:
    """Measure `--version` and `--help` beside a Python that does nothing."""
    runs = {flag: partial(bench.run, flag) for flag in ("--version", "--help")}
    spent = bench.alternating({"nothing": partial(bench.script, "-c", "pass"), **runs})
    floor = f"`python -c pass` {seconds(spent['nothing'].wall)}"
    for flag in runs:
        check = beside(spent[flag], spent["nothing"], Goal("≤ 5 ×", 5))
        yield Row(f"`reconciler {flag}`", seconds(spent[flag].wall), floor, [check])


def validating(bench: Bench) -> Iterator[Row]:
    """Measure `validate` of a few files beside the bare imports, and of many beside the bare script."""
    goal = Goal("≤ 1.5 ×", 1.5)
    imports = "from pydantic import BaseModel; from _ruamel_yaml import CParser"
    few = partial(bench.run, "validate", workspace=bench.workspace(3))
    spent = bench.alternating({"imports": partial(bench.script, "-c", imports), "few": few})
    alone = f"its imports alone {seconds(spent['imports'].wall)}"
    yield Row(
        "`validate`, 3 files", cost(spent["few"]), alone, [beside(spent["few"], spent["imports"], goal)]
    )
    measured: dict[int, Mapping[str, Ended]] = {}
    for objects in bench.scale.sizes:
        folder = bench.workspace(objects)
        ours = partial(bench.run, "validate", workspace=folder)
        floor = partial(bench.script, FLOOR, "validate", folder)
        measured[objects] = bench.alternating({VALIDATE: ours, FILES_SCRIPT: floor}, objects)
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    growth = [grown(many[VALIDATE], usual[VALIDATE]), held(many[VALIDATE], 200)]
    for objects, one, more in ((bench.scale.objects, usual, []), (bench.scale.many, many, growth)):
        checks = [beside(one[VALIDATE], one[FILES_SCRIPT], goal), *more]
        script = f"bare script {cost(one[FILES_SCRIPT])}"
        yield Row(f"`validate`, {objects:,} files", cost(one[VALIDATE]), script, checks)


def planning(bench: Bench) -> Iterator[Row]:
    """Measure `plan` at every size beside the bare script and the peers, one in ten differing."""
    octodns = OctoDns(bench) if bench.scale.peers else None
    terraform = _terraform(bench) if bench.scale.peers else None
    measured: dict[int, Mapping[str, Ended]] = {}
    for objects in bench.scale.sizes:
        runs, is_usual = _plans(bench, objects), objects <= bench.scale.objects
        if octodns and (is_usual or bench.scale.full):
            runs[OCTODNS] = octodns.prepared(objects)
        if terraform and is_usual:  # never many: its cost grows faster than they do
            runs[TERRAFORM] = terraform.prepared(objects)
        measured[objects] = bench.alternating(runs, objects)
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    goals = {OCTODNS: Goal("≤ 1/5", 1 / 5), TERRAFORM: Goal("≤ 1/8", 1 / 8)}
    work = f"`plan`, {bench.scale.objects:,} configurations, 10 % differing"
    yield _planned(work, PLAN, SCRIPT, usual, goals)
    yield _planned(f"{work}, from a thin list", THIN, THIN_SCRIPT, usual, {OCTODNS: Goal("≤ 1/2", 1 / 2)})
    work = f"`plan`, {bench.scale.many:,} configurations, 10 % differing"
    row = _planned(work, PLAN, SCRIPT, many, {OCTODNS: None})
    yield row._replace(checks=[*row.checks, grown(many[PLAN], usual[PLAN]), held(many[PLAN], 300)])


def _terraform(bench: Bench) -> Terraform | None:
    try:
        return Terraform(bench)
    except Failed as error:
        bench.say(f"Terraform is left out: {error}")
        return None


def _plans(bench: Bench, objects: int) -> dict[str, Callable[[], Ended]]:
    folder = bench.workspace(objects)

    def of(account: Account, run: Callable[[], Ended]) -> Callable[[], Ended]:
        def begun() -> Ended:
            bench.server.begin(account)
            return run()

        return begun

    plan = partial(bench.run, "plan", workspace=folder)
    script = partial(bench.script, FLOOR, "plan", folder, bench.server.url)
    whole, thin = (Account(objects, objects // 10, rows) for rows in (False, True))
    runs = {PLAN: of(whole, plan), SCRIPT: of(whole, script)}
    if objects <= bench.scale.objects:
        runs |= {THIN: of(thin, plan), THIN_SCRIPT: of(thin, script)}
    return runs


def _planned(
    work: str, ours: str, script: str, spent: Mapping[str, Ended], goals: Mapping[str, Goal | None]
) -> Row:
    others = {"bare script": spent[script], **{name: spent[name] for name in goals if name in spent}}
    words = "; ".join(f"{name} {cost(one)}" for name, one in others.items())
    checks = [beside(spent[ours], one, goals.get(name)) for name, one in others.items()]
    return Row(work, cost(spent[ours]), words, checks)


def asking(bench: Bench) -> Iterator[Row]:
    """Count what a plan asks: the pages of the list, one row once more, and what the list lacks."""
    objects = bench.scale.objects
    pages = -(-objects // 100)
    listed, thin = (_asked(bench, Account(objects, objects // 10, one)).total for one in (False, True))
    checks = [
        Check(f"{listed:,}", listed, Goal(f"{pages} pages, 1 probe", pages + 1)),
        Check(f"thin: {thin:,}", thin, Goal(f"{pages} pages, {objects:,} reads", pages + objects)),
    ]
    yield Row(f"requests of a `plan` of {objects:,}", f"{listed:,}; thin {thin:,}", "", checks)


def _asked(bench: Bench, account: Account) -> Counts:
    bench.server.begin(account)
    bench.run("plan", workspace=bench.workspace(account.count))
    return bench.server.counts()


def applying(bench: Bench) -> Iterator[Row]:
    """Measure `apply` beside the time that its requests alone need, and what of it the journal takes."""
    changes = bench.scale.objects
    runs, shares = list[Ended](), list[float]()
    for _ in range(min(bench.scale.repetitions, 3)):
        folder = bench.workspace(changes, parallelism=_WORKERS)
        bench.server.begin(Account(changes, changes, latency=_LATENCY))
        run, inside = bench.watched([_INTENT, _OUTCOME], "apply", "--yes", workspace=folder)
        bench.say(f"apply: {run.wall:.3f} s, {run.cpu:.3f} s of processor; {inside}")
        runs.append(run)
        shares.append(sum(spent for _, spent in inside.values()) / (_WORKERS * run.wall))
    ours, counts = middle(runs), bench.server.counts()
    looked = _asked(bench, Account(changes, changes))
    latency, floor = f"{_LATENCY * 1000:.0f} ms", 3 * changes * _LATENCY / _WORKERS
    sending = (counts.last["GET one"] - counts.first["PUT one"] + 2 * _LATENCY) / floor
    ratio = ours.wall / floor
    yield Row(
        f"`apply`, {changes:,} changes at {latency}, {_WORKERS} at a time",
        cost(ours),
        f"{3 * changes:,} requests × {latency} / {_WORKERS} = {seconds(floor)}",
        [Check(f"{times(ratio)} ({times(sending)} once it sends)", ratio, Goal("≤ 1.15 ×", 1.15))],
    )
    each = (counts.total - looked.total) / changes
    check = Check(f"{each:.2f}", each, Goal("a read, a write, a read", 3))
    yield Row("requests of that `apply`, a change", counts.words, f"`plan` {looked.words}", [check])
    each = ours.cpu / counts.total * 1000
    check = Check(f"{each:.2f} ms", each, Goal("≤ 1.5 ms", 1.5))
    yield Row("CPU of that process, a request", f"{seconds(ours.cpu)} for {counts.total:,}", "", [check])
    share = statistics.median(shares)
    sync = f"a sync here {seconds(_sync(bench))}"
    check = Check(f"{share:.1%}", share, Goal("≤ 5 %", 0.05))
    each = share * _WORKERS * ours.wall / changes
    yield Row("the durable journal's part of that time", f"{seconds(each)} a change", sync, [check])


def _sync(bench: Bench) -> float:
    """Return the seconds that this disk takes for one small durable write."""
    taken = []
    with (bench.folder / "synced").open("wb", buffering=0) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def only(bench: Bench) -> Iterator[Row]:
    """Measure `plan --only KEY` beside the plan of a single file, the reading of files apart."""
    many = bench.scale.many
    apart: dict[int, list[float]] = {1: [], many: []}
    for _ in range(min(bench.scale.repetitions, 3)):
        for objects, arguments in ((1, []), (many, ["--only", key_of(many // 2)])):
            bench.server.begin(Account(objects))
            run, inside = bench.watched([_READ], "plan", *arguments, workspace=bench.workspace(objects))
            apart[objects].append(run.wall - inside[_READ][1])
    asked = bench.server.counts().total
    mine, single = statistics.median(apart[many]), statistics.median(apart[1])
    checks = [
        Check(f"{asked} read", asked, Goal("1 read", 1)),
        Check(times(mine / single), mine / single, Goal("≤ 2 ×", 2)),
    ]
    work = f"`plan --only KEY` of {many:,}, without reading the files"
    yield Row(work, seconds(mine), f"`plan` of one file {seconds(single)}", checks)


def seeding(bench: Bench) -> Iterator[Row]:
    """Measure the plan of one large seed, and sending it, beside customers that most tenants have already."""
    customers = min(10_000, bench.scale.many)
    folder = write_seed(bench.folder / "seed" / "configs", customers, bench.server.url)
    bench.server.begin(Account(customers=300))
    spent = bench.run("plan", workspace=folder)
    check = Check(seconds(spent.wall), spent.wall, Goal("≤ 2 s", 2))
    asked = f"requests: {bench.server.counts().words}"
    yield Row(f"`plan`, {customers:,} customers in one seed", cost(spent), asked, [check])
    bench.server.begin(Account(customers=300))
    spent = bench.run("apply", "--yes", workspace=folder)
    sent = bench.server.counts().requests["customer/add"]
    yield Row(f"sending them, in {sent} requests", cost(spent), "", [held(spent, 200)])


def paging(bench: Bench) -> Iterator[Row]:
    """Measure how long the page of a plan takes to write in which everything changes."""
    changes, page, taken = bench.scale.objects, bench.folder / "plan.html", []
    for _ in range(bench.scale.repetitions):
        bench.server.begin(Account(changes, differing=changes))
        folder = bench.workspace(changes)
        _, inside = bench.watched([_WRITE], "plan", "--report", f"html={page}", workspace=folder)
        taken.append(inside[_WRITE][1])
    usual = statistics.median(taken)
    check = Check(seconds(usual), usual, Goal("≤ 1 s", 1))
    yield Row(f"HTML page with {changes:,} changes", f"{page.stat().st_size / 1000:,.0f} kB", "", [check])
