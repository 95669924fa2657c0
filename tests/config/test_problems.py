from __future__ import annotations

from typing import NamedTuple

import pytest

from reconciler.problems import Place, Severity
from tests.config.conftest import NOTE, SETTINGS, Complain, Files, mailing, target


class Case(NamedTuple):
    """One mistake in one file, and where it is told."""

    code: str
    content: str
    line: int
    column: int
    key: str = ""
    settings: bool = False

    @property
    def file(self) -> str:
        return "reconciler.yaml" if self.settings else "a.yaml"


def letter(text: str) -> str:
    return f"letters: {{l: {{targets: [one], {text}}}}}\n"


def setting(code: str, text: str, column: int) -> Case:
    """A mistake in what stands on the line of a target."""
    return Case(code, target(text), 3, column, ONE, settings=True)


M, L, ONE = "mailings.m", "letters.l", "targets.one"

MANY_FIELDS = ",".join(f"x{number}: 1" for number in range(101))

CASES = [
    Case("too-many-problems", mailing(MANY_FIELDS), 1, 12, M),
    Case("control-character", mailing(r'schedule: {survey: "a\nb"}'), 1, 44, M),
    Case("unknown-section", "mailing: {}", 1, 1),
    Case("unknown-field", mailing("keep: [notes]"), 1, 32, M),
    Case("misplaced", mailing("targets: {one: {preset: a}}"), 1, 41, M),
    Case("missing-field", mailing("columns: [{number: 1}]"), 1, 35, M),
    Case("missing-field", "version: 1", 1, 1, settings=True),
    Case("wrong-type", mailing("is_open: 1"), 1, 34, M),
    Case("wrong-type", "mailings: []", 1, 11),
    Case("too-long", mailing("note: more than ten"), 1, 31, M),
    Case("too-short", mailing('columns: [{number: 1, fills: ""}]'), 1, 54, M),
    Case("unknown-choice", mailing("undeclared: kep"), 1, 37, M),
    Case("invalid-value", mailing("schedule: {at: nine}"), 1, 40, M),
    Case("invalid-name", "mailings: {-m: {name: M}}", 1, 12),
    Case("newer-version", "version: 2\ntargets: {one: {}}", 1, 10, settings=True),
    Case("unknown-target", target("", "default_target: three"), 4, 17, settings=True),
    Case("unknown-target", "guardrails: {three: {}}", 1, 14),
    Case("unknown-time-zone", target("", "time_zone: Europe/Delft"), 4, 12, settings=True),
    setting("inline-secret", 'checkmarket: {url: "sandbox:", key: hunter2}', 45),
    setting("foreign-variable", 'checkmarket: {url: "sandbox:", key: {env: GITHUB_TOKEN}}', 51),
    setting("missing-credentials", 'checkmarket: {url: "https://a.example"}', 9),
    setting("url-with-credentials", 'checkmarket: {url: "https://a:b@a.example"}', 28),
    Case("declared-twice", mailing("targets: [one, one]"), 1, 40, M),
    Case("named-twice", mailing("note: a, keep: [note]"), 1, 41, M),
    Case("unused-preset", "presets: {p: {note: a}}", 1, 11),
    Case("unknown-name", mailing("targets: [one], list: olds"), 1, 41, M),
    Case("no-target", mailing("targets: []"), 1, 34, M),
    Case("contradiction", mailing("absent: true, hidden: true"), 1, 12, M),
    Case("unreadable-file", letter("customers: [{email: a}], customers_from: t.csv"), 1, 72, L),
    Case("moved-nowhere", "moved: {a: b}", 1, 12),
    Case("moved-in-place", "mailings: {a: {name: A}, b: {name: B}}\nmoved: {a: b}", 2, 9),
    Case("moved-in-chain", "mailings: {c: {name: C}}\nmoved: {a: b, b: c}", 2, 12),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.code}-{n}" for n, case in enumerate(CASES)])
def test_each_mistake_is_one_problem_with_its_code_its_place_and_what_to_do(
    case: Case, problems: Complain
) -> None:
    found = problems({case.file: case.content})
    assert {problem.code for problem in found} == {case.code} or case.code == "too-many-problems"
    first = next(problem for problem in found if problem.code == case.code)
    place = Place(case.file, case.line, case.column)
    assert (first.place, first.key) == (place, case.key)
    assert all(problem.message and problem.hint for problem in found)


