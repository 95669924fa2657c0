"""What every journal promises to sending, whatever holds it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.errors import Refused
from reconciler.journal.entries import DeliveryState
from reconciler.journal.journal import Journal
from reconciler.journal.rules import counting
from tests.clock import FakeClock

from .conftest import Reopen
from .shipments import ACCOUNT, SEED, batches, delivery, hashed, named, shipment, standings

SETTLED = [DeliveryState.SENT, DeliveryState.FOUND]
OPEN = [DeliveryState.INTENDED, DeliveryState.IN_DOUBT]


def test_a_new_journal_is_empty_and_hashes_the_same_later(journal: Journal, reopen: Reopen) -> None:
    assert journal.is_new
    assert (counting(journal.past(ACCOUNT, SEED)), journal.past(ACCOUNT)) == ((), ())
    hashed = journal.hash("ann@example.com")
    assert len(bytes.fromhex(hashed)) == 16
    again = reopen()
    assert not again.is_new
    assert again.hash("ann@example.com") == hashed != journal.hash("bob@example.com")


def test_an_intent_and_its_conclusions(journal: Journal, reopen: Reopen, clock: FakeClock) -> None:
    number, intended = journal.intend(replace(shipment("ann"), server_at=1.25)), clock.now()
    told = replace(delivery("ann"), batch=number, at=intended, since=intended, seed=SEED, server_at=1.25)
    assert counting(journal.past(ACCOUNT, SEED)) == counting(reopen().past(ACCOUNT, SEED)) == (told,)
    clock.sleep(60)
    journal.conclude(number, DeliveryState.IN_DOUBT, "no answer", server_since=2.5)
    (ann,) = counting(reopen().past(ACCOUNT, SEED))
    assert (ann.at, ann.since, ann.server_at, ann.server_since) == (intended, clock.now(), 1.25, 2.5)
    journal.conclude_delivery(number, hashed("ann"), DeliveryState.SENT)  # as a person says
    (ann,) = counting(reopen().past(ACCOUNT, SEED))
    assert (ann.standing, ann.note, ann.at, ann.server_since) == (DeliveryState.SENT, "", intended, None)


def test_a_conclusion_holds_for_its_batch_only_and_one_delivery_can_end_otherwise(journal: Journal) -> None:
    journal.intend(shipment("ann"))
    number = journal.intend(shipment("bob", "cas"))
    journal.conclude(number, DeliveryState.IN_DOUBT, "no answer")
    journal.conclude_delivery(number, hashed("cas"), DeliveryState.NOT_SENT, "nobody came")
    told = {named(d.customer): (d.standing, d.note) for d in counting(journal.past(ACCOUNT, SEED))}
    assert told == {
        "ann": (DeliveryState.INTENDED, ""),
        "bob": (DeliveryState.IN_DOUBT, "no answer"),
        "cas": (DeliveryState.NOT_SENT, "nobody came"),
    }
    with pytest.raises(LookupError):
        journal.conclude(number + 1, DeliveryState.SENT)
    with pytest.raises(LookupError):
        journal.conclude_delivery(number, hashed("ann"), DeliveryState.SENT)


def test_accounts_seeds_and_rounds_are_apart(journal: Journal) -> None:
    journal.intend(shipment("ann"))
    journal.intend(shipment("ann", account="other.expoints.nl"))
    journal.intend(shipment("bob", seed="customer_seeds.other"))
    journal.intend(shipment("ann", round="2"))
    assert [d.round for d in counting(journal.past(ACCOUNT, SEED))] == ["1", "2"]
    assert [named(d.customer) for d in journal.past(ACCOUNT)] == ["ann", "bob", "ann"]
    assert [named(d.customer) for d in journal.past(ACCOUNT, SEED)] == ["ann", "ann"]
    assert len({d.batch for d in (*journal.past(ACCOUNT), *journal.past("other.expoints.nl"))}) == 4


@pytest.mark.parametrize("standing", [*OPEN, *SETTLED])
def test_who_may_have_been_mailed_is_not_intended_again(journal: Journal, standing: DeliveryState) -> None:
    number = journal.intend(shipment("ann"))
    journal.conclude(number, standing)
    with pytest.raises(Refused, match=rf"smoke, round 1: 1 of 2 .*batch {number} in the journal"):
        journal.intend(shipment("bob", "ann"))
    assert standings(journal) == {"ann": standing}
    for _ in range(2):
        journal.record_found(ACCOUNT, SEED, "1", [delivery("ann"), delivery("bob")])
    assert standings(journal) == {"ann": standing, "bob": DeliveryState.FOUND}
    assert [d.baseline for d in journal.past(ACCOUNT, SEED)] == [2, 2]


def test_who_was_not_mailed_is_tried_again_and_a_late_answer_holds(journal: Journal) -> None:
    first = journal.intend(shipment("ann"))
    journal.conclude(first, DeliveryState.NOT_SENT, "nobody came in ten minutes")
    second = journal.intend(shipment("ann"))
    assert batches(counting(journal.past(ACCOUNT, SEED))) == [second]
    journal.conclude(second, DeliveryState.REFUSED)
    journal.conclude(first, DeliveryState.SENT, "the answer came late")
    assert batches(counting(journal.past(ACCOUNT, SEED))) == [first]
    with pytest.raises(Refused):
        journal.intend(shipment("ann"))


def test_a_shipment_with_one_customer_twice_is_not_written_at_all(journal: Journal) -> None:
    with pytest.raises(Refused, match="twice") as raised:
        journal.intend(shipment("ann", "bob", "ann"))
    assert hashed("ann-box") not in f"{raised.value} {raised.value.__cause__}"
    assert standings(journal) == {}
