"""What is documented about a tenant, and each answer to what is not: tokens, lists, batches, mails.

It is 15 January 2027, 09:00 in the Netherlands, on the clock of these tests. D, C, I, U name the sources, as
in the sandbox itself.
"""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import State, Tokens, approve, revoke_tokens
from reconciler.sandbox.seeding import CUSTOMERS, stored_customer

from .conftest import DATA, EXPOINTS, Json, OpenTenant, Tenant

EMAIL = "seed@example.com"
ANNA, BRAM = "anna.devries@example.com", "bram.jansen@example.com"
DAY = 86_400
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "client",
    "client_secret": "planted-secret",
    "scope": "api://some/.default",
}


def many(count: int) -> State:
    """A sandbox's memory with so many real customers, from id 1 on."""
    every = {number: f"c{number}@example.com" for number in range(1, count + 1)}
    customers: Json = {key: stored_customer({"Email": to, "State": "finished"}) for key, to in every.items()}
    return State(seed={CUSTOMERS: customers})


def ids(tenant: Tenant, **query: Json) -> list[int]:
    return [customer["Id"] for customer in tenant.get("customer", **query)["Customers"]]


def customer(email: str = EMAIL, **members: Json) -> Json:
    return {"Email": email, "Data": DATA, **members}


def ask(tenant: Tenant, path: str = "/oauth2/token", **changes: str) -> httpx.Response:
    form = {name: text for name, text in (CREDENTIALS | changes).items() if text}
    return tenant.sandbox.client.post(path, data=form)


def call(tenant: Tenant, authorization: str, path: str = "customer/count") -> int:
    """Return the status of a call with this header."""
    headers = {"Authorization": authorization}
    return tenant.sandbox.client.get(f"{EXPOINTS}/{path}", headers=headers).status_code


