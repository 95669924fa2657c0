"""Who is mailed, and when; it is 15 January 2027, 09:00 in the Netherlands, on the clock of these tests."""

from __future__ import annotations

import pytest

from reconciler.sandbox import approve

from .conftest import DATA, Json, OpenTenant, Tenant

EMAIL = "seed@example.com"
DAY = 86_400


def customer(email: str = EMAIL, **members: Json) -> Json:
    return {"Email": email, "Data": DATA, **members}


def due(tenant: Tenant) -> str:
    """Return when the newest invitation may leave, without the offset of UTC."""
    return str(tenant.mails()[-1]["not_before"]).removesuffix("+00:00")


# Who is mailed.


def test_a_test_customer_is_mailed_too(tenant: Tenant) -> None:
    """D: IsTest does not mean that no mail will be sent."""
    tenant.add(EMAIL, BatchName="Smoke")
    assert tenant.mails() == [
        {
            "kind": "invitation",
            "to": EMAIL,
            "customer_id": 1004,
            "batch_id": 1,
            "batch_name": "Smoke",
            "is_test": True,
            "is_concept": False,
            "not_before": "2027-01-15T08:00:00+00:00",
        }
    ]
    assert tenant.status(EMAIL) == "Invited"


@pytest.mark.parametrize("address", ["", "no address", "a@b", "a@x.com,b@x.com", "A <a@example.com>", None])
def test_an_invalid_address_is_a_fault_and_not_a_refusal(tenant: Tenant, address: str | None) -> None:
    """D: the customer will get a fault status if the mail address is not valid."""
    assert tenant.add(customer("x@example.com") | {"Email": address}, EMAIL).status_code == 200
    assert tenant.mailed() == [EMAIL]
    assert tenant.count(Statuses=40) == 1


def test_an_address_with_a_plus_can_be_a_fault(open_tenant: OpenTenant) -> None:
    """U: variant `plus_addresses`."""
    assert open_tenant().add("qa+1@example.com").status_code == 200
    tenant = open_tenant("plus_addresses=fault")
    tenant.add("qa+1@example.com")
    assert (tenant.mailed(), tenant.status("qa+1@example.com")) == ([], "Fault")


def test_an_address_that_opted_out_is_not_mailed(tenant: Tenant) -> None:
    """I."""
    tenant.add("OptedOut@example.com", EMAIL)
    assert (tenant.mailed(), tenant.status("optedout@example.com")) == ([EMAIL], "Opted out")
    assert tenant.count(Statuses=60) == 1


@pytest.mark.parametrize("kind", ["1", "Portal"])
def test_a_portal_batch_is_not_mailed(tenant: Tenant, kind: str) -> None:
    """D: 0, 1, email or portal; I: that it is not mailed."""
    tenant.add(EMAIL, TypeBatch=kind)
    assert tenant.mailed() == []


@pytest.mark.parametrize("kind", ["0", "email", "", None])
def test_a_batch_is_mailed_unless_it_is_portal(tenant: Tenant, kind: str | None) -> None:
    """D: 0 / email is default."""
    tenant.add(EMAIL, TypeBatch=kind)
    assert tenant.mailed() == [EMAIL]


# Who is told about a batch.


def test_every_notification_address_is_told(tenant: Tenant) -> None:
    """D: a comma separated list."""
    tenant.add(EMAIL, NotificationEmailAddresses="qa@example.com, ,ops@example.com")
    told = tenant.mails("notification")
    assert [(mail["to"], mail["customer_id"]) for mail in told] == [
        ("qa@example.com", None),
        ("ops@example.com", None),
    ]


@pytest.mark.parametrize("addresses", ["", " ", None])
def test_without_notification_addresses_the_front_office_is_told(
    tenant: Tenant, addresses: str | None
) -> None:
    """D: when empty the email will be sent to the front office default."""
    tenant.add(EMAIL, NotificationEmailAddresses=addresses)
    assert [mail["to"] for mail in tenant.mails("notification")] == ["front-office@tenant.example"]


# Approval.


def test_without_approval_nobody_is_mailed_until_somebody_approves(tenant: Tenant) -> None:
    """D: with ApproveAutomatically false, an experience manager has to approve the batch manually."""
    tenant.add("a@example.com", "no address", ApproveAutomatically=False)
    assert (tenant.mailed(), tenant.status("a@example.com")) == ([], "Waiting for approval")
    assert len(tenant.mails("notification")) == 1
    tenant.sandbox.clock.now += DAY
    assert tenant.approve() == [1004]
    assert (due(tenant), tenant.status("a@example.com")) == ("2027-01-16T08:00:00", "Invited")


def test_approving_twice_mails_once(tenant: Tenant) -> None:
    """I: an approved batch is not approved again."""
    tenant.add(EMAIL, ApproveAutomatically=False)
    assert (tenant.approve(), tenant.approve(), tenant.mailed()) == ([1004], [], [EMAIL])


