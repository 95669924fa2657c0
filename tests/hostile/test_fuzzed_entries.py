"""Whatever stands in a journal, a header or a plan file, a command ends with a sentence."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile.fuzzing import MOST_MEMORY, memory, share, watched
from tests.hostile.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_ends_in_anything_but_a_sentence(target: str) -> None:
    """An input is made from its number alone; none takes longer than 5 s, or all together 400 MB more."""
    make, percent = TARGETS[target]
    most = memory() + MOST_MEMORY * 4 // 5
    with closing(make()) as fed:

        @share(percent)
        @given(st.integers(0, 2**64))
        def feed(number: int) -> None:
            with watched(f"input {number}"):
                fed.feed(Random(number))
            assert memory() < most

        feed()
