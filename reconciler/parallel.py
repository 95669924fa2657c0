"""One function over many items, on a bounded number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of items that are done and of all, in the thread that called `each`."""


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    progress: Progress = lambda _done, _total: None,
) -> list[Result]:
    """Call `function` once for each item, at most `workers` at a time; return the results in their order.

    The first error starts nothing more and is raised when the running items have ended; so is an interrupt.
    """
    waiting, errors = list(items), list[BaseException]()

    def run(item: Item) -> list[Result]:
        # Looked at here: the calling thread would learn of an error too late to keep the next item back.
        if errors:
            return []
        try:
            return [function(item)]
        except BaseException as error:
            errors.append(error)
            raise

    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(waiting)))) as pool:
        futures: list[Future[list[Result]]] = []
        try:
            futures.extend(pool.submit(run, item) for item in waiting)
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(futures))
        except BaseException as error:
            errors.append(error)
            pool.shutdown(cancel_futures=True)
            raise
    return [result for future in futures for result in future.result()]
