"""A page is never too large, and says of everything that is left out how much it is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.fitting import COMMENT, STEP_SUMMARY, Group, Limit, fitted
from tests.hostile.fuzzing import share

sizes = st.lists(st.lists(st.integers(1, 300), max_size=30), max_size=5)
LEFT = re.compile(r"\*\*(\d+) more things? (?:is|are) left out here:\*\* the log has them\.")


def page(groups: list[list[int]], most: int) -> str:
    parts = [
        Group(f"#{number}", ["x" * size for size in group], "thing") for number, group in enumerate(groups)
    ]
    return fitted(["head", *parts, "foot"], Limit(most, len), "the log has them")


@given(sizes, st.integers(600, 3000))
@share(5)
def test_what_is_shown_and_what_is_counted_is_all_there_is(groups: list[list[int]], most: int) -> None:
    text = page(groups, most)
    left = sum(int(number) for number in LEFT.findall(text))
    assert len(text) <= most
    assert text.startswith("head")
    assert text.endswith("foot")
    assert len(re.findall("^x+$", text, re.MULTILINE)) + left == sum(map(len, groups))


@given(sizes)
@share(2)
def test_nothing_is_left_out_where_there_is_room(groups: list[list[int]]) -> None:
    assert not LEFT.search(page(groups, 100_000))


def test_a_large_item_hides_no_other() -> None:
    text = page([[5, 900, 5]], 300)
    assert text.count("xxxxx") == 2
    assert "**1 more thing is left out here:**" in text


def test_a_small_group_is_whole_before_a_large_one_is_cut() -> None:
    text = page([[50] * 100, [50] * 4], 1_000)
    assert text.partition("#1")[2].count("x" * 50) == 4


def test_github_counts_what_is_beyond_the_first_plane_twice() -> None:
    assert COMMENT.size("a💩") == 3
    assert STEP_SUMMARY.size("a💩é") == 7
