"""What a command takes from the world around it: environment, clock, folder, signals, crash point."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.access import Access
from reconciler.clock import Clock, Pace, SleepCut, SystemClock
from reconciler.errors import UsageError
from reconciler.system import end_now

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from reconciler.http.messages import Attempt


CRASH_VARIABLE = "RECONCILER_CRASH_AT"

CrashKind: TypeAlias = Literal["request", "journal"]
_CRASH_POINT = re.compile(r"(request|journal):([1-9][0-9]{0,6}):(before|after)")


class CrashSwitch:
    """Ends the process with SIGKILL at a named point, as a power cut would. Empty: never. For many threads.

    `request:17:before` is right before the 17th request leaves, `journal:5:after` after the 5th write to the
    journal. Tests set it in `RECONCILER_CRASH_AT`. Errors: `UsageError` for any other text.
    """

    def __init__(self, point: str = "") -> None:
        if point and not _CRASH_POINT.fullmatch(point):
            raise UsageError(f"{CRASH_VARIABLE}: {point} is no point; write one like request:17:before")
        self._point = point
        self._counts: Counter[CrashKind] = Counter()
        self._lock = threading.Lock()
        self._here = threading.local()

    def before(self, kind: CrashKind) -> None:
        """Count something of this kind that is about to be done."""
        with self._lock:
            self._counts[kind] += 1
            number = self._counts[kind]
        setattr(self._here, kind, number)
        if f"{kind}:{number}:before" == self._point:
            end_now(os.getpid())

    def after(self, kind: CrashKind) -> None:
        """Note that what this thread was about to do is done, or has failed."""
        if f"{kind}:{getattr(self._here, kind)}:after" == self._point:
            end_now(os.getpid())

    @contextmanager
    def around_addition(self) -> Iterator[None]:
        """Lie around one write to the journal; `after` is left out where that fails."""
        self.before("journal")
        yield
        self.after("journal")


class Environment(Struct, frozen=True):
    """The environment variables, the clock, the current folder, and what else a test replaces."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)
    folder: Path = field(default_factory=Path.cwd)
    sandboxes: Mapping[str, WSGIApplication] = field(default_factory=dict)
    """Target → the application behind its `sandbox:` address, instead of the one kept in `.reconciler/`."""
    reading: Callable[[int, int | None], None] = lambda _done, _total: None
    """Called with how many files of the workspace are read, and how many there are, once that is known."""
    crash: CrashSwitch = field(default_factory=CrashSwitch)  # where the process is to end, for crash tests

    on_request: Callable[[str, Attempt], None] = lambda _target, _exchange: None
    """Called with the target and each attempt of a request to it."""
    new_id: Callable[[], str] = lambda: ""  # returns a name for a request
    paces: dict[str, Pace] = field(default_factory=dict)
    """Account → its pace in this run, one for all targets that are on it."""

    @property
    def access(self) -> Access:
        """What the operator lets this run reach."""
        return Access.of(self.environ)


NOTICED_WITHIN = 0.5  # seconds after which a sleeping thread has noticed an interrupt

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CuttableClock:
    """A clock whose sleeps, in any thread, end soon after `cut`, and for good."""

    def __init__(self, clock: Clock) -> None:
        self.now, self.monotonic, self._sleep = clock.now, clock.monotonic, clock.sleep
        self._is_cut = False

    def cut(self) -> None:
        """End every sleep, those to come too."""
        self._is_cut = True

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; raise `SleepCut` where the clock is cut before that."""
        while seconds > 0:
            if self._is_cut:
                raise SleepCut
            self._sleep(min(seconds, NOTICED_WITHIN))
            seconds -= NOTICED_WITHIN


@contextmanager
def interruptible(environment: Environment) -> Iterator[Environment]:
    """Yield the environment with a clock that an interrupt cuts, so that no thread goes on waiting."""
    clock = CuttableClock(environment.clock)
    with _on_interrupt(clock.cut, breaks=True):
        yield replace(environment, clock=clock)


@contextmanager
def noticed_interrupts() -> Iterator[threading.Event]:
    """Yield what is set once an interrupt has struck, even one that did not break into the block."""
    noticed = threading.Event()
    with _on_interrupt(noticed.set, breaks=True):
        yield noticed


@contextmanager
def deferred_interrupts(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` for every interrupt while the block runs, then the handlers from before; break in never."""
    with _on_interrupt(act, breaks=False):
        yield


@contextmanager
def _on_interrupt(act: Callable[[], None], *, breaks: bool) -> Iterator[None]:
    """Call `act` and then the handlers from before for every interrupt in the block; break in if `breaks`.

    Signals reach the main thread only; in any other one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def strike(number: int, frame: Any) -> None:
        act()
        with suppress(KeyboardInterrupt):
            if callable(before := former[signal.Signals(number)]):
                before(number, frame)
        if breaks:
            raise KeyboardInterrupt

    for number in former:
        signal.signal(number, strike)
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)
