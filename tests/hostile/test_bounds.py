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


def resources(number: int) -> str:
    return "import_configs:\n" + "".join(f"  m{n}: {{name: N{n}}}\n" for n in range(number))


def targets(number: int) -> str:
    names = "".join(f"  t{n}: *one\n" for n in range(number))
    one = '{checkmarket: {url: "sandbox:"}, expoints: {url: "sandbox:"}}'
    return f"version: 1\ntargets:\n  one: &one {one}\n{names}"


def test_resources_are_counted_on_every_target(tmp_path: Path) -> None:
    assert counted(tmp_path, {"a.yaml": resources(600)}, targets(600)) == {"too-much": 1}


NAME, TEXT, FIVE = "N" * 1_001, "x" * 4_500_000, ", ".join(f"{{email: a{n}@example.com}}" for n in range(5))
MAPPED = ", ".join(["{source_column_number: 1, target_column_name: Email}"] * 10_000)
NOWHERE = ", ".join(f"nowhere{n}" for n in range(5_000))
BOUNDS: list[tuple[str, dict[str, int]]] = [
    (seeds("customers_from: c.csv"), {"csv-header": 1}),
    (f"import_configs: {{m: {{name: M, column_mappings: [{MAPPED}]}}}}", {"duplicate-column": 1}),
    (resources(500) + seeds(f"after: [{NOWHERE}]"), {"too-long": 1, "unknown-key": 100}),
    (f"import_configs: {{m: {{name: M, survey_settings: {{survey: {NAME}}}}}}}", {"too-long": 1}),
    (f"presets: {{p: {{contact_list: {NAME}}}}}\nimport_configs: {{m: {{preset: p}}}}", {"too-long": 1}),
    (f"import_configs: {{m: {{accept: [{{field: date_format, reason: {NAME}}}]}}}}", {"too-long": 1}),
    (seeds(f"customers: [{{email: a@example.com, data: {{? {NAME} : x}}}}]"), {"too-long": 1}),
    (seeds(f"defaults: {{data: {{c: {TEXT}}}}}, customers: [{FIVE}]"), {"too-much": 1}),
]
"""A file beside a table of 200,000 columns, and what is told of it."""


@pytest.mark.parametrize(("text", "told"), BOUNDS, ids=map(str, range(len(BOUNDS))))
def test_what_is_larger_than_its_bound_is_told_as_that(
    tmp_path: Path, text: str, told: dict[str, int]
) -> None:
    found = counted(tmp_path, {"a.yaml": text, "c.csv": table(1, 200_000)})
    assert found | Counter(told) == found
    assert found.total() <= 102


def test_problems_of_many_files_are_told_up_to_a_bound(tmp_path: Path) -> None:
    wrong = "".join(f"k{n}: ~\n" for n in range(900))
    found = counted(tmp_path, {f"{n}.yaml": wrong for n in range(9)})
    assert found == {"yaml-null-form": MOST_PROBLEMS, "too-many-problems": 1}


PATTERNS = ('"' + "*a" * 127 + '@example.com"', ", ".join(f'"*@d{n}.example"' for n in range(201)))


@pytest.mark.parametrize("patterns", PATTERNS, ids=["longer than an address", "more than 200"])
def test_patterns_of_addresses_are_as_long_as_an_address_and_no_more_than_200(
    tmp_path: Path, patterns: str
) -> None:
    files = {"a.yaml": seeds("customers: [{email: ab@example.com}]")}
    assert "too-long" in counted(tmp_path, files, SETTINGS.replace('"*@example.com"', patterns))


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
