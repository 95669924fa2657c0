"""The HTML page of a large plan: written, opened in a browser, and filtered there."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Check, Goal, Row, seconds
from tests.benchmarks.processes import TOP, spend
from tests.benchmarks.server import Account
from tests.benchmarks.workspaces import key_of

_WRITE = "reconciler.commands.reports:Reporting._write"
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
    middle = statistics.median(taken)
    checks = [Check(seconds(middle), middle, Goal("≤ 1 s", 1)), *_browsed(page, key_of(changes // 2))]
    yield Row(f"HTML page with {changes:,} changes", f"{page.stat().st_size / 1000:,.0f} kB", "", checks)


def _browsed(page: Path, word: str) -> Iterator[Check]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        yield Check("not opened: that needs Chromium", None, _SMOOTH)
        return
    for step, found in _told(page, word, chromium).items():
        longest = f"longest task {seconds(found['longest'])}" if found["longest"] else "no task > 50 ms"
        yield Check(f"{step} in {seconds(found['took'])}, {longest}", found["longest"], _SMOOTH)


def _told(page: Path, word: str, chromium: str) -> Mapping[str, Mapping[str, float]]:
    """Return what a browser tells of opening and filtering: seconds, and its longest task."""
    command = [sys.executable, "-m", "tests.benchmarks.browsing", chromium, page.as_uri(), word]
    last = spend(command, TOP).text.strip().splitlines()[-1]
    told: Mapping[str, Mapping[str, float]] = json.loads(last)
    return told
