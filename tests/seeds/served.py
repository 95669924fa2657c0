"""A sandbox behind a socket that ends its client, with SIGKILL, at one boundary of one request."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TOP = Path(__file__).parents[2]
LONGEST = 60.0  # seconds that a process may take before a test gives it up

When = Literal["before", "after"]


class Reaper:
    """A WSGI layer: at the `number`-th request, before it is carried out or after, its client dies.

    The client is dead before anything more happens, so `before` is a request that the server carries out and
    `after` is an answer that nobody reads.
    """

    def __init__(self, app: WSGIApplication, number: int = 0, when: When = "before") -> None:
        self._app = app
        self._point = (number, when)
        self._lock = threading.Lock()
        self._victim: Future[subprocess.Popen[str]] = Future()
        self.requests = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does."""
        with self._lock:
            self.requests += 1
            number = self.requests
        self._reach(number, "before")
        answer = list(self._app(environ, start_response))
        self._reach(number, "after")
        return answer

    def _reach(self, number: int, when: When) -> None:
        if (number, when) == self._point:
            victim = self._victim.result(LONGEST)
            victim.kill()
            victim.wait(LONGEST)

    def run(self, folder: Path, *arguments: str) -> int:
        """Run a command in a process of its own; return its exit code, negative where a signal ended it."""
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=TOP,
            env={"PATH": "", "RECONCILER_WORKSPACE": str(folder / "configs")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._victim.set_result(process)
        return process.wait(LONGEST)
