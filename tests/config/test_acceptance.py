"""`accept:` tolerates one known drift until a day, with a reason; which level decides, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from reconciler.config.load import as_of
from tests.config.conftest import SETTINGS, Complain, Read

NOTE = "{field: note, until: 2026-12-31, reason: an experiment}"


def mailing(text: str) -> str:
    return f"mailings: {{m: {{name: M, {text}}}}}\n"


def fields(read: Read, text: str, target: str = "one") -> Mapping[str, str]:
    """Return what is accepted on a target, each with the level that says so."""
    (declared,) = read({"a.yaml": mailing(text)}).declared[target]
    return {path: one.origin.level for path, one in declared.accepted.items()}


def test_an_acceptance_says_field_day_reason_and_place(loaded: Read) -> None:
    (declared,) = loaded({"a.yaml": mailing(f"accept: [{NOTE}]")}).declared["one"]
    accepted = declared.accepted["note"]
    assert (accepted.field, accepted.until.isoformat(), accepted.reason) == (
        "note",
        "2026-12-31",
        "an experiment",
    )
    assert (accepted.origin.place.line, accepted.origin.place.column) == (1, 34)


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


def test_one_field_is_accepted_once_at_a_level(problems: Complain) -> None:
    (found,) = problems({"a.yaml": mailing(f"accept: [{NOTE}, {NOTE}]")})
    assert (found.code, found.place.column, found.hint) == ("named-twice", 91, "keep one of the two")


def test_a_preset_accepts_nothing(problems: Complain) -> None:
    text = f"presets: {{p: {{accept: [{NOTE}]}}}}\n" + mailing("preset: p")
    assert [problem.code for problem in problems({"a.yaml": text})] == ["misplaced"]


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-12-31T22:59:59Z", True),
        ("2026-12-31T23:00:00Z", False),
        ("2026-01-01T00:00:00Z", True),
        ("2027-06-01T00:00:00Z", False),
    ],
)
def test_its_last_day_is_a_day_of_the_workspace(loaded: Read, now: str, holds: bool) -> None:
    """In Amsterdam, where nothing else is said, the year is over an hour before UTC has it."""
    at = datetime.fromisoformat(now).astimezone(UTC).timestamp()
    read = as_of(loaded({"a.yaml": mailing(f"accept: [{NOTE}]")}), at)
    assert bool(read.declared["one"][0].accepted) is holds
    assert [w.code for w in read.warnings] == ([] if holds else ["acceptance-ended"])


def test_another_time_zone_has_another_midnight(loaded: Read) -> None:
    files = {"reconciler.yaml": SETTINGS + "time_zone: Asia/Tokyo\n", "a.yaml": mailing(f"accept: [{NOTE}]")}
    at = datetime(2026, 12, 31, 16, tzinfo=UTC).timestamp()
    assert as_of(loaded(files), at).declared["one"][0].accepted == {}


def test_one_that_has_ended_is_named_once_with_its_place(loaded: Read) -> None:
    entry = "{field: schedule, until: 2026-01-31, reason: an experiment}"
    at = datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    (warning,) = as_of(loaded({"a.yaml": mailing(f"accept: [{entry}]")}), at).warnings
    assert (warning.place.line, warning.place.column, warning.key) == (1, 34, "mailings.m")
    assert warning.message == "schedule was accepted until 2026-01-31 (an experiment); it no longer is"
