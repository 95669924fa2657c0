"""A world behind a socket, whose commands can be processes of their own that die at one point."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from reconciler.commands.environment import Environment
from reconciler.sandbox import Server, create_app
from tests.seeds.forks import Forks, Task, writes_of
from tests.seeds.world import SETTINGS, SeedWorld

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST = 60.0  # seconds that a process may take before a test gives it up

When = Literal["before", "after"]
WHENS: tuple[When, When] = ("before", "after")
Boundary = tuple[int, When]
"""A side of a request, counted from 1."""


class Front:
    """A WSGI layer that does something at one boundary of one request: ends the client, most of the time.

    That is over before anything more happens, so with a dead client `before` is a request that the server
    carries out and `after` is an answer that nobody reads.
    """

    def __init__(self) -> None:
        self.app: WSGIApplication | None = None
        self.requests = 0
        self._under_way = 0
        self._lock = threading.Condition()
        self._boundary: Boundary = (0, "before")
        self._act: Callable[[], None] = lambda: None

    def arm(self, boundary: Boundary, act: Callable[[], None]) -> None:
        """Count from 0 again, and act once at this boundary."""
        self.requests, self._boundary, self._act = 0, boundary, act

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does."""
        assert self.app
        with self._lock:
            self.requests += 1
            self._under_way += 1
            number = self.requests
        try:
            self._reach((number, "before"))
            answer = list(self.app(environ, start_response))
            self._reach((number, "after"))
            return answer
        finally:
            with self._lock:
                self._under_way -= 1
                self._lock.notify_all()

    def rest(self) -> None:
        """Return when nothing is under way any more, also for a client that is dead."""
        with self._lock:
            assert self._lock.wait_for(lambda: not self._under_way, LONGEST)

    def _reach(self, boundary: Boundary) -> None:
        if boundary == self._boundary:
            self._boundary = (0, "before")
            self._act()


@dataclass
class ServedWorld(SeedWorld):
    """A world whose sandbox is called through a socket. Use `serving` to make one."""

    front: Front = field(default_factory=Front)
    url: str = ""

    def __post_init__(self) -> None:
        self.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', f'"{self.url}"'))

    @property
    def environment(self) -> Environment:
        self.refresh()
        return Environment(self.environ, self.clock, self.folder)

    @property
    def account(self) -> str:
        """The name under which the journal knows the tenant."""
        return self.url.partition("//")[2]

    def refresh(self) -> None:
        """Let the server answer as this world is now."""
        self.front.app = create_app(
            self.state, self.variants, self.faults, clock=self.clock.now, sleep=self.clock.sleep
        )

    def run(self, forks: Forks, verb: str, *, point: str = "", boundary: Boundary = (0, "before")) -> int:
        """Run a command in a process of its own; return its exit code, negative where a signal ended it.

        It dies at `point`, a write of its journal, or at `boundary`, a request.
        """
        self.refresh()
        begun, ended = threading.Event(), threading.Event()
        victim: list[int] = []

        def kill() -> None:
            begun.wait(LONGEST)
            os.kill(victim[0], signal.SIGKILL)
            ended.wait(LONGEST)

        self.front.arm(boundary, kill)
        victim.append(forks.begin(Task(verb, str(self.folder), self.clock.now(), point)))
        begun.set()
        code = forks.end()
        ended.set()
        self.front.rest()
        return code

    @property
    def journaled(self) -> int:
        """How often the last process that ended by itself wrote to its journal."""
        return int(writes_of(str(self.folder)).read_text())


@contextmanager
def serving(make: Callable[[Front, str], ServedWorld]) -> Iterator[ServedWorld]:
    """Serve a world on a free port, to the commands that run in the block."""
    front = Front()
    with Server(front) as server:
        world = make(front, server.url)
        yield world
    world.state.close()
