"""Several calls at a time, with progress on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from reconciler.commands.console import Console
from reconciler.parallel import each

Item = TypeVar("Item")
Result = TypeVar("Result")

_MANY = 200


class Pool(Struct, frozen=True):
    """Calls a function for many items on a bounded number of threads; an `engine.kind.Mapper`.

    `per_minute` is how many requests an account allows, None where that is not known.
    """

    workers: int
    console: Console
    per_minute: int | None = None

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], label: str
    ) -> Sequence[Result]:
        """Return one result for each item, in their order. The first error starts nothing more and is raised.

        Says beforehand how many requests many items take, and for how long the account's pace lets that last.
        """
        if len(items) > _MANY:
            minutes = (len(items) - 1) // self.per_minute if self.per_minute else 0
            lasting = f", at least {minutes} min at {self.per_minute} a minute" if minutes else ""
            self.console.say(f"{label}: {len(items)} requests{lasting}.")
        return each(function, items, self.workers, self.console.progress(label))
