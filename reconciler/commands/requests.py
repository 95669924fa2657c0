"""How many requests a command made: the measure of its share in an account's allowance."""

from __future__ import annotations

import threading
from collections import Counter

from reconciler.http import Exchange


class RequestCount:
    """Counts every attempt that left, by method; safe for use by many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        """Count one attempt."""
        with self._lock:
            self._counts[exchange.method] += 1

    @property
    def text(self) -> str:
        """The counts on one line: `12 requests: 10 GET, 2 PUT`."""
        parts = ", ".join(f"{number} {method}" for method, number in sorted(self._counts.items()))
        return f"{self._counts.total()} requests{': ' if parts else ''}{parts}"
