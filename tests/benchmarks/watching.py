"""Runs the tool, and says how long it spends in named functions.

    python -m tests.benchmarks.watching RESULT NAME... -- ARGUMENTS

Writes calls and seconds of each function over all threads to RESULT, by name, which is `module:function` or
`module:Class.method`.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any


def watch(name: str, count: list[float], lock: threading.Lock) -> None:
    """Count calls and seconds of a function from now on; `AttributeError` where it has gone elsewhere."""
    module, _, path = name.partition(":")
    *parents, last = path.split(".")
    owner = functools.reduce(getattr, parents, import_module(module))
    function = getattr(owner, last)

    def watched(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            with lock:
                count[0] += 1
                count[1] += time.perf_counter() - begun

    setattr(owner, last, functools.wraps(function)(watched))


if __name__ == "__main__":
    at, lock = sys.argv.index("--"), threading.Lock()
    counts: dict[str, list[float]] = {name: [0, 0.0] for name in sys.argv[2:at]}
    for name, count in counts.items():
        watch(name, count, lock)
    from reconciler.cli import main

    exit = int(main(sys.argv[at + 1 :]))
    Path(sys.argv[1]).write_text(json.dumps(counts), "utf-8")
    sys.exit(exit)
