"""Customers in doubt are told of at the end of a run, wherever its end is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.history import Filter, history, history_show
from reconciler.commands.reports import Form
from reconciler.commands.reports import ReportFile as Report
from reconciler.commands.seeds import seeds_resolve, seeds_send
from reconciler.sandbox import Fault
from tests.commands.world import EVERYTHING
from tests.seeds.world import ADD, SeedWorld, Step, happen, wait
from tests.seeds.world import apply as applied

CHANGES = "Applied: 0 changed, 0 failed, 0 stale, 0 skipped, 0 in doubt; "
REPORTS = (Report(Form.MARKDOWN, Path("report.md")), Report(Form.HTML, Path("report.html")))


def told(world: SeedWorld, *faults: str) -> str:
    """Apply with every report; return the summary line."""
    world.faults = [Fault.parse(fault) for fault in faults]
    return world.ran(apply, EVERYTHING, ApplyOptions(yes=True, reports=REPORTS)).last


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


def resolve(*, sent: bool) -> Step:
    return lambda world: world.ran(seeds_resolve, "smoke", EVERYTHING, sent=sent)


def lose_journal(world: SeedWorld) -> None:
    world.lose_journal()


def send_again(world: SeedWorld) -> None:
    world.ran(seeds_send, "smoke", EVERYTHING, again=True, yes=True)


LOST = applied(f"{ADD}:1:before:drop")
SENT = ("apply", "2 customers sent, exit 0", ["2 customers sent"])
DOUBT = ("apply", "2 customers in doubt, exit 6", ["2 customers in doubt: POST"])
FOUND = ("apply", "2 customers found, exit 3", ["2 customers found, not sent to"])
REFUSED = ("apply", "2 customers refused, exit 1", ["2 customers refused: POST"])
AFTERWARDS = (*DOUBT[:2], [*DOUBT[2], "now: 2 sent"])
COUNTED = (
    *("apply", "2 customers sent, 2 resolved, exit 0"),
    ["of run 1: 2 customers in doubt, resolved as not sent: counted", "2 customers sent"],
)


def resolved(batch: str) -> tuple[str, str, list[str]]:
    told = f"batch {batch}, resolved as sent: resolved by a person"
    return "seeds resolve smoke --sent", "2 customers resolved, exit 0", [told]


RUNS: Sequence[tuple[Sequence[Step], Sequence[tuple[str, str, list[str]]]]] = (
    ([applied()], [SENT]),
    ([LOST], [DOUBT]),
    ([LOST, applied()], [DOUBT]),  # nothing to be done begins no run
    ([applied(f"{ADD}:1:before:status=400")], [REFUSED]),
    ([LOST, resolve(sent=True)], [AFTERWARDS, resolved("1 of run 1: 2 customers in doubt")]),
    ([LOST, wait(2000.0), applied()], [(*DOUBT[:2], [*DOUBT[2], "now: 2 not sent"]), COUNTED]),
    ([applied(), lose_journal, applied()], [FOUND]),
    ([applied(), lose_journal, applied(), resolve(sent=True)], [FOUND, resolved("1: 2 customers found")]),
    ([applied(), send_again], [SENT, ("seeds send smoke --again", SENT[1], SENT[2])]),
)


@pytest.mark.parametrize(("steps", "runs"), RUNS)
def test_history_tells_what_each_run_did_with_customers(
    world: SeedWorld, steps: Sequence[Step], runs: Sequence[tuple[str, str, list[str]]]
) -> None:
    happen(world, *steps)
    out = world.ran(history, EVERYTHING, Filter(keys=("smoke",))).out
    lines = out.splitlines()[:0:-1]
    assert len(lines) == len(runs)
    for number, (line, (command, end, told)) in enumerate(zip(lines, runs, strict=True), start=1):
        assert f"  {command[:39]}" in line
        assert line.endswith(f"  {end}")
        shown = world.ran(history_show, number, EVERYTHING).out
        assert f"  ended    {end}\n" in shown
        parts = [part in shown for part in told]
        assert all(parts), (told, shown)
        assert "nothing written" not in shown
        assert "@" not in shown


def test_what_history_tells_of_customers_is_in_its_document(world: SeedWorld) -> None:
    happen(world, LOST, resolve(sent=True))
    rows: Sequence[dict[str, Any]] = (
        {"result": "in_doubt", "resolves": None, "now": {"sent": 2}},
        {"result": "sent", "resolves": "in_doubt", "resolves_run": 1, "now": None},
    )
    for number, said in enumerate(rows, start=1):
        run = world.ran(history_show, number, EVERYTHING, json=True)
        document: dict[str, Any] = run.document
        [mail] = document["mail"]
        usual = {"key": "customer_seeds.smoke", "batch": 1, "round": "1", "customers": 2}
        assert mail.items() >= {**usual, **said}.items()
    [_, first] = world.runs()
    assert first["counts"] == {**first["counts"], "sent": 0, "customers in doubt": 2}
