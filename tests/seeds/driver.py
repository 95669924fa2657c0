"""A run that ends itself at a write of the journal: `python -m tests.seeds.driver POINT FOLDER`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

from reconciler.commands.console import Console
from reconciler.commands.journal import open_to_write
from reconciler.commands.outside import Outside
from reconciler.commands.session import Selection, open_session
from reconciler.commands.tenant import open_tenant
from reconciler.journal.ledger import Ledger, Shipment, Standing

POINTS = ("before intend", "after intend", "before conclude", "after conclude")


class Fatal:
    """Passes on what sending asks of a ledger, and ends the process at one point, as a power cut would."""

    def __init__(self, ledger: Ledger, point: str) -> None:
        self._ledger = ledger
        self._point = point
        self.hash = ledger.hash
        self.knows_mailbox = ledger.knows_mailbox
        self.deliveries = ledger.deliveries
        self.past = ledger.past
        self.conclude_delivery = ledger.conclude_delivery
        self.record_found = ledger.record_found

    def intend(self, shipment: Shipment, *, again: Collection[int] = ()) -> int:
        self._reach("before intend")
        number = self._ledger.intend(shipment, again=again)
        self._reach("after intend")
        return number

    def conclude(self, batch: int, standing: Standing, note: str = "") -> None:
        self._reach("before conclude")
        self._ledger.conclude(batch, standing, note)
        self._reach("after conclude")

    def _reach(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, folder: str) -> None:
    """Plan and send every seed of the workspace."""
    outside = Outside(folder=Path(folder))
    with (
        open_session(Selection(), outside) as session,
        open_tenant(session, Console()) as tenant,
        open_to_write(session) as ledger,
    ):
        plan = tenant.plan(ledger)
        sender = tenant.sender(Fatal(ledger, point), plan)
        for seed in plan.sending:
            sender.send(seed, seed.to_send)


if __name__ == "__main__":
    main(*sys.argv[1:])
