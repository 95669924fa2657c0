"""What is documented about a tenant, and each answer to what is not: tokens, lists, batches, mails.

It is 15 January 2027, 09:00 in the Netherlands, on the clock of these tests. D, C, I, U name the sources, as
in the sandbox itself.
"""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import State, Tokens, approve, revoke_tokens
from reconciler.sandbox.seeding import CUSTOMERS, OPT_OUTS, stored_customer

from .conftest import DATA, EXPOINTS, Json, OpenTenant, Tenant

EMAIL = "seed@example.com"
ANNA, BRAM = "anna.devries@example.com", "bram.jansen@example.com"
DAY = 86_400
FRONT_OFFICE = "front-office@tenant.example"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "client",
    "client_secret": "planted-secret",
    "scope": "api://some/.default",
}


def many(count: int) -> State:
    """A sandbox's memory with so many real customers, from id 1 on, and an opt-out of each."""
    every = {number: f"c{number}@example.com" for number in range(1, count + 1)}
    customers: Json = {key: stored_customer({"Email": to, "State": "finished"}) for key, to in every.items()}
    opt_outs: Json = {
        key: {"Email": to, "OptOutDate": 0.0, "IsTest": key % 2 == 0} for key, to in every.items()
    }
    return State(seed={CUSTOMERS: customers, OPT_OUTS: opt_outs})


def ids(tenant: Tenant, **query: Json) -> list[int]:
    return [customer["Id"] for customer in tenant.get("customer", **query)["Customers"]]


def newest(tenant: Tenant) -> Json:
    return tenant.get("customer", IncludeTestRecords=True)["Customers"][-1]


def customer(email: str = EMAIL, **members: Json) -> Json:
    return {"Email": email, "Data": DATA, **members}


def item(column: int, value: Json = "x", **members: Json) -> Json:
    return {"CustomerDataColumnId": column, "Value": value, **members}


def with_data(*items: Json) -> Json:
    """Return a customer that has these items of data beside, or instead of, those of a complete one."""
    given = {one.get("CustomerDataColumnId") for one in items}
    return {"Email": EMAIL, "Data": [*(d for d in DATA if d["CustomerDataColumnId"] not in given), *items]}


def complaint(response: httpx.Response) -> str:
    """Return the first thing that is wrong; empty where the batch was added."""
    if response.status_code == 200:
        return ""
    assert response.status_code == 400, response.text
    return str(next(iter(response.json()["ModelState"].values()))[0])


# Tokens.


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


# Lists.


def test_columns_are_listed_with_their_five_members(open_tenant: OpenTenant) -> None:
    """D, POST-api-v3-customer-add: the example of a column, at two paths; U: variant `twin_columns`."""
    tenant = open_tenant("twin_columns=true")
    columns = tenant.get("customerdatacolumn")["CustomerDataColumns"]
    named = {"Name": "Gender_customer", "DisplayName": "Gender customer"}
    assert columns[1] == {"Id": 14, "Required": True, "Archived": False, **named}
    assert sorted(column["Id"] for column in columns if column["Name"] == "Business Unit") == [17, 18]
    first_version = tenant.sandbox.client.get("/External/API/v1/CustomerDataColumn/")
    assert first_version.json()["CustomerDataColumns"] == columns


@pytest.mark.parametrize(("variant", "code", "name"), [("english", 40, "Fault"), ("dutch", 5, "Foutief")])
def test_statuses_are_the_tenants_own(open_tenant: OpenTenant, variant: str, code: int, name: str) -> None:
    """D, GET-api-v3-customer-getcustomerstatuses: the members; U: codes and names, variant `statuses`."""
    tenant = open_tenant(f"statuses={variant}")
    tenant.add("not an address")
    assert (tenant.count("not an address", Statuses=code), tenant.status("not an address")) == (1, name)


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
        ("", {"Statuses": [20, 30], "EmailAddresses": ANNA}, ALL[:2]),
        ("", {"unknown": "1"}, ALL),
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


def test_addresses_can_differ_in_case_only(open_tenant: OpenTenant) -> None:
    """U: variant `address_case`, for filters, duplicates and opt-outs."""
    tenant = open_tenant("address_case=sensitive")
    assert tenant.count(BRAM.upper()) == 0
    assert tenant.add("a@example.com", "A@example.com", "OptedOut@example.com").status_code == 200
    assert tenant.mailed() == ["a@example.com", "A@example.com", "OptedOut@example.com"]


