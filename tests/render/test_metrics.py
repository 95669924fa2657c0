"""Metrics that independent parsers read, whatever a target is called."""

from __future__ import annotations

import re

import pytest

from reconciler.errors import Exit
from reconciler.journal.entries import Run, RunStart
from reconciler.journal.holding import this_process
from reconciler.render.status import (
    JournalFigures,
    ResourceFigures,
    SeedFigures,
    TargetStatus,
    openmetrics,
    prometheus,
    status_text,
)
from reconciler.render.values import harmless
from tests.hostile.fuzzing import HARMFUL
from tests.hostile.looking import assert_harmless
from tests.metrics import openmetrics_families, prometheus_families

NOW = 1_790_000_000.25
RUN = Run(12, RunStart("apply", "x", ("a",), "ann", this_process(), "1"), NOW - 60, NOW - 50, NOW - 40, 0)


def whole(name: str = "production", account: str = "api.example.com#0badcafe") -> TargetStatus:
    """Return a status of which every figure is known, and no two are alike."""
    return TargetStatus(
        name,
        account,
        "acme.example",
        ResourceFigures(47, 3, 11, 2, 1),
        SeedFigures(9, 8, 7, 6, 5, 4),
        10,
        JournalFigures(RUN, ((RUN, False),)),
    )


def test_the_two_formats_say_the_same_each_as_its_readers_take_it() -> None:
    statuses = [whole(), TargetStatus("down", error="401")]
    text, other = openmetrics(statuses, NOW) + "\n", prometheus(statuses, NOW) + "\n"
    families = list(openmetrics_families(text))
    read = [sample for family in families for sample in family.samples]
    assert [sample for family in prometheus_families(other) for sample in family.samples] == read
    assert len({(sample.name, *sample.labels.values()) for sample in read}) == len(read)
    for family in families:
        assert family.type == (
            "info" if family.name in ("reconciler_build", "reconciler_target") else "gauge"
        )
        assert family.documentation.endswith(".")
        assert family.unit == ("seconds" if family.name.endswith("_seconds") else "")
    described = [line for line in other.splitlines() if line.startswith("#")]
    assert all(re.fullmatch(r"# HELP \w+ .*|# TYPE \w+ gauge", line) for line in described)
    assert 'reconciler_build_info{version="' in other


def test_every_figure_is_the_one_that_it_is_called_after() -> None:
    text = openmetrics([whole()], NOW)
    told = dict(re.findall(r'^reconciler_(\w+)\{target="production"\} (\S+)$', text, re.MULTILINE))
    assert told == {
        "up": "1",
        "journal_up": "1",
        "managed_resources": "47",
        "unmanaged_resources": "3",
        "pending_resources": "11",
        "drifted_resources": "2",
        "blocked_resources": "1",
        "declared_seeds": "9",
        "pending_seeds": "8",
        "blocked_seeds": "7",
        "in_doubt_seeds": "6",
        "pending_customers": "5",
        "in_doubt_customers": "4",
        "in_doubt_changes": "10",
        "open_runs": "1",
        "oldest_open_run_timestamp_seconds": "1789999940.250",
        "last_apply_run": "12",
        "last_apply_exit_code": "0",
        "last_apply_timestamp_seconds": "1789999960.250",
    }


def test_what_is_unknown_is_left_out_and_is_not_zero() -> None:
    text = openmetrics([TargetStatus("down", error="401", exit=Exit.ERROR)], NOW)
    assert re.findall(r'^(\w+)\{target="down"\} (\S+)$', text, re.MULTILINE) == [
        ("reconciler_up", "0"),
        ("reconciler_journal_up", "0"),
    ]
    assert "drifted" not in text


@pytest.mark.parametrize("text", [*HARMFUL, "\\", '"', 'a"b\\n', '{target="x"}', "a\nb 1\n# EOF"])
def test_a_name_is_data_whatever_stands_in_it(text: str) -> None:
    statuses = [whole(f"x{text}", account=text)]
    for write, read in ((openmetrics, openmetrics_families), (prometheus, prometheus_families)):
        written = write(statuses, NOW)
        assert_harmless(written)
        named = {sample.labels.get("target") for family in read(written + "\n") for sample in family.samples}
        assert named == {None, harmless(f"x{text}")}
    assert_harmless(status_text(statuses, NOW))