def test_approval_is_not_automatic_unless_asked_for(tenant: Tenant) -> None:
    """I: a boolean that is left out is false in .NET."""
    tenant.post({"IsTest": True, "Customers": [customer()]})
    assert tenant.mailed() == []
    assert approve(tenant.sandbox.state) == [1004]


def test_who_waits_may_be_seen_only_once_approved(open_tenant: OpenTenant) -> None:
    """U: variant `waiting_customers`."""
    tenant = open_tenant("waiting_customers=hidden")
    tenant.add(EMAIL, ApproveAutomatically=False)
    assert tenant.count(EMAIL) == 0
    tenant.approve()
    assert tenant.count(EMAIL) == 1


# When.


@pytest.mark.parametrize(
    ("send_date", "send_time", "expected"),
    [
        (None, None, "2027-01-15T08:00:00"),
        ("2026-12-01", None, "2027-01-15T08:00:00"),
        ("2027-01-20", None, "2027-01-19T23:00:00"),
        ("2027-01-20T10:00:00.1234567+01:00", None, "2027-01-20T09:00:00.123456"),
        (None, "2001-02-03T11:30:00+01:00", "2027-01-15T10:30:00"),
        (None, "2001-02-03T07:30:00+01:00", "2027-01-15T08:00:00"),
        ("2027-01-20", "2001-02-03T11:30:00+01:00", "2027-01-20T10:30:00"),
        ("2027-07-20", "2001-02-03T11:30:00+01:00", "2027-07-20T09:30:00"),
        ("2027-07-20", "2001-08-03T10:30:00Z", "2027-07-20T10:30:00"),
    ],
)
def test_mail_leaves_on_the_send_date_and_not_before_the_send_time(
    tenant: Tenant, send_date: str | None, send_time: str | None, expected: str
) -> None:
    """D: null means now, and only the time of day of SendTime counts; I: the time is the platform's own."""
    tenant.add(customer(SendDate=send_date), SendTime=send_time)
    assert due(tenant) == expected


def test_a_customer_is_initial_until_its_mail_leaves(tenant: Tenant) -> None:
    """D, model ImportCustomer: a future customer in status initial."""
    tenant.add(customer(SendDate="2027-01-16"))
    assert tenant.status(EMAIL) == "Initial"
    tenant.sandbox.clock.now += DAY
    assert tenant.status(EMAIL) == "Invited"


def test_a_time_without_offset_is_local(tenant: Tenant) -> None:
    """I: probably the server's local time."""
    tenant.add(customer(SendDate="2027-01-20T11:30:00"))
    assert due(tenant) == "2027-01-20T10:30:00"
    tenant.add(customer(SendDate="2027-01-20"), SendTime="2027-01-01T11:30:00")
    assert due(tenant) == "2027-01-20T10:30:00"


# Priority.


def prioritised(tenant: Tenant, *priorities: int | None, send_date: str | None = "2027-02-01") -> None:
    """Add customers of one address, each in a batch of its own."""
    for priority in priorities:
        tenant.add(customer(SendDate=send_date, Priority=priority))


def mailed_ids(tenant: Tenant) -> list[int]:
    return [mail["customer_id"] for mail in tenant.mails()]


@pytest.mark.parametrize(
    ("priorities", "mailed"),
    [((1, None), [1004]), ((None, 1), [1005]), ((1, 1), [1004, 1005]), ((0, 2, 1), [1005])],
)
def test_a_higher_priority_locks_the_others_of_an_address(
    tenant: Tenant, priorities: tuple[int | None, ...], mailed: list[int]
) -> None:
    """D, model ImportCustomer: another, future customer in status initial has a higher priority."""
    prioritised(tenant, *priorities)
    assert mailed_ids(tenant) == mailed
    assert tenant.count(EMAIL, Statuses=50) == len(priorities) - len(mailed)


def test_priorities_count_within_a_batch_as_well(tenant: Tenant) -> None:
    """D, model ImportCustomer: for the same address; AllowDuplicateEmail lets two of them into one batch."""
    same = [customer(SendDate="2027-02-01", Priority=priority) for priority in (1, 2, 0)]
    tenant.add(*same, AllowDuplicateEmail=True)
    assert mailed_ids(tenant) == [1005]


def test_who_was_mailed_already_locks_nobody(tenant: Tenant) -> None:
    """D, model ImportCustomer: only a future customer in status initial does."""
    prioritised(tenant, 9, send_date=None)
    prioritised(tenant, 0)
    assert mailed_ids(tenant) == [1004, 1005]


def test_who_is_mailed_at_once_locks_nobody(tenant: Tenant) -> None:
    """D, model ImportCustomer: only a future customer in status initial does."""
    prioritised(tenant, 0)
    prioritised(tenant, 9, send_date=None)
    assert mailed_ids(tenant) == [1004, 1005]


def test_another_address_is_not_locked(tenant: Tenant) -> None:
    """D, model ImportCustomer: for the same address."""
    prioritised(tenant, 1)
    tenant.add(customer("b@example.com", SendDate="2027-02-01"))
    assert tenant.mailed() == [EMAIL, "b@example.com"]
