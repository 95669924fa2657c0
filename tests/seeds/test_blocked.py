"""A seed of which something is kept back is called blocked, wherever seeds are counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.reports import Form, ReportFile, TargetSelection
from reconciler.commands.status import Form as StatusForm
from reconciler.commands.status import status
from tests.commands.world import EVERYTHING
from tests.seeds.world import JANE, JOHN, SeedWorld

REPORTS = (ReportFile(Form.MARKDOWN, Path("report.md")), ReportFile(Form.HTML, Path("report.html")))


def archived(world: SeedWorld) -> None:
    world.archive("Gender_customer")


def sent_and_archived(world: SeedWorld) -> None:
    world.apply()
    archived(world)


def lost(world: SeedWorld) -> None:
    world.apply()
    world.lose_journal()


def lost_with_one_more(world: SeedWorld) -> None:
    lost(world)
    world.declare(JOHN, JANE)


@pytest.mark.parametrize(
    ("happened", "title", "customers"),
    [
        (archived, "blocked, round 1: 1 pending", 1),
        (sent_and_archived, "nothing to send, round 1: 1 sent", 0),
        (lost, "blocked, round 1: 1 found", 1),
        (lost_with_one_more, "send (1 blocked), round 1: 1 pending, 1 found", 1),
    ],
)
def test_a_blocked_seed_is_counted_by_one_word_wherever_seeds_are(
    world: SeedWorld, happened: Callable[[SeedWorld], None], title: str, customers: int
) -> None:
    world.declare(JOHN)
    happened(world)
    run = world.ran(plan, EVERYTHING, PlanOptions(reports=REPORTS))
    counted = f", 1 seed blocked ({customers} customer)" if customers else ""
    assert title in run.out
    assert run.last.endswith(f"{counted}.")
    assert ("seed blocked" in run.last) is bool(customers)
    summary = world.ran(plan, EVERYTHING, PlanOptions(), json=True).document["summary"]
    assert (summary["seeds_blocked"], summary["customers_blocked"]) == (bool(customers), customers)
    texts = ((world.folder / report.path).read_text() for report in REPORTS)
    markdown, page = (re.sub(r"<[^>]+>|\*", "", text) for text in texts)
    assert (counted in markdown, bool(re.search(r"1\s*seeds blocked", page))) == (True, bool(customers))
    found = world.ran(status, TargetSelection(), EVERYTHING, StatusForm.JSON, json=True).document
    assert found["targets"][0]["seeds"]["blocked"] == bool(customers)
    report = world.apply().document
    assert (report["seeds_blocked"], report["customers_blocked"]) == (bool(customers), customers)
