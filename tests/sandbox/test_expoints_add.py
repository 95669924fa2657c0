"""Which batches of customers are taken, and what the answers look like."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox.seeding import CUSTOMERS

from .conftest import DATA, Json, OpenTenant, Tenant

EMAIL = "seed@example.com"


def with_data(*items: Json) -> Json:
    """Return a customer that has these items of data beside, or instead of, those of a complete one."""
    ids = {item.get("CustomerDataColumnId") for item in items}
    return {"Email": EMAIL, "Data": [*(d for d in DATA if d["CustomerDataColumnId"] not in ids), *items]}


def item(column: int, value: Json = "x", **members: Json) -> Json:
    return {"CustomerDataColumnId": column, "Value": value, **members}


def outcome(response: httpx.Response) -> str:
    """Return what a call came to: added, or the first thing that is wrong."""
    if response.status_code == 200:
        return "added"
    assert response.status_code == 400, response.text
    return str(next(iter(response.json()["ModelState"].values()))[0])


def stored_data(tenant: Tenant) -> dict[int, str]:
    """Return the data of the newest customer, by column."""
    newest = tenant.get("customer", IncludeTestRecords=True)["Customers"][-1]
    return {item["CustomerDataColumnId"]: item["Value"] for item in newest["Data"]}


# What is taken.


def test_a_batch_is_added(tenant: Tenant) -> None:
    """D: 200; U: the body, variant `add_answer`."""
    response = tenant.add("a@example.com", "b@example.com")
    assert (response.status_code, response.content) == (200, b"")
    assert (tenant.count("a@example.com", "b@example.com"), tenant.count()) == (2, 5)


def test_the_same_batch_twice_is_two_batches(tenant: Tenant) -> None:
    """D by absence: there is no idempotency key, and a person can be several customers."""
    tenant.add(EMAIL)
    tenant.add(EMAIL)
    assert (tenant.count(EMAIL), tenant.mailed()) == (2, [EMAIL, EMAIL])


def test_what_real_clients_send_is_enough(tenant: Tenant) -> None:
    """C, NotifyNL-OMC: four batch and customer members, in mixed letter case, with plain dates."""
    data = [{"customerDataColumnId": d["CustomerDataColumnId"], "value": d["Value"]} for d in DATA]
    customer = {"email": EMAIL, "sendDate": "2027-01-15", "transactionDate": "2027-01-14", "data": data}
    body = {"ApproveAutomatically": True, "isTest": True, "customers": [customer]}
    assert tenant.post(body).status_code == 200
    assert tenant.mailed() == [EMAIL]


def test_a_transaction_date_is_today_unless_given(tenant: Tenant) -> None:
    """D: if the transaction date is null, it will be filled with today's date."""
    tenant.add(EMAIL)
    newest = tenant.get("customer", IncludeTestRecords=True)["Customers"][-1]
    assert newest["TransactionDate"] == "2027-01-15T09:00:00.0000000+01:00"


def test_the_end_date_of_a_customer_is_the_batchs_unless_given(tenant: Tenant) -> None:
    """D, model ImportCustomer: null means the batch's."""
    tenant.add(
        EMAIL, {"Email": "own@example.com", "Data": DATA, "EndDate": "1970-01-03"}, EndDate="1970-01-02"
    )
    with tenant.sandbox.state.transaction() as documents:
        ends = [customer["EndDate"] for customer in documents.all(CUSTOMERS).values()]
    assert ends[-2:] == [82_800.0, 169_200.0]


def test_members_that_no_page_documents_are_ignored(tenant: Tenant) -> None:
    """I: Json.NET ignores them, so a misspelt IsTest adds a real customer."""
    tenant.post({"is_test": True, "Customers": [{"Email": EMAIL, "Data": DATA, "Extra": 1}]})
    assert tenant.count(EMAIL, IncludeTestRecords=False) == 1


def test_a_concept_customer_is_a_test_customer(tenant: Tenant) -> None:
    """D: IsConcept marks a customer as concept and automatically as test."""
    tenant.add(EMAIL, IsTest=False, IsConcept=True)
    assert (tenant.count(EMAIL, IncludeTestRecords=False), tenant.count(EMAIL)) == (0, 1)
    assert [(mail["is_test"], mail["is_concept"]) for mail in tenant.mails()] == [(True, True)]


def test_data_of_a_previous_customer_is_copied_and_given_data_overrides_it(tenant: Tenant) -> None:
    """D, model ImportCustomer: PreviousId."""
    tenant.add({"Email": EMAIL, "Data": [*DATA, item(19, "P1")]})
    previous = tenant.get("customer", IncludeTestRecords=True)["Customers"][-1]["Id"]
    tenant.add({"Email": EMAIL, "PreviousId": previous, "Data": [item(15, "Eve")]})
    assert stored_data(tenant) == {14: "F", 15: "Eve", 16: "Smit", 18: "Unit X", 19: "P1"}


