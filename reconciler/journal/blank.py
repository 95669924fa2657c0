"""What a journal that is not there yet has to say: for those who only read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Self

from reconciler.journal.hashing import keyed_hash
from reconciler.journal.ledger import Delivery
from reconciler.journal.runs import Operation, Run


class BlankRecords:
    """Knows of no delivery and of no run. Its hashes hold for this process only."""

    is_new = True

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def hash(self, text: str) -> str:
        """Return a hash that no other process can repeat."""
        return keyed_hash(self._key, text)

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return none."""
        del account, seed
        return ()

    def past(self, account: str, seed: str | None = None) -> Sequence[Delivery]:
        """Return none."""
        del account, seed
        return ()

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return none."""
        del account
        return ()

    def run(self, number: int) -> Run | None:
        """Return none."""
        del number
        return None

    def operations(self, run: int) -> Sequence[Operation]:
        """Return none."""
        del run
        return ()

    def latest(self, account: str) -> Mapping[str, Operation]:
        """Return none."""
        del account
        return {}

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return nothing."""
        del account
        return {}

    def close(self) -> None:
        """Return: there is nothing to let go of."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
