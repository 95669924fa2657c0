"""Seeds: as many customers in one of them as it may hold, planned, and sent in requests of two hundred."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Check, Goal, Row, cost, seconds
from tests.benchmarks.processes import Spent
from tests.benchmarks.server import Account
from tests.benchmarks.workspaces import write_seed

_MOST = 10_000
_EARLIER = 300  # customers that the tenant has already, as most tenants do
_PAUSE = 0.02


def seeding(bench: Bench) -> Iterator[Row]:
    """Measure the plan of one large seed, and what sending it holds, from the first request to the last."""
    customers = min(_MOST, bench.scale.many)
    folder = write_seed(bench.folder / "seed" / "configs", customers, bench.server.url)

    def planned() -> Spent:
        bench.server.begin(Account(customers=_EARLIER))
        return bench.run("plan", workspace=folder)

    (spent,) = bench.alternating({f"plan of {customers} customers": planned}, customers).values()
    checks = [Check(seconds(spent.wall), spent.wall, Goal("≤ 2 s", 2))]
    asked = f"requests: {bench.server.told().words}"
    yield Row(f"`plan`, {customers:,} customers in one seed", cost(spent), asked, checks)
    yield _sending(bench, folder, customers)


def _sending(bench: Bench, folder: Path, customers: int) -> Row:
    bench.server.begin(Account(customers=_EARLIER))
    memory = Memory()
    spent = bench.run("apply", "--yes", workspace=folder, watch=memory.watch)
    told = bench.server.told()
    first, last = memory.at(told.first["customer/add"]), memory.at(told.last["customer/add"])
    growth = last / first - 1
    return Row(
        f"sending them, in {told.requests['customer/add']} requests",
        cost(spent),
        f"{first:.0f} MiB at the first request, {last:.0f} MiB at the last",
        [Check(f"{growth:+.0%} of memory", growth, Goal("flat: ≤ 10 %", 0.10))],
    )


@dataclass
class Memory:
    """What a process holds, looked at again and again until it ends; Linux only."""

    samples: list[tuple[float, float]] = field(default_factory=list)

    def watch(self, process: int) -> None:
        """Look from now on."""
        threading.Thread(target=self._look, args=(Path(f"/proc/{process}/status"),), daemon=True).start()

    def at(self, moment: float) -> float:
        """Return how many MiB were held at a moment of `time.monotonic`."""
        return min(self.samples, key=lambda sample: abs(sample[0] - moment), default=(0.0, float("nan")))[1]

    def _look(self, status: Path) -> None:
        while True:
            try:
                lines = status.read_text("utf-8").splitlines()
            except OSError:
                return
            held = next((line.split()[1] for line in lines if line.startswith("VmRSS")), None)
            if held is None:
                return
            self.samples.append((time.monotonic(), int(held) / 2**10))
            time.sleep(_PAUSE)
