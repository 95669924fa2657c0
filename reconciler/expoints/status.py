"""What the tenant counts of a seed that was sent, by its own statuses: read per tenant, never hard-coded.

Source: vendor pages GET-api-v3-customer-getcustomerstatuses and GET-api-v3-customer-count. A count is of all
customers of the addresses, of whatever round or sender, so it can disprove an arrival and never prove a mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from reconciler.expoints.client import Customers
from reconciler.expoints.seed import Seed
from reconciler.expoints.standing import SeedPlan, State


class SeedStatus(Struct, frozen=True):
    """What the tenant says of the customers of one seed."""

    key: str
    sent: int
    """How many of its customers are known as sent."""
    expected: int
    """How many customers their addresses have on the tenant at least, once all of them are visible."""
    counted: int
    """How many they have as far as the tenant shows them."""
    by_status: Mapping[str, int]
    """The tenant's own name of a status → how many stand in it; none that is empty."""
    faults: int | None
    """How many stand in one of the seed's `fault_statuses`; `None` where none are declared: unverified."""
    unknown: tuple[str, ...] = ()
    """Those of the seed's `fault_statuses` that the tenant does not have."""

    @property
    def missing(self) -> int:
        """How many customers are not visible yet, at least."""
        return max(0, self.expected - self.counted)

    @property
    def unplaced(self) -> int:
        """How many are counted, and in no status."""
        return max(0, self.counted - sum(self.by_status.values()))

    @property
    def has_arrived(self) -> bool:
        """Whether every sent customer is counted, and none of them stands where it is declared a fault."""
        return not self.missing and not self.faults and not self.unknown


def statuses_of(client: Customers, plans: Sequence[SeedPlan]) -> list[SeedStatus]:
    """Return what the tenant counts of every seed of which something was sent. Errors: `ApiError`."""
    sent = [(plan.seed, _sent(plan)) for plan in plans if plan.count(State.SENT)]
    names = client.statuses() if sent else {}
    return [status_of(client, names, seed, emails, len(emails)) for seed, emails in sent]


def _sent(plan: SeedPlan) -> list[str]:
    return [s.addressee.customer.email for s in plan.customers if s.state is State.SENT]


def status_of(
    client: Customers, names: Mapping[int, str], seed: Seed, emails: Sequence[str], expected: int
) -> SeedStatus:
    """Return what the tenant counts of the customers of a seed that were sent. Errors: `ApiError`.

    `expected` is how many customers their addresses should have, `names` are the tenant's statuses. It takes
    one look for all and at most one for each status, each of as many requests as the addresses need; it ends
    as soon as every counted customer has been found in a status.
    """
    faulty = [code for code, name in names.items() if {code, name} & set(seed.fault_statuses)]
    counted = client.count(emails)
    by_code = dict(_by_code(client, emails, sorted(names, key=lambda code: code not in faulty), counted))
    by_status: Counter[str] = Counter()
    for code, number in by_code.items():
        by_status[names[code]] += number
    return SeedStatus(
        key=seed.key,
        sent=len(emails),
        expected=expected,
        counted=counted,
        by_status=+by_status,
        faults=sum(by_code.get(code, 0) for code in faulty) if seed.fault_statuses else None,
        unknown=tuple(_unknown(seed, names)),
    )


def _by_code(
    client: Customers, emails: Sequence[str], codes: Sequence[int], counted: int
) -> Iterator[tuple[int, int]]:
    """Yield how many stand in each status, until that is everybody."""
    for code in codes:
        if counted <= 0:
            return
        number = client.count(emails, [code])
        counted -= number
        yield code, number


def _unknown(seed: Seed, names: Mapping[int, str]) -> Iterator[str]:
    known: Collection[str | int] = {*names, *names.values()}
    return (str(status) for status in seed.fault_statuses if status not in known)
