"""What each level of the files says of a resource, how levels fold, and which drift they accept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from reconciler.config.load import as_of
from reconciler.engine.kind import Declared, Given, Policy, Reference, Ruling
from tests.config.conftest import NOTE, SETTINGS, Complain, Read, mailing


def one(read: Read, text: str, target: str = "one") -> Declared:
    (declared,) = read({"a.yaml": text}).declared[target]
    return declared


def values(declared: Declared) -> Mapping[str, Any]:
    return {path: given.value for path, given in declared.given.items()}


def policies(declared: Declared) -> dict[str, Any]:
    return {path: ruling.policy.value for path, ruling in declared.rulings.items()}


DAYS, THREE = "schedule: {days: 3}", {"schedule.days": 3}
NO_SCHEDULE = dict.fromkeys(("schedule.survey_id", "schedule.at", "schedule.days"))
AROUND = {"schedule.survey_id": "reset", "schedule.at": "reset"}


@pytest.mark.parametrize(
    ("text", "given", "rulings"),
    [
        ("columns: [{number: 1, fills: a}]", {"columns": [{"Number": 1, "Fills": "a"}]}, {}),
        ('schedule: {at: "09:00"}, note: null', {"schedule.at": "09:00", "note": None}, {}),
        ("list: null, schedule: {survey: null}", {"list_id": None, "schedule.survey_id": None}, {}),
        ("schedule: null", NO_SCHEDULE, {}),
        (f"{DAYS}, keep: [schedule], reset: [schedule.at]", THREE, {**AROUND, "schedule.survey_id": "keep"}),
        # A group above says nothing where a level below has the last word, and the reverse.
        (f"{DAYS}, targets: {{one: {{schedule: null}}}}", NO_SCHEDULE, {}),
        (f"reset: [schedule], targets: {{one: {{{DAYS}}}}}", THREE, AROUND),
    ],
)
def test_one_level_says_values_and_rulings(
    text: str, given: Mapping[str, Any], rulings: Mapping[str, str], loaded: Read
) -> None:
    declared = one(loaded, f"mailings: {{m: {{name: M, {text}}}}}")
    assert (values(declared), policies(declared)) == ({"name": "M", **given}, rulings)


def test_a_name_becomes_a_reference_or_the_id_of_the_target(loaded: Read) -> None:
    text = "mailings: {m: {name: M, list: news, schedule: {survey: Satisfied}}}"
    for target, id in (("one", 11), ("two", 22)):
        declared = one(loaded, text, target)
        assert declared.given["schedule.survey_id"].value == Reference("survey", "Satisfied")
        assert declared.given["list_id"].value == id
        assert declared.given["list_id"].named == Reference("contact list", "news")


LEVELS = """\
presets:
  base: {note: preset, is_open: true, schedule: {days: 1, at: "01:00"}, keep: [columns], undeclared: keep}
mailings:
  m:
    preset: base
    name: M
    note: own
    schedule: {days: 2}
    reset: [is_open]
    targets:
      one: {note: block, keep: [schedule.days], id: 7}
      two: {}
