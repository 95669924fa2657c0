"""Applying: a thousand changes on an account that takes its time, everything durable in the journal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.bench import Bench, Watched
from tests.benchmarks.figures import Goal, Row, cost, seconds, times
from tests.benchmarks.peers.ansible import Ansible
from tests.benchmarks.processes import Spent, middle
from tests.benchmarks.server import Account, Told

LATENCY, WORKERS = 0.05, 20
_INTENT, _OUTCOME = "reconciler.commands.runs:Recorder.intent", "reconciler.commands.runs:Recorder.outcome"


def applying(bench: Bench) -> Iterator[Row]:
    """Measure `apply` beside the time that its requests alone need, and what of it the journal takes."""
    changes = bench.scale.objects
    runs = [_apply(bench) for _ in range(min(bench.scale.repetitions, 3))]
    ours, told = middle([run.spent for run, _ in runs]), runs[-1][1]
    looked = _plan(bench)
    yield _beside_the_floor(bench, ours, told)
    yield _requests(changes, told.total - looked.total, told)
    yield _per_request(ours, told)
    yield _journal([run for run, _ in runs])
    yield Row("the server's share of the processor, meanwhile", f"{told.cpu / ours.wall:.0%}")
    if bench.scale.peers:
        yield _beside_ansible(bench, ours.wall / changes)


def _apply(bench: Bench) -> tuple[Watched, Told]:
    account = Account(bench.scale.objects, differing=bench.scale.objects, latency=LATENCY)
    folder = bench.workspace(bench.scale.objects, parallelism=WORKERS)
    bench.server.begin(account)
    _forget(folder)
    run = bench.watched([_INTENT, _OUTCOME], "apply", "--yes", workspace=folder)
    bench.say(f"apply: {run.spent.wall:.3f} s, {run.spent.cpu:.3f} s of processor; {run.inside}")
    return run, bench.server.told()


def _plan(bench: Bench) -> Told:
    folder = bench.workspace(bench.scale.objects, parallelism=WORKERS)
    bench.server.begin(Account(bench.scale.objects, differing=bench.scale.objects))
    _forget(folder)
    bench.run("plan", workspace=folder)
    return bench.server.told()


def _forget(folder: Path) -> None:
    shutil.rmtree(folder.parent / ".reconciler", ignore_errors=True)


def _beside_the_floor(bench: Bench, ours: Spent, told: Told) -> Row:
    changes = bench.scale.objects
    floor = 3 * changes * LATENCY / WORKERS
    sending = told.last["GET one"] - told.first["PUT one"] + 2 * LATENCY
    return Row(
        f"`apply`, {changes:,} changes at {LATENCY * 1000:.0f} ms, {WORKERS} at a time",
        f"{cost(ours)}; of it sending {seconds(sending)}",
        f"{3 * changes:,} requests × {LATENCY * 1000:.0f} ms / {WORKERS} = {seconds(floor)}",
        ours.wall / floor,
        f"{times(ours.wall / floor)}, sending alone {times(sending / floor)}",
        Goal("≤ 1.15 ×", 1.15),
    )


def _requests(changes: int, requests: int, told: Told) -> Row:
    each = requests / changes
    return Row(
        "requests of an `apply`, beyond its plan's, a change",
        told.words,
        "",
        each,
        f"{each:.2f}",
        Goal("3", 3),
    )


def _per_request(ours: Spent, told: Told) -> Row:
    milliseconds = ours.cpu / told.total * 1000
    return Row(
        "CPU a request, all of that process",
        f"{seconds(ours.cpu)} for {told.total:,}",
        "",
        milliseconds,
        f"{milliseconds:.2f} ms",
        Goal("≤ 1.5 ms", 1.5),
    )


def _journal(runs: list[Watched]) -> Row:
    shares = sorted(_share(run.inside, run.spent) for run in runs)
    share = shares[len(shares) // 2]
    each = sum(seconds for _, seconds in runs[-1].inside.values()) / max(1, runs[-1].inside[_INTENT][0])
    return Row(
        "journal's share of that time, durable",
        f"{seconds(each)} a change, waiting for its turn included",
        "",
        share,
        f"{share:.1%}",
        Goal("≤ 5 %", 0.05),
    )


def _share(inside: Mapping[str, tuple[int, float]], spent: Spent) -> float:
    """Return which part of its workers' time a run spent in the journal."""
    return sum(seconds for _, seconds in inside.values()) / (WORKERS * spent.wall)


def _beside_ansible(bench: Bench, each: float) -> Row:
    ansible = Ansible.installed(bench)
    objects = min(20, bench.scale.objects)
    bench.server.begin(Account(bench.scale.objects, differing=bench.scale.objects, latency=LATENCY))
    check, apply = ansible.each(objects, apply=False), ansible.each(objects, apply=True)
    return Row(
        "`apply`, a change",
        seconds(each),
        f"Ansible {seconds(apply)}, and {seconds(check)} to check one, from {objects}",
        each / apply,
        times(each / apply),
        Goal("≤ 1/50", 0.02),
    )