def test_a_test_customer_is_mailed_and_hidden_unless_asked_for(tenant: Tenant) -> None:
    """D: IsTest does not mean that no mail will be sent; IncludeTestRecords is false by default."""
    tenant.add(EMAIL, BatchName="Smoke")
    counts = [tenant.count(EMAIL, IncludeTestRecords=flag) for flag in ("", "false", "true")]
    assert (counts, tenant.status(EMAIL)) == ([0, 0, 1], "Invited")
    batch = {"batch_id": 1, "batch_name": "Smoke", "is_test": True, "is_concept": False}
    invitation = {"kind": "invitation", "to": EMAIL, "customer_id": 1004}
    assert tenant.mails() == [{**invitation, **batch, "not_before": "2027-01-15T08:00:00+00:00"}]


def test_a_new_customer_can_appear_late(open_tenant: OpenTenant) -> None:
    """U: variant `customers_appear_after_seconds`; the mail does not wait for it."""
    tenant = open_tenant("customers_appear_after_seconds=300")
    tenant.add(EMAIL)
    tenant.sandbox.clock.now += 299
    assert (tenant.count(EMAIL), tenant.mailed(), len(ids(tenant))) == (0, [EMAIL], 3)
    tenant.sandbox.clock.now += 1
    assert tenant.count(EMAIL) == 1


@pytest.mark.parametrize(
    "query",
    [
        *({"Statuses": "20,30"}, {"IncludeTestRecords": "yes"}, {"Limit": "0"}, {"Limit": "many"}),
        *({"Cursor": "7"}, {"Cursor": "after-x"}, {"CustomerIds": "1001"}, {"DataFilters[0].Value": "x"}),
        {"EmailAddresses": [ANNA, BRAM]},
    ],
)
def test_a_query_that_cannot_be_read_is_400(open_tenant: OpenTenant, query: Json) -> None:
    """I: 400 has its usual meaning; other documented filters are not emulated; U: `address_list`."""
    tenant = open_tenant("address_list=refused")
    assert tenant.sandbox.client.get(f"{EXPOINTS}/customer", params=query).status_code == 400


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


def test_opt_outs_come_in_pages_those_of_test_customers_if_asked_for(open_tenant: OpenTenant) -> None:
    """D, GET-api-v3-customer-getoptouts: the members, IncludeTestRecords, Cursor and Limit."""
    (opt_out,) = open_tenant().get("customer/getoptouts")["OptOuts"]
    at = dict.fromkeys(("OptOutDate", "TransactionDate"), "2024-01-15T10:00:00.0000000+01:00")
    rest = {"Language": "nl", "IsContactRequested": False, "IsConcept": False}
    assert opt_out == {"Email": "optedout@example.com", "SurveyClosedDate": None, "Data": [], **at, **rest}
    tenant = open_tenant(state=many(6))
    first = tenant.get("customer/getoptouts", Limit=2)
    second = tenant.get("customer/getoptouts", Limit=2, Cursor=first["NextCursor"])
    addresses = [opt_out["Email"] for opt_out in first["OptOuts"] + second["OptOuts"]]
    assert addresses == ["c1@example.com", "c3@example.com", "c5@example.com"]
    assert len(tenant.get("customer/getoptouts", IncludeTestRecords=True)["OptOuts"]) == 6


# Batches.


def test_the_same_batch_twice_is_two_batches(tenant: Tenant) -> None:
    """D: 200; by absence: there is no idempotency key, and a person can be several customers."""
    responses = [tenant.add(EMAIL), tenant.add(EMAIL)]
    assert [(response.status_code, response.content) for response in responses] == [(200, b"")] * 2
    assert (tenant.count(EMAIL), tenant.mailed()) == (2, [EMAIL, EMAIL])


