"""Several calls at a time, with progress on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from reconciler.commands.console import Console
from reconciler.errors import ApiError
from reconciler.parallel import each

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool(Struct, frozen=True):
    """Calls a function for many items on a bounded number of threads; an `engine.each.Each`."""

    workers: int
    console: Console

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], label: str
    ) -> Sequence[Result]:
        """Return one result for each item, in their order. The first `ApiError` of an item is raised."""
        ends = each(function, items, self.workers, self.console.progress(label))
        return [_returned(end) for end in ends]


def _returned(end: Result | ApiError) -> Result:
    if isinstance(end, ApiError):
        raise end
    return end
