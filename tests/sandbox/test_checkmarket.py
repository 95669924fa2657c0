"""What is documented about import configurations, and each answer to what is not."""

from __future__ import annotations

import json

import pytest

from reconciler.sandbox import State
from reconciler.sandbox.seeding import CONFIGS as CONFIG_DOCUMENTS
from reconciler.sandbox.seeding import stored_config

from .conftest import CONFIGS, Json, OpenSandbox, Sandbox


def many(count: int) -> State:
    """A sandbox's memory with so many import configurations, from id 1 on."""
    members = ({"Name": f"Config {number:03}", "IsReusable": True} for number in range(1, count + 1))
    seed: Json = {
        CONFIG_DOCUMENTS: {number: stored_config(config) for number, config in enumerate(members, 1)}
    }
    return State(seed=seed)


def ids(rows: list[Json]) -> list[int]:
    return [row["ImportConfigId"] for row in rows]


def meta(sandbox: Sandbox, **options: Json) -> dict[str, Json]:
    return dict(sandbox.client.get(CONFIGS, params=options).json()["Meta"])


# Writes.


def test_create_answers_200_with_the_id_and_is_not_idempotent(sandbox: Sandbox) -> None:
    """DOC, bulk import example: 200, not 201, and nothing empty; POST page: there is no idempotency key."""
    body = sandbox.client.post(CONFIGS, json={"Name": "Twin", "IsReusable": True}).json()
    assert body == {
        "Meta": {"Status": 200, "Timestamp": "2027-01-15T08:00:00.0000000Z"},
        "Data": {"ImportConfigId": 292, "Succeeded": True},
    }
    assert sandbox.created(Name="Twin") == 293
    assert [row["Name"] for row in sandbox.listed()].count("Twin") == 2


def test_put_resets_what_the_body_does_not_hold_inside_survey_settings_too(sandbox: Sandbox) -> None:
    """DOC, PUT page: all properties which are not available will be reset to their default value."""
    settings = {"SurveyId": 4712, "InvitationTime": "8:30"}
    for _ in range(2):  # INF: a full replace is idempotent
        answer = sandbox.put(288, EmailIsRequired=True, SurveySettings=settings)
        assert answer == {"ImportConfigId": 288, "Succeeded": True}
        assert sandbox.read(288) == {
            "ImportConfigId": 288,
            "Name": "N",
            "SurveySettings": {"SurveyId": 4712, "InvitationTime": "08:30:00.0000000"},
            "EmailIsRequired": True,
            "SendNotificationMail": False,
            "IsReusable": True,
        }


def test_put_with_a_name_in_the_query_renames_only(sandbox: Sandbox) -> None:
    """DOC, rename page: both parameters required, no body, and no id in the answer."""
    before = sandbox.read(288)
    answer = sandbox.data("PUT", f"{CONFIGS}/288", params={"name": "Other"}, json={"DateFormat": "yyyy"})
    assert answer == {"Succeeded": True}
    assert sandbox.read(288) == {**before, "Name": "Other"}


@pytest.mark.parametrize(("variant", "expected"), [("true", True), ("object", {"Succeeded": True})])
def test_delete_removes_and_its_id_is_not_given_again(
    open_sandbox: OpenSandbox, variant: str, expected: Json
) -> None:
    """INF, bulk import page: there are requests to delete; UNK: variant `delete_answer`."""
    sandbox = open_sandbox(f"delete_answer={variant}")
    identity = sandbox.created()
    assert sandbox.data("DELETE", f"{CONFIGS}/{identity}") == expected
    assert sandbox.client.delete(f"{CONFIGS}/{identity}").status_code == 404
    assert sandbox.created() == identity + 1


@pytest.mark.parametrize(
    ("variant", "extra"),
    [("shown", {"FirstRow", "SendNotificationMail", "SurveySettings"}), ("omitted", set())],
)
def test_empty_members_are_left_out_of_answers(
    open_sandbox: OpenSandbox, variant: str, extra: set[str]
) -> None:
    """DOC, contact folders page; UNK, whether false and 0 are empty: variant `false_and_zero`."""
    sandbox = open_sandbox(f"false_and_zero={variant}")
    empty: Json = {"ContactListId": None, "DateFormat": "", "ColumnMappings": [], "FirstRow": 0}
    sandbox.put(288, **empty, SurveySettings={"InvitationDelayInDays": 0})
    assert set(sandbox.read(288)) == {"ImportConfigId", "Name", "IsReusable", *extra}