def test_what_real_clients_send_is_enough_and_the_rest_has_defaults(tenant: Tenant) -> None:
    """C, NotifyNL-OMC: four batch and customer members, in mixed letter case, with plain dates; D: EndDate.

    I: Json.NET ignores unknown members, so a misspelt IsTest is none.
    """
    data = [{"customerDataColumnId": d["CustomerDataColumnId"], "value": d["Value"]} for d in DATA]
    one = {"email": EMAIL, "sendDate": "2027-01-15", "transactionDate": "2027-01-14", "data": data}
    assert tenant.post({"ApproveAutomatically": True, "isTest": True, "customers": [one]}).status_code == 200
    assert tenant.mailed() == [EMAIL]
    tenant.add(EMAIL, customer("own@example.com", EndDate="1970-01-03"), EndDate="1970-01-02")
    assert newest(tenant)["TransactionDate"] == "2027-01-15T09:00:00.0000000+01:00"
    with tenant.sandbox.state.transaction() as documents:
        ends = [one["EndDate"] for one in documents.all(CUSTOMERS).values()]
    assert ends[-2:] == [82_800.0, 169_200.0]
    tenant.post({"is_test": True, "Customers": [customer("b@example.com", Extra=1)]})
    assert tenant.count("b@example.com", IncludeTestRecords=False) == 1


def test_a_concept_customer_is_a_test_customer(tenant: Tenant) -> None:
    """D: IsConcept marks a customer as concept and automatically as test."""
    tenant.add(EMAIL, IsTest=False, IsConcept=True)
    assert (tenant.count(EMAIL, IncludeTestRecords=False), tenant.count(EMAIL)) == (0, 1)
    assert [(mail["is_test"], mail["is_concept"]) for mail in tenant.mails()] == [(True, True)]


def test_data_of_a_previous_customer_is_copied_and_given_data_overrides_it(open_tenant: OpenTenant) -> None:
    """D, model ImportCustomer: PreviousId, and three members of encryption; U: `unknown_previous`."""
    tenant, encrypted = open_tenant(), {"IsEncrypted": True, "EncryptionKey": "K"}
    tenant.add(with_data(item(19, "QEA=", **encrypted)))
    tenant.add({"Email": EMAIL, "PreviousId": newest(tenant)["Id"], "Data": [item(15, "Eve")]})
    data = {one["CustomerDataColumnId"]: one for one in newest(tenant)["Data"]}
    values = {key: one["Value"] for key, one in data.items()}
    assert values == {14: "F", 15: "Eve", 16: "Smit", 18: "Unit X", 19: "QEA="}
    assert data[19] == item(19, "QEA=", **encrypted)
    unknown = customer(PreviousId=7)
    assert complaint(tenant.add(unknown)) == "The previous customer does not exist."
    assert complaint(open_tenant("unknown_previous=ignored").add(unknown)) == ""


ANSWER: Json = {
    "BaseQuestionId": 7,
    "Text": "fine",
    "SelectedScalePositions": [{"Id": 1, "Label": "good", "Value": 5, "Ranking": 1}],
    "DateAnswered": "2025-01-18T05:53:05.4774716+01:00",
    "FileAnswers": [{"Id": 1, "FileName": "a.txt", "FileSize": 2, "FileType": "text/plain", "Data": "QEA="}],
}


@pytest.mark.parametrize(
    ("variant", "one", "expected"),
    [
        ("false", customer(Answers=[ANSWER]), ""),
        ("false", with_data({"Name": "ProductNumber", "Value": "P1"}), ""),
        ("true", with_data(item(17)), ""),
        ("true", with_data({"Name": "Business Unit", "Value": "x"}), "The Name is of several"),
        ("false", with_data(item(99)), "The customer data column does not exist."),
        ("false", with_data({"Name": "productnumber", "Value": "x"}), "The customer data column does not"),
        ("false", with_data(item(13)), "The customer data column Region is archived."),
        ("false", with_data(item(14, "")), "Required customer data is missing: Gender_customer."),
        ("false", with_data(item(14, None)), "Required customer data is missing: Gender_customer."),
    ],
)
def test_which_data_and_answers_are_taken(
    open_tenant: OpenTenant, variant: str, one: Json, expected: str
) -> None:
    """D: columns by id, required ones, members of answers; I: the rest; U: variant `twin_columns`."""
    said = complaint(open_tenant(f"twin_columns={variant}").add(one))
    assert said.startswith(expected)
    assert bool(said) == bool(expected)


