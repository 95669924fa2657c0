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
