"""The benchmarks still run, at their smallest: what they measure is no matter here, only that they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.bench import BEGIN, END, TOP, between_markers

TINIEST = ("--objects", "10", "--repetitions", "1", "--no-peers")


def test_all_of_them_run_and_write_a_table_and_a_plot(tmp_path: Path) -> None:
    page, drawn = tmp_path / "page.md", tmp_path / "growth.svg"
    page.write_text(f"before\n{BEGIN}\nof last year\n{END}\nafter\n", "utf-8")
    assert main([*TINIEST, "--cache", str(tmp_path), "--write", str(page), "--plot", str(drawn)]) == 0
    before, *lines, after = page.read_text("utf-8").splitlines()
    assert (before, after) == ("before", "after")
    rows = [line for line in lines if line.startswith("|")][2:]
    assert len(rows) >= len(BENCHMARKS)
    assert {row.count(" | ") for row in rows} == {4}
    assert "of last year" not in lines
    picture = drawn.read_text("utf-8")
    assert all(f">{word}</text>" in picture for word in ("reconciler plan", "bare script, plan", "10", "100"))
    assert "octoDNS" not in picture


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--write", "page.md"], "between one line"),
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


def test_the_page_that_shows_them_has_a_place_for_the_table_and_the_plot() -> None:
    page = TOP / ".github/BENCHMARKS.md"
    assert between_markers(page, "").count("(benchmarks.svg)") == 1
