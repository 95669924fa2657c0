"""Every open question has a test for each answer that is not the default; and variants as values."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from reconciler.sandbox import Variants

from .conftest import CONFIGS, Json, OpenSandbox, Sandbox

# The forms of values in answers.


def test_false_and_zero_can_be_left_out_like_null(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `false_and_zero`; a refusal's `Succeeded` is false too, so only its message remains."""
    sandbox = open_sandbox("false_and_zero=omitted")
    sandbox.put(288, EmailIsRequired=False, SurveySettings={"SurveyId": 4711, "InvitationDelayInDays": 0})
    assert sandbox.read(288) == {
        "ImportConfigId": 288,
        "Name": "N",
        "IsReusable": True,
        "SurveySettings": {"SurveyId": 4711},
    }
    assert set(sandbox.put(288, Name="")) == {"FailureMessage"}


@pytest.mark.parametrize(("variant", "shown"), [("times=seconds", "09:00:00"), ("times=short", "09:00")])
def test_times_can_come_in_shorter_forms(open_sandbox: OpenSandbox, variant: str, shown: str) -> None:
    """UNK: DOC says hh:mm on input, the samples show more; variant `times`."""
    assert open_sandbox(variant).read(288)["SurveySettings"]["InvitationTime"] == shown


def test_mappings_can_come_in_another_order(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `mappings_order`."""
    mappings = open_sandbox("mappings_order=reversed").read(288)["ColumnMappings"]
    assert [mapping["SourceColumnNumber"] for mapping in mappings] == [3, 2, 1]


# What a write stores.


def test_null_is_like_omission_or_stored_as_null(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `null_in_put`; only where the default is something else can one tell."""
    like_omission = open_sandbox("defaults=account")
    like_omission.put(288, DateFormat=None, SurveySettings={"InvitationTime": None})
    assert like_omission.read(288)["DateFormat"] == "dd-MM-yyyy"
    assert like_omission.read(288)["SurveySettings"] == {"InvitationTime": "09:00:00.0000000"}
    stored = open_sandbox("defaults=account", "null_in_put=stored-null")
    stored.put(288, DateFormat=None, SurveySettings={"InvitationTime": None, "SurveyId": 4711})
    assert "DateFormat" not in stored.read(288)
    assert stored.read(288)["SurveySettings"] == {"SurveyId": 4711}


def test_null_in_a_member_that_cannot_be_null_is_false(open_sandbox: OpenSandbox) -> None:
    """INF: SendNotificationMail and IsReusable are plain booleans."""
    sandbox = open_sandbox("null_in_put=stored-null", "hidden=readable-by-id")
    sandbox.put(288, IsReusable=None)
    assert sandbox.read(288)["IsReusable"] is False


def test_omitted_members_can_fall_back_to_account_settings(open_sandbox: OpenSandbox) -> None:
    """UNK: the defaults are not published; variant `defaults`."""
    sandbox = open_sandbox("defaults=account")
    sandbox.put(288, SurveySettings={"SurveyId": 4711})
    assert sandbox.read(288) == {
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


def test_defaults_can_be_given_freely(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `defaults`."""
    sandbox = open_sandbox('defaults={"FirstRow": 7, "SendNotificationMail": true}')
    sandbox.put(288)
    assert (sandbox.read(288)["FirstRow"], sandbox.read(288)["SendNotificationMail"]) == (7, True)


def test_members_that_no_page_documents_are_ignored(sandbox: Sandbox) -> None:
    """INF: a misspelt member is silently a reset."""
    sandbox.put(288, DefaultLanguage="fr", SurveySettings={"SurveyId": 4711, "Extra": 1})
    assert "DefaultLanguage" not in sandbox.read(288)
    assert sandbox.read(288)["SurveySettings"] == {"SurveyId": 4711}


def test_members_that_no_page_documents_can_be_stored(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `extra_members`."""
    sandbox = open_sandbox("extra_members=stored")
    sandbox.put(288, Extra={"a": 1}, SurveySettings={"SurveyId": 4711, "Extra": 1})
    assert (sandbox.read(288)["Extra"], sandbox.read(288)["SurveySettings"]["Extra"]) == ({"a": 1}, 1)
    sandbox.put(288)
    assert "Extra" not in sandbox.read(288)


@pytest.mark.parametrize(
    "members",
    [{"Extra": 1}, {"ImportConfigId": 288}, {"CreateDate": "x"}, {"SurveySettings": {"LinkVersion": 1}}],
)
def test_members_that_no_page_documents_can_be_refused(
    open_sandbox: OpenSandbox, members: dict[str, Json]
) -> None:
    """UNK: variant `extra_members`; a strict server refuses its own members too."""
    sandbox = open_sandbox("extra_members=strict", "server_extras=stable")
    assert sandbox.put(288, **members)["Succeeded"] is False
    assert sandbox.put(288)["Succeeded"] is True


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


def test_a_created_configuration_gets_the_servers_extra_members(open_sandbox: OpenSandbox) -> None:
    """UNK: variants `server_extras` and `extra_members`."""
    sandbox = open_sandbox("server_extras=stable", "extra_members=stored")
    live = sandbox.read(sandbox.created(Extra=1))
    assert (live["CreateDate"], live["Extra"]) == ("2027-01-15T08:00:00.0000000Z", 1)
    assert "SurveySettings" not in live


def test_volatile_members_change_with_every_read(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `server_extras`; what is sent for them is ignored."""
    sandbox = open_sandbox("server_extras=volatile", "extra_members=stored")
    sandbox.put(288, Revision=-1, LastReadAt="never")
    revisions = [sandbox.read(288)["Revision"] for _ in range(3)]
    assert revisions == sorted(set(revisions))
    assert min(revisions) > 0
    assert sandbox.read(288)["LastReadAt"] == "2027-01-15T08:00:00.0000000Z"


def test_row_delimiters_can_be_unescaped(open_sandbox: OpenSandbox) -> None:
    r"""UNK: whether the PUT page's examples `\n`, `\r` are two characters or one; variant `delimiters`."""
    sandbox = open_sandbox("delimiters=unescaped")
    sandbox.put(288, RowDelimiter=r"\r\n")
    assert sandbox.read(288)["RowDelimiter"] == "\r\n"


# Other answers.


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{CONFIGS}/1"), ("PUT", f"{CONFIGS}/1"), ("DELETE", f"{CONFIGS}/1"), ("GET", "/3/surveys/1")],
)
def test_an_unknown_id_can_be_a_refusal(open_sandbox: OpenSandbox, method: str, path: str) -> None:
    """UNK: 404, or 200 with `Succeeded` false; variant `unknown_id`."""
    body = {"Name": "N"}
    assert open_sandbox().client.request(method, path, json=body).status_code == 404
    assert open_sandbox("unknown_id=refused").data(method, path, json=body)["Succeeded"] is False


def test_a_hidden_configuration_can_stay_readable_and_writable_by_id(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `hidden`; the list never shows it (DOC, PUT page)."""
    sandbox = open_sandbox("hidden=readable-by-id")
    sandbox.put(288, IsReusable=False)
    assert len(sandbox.listed()) == 3
    assert sandbox.read(288)["IsReusable"] is False
    sandbox.put(288, IsReusable=True)
    assert len(sandbox.listed()) == 4


def test_delete_can_answer_with_an_object(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `delete_answer`; a sibling's delete answers `Data: true` (DOC)."""
    assert open_sandbox("delete_answer=object").data("DELETE", f"{CONFIGS}/288") == {"Succeeded": True}


def test_an_error_is_an_object_or_a_text(open_sandbox: OpenSandbox) -> None:
    """CLIENT: both forms of `Data` exist; variant `error_body`."""
    path = f"{CONFIGS}/1"
    assert set(open_sandbox().client.get(path).json()["Data"]) == {"ErrorCode", "ErrorMessage", "ErrorType"}
    assert isinstance(open_sandbox("error_body=string").client.get(path).json()["Data"], str)


# Time and allowance.


def test_reads_can_be_stale_until_the_cache_expires(open_sandbox: OpenSandbox) -> None:
    """DOC for contacts, caching page; UNK for configurations: variant `read_cache_seconds`, per address."""
    sandbox = open_sandbox("read_cache_seconds=60")
    before = sandbox.read(288)
    sandbox.put(288)
    sandbox.clock.now += 59.9
    assert sandbox.read(288) == before
    assert sandbox.listed(top=1)[0]["Name"] == "N"
    sandbox.clock.now += 0.1
    assert sandbox.read(288)["Name"] == "N"


def test_a_new_configuration_can_appear_late(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `appears_after_seconds`."""
    sandbox = open_sandbox("appears_after_seconds=5")
    identity = sandbox.created()
    assert (len(sandbox.listed()), sandbox.client.get(f"{CONFIGS}/{identity}").status_code) == (4, 404)
    sandbox.clock.now += 5
    assert (len(sandbox.listed()), sandbox.read(identity)["Name"]) == (5, "N")


def test_over_the_allowance_of_a_minute_nothing_is_executed(open_sandbox: OpenSandbox) -> None:
    """DOC, throttling page: 429, discarded, and fine again in the next minute."""
    sandbox = open_sandbox("requests_per_minute=2")
    sandbox.listed()
    sandbox.listed()
    refused = sandbox.client.put(f"{CONFIGS}/288", json={"Name": "N"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "61")
    sandbox.clock.now += 60
    assert sandbox.read(288)["Name"] == "Newsletter NL"


def test_over_the_allowance_of_a_day_a_minute_does_not_help(open_sandbox: OpenSandbox) -> None:
    """DOC, throttling page: separate allowances per minute and per day; the answer says which was hit."""
    sandbox = open_sandbox("requests_per_day=1", "retry_after=none")
    sandbox.listed()
    sandbox.clock.now += 60
    refused = sandbox.client.get(CONFIGS)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, False)
    assert "per day" in refused.json()["Data"]["ErrorMessage"]


def test_a_discarded_request_is_not_counted(open_sandbox: OpenSandbox) -> None:
    """DOC, throttling page: over either allowance the request is discarded."""
    sandbox = open_sandbox("requests_per_minute=1", "requests_per_day=2")
    statuses = []
    for _minute in range(3):
        statuses += [sandbox.client.get(CONFIGS).status_code for _ in range(2)]
        sandbox.clock.now += 60
    assert statuses == [200, 429, 200, 429, 429, 429]


# Variants as values.


def test_parse_reads_what_changed_writes() -> None:
    settings = [
        "listing=clamped",
        "clamp_at=7",
        "meta_counts=false",
        'defaults={"FirstRow": 1}',
        "requests_per_day=9",
    ]
    variants = Variants.parse([*settings, "read_cache_seconds=1.5"])
    assert Variants.parse(variants.changed()) == variants
    assert Variants.parse(["requests_per_day=9", "requests_per_day=none"]) == Variants()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("listing=all", "paged|unpaged|clamped|ignores-skip"),
        ("meta_counts=yes", "true|false"),
        ("clamp_at=0", "1, 2, …"),
        ("requests_per_day=many", "none"),
        ("read_cache_seconds=-1", "seconds"),
        ("read_cache_seconds=nan", "seconds"),
        ("defaults={", "a JSON object"),
        ("listings=paged", "listing, clamp_at"),
        ("listing", "name=value"),
    ],
)
def test_an_unknown_setting_is_refused_with_what_is_valid(setting: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        Variants.parse([setting])


def test_naming_variants_does_not_import_the_web_framework() -> None:
    code = "import sys, reconciler.sandbox.variants; sys.exit(bool({'flask', 'sqlite3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_sandbox_imports_nothing_else_of_this_package() -> None:
    """The stand-in must not share our beliefs about the server."""
    code = """
import pkgutil, sys, reconciler.sandbox as sandbox
modules = [module.name for module in pkgutil.iter_modules(sandbox.__path__, "reconciler.sandbox.")]
assert len(modules) > 9 and all(map(__import__, modules))
print(*(name for name in sys.modules if name.startswith("reconciler.")))
"""
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert [name for name in printed.split() if not name.startswith("reconciler.sandbox")] == []
