"""How long a run of the tool spends in named functions of it, over all threads.

    python -m tests.benchmarks.stopwatch RESULT NAME... -- ARGUMENTS

A name is `module:function` or `module:Class.method`. RESULT is a file that gets `{name: [calls, seconds]}`.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass
class Stopwatch:
    """Counts the calls of one function, and the seconds that they took together."""

    calls: int = 0
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, watched."""

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                with self._lock:
                    self.calls += 1
                    self.seconds += time.perf_counter() - begun

        return watched


def watch(name: str) -> Stopwatch:
    """Put a stopwatch around a function; `AttributeError` where it has gone elsewhere."""
    module, _, path = name.partition(":")
    *parents, last = path.split(".")
    owner = functools.reduce(getattr, parents, import_module(module))
    stopwatch = Stopwatch()
    setattr(owner, last, stopwatch.around(getattr(owner, last)))
    return stopwatch


def main(result: str, *arguments: str) -> int:
    """Run the tool with stopwatches; return its exit code."""
    from reconciler.cli import main as reconciler

    names, given = _divided(arguments)
    watches = {name: watch(name) for name in names}
    exit = int(reconciler(list(given)))
    told = {name: [one.calls, one.seconds] for name, one in watches.items()}
    Path(result).write_text(json.dumps(told), "utf-8")
    return exit


def _divided(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