@pytest.mark.parametrize("time", ["9:00", "09:00", "09:00:00", "09:00:00.0000000"])
@pytest.mark.parametrize(("variant", "digits"), [("long", 16), ("seconds", 8), ("short", 5)])
def test_times_of_day_are_read_in_every_form(
    open_sandbox: OpenSandbox, time: str, variant: str, digits: int
) -> None:
    """DOC, ImportSurveyLink page (hh:mm) and PUT sample (seven digits); UNK, in answers: variant `times`."""
    sandbox = open_sandbox(f"times={variant}")
    sandbox.put(288, SurveySettings={"ExpirationTime": time})
    assert sandbox.read(288)["SurveySettings"] == {"ExpirationTime": "09:00:00.0000000"[:digits]}


@pytest.mark.parametrize(
    "members",
    [
        {"Name": "x" * 51},
        {"Name": " "},
        {"DateFormat": "dd-MM-yyyy "},
        {"FieldDelimiter": ";" * 11},
        {"SurveySettings": {"SurveyId": 1}},
        {"SurveySettings": {"InvitationTime": "25:00"}},
    ],
)
def test_a_refusal_is_200_with_succeeded_false_and_changes_nothing(
    sandbox: Sandbox, members: dict[str, Json]
) -> None:
    """DOC shape, PUT page: `Succeeded` and `FailureMessage`; the lengths are the PUT page's."""
    before = sandbox.read(288)
    for answer in (sandbox.put(288, **members), sandbox.create(**members)):
        assert (answer["Succeeded"], set(answer)) == (False, {"Succeeded", "FailureMessage"})
    assert (sandbox.read(288), len(sandbox.listed())) == (before, 4)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'{"FirstRow": NaN}', b"\xff", b"[" * 100_000),
        *(b'{"Name": 1}', b'{"ContactListId": true}', b'{"ContactListId": 2147483648}'),
        *(b'{"EmailIsRequired": "true"}', b'{"SurveySettings": []}', b'{"ColumnMappings": [1]}'),
        b'{"SurveySettings": {"InvitationTime": 900}}',
        b'{"ColumnMappings": [{"SourceColumnNumber": 256}]}',
    ],
)
def test_a_body_that_is_no_json_or_of_another_type_is_400(sandbox: Sandbox, body: bytes) -> None:
    """INF: types are those of the PUT page; 400 and 415 have their usual meaning."""
    headers = {"Content-Type": "application/json"}
    assert sandbox.client.put(f"{CONFIGS}/288", content=body, headers=headers).status_code == 400
    assert sandbox.client.put(f"{CONFIGS}/288", content=body).status_code == 415


@pytest.mark.parametrize("name", ["België", "\u5f00", "a\n'b'", "\U0001f600", "\ud800"])
def test_text_comes_back_as_it_was_sent(sandbox: Sandbox, name: str) -> None:
    """INF: no page restricts the characters of a text."""
    body = json.dumps({"Name": name, "IsReusable": True})
    sandbox.data("PUT", f"{CONFIGS}/288", content=body, headers={"Content-Type": "application/json"})
    assert sandbox.read(288)["Name"] == name


# What a write stores where no page says it.


