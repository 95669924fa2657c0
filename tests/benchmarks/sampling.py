"""In which parts of the tool a run of it spends its time, by looking 500 times a second.

    python -m tests.benchmarks.sampling RESULT -- ARGUMENTS

A thread counts for the import that it is doing, or else for the room of `reconciler` that it is in, libraries
that it calls included; a commit that waits for the disk is a part of its own. Threads that wait for anything
else do not count. Where several are at work, a look is divided among them. RESULT is a file that gets the
seconds of each part; `waiting` are the looks at which nobody was at work.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

PAUSE = 0.002
WAITING, IMPORTS, DISK, OTHERS = "waiting", "imports", "disk", "others"
_PACKAGE = str(Path(__file__).parents[2] / "reconciler") + "/"
# Where the innermost frame of a thread is that waits for another one, or for an answer.
_WAITS = ("/threading.py", "/concurrent/futures/_base.py", "/concurrent/futures/thread.py", "/selectors.py")
_NETWORK = "/httpcore/_backends/sync.py"
_COMMITS = ("/journal/sqlite.py", "transaction")  # where a transaction begins and is committed


class Sampler(threading.Thread):
    """Looks at all other threads, again and again, until it is ended."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look; each look counts for the time since the one before."""
        before = time.perf_counter()
        while not self._is_over.wait(PAUSE):
            now = time.perf_counter()
            frames = (frame for thread, frame in sys._current_frames().items() if thread != self.ident)
            parts = [part for frame in frames if (part := part_of(frame)) != WAITING] or [WAITING]
            for part in parts:
                self.seconds[part] += (now - before) / len(parts)
            before = now

    def end(self) -> None:
        """Look no more."""
        self._is_over.set()
        self.join()


def part_of(frame: FrameType) -> str:
    """Return the part of the tool that a thread is in."""
    files = [one.f_code.co_filename for one in _outwards(frame)]
    if files[0].endswith((*_WAITS, _NETWORK)):
        return WAITING
    if files[0].endswith(_COMMITS[0]) and frame.f_code.co_name == _COMMITS[1]:
        return DISK
    if any("importlib" in file for file in files):
        return IMPORTS
    own = next((file for file in files if file.startswith(_PACKAGE)), None)
    return OTHERS if own is None else own.removeprefix(_PACKAGE).split("/")[0].removesuffix(".py")


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def main(result: str, *arguments: str) -> int:
    """Run the tool, and look; return its exit code."""
    sampler = Sampler()
    sampler.start()
    from reconciler.cli import main as reconciler

    exit = int(reconciler(list(arguments[1:])))
    sampler.end()
    Path(result).write_text(json.dumps(sampler.seconds), "utf-8")
    return exit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
