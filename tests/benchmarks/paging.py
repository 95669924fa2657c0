"""The HTML page of a large plan: written, opened in a browser, and filtered there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Goal, Row, seconds
from tests.benchmarks.processes import TOP, spend
from tests.benchmarks.server import Account
from tests.benchmarks.workspaces import key_of

_WRITE = "reconciler.commands.reports:Reporting.__call__"
_SMOOTH = Goal("no task > 200 ms", 0.2)


def paging(bench: Bench) -> Iterator[Row]:
    """Measure the page of a plan in which everything changes."""
    changes = bench.scale.objects
    page = bench.folder / "plan.html"
    folder = bench.workspace(changes)
    taken = []
    for _ in range(bench.scale.repetitions):
        bench.server.begin(Account(changes, differing=changes))
        run = bench.watched([_WRITE], "plan", "--report", f"html={page}", workspace=folder)
        taken.append(run.inside[_WRITE][1])
    middle = sorted(taken)[len(taken) // 2]
    kilobytes = page.stat().st_size / 1000
    goal = Goal("≤ 1 s", 1)
    work = f"HTML page with {changes:,} changes"
    yield Row(
        f"{work}, written", f"{seconds(middle)}, {kilobytes:,.0f} kB", "", middle, seconds(middle), goal
    )
    yield from _browsed(page, work, key_of(changes // 2))


def _browsed(page: Path, work: str, word: str) -> Iterator[Row]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    told = _told(page, word, chromium) if chromium else None
    for step in ("opened", "filtered"):
        ours = seconds(told[step]["took"]) if told else "not measured: needs Chromium"
        longest = told[step]["longest"] if told else None
        shown = (
            "" if longest is None else f"longest task {seconds(longest)}" if longest else "no task > 50 ms"
        )
        yield Row(f"{work}, {step} in Chromium", ours, "", longest, shown, _SMOOTH)


def _told(page: Path, word: str, chromium: str) -> Mapping[str, Mapping[str, float]]:
    """Return what a browser tells of opening and filtering: seconds, and its longest task."""
    command = [sys.executable, "-m", "tests.benchmarks.browsing", chromium, page.as_uri(), word]
    last = spend(command, TOP).text.strip().splitlines()[-1]
    told: Mapping[str, Mapping[str, float]] = json.loads(last)
    return told
