"""What is documented about import configurations, one sentence of the vendor's pages a test."""

from __future__ import annotations

import json

import pytest

from .conftest import CONFIGS, Json, OpenSandbox, Sandbox


def test_create_answers_200_with_the_id(sandbox: Sandbox) -> None:
    """DOC, bulk import example: 200, not 201, and nothing in the answer that is empty."""
    response = sandbox.client.post(CONFIGS, json={"Name": "New", "IsReusable": True})
    body = response.json()
    assert (response.status_code, body["Data"]) == (200, {"ImportConfigId": 292, "Succeeded": True})
    assert body["Meta"] == {"Status": 200, "Timestamp": "2027-01-15T08:00:00.0000000Z"}
    assert set(body) == {"Meta", "Data"}


def test_put_answers_with_the_id(sandbox: Sandbox) -> None:
    """DOC, PUT page: the payload says whether the configuration has been updated."""
    assert sandbox.put(288) == {"ImportConfigId": 288, "Succeeded": True}


def test_put_resets_what_the_body_does_not_hold(sandbox: Sandbox) -> None:
    """DOC, PUT page: all properties which are not available will be reset to their default value."""
    sandbox.put(288, EmailIsRequired=True)
    assert sandbox.read(288) == {
        "ImportConfigId": 288,
        "Name": "N",
        "EmailIsRequired": True,
        "SendNotificationMail": False,
        "IsReusable": True,
    }


def test_put_resets_inside_survey_settings_too(sandbox: Sandbox) -> None:
    """INF from the PUT page: the settings are an object of the body like any other."""
    sandbox.put(288, SurveySettings={"SurveyId": 4712, "InvitationTime": "8:30"})
    assert sandbox.read(288)["SurveySettings"] == {"SurveyId": 4712, "InvitationTime": "08:30:00.0000000"}


def test_the_same_put_twice_ends_in_the_same_state(sandbox: Sandbox) -> None:
    """INF from the PUT page: a full replace is idempotent."""
    sandbox.put(289, FirstRow=3)
    once = sandbox.read(289)
    sandbox.put(289, FirstRow=3)
    assert sandbox.read(289) == once


def test_post_is_not_idempotent(sandbox: Sandbox) -> None:
    """DOC by absence, POST page: there is no idempotency key, so twice the same body makes two."""
    assert sandbox.created(Name="Twin") != sandbox.created(Name="Twin")
    assert [row["Name"] for row in sandbox.listed()].count("Twin") == 2


def test_without_is_reusable_a_configuration_vanishes(sandbox: Sandbox) -> None:
    """DOC, PUT page: if false the configuration won't be available in the API; INF: omitted means false."""
    assert sandbox.data("PUT", f"{CONFIGS}/288", json={"Name": "Gone"})["Succeeded"]
    assert 288 not in [row["ImportConfigId"] for row in sandbox.listed()]
    assert sandbox.client.get(f"{CONFIGS}/288").status_code == 404


def test_put_with_a_name_in_the_query_renames_only(sandbox: Sandbox) -> None:
    """DOC, rename page: both parameters required, no body, and no id in the answer."""
    before = sandbox.read(288)
    answer = sandbox.data("PUT", f"{CONFIGS}/288", params={"name": "Other"}, json={"DateFormat": "yyyy"})
    assert answer == {"Succeeded": True}
    assert sandbox.read(288) == {**before, "Name": "Other"}


def test_delete_removes_and_its_id_is_not_given_again(sandbox: Sandbox) -> None:
    """INF, bulk import page: there are requests to delete; ids are never reused."""
    identity = sandbox.created()
    assert sandbox.data("DELETE", f"{CONFIGS}/{identity}") is True
    assert sandbox.client.delete(f"{CONFIGS}/{identity}").status_code == 404
    assert sandbox.created() == identity + 1


def test_empty_members_are_left_out_of_answers(sandbox: Sandbox) -> None:
    """DOC, contact folders page: an empty `select` returns all properties that hold data."""
    sandbox.put(288, ContactListId=None, DateFormat="", ColumnMappings=[], SurveySettings={})
    assert set(sandbox.read(288)) == {"ImportConfigId", "Name", "SendNotificationMail", "IsReusable"}


@pytest.mark.parametrize("time", ["9:00", "09:00", "09:00:00", "09:00:00.0000000"])
def test_times_of_day_are_read_in_every_form_and_answered_in_the_long_one(
    sandbox: Sandbox, time: str
) -> None:
    """DOC, ImportSurveyLink page (hh:mm) and PUT sample (seven digits)."""
    sandbox.put(288, SurveySettings={"ExpirationTime": time})
    assert sandbox.read(288)["SurveySettings"] == {"ExpirationTime": "09:00:00.0000000"}


@pytest.mark.parametrize(
    "members",
    [
        {"Name": "x" * 51},
        {"Name": " "},
        {"DateFormat": "dd-MM-yyyy "},
        {"FieldDelimiter": ";" * 11},
        {"RowDelimiter": "\n" * 11},
        {"SurveySettings": {"SurveyId": 1}},
        {"SurveySettings": {"InvitationTime": "25:00"}},
        {"SurveySettings": {"ExpirationTime": "noon"}},
    ],
)
def test_a_refusal_is_200_with_succeeded_false_and_changes_nothing(
    sandbox: Sandbox, members: dict[str, Json]
) -> None:
    """DOC shape, PUT page: `Succeeded` and `FailureMessage`; the lengths are the PUT page's."""
    before = sandbox.read(288)
    for answer in (sandbox.put(288, **members), sandbox.create(**members)):
        assert answer["Succeeded"] is False
        assert answer["FailureMessage"]
        assert "ImportConfigId" not in answer
    assert sandbox.read(288) == before
    assert len(sandbox.listed()) == 4