"""


def test_target_over_resource_over_preset_each_with_its_place(loaded: Read) -> None:
    """Only the resource itself, or its block, consents to a reset."""
    first, second = one(loaded, LEVELS), one(loaded, LEVELS, "two")
    assert values(second) == {"name": "M", "note": "own", "schedule.at": "01:00", "schedule.days": 2}
    assert policies(second) == {"columns": "keep", "is_open": "reset"}
    assert (first.id, second.id) == (7, None)
    assert values(first) == {"name": "M", "note": "block", "schedule.at": "01:00"}
    said: dict[str, Given | Ruling] = {**first.given, **first.rulings}
    assert {path: (one.origin.level, str(one.origin.place)) for path, one in said.items()} == {
        "name": ("resource", "a.yaml:6:5"),
        "note": ("target one", "a.yaml:11:13"),
        "schedule.at": ("preset base", "a.yaml:2:59"),
        "columns": ("preset base", "a.yaml:2:80"),
        "is_open": ("resource", "a.yaml:9:13"),
        "schedule.days": ("target one", "a.yaml:11:33"),
    }
    own = {path: ruling.own for path, ruling in first.rulings.items()}
    assert own == {"columns": False, "is_open": True, "schedule.days": True}
    assert policies(first) == {"columns": "keep", "is_open": "reset", "schedule.days": "keep"}


NEAREST = {
    "keep reset refuse reset reset": "keep", "- refuse keep reset reset": "refuse", "- - - - keep": "keep",
    "- - keep refuse reset": "keep", "- - - refuse keep": "refuse", "- - - - -": "reset",
}  # fmt: skip


@pytest.mark.parametrize(("policies", "counts"), NEAREST.items())
def test_the_nearest_policy_for_undeclared_fields_counts(policies: str, counts: str, loaded: Read) -> None:
    """Those of the block, the resource, its preset, the target and the workspace, the nearest first."""
    block, own, preset, target, top = ({} if one == "-" else {"undeclared": one} for one in policies.split())
    resource = {"name": "M", "preset": "p", "targets": {"one": block}, **own}
    files = {"presets": {"p": preset}, "mailings": {"m": resource}}
    settings = {"version": 1, "targets": {"one": target}, **top}
    read = loaded({"reconciler.yaml": json.dumps(settings), "a.yaml": json.dumps(files)})
    assert read.declared["one"][0].undeclared is Policy(counts)


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        (f"accept: [{NOTE}], note: a, targets: [one, two]", "resource", "resource"),
        (f"accept: [{NOTE}], targets: {{one: {{note: a}}, two: {{}}}}", None, "resource"),
        (f"accept: [{NOTE}], targets: {{one: {{reset: [note]}}, two: {{}}}}", None, "resource"),
        (f"note: a, targets: {{one: {{accept: [{NOTE}]}}, two: {{}}}}", "target one", None),
    ],
)
def test_it_holds_over_its_own_level_and_weaker_ones(
    loaded: Read, text: str, one: str | None, two: str | None
) -> None:
    declared = loaded({"a.yaml": mailing(text)}).declared
    for target, level in (("one", one), ("two", two)):
        levels = {path: accepted.origin.level for path, accepted in declared[target][0].accepted.items()}
        assert levels == ({"note": level} if level else {})


def test_a_group_is_all_that_stands_in_it_and_a_field_counts_more(loaded: Read) -> None:
    entry = "{field: %s, until: 2026-12-31, reason: %s}"
    text = f"accept: [{entry % ('schedule', 'all')}, {entry % ('schedule.survey', 'one')}]"
    (declared,) = loaded({"a.yaml": mailing(text)}).declared["one"]
    reasons = {path: one.reason for path, one in declared.accepted.items()}
    assert reasons == {"schedule.survey_id": "one", "schedule.at": "all", "schedule.days": "all"}


@pytest.mark.parametrize(
    ("entry", "code", "column"),
    [
        ("{field: ntoe, until: 2026-12-31, reason: r}", "unknown-field", 42),
        ("{field: note, until: 2026-02-30, reason: r}", "invalid-value", 55),
        ("{field: note, until: +21d, reason: r}", "invalid-value", 55),
        ("{field: note, until: 2026-12-31}", "missing-field", 34),
        ('{field: note, until: 2026-12-31, reason: " "}', "too-short", 75),
        ('{field: note, until: 2026-12-31, reason: "a\\nb"}', "control-character", 75),
        ("note", "wrong-type", 34),
    ],
)
def test_what_is_wrong_with_one_has_its_place(problems: Complain, entry: str, code: str, column: int) -> None:
    (found,) = problems({"a.yaml": mailing(f"accept: [{entry}]")})
    assert (found.code, found.place.line, found.place.column, found.key) == (code, 1, column, "mailings.m")
    assert found.hint


TOKYO = "time_zone: Asia/Tokyo\n"


@pytest.mark.parametrize(
    ("zone", "now", "holds"),
    [("", "22:59:59", True), ("", "23:00:00", False), (TOKYO, "16:00:00", False)],
)
def test_its_last_day_is_a_day_of_the_workspace(loaded: Read, zone: str, now: str, holds: bool) -> None:
    """In Amsterdam, where nothing else is said, the year is over an hour before UTC has it."""
    at = datetime.fromisoformat(f"2026-12-31T{now}Z").timestamp()
    files = {"reconciler.yaml": SETTINGS + zone, "a.yaml": mailing(f"accept: [{NOTE}]")}
    read = as_of(loaded(files), at)
    assert bool(read.declared["one"][0].accepted) is holds
    said = "note was accepted until 2026-12-31 (an experiment); it no longer is"
    ended = [("acceptance-ended", "a.yaml:1:34", "mailings.m", said)]
    found = [(one.code, str(one.place), one.key, one.message) for one in read.warnings]
    assert found == ([] if holds else ended)