def test_omitted_members_and_nulls_fall_back_to_defaults_that_are_not_published(
    open_sandbox: OpenSandbox,
) -> None:
    """UNK: variants `defaults` and `null_in_put`; survey settings as a whole stay absent."""
    account = open_sandbox("defaults=account")
    account.put(288, DateFormat=None, SurveySettings={"SurveyId": 4711, "InvitationTime": None})
    assert account.read(288) == {
        "ImportConfigId": 288,
        "Name": "N",
        "SurveySettings": {"SurveyId": 4711, "InvitationTime": "09:00:00.0000000"},
        "DateFormat": "dd-MM-yyyy",
        "FirstRow": 1,
        "SendNotificationMail": False,
        "IsReusable": True,
        "DefaultLanguageCode": "nl",
        "UpdateTypeId": 1,
    }
    account.put(288)
    assert "SurveySettings" not in account.read(288)
    free = open_sandbox('defaults={"FirstRow": 7, "SendNotificationMail": true}')
    free.put(288)
    assert (free.read(288)["FirstRow"], free.read(288)["SendNotificationMail"]) == (7, True)
    stored = open_sandbox("defaults=account", "null_in_put=stored-null")
    stored.put(288, DateFormat=None, SendNotificationMail=None, SurveySettings={"InvitationTime": None})
    assert not {"DateFormat", "SurveySettings"} & set(stored.read(288))
    assert stored.read(288)["SendNotificationMail"] is False  # INF: a plain boolean cannot be null


def test_members_that_no_page_documents_are_ignored_stored_or_refused(open_sandbox: OpenSandbox) -> None:
    """INF: a misspelt member is silently a reset; UNK: variant `extra_members`."""
    extra: Json = {"Extra": {"a": 1}, "SurveySettings": {"SurveyId": 4711, "Extra": 1}}
    ignoring, storing = open_sandbox(), open_sandbox("extra_members=stored")
    ignoring.put(288, **extra)
    assert (ignoring.read(288).get("Extra"), ignoring.read(288)["SurveySettings"]) == (
        None,
        {"SurveyId": 4711},
    )
    storing.put(288, **extra)
    assert (storing.read(288)["Extra"], storing.read(288)["SurveySettings"]["Extra"]) == ({"a": 1}, 1)
    storing.put(288)
    assert "Extra" not in storing.read(288)
    strict = open_sandbox("extra_members=strict", "server_extras=stable")  # its own members too
    own: Json = {"ImportConfigId": 288, "CreateDate": "x", "SurveySettings": {"LinkVersion": 1}}
    for name, value in (extra | own).items():
        assert strict.put(288, **{name: value})["Succeeded"] is False
    assert strict.put(288)["Succeeded"] is True


