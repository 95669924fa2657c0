"""Applying: a thousand changes on an account that takes its time, everything durable in the journal."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path

from tests.benchmarks.bench import FLOOR, Bench, Watched
from tests.benchmarks.figures import Check, Goal, Row, cost, seconds, times
from tests.benchmarks.peers.ansible import Ansible
from tests.benchmarks.processes import Spent, middle
from tests.benchmarks.server import Account, Told

LATENCY, WORKERS = 0.05, 20
_ENOUGH = 20
"""Objects from which a peer's cost for one more is taken."""
_SYNCS = 50
_INTENT, _OUTCOME = "reconciler.commands.runs:Recorder.intent", "reconciler.commands.runs:Recorder.outcome"


def applying(bench: Bench) -> Iterator[Row]:
    """Measure `apply` beside the time that its requests alone need, and what of it the journal takes."""
    changes = bench.scale.objects
    runs = [_apply(bench) for _ in range(min(bench.scale.repetitions, 3))]
    ours, told = middle([run.spent for run, _ in runs]), runs[-1][1]
    looked = _plan(bench)
    yield _beside_the_floor(changes, ours, told)
    yield _requests(changes, told, looked)
    yield _per_request(ours, told, _sent(bench))
    yield _journal(bench, [run for run, _ in runs])
    if bench.scale.peers:
        yield _beside_ansible(bench, ours.wall / changes)


def _apply(bench: Bench) -> tuple[Watched, Told]:
    account = Account(bench.scale.objects, differing=bench.scale.objects, latency=LATENCY)
    folder = bench.workspace(bench.scale.objects, parallelism=WORKERS)
    bench.server.begin(account)
    run = bench.watched([_INTENT, _OUTCOME], "apply", "--yes", workspace=folder)
    bench.say(f"apply: {run.spent.wall:.3f} s, {run.spent.cpu:.3f} s of processor; {run.inside}")
    return run, bench.server.told()


def _sent(bench: Bench) -> Spent:
    """Return what the same requests cost that a bare client makes."""
    bench.server.begin(Account(bench.scale.objects, differing=bench.scale.objects, latency=LATENCY))
    return bench.script(FLOOR, "send", str(bench.scale.objects), bench.server.url)


def _plan(bench: Bench) -> Told:
    folder = bench.workspace(bench.scale.objects, parallelism=WORKERS)
    bench.server.begin(Account(bench.scale.objects, differing=bench.scale.objects))
    bench.run("plan", workspace=folder)
    return bench.server.told()


def _beside_the_floor(changes: int, ours: Spent, told: Told) -> Row:
    floor = 3 * changes * LATENCY / WORKERS
    sending = (told.last["GET one"] - told.first["PUT one"] + 2 * LATENCY) / floor
    latency = f"{LATENCY * 1000:.0f} ms"
    ratio = ours.wall / floor
    return Row(
        f"`apply`, {changes:,} changes at {latency}, {WORKERS} at a time",
        cost(ours),
        f"{3 * changes:,} requests × {latency} / {WORKERS} = {seconds(floor)}",
        [Check(f"{times(ratio)} ({times(sending)} once it sends)", ratio, Goal("≤ 1.15 ×", 1.15))],
    )


def _requests(changes: int, told: Told, looked: Told) -> Row:
    each = (told.total - looked.total) / changes
    checks = [Check(f"{each:.2f}", each, Goal("a read, a write, a read", 3))]
    return Row("requests of that `apply`, a change", told.words, f"`plan` {looked.words}", checks)


def _per_request(ours: Spent, told: Told, bare: Spent) -> Row:
    milliseconds = ours.cpu / told.total * 1000
    checks = [Check(f"{milliseconds:.2f} ms", milliseconds, Goal("≤ 1.5 ms", 1.5))]
    alone = f"httpx alone, one client for {WORKERS} threads, {seconds(bare.cpu / told.total)}"
    words = f"{alone} and {seconds(bare.wall)} in all; the server {seconds(told.cpu)}"
    return Row("CPU of that process, a request", f"{seconds(ours.cpu)} for {told.total:,}", words, checks)


def _journal(bench: Bench, runs: Sequence[Watched]) -> Row:
    share = statistics.median(_share(run.inside, run.spent) for run in runs)
    waits = sum(inside for _, inside in runs[-1].inside.values()) / runs[-1].inside[_INTENT][0]
    return Row(
        "the durable journal's part of that time",
        f"{seconds(waits)} a change",
        f"a sync here {seconds(_sync(bench.folder))}",
        [Check(f"{share:.1%}", share, Goal("≤ 5 %", 0.05))],
    )


def _sync(folder: Path) -> float:
    """Return the seconds that this disk needs to make a write durable."""
    with (folder / "synced").open("wb", buffering=0) as file:
        taken = [_synced(file) for _ in range(_SYNCS)]
    return statistics.median(taken)


def _synced(file: FileIO) -> float:
    begun = time.perf_counter()
    file.write(b"x" * 4096)
    os.fsync(file.fileno())
    return time.perf_counter() - begun


def _share(inside: Mapping[str, tuple[int, float]], spent: Spent) -> float:
    """Return which part of its workers' time a run spent in the journal."""
    return sum(seconds for _, seconds in inside.values()) / (WORKERS * spent.wall)


def _beside_ansible(bench: Bench, each: float) -> Row:
    ansible = Ansible.installed(bench)
    objects = min(_ENOUGH, bench.scale.objects // 10)
    bench.server.begin(Account(bench.scale.objects, differing=bench.scale.objects, latency=LATENCY))
    check, apply = ansible.each(objects, apply=False), ansible.each(objects, apply=True)
    return Row(
        "that `apply`, a change",
        seconds(each),
        f"Ansible {seconds(apply)}, to check alone {seconds(check)}; from {objects}",
        [Check(times(each / apply), each / apply, Goal("≤ 1/50", 0.02))],
    )
