"""Whatever stands in a journal, a header or a plan file, a command ends with a sentence; 100,000 by number.

`python -m tests.hostile.fuzzing --inputs 100000` is the whole run.
"""

from __future__ import annotations

import pytest

from tests.hostile.fuzzing import EXAMPLES, fuzz
from tests.hostile.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_ends_in_anything_but_a_sentence(target: str) -> None:
    _, percent = TARGETS[target]
    found = fuzz(target, range(EXAMPLES * percent // 100))
    assert not found, "\n\n".join(map(str, found))
