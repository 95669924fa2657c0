"""`adopt --update` and `set`: what changed live, or is wished, comes into the files, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.editing.accounts import Accounts, Members

NL: Members = {
    "Name": "NL", "SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 2}, "DateFormat": "dd/MM",
    "UpdateTypeId": 1, "SendNotificationMail": True, "IsReusable": True,
}  # fmt: skip
FILES = """\
presets:
  usual: {send_notification_mail: true, date_format: dd/MM}
import_configs:
  nl:
    preset: usual
    name: NL
    survey_settings:   # the survey
      survey: Customer satisfaction 2026   # by title
      invitation_delay_in_days: 2
    update_type_id: 1  # update existing contacts within this survey
    targets:
      one: {id: 1}
"""


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path, {"one": {1: NL}, "two": {11: NL}})
    made.write("nl.yaml", FILES)
    return made


def settings(**members: Any) -> Members:
    return {"SurveyId": 4711, "InvitationDelayInDays": 2, **members}


UPDATED: dict[str, tuple[Members, dict[str, str]]] = {
    "by its name, and what a code means is put right": (
        {"SurveySettings": settings(SurveyId=4713, InvitationDelayInDays=0), "UpdateTypeId": 2},
        {
            "survey: Customer satisfaction 2026   #": "survey: Support follow-up            #",
            "days: 2": "days: 0",
            "1  # update existing contacts within this survey": "2  # always create new contacts",
        },
    ),
    "a survey by its id, where another has its title": (
        {"SurveySettings": settings(SurveyId=4720)},
        {"survey: Customer satisfaction 2026   #": "survey_id: 4720                      #"},
    ),
    "what is gone live is null": (
        {"SurveySettings": settings(InvitationDelayInDays=None), "UpdateTypeId": None},
        {"days: 2": "days: null", "1  # update existing contacts within this survey": "null"},
    ),
    "what a preset says is overridden by the resource": (
        {"DateFormat": "yyyy"},
        {"    update_type_id": "    date_format: yyyy\n    update_type_id"},
    ),
}


@pytest.mark.parametrize(("members", "edits"), UPDATED.values(), ids=UPDATED)
def test_a_live_change_comes_back_where_it_is_declared(
    members: Members, edits: dict[str, str], accounts: Accounts
) -> None:
    accounts.change("one", 1, **members)
    assert "\n+++ b/configs/nl.yaml\n" in accounts.update("one", diff=True).out
    assert accounts.read("nl.yaml") == FILES
    assert "of 1 resource, 0 left; 1 file.\n" in accounts.update("one").out
    wanted = FILES
    for before, after in edits.items():
        wanted = wanted.replace(before, after)
    assert accounts.read("nl.yaml") == wanted
    accounts.assert_nothing_to_do("one", 1)


def test_on_several_targets_the_block_of_this_one_says_it(accounts: Accounts) -> None:
    text = FILES.replace("      one: {id: 1}\n", "      one: {id: 1}\n      two: {id: 11}\n")
    accounts.write("nl.yaml", text)
    accounts.change("two", 11, DateFormat="yyyy", SurveySettings=settings(InvitationDelayInDays=9))
    accounts.update("two")
    block = "two: {id: 11, survey_settings: {invitation_delay_in_days: 9}, date_format: yyyy}"
    assert accounts.read("nl.yaml") == text.replace("two: {id: 11}", block)
    accounts.assert_nothing_to_do("one", 1)
    accounts.assert_nothing_to_do("two", 1)


def test_what_the_files_cannot_hold_is_left_and_what_nobody_declares_stays_so(accounts: Accounts) -> None:
    accounts.change("one", 1, UpdateTypeId=3, FirstRow=3)
    screen = accounts.update("one")
    why = "left: the files cannot hold the live value; name the field under keep"
    assert f"update_type_id  {why}" in screen.out
    assert "stay undeclared: 1" in screen.err
    assert accounts.read("nl.yaml") == FILES
