"""Runs the tool, and says how long it spends in named functions.

    python -m tests.benchmarks.watching RESULT NAME... -- ARGUMENTS

Writes the calls of each function and their seconds over all threads to RESULT, by name. A name is
`module:function` or `module:Class.method`.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def watch(name: str, count: list[float], lock: threading.Lock) -> None:
    """Count calls and seconds of a function from now on; `AttributeError` where it has gone elsewhere."""
    module, _, path = name.partition(":")
    *parents, last = path.split(".")
    owner = functools.reduce(getattr, parents, import_module(module))
    function: Callable[..., Any] = getattr(owner, last)

    @functools.wraps(function)
    def watched(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            with lock:
                count[0] += 1
                count[1] += time.perf_counter() - begun

    setattr(owner, last, watched)


def main(result: str, *arguments: str) -> int:
    """Run the tool, and watch it; return its exit code."""
    at, lock = arguments.index("--"), threading.Lock()
    counts: dict[str, list[float]] = {name: [0, 0.0] for name in arguments[:at]}
    for name, count in counts.items():
        watch(name, count, lock)
    from reconciler.cli import main as reconciler

    exit = int(reconciler(list(arguments[at + 1 :])))
    Path(result).write_text(json.dumps(counts), "utf-8")
    return exit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