@pytest.mark.parametrize(
    "members",
    [
        {"Name": 1},
        {"ContactListId": "12"},
        {"ContactListId": True},
        {"ContactListId": 2**31},
        {"EmailIsRequired": "true"},
        {"SurveySettings": []},
        {"SurveySettings": {"InvitationTime": 900}},
        {"ColumnMappings": {}},
        {"ColumnMappings": [1]},
        {"ColumnMappings": [{"SourceColumnNumber": 256}]},
    ],
)
def test_a_value_of_the_wrong_type_is_400(sandbox: Sandbox, members: dict[str, Json]) -> None:
    """INF: types are those of the PUT page; 400 has its usual meaning."""
    response = sandbox.client.put(f"{CONFIGS}/288", json={"Name": "N", "IsReusable": True, **members})
    assert response.status_code == 400
    assert response.json()["Meta"]["Status"] == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"FirstRow": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_400(sandbox: Sandbox, body: bytes) -> None:
    """INF: 400 has its usual meaning."""
    headers = {"Content-Type": "application/json"}
    assert sandbox.client.put(f"{CONFIGS}/288", content=body, headers=headers).status_code == 400


def test_a_body_that_is_not_said_to_be_json_is_415(sandbox: Sandbox) -> None:
    """DOC, bulk import example: JSON is sent with `Content-type: application/json`; XML is not emulated."""
    assert sandbox.client.put(f"{CONFIGS}/288", content=b"{}").status_code == 415


def test_paths_and_query_names_have_no_letter_case(sandbox: Sandbox) -> None:
    """INF: the vendor's pages spell one path in several ways."""
    assert len(sandbox.data("GET", "/3/Contacts/Import/Configs/", params={"Top": 1})) == 1


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/3/nowhere", 404), ("PATCH", CONFIGS, 405)])
def test_a_path_or_method_that_leads_nowhere_has_no_envelope(
    sandbox: Sandbox, method: str, path: str, status: int
) -> None:
    """INF: this answer is the web framework's, not the service's."""
    response = sandbox.client.request(method, path)
    assert (response.status_code, "Meta" in response.json()) == (status, False)


def test_the_first_import_fills_empty_column_mappings(sandbox: Sandbox) -> None:
    """DOC, POST page: when left empty, the mappings are filled by the first import."""
    contacts = [{"Email": "a@example.com"}, {"Email": "b@example.com", "City": "Gent"}]
    item = sandbox.data("POST", "/3/contacts/import/290", json=contacts)["QueueItemId"]
    assert sandbox.read(290)["ColumnMappings"] == [
        {"SourceColumnNumber": 1, "TargetColumnName": "Email"},
        {"SourceColumnNumber": 2, "TargetColumnName": "City"},
    ]
    queued = sandbox.data("GET", f"/3/contacts/import/{item}")
    assert (queued["StatusId"], queued["Result"]["ImportResult"][0]["ContactCount"]) == (4, 2)


def test_an_import_leaves_declared_column_mappings_alone(sandbox: Sandbox) -> None:
    """DOC, POST page: only empty mappings are filled."""
    before = sandbox.read(288)
    sandbox.data("POST", "/3/contacts/import/288", json=[{"City": "Gent"}])
    assert sandbox.read(288) == before


def test_an_import_needs_a_configuration_and_an_array(sandbox: Sandbox) -> None:
    """DOC, bulk import page: the configuration is mandatory, the contacts are an array."""
    assert sandbox.client.post("/3/contacts/import/1", json=[]).status_code == 404
    assert sandbox.client.post("/3/contacts/import/288", json={}).status_code == 400
    assert sandbox.client.get("/3/contacts/import/288").status_code == 404


def test_a_survey_is_read_by_id(sandbox: Sandbox) -> None:
    """CLIENT: `GET 3/surveys/{surveyId}`."""
    assert sandbox.data("GET", "/3/surveys/4713")["Title"] == "Support follow-up"
    assert sandbox.client.get("/3/surveys/1").status_code == 404


def test_a_fresh_sandbox_has_four_configurations_and_twins_among_its_surveys(sandbox: Sandbox) -> None:
    assert [row["ImportConfigId"] for row in sandbox.listed()] == [288, 289, 290, 291]
    surveys = sandbox.data("GET", "/3/surveys")
    assert [row["Id"] for row in surveys if row["Title"] == "Event feedback"] == [4720, 4721]


def test_reads_carry_an_etag_and_a_known_one_is_304(open_sandbox: OpenSandbox) -> None:
    """DOC, caching page: conditional requests answer 304."""
    sandbox = open_sandbox("read_cache_seconds=60")
    first = sandbox.client.get(CONFIGS)
    assert first.headers["Cache-Control"] == "max-age=60"
    again = sandbox.client.get(CONFIGS, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_id_that_fits_no_integer_is_404(sandbox: Sandbox) -> None:
    """INF: the id is of type integer on the PUT page."""
    assert sandbox.client.get(f"{CONFIGS}/{10**30}").status_code == 404
    assert sandbox.client.get(f"{CONFIGS}/newsletter").status_code == 404


@pytest.mark.parametrize("name", ["België", "\u5f00", "a\n'b'", "\U0001f600", "\ud800"])
def test_text_comes_back_as_it_was_sent(sandbox: Sandbox, name: str) -> None:
    """INF: no page restricts the characters of a text."""
    body = json.dumps({"Name": name, "IsReusable": True})
    sandbox.data("PUT", f"{CONFIGS}/288", content=body, headers={"Content-Type": "application/json"})
    assert sandbox.read(288)["Name"] == name
