"""Customers in doubt are told of at the end of a run, wherever its end is told."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.reports import Form
from reconciler.commands.reports import ReportFile as Report
from reconciler.sandbox import Fault
from tests.commands.world import EVERYTHING, Screen
from tests.seeds.world import ADD, SeedWorld

CHANGES = "Applied: 0 changed, 0 failed, 0 stale, 0 skipped, 0 in doubt; "
REPORTS = (Report(Form.MARKDOWN, Path("report.md")), Report(Form.HTML, Path("report.html")))


def told(world: SeedWorld, *faults: str) -> str:
    """Apply with every report; return the summary line."""
    world.faults = [Fault.parse(fault) for fault in faults]
    screen = Screen()
    apply(EVERYTHING, ApplyOptions(yes=True, reports=REPORTS), screen.console(world.clock), world.environment)
    return screen.out.rstrip("\n").rpartition("\n")[2]


def reported(world: SeedWorld) -> list[str]:
    """Return the two reports without their marks."""
    texts = [(world.folder / report.path).read_text("utf-8") for report in REPORTS]
    return [re.sub(r"<[^>]+>|\*", "", text) for text in texts]


def test_the_summary_counts_customers_of_this_run_and_of_a_run_before(world: SeedWorld) -> None:
    summary = told(world, f"{ADD}:1:before:drop")
    assert summary == f"{CHANGES}0 customers sent, 2 in doubt."
    markdown, page = reported(world)
    assert summary in markdown
    assert summary in page
    assert re.search(r"2\s*customers in doubt", page)
    world.declare("smoke+new@example.com", key="other")
    assert told(world) == f"{CHANGES}1 customer sent, 2 in doubt."


def test_the_summary_counts_what_was_refused_and_what_is_blocked(world: SeedWorld) -> None:
    world.declare("optedout@example.com", key="another")
    assert told(world, f"{ADD}:1:before:status=400") == (
        f"{CHANGES}0 customers sent, 1 seed refused (2 customers), 1 seed blocked (1 customer)."
    )
    assert world.plan()[1].rstrip().endswith("0 seeds to send (0 customers), 1 seed blocked (1 customer).")
