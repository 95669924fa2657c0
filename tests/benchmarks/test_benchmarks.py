"""The benchmarks still run, at their smallest: what they measure is no matter here, only that they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.bench import (
    BEGIN,
    END,
    Check,
    Goal,
    Point,
    Row,
    table,
    write_between_markers,
)
from tests.benchmarks.plot import plot

TINIEST = ("--objects", "10", "--repetitions", "1", "--no-peers")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page in which a table is to stand."""
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nof last year\n{END}\nafter\n", "utf-8")
    return path


def test_all_of_them_run_and_write_a_table_and_a_plot(tmp_path: Path, page: Path) -> None:
    drawn = tmp_path / "growth.svg"
    assert main([*TINIEST, "--cache", str(tmp_path), "--write", str(page), "--plot", str(drawn)]) == 0
    before, *lines, after = page.read_text("utf-8").splitlines()
    assert (before, after) == ("before", "after")
    rows = [line for line in lines if line.startswith("|")][2:]
    assert len(rows) >= len(BENCHMARKS)
    assert {row.count(" | ") for row in rows} == {4}
    assert "of last year" not in lines
    picture = drawn.read_text("utf-8")
    assert all(f">{word}</text>" in picture for word in ("reconciler plan", "bare script, plan", "10", "100"))


def test_a_peer_that_cannot_be_had_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["--only", "plan", "--objects", "10", "--cache", str(tmp_path)]) == 1
    assert "octodns" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--write", "page.md"], "between one line"),
        (["--write", "nowhere.md"], "No such file"),
        (["--plot", "growth.svg", "--only", "start"], "run one of them"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_measured(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "page.md").write_text("no place for it", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*TINIEST, *arguments])
    assert words in capsys.readouterr().err


def test_a_table_is_written_twice_in_one_place(page: Path) -> None:
    for text in ("one", "two"):
        write_between_markers(page, text)
    assert page.read_text("utf-8") == f"before\n{BEGIN}\ntwo\n{END}\nafter\n"


def test_a_line_says_what_was_promised_and_whether_it_is_kept() -> None:
    goal = Goal("≤ 2", 2)
    checks = [Check("1.9", 1.9, goal), Check("2.1", 2.1, goal), Check("?", None, goal), Check("9", 9)]
    line = table([Row("work", "ours", "beside", checks)]).splitlines()[-1]
    assert line == "| work | ours | beside | 1.9; 2.1; ?; 9 | ≤ 2 ✓; ≤ 2 ✗; ≤ 2 ? |"


def test_a_series_of_which_nothing_was_measured_is_not_drawn() -> None:
    drawn = plot([Point("a", 10, 0.5), Point("a", 100, 2)], {"a": "words of a", "b": "words of b"}, "title")
    assert "words of a" in drawn
    assert "words of b" not in drawn
