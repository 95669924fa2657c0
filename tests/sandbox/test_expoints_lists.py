"""What can be read of a tenant: columns, statuses, customers, opt-outs."""

from __future__ import annotations

import pytest

from reconciler.sandbox import State
from reconciler.sandbox.seeding import CUSTOMERS, OPT_OUTS, stored_customer

from .conftest import EXPOINTS, Json, OpenTenant, Tenant


def many(count: int) -> State:
    """A sandbox's memory with so many real customers, from id 1 on, and an opt-out of each."""
    addresses = [f"c{number}@example.com" for number in range(1, count + 1)]
    seed: Json = {
        CUSTOMERS: {
            number: stored_customer({"Email": address, "State": "finished"})
            for number, address in enumerate(addresses, 1)
        },
        OPT_OUTS: {
            number: {"Email": address, "OptOutDate": 0.0, "IsTest": number % 2 == 0}
            for number, address in enumerate(addresses, 1)
        },
    }
    return State(seed=seed)


def ids(tenant: Tenant, **query: Json) -> list[int]:
    return [customer["Id"] for customer in tenant.get("customer", **query)["Customers"]]


def refused(tenant: Tenant, path: str, **query: Json) -> bool:
    return tenant.sandbox.client.get(f"{EXPOINTS}/{path}", params=query).status_code == 400


# Columns.


def test_a_column_has_five_members(tenant: Tenant) -> None:
    """D, POST-api-v3-customer-add: the example of a column."""
    assert tenant.get("customerdatacolumn")["CustomerDataColumns"][1] == {
        "Id": 14,
        "Required": True,
        "Archived": False,
        "Name": "Gender_customer",
        "DisplayName": "Gender customer",
    }


def test_version_1_has_the_same_columns(tenant: Tenant) -> None:
    """D, POST-api-v3-customer-add names the path of version 1."""
    path = "/External/API/v1/CustomerDataColumn/"
    assert tenant.sandbox.client.get(path).json() == tenant.get("customerdatacolumn")


def test_two_columns_can_have_one_name(open_tenant: OpenTenant) -> None:
    """U: variant `twin_columns`."""
    columns = open_tenant("twin_columns=true").get("customerdatacolumn")["CustomerDataColumns"]
    assert sorted(column["Id"] for column in columns if column["Name"] == "Business Unit") == [17, 18]


# Statuses.


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("statuses=english", {"StatusCode": 40, "StatusName": "Fault"}),
        ("statuses=dutch", {"StatusCode": 5, "StatusName": "Foutief"}),
    ],
)
def test_statuses_are_the_tenants_own(
    open_tenant: OpenTenant, variant: str, expected: dict[str, Json]
) -> None:
    """D, GET-api-v3-customer-getcustomerstatuses: the members; U: codes and names, variant `statuses`."""
    tenant = open_tenant(variant)
    assert expected in tenant.get("customer/getcustomerstatuses")["Statuses"]
    tenant.add("not an address")
    assert tenant.count("not an address", Statuses=expected["StatusCode"]) == 1


# Customers.


def test_a_customer_has_at_least_an_id_and_an_access_key(tenant: Tenant) -> None:
    """C, scala-http-clients: the two members that the client reads."""
    first = tenant.get("customer")["Customers"][0]
    assert (first["Id"], first["Email"]) == (1001, "anna.devries@example.com")
    assert len({row["AccessKey"] for row in tenant.get("customer")["Customers"]}) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [1001, 1002, 1003]),
        ({"EmailAddresses": "anna.devries@example.com"}, [1001, 1002]),
        ({"EmailAddresses": ["Anna.DeVries@example.com", "bram.jansen@example.com"]}, [1001, 1002, 1003]),
        ({"EmailAddresses": ["devries@example.com", "bram.jansen@example.co"]}, []),
        ({"Statuses": 30}, [1001]),
        ({"Statuses": [20, 30], "EmailAddresses": "anna.devries@example.com"}, [1001, 1002]),
        ({"unknown": "1"}, [1001, 1002, 1003]),
    ],
)
def test_customers_are_filtered_and_counted_alike(
    tenant: Tenant, query: dict[str, Json], expected: list[int]
) -> None:
    """D, GET-api-v3-customer and -count: the same filters; I: unknown ones are ignored."""
    assert ids(tenant, **query) == expected
    assert tenant.get("customer/count", **query) == {"CustomerCount": len(expected)}


def test_test_customers_are_hidden_unless_asked_for(tenant: Tenant) -> None:
    """D, GET-api-v3-customer: IncludeTestRecords is false by default."""
    tenant.add("seed@example.com")
    assert tenant.count("seed@example.com", IncludeTestRecords="") == 0
    assert tenant.count("seed@example.com", IncludeTestRecords="false") == 0
    assert tenant.count("seed@example.com", IncludeTestRecords="true") == 1


def test_addresses_can_be_found_by_a_part_of_them(open_tenant: OpenTenant) -> None:
    """U: variant `address_filter`."""
    tenant = open_tenant("address_filter=contains")
    assert ids(tenant, EmailAddresses="devries@example.com") == [1001, 1002]


def test_a_filter_by_address_can_be_ignored(open_tenant: OpenTenant) -> None:
    """I: how a collection is written; a name that is not understood filters nothing; `address_filter`."""
    assert ids(open_tenant("address_filter=ignored"), EmailAddresses="nobody@example.com") == [
        1001,
        1002,
        1003,
    ]


ANNA, BRAM = "anna.devries@example.com", "bram.jansen@example.com"
NOBODIES = [f"nobody{number}@example.com" for number in range(9)]


