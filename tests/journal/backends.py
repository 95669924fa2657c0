"""Journals by address, so that another process can open the one that a test has opened."""

from __future__ import annotations

from pathlib import Path

from reconciler.clock import Clock
from reconciler.journal.opening import Journal, open_journal
from tests.clock import FakeClock


def open_at(address: str, clock: Clock | None = None) -> Journal:
    """Open the journal at an address: the path of a file."""
    return open_journal(Path(address), clock or FakeClock())
