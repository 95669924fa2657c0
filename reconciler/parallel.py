"""One function over many items, on a bounded number of threads, with every item accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from reconciler.errors import ApiError

Item = TypeVar("Item")
Result = TypeVar("Result")


class NotStarted(Enum):
    """The type of `NOT_STARTED`, for annotations."""

    NOT_STARTED = "not started"


NOT_STARTED: Final = NotStarted.NOT_STARTED
"""Stands in the place of an item that an interrupt kept from being started."""

Started: TypeAlias = Result | ApiError
"""What became of one item: what the function returned, or the API's failure, as a value."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of items that are done and of all, in the thread that called `each`."""


class Interrupted(KeyboardInterrupt, Generic[Result]):
    """A KeyboardInterrupt after which every item that was running has come to its end.

    `results` has one entry for each item, in their order: its result, its `ApiError`, or `NOT_STARTED`.
    """

    def __init__(self, results: Sequence[Result | ApiError | Literal[NotStarted.NOT_STARTED]]) -> None:
        super().__init__("interrupted")
        self.results = tuple(results)


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    progress: Progress = lambda _done, _total: None,
) -> list[Started[Result]]:
    """Call `function` once for each item, at most `workers` at a time; return the results in their order.

    An `ApiError` takes the place of its item's result and stops no other item. Any other exception starts
    nothing more and is raised when the running items have ended. A KeyboardInterrupt starts nothing more
    either, lets the running items end, and becomes `Interrupted`, which knows what became of each.
    """
    waiting = list(items)
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(waiting)))) as pool:
        futures: list[Future[Started[Result]]] = []
        try:
            futures.extend(pool.submit(_outcome, function, item) for item in waiting)
            _follow(futures, progress)
        except KeyboardInterrupt as interrupt:
            pool.shutdown(cancel_futures=True)
            missing = [NOT_STARTED] * (len(waiting) - len(futures))
            raise Interrupted([*map(_standing, futures), *missing]) from interrupt
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _outcome(function: Callable[[Item], Result], item: Item) -> Started[Result]:
    try:
        return function(item)
    except ApiError as error:
        return error


def _follow(futures: Sequence[Future[Any]], progress: Progress) -> None:
    """Report each item as it ends, and raise at once what ended one with anything but an `ApiError`."""
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        progress(done, len(futures))


def _standing(
    future: Future[Started[Result]],
) -> Result | ApiError | Literal[NotStarted.NOT_STARTED]:
    return NOT_STARTED if future.cancelled() else future.result()