FIELDS = "mailings: {m: {name: M, %s}}"
MOVED = "mailings: {m: {name: M}, k: {name: K}}\nmoved: %s"
PRESET = "presets: {p: {%s}}\nmailings: {m: {name: M, preset: p}}"
URL = target('checkmarket: {url: "%s", key: {env: A}, master_key: {env: B}}')
RECIPIENT = target('expoints: {url: "sandbox:", allowed_recipients: ["%s"]}')
TOP = "%s\ntargets: {one: {}}\n"
ALIKE: list[tuple[str, str, tuple[str, ...]]] = [
    ("named-twice", FIELDS, (
        "note: a, keep: [note]", "note: a, reset: [note]", "keep: [note], reset: [note]",
        "keep: [note, note]", "keep: [schedule], reset: [schedule]", "schedule: null, keep: [schedule]",
        "list: news, list_id: 3", "schedule: {survey: A}, keep: [schedule.survey_id]",
        "keep: [schedule.survey], reset: [schedule.survey_id]", f"accept: [{NOTE}, {NOTE}]",
    )),
    ("moved-in-chain", MOVED, ("{a: b, b: a}", "{a: a}")),
    ("contradiction", MOVED, ("{a: m, b: m}",)),
    ("wrong-type", MOVED, ("{a: 1}",)),
    ("invalid-name", MOVED, ("{-a: m}",)),
    ("misplaced", PRESET, (
        "name: A", "id: 3", "targets: [one]", "preset: b", "absent: true", "hidden: true",
        f"accept: [{NOTE}]",
    )),
    ("url-with-path", URL, tuple(f"https://api.example{end}" for end in ("/v3", "?x=1", "#x"))),
    ("documentation-url", URL, ("https://api.example/Help/Api/PUT-3", "https://api.example/help")),
    ("insecure-url", URL, ("http://api.example", "http://localhost.example", "ftp://api.example")),
    ("invalid-url", URL, (
        "https://", "api.example", "https://api.example:x", "https://[::1", "sandbox", "", "https://a b",
    )),
    ("invalid-recipient", RECIPIENT, ("*", "@a.example", "a@b", "*@*.example", "a@b@c.example")),
    ("unknown-choice", TOP, ("version: 0", "version: true", 'version: "1"', "version: 1.5")),
    ("unknown-time-zone", "version: 1\ntime_zone: " + TOP, (
        "localtime", "Mars", "../etc/passwd", "/etc/passwd", "3", '"\\t"',
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text"), [(code, whole % text) for code, whole, texts in ALIKE for text in texts]
)
def test_whatever_is_wrong_in_one_way_has_one_code(code: str, text: str, problems: Complain) -> None:
    file = "reconciler.yaml" if "version:" in text else "a.yaml"
    found = problems({file: text})
    assert {problem.code for problem in found} == {code}
    assert all(problem.message and problem.hint for problem in found)
    # An address may be personal, so it is not repeated.
    assert all("@" not in problem.message for problem in found)


MANY = """\
mailings:
  a:
    naem: A
    preset: nowhere
    list: nothing
    is_open: yes
    schedule: {at: nine, days: 100, survey: S, survey_id: 3}
    targets: [two, thre]
  b: {note: 012, note: b, undeclared: never}
  .c: {}
moved: {x: w}
version: 1
"""


def test_every_mistake_of_a_file_is_a_problem_of_its_own(problems: Complain) -> None:
    found = [f"{p.place.line} {p.code}" for p in problems({"a.yaml": MANY})]
    assert found == [
        "3 unknown-field", "4 unknown-preset", "5 unknown-name", "6 yaml-implicit-bool", "7 invalid-value",
        "7 out-of-range", "7 named-twice", "8 unknown-target", "9 yaml-leading-zero", "9 duplicate-key",
        "9 unknown-choice", "10 invalid-name", "11 moved-nowhere", "12 misplaced",
    ]  # fmt: skip


def test_one_key_in_two_files_names_both_places(problems: Complain) -> None:
    (problem,) = problems({"a.yaml": "mailings: {m: {name: M}}", "b.yaml": "mailings: {m: {name: M}}"})
    assert (problem.code, problem.place.file) == ("declared-twice", "b.yaml")
    assert "a.yaml:1:12" in problem.message


def test_a_finding_of_a_section_is_told_once_for_all_targets_and_at_its_field(problems: Complain) -> None:
    (problem,) = problems({"a.yaml": mailing("note: old")})
    assert (problem.code, problem.severity, problem.place.column) == ("toy-old", Severity.WARNING, 25)


def test_warnings_come_with_errors(problems: Complain) -> None:
    found = problems({"a.yaml": mailing("note: old"), "reconciler.yaml": SETTINGS + "undeclared: x\n"})
    assert [problem.code for problem in found] == ["toy-old", "unknown-choice"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.yaml": "mailings: {m: {name: M, is_open: no}}"}, "yaml-implicit-bool"),
        ({"a.yaml": mailing("preset: p"), "b.yaml": "presets: {p: ["}, "yaml-syntax"),
        ({"a.yaml": "mailings: {m: {preset: p}}\npresets: {p: {x: 1}}"}, "unknown-field"),
        ({"a.yaml": "moved: {a: b}", "b.yaml": "mailings: {b: ["}, "yaml-syntax"),
        ({"a.yaml": mailing("list: x"), "reconciler.yaml": target("contact_lists: 1")}, "wrong-type"),
        ({"a.yaml": letter("customers: 3")}, "wrong-type"),
        (
            {"a.yaml": letter("customers: [{email: a}], after: [m]"), "b.yaml": "mailings: {m: ["},
            "yaml-syntax",
        ),
        ({"a.yaml": letter("customers_from: gone.csv")}, "unreadable-file"),
        ({"a.yaml": letter("pages: 1"), "reconciler.yaml": "version: 1\ntargets: {one: 1}"}, "wrong-type"),
    ],
)
def test_what_only_follows_from_a_mistake_is_not_told(files: Files, code: str, problems: Complain) -> None:
    assert [problem.code for problem in problems(files)] == [code]