@pytest.mark.parametrize("path", ["/oauth2/token", "/8a2f/OAuth2/v2.0/Token/"])
@pytest.mark.parametrize(("variant", "lifetime"), [("number", 60), ("string", "60")])
def test_client_credentials_get_a_token_until_it_expires_or_is_revoked(
    open_tenant: OpenTenant, path: str, variant: str, lifetime: Json
) -> None:
    """C, OAuthTokenResponse.cs: the members; U: variants `expires_in` and `token_seconds`; I: revoking."""
    tenant = open_tenant(f"expires_in={variant}", "token_seconds=60")
    answer = ask(tenant, path).json()
    token = f"bearer {answer.pop('access_token')}"
    assert answer == {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
    tenant.sandbox.clock.now += 59
    assert call(tenant, token) == 200
    tenant.sandbox.clock.now += 1
    assert call(tenant, token) == 401
    again = f"Bearer {ask(tenant).json()['access_token']}"
    assert call(tenant, again) == 200
    revoke_tokens(tenant.sandbox.state)
    assert call(tenant, again) == 401


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        *(({name: ""}, 400, "invalid_request") for name in ("client_secret", "scope")),
        *(({name: "other"}, 401, "invalid_client") for name in ("client_secret", "client_id")),
    ],
)
def test_a_wrong_request_gets_no_token(
    open_tenant: OpenTenant, changes: dict[str, str], status: int, error: str
) -> None:
    """I, RFC 6749: 400 or 401 with an error code; C, KtoHttpNetworkService.cs: form-encoded."""
    tenant = open_tenant(tokens=Tokens(clients={"client": "planted-secret"}))
    answer = ask(tenant, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert tenant.sandbox.client.post("/oauth2/token", json=CREDENTIALS).json()["error"] == "invalid_request"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic token", "Bearer other"])
@pytest.mark.parametrize("path", ["customerdatacolumn", "customer", "customer/count", "customer/getoptouts"])
def test_without_an_accepted_token_a_call_is_401(open_tenant: OpenTenant, header: str, path: str) -> None:
    """D, every call page: missing or invalid authentication token."""
    tenant = open_tenant(tokens=Tokens(accepted=frozenset({"token"})))
    assert (call(tenant, header, path), call(tenant, "Bearer token", path)) == (401, 200)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/tokens"])
def test_secrets_of_clients_are_not_in_the_log(tenant: Tenant, path: str) -> None:
    """Our own promise, also where the address or the form of the request is wrong."""
    ask(tenant, path)
    tenant.sandbox.client.post("/oauth2/token", json=CREDENTIALS)
    assert [request.path for request in tenant.sandbox.state.requests()] == [path, "/oauth2/token"]
    assert "planted-secret" not in str(tenant.sandbox.state.requests())


BOTH = [ANNA.title(), BRAM]
ALL = [1001, 1002, 1003]


@pytest.mark.parametrize(
    ("variants", "query", "expected"),
    [
        ("", {}, ALL),
        ("", {"EmailAddresses": ANNA}, ALL[:2]),
        ("", {"EmailAddresses": BOTH}, ALL),
        ("", {"EmailAddresses": ["devries@example.com", "bram.jansen@example.co"]}, []),
        ("", {"Statuses": 30}, [1001]),
        ("address_filter=contains", {"EmailAddresses": "devries@example.com"}, ALL[:2]),
        ("address_filter=ignored", {"EmailAddresses": "unknown@example.com"}, ALL),
        ("address_list=first", {"EmailAddresses": BOTH}, ALL[:2]),
        ("address_list=everybody", {"EmailAddresses": [ANNA, ANNA]}, ALL),
        ("address_list=everybody", {"EmailAddresses": ANNA}, ALL[:2]),  # one address is always one
    ],
)
def test_customers_are_filtered_and_counted_alike(
    open_tenant: OpenTenant, variants: str, query: dict[str, Json], expected: list[int]
) -> None:
    """D, GET-api-v3-customer and -count; I: unknown filters are ignored, a collection is a repeated name."""
    tenant = open_tenant(*variants.split())
    assert ids(tenant, **query) == expected
    assert tenant.get("customer/count", **query) == {"CustomerCount": len(expected)}
    # C, scala-http-clients: the two members that the client reads.
    assert all(row["Id"] and row["AccessKey"] for row in tenant.get("customer", **query)["Customers"])


def test_a_test_customer_is_mailed_and_hidden_unless_asked_for(tenant: Tenant) -> None:
    """D: IsTest does not mean that no mail will be sent; IncludeTestRecords is false by default."""
    tenant.add(EMAIL, BatchName="Smoke")
    counts = [tenant.count(EMAIL, IncludeTestRecords=flag) for flag in ("", "false", "true")]
    assert (counts, tenant.status(EMAIL)) == ([0, 0, 1], "Invited")
    batch = {"batch_id": 1, "batch_name": "Smoke", "is_test": True, "is_concept": False}
    invitation = {"kind": "invitation", "to": EMAIL, "customer_id": 1004}
    assert tenant.mails() == [{**invitation, **batch, "not_before": "2027-01-15T08:00:00+00:00"}]


LAST: dict[str, Json] = {"null": {"NextCursor": None}, "absent": {}, "empty": {"NextCursor": ""}}
LAST["empty-page"] = {"NextCursor": "after-230"}


@pytest.mark.parametrize(("variant", "last"), LAST.items())
def test_a_page_has_100_customers_at_most(
    open_tenant: OpenTenant, variant: str, last: dict[str, Json]
) -> None:
    """D, GET-api-v3-customer: 100 is the default and the maximum; U: variant `last_cursor`."""
    tenant = open_tenant(f"last_cursor={variant}", state=many(230))
    first = tenant.get("customer")
    second = tenant.get("customer", Cursor=first["NextCursor"], Limit=1000)
    third = tenant.get("customer", Cursor=second["NextCursor"])
    listed = [row["Id"] for page in (first, second, third) for row in page.pop("Customers")]
    assert (listed, third) == (list(range(1, 231)), last)
    assert ids(tenant, Limit=7) == list(range(1, 8))
    if variant == "empty-page":
        assert ids(tenant, Cursor=last["NextCursor"]) == []


def test_the_same_batch_twice_is_two_batches(tenant: Tenant) -> None:
    """D: 200; by absence: there is no idempotency key, and a person can be several customers."""
    responses = [tenant.add(EMAIL), tenant.add(EMAIL)]
    assert [(response.status_code, response.content) for response in responses] == [(200, b"")] * 2
    assert (tenant.count(EMAIL), tenant.mailed()) == (2, [EMAIL, EMAIL])


def test_what_real_clients_send_is_enough_and_the_rest_has_defaults(tenant: Tenant) -> None:
    """C, NotifyNL-OMC: four batch and customer members, in mixed letter case, with plain dates.

    I: Json.NET ignores unknown members, so a misspelt IsTest is none.
    """
    data = [{"customerDataColumnId": d["CustomerDataColumnId"], "value": d["Value"]} for d in DATA]
    one = {"email": EMAIL, "sendDate": "2027-01-15", "transactionDate": "2027-01-14", "data": data}
    assert tenant.post({"ApproveAutomatically": True, "isTest": True, "customers": [one]}).status_code == 200
    assert tenant.mailed() == [EMAIL]
    tenant.post({"is_test": True, "Customers": [customer("b@example.com", Extra=1)]})
    assert tenant.count("b@example.com", IncludeTestRecords=False) == 1


def test_a_missing_required_column_refuses_the_whole_batch(tenant: Tenant) -> None:
    """D: this will result in a validation error; with a 400 nothing is stored or mailed."""
    response = tenant.add(EMAIL, {"Email": "b@example.com", "Data": DATA[:2]})
    said = "Required customer data is missing: Family_name_customer, Business Unit."
    places = {"request.Customers[1].Data": [said]}
    assert response.json() == {"Message": "The request is invalid.", "ModelState": places}
    assert tenant.add(EMAIL, NotificationEmailAddresses=["qa@example.com"]).status_code == 400
    assert "The batch has duplicate e-mail addresses." in tenant.add(EMAIL, EMAIL.upper()).text
    assert (tenant.count(EMAIL), tenant.mailed(), tenant.mails("notification")) == (0, [], [])
    tenant.add(EMAIL, EMAIL, AllowDuplicateEmail=True)
    assert [mail["customer_id"] for mail in tenant.mails()] == [1004, 1005]


@pytest.mark.parametrize(
    ("variant", "address", "status"),
    [
        *(("accepted", address, 40) for address in ("", "a@b", "a@x.com,b@x.com", "A <a@example.com>", None)),
        ("fault", "qa+1@example.com", 40),
        ("accepted", "OptedOut@example.com", 60),
    ],
)
def test_who_cannot_be_mailed_is_taken_all_the_same(
    open_tenant: OpenTenant, variant: str, address: str | None, status: int
) -> None:
    """D: an invalid address gets a fault status; U: variant `plus_addresses`; I: opt-outs are heeded."""
    tenant = open_tenant(f"plus_addresses={variant}")
    assert tenant.add(customer() | {"Email": address}, "b@example.com").status_code == 200
    assert (tenant.mailed(), tenant.count(Statuses=status)) == (["b@example.com"], 1)


def test_without_approval_no_customer_is_mailed_until_the_batch_is_approved(open_tenant: OpenTenant) -> None:
    """D: ApproveAutomatically false, which is the default (I); U: variant `waiting_customers`."""
    tenant, hiding = open_tenant(), open_tenant("waiting_customers=hidden")
    for one in (tenant, hiding):
        one.post({"IsTest": True, "Customers": [customer(), customer("no address")]})
    assert (tenant.mailed(), tenant.status(EMAIL)) == ([], "Waiting for approval")
    assert (len(tenant.mails("notification")), tenant.count(EMAIL), hiding.count(EMAIL)) == (1, 1, 0)
    tenant.sandbox.clock.now += DAY
    assert (tenant.approve(), tenant.approve(), hiding.approve()) == ([1004], [], [1004])
    assert tenant.mails()[0]["not_before"] == "2027-01-16T08:00:00+00:00"
    assert (tenant.mailed(), tenant.status(EMAIL), hiding.count(EMAIL)) == ([EMAIL], "Invited", 1)
    assert approve(tenant.sandbox.state) == []


@pytest.mark.parametrize(
    ("send_date", "send_time", "expected"),
    [
        (None, None, "2027-01-15T08:00:00"),
        ("2026-12-01", None, "2027-01-15T08:00:00"),
        ("2027-01-20", None, "2027-01-19T23:00:00"),
        (None, "2001-02-03T11:30:00+01:00", "2027-01-15T10:30:00"),
        (None, "2001-02-03T07:30:00+01:00", "2027-01-15T08:00:00"),
        ("2027-07-20", "2001-02-03T11:30:00+01:00", "2027-07-20T09:30:00"),
    ],
)
def test_mail_leaves_on_the_send_date_and_not_before_the_send_time(
    tenant: Tenant, send_date: str | None, send_time: str | None, expected: str
) -> None:
    """D: null means now, and only the time of day of SendTime counts; I: the time is the platform's own."""
    tenant.add(customer(SendDate=send_date), SendTime=send_time)
    assert tenant.mails()[-1]["not_before"] == f"{expected}+00:00"
    # Until then it is a future customer in status initial (D, model ImportCustomer).
    is_due = expected.startswith("2027-01-15T08")
    assert tenant.status(EMAIL) == ("Invited" if is_due else "Initial")
    tenant.sandbox.clock.now += 300 * DAY
    assert tenant.status(EMAIL) == "Invited"


LATER = "2027-02-01"


@pytest.mark.parametrize(
    ("batches", "mailed"),
    [
        ([(1, LATER), (None, LATER)], [1004]),
        ([(None, LATER), (1, LATER)], [1005]),
        ([(1, LATER), (1, LATER)], [1004, 1005]),
        ([(0, LATER), (2, LATER), (1, LATER)], [1005]),
        ([(9, None), (0, LATER)], [1004, 1005]),
    ],
)
def test_a_higher_priority_locks_other_future_customers_of_an_address(
    tenant: Tenant, batches: list[tuple[int | None, str | None]], mailed: list[int]
) -> None:
    """D, model ImportCustomer: another, future customer of this address in status initial."""
    for priority, send_date in batches:
        tenant.add(customer(Priority=priority, SendDate=send_date))
    assert [mail["customer_id"] for mail in tenant.mails()] == mailed
    assert tenant.count(EMAIL, Statuses=50) == len(batches) - len(mailed)
    tenant.add(customer("b@example.com", SendDate=LATER))
    assert tenant.mailed()[-1] == "b@example.com"
    same = [customer("c@example.com", SendDate=LATER, Priority=priority) for priority in (1, 2, 0)]
    tenant.add(*same, AllowDuplicateEmail=True)
    assert tenant.mailed().count("c@example.com") == 1
