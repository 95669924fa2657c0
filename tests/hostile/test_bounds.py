"""Small files that ask for a lot of work: each ends in its own problem instead of in minutes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.config.validation import MOST_IN_WORKSPACE as MOST_PROBLEMS
from reconciler.errors import FilesInvalid
from reconciler.expoints.planning import MOST_REASONS
from tests.hostile.children import assert_refused, reconciler
from tests.hostile.workspaces import seeds, table, write
from tests.seeds.world import SETTINGS


def counted(folder: Path, files: dict[str, str], settings: str = SETTINGS) -> Counter[str]:
    """Return how often each problem is told of a workspace."""
    write(folder, files, settings)
    with pytest.raises(FilesInvalid) as caught:
        load(folder, SECTION, folder, CUSTOMER_SEEDS)
    return Counter(problem.code for problem in caught.value.problems)


def resources(number: int, more: str = "") -> str:
    lines = (f"  m{n}: {{name: N{n}{more.replace('%', str(n))}}}\n" for n in range(number))
    return "import_configs:\n" + "".join(lines)


def targets(number: int) -> str:
    names = "".join(f"  t{n}: *one\n" for n in range(number))
    one = '{checkmarket: {url: "sandbox:"}, expoints: {url: "sandbox:"}}'
    return f"version: 1\ntargets:\n  one: &one {one}\n{names}"


def test_resources_are_counted_on_every_target(tmp_path: Path) -> None:
    assert counted(tmp_path, {"a.yaml": resources(600)}, targets(600)) == {"too-much": 1}


def test_customers_are_counted_on_every_target(tmp_path: Path) -> None:
    names = ", ".join(f"t{n}" for n in range(90))
    everywhere = seeds("customers_from: c.csv").replace("[sandbox]", f"[{names}]")
    assert "too-much" in counted(tmp_path, {"a.yaml": everywhere, "c.csv": table(600, 1)}, targets(90))


def test_a_table_has_at_most_1_000_columns(tmp_path: Path) -> None:
    files = {"a.yaml": seeds("customers_from: c.csv"), "c.csv": table(1, 200_000)}
    assert counted(tmp_path, files)["csv-header"] == 1


def test_a_column_mapped_10_000_times_is_told_once(tmp_path: Path) -> None:
    row = "{source_column_number: 1, target_column_name: Email}, "
    text = f"import_configs: {{m: {{name: M, column_mappings: [{row * 10_000}]}}}}"
    assert counted(tmp_path, {"a.yaml": text})["duplicate-column"] == 1


def test_a_seed_waits_for_at_most_100_resources(tmp_path: Path) -> None:
    names = ", ".join(f"nowhere{n}" for n in range(5_000))
    found = counted(tmp_path, {"a.yaml": resources(500) + seeds(f"after: [{names}]")})
    assert (found["too-long"], found["unknown-key"]) == (1, 100)


def test_names_that_nothing_is_called_are_told_up_to_a_bound(tmp_path: Path) -> None:
    presets = "presets:\n" + "".join(f"  p{n}: {{}}\n" for n in range(300))
    found = counted(tmp_path, {"a.yaml": presets + resources(2_100, ", preset: q%")})
    assert found.total() == MOST_PROBLEMS + 1
    assert found["too-many-problems"] == 1


def test_problems_of_many_files_are_told_up_to_a_bound(tmp_path: Path) -> None:
    wrong = "".join(f"k{n}: ~\n" for n in range(900))
    found = counted(tmp_path, {f"{n}.yaml": wrong for n in range(9)})
    assert found == {"yaml-null-form": MOST_PROBLEMS, "too-many-problems": 1}


PATTERNS = {
    "longer than an address": '"' + "*a" * 127 + '@example.com"',
    "much longer than an address": '"' + "*a" * 50_000 + '@example.com"',
    "more than 200": ", ".join(f'"*@d{n}.example"' for n in range(201)),
}


@pytest.mark.parametrize("patterns", PATTERNS.values(), ids=PATTERNS)
def test_patterns_of_addresses_are_as_long_as_an_address_and_no_more_than_200(
    tmp_path: Path, patterns: str
) -> None:
    files = {"a.yaml": seeds("customers: [{email: ab@example.com}]")}
    assert "too-long" in counted(tmp_path, files, SETTINGS.replace('"*@example.com"', patterns))


NAME = "N" * 1_001
LONG = {
    "survey": "import_configs: {m: {name: M, survey_settings: {survey: %s}}}",
    "contact list": "presets: {p: {contact_list: %s}}\nimport_configs: {m: {name: M, preset: p}}",
    "reason": "import_configs: {m: {name: M, accept: [{field: date_format, until: 2026-12-31, reason: %s}]}}",
    "column": seeds("customers: [{email: a@example.com, data: {? %s : x}}]"),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_name_that_a_plan_repeats_for_each_resource_is_short(tmp_path: Path, text: str) -> None:
    """With 1 MB of it, a plan of 300 resources took 1.4 GB."""
    assert counted(tmp_path, {"a.yaml": text % NAME}) == {"too-long": 1}


@pytest.mark.parametrize("place", ["data: {c: %s}", "answers: [{base_question_id: 1, text: %s}]"])
def test_a_text_counts_for_each_customer_that_it_is_sent_for(tmp_path: Path, place: str) -> None:
    sent = ", ".join(f"{{email: a{n}@example.com}}" for n in range(5))
    text = seeds(f"defaults: {{{place % ('x' * 4_500_000)}}}, customers: [{sent}]")
    assert counted(tmp_path, {"a.yaml": text}) == {"too-much": 1}


def test_columns_that_a_tenant_does_not_have_are_told_up_to_a_bound(tmp_path: Path) -> None:
    """Each is compared with those that it has: 60,000 of them took more than four minutes."""
    rows = (
        json.dumps({"email": f"a{n}@example.com", "data": {f"Family_name{n}x{m}": "x" for m in range(20)}})
        for n in range(400)
    )
    write(tmp_path, {"a.yaml": seeds("customers_from: c.jsonl"), "c.jsonl": "\n".join(rows)})
    ended = reconciler(tmp_path, "plan")
    assert_refused(ended, "what else the columns refuse is not looked at", exit=3)
    assert MOST_REASONS - 10 < ended.text.count("the tenant has no column") <= MOST_REASONS


def test_files_of_content_are_bounded_together(tmp_path: Path) -> None:
    for n in range(11):
        with (tmp_path / f"{n}.bin").open("wb") as file:
            file.truncate(4_999_999)
    answers = ", ".join(f"{{base_question_id: 1, file_answers: [{{file: {n}.bin}}]}}" for n in range(11))
    text = seeds(f"customers: [{{email: a@example.com, answers: [{answers}]}}]")
    assert counted(tmp_path, {"a.yaml": text})["file-too-large"]
