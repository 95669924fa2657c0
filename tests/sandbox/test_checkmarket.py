"""What is documented about import configurations, and each answer to what is not."""

from __future__ import annotations

from collections.abc import Callable

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


Ask = Callable[[Sandbox], Json]


def asked(method: str, path: str, pick: Callable[[Json], Json] = lambda data: data) -> Ask:
    return lambda sandbox: pick(sandbox.data(method, path))


def listed(**options: Json) -> Ask:
    """Return the ids of a list, and the limit that its Meta tells."""

    def ask(sandbox: Sandbox) -> Json:
        meta = sandbox.client.get(CONFIGS, params=options).json()["Meta"]
        return ids(sandbox.listed(**options)), meta.get("Limit"), "TotalRowCount" in meta

    return ask


def put(**members: Json) -> Ask:
    """Return what is read of a configuration after it was updated."""

    def ask(sandbox: Sandbox) -> Json:
        sandbox.put(288, **members)
        return sandbox.read(288)

    return ask


def unknown(sandbox: Sandbox) -> Json:
    """Return what is said of an id that does not exist, by every method alike."""
    asked = [sandbox.client.request(method, f"{CONFIGS}/1", json={"Name": "N"}) for method in METHODS]
    (said,) = {(answer.status_code, str(answer.json()["Data"])[:11]) for answer in asked}
    return said


def shown(*names: str, **members: Json) -> Ask:
    """Return some members that are read of a configuration after it was updated."""
    return lambda sandbox: {name: put(**members)(sandbox).get(name) for name in names}


def answered(**members: Json) -> Ask:
    return lambda sandbox: sandbox.put(288, **members)["Succeeded"]


def vanished(sandbox: Sandbox) -> Json:
    sandbox.data("PUT", f"{CONFIGS}/288", json={"Name": "Gone"})
    return ids(sandbox.listed()), sandbox.client.get(f"{CONFIGS}/288").status_code


METHODS = ("GET", "PUT", "DELETE")
FOUR = [288, 289, 290, 291]
LIST = listed(top=3, skip=1)
DELETE = asked("DELETE", f"{CONFIGS}/288")
SURVEY = asked("GET", "/3/surveys", lambda rows: [name for name in rows[1] if rows[1][name] == 4711])
ROW = asked("GET", CONFIGS, lambda rows: len(rows[3]))
COLUMNS = asked("GET", f"{CONFIGS}/288", lambda row: [m["SourceColumnNumber"] for m in row["ColumnMappings"]])
DELAY = {"InvitationDelayInDays": 0}
EMPTY = put(ContactListId=None, DateFormat="", ColumnMappings=[], FirstRow=0, SurveySettings=DELAY)
NULL = put(DateFormat=None, SendNotificationMail=None, SurveySettings={"InvitationTime": None})
EXTRA: Json = {"Extra": {"a": 1}, "SurveySettings": {"SurveyId": 4711, "Extra": 1}}
BARE = {"ImportConfigId": 288, "Name": "N", "IsReusable": True}
FALSE = BARE | {"SendNotificationMail": False}
ACCOUNT = {"DateFormat": "dd-MM-yyyy", "DefaultLanguageCode": "nl", "FirstRow": 1, "UpdateTypeId": 1}
NINE = {"SurveySettings": {"InvitationTime": "09:00:00.0000000"}}


