"""Every request that a command makes: counted, timed, and logged where somebody asked for that."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reconciler.commands.console import Console
from reconciler.errors import Exit
from reconciler.render.values import harmless, milliseconds, moment

if TYPE_CHECKING:
    from reconciler.http import Exchange


LONG_WAIT = 0.1
"""Seconds from which on a person is told that a request had to wait."""


def random_id() -> str:
    """Return 16 hexadecimal digits that no other request has."""
    return os.urandom(8).hex()


class Requests:
    """Watches every attempt that left, on whatever target; safe for use by many threads.

    Without a log nothing is formatted and no id is made.
    """

    def __init__(self, console: Console, make_id: Callable[[], str] = random_id) -> None:
        self._console = console
        self._make_id = make_id
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        self._began = console.clock.monotonic()
        self._lock = threading.Lock()

    def new_id(self) -> str:
        """Return an id for a request, under which the log has its attempts; empty where there is no log."""
        return self._make_id() if self._console.logs_requests else ""

    def __call__(self, target: str, exchange: Exchange) -> None:
        """Take note of one attempt."""
        with self._lock:
            self._counts[exchange.method] += 1
            self._seconds += exchange.seconds
        if self._console.logs_requests:
            self._log(target, exchange)

    def _log(self, target: str, exchange: Exchange) -> None:
        if self._console.logs_json:
            self._console.event("request", "", request_fields(target, exchange))
        else:
            self._console.say(request_text(self._console.clock.now(), target, exchange))

    def end(self, command: str, exit: Exit) -> None:
        """Say what all of it was: to programs always, to a person who asked for more."""
        seconds = self._console.clock.monotonic() - self._began
        fields = {
            "command": command,
            "exit_code": int(exit),
            "duration_ms": milliseconds(seconds),
            "requests": dict(sorted(self._counts.items())),
            "requests_duration_ms": milliseconds(self._seconds),
        }
        text = self.text if self._console.verbose and self._counts else ""
        self._console.event("end", text, fields)

    @property
    def text(self) -> str:
        """The counts on one line: `12 requests: 10 GET, 2 PUT`."""
        parts = ", ".join(f"{number} {method}" for method, number in sorted(self._counts.items()))
        return f"{self._counts.total()} requests{': ' if parts else ''}{parts}"


def request_fields(target: str, exchange: Exchange) -> dict[str, Any]:
    """Return what a log may hold of one attempt: no header, no body, and no text of the query."""
    return {
        "id": exchange.id,
        "target": target,
        "method": exchange.method,
        "path": exchange.path,
        "query": exchange.query,
        "status": exchange.status,
        "failure": exchange.failure or None,
        "duration_ms": milliseconds(exchange.seconds),
        "attempt": exchange.attempt,
        "wait_ms": milliseconds(exchange.waited),
        "server_id": exchange.server_id or None,
    }


def request_text(now: float, target: str, exchange: Exchange) -> str:
    """Return the same for a person."""
    query = "&".join(f"{name}={value}" for name, value in exchange.query.items())
    answer = exchange.status or f"no answer ({exchange.failure})"
    parts = [
        f"{exchange.method} {exchange.path}{f'?{query}' if query else ''}: {answer}",
        f"{milliseconds(exchange.seconds)} ms",
        f"target {target}",
        f"request {exchange.id}",
        f"attempt {exchange.attempt}" if exchange.attempt > 1 else "",
        f"after {milliseconds(exchange.waited)} ms" if exchange.waited >= LONG_WAIT else "",
        f"server's id {exchange.server_id}" if exchange.server_id else "",
    ]
    return f"{moment(now)} {harmless(', '.join(filter(None, parts)))}"
