from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SECURITY = (TESTS.parent / ".github" / "SECURITY.md").read_text("utf-8")
HELD_BY = re.compile(r"`((?:[a-z]+/)?test_[a-z_]+\.py)(?:::(\w+))?`")


def test_each_row_of_the_threat_model_names_what_holds_it() -> None:
    rows = [line for line in SECURITY.splitlines() if line.startswith("|") and not line.startswith("|---")]
    tables = [row for row in rows if not row.endswith("| held by |")]
    assert len(tables) > 20
    assert [row for row in tables if not HELD_BY.search(row)] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(HELD_BY.findall(SECURITY))))
def test_what_holds_a_row_is_there(file: str, name: str) -> None:
    source = (TESTS / file).read_text("utf-8")
    assert re.search(rf"^(    )?(def|class) {name}\b" if name else r"^(    )?def test_", source, re.MULTILINE)
