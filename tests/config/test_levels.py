"""What each level of the files says of a resource, how levels fold, and which drift they accept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.config.load import as_of, load
from reconciler.engine.kind import Declared, Given, Policy, Reference, Ruling
from tests.config.conftest import NOTE, SETTINGS, Complain, Read, mailing, write_files
from tests.config.toy import LETTERS, MAILINGS


def one(read: Read, text: str, target: str = "one") -> Declared:
    (declared,) = read({"a.yaml": text}).declared[target]
    return declared


def values(declared: Declared) -> Mapping[str, Any]:
    return {path: given.value for path, given in declared.given.items()}


def policies(declared: Declared) -> dict[str, Any]:
    return {path: ruling.policy.value for path, ruling in declared.rulings.items()}


@pytest.mark.parametrize(
    ("text", "given", "rulings"),
    [
        (
            'columns: [{number: 1, fills: Email}], schedule: {at: "09:00"}, note: null',
            {"columns": [{"Number": 1, "Fills": "Email"}], "schedule.at": "09:00", "note": None},
            {},
        ),
        ("list: null, schedule: {survey: null}", {"list_id": None, "schedule.survey_id": None}, {}),
        ("schedule: null", dict.fromkeys(("schedule.survey_id", "schedule.at", "schedule.days")), {}),
        (
            "schedule: {days: 3}, keep: [schedule], reset: [schedule.at]",
            {"schedule.days": 3},
            {"schedule.survey_id": "keep", "schedule.at": "reset"},
        ),
    ],
    ids=["in the form of the body", "a name may be null", "a null group", "a leaf wins over its group"],
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
    assert {path: (ruling.policy.value, ruling.own) for path, ruling in first.rulings.items()} == {
        "columns": ("keep", False),
        "is_open": ("reset", True),
        "schedule.days": ("keep", True),
    }


@pytest.mark.parametrize(
    ("policies", "counts"),
    [
        ("keep reset refuse reset reset", "keep"),
        ("- refuse keep reset reset", "refuse"),
        ("- - keep refuse reset", "keep"),
        ("- - - refuse keep", "refuse"),
        ("- - - - keep", "keep"),
        ("- - - - -", "reset"),
    ],
)
def test_the_nearest_policy_for_undeclared_fields_counts(policies: str, counts: str, loaded: Read) -> None:
    """Those of the block, the resource, its preset, the target and the workspace, the nearest first."""
    block, own, preset, target, top = ({} if one == "-" else {"undeclared": one} for one in policies.split())
    resource = {"name": "M", "preset": "p", "targets": {"one": block}, **own}
    files = {"presets": {"p": preset}, "mailings": {"m": resource}}
    settings = {"version": 1, "targets": {"one": target}, **top}
    read = loaded({"reconciler.yaml": json.dumps(settings), "a.yaml": json.dumps(files)})
    assert read.declared["one"][0].undeclared is Policy(counts)


LEAVES: Mapping[str, list[Any]] = {
    "note": ["a", "b", None], "is_open": [True, False, None], "schedule.at": ["1:2"], "schedule.days": [1],
}  # fmt: skip
GROUP = {"null": [None], "keep": "keep", "reset": "reset"}
LEVEL = st.fixed_dictionaries(
    {
        **{
            path: st.sampled_from([None, "keep", "reset", *([one] for one in LEAVES[path])])
            for path in LEAVES
        },
        "schedule": st.sampled_from([None, None, *GROUP]),
    }
)
"""One level, plainly: of each leaf a value in a list, `keep`, `reset` or nothing; and of the group."""


def said(level: Mapping[str, Any], path: str) -> Any:
    of_group = GROUP.get(level["schedule"]) if path.startswith("schedule.") else None
    own = level.get(path)
    return of_group if own is None or (of_group == [None] and isinstance(own, list)) else own


def written(level: Mapping[str, Any]) -> dict[str, Any]:
    mapping: dict[str, Any] = {"schedule": None} if level["schedule"] == "null" else {}
    for path in LEAVES:
        group, _, leaf = path.rpartition(".")
        if isinstance(level[path], list) and not (group and level["schedule"] == "null"):
            (mapping.setdefault(group, {}) if group else mapping)[leaf] = level[path][0]
    for policy in ("keep", "reset"):
        mapping[policy] = [path for path, one in level.items() if one == policy]
    return mapping


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(preset=LEVEL, own=LEVEL, block=LEVEL)
def test_the_first_level_that_names_a_field_decides(
    preset: Mapping[str, Any], own: Mapping[str, Any], block: Mapping[str, Any]
) -> None:
    resource = written(own) | {"name": "M", "preset": "p", "targets": {"one": written(block)}}
    text = json.dumps({"presets": {"p": written(preset)}, "mailings": {"m": resource}})
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), {"a.yaml": text})
        (declared,) = load(Path(folder), MAILINGS, Path(folder), LETTERS).declared["one"]
    found = {path: [one.value] for path, one in declared.given.items()} | policies(declared)
    for path in (*LEAVES, "schedule.survey_id"):
        decided = (one for level in (block, own, preset) if (one := said(level, path)) is not None)
        assert found.get(path) == next(decided, None)


def fields(read: Read, text: str, target: str = "one") -> Mapping[str, str]:
    """Return what is accepted on a target, each with the level that says so."""
    (declared,) = read({"a.yaml": mailing(text)}).declared[target]
    return {path: one.origin.level for path, one in declared.accepted.items()}


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        (f"accept: [{NOTE}], note: a", {"note": "resource"}, {"note": "resource"}),
        (f"accept: [{NOTE}], keep: [note]", {"note": "resource"}, {"note": "resource"}),
        (f"accept: [{NOTE}], targets: {{one: {{note: a}}, two: {{}}}}", {}, {"note": "resource"}),
        (f"accept: [{NOTE}], targets: {{one: {{reset: [note]}}, two: {{}}}}", {}, {"note": "resource"}),
        (f"note: a, targets: {{one: {{accept: [{NOTE}]}}, two: {{}}}}", {"note": "target one"}, {}),
        (f"targets: {{one: {{note: a, accept: [{NOTE}]}}, two: {{}}}}", {"note": "target one"}, {}),
        (
            f"accept: [{NOTE}], targets: {{one: {{accept: [{NOTE}]}}, two: {{}}}}",
            {"note": "target one"},
            {"note": "resource"},
        ),
    ],
)
def test_it_holds_over_its_own_level_and_weaker_ones(
    loaded: Read, text: str, one: Mapping[str, str], two: Mapping[str, str]
) -> None:
    assert (fields(loaded, text), fields(loaded, text, "two")) == (one, two)


def test_a_group_is_all_that_stands_in_it_and_a_field_counts_more(loaded: Read) -> None:
    text = (
        "accept: [{field: schedule, until: 2026-12-31, reason: all}, "
        "{field: schedule.survey, until: 2027-01-31, reason: one}]"
    )
    (declared,) = loaded({"a.yaml": mailing(text)}).declared["one"]
    reasons = {path: one.reason for path, one in declared.accepted.items()}
    assert reasons == {"schedule.survey_id": "one", "schedule.at": "all", "schedule.days": "all"}


@pytest.mark.parametrize(
    ("entry", "code", "column"),
    [
        ("{field: ntoe, until: 2026-12-31, reason: r}", "unknown-field", 42),
        ("{field: note, until: 2026-13-31, reason: r}", "invalid-value", 55),
        ("{field: note, until: 2026-02-30, reason: r}", "invalid-value", 55),
        ("{field: note, until: 31-12-2026, reason: r}", "invalid-value", 55),
        ("{field: note, until: +21d, reason: r}", "invalid-value", 55),
        ("{field: note, until: 2026, reason: r}", "invalid-value", 55),
        ("{field: note, until: 2026-12-31}", "missing-field", 34),
        ("{field: note, reason: r}", "missing-field", 34),
        ("{until: 2026-12-31, reason: r}", "missing-field", 34),
        ('{field: note, until: 2026-12-31, reason: " "}', "too-short", 75),
        ('{field: note, until: 2026-12-31, reason: "a\\nb"}', "control-character", 75),
        ("{field: note, until: 2026-12-31, reason: r, why: r}", "unknown-field", 78),
        ("note", "wrong-type", 34),
    ],
)
def test_what_is_wrong_with_one_has_its_place(problems: Complain, entry: str, code: str, column: int) -> None:
    (found,) = problems({"a.yaml": mailing(f"accept: [{entry}]")})
    assert (found.code, found.place.line, found.place.column, found.key) == (code, 1, column, "mailings.m")
    assert found.hint


@pytest.mark.parametrize(
    ("zone", "now", "holds"),
    [
        ("", "2026-12-31T22:59:59Z", True),
        ("", "2026-12-31T23:00:00Z", False),
        ("", "2026-01-01T00:00:00Z", True),
        ("", "2027-06-01T00:00:00Z", False),
        ("time_zone: Asia/Tokyo\n", "2026-12-31T16:00:00Z", False),
    ],
)
def test_its_last_day_is_a_day_of_the_workspace(loaded: Read, zone: str, now: str, holds: bool) -> None:
    """In Amsterdam, where nothing else is said, the year is over an hour before UTC has it."""
    at = datetime.fromisoformat(now).timestamp()
    files = {"reconciler.yaml": SETTINGS + zone, "a.yaml": mailing(f"accept: [{NOTE}]")}
    read = as_of(loaded(files), at)
    assert bool(read.declared["one"][0].accepted) is holds
    assert [w.code for w in read.warnings] == ([] if holds else ["acceptance-ended"])


def test_one_that_has_ended_is_named_once_with_its_place(loaded: Read) -> None:
    entry = "{field: schedule, until: 2026-01-31, reason: an experiment}"
    at = datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    (warning,) = as_of(loaded({"a.yaml": mailing(f"accept: [{entry}]")}), at).warnings
    assert (str(warning.place), warning.key) == ("a.yaml:1:34", "mailings.m")
    assert warning.message == "schedule was accepted until 2026-01-31 (an experiment); it no longer is"
