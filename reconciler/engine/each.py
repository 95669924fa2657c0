"""Something done for many things, several at a time where somebody is there to do so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """Calls a function for every item, several at a time; results in the order of the items.

    The first error ends it. `label` says to a person what is going on.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], label: str
    ) -> Sequence[Result]:
        """Return one result for each item."""


def one_by_one(function: Callable[[Item], Result], items: Sequence[Item], label: str) -> Sequence[Result]:
    """Call the function for each item in turn."""
    del label
    return [function(item) for item in items]
