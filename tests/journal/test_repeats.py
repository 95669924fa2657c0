from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Refused
from reconciler.journal.ledger import Delivery, DeliveryState
from reconciler.journal.repeats import counting, refuse_repeats

from .shipments import batches, delivery, named, shipment

HISTORIES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(DeliveryState)), max_size=12).map(
    lambda told: [delivery(customer, standing, batch) for batch, (customer, standing) in enumerate(told, 1)]
)


@pytest.mark.parametrize(
    ("standings", "counts"),
    [
        ([DeliveryState.NOT_SENT, DeliveryState.INTENDED], 2),
        ([DeliveryState.NOT_SENT, DeliveryState.REFUSED], 2),
        ([DeliveryState.SENT, DeliveryState.IN_DOUBT], 2),
        ([DeliveryState.SENT, DeliveryState.REFUSED], 1),
        ([DeliveryState.IN_DOUBT, DeliveryState.NOT_SENT, DeliveryState.REFUSED], 1),
    ],
)
def test_the_latest_counts_that_may_have_been_mailed(standings: list[DeliveryState], counts: int) -> None:
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
