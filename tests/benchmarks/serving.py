"""The stand-in server in a process of its own, and what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.processes import TOP
from tests.benchmarks.server import Account, Told


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at `url`."""

    url: str

    def begin(self, account: Account) -> None:
        """Forget everything, and be this account from now on."""
        self._ask("begin", json.dumps(asdict(account)).encode())

    def told(self) -> Told:
        """Return what was counted since `begin`."""
        return Told(**self._ask("told"))

    def _ask(self, what: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"{self.url}/-/{what}", body, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def served() -> Iterator[Server]:
    """Start a server; it ends with the block, or with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server"],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