def test_a_missing_required_column_refuses_the_whole_batch(tenant: Tenant) -> None:
    """D: this will result in a validation error; with a 400 nothing is stored or mailed."""
    response = tenant.add(EMAIL, {"Email": "b@example.com", "Data": [item(14), item(15), item(19)]})
    said = "Required customer data is missing: Family_name_customer, Business Unit."
    places = {"request.Customers[1].Data": [said]}
    assert response.json() == {"Message": "The request is invalid.", "ModelState": places}
    assert tenant.add(EMAIL, NotificationEmailAddresses=["qa@example.com"]).status_code == 400
    assert complaint(tenant.add(EMAIL, EMAIL.upper())) == "The batch has duplicate e-mail addresses."
    assert (tenant.count(EMAIL), tenant.mailed(), tenant.mails("notification")) == (0, [], [])
    tenant.add(EMAIL, EMAIL, AllowDuplicateEmail=True)
    assert [mail["customer_id"] for mail in tenant.mails()] == [1004, 1005]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "request"),
        ({"Customers": {}}, "request.Customers"),
        ({"Customers": []}, "request.Customers"),
        ({"Customers": [EMAIL]}, "request.Customers[0]"),
        ({"Customers": [{"Email": 1}]}, "request.Customers[0].Email"),
        ({"Customers": [{"Priority": 2**31}]}, "request.Customers[0].Priority"),
        ({"Customers": [{"SendDate": "tomorrow"}]}, "request.Customers[0].SendDate"),
        ({"Customers": [{"EndDate": "0001-01-01T00:00:00+14:00"}]}, "request.Customers[0].EndDate"),
        ({"Customers": [{"Data": [{"CustomerDataColumnId": 14, "Value": 1}]}]}, "[0].Data[0].Value"),
        ({"Customers": [{"Answers": [{"FileAnswers": [{"Data": "?"}]}]}]}, "[0].FileAnswers[0].Data"),
        ({"IsTest": None, "Customers": [{}]}, "request.IsTest"),
        ({"SendTime": "11h30", "Customers": [{}]}, "request.SendTime"),
        ({"TypeBatch": "2", "Customers": [{}]}, "request.TypeBatch"),
    ],
)
def test_a_wrong_type_is_400(tenant: Tenant, body: Json, path: str) -> None:
    """I: ASP.NET names the members that it cannot bind; the types are those of the page (D)."""
    response = tenant.post(body)
    assert (response.status_code, path in "".join(response.json()["ModelState"])) == (400, True)
    assert tenant.count() == 3


# Who is mailed, and when.


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


@pytest.mark.parametrize("kind", ["0", "email", None, "1", "Portal"])
def test_a_batch_is_mailed_unless_it_is_portal(tenant: Tenant, kind: str | None) -> None:
    """D: 0 / email is default, 1 or portal; I: that portal is not mailed."""
    tenant.add("qa+1@example.com", TypeBatch=kind)
    assert bool(tenant.mailed()) is (kind not in ("1", "Portal"))


@pytest.mark.parametrize("addresses", ["qa@example.com, ,ops@example.com", " ", None])
def test_notification_addresses_hear_of_a_batch(tenant: Tenant, addresses: str | None) -> None:
    """D: a comma separated list; when empty the email will be sent to the front office default."""
    tenant.add(EMAIL, NotificationEmailAddresses=addresses)
    told = ["qa@example.com", "ops@example.com"] if addresses and addresses.strip() else [FRONT_OFFICE]
    mails = [(mail["to"], mail["customer_id"]) for mail in tenant.mails("notification")]
    assert mails == [(address, None) for address in told]


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
        ("2027-01-20T11:30:00", None, "2027-01-20T10:30:00"),
        ("2027-01-20T10:00:00.1234567+01:00", None, "2027-01-20T09:00:00.123456"),
        (None, "2001-02-03T11:30:00+01:00", "2027-01-15T10:30:00"),
        (None, "2001-02-03T07:30:00+01:00", "2027-01-15T08:00:00"),
        ("2027-07-20", "2001-02-03T11:30:00+01:00", "2027-07-20T09:30:00"),
        ("2027-07-20", "2001-08-03T10:30:00Z", "2027-07-20T10:30:00"),
        ("2027-01-20", "2027-01-01T11:30:00", "2027-01-20T10:30:00"),
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


NOW, LATER = None, "2027-02-01"


@pytest.mark.parametrize(
    ("batches", "mailed"),
    [
        ([(1, LATER), (None, LATER)], [1004]),
        ([(None, LATER), (1, LATER)], [1005]),
        ([(1, LATER), (1, LATER)], [1004, 1005]),
        ([(0, LATER), (2, LATER), (1, LATER)], [1005]),
        ([(9, NOW), (0, LATER)], [1004, 1005]),
        ([(0, LATER), (9, NOW)], [1004, 1005]),
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
