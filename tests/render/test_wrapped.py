"""Lines fit the terminal: broken between words, each under its column."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from reconciler.render.text import plan_text
from reconciler.render.values import COLOURED, wrapped
from tests.render.plans import planned


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("one two three four five six seven eight", ["one two three four five six", "seven eight"]),
        ("  a  one two three four five six seven", ["  a  one two three four five", "     six seven"]),
        ("a  b  one two three four five six seven", ["a  b  one two three four", "      five six seven"]),
        (
            "    ~ name  1  reset by policy, assumed",
            ["    ~ name  1  reset by", "    policy, assumed"],
        ),
        ("a" * 40 + " b", ["a" * 40, "b"]),
        ("kept and " + "a" * 40, ["kept and", "a" * 40]),
        ("漢字漢字漢字 漢字漢字漢字 漢字漢字漢字", ["漢字漢字漢字 漢字漢字漢字", "漢字漢字漢字"]),
        ("\x1b[1mone two three four five\x1b[0m", ["\x1b[1mone two three four five\x1b[0m"]),
    ],
)
def test_a_line_breaks_between_words_and_goes_on_under_its_column(text: str, lines: list[str]) -> None:
    assert wrapped(text, 28).split("\n") == lines


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_plan_fits_the_terminal_and_loses_no_word(width: int) -> None:
    plan = planned("a name of some length", changes=3)
    whole, fitting = plan_text(plan), plan_text(plan, paint=replace(COLOURED, width=width))
    plain = re.sub(r"\x1b\[[\d;]*m", "", fitting)
    assert plain.split() == whole.split()
    assert max(len(line) for line in plain.split("\n")) <= max(width, max(map(len, whole.split())) + 8)
