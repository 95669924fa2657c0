"""`adopt --update` and `set`: what changed live, or is wished, comes into the files, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.yaml import read
from reconciler.errors import NotEdited
from tests.editing.accounts import HALF, Accounts, Members, configs
from tests.editing.layouts import written
from tests.editing.test_any_layout import touched

NL: Members = {
    "Name": "NL",
    "SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 2},
    "DateFormat": "dd/MM",
    "UpdateTypeId": 1,
    "SendNotificationMail": True,
    "IsReusable": True,
}
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


def test_a_live_change_comes_back_where_it_is_declared(accounts: Accounts) -> None:
    """By its name, where it has one, and what a code means is put right."""
    accounts.change("one", 1, SurveySettings=settings(SurveyId=4713, InvitationDelayInDays=0), UpdateTypeId=2)
    assert accounts.update("one").out.endswith("Updated: 3 fields of 1 resource, 0 left; 1 file.\n")
    assert accounts.read("nl.yaml") == FILES.replace(
        "survey: Customer satisfaction 2026   #", "survey: Support follow-up            #"
    ).replace("days: 2", "days: 0").replace(
        "update_type_id: 1  # update existing contacts within this survey",
        "update_type_id: 2  # always create new contacts",
    )
    accounts.assert_nothing_to_do("one", 1)


def test_a_survey_whose_title_another_has_comes_back_by_its_id(accounts: Accounts) -> None:
    accounts.change("one", 1, SurveySettings=settings(SurveyId=4720))
    accounts.update("one")
    assert "      survey_id: 4720                      # by title\n" in accounts.read("nl.yaml")


def test_what_is_gone_live_is_null_in_the_files(accounts: Accounts) -> None:
    accounts.change("one", 1, SurveySettings=settings(InvitationDelayInDays=None), UpdateTypeId=None)
    accounts.update("one")
    assert "      invitation_delay_in_days: null\n    update_type_id: null\n" in accounts.read("nl.yaml")
    accounts.assert_nothing_to_do("one", 1)


def test_what_a_preset_says_is_overridden_by_the_resource(accounts: Accounts) -> None:
    accounts.change("one", 1, DateFormat="yyyy")
    accounts.update("one")
    assert "    date_format: yyyy\n    update_type_id" in accounts.read("nl.yaml")
    assert "usual: {send_notification_mail: true, date_format: dd/MM}" in accounts.read("nl.yaml")


def test_on_several_targets_the_block_of_this_one_says_it(accounts: Accounts) -> None:
    text = FILES.replace("      one: {id: 1}\n", "      one: {id: 1}\n      two: {id: 11}\n")
    accounts.write("nl.yaml", text)
    accounts.change("two", 11, DateFormat="yyyy", SurveySettings=settings(InvitationDelayInDays=9))
    accounts.update("two")
    block = "two: {id: 11, survey_settings: {invitation_delay_in_days: 9}, date_format: yyyy}"
    assert accounts.read("nl.yaml") == text.replace("two: {id: 11}", block)
    accounts.assert_nothing_to_do("one", 1)
    accounts.assert_nothing_to_do("two", 1)


def test_what_the_files_cannot_hold_is_left_and_said(accounts: Accounts) -> None:
    accounts.change("one", 1, UpdateTypeId=3)
    out = accounts.update("one").out
    assert "update_type_id  left: the files cannot hold the live value; name the field under keep" in out
    assert accounts.read("nl.yaml") == FILES


def test_what_nobody_declares_stays_undeclared(accounts: Accounts) -> None:
    accounts.change("one", 1, FirstRow=3)
    assert "stay undeclared: 1" in accounts.update("one").err
    assert accounts.read("nl.yaml") == FILES


def test_the_diff_writes_nothing(accounts: Accounts) -> None:
    accounts.change("one", 1, UpdateTypeId=2)
    assert "+    update_type_id: 2  # always create new contacts\n" in accounts.update("one", diff=True).out
    assert accounts.read("nl.yaml") == FILES


def test_a_value_behind_an_alias_is_refused_with_its_place(accounts: Accounts) -> None:
    text = FILES.replace("days: 2", "days: &days 2") + "  be: {name: BE, first_row: *days, targets: [two]}\n"
    accounts.write("nl.yaml", text)
    accounts.change("one", 1, SurveySettings=settings(InvitationDelayInDays=9))
    with pytest.raises(NotEdited) as refused:
        accounts.update("one")
    assert [(p.code, p.place.line) for p in refused.value.problems] == [("edit-anchor", 9)]
    assert accounts.read("nl.yaml") == text


@HALF
@given(st.data(), st.integers(0, 10**6))
def test_in_any_layout_only_the_changed_lines_differ(data: st.DataObject, seed: int) -> None:
    """What was adopted is written anew by somebody with other habits; then people edit it in the Tool."""
    with TemporaryDirectory() as folder:
        accounts = Accounts(Path(folder), {"one": configs(seed, 3)})
        before = rewritten(data, accounts)
        changed = [*_live_changes(random.Random(seed), accounts)]
        accounts.update("one")
        after = accounts.read("import_configs.yaml").encode()
        gone, come = touched(before, after)
        # A text in block style has a line for itself, below its key.
        assert len(gone) <= 2 * len(changed)
        assert len(come) <= len(changed)
        accounts.assert_nothing_to_do("one", 3)
        accounts.states["one"].close()


def rewritten(data: st.DataObject, accounts: Accounts) -> bytes:
    """Adopt everything, and write the same data in another layout."""
    accounts.adopt("one")
    content = accounts.read("import_configs.yaml").encode()
    top: Any = read(content, "").top.value
    for resource in top["import_configs"].values():
        resource.setdefault("row_delimiter", "x")
        resource["keep"] = [*{*resource.get("keep", []), "column_mappings"} - {"row_delimiter"}]
    drawn = data.draw(written(st.just(top)))
    accounts.write("import_configs.yaml", drawn.content.decode())
    for id, members in accounts.live["one"].items():
        delimiter = members["RowDelimiter"] or "x"
        accounts.change("one", id, RowDelimiter=delimiter)
    return drawn.content


def _live_changes(chance: random.Random, accounts: Accounts) -> Iterator[str]:
    """Change some declared fields behind the back of the files, and yield one thing for each."""
    for id in accounts.live["one"]:
        if chance.random() < 0.7:
            accounts.change("one", id, RowDelimiter=chance.choice(["|", "\n\n", "é"]))
            yield "RowDelimiter"
        if chance.random() < 0.5:
            accounts.change("one", id, Name=f"Renamed {id}")
            yield "Name"