def test_encryption_is_passed_through(tenant: Tenant) -> None:
    """D: three members, of which nothing else is documented."""
    encrypted = {"IsEncrypted": True, "CertificateThumbprint": "T", "EncryptionKey": "K"}
    tenant.add(with_data(item(19, "QEA=", **encrypted)))
    newest = tenant.get("customer", IncludeTestRecords=True)["Customers"][-1]
    assert newest["Data"][-1] == item(19, "QEA=", **encrypted)


ANSWER = {
    "BaseQuestionId": 7,
    "Text": "fine",
    "SelectedScalePositions": [{"Id": 1, "Label": "good", "Value": 5, "Ranking": 1}],
    "DateAnswered": "2025-01-18T05:53:05.4774716+01:00",
    "FileAnswers": [{"Id": 1, "FileName": "a.txt", "FileSize": 2, "FileType": "text/plain", "Data": "QEA="}],
    "PageRepetition": 1,
}


def test_answers_are_taken_unchecked(tenant: Tenant) -> None:
    """D: their members; U: nothing lists the questions they are for."""
    assert tenant.add({"Email": EMAIL, "Data": DATA, "Answers": [ANSWER]}).status_code == 200


# What is not valid.


def test_a_missing_required_column_refuses_the_whole_batch(tenant: Tenant) -> None:
    """D: this will result in a validation error; the columns are those that are not archived."""
    response = tenant.add(EMAIL, {"Email": "b@example.com", "Data": [item(14), item(15), item(19)]})
    assert response.status_code == 400
    assert response.json() == {
        "Message": "The request is invalid.",
        "ModelState": {
            "request.Customers[1].Data": [
                "Required customer data is missing: Family_name_customer, Business Unit."
            ]
        },
    }
    assert (tenant.count(EMAIL), tenant.mailed(), tenant.mails("notification")) == (0, [], [])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "request"),
        ({"Customers": {}}, "request.Customers"),
        ({"Customers": []}, "request.Customers"),
        ({"Customers": [EMAIL]}, "request.Customers[0]"),
        ({"Customers": [{"Email": 1}]}, "request.Customers[0].Email"),
        ({"Customers": [{"Priority": "1"}]}, "request.Customers[0].Priority"),
        ({"Customers": [{"Priority": 2**31}]}, "request.Customers[0].Priority"),
        ({"Customers": [{"SendDate": "tomorrow"}]}, "request.Customers[0].SendDate"),
        ({"Customers": [{"EndDate": "0001-01-01T00:00:00+14:00"}]}, "request.Customers[0].EndDate"),
        ({"Customers": [{"Data": [{"CustomerDataColumnId": 14, "Value": 1}]}]}, "[0].Data[0].Value"),
        ({"Customers": [{"Answers": [{"Text": 1}]}]}, "request.Customers[0].Answers[0].Text"),
        (
            {"Customers": [{"Answers": [{"FileAnswers": [{"Data": "?"}]}]}]},
            "request.Customers[0].Answers[0].FileAnswers[0].Data",
        ),
        ({"IsTest": "true", "Customers": [{}]}, "request.IsTest"),
        ({"IsTest": None, "Customers": [{}]}, "request.IsTest"),
        ({"SendTime": "11h30", "Customers": [{}]}, "request.SendTime"),
        ({"SendTime": "0001-01-01T00:00:00+14:00", "Customers": [{}]}, "request.SendTime"),
        ({"TypeBatch": "2", "Customers": [{}]}, "request.TypeBatch"),
    ],
)
def test_a_wrong_type_is_400(tenant: Tenant, body: Json, path: str) -> None:
    """I: ASP.NET names the members that it cannot bind; the types are those of the page (D)."""
    response = tenant.post(body)
    assert (response.status_code, path in "".join(response.json()["ModelState"])) == (400, True)
    assert tenant.count() == 3


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [("{", "application/json", 400), ("[NaN]", "text/json", 400), ("{}", "application/xml", 415)],
)
def test_a_body_has_to_be_json(tenant: Tenant, content: str, content_type: str, status: int) -> None:
    """D: XML is accepted too, which the sandbox does not read."""
    headers = {"Content-Type": content_type}
    path = "/external/api/v3/customer/add"
    assert tenant.sandbox.client.post(path, content=content, headers=headers).status_code == status


def test_a_refused_batch_leaves_nothing_behind(tenant: Tenant) -> None:
    """D, status table: with a 400 the request would have caused an invalid state, so it did not."""
    assert tenant.add(EMAIL, NotificationEmailAddresses=["qa@example.com"]).status_code == 400
    assert (tenant.count(EMAIL), tenant.mailed(), tenant.mails("notification")) == (0, [], [])
    tenant.add(EMAIL)
    assert [mail["customer_id"] for mail in tenant.mails()] == [1004]


