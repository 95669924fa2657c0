"""What a journal that is not there yet has to say: for those who only read."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from reconciler.journal.ledger import Delivery


class BlankRecords:
    """Knows of no delivery. Its hashes hold for this process only."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def hash(self, text: str) -> str:
        """Return a hash that no other process can repeat."""
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key
        ).hexdigest()

    def knows_mailbox(self, account: str, mailbox: str) -> bool:
        """Return false: it has met nobody."""
        del account, mailbox
        return False

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return none."""
        del account, seed
        return ()

    def past(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return none."""
        del account, seed
        return ()
