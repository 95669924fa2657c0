"""Keys in order: entries move with their comments, twice is once, and the data stay."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.edits import same
from reconciler.config.key_order import ordered
from reconciler.errors import NotEdited
from tests.editing.layouts import KEYS, Written, written
from tests.editing.test_any_layout import lines, loaded


def in_order(text: str) -> str:
    return ordered(text.encode(), "a.yaml", lambda _: ["a", "b", "c"]).decode()


CASES = {
    "entries move": ("b: 1\na: 2\n", "a: 2\nb: 1\n"),
    "what has no rank comes last": ("z: 1\nb: 1\na: 2\n", "a: 2\nb: 1\nz: 1\n"),
    "with the comment above": ("b: 1\n# of a\na: 2\n", "# of a\na: 2\nb: 1\n"),
    "with the comment behind": ("b: 1  # of b\na: 2\n", "a: 2\nb: 1  # of b\n"),
    "with the comment below": ("b: 1\n  # of b\na: 2\n", "a: 2\nb: 1\n  # of b\n"),
    "blank lines stay": ("b: 1\n\na: 2\nc: 3\n", "a: 2\n\nb: 1\nc: 3\n"),
    "a comment by itself stays": ("# by itself\n\nb: 1\na: 2\n", "# by itself\n\na: 2\nb: 1\n"),
    "below other keys too": ("c:\n  b: 1\n  a: 2\nb: 3\n", "b: 3\nc:\n  a: 2\n  b: 1\n"),
    "in flow style": ("c: {b: 1,  a: [2]}\n", "c: {a: [2],  b: 1}\n"),
    "without a final line break": ("b: 1\na: 2", "a: 2\nb: 1"),
    "with the breaks of the lines": ("b: 1\r\na: 2\n", "a: 2\nb: 1\r\n"),
    "texts in block style": ("b: |+\n  x\n\na: 2\n", "a: 2\nb: |+\n  x\n\n"),
    "not where an anchor is set": ("b: &x 1\na: *x\n", "b: &x 1\na: *x\n"),
    "not over several lines": ("c: {b: 1,\n a: 2}\n", "c: {b: 1,\n a: 2}\n"),
    "with a byte order mark": ("\ufeffb: 1\na: 2\n", "\ufeffa: 2\nb: 1\n"),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_the_order_of_keys(before: str, after: str) -> None:
    assert in_order(before) == after
    assert in_order(after) == after


def test_what_is_not_yaml_is_refused() -> None:
    with pytest.raises(NotEdited, match="1 problem"):
        in_order("a: [\n")


@given(written(), st.permutations(KEYS))
def test_in_any_layout_lines_move_and_data_stay(drawn: Written, order: list[str]) -> None:
    """No line is made or lost, but in flow style; what is in order stays; what has no order stays."""
    after = ordered(drawn.content, "a.yaml", lambda _: order)
    assert same(loaded(after), drawn.data)
    assert ordered(after, "a.yaml", lambda _: order) == after
    assert ordered(drawn.content, "a.yaml", lambda _: ()) == drawn.content
    if b"{" not in drawn.content:
        assert Counter(lines(after)) == Counter(lines(drawn.content))