def test_a_duplicate_refuses_the_batch_unless_it_is_allowed(tenant: Tenant) -> None:
    """D: AllowDuplicateEmail, default false; U: what a duplicate does."""
    assert outcome(tenant.add(EMAIL, EMAIL.upper())) == "The batch has duplicate e-mail addresses."
    assert outcome(tenant.add(EMAIL, EMAIL, AllowDuplicateEmail=True)) == "added"
    assert tenant.mailed() == [EMAIL, EMAIL]


# Open questions.


BY_NAME: Json = {"Name": "ProductNumber", "Value": "P1"}


def test_data_can_be_given_by_name_alone(tenant: Tenant) -> None:
    """I, with a weak hint (C, NotifyNL-OMC)."""
    tenant.add(with_data(BY_NAME))
    assert stored_data(tenant)[19] == "P1"


def test_a_name_of_two_columns_is_refused(open_tenant: OpenTenant) -> None:
    """U: variant `twin_columns`; by id each of them is found."""
    tenant = open_tenant("twin_columns=true")
    by_name = with_data({"Name": "Business Unit", "Value": "x"})
    assert outcome(tenant.add(by_name)) == "The Name is of several customer data columns."
    assert outcome(tenant.add(with_data(item(17)))) == "added"


@pytest.mark.parametrize("unknown", [item(99), {"Name": "productnumber", "Value": "x"}])
def test_an_unknown_column_is_refused(tenant: Tenant, unknown: Json) -> None:
    """I."""
    assert "does not exist" in outcome(tenant.add(with_data(unknown)))


def test_an_archived_column_is_refused(tenant: Tenant) -> None:
    """I."""
    assert "Region is archived" in outcome(tenant.add(with_data(item(13))))


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_value_counts_as_missing(tenant: Tenant, value: str | None) -> None:
    """I."""
    assert outcome(tenant.add(with_data(item(14, value)))) == (
        "Required customer data is missing: Gender_customer."
    )


def test_an_unknown_previous_customer_is_refused_or_ignored(open_tenant: OpenTenant) -> None:
    """U: variant `unknown_previous`."""
    customer = {"Email": EMAIL, "Data": DATA, "PreviousId": 7}
    assert outcome(open_tenant().add(customer)) == "The previous customer does not exist."
    assert outcome(open_tenant("unknown_previous=ignored").add(customer)) == "added"


# Answers.


@pytest.mark.parametrize(
    ("variant", "content_type", "expected"),
    [
        ("add_answer=null", "application/json; charset=utf-8", "null"),
        ("add_answer=batch-id", "application/json; charset=utf-8", '{"BatchId": 1}'),
        ("add_answer=customer-ids", "application/json; charset=utf-8", '{"CustomerIds": [1004]}'),
        ("add_answer=text", "text/plain; charset=utf-8", "The customers have been added."),
        ("add_answer=true", "application/json; charset=utf-8", "true"),
    ],
)
def test_success_has_a_body_that_nobody_knows(
    open_tenant: OpenTenant, variant: str, content_type: str, expected: str
) -> None:
    """D that it is not documented; variant `add_answer`."""
    response = open_tenant(variant).add(EMAIL)
    assert response.status_code == 200
    assert (response.headers["Content-Type"], response.text) == (content_type, expected)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("refusal_body=message", '{"Message": "There are no customers to add."}'),
        ("refusal_body=text", "There are no customers to add."),
        ("refusal_body=html", "<!DOCTYPE html><html>"),
    ],
)
def test_a_refusal_can_have_any_form(open_tenant: OpenTenant, variant: str, expected: str) -> None:
    """U: no sample of an error body is public; variant `refusal_body`."""
    response = open_tenant(variant).add()
    assert (response.status_code, response.text[: len(expected)]) == (400, expected)


# What faults do.


@pytest.mark.parametrize(("when", "mailed"), [("before", []), ("after", [EMAIL])])
def test_a_lost_answer_says_nothing_about_the_mail(
    open_tenant: OpenTenant, when: str, mailed: list[str]
) -> None:
    """D, status table: 408, 500 and 503 do not say whether the batch was taken (I)."""
    fault = f"POST /external/api/v3/customer/add:1:{when}:status=503"
    tenant = open_tenant(faults=(fault,))
    assert tenant.add(EMAIL).status_code == 503
    assert (tenant.mailed(), tenant.count(EMAIL)) == (mailed, len(mailed))
    assert [seen.fault for seen in tenant.sandbox.state.requests()] == [fault, None]