@pytest.mark.parametrize(
    ("ask", "variants", "expected"),
    [
        (LIST, "", ([289, 290, 291], 3, True)),
        (LIST, "listing=unpaged", (FOUR, None, True)),
        (LIST, "listing=clamped clamp_at=2", ([289, 290], 2, True)),
        (LIST, "listing=ignores-skip", ([288, 289, 290], 3, True)),
        (LIST, "row_order=newest-first", ([290, 289, 288], 3, True)),
        (LIST, "meta_counts=false", ([289, 290, 291], 3, False)),
        (ROW, "", 6),
        (ROW, "rows=thin", 2),
        (SURVEY, "", ["Id"]),  # CLIENT: and `SurveyId` in some answers
        (SURVEY, "survey_id_member=SurveyId", ["SurveyId"]),
        (COLUMNS, "", [1, 2, 3]),
        (COLUMNS, "mappings_order=reversed", [3, 2, 1]),
        # DOC, contact folders page: empty members are left out; UNK, whether false and 0 are empty.
        (EMPTY, "", FALSE | {"FirstRow": 0, "SurveySettings": DELAY}),
        (EMPTY, "false_and_zero=omitted", BARE),
        (shown("SurveySettings", **NINE), "", NINE),
        (
            shown("SurveySettings", **NINE),
            "times=seconds",
            {"SurveySettings": {"InvitationTime": "09:00:00"}},
        ),
        (shown("SurveySettings", **NINE), "times=short", {"SurveySettings": {"InvitationTime": "09:00"}}),
        (shown("RowDelimiter", RowDelimiter=r"\n"), "", {"RowDelimiter": r"\n"}),
        (shown("RowDelimiter", RowDelimiter=r"\n"), "delimiters=unescaped", {"RowDelimiter": "\n"}),
        # Survey settings as a whole have no default; a plain boolean cannot be null (INF).
        (put(), "defaults=account", FALSE | ACCOUNT),
        (NULL, "defaults=account", FALSE | ACCOUNT | NINE),
        (NULL, "defaults=account null_in_put=stored-null", FALSE | dict(list(ACCOUNT.items())[1:])),
        (put(), 'defaults={"FirstRow":7}', FALSE | {"FirstRow": 7}),
        # A misspelt member is silently a reset (INF); a strict server refuses its own members too.
        (shown(*EXTRA, **EXTRA), "", {"Extra": None, "SurveySettings": {"SurveyId": 4711}}),
        (shown(*EXTRA, **EXTRA), "extra_members=stored", EXTRA),
        (answered(SurveySettings={"LinkVersion": 1}), "extra_members=strict server_extras=stable", False),
        (DELETE, "", True),
        (DELETE, "delete_answer=object", {"Succeeded": True}),
        (unknown, "", (404, "{'ErrorCode")),
        (unknown, "error_body=string", (404, "There is no")),
        (unknown, "unknown_id=refused", (200, "{'Succeeded")),
        # DOC, PUT page: the list never shows it; INF: omitted means false.
        (vanished, "", (FOUR[1:], 404)),
        (vanished, "hidden=readable-by-id", (FOUR[1:], 200)),
    ],
)
def test_each_variant_answers_in_its_way(
    open_sandbox: OpenSandbox, ask: Ask, variants: str, expected: Json
) -> None:
    """UNK: what no page says has a variant for each plausible answer, beside the usual one."""
    assert ask(open_sandbox(*variants.split())) == expected


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


def test_delete_removes_and_its_id_is_not_given_again(sandbox: Sandbox) -> None:
    """INF, bulk import page: there are requests to delete."""
    identity = sandbox.created()
    sandbox.data("DELETE", f"{CONFIGS}/{identity}")
    assert sandbox.client.delete(f"{CONFIGS}/{identity}").status_code == 404
    assert sandbox.created() == identity + 1


@pytest.mark.parametrize(
    "members", [{"Name": "x" * 51}, {"DateFormat": "dd-MM-yyyy "}, {"SurveySettings": {"SurveyId": 1}}]
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
    [b"", b"[]", b"\xff", b"[" * 100_000, b'{"Name": 1}', b'{"SurveySettings": []}'],
)
def test_a_body_that_is_no_json_or_of_another_type_is_400(sandbox: Sandbox, body: bytes) -> None:
    """INF: types are those of the PUT page; 400 and 415 have their usual meaning."""
    headers = {"Content-Type": "application/json"}
    assert sandbox.client.put(f"{CONFIGS}/288", content=body, headers=headers).status_code == 400
    assert sandbox.client.put(f"{CONFIGS}/288", content=body).status_code == 415


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


def test_a_page_has_25_rows_unless_top_says_otherwise(open_sandbox: OpenSandbox) -> None:
    """DOC, contact folders page; PUT page: the names of Meta."""
    sandbox = open_sandbox(state=many(60))
    assert ids(sandbox.listed()) == list(range(1, 26))
    assert ids(sandbox.listed(top=10, skip=55)) == list(range(56, 61))
    assert sandbox.listed(skip=60) == []
    assert sandbox.client.get(CONFIGS, params={"skip": 25}).json()["Meta"]["TotalRowCount"] == 60


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
