"""A switch in the shipped program that ends the process at a named point, as a power cut would.

`RECONCILER_CRASH_AT=request:17:before` ends it right before its 17th request leaves, `request:17:after` when
that one has been answered or has failed; `journal:5:before` and `journal:5:after` lie around its 5th write to
the journal. It proves that whatever is lost in the middle of a run is found again by the next one.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from typing import Literal, TypeAlias

from reconciler.errors import UsageError

VARIABLE = "RECONCILER_CRASH_AT"

Kind: TypeAlias = Literal["request", "journal"]

_POINT = re.compile(r"(request|journal):([1-9][0-9]{0,6}):(before|after)")


class CrashSwitch:
    """Counts what the process reaches and ends it, with SIGKILL, at `point`; empty is never.

    It may be used by many threads. Raises `UsageError` for what is no point.
    """

    def __init__(self, point: str = "") -> None:
        if point and not _POINT.fullmatch(point):
            raise UsageError(f"{VARIABLE}: {point} is no point; write one like request:17:before")
        self._point = point
        self._counts: Counter[Kind] = Counter()
        self._lock = threading.Lock()
        self._here = threading.local()

    @property
    def is_armed(self) -> bool:
        """Whether there is a point at which the process ends."""
        return bool(self._point)

    def before(self, kind: Kind) -> None:
        """Say that something of this kind is about to be done."""
        with self._lock:
            self._counts[kind] += 1
            number = self._counts[kind]
        setattr(self._here, kind, number)
        self._reach(f"{kind}:{number}:before")

    def after(self, kind: Kind) -> None:
        """Say that what this thread was about to do is done, or has failed."""
        self._reach(f"{kind}:{getattr(self._here, kind)}:after")

    def _reach(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)