def test_the_servers_own_extra_members_are_lost_unless_a_put_carries_them(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `server_extras`; reset by omission holds for these as well."""
    sandbox = open_sandbox("server_extras=stable")
    live = sandbox.read(288)
    carried = {name: value for name, value in live.items() if name != "ImportConfigId"}
    assert (live["CreateDate"][:4], live["SurveySettings"]["LinkVersion"]) == ("2024", 1)
    sandbox.put(288, **carried)
    assert sandbox.read(288) == live
    sandbox.put(288, **{**carried, "CreateDate": None, "SurveySettings": {"SurveyId": 4711}})
    assert "CreateDate" not in sandbox.read(288)
    assert "LinkVersion" not in sandbox.read(288)["SurveySettings"]
    created = sandbox.read(sandbox.created())
    assert (created["CreateDate"], "SurveySettings" in created) == ("2027-01-15T08:00:00.0000000Z", False)


def test_volatile_members_change_with_every_read(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `server_extras`; what is sent for them is ignored."""
    sandbox = open_sandbox("server_extras=volatile", "extra_members=stored")
    sandbox.put(288, Revision=-1, LastReadAt="never")
    revisions = [sandbox.read(288)["Revision"] for _ in range(3)]
    assert (revisions, min(revisions) > 0) == (sorted(set(revisions)), True)
    assert sandbox.read(288)["LastReadAt"] == "2027-01-15T08:00:00.0000000Z"


def test_values_can_come_back_in_another_form(open_sandbox: OpenSandbox) -> None:
    r"""UNK: variant `mappings_order`, and `delimiters`: whether `\n` is two characters or one."""
    sandbox = open_sandbox("delimiters=unescaped", "mappings_order=reversed")
    sandbox.put(289, RowDelimiter=r"\r\n")
    assert [mapping["SourceColumnNumber"] for mapping in sandbox.read(288)["ColumnMappings"]] == [3, 2, 1]
    assert sandbox.read(289)["RowDelimiter"] == "\r\n"


# Reads and lists.


def test_a_page_has_25_rows_unless_top_says_otherwise(open_sandbox: OpenSandbox) -> None:
    """DOC, contact folders page; PUT page: the names of Meta."""
    sandbox = open_sandbox(state=many(60))
    assert ids(sandbox.listed()) == list(range(1, 26))
    assert ids(sandbox.listed(top=10, skip=55)) == list(range(56, 61))
    assert sandbox.listed(skip=60) == []
    found = sandbox.client.get(CONFIGS, params={"skip": 25}).json()["Meta"]
    counts = {"TotalRowCount": 60, "TotalPageCount": 3, "StartRec": 26, "StopRec": 50}
    paging = {"Limit": 25, "Offset": 25, "IsFiltered": False}
    assert {**found, "Timestamp": ""} == {"Status": 200, **counts, **paging, "Timestamp": ""}
    assert sandbox.client.get(CONFIGS, params={"top": "ten"}).status_code == 400


def test_lists_can_page_in_other_ways(open_sandbox: OpenSandbox) -> None:
    """UNK: variants `listing`, `clamp_at`, `meta_counts` and `row_order`; INF: `Meta.Limit` when clamped."""
    unpaged = open_sandbox("listing=unpaged", state=many(60))
    assert ids(unpaged.listed(top=10, skip=5)) == list(range(1, 61))
    assert "Limit" not in meta(unpaged)
    clamped = open_sandbox("listing=clamped", "clamp_at=30", state=many(60))
    assert ids(clamped.listed(top=1000)) == list(range(1, 31))
    assert meta(clamped, top=1000)["Limit"] == 30
    assert ids(clamped.listed(top=1000, skip=30)) == list(range(31, 61))
    ignoring = open_sandbox("listing=ignores-skip", state=many(60))
    assert ignoring.listed(skip=25) == ignoring.listed()
    bare = open_sandbox("meta_counts=false", "row_order=newest-first")
    assert set(meta(bare)) == {"Status", "Limit", "Offset", "IsFiltered", "Timestamp"}
    assert ids(bare.listed()) == [291, 290, 289, 288]


def test_thin_rows_hold_id_and_name_only(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `rows`; for surveys `survey_id_member` (CLIENT: `Id`, and `SurveyId` in some answers)."""
    sandbox = open_sandbox("rows=thin", "survey_id_member=SurveyId")
    assert sandbox.listed()[0] == {"ImportConfigId": 288, "Name": "Newsletter NL"}
    assert sandbox.data("GET", "/3/surveys")[1]["SurveyId"] == 4711
    surveys = open_sandbox().data("GET", "/3/surveys")
    assert [row["Id"] for row in surveys if row["Title"] == "Event feedback"] == [4720, 4721]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_id_is_404_or_a_refusal(open_sandbox: OpenSandbox, method: str) -> None:
    """UNK: variant `unknown_id`; CLIENT: both forms of `Data` in an error exist, variant `error_body`."""
    path, body = f"{CONFIGS}/1", {"Name": "N"}
    answer = open_sandbox().client.request(method, path, json=body)
    assert answer.status_code == 404
    assert set(answer.json()["Data"]) == {"ErrorCode", "ErrorMessage", "ErrorType"}
    text = open_sandbox("error_body=string").client.request(method, path, json=body)
    assert isinstance(text.json()["Data"], str)
    assert open_sandbox("unknown_id=refused").data(method, path, json=body)["Succeeded"] is False


def test_a_hidden_configuration_is_listed_never_and_readable_by_id_perhaps(
    open_sandbox: OpenSandbox,
) -> None:
    """DOC, PUT page; INF: without IsReusable it is hidden; UNK: variant `hidden`."""
    sandbox, hiding = open_sandbox("hidden=readable-by-id"), open_sandbox()
    for one in (sandbox, hiding):
        assert one.data("PUT", f"{CONFIGS}/288", json={"Name": "Gone"})["Succeeded"]
        assert 288 not in ids(one.listed())
    assert hiding.client.get(f"{CONFIGS}/288").status_code == 404
    assert sandbox.read(288)["Name"] == "Gone"
    sandbox.put(288, IsReusable=True)
    assert len(sandbox.listed()) == 4


def test_a_path_or_method_that_leads_nowhere_has_no_envelope(sandbox: Sandbox) -> None:
    """INF: this answer is the web framework's, not the service's; and paths have no letter case."""
    nowhere = ("/3/nowhere", f"{CONFIGS}/{10**30}", f"{CONFIGS}/newsletter")
    for method, path, status in (("PATCH", CONFIGS, 405), *(("GET", path, 404) for path in nowhere)):
        response = sandbox.client.request(method, path)
        assert (response.status_code, "Meta" in response.json()) == (status, False)
    assert len(sandbox.data("GET", "/3/Contacts/Import/Configs/", params={"Top": 1})) == 1


@pytest.mark.parametrize("headers", [{"X-Key": ""}, {"X-Master-Key": " "}])
def test_both_keys_are_needed_and_written_down_nowhere(sandbox: Sandbox, headers: dict[str, str]) -> None:
    """DOC, getting started page: both headers on every call; INF: the status."""
    assert sandbox.data("GET", "/3/") == {"Version": "3"}
    assert sandbox.client.get("/3/", headers=headers).status_code == 401
    del sandbox.client.headers[next(iter(headers))]
    assert sandbox.client.get(CONFIGS).status_code == 401
    sandbox.client.get(CONFIGS, headers={"X-Key": "secret", "X-Master-Key": "secret"})
    assert "secret" not in str(sandbox.state.requests())


def test_the_first_import_fills_empty_column_mappings(sandbox: Sandbox) -> None:
    """DOC, POST page: when left empty, the mappings are filled by the first import; bulk import page."""
    contacts = [{"Email": "a@example.com"}, {"Email": "b@example.com", "City": "Gent"}]
    assert sandbox.data("POST", "/3/contacts/import/290", json=contacts) == {"QueueItemId": 1}
    filled = [(m["SourceColumnNumber"], m["TargetColumnName"]) for m in sandbox.read(290)["ColumnMappings"]]
    assert filled == [(1, "Email"), (2, "City")]
    before = sandbox.read(288)
    sandbox.data("POST", "/3/contacts/import/288", json=[{"City": "Gent"}])
    assert sandbox.read(288) == before
    assert sandbox.client.post("/3/contacts/import/1", json=[]).status_code == 404
    assert sandbox.client.post("/3/contacts/import/288", json={}).status_code == 400


# Time and allowance.


def test_reads_can_be_stale_and_a_new_configuration_late(open_sandbox: OpenSandbox) -> None:
    """DOC for contacts, caching page; UNK: variants `read_cache_seconds` and `appears_after_seconds`."""
    sandbox, late = open_sandbox("read_cache_seconds=60"), open_sandbox("appears_after_seconds=60")
    before, _ = sandbox.read(288), sandbox.listed()
    sandbox.put(288)
    identity = late.created()
    for one in (sandbox, late):
        one.clock.now += 59.9
    assert sandbox.read(288) == before
    assert sandbox.listed(top=1)[0]["Name"] == "N"
    assert (len(late.listed()), late.client.get(f"{CONFIGS}/{identity}").status_code) == (4, 404)
    for one in (sandbox, late):
        one.clock.now += 0.1
    assert sandbox.read(288)["Name"] == "N"
    assert (len(late.listed()), late.read(identity)["Name"]) == (5, "N")


def test_over_the_allowance_a_request_is_discarded_and_not_counted(open_sandbox: OpenSandbox) -> None:
    """DOC, throttling page: 429, per minute and per day; UNK: variant `retry_after`."""
    sandbox = open_sandbox("requests_per_minute=1", "requests_per_day=2")
    answers = []
    for _minute in range(3):
        answers += [sandbox.client.put(f"{CONFIGS}/288", json={"Name": "N"}) for _ in range(2)]
        sandbox.clock.now += 60
    assert [answer.status_code for answer in answers] == [200, 429, 404, 429, 429, 429]
    assert answers[1].headers["Retry-After"] == "61"
    by_day = open_sandbox("requests_per_day=1", "retry_after=none")
    by_day.listed()
    refused = by_day.client.get(CONFIGS)
    assert "Retry-After" not in refused.headers
    assert "per day" in refused.json()["Data"]["ErrorMessage"]
