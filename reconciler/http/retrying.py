"""How often a request is attempted, and after which pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from reconciler.http.again import Again

_backoff = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)


def retrying(sleep: Callable[[float], None], total_wait: float) -> Retrying:
    """Return what calls a function until it raises no `Again` any more; for many threads.

    `total_wait` is the longest that all pauses together may take, in seconds. Raises the error of the last
    `Again` where no other attempt is allowed.
    """

    def is_enough(state: RetryCallState) -> bool:
        waited = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= _trouble(state).tries or waited > total_wait

    return Retrying(
        sleep=sleep,
        retry=retry_if_exception_type(Again),
        wait=_wait,
        stop=is_enough,
        retry_error_callback=_give_up,
    )


def _give_up(state: RetryCallState) -> NoReturn:
    trouble = _trouble(state)
    text = f"{trouble.error} (attempts: {state.attempt_number}{trouble.note})"
    raise type(trouble.error)(text) from trouble.__cause__


def _trouble(state: RetryCallState) -> Again:
    trouble = state.outcome.exception() if state.outcome else None
    assert isinstance(trouble, Again)  # noqa: S101 - the only exception that asks for another attempt
    return trouble


def _wait(state: RetryCallState) -> float:
    """Return the pause before the next attempt: the API's wish, and never less than the growing back-off."""
    return max(_trouble(state).wait, _backoff(state))
