"""A plan file is written whole or not at all, for this user alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.planfile.files import LARGEST_FILE, write_plan


def test_the_file_of_before_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("before")
    path.chmod(0o644)
    write_plan(path, "{}")
    assert path.read_text() == "{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("other")
    (tmp_path / "plan.json").symlink_to("other.json")
    write_plan(tmp_path / "plan.json", "{}")
    assert (tmp_path / "other.json").read_text() == "other"


def test_what_utf_8_cannot_hold_is_written_as_json_writes_it(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", '"\ud800 België"')
    assert (tmp_path / "plan.json").read_bytes() == b'"\\ud800 Belgi\xc3\xab"\n'


def test_a_plan_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too large"):
        write_plan(tmp_path / "plan.json", "x" * LARGEST_FILE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("place", "message"), [("nowhere/plan.json", "no folder"), (".", "not a file")])
def test_a_place_that_is_none_is_an_error(tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_plan(tmp_path / place, "{}")


def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_plan(tmp_path / ("x" * 300), "{}")
    assert list(tmp_path.iterdir()) == []
