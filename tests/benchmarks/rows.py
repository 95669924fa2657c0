"""The rows of the table: what each benchmark measures, beside what, and the goal that it is held against."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.bench import (
    FLOOR,
    TOP,
    Bench,
    Check,
    Goal,
    Row,
    Watched,
    beside,
    cost,
    grown,
    held,
    middle,
    seconds,
    spend,
    times,
)
from tests.benchmarks.peers import Ansible, OctoDns, Terraform
from tests.benchmarks.server import Account, Told
from tests.benchmarks.workspaces import key_of, write_seed
from tests.hostile.children import Ended

VALIDATE, FILES_SCRIPT = "reconciler validate", "bare script, files"
PLAN, THIN = "reconciler plan", "reconciler plan, thin list"
SCRIPT, THIN_SCRIPT = "bare script, list", "bare script, thin list"
OCTODNS, TERRAFORM = "octoDNS", "Terraform"
LATENCY, WORKERS = 0.05, 20
"""What `apply` is measured with."""

_INTENT, _OUTCOME = "reconciler.commands.runs:OpenRun.intent", "reconciler.commands.runs:OpenRun.outcome"
_READ = "reconciler.commands.session:open_workspace"
_WRITE = "reconciler.commands.reports:Reporting.write"
_SMOOTH = Goal("no task > 200 ms", 0.2)


def starting(bench: Bench) -> Iterator[Row]:
    """Measure `--version` and `--help` beside a Python that does nothing."""
    spent = bench.alternating(
        {
            "python -c pass": lambda: bench.script("-c", "pass"),
            "--version": lambda: bench.run("--version"),
            "--help": lambda: bench.run("--help"),
        }
    )
    nothing, goal = spent["python -c pass"], Goal("≤ 5 ×", 5)
    for flag in ("--version", "--help"):
        one = spent[flag]
        floor = f"`python -c pass` {seconds(nothing.wall)}"
        yield Row(f"`reconciler {flag}`", seconds(one.wall), floor, [beside(one, nothing, goal)])


def validating(bench: Bench) -> Iterator[Row]:
    """Measure `validate` of a few files beside the bare imports, and of many beside the bare script."""
    few, goal = bench.workspace(3), Goal("≤ 1.5 ×", 1.5)
    imports = "from pydantic import BaseModel; from _ruamel_yaml import CParser"
    spent = bench.alternating(
        {
            "imports": lambda: bench.script("-c", imports),
            VALIDATE: lambda: bench.run("validate", workspace=few),
        }
    )
    alone = f"its imports alone {seconds(spent['imports'].wall)}"
    check = beside(spent[VALIDATE], spent["imports"], goal)
    yield Row("`validate`, 3 files", cost(spent[VALIDATE]), alone, [check])
    measured: dict[int, Mapping[str, Ended]] = {}
    for objects in bench.scale.sizes:
        folder = bench.workspace(objects)
        runs = {
            VALIDATE: partial(bench.run, "validate", workspace=folder),
            FILES_SCRIPT: partial(bench.script, FLOOR, "validate", folder),
        }
        measured[objects] = bench.alternating(runs, objects)
        bench.grew(objects, measured[objects])
    usual = measured[bench.scale.objects][VALIDATE]
    for objects in (bench.scale.objects, bench.scale.many):
        ours, floor = measured[objects][VALIDATE], measured[objects][FILES_SCRIPT]
        checks = [beside(ours, floor, goal)]
        checks += [grown(ours, usual), held(ours, 200)] if objects == bench.scale.many else []
        yield Row(f"`validate`, {objects:,} files", cost(ours), f"bare script {cost(floor)}", checks)


def planning(bench: Bench) -> Iterator[Row]:
    """Measure `plan` at every size beside the bare script and the peers, one in ten differing."""
    octodns = OctoDns.installed(bench) if bench.scale.peers else None
    terraform = Terraform.installed(bench) if bench.scale.peers else None
    measured: dict[int, Mapping[str, Ended]] = {}
    for objects in bench.scale.sizes:
        runs, is_usual = _plans(bench, objects), objects <= bench.scale.objects
        if octodns and (is_usual or bench.scale.full):
            octodns.prepare(objects)
            runs[OCTODNS] = partial(octodns.plan, objects)
        if terraform and is_usual:  # never many: its cost grows faster than they do
            terraform.prepare(objects)
            runs[TERRAFORM] = partial(terraform.plan, objects)
        measured[objects] = bench.alternating(runs, objects)
        bench.grew(objects, measured[objects])
    usual, many = measured[bench.scale.objects], measured[bench.scale.many]
    work = "configurations, 10 % differing"
    goals = {OCTODNS: Goal("≤ 1/5", 1 / 5), TERRAFORM: Goal("≤ 1/8", 1 / 8)}
    yield _planned(f"`plan`, {bench.scale.objects:,} {work}", PLAN, SCRIPT, usual, goals)
    thin = f"`plan`, {bench.scale.objects:,} {work}, from a thin list"
    yield _planned(thin, THIN, THIN_SCRIPT, usual, {OCTODNS: Goal("≤ 1/2", 1 / 2)})
    row = _planned(f"`plan`, {bench.scale.many:,} {work}", PLAN, SCRIPT, many, {OCTODNS: None})
    yield Row(
        row.work, row.ours, row.beside, [*row.checks, grown(many[PLAN], usual[PLAN]), held(many[PLAN], 300)]
    )
    if terraform:
        applied = terraform.applied[bench.scale.objects]
        bench.say(f"Terraform's apply of {bench.scale.objects}, once: {cost(applied)}")


def _plans(bench: Bench, objects: int) -> dict[str, Callable[[], Ended]]:
    folder = bench.workspace(objects)

    def served(run: Callable[[], Ended], *, thin: bool = False) -> Callable[[], Ended]:
        def begun() -> Ended:
            bench.server.begin(Account(objects, objects // 10, thin))
            return run()

        return begun

    plan = partial(bench.run, "plan", workspace=folder)
    script = partial(bench.script, FLOOR, "plan", folder, bench.server.url)
    runs = {PLAN: served(plan), SCRIPT: served(script)}
    if objects <= bench.scale.objects:
        runs |= {THIN: served(plan, thin=True), THIN_SCRIPT: served(script, thin=True)}
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


def _asked(bench: Bench, account: Account) -> Told:
    """Return what a plan asks."""
    bench.server.begin(account)
    bench.run("plan", workspace=bench.workspace(account.count))
    return bench.server.told()


def applying(bench: Bench) -> Iterator[Row]:
    """Measure `apply` beside the time that its requests alone need, and what of it the journal takes."""
    changes = bench.scale.objects
    account, runs = Account(changes, changes, latency=LATENCY), list[Watched]()
    for _ in range(min(bench.scale.repetitions, 3)):
        folder = bench.workspace(changes, parallelism=WORKERS)
        bench.server.begin(account)
        run = bench.watched([_INTENT, _OUTCOME], "apply", "--yes", workspace=folder)
        bench.say(f"apply: {run.spent.wall:.3f} s, {run.spent.cpu:.3f} s of processor; {run.inside}")
        runs.append(run)
    ours, told = middle([run.spent for run in runs]), bench.server.told()
    looked = _asked(bench, Account(changes, changes))
    latency, floor = f"{LATENCY * 1000:.0f} ms", 3 * changes * LATENCY / WORKERS
    sending = (told.last["GET one"] - told.first["PUT one"] + 2 * LATENCY) / floor
    ratio = ours.wall / floor
    yield Row(
        f"`apply`, {changes:,} changes at {latency}, {WORKERS} at a time",
        cost(ours),
        f"{3 * changes:,} requests × {latency} / {WORKERS} = {seconds(floor)}",
        [Check(f"{times(ratio)} ({times(sending)} once it sends)", ratio, Goal("≤ 1.15 ×", 1.15))],
    )
    each = (told.total - looked.total) / changes
    check = Check(f"{each:.2f}", each, Goal("a read, a write, a read", 3))
    yield Row("requests of that `apply`, a change", told.words, f"`plan` {looked.words}", [check])
    bench.server.begin(account)
    bare = bench.script(FLOOR, "send", str(changes), bench.server.url)
    each = ours.cpu / told.total * 1000
    alone = f"httpx alone, one client for {WORKERS} threads, {seconds(bare.cpu / told.total)}"
    yield Row(
        "CPU of that process, a request",
        f"{seconds(ours.cpu)} for {told.total:,}",
        f"{alone} and {seconds(bare.wall)} in all; the server {seconds(told.cpu)}",
        [Check(f"{each:.2f} ms", each, Goal("≤ 1.5 ms", 1.5))],
    )
    yield _journal(bench, runs)
    if bench.scale.peers:
        yield _beside_ansible(bench, account, ours.wall / changes)


def _journal(bench: Bench, runs: Sequence[Watched]) -> Row:
    """Return which part of its workers' time a run spent in the journal."""
    inside = [sum(spent for _, spent in run.inside.values()) for run in runs]
    share = statistics.median(one / (WORKERS * run.spent.wall) for one, run in zip(inside, runs, strict=True))
    taken = []
    with (bench.folder / "synced").open("wb", buffering=0) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return Row(
        "the durable journal's part of that time",
        f"{seconds(inside[-1] / runs[-1].inside[_INTENT][0])} a change",
        f"a sync here {seconds(statistics.median(taken))}",
        [Check(f"{share:.1%}", share, Goal("≤ 5 %", 0.05))],
    )


