"""What a command takes from the world around it, so that a test can hand in another world."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from reconciler.access import Access
from reconciler.clock import Clock, SystemClock
from reconciler.crash import CrashSwitch
from reconciler.pace import Pace

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from reconciler.http import Exchange


class Environment(Struct, frozen=True):
    """The environment, the clock, the folder one stands in, and sandboxes to use instead of the kept ones."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)
    folder: Path = field(default_factory=Path.cwd)
    sandboxes: Mapping[str, WSGIApplication] = field(default_factory=dict)
    """Target → the application behind its `sandbox:` address, instead of the one kept in `.reconciler/`."""
    reading: Callable[[int, int | None], None] = lambda _done, _total: None
    """Who is told how many files of the workspace are read, and how many there are, once that is known."""
    crash: CrashSwitch = field(default_factory=CrashSwitch)
    """Where the process is to end, for those who prove that nothing is lost by it."""

    on_request: Callable[[str, Exchange], None] = lambda _target, _exchange: None
    """What is told of each attempt of a request, with the target that it went to."""
    new_id: Callable[[], str] = lambda: ""
    """What names a request."""
    paces: dict[str, Pace] = field(default_factory=dict)
    """Account → its pace in this run, one for all targets that are on it."""

    @property
    def in_ci(self) -> bool:
        """Whether this is a run that nobody watches."""
        return self.access.in_ci

    @property
    def access(self) -> Access:
        """What the operator lets this run reach."""
        return Access.of(self.environ)
