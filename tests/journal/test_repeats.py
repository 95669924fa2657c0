from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Refused
from reconciler.journal.ledger import Delivery, Standing
from reconciler.journal.repeats import counting, refuse_repeats

from .shipments import batches, delivery, named, shipment

HISTORIES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Standing)), max_size=12).map(
    lambda told: [delivery(customer, standing, batch) for batch, (customer, standing) in enumerate(told, 1)]
)


@pytest.mark.parametrize(
    ("standings", "counts"),
    [
        ([Standing.NOT_SENT, Standing.INTENDED], 2),
        ([Standing.NOT_SENT, Standing.REFUSED], 2),
        ([Standing.SENT, Standing.IN_DOUBT], 2),
        ([Standing.SENT, Standing.REFUSED], 1),
        ([Standing.IN_DOUBT, Standing.NOT_SENT, Standing.REFUSED], 1),
    ],
)
def test_the_latest_counts_that_may_have_been_mailed(standings: list[Standing], counts: int) -> None:
    past = [delivery("ann", standing, batch) for batch, standing in enumerate(standings, 1)]
    assert batches(counting(past)) == [counts]


@given(HISTORIES)
def test_one_delivery_counts_for_each_customer_oldest_first(past: list[Delivery]) -> None:
    told = counting(past)
    assert sorted(d.customer for d in told) == sorted({d.customer for d in past})
    assert batches(told) == sorted(batches(told))


@given(HISTORIES, st.sets(st.integers(1, 12)))
def test_only_the_provably_unsent_and_the_deliberate_get_another_one(
    past: list[Delivery], again: set[int]
) -> None:
    mailed = [d for d in past if named(d.customer) == "a" and not d.standing.is_unsent]
    allowed = not mailed or (not mailed[-1].standing.is_open and mailed[-1].batch in again)
    with nullcontext() if allowed else pytest.raises(Refused):
        refuse_repeats(shipment("a"), past, again)