def _beside_ansible(bench: Bench, account: Account, each: float) -> Row:
    ansible, objects = Ansible.installed(bench), min(20, bench.scale.objects // 10)
    bench.server.begin(account)
    check, apply = ansible.each(objects, apply=False), ansible.each(objects, apply=True)
    return Row(
        "that `apply`, a change",
        seconds(each),
        f"Ansible {seconds(apply)}, to check alone {seconds(check)}; from {objects}",
        [Check(times(each / apply), each / apply, Goal("≤ 1/50", 0.02))],
    )


def only(bench: Bench) -> Iterator[Row]:
    """Measure `plan --only KEY` beside the plan of a single file, the reading of files apart."""
    many = bench.scale.many
    apart: dict[int, list[float]] = {1: [], many: []}

    def plan(objects: int, *arguments: str) -> Ended:
        bench.server.begin(Account(objects))
        run = bench.watched([_READ], "plan", *arguments, workspace=bench.workspace(objects))
        apart[objects].append(run.spent.wall - run.inside[_READ][1])
        return run.spent

    runs = {
        "plan of one file": partial(plan, 1),
        f"plan --only, of {many}": partial(plan, many, "--only", key_of(many // 2)),
    }
    bench.alternating(runs, many)
    asked = bench.server.told()
    mine, single = statistics.median(apart[many]), statistics.median(apart[1])
    checks = [
        Check(f"{asked.total} read", asked.total, Goal("1 read", 1)),
        Check(times(mine / single), mine / single, Goal("≤ 2 ×", 2)),
    ]
    work = f"`plan --only KEY` of {many:,}, without reading the files"
    yield Row(work, seconds(mine), f"`plan` of one file {seconds(single)}", checks)


def seeding(bench: Bench) -> Iterator[Row]:
    """Measure the plan of one large seed, and what sending it holds, from the first request to the last."""
    customers = min(10_000, bench.scale.many)
    account = Account(customers=300)  # customers that the tenant has already, as most tenants do
    folder = write_seed(bench.folder / "seed" / "configs", customers, bench.server.url)

    def planned() -> Ended:
        bench.server.begin(account)
        return bench.run("plan", workspace=folder)

    (spent,) = bench.alternating({f"plan of {customers} customers": planned}, customers).values()
    check = Check(seconds(spent.wall), spent.wall, Goal("≤ 2 s", 2))
    asked = f"requests: {bench.server.told().words}"
    yield Row(f"`plan`, {customers:,} customers in one seed", cost(spent), asked, [check])
    bench.server.begin(account)
    samples: list[tuple[float, float]] = []
    spent = bench.run("apply", "--yes", workspace=folder, watch=partial(_sample_memory, samples))
    told = bench.server.told()
    first, last = (
        min(samples, key=lambda one: abs(one[0] - at["customer/add"]), default=(0.0, float("nan")))[1]
        for at in (told.first, told.last)
    )
    growth = last / first - 1
    yield Row(
        f"sending them, in {told.requests['customer/add']} requests",
        cost(spent),
        f"{first:.0f} MiB at the first request, {last:.0f} MiB at the last",
        [Check(f"{growth:+.0%} of memory", growth, Goal("flat: ≤ 10 %", 0.10))],
    )


def _sample_memory(samples: list[tuple[float, float]], process: int) -> None:
    """Note how many MiB a process holds, again and again until it ends; Linux only."""

    def look() -> None:
        while True:
            try:
                lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
            except OSError:
                return
            kib = next((line.split()[1] for line in lines if line.startswith("VmRSS")), None)
            if kib is None:
                return
            samples.append((time.monotonic(), int(kib) / 2**10))
            time.sleep(0.02)

    threading.Thread(target=look, daemon=True).start()


def paging(bench: Bench) -> Iterator[Row]:
    """Measure the page of a plan in which everything changes: written, opened in a browser, and filtered."""
    changes, page, taken = bench.scale.objects, bench.folder / "plan.html", []
    for _ in range(bench.scale.repetitions):
        bench.server.begin(Account(changes, differing=changes))
        folder = bench.workspace(changes)
        run = bench.watched([_WRITE], "plan", "--report", f"html={page}", workspace=folder)
        taken.append(run.inside[_WRITE][1])
    usual = statistics.median(taken)
    checks = [Check(seconds(usual), usual, Goal("≤ 1 s", 1))]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium:
        word = key_of(changes // 2)
        command = [sys.executable, "-m", "tests.benchmarks.browsing", chromium, page.as_uri(), word]
        for step, found in json.loads(spend(command, TOP).text.strip().splitlines()[-1]).items():
            longest = f"longest task {seconds(found['longest'])}" if found["longest"] else "no task > 50 ms"
            checks.append(Check(f"{step} in {seconds(found['took'])}, {longest}", found["longest"], _SMOOTH))
    else:
        checks.append(Check("not opened: that needs Chromium", None, _SMOOTH))
    yield Row(f"HTML page with {changes:,} changes", f"{page.stat().st_size / 1000:,.0f} kB", "", checks)
