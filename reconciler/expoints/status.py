"""What the tenant counts of a seed that was sent, by its own statuses: read per tenant, never hard-coded.

Source: vendor pages GET-api-v3-customer-getcustomerstatuses and GET-api-v3-customer-count. A count is of all
customers of the addresses, of whatever round or sender, so it can disprove an arrival and never prove a mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.expoints.client import Customers
from reconciler.expoints.standing import SeedPlan, State


@dataclass(frozen=True, slots=True)
class SeedStatus:
    """What the tenant says of the customers of one seed."""

    key: str
    sent: int
    """How many customers of this round the journal knows as sent."""
    counted: int
    """How many customers their addresses have on the tenant."""
    by_status: Mapping[str, int]
    """The tenant's own name of a status → how many stand in it; none that is empty."""
    faults: int | None
    """How many stand in one of the seed's `fault_statuses`; `None` where none are declared: unverified."""

    @property
    def has_arrived(self) -> bool:
        """Whether every sent customer is counted, and none stands in a status that is declared a fault."""
        return self.counted >= self.sent and not self.faults


def statuses_of(client: Customers, plans: Sequence[SeedPlan]) -> list[SeedStatus]:
    """Return what the tenant counts of every seed of which something was sent. Errors: `ApiError`."""
    return list(_statuses(client, [plan for plan in plans if plan.count(State.SENT)]))


def _statuses(client: Customers, plans: Sequence[SeedPlan]) -> Iterator[SeedStatus]:
    names = client.statuses() if plans else {}
    for plan in plans:
        emails = [s.addressee.customer.email for s in plan.customers if s.state is State.SENT]
        counts = {code: client.count(emails, [code]) for code in names}
        faulty = [code for code, name in names.items() if {code, name} & set(plan.seed.fault_statuses)]
        yield SeedStatus(
            plan.seed.key,
            len(emails),
            client.count(emails),
            {names[code]: number for code, number in counts.items() if number},
            sum(counts[code] for code in faulty) if plan.seed.fault_statuses else None,
        )
