"""A world behind a socket, whose commands can be processes of their own that die at one point."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.console import Console
from reconciler.commands.environment import CrashSwitch, Environment
from reconciler.commands.seeds import seeds_resolve, seeds_send, seeds_status
from reconciler.engine.plan import Consent
from reconciler.errors import ReconcilerError
from reconciler.sandbox import Server, create_app
from tests.clock import FakeClock
from tests.commands.world import EVERYTHING
from tests.killed.nursery import Run, fork_each, nursery
from tests.seeds.world import SETTINGS, SeedWorld

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

VERBS: dict[str, Callable[..., int]] = {
    "apply": partial(apply, EVERYTHING, ApplyOptions(Consent(resets=None), yes=True)),
    "send": partial(seeds_send, "smoke", EVERYTHING, again=False, yes=True),
    "resolve --sent": partial(seeds_resolve, "smoke", EVERYTHING, sent=True),
    "status": partial(seeds_status, EVERYTHING),
}
open_forks = partial(nursery, "tests.seeds.forks")


def perform(task: tuple[str, str, float, str], _environ: object) -> int:
    """Run a verb in a folder at a time, to its end or to a point at which it dies."""
    verb, folder, now, point = task
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    try:
        return VERBS[verb](console, Environment({}, FakeClock(now), Path(folder), crash=CrashSwitch(point)))
    except ReconcilerError as error:
        return error.exit


@dataclass
class ServedWorld(SeedWorld):
    """A world whose sandbox is called through a socket. Use `serving` to make one."""

    url: str = ""
    app: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the tenant does."""
        assert self.app
        return self.app(environ, start_response)

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
        self.app = create_app(
            self.state, self.variants, self.faults, clock=self.clock.now, sleep=self.clock.sleep
        )

    def run(self, forks: Run, verb: str, point: str = "") -> int:
        """Run a verb in a process; return its exit code, negative where it died at `point`."""
        self.refresh()
        return forks(verb, str(self.folder), self.clock.now(), point)


@contextmanager
def serving(folder: Path) -> Iterator[ServedWorld]:
    """Serve a world on a free port, to the commands that run in the block."""
    world = ServedWorld(folder)
    with Server(world) as server:
        world.url = server.url
        world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', f'"{world.url}"'))
        yield world
    world.state.close()


if __name__ == "__main__":
    fork_each(perform)
