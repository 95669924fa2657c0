"""A page is never too large, and says of everything that is left out how much it is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.markdown import COMMENT, STEP_SUMMARY, Group, Limit, fitted
from tests.hostile.fuzzing import share

sizes = st.lists(st.lists(st.integers(2, 300), max_size=30), max_size=5)
LEFT = re.compile(r"\*\*(\d+) more things? (?:is|are) left out here:\*\* the log has them\.")
SHORT = re.compile(r"\*\*(\d+) things? (?:is|are) told in short here:\*\* the log has them\.")


def page(groups: list[list[int]], most: int, *, short: bool = False, grave: int | None = None) -> str:
    parts = [
        Group(
            f"#{number}",
            ["x" * size for size in group],
            "thing",
            short=["y"] * len(group) if short else (),
            is_grave=number == grave,
        )
        for number, group in enumerate(groups)
    ]
    return fitted([["head", *parts, "foot"]], Limit(most, len), "the log has them")


def told(pattern: re.Pattern[str], text: str) -> int:
    return sum(int(number) for number in pattern.findall(text))


@given(sizes, st.integers(900, 3000), st.booleans())
@share(5)
def test_what_is_shown_and_what_is_counted_is_all_there_is(
    groups: list[list[int]], most: int, short: bool
) -> None:
    text = page(groups, most, short=short)
    whole, brief = (len(re.findall(f"^{one}+$", text, re.MULTILINE)) for one in "xy")
    assert len(text) <= most
    assert text.startswith("head")
    assert text.endswith("foot")
    assert whole + brief + told(LEFT, text) == sum(map(len, groups))
    assert told(SHORT, text) == brief


@given(sizes)
@share(2)
def test_nothing_is_left_out_where_there_is_room(groups: list[list[int]]) -> None:
    text = page(groups, 100_000, short=True)
    assert not LEFT.search(text)
    assert not SHORT.search(text)


def test_a_large_item_hides_no_other() -> None:
    text = page([[5, 900, 5]], 300)
    assert text.count("xxxxx") == 2
    assert "**1 more thing is left out here:**" in text


def test_a_small_group_is_whole_before_a_large_one_is_cut() -> None:
    text = page([[50] * 100, [50] * 4], 1_000)
    assert text.partition("#1")[2].count("x" * 50) == 4


def test_everything_is_named_in_short_before_anything_is_whole() -> None:
    text = page([[100] * 50], 600, short=True)
    assert text.count("y") == 47
    assert text.count("x" * 100) == 3
    assert "**47 things are told in short here:**" in text
    assert not LEFT.search(text)


def test_what_is_grave_is_whole_before_anything_else_has_room() -> None:
    text = page([[50] * 20, [50] * 20], 1_500, grave=1)
    first, _, grave = text.partition("#1")
    assert grave.count("x" * 50) == 20
    assert "are left out here" in first


def test_pages_that_do_not_fit_at_all_are_counted() -> None:
    text = fitted([["x" * 50]] * 9, Limit(300, len), "the log has them")
    assert len(text) <= 300
    assert text.count("x" * 50) == 4
    assert text.endswith("**5 more targets are left out here:** the log has them.")


def test_where_nothing_fits_there_is_nothing() -> None:
    assert fitted([["x" * 50]], Limit(40, len), "the log has them") == ""


def test_github_counts_what_is_beyond_the_first_plane_twice() -> None:
    assert COMMENT.size("a💩") == 3
    assert STEP_SUMMARY.size("a💩é") == 7