@pytest.mark.parametrize(
    ("variant", "two", "eleven"),
    [
        ("address_list=first", 2, 1),
        ("address_list=everybody", 3, 3),
    ],
)
def test_several_addresses_can_be_anything(
    open_tenant: OpenTenant, variant: str, two: int, eleven: int
) -> None:
    """I: how a collection is written; variant `address_list`. One address is always one."""
    tenant = open_tenant(variant)
    assert tenant.count(ANNA, BRAM) == two
    assert tenant.count(BRAM, *NOBODIES, ANNA) == eleven
    assert tenant.count(ANNA) == 2


def test_several_addresses_can_be_refused(open_tenant: OpenTenant) -> None:
    """I: the same; variant `address_list`."""
    tenant = open_tenant("address_list=refused")
    assert refused(tenant, "customer/count", EmailAddresses=[ANNA, BRAM])
    assert tenant.count(ANNA) == 2


def test_addresses_can_differ_in_case_only(open_tenant: OpenTenant) -> None:
    """U: variant `address_case`, for filters, duplicates and opt-outs."""
    tenant = open_tenant("address_case=sensitive")
    assert tenant.count("BRAM.JANSEN@example.com") == 0
    assert tenant.add("a@example.com", "A@example.com", "OptedOut@example.com").status_code == 200
    assert tenant.mailed() == ["a@example.com", "A@example.com", "OptedOut@example.com"]


def test_a_new_customer_can_appear_late(open_tenant: OpenTenant) -> None:
    """U: variant `customers_appear_after_seconds`; the mail does not wait for it."""
    tenant = open_tenant("customers_appear_after_seconds=300")
    tenant.add("seed@example.com")
    tenant.sandbox.clock.now += 299
    assert (tenant.count("seed@example.com"), tenant.mailed()) == (0, ["seed@example.com"])
    assert len(tenant.get("customer", IncludeTestRecords=True)["Customers"]) == 3
    tenant.sandbox.clock.now += 1
    assert tenant.count("seed@example.com") == 1


@pytest.mark.parametrize(
    "query",
    [
        {"CustomerIds": "1001"},
        {"Statuses": "20,30"},
        {"IncludeTestRecords": "yes"},
        {"Limit": "0"},
        {"Limit": "many"},
        {"Cursor": "7"},
        {"Cursor": "after-x"},
        {"TransactionDateFilter.From": "2026-01-01"},
        {"DataFilters[0].Value": "x"},
    ],
)
def test_a_query_that_cannot_be_read_is_400(tenant: Tenant, query: dict[str, str]) -> None:
    """I: 400 has its usual meaning; filters whose members are not documented are not emulated."""
    assert refused(tenant, "customer", **query)


# Pages.


def all_pages(tenant: Tenant) -> list[list[int]]:
    """Return the ids on each of at most ten pages, stopping where no cursor leads on."""
    pages: list[list[int]] = []
    cursor: str | None = ""
    while cursor is not None and len(pages) < 10:
        answer = tenant.get("customer", Cursor=cursor)
        pages.append([customer["Id"] for customer in answer["Customers"]])
        cursor = answer.get("NextCursor") or None
    return pages


def test_a_page_has_100_customers_at_most(open_tenant: OpenTenant) -> None:
    """D, GET-api-v3-customer: 100 is the default and the maximum, and a cursor leads to the next page."""
    tenant = open_tenant(state=many(230))
    assert all_pages(tenant) == [list(range(1, 101)), list(range(101, 201)), list(range(201, 231))]
    assert ids(tenant, Limit=7) == list(range(1, 8))
    assert len(ids(tenant, Limit=1000)) == 100
    assert tenant.count() == 230


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("last_cursor=null", {"NextCursor": None}),
        ("last_cursor=absent", {}),
        ("last_cursor=empty", {"NextCursor": ""}),
    ],
)
def test_the_last_page_can_say_so_in_three_ways(
    open_tenant: OpenTenant, variant: str, expected: dict[str, Json]
) -> None:
    """U: variant `last_cursor`."""
    answer = open_tenant(variant, state=many(1)).get("customer")
    assert {name: value for name, value in answer.items() if name != "Customers"} == expected


def test_the_last_cursor_can_lead_to_an_empty_page(open_tenant: OpenTenant) -> None:
    """U: variant `last_cursor`."""
    assert all_pages(open_tenant("last_cursor=empty-page", state=many(101))) == [
        list(range(1, 101)),
        [101],
        [],
    ]


# Opt-outs.


def test_an_opt_out_has_the_documented_members(tenant: Tenant) -> None:
    """D, GET-api-v3-customer-getoptouts."""
    (opt_out,) = tenant.get("customer/getoptouts")["OptOuts"]
    assert opt_out == {
        "OptOutDate": "2024-01-15T10:00:00.0000000+01:00",
        "Email": "optedout@example.com",
        "TransactionDate": "2024-01-15T10:00:00.0000000+01:00",
        "SurveyClosedDate": None,
        "Data": [],
        "Language": "nl",
        "IsContactRequested": False,
        "IsConcept": False,
    }


def test_opt_outs_come_in_pages_those_of_test_customers_if_asked_for(open_tenant: OpenTenant) -> None:
    """D, GET-api-v3-customer-getoptouts: IncludeTestRecords, Cursor and Limit."""
    tenant = open_tenant(state=many(6))
    first = tenant.get("customer/getoptouts", Limit=2)
    second = tenant.get("customer/getoptouts", Limit=2, Cursor=first["NextCursor"])
    addresses = [opt_out["Email"] for opt_out in first["OptOuts"] + second["OptOuts"]]
    assert addresses == ["c1@example.com", "c3@example.com", "c5@example.com"]
    assert len(tenant.get("customer/getoptouts", IncludeTestRecords=True)["OptOuts"]) == 6
