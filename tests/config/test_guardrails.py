"""Which guardrails allow more than they did."""

from __future__ import annotations

import pytest

from reconciler.config.guardrails import loosened
from reconciler.config.settings import Guardrails
from reconciler.engine.limits import Limits, Share


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (Limits(), Limits(), []),
        (Limits(resets=5), Limits(resets=3), []),
        (Limits(resets=3), Limits(resets=5), ["limits.resets was 3 and is 5"]),
        (Limits(deletes=0), Limits(deletes=None), ["limits.deletes was 0 and is any number"]),
        (Limits(deletes=None), Limits(deletes=9), []),
        (Limits(), Limits(updates=Share(20)), []),
        (
            Limits(),
            Limits(updates=Share(40)),
            ["limits.updates was 30% from 10 live on and is 40% from 10 live on"],
        ),
        (Limits(), Limits(updates=5), ["limits.updates was 30% from 10 live on and is 5"]),
    ],
)
def test_a_limit_that_was_raised_is_told(before: Limits, now: Limits, told: list[str]) -> None:
    assert list(loosened(Guardrails(before), Guardrails(now))) == told


def test_recipients_that_were_added_are_told_and_nobody_is_named() -> None:
    before = Guardrails(allowed_recipients=("*@example.com",))
    added = ("*@example.com", "qa+*@example.org", "jane@example.net")
    now = Guardrails(allowed_recipients=added, allowed_phone_numbers=("+31600000000",))
    assert list(loosened(before, now)) == [
        "allowed_recipients has qa+*@example.org in addition",
        "allowed_recipients has ***@example.net in addition",
        "allowed_phone_numbers has 1 more",
    ]
