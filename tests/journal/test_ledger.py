"""What every journal promises to sending, whatever holds it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.errors import Refused
from reconciler.journal.entries import DeliveryState
from reconciler.journal.journal import Journal
from tests.clock import FakeClock

from .conftest import Reopen
from .shipments import ACCOUNT, SEED, batches, delivery, hashed, named, shipment, standings

SETTLED = [DeliveryState.SENT, DeliveryState.FOUND]
OPEN = [DeliveryState.INTENDED, DeliveryState.IN_DOUBT]
UNSENT = [DeliveryState.NOT_SENT, DeliveryState.REFUSED]


def test_a_new_journal_knows_nothing(journal: Journal) -> None:
    assert journal.is_new
    assert journal.deliveries(ACCOUNT, SEED) == ()
    assert journal.past(ACCOUNT) == ()


def test_an_intent_is_told_as_it_was_written(journal: Journal, clock: FakeClock) -> None:
    number = journal.intend(shipment("ann"))
    now = clock.now()
    told = replace(delivery("ann"), batch=number, at=now, since=now, seed=SEED)
    assert journal.deliveries(ACCOUNT, SEED) == (told,)


def test_a_standing_is_as_old_as_its_conclusion(journal: Journal, clock: FakeClock) -> None:
    number, intended = journal.intend(shipment("ann")), clock.now()
    clock.sleep(60)
    journal.conclude(number, DeliveryState.IN_DOUBT)
    (ann,) = journal.deliveries(ACCOUNT, SEED)
    assert (ann.at, ann.since) == (intended, clock.now())


def test_what_the_servers_clock_said_is_told_as_it_was_written(journal: Journal, reopen: Reopen) -> None:
    number = journal.intend(replace(shipment("ann"), server_at=1.25))
    journal.conclude(number, DeliveryState.IN_DOUBT, server_since=2.5)
    (ann,) = reopen().deliveries(ACCOUNT, SEED)
    assert (ann.server_at, ann.server_since) == (1.25, 2.5)


def test_what_a_person_found_out_says_nothing_of_the_servers_clock(journal: Journal) -> None:
    number = journal.intend(replace(shipment("ann"), server_at=1.25))
    journal.conclude(number, DeliveryState.IN_DOUBT, server_since=2.5)
    journal.conclude_delivery(number, hashed("ann"), DeliveryState.SENT)
    (ann,) = journal.deliveries(ACCOUNT, SEED)
    assert (ann.server_at, ann.server_since) == (1.25, None)


def test_the_past_of_an_account_is_that_of_all_its_seeds(journal: Journal) -> None:
    journal.intend(shipment("ann"))
    journal.intend(shipment("bob", seed="customer_seeds.other"))
    journal.intend(shipment("cas", account="elsewhere.expoints.nl"))
    assert [named(d.customer) for d in journal.past(ACCOUNT)] == ["ann", "bob"]
    assert [named(d.customer) for d in journal.past(ACCOUNT, SEED)] == ["ann"]


def test_each_batch_has_a_number_of_its_own(journal: Journal) -> None:
    assert len({journal.intend(shipment(customer)) for customer in ("ann", "bob", "cas")}) == 3


def test_a_batch_without_a_conclusion_stays_intended(journal: Journal, reopen: Reopen) -> None:
    journal.intend(shipment("ann", "bob"))
    again = reopen()
    assert not again.is_new
    assert standings(again) == {"ann": DeliveryState.INTENDED, "bob": DeliveryState.INTENDED}


def test_a_conclusion_holds_for_every_delivery_of_its_batch_only(journal: Journal) -> None:
    journal.intend(shipment("ann"))
    journal.conclude(journal.intend(shipment("bob", "cas")), DeliveryState.SENT)
    assert standings(journal) == {
        "ann": DeliveryState.INTENDED,
        "bob": DeliveryState.SENT,
        "cas": DeliveryState.SENT,
    }


def test_one_delivery_can_end_otherwise_than_its_batch(journal: Journal) -> None:
    number = journal.intend(shipment("ann", "bob"))
    journal.conclude(number, DeliveryState.IN_DOUBT, "no answer")
    journal.conclude_delivery(number, hashed("bob"), DeliveryState.NOT_SENT, "nobody came")
    told = {named(d.customer): (d.standing, d.note) for d in journal.deliveries(ACCOUNT, SEED)}
    assert told == {
        "ann": (DeliveryState.IN_DOUBT, "no answer"),
        "bob": (DeliveryState.NOT_SENT, "nobody came"),
    }


def test_the_latest_conclusion_counts_and_the_time_stays_that_of_the_intent(
    journal: Journal, clock: FakeClock
) -> None:
    written = clock.now()
    number = journal.intend(shipment("ann"))
    clock.sleep(600)
    journal.conclude(number, DeliveryState.IN_DOUBT)
    journal.conclude(number, DeliveryState.SENT)
    [told] = journal.deliveries(ACCOUNT, SEED)
    assert (told.standing, told.at) == (DeliveryState.SENT, written)


def test_what_was_never_intended_cannot_be_concluded(journal: Journal) -> None:
    number = journal.intend(shipment("ann"))
    with pytest.raises(LookupError):
        journal.conclude(number + 1, DeliveryState.SENT)
    with pytest.raises(LookupError):
        journal.conclude_delivery(number, hashed("bob"), DeliveryState.SENT)
    assert standings(journal) == {"ann": DeliveryState.INTENDED}


def test_accounts_seeds_and_rounds_are_apart(journal: Journal) -> None:
    journal.intend(shipment("ann"))
    journal.intend(shipment("ann", account="other.expoints.nl"))
    journal.intend(shipment("ann", seed="customer_seeds.other"))
    journal.intend(shipment("ann", round="2"))
    assert [d.round for d in journal.deliveries(ACCOUNT, SEED)] == ["1", "2"]


def test_a_mailbox_is_known_once_anything_was_written_of_it(journal: Journal) -> None:
    journal.conclude(journal.intend(shipment("ann")), DeliveryState.NOT_SENT)
    journal.record_found(ACCOUNT, SEED, "1", [delivery("bob")])
    assert {d.mailbox for d in journal.past(ACCOUNT)} == {hashed("ann-box"), hashed("bob-box")}
    assert journal.past("other.expoints.nl") == ()


@pytest.mark.parametrize("standing", [*OPEN, *SETTLED])
def test_a_customer_that_may_have_been_mailed_is_not_intended_again(
    journal: Journal, standing: DeliveryState
) -> None:
    number = journal.intend(shipment("ann"))
    journal.conclude(number, standing)
    with pytest.raises(Refused, match=rf"smoke, round 1: 1 of 2 .*batch {number} in the journal"):
        journal.intend(shipment("bob", "ann"))
    assert standings(journal) == {"ann": standing}


@pytest.mark.parametrize("standing", UNSENT)
def test_a_customer_that_provably_was_not_mailed_is_simply_tried_again(
    journal: Journal, standing: DeliveryState
) -> None:
    journal.conclude(journal.intend(shipment("ann")), standing)
    number = journal.intend(shipment("ann"))
    assert batches(journal.deliveries(ACCOUNT, SEED)) == [number]


@pytest.mark.parametrize("standing", SETTLED)
def test_a_settled_batch_is_repeated_on_purpose_and_only_once(
    journal: Journal, standing: DeliveryState
) -> None:
    first = journal.intend(shipment("ann"))
    journal.conclude(first, standing)
    second = journal.intend(shipment("ann"), again={first})
    journal.conclude(second, DeliveryState.SENT)
    with pytest.raises(Refused, match="at the same time"):
        journal.intend(shipment("ann"), again={first})
    assert batches(journal.deliveries(ACCOUNT, SEED)) == [second]


@pytest.mark.parametrize("standing", OPEN)
def test_an_open_batch_is_not_even_repeated_on_purpose(journal: Journal, standing: DeliveryState) -> None:
    number = journal.intend(shipment("ann"))
    journal.conclude(number, standing)
    with pytest.raises(Refused, match="in doubt"):
        journal.intend(shipment("ann"), again={number})


def test_a_late_answer_to_an_older_batch_still_holds(journal: Journal) -> None:
    first = journal.intend(shipment("ann"))
    journal.conclude(first, DeliveryState.NOT_SENT, "nobody came in ten minutes")
    journal.conclude(journal.intend(shipment("ann")), DeliveryState.REFUSED)
    journal.conclude(first, DeliveryState.SENT, "the answer came late")
    assert batches(journal.deliveries(ACCOUNT, SEED)) == [first]
    with pytest.raises(Refused):
        journal.intend(shipment("ann"))


def test_a_shipment_with_one_customer_twice_is_not_written_at_all(journal: Journal) -> None:
    with pytest.raises(Refused, match="twice"):
        journal.intend(shipment("ann", "bob", "ann"))
    assert standings(journal) == {}


def test_what_was_found_is_told_with_what_was_counted(journal: Journal) -> None:
    journal.record_found(ACCOUNT, SEED, "1", [delivery("ann")])
    [found] = journal.deliveries(ACCOUNT, SEED)
    assert (found.standing, found.baseline, found.round) == (DeliveryState.FOUND, 2, "1")


@pytest.mark.parametrize("standing", [*OPEN, *SETTLED])
def test_finding_never_hides_what_may_have_been_mailed(journal: Journal, standing: DeliveryState) -> None:
    number = journal.intend(shipment("ann"))
    journal.conclude(number, standing)
    journal.record_found(ACCOUNT, SEED, "1", [delivery("ann"), delivery("bob")])
    journal.record_found(ACCOUNT, SEED, "1", [delivery("ann"), delivery("bob")])
    assert standings(journal) == {"ann": standing, "bob": DeliveryState.FOUND}
    assert len(journal.deliveries(ACCOUNT, SEED)) == 2


def test_a_hash_is_32_digits_and_the_same_after_opening_again(journal: Journal, reopen: Reopen) -> None:
    hashed = journal.hash("ann@example.com")
    assert len(bytes.fromhex(hashed)) == 16
    assert reopen().hash("ann@example.com") == hashed != journal.hash("bob@example.com")


def test_closing_twice_is_allowed(journal: Journal) -> None:
    journal.close()
    journal.close()
