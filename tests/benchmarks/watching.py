"""Runs the tool, and says where its time goes.

    python -m tests.benchmarks.watching time RESULT NAME... -- ARGUMENTS
    python -m tests.benchmarks.watching sample RESULT -- ARGUMENTS

`time` writes the calls of named functions and their seconds over all threads to RESULT, like
`{name: [calls, seconds]}`. A name is `module:function` or `module:Class.method`.

`sample` looks 500 times a second, and writes the seconds of each part of the tool. A thread counts for the
import that it is doing, or else for the room of `reconciler` that it is in, libraries that it calls included;
a commit that waits for the disk is a part of its own. Threads that wait for anything else do not count. Where
several are at work, a look is divided among them; `waiting` are the looks at which none was at work.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

PAUSE = 0.002
WAITING, IMPORTS, DISK, OTHERS = "waiting", "imports", "disk", "others"
_PACKAGE = str(Path(__file__).parents[2] / "reconciler") + "/"
# Where the innermost frame of a thread is that waits for another one, or for an answer.
_WAITS = ("/threading.py", "/concurrent/futures/_base.py", "/concurrent/futures/thread.py", "/selectors.py")
_NETWORK = "/httpcore/_backends/sync.py"
_COMMITS = ("/journal/sqlite.py", "transaction")  # where a transaction begins and is committed


@contextmanager
def timed(names: Sequence[str]) -> Iterator[dict[str, list[float]]]:
    """Count calls and seconds of these functions; `AttributeError` where one has gone elsewhere."""
    counts: dict[str, list[float]] = {name: [0, 0.0] for name in names}
    lock = threading.Lock()

    def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                with lock:
                    counts[name][0] += 1
                    counts[name][1] += time.perf_counter() - begun

        return watched

    for name in names:
        module, _, path = name.partition(":")
        *parents, last = path.split(".")
        owner = functools.reduce(getattr, parents, import_module(module))
        setattr(owner, last, around(name, getattr(owner, last)))
    yield counts


@contextmanager
def sampled() -> Iterator[dict[str, float]]:
    """Look at all other threads, again and again; each look counts for the time since the one before."""
    spent: defaultdict[str, float] = defaultdict(float)
    is_over = threading.Event()

    def look() -> None:
        own, before = threading.get_ident(), time.perf_counter()
        while not is_over.wait(PAUSE):
            now = time.perf_counter()
            frames = (frame for thread, frame in sys._current_frames().items() if thread != own)
            parts = [part for frame in frames if (part := part_of(frame)) != WAITING] or [WAITING]
            for part in parts:
                spent[part] += (now - before) / len(parts)
            before = now

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    yield spent
    is_over.set()
    looking.join()


def part_of(frame: FrameType) -> str:
    """Return the part of the tool that a thread is in."""
    files, outer = list[str](), frame.f_back
    files.append(frame.f_code.co_filename)
    while outer is not None:
        files.append(outer.f_code.co_filename)
        outer = outer.f_back
    if files[0].endswith((*_WAITS, _NETWORK)):
        return WAITING
    if files[0].endswith(_COMMITS[0]) and frame.f_code.co_name == _COMMITS[1]:
        return DISK
    if any("importlib" in file for file in files):
        return IMPORTS
    own = next((file for file in files if file.startswith(_PACKAGE)), None)
    return OTHERS if own is None else own.removeprefix(_PACKAGE).split("/")[0].removesuffix(".py")


def main(how: str, result: str, *arguments: str) -> int:
    """Run the tool, and watch it; return its exit code."""
    at = arguments.index("--")
    with timed(arguments[:at]) if how == "time" else sampled() as counts:
        from reconciler.cli import main as reconciler

        exit = int(reconciler(list(arguments[at + 1 :])))
    Path(result).write_text(json.dumps(counts), "utf-8")
    return exit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
