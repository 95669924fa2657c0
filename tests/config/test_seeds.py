from __future__ import annotations

import pytest

from reconciler.problems import Severity
from tests.config.conftest import SETTINGS, Complain, Read
from tests.config.toy import Posted


def letter(text: str, more: str = "") -> dict[str, str]:
    return {"a.yaml": f"letters:\n  l:\n    targets: [one]\n    {text}\n{more}"}


def one(read: Read, files: dict[str, str], target: str = "one") -> Posted:
    (posted,) = read(files).seeds[target]
    return posted


def told(problems: Complain, files: dict[str, str]) -> list[tuple[str, str, int, int]]:
    return [(p.code, p.place.file, p.place.line, p.place.column) for p in problems(files)]


TWO = """\
letters:
  b: {targets: [one, two], customers: [{email: b}]}
  a: {targets: [two], customers: [{email: a}]}
"""


def test_seeds_stand_on_their_targets_count_as_resources_and_can_be_moved(loaded: Read) -> None:
    workspace = loaded({"a.yaml": TWO, "b.yaml": "mailings: {m: {name: M}}\nmoved: {old: a, older: m}"})
    keys = {target: [seed.draft.key for seed in seeds] for target, seeds in workspace.seeds.items()}
    assert keys == {"one": ["letters.b"], "two": ["letters.a", "letters.b"]}
    assert workspace.count == 3
    assert workspace.moved == {"letters.old": "letters.a", "mailings.older": "mailings.m"}


def test_the_block_of_a_target_decides_and_lists_replace(loaded: Read) -> None:
    text = """\
letters:
  l:
    targets:
      one: {note: block, customers: [{email: c}]}
      two: {}
    note: own
    pages: 3
    customers: [{email: a}, {email: b}]
"""
    at_one, at_two = one(loaded, {"a.yaml": text}), one(loaded, {"a.yaml": text}, "two")
    assert (at_one.draft.fields.note, at_one.draft.fields.pages, at_one.emails) == ("block", 3, ["c"])
    assert (at_two.draft.fields.note, at_two.draft.fields.pages, at_two.emails) == ("own", 3, ["a", "b"])


def test_defaults_lie_under_every_customer_and_those_of_the_block_over_the_others(loaded: Read) -> None:
    text = """\
letters:
  l:
    targets: {one: {defaults: {number: 2, data: {B: block}}}}
    defaults: {number: 1, is_kind: true, data: {A: own, B: own, C: own}}
    customers: [{email: a, number: 3, data: {C: customer}}, {email: b}]
"""
    draft = one(loaded, {"a.yaml": text}).draft
    first, second = draft.customers
    assert (first.fields.number, second.fields.number, second.fields.is_kind) == (3, 2, True)
    assert first.fields.data == {"A": "own", "B": "block", "C": "customer"}
    assert second.fields.data == {"A": "own", "B": "block", "C": "own"}
    places = [str(draft.place_of(f"customers.0.data.{name}")) for name in "ABC"]
    assert places == ["a.yaml:4:52", "a.yaml:3:53", "a.yaml:5:49"]


def test_anchors_and_merge_keys_work_as_everywhere(loaded: Read) -> None:
    text = """\
letters:
  a: &a
    targets: [one]
    customers: [&c {email: a, data: {A: x}}]
  b:
    <<: *a
    customers: [{<<: *c, email: b}]
"""
    first, second = loaded({"a.yaml": text}).seeds["one"]
    assert (first.emails, second.emails) == (["a"], ["b"])
    assert str(second.draft.place_of("customers.0.data.A")) == "a.yaml:4:41"


def test_customers_come_inline_and_then_from_a_file(loaded: Read) -> None:
    files = letter("customers: [{email: a}]\n    customers_from: sub/t.csv") | {"sub/t.csv": "email\nb\nc\n"}
    posted = one(loaded, files)
    assert posted.emails == ["a", "b", "c"]
    places = [str(customer.written[0].place) for customer in posted.draft.customers]
    assert places == ["a.yaml:4:17", "sub/t.csv:2:1", "sub/t.csv:3:1"]


def test_a_block_may_take_the_file_away(loaded: Read) -> None:
    text = (
        "letters: {l: {targets: {one: {customers_from: null}}, customers: [{email: a}], customers_from: t}}"
    )
    assert one(loaded, {"a.yaml": text}).emails == ["a"]


@pytest.mark.parametrize("named", ["m", "mailings.m"])
def test_a_seed_waits_for_resources_of_its_target(named: str, loaded: Read) -> None:
    files = letter(f"customers: [{{email: a}}]\n    after: [{named}]", "mailings: {m: {name: M}}")
    assert one(loaded, files).draft.after == ("mailings.m",)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("m", "m does not live on target one"),
        ("mm", "mm is not declared"),
        ("l", "l is a seed"),
        ("letters.l", "letters.l is a seed"),
    ],
)
def test_a_seed_waits_for_nothing_else(named: str, message: str, problems: Complain) -> None:
    more = "mailings: {m: {name: M, targets: [two]}}"
    (problem,) = problems(letter(f"customers: [{{email: a}}]\n    after: [{named}]", more))
    assert (problem.code, problem.message, problem.place.line) == ("unknown-key", message, 5)


def test_what_stands_in_a_file_that_was_not_read_is_not_missed(problems: Complain) -> None:
    files = letter("customers: [{email: a}]\n    after: [m]") | {"b.yaml": "mailings: {m: ["}
    assert [problem.code for problem in problems(files)] == ["yaml-syntax"]


WHOLE = "letters:\n  l: {%s, customers: [{email: a}]}"


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "hint"),
    [
        # where it lives
        ("letters:\n  l: {customers: [{email: a}]}", "missing-field", 2, 3, "add targets"),
        (WHOLE % "targets: null", "wrong-type", 2, 16, "write [one, two]"),
        (WHOLE % "targets: one", "wrong-type", 2, 16, "write [one, two]"),
        (WHOLE % "targets: []", "no-target", 2, 16, "name at least one"),
        (WHOLE % "targets: [three]", "unknown-target", 2, 17, "known: one, two"),
        (WHOLE % "targets: {one: 3}", "wrong-type", 2, 22, "write a mapping"),
        (WHOLE % "targets: {one: {targets: [two]}}", "misplaced", 2, 23, "it stands on the seed"),
        ("letters:\n  l: [a]", "wrong-type", 2, 6, "write a mapping"),
        ("letters:\n  -l: {targets: [one]}", "invalid-name", 2, 3, "use at most 100 letters"),
        # what is for resources only
        *(
            (WHOLE % f"targets: [one], {name}", "misplaced", 2, 23, "a seed has no live state")
            for name in ("keep: [note]", "reset: []", "id: 3", "absent: true", "hidden: true")
        ),
        (WHOLE % "targets: [one], preset: p", "misplaced", 2, 23, "presets do not apply to seeds"),
        # its own fields, and those of customers
        *(
            (f"letters:\n  l:\n    targets: [one]\n    {text}\n", code, 4, column, hint)
            for text, code, column, hint in (
                ("noet: a", "unknown-field", 5, "write note"),
                ("email: a", "unknown-field", 5, "write customers.email: email stands under customers"),
                ("note: longer than ten", "too-long", 11, "shorten it"),
                ("defaults: 3", "wrong-type", 15, "write a mapping"),
                ("defaults: {email: a}", "misplaced", 16, "every customer has its own"),
                ("defaults: {number: 10}", "out-of-range", 24, "write a number not above 9"),
                ("customers: {}", "wrong-type", 16, "write a list"),
                ("customers: [a]", "wrong-type", 17, "write {email"),
                ("customers: [{number: 3}]", "missing-field", 17, "add email"),
                ("customers: [{email: a, note: b}]", "misplaced", 28, "it stands on the seed itself"),
                ("customers: [{email: a, nubmer: 3}]", "unknown-field", 28, "write number"),
                ("customers: [{email: a, data: {A: 3}}]", "wrong-type", 38, 'write "3"'),
                ("customers_from: 3", "wrong-type", 21, 'write "3"'),
            )
        ),
    ],
)
def test_what_is_wrong_with_a_seed_is_told_where_it_stands(
    text: str, code: str, line: int, column: int, hint: str, problems: Complain
) -> None:
    (problem,) = problems({"a.yaml": text})
    assert (problem.code, problem.place.line, problem.place.column) == (code, line, column)
    assert problem.hint.startswith(hint)


def test_a_finding_is_told_at_its_field_and_once_for_all_targets(problems: Complain) -> None:
    text = "letters: {l: {targets: [one, two], pages: 0, customers: [{email: a}]}}"
    (problem,) = problems({"a.yaml": text})
    assert (problem.code, problem.severity, problem.place.column) == ("toy-empty", Severity.WARNING, 43)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            letter("customers: [{number: 3}, {email: Europe/Amsterdam}, {email: a, nub: 1}]")["a.yaml"],
            [("missing-field", 4, 17), ("toy-zone", 4, 38), ("unknown-field", 4, 68)],
        ),
        (
            "letters: {l: {targets: {one: {pages: 1}}, pages: x, customers: [{email: a}]}}",
            [("wrong-type", 1, 50)],
        ),
        ("letters:\n  l: {targets: [one], pages: 1}", [("toy-nobody", 2, 3)]),
        (
            "letters:\n  l:\n    targets: {one: {customers: [{email: Europe/Amsterdam}]}, two: {}}\n",
            [("toy-nobody", 2, 3), ("toy-zone", 3, 41)],
        ),
        (
            """\
letters:
  a: {targets: [one], customers: [{email: x}]}
  b: {targets: [one], customers: [{email: w}, {email: x}]}
  c: {targets: [two], customers: [{email: x}]}
""",
            [("toy-twice", 3, 55)],
        ),
    ],
    ids=[
        "wrong customers",
        "what every target overrides",
        "what is missing",
        "on another target",
        "together",
    ],
)
def test_findings_stand_where_they_belong(
    text: str, expected: list[tuple[str, int, int]], problems: Complain
) -> None:
    found = told(problems, {"a.yaml": text})
    assert [(code, line, column) for code, _, line, column in found] == expected


def test_problems_of_seeds_come_with_all_others(problems: Complain) -> None:
    files = letter("customers_from: t.csv", "mailings: {m: {}}") | {
        "t.csv": "email;number\na;b\n",
        "b.yaml": "mailings: {k: {name: K, noet: a}}",
        "reconciler.yaml": SETTINGS + "time_zone: Mars\n",
    }
    assert told(problems, files) == [
        ("toy-nameless", "a.yaml", 5, 12),
        ("unknown-field", "b.yaml", 1, 25),
        ("unknown-time-zone", "reconciler.yaml", 5, 12),
        ("wrong-type", "t.csv", 2, 2),
    ]


@pytest.mark.parametrize(
    ("rows", "count", "code", "line"),
    [
        ("email,number\n" + "a,x\n" * 5_000, 101, "too-many-problems", 102),
        ("email\n" + "Europe/Amsterdam\n" * 5_000, 101, "too-many-problems", 2),
        ("email\n" + "".join(f"{number}\n" for number in range(10_001)), 1, "too-long", 10_002),
    ],
    ids=["wrong customers", "findings", "customers"],
)
def test_many_problems_are_not_all_told_and_a_seed_has_an_end(
    rows: str, count: int, code: str, line: int, problems: Complain
) -> None:
    found = problems(letter("customers_from: t.csv") | {"t.csv": rows})
    assert len(found) == count
    assert [p.place.line for p in found if p.code == code] == [line]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("customers: [{email: a, data: {A: +31612345678}}]", "31612345678"),
        ("customers: [{email: 0612345678}]", "0612345678"),
        ("defaults: {data: {A: 012345}}\n    customers: [{email: a}]", "012345"),
        ("customers: [{email: a, data: {A: 11:30}}]", "11:30"),
        ("customers: [{email: a, data: {A: off}}]", "off"),
    ],
)
def test_a_personal_value_is_not_repeated(text: str, value: str, problems: Complain) -> None:
    found = problems(letter(text))
    assert found
    assert all(value not in problem.message + problem.hint for problem in found)
    assert "quotes" in found[0].hint


def test_any_other_value_is_repeated(problems: Complain) -> None:
    (problem,) = problems(letter("note: 11:30\n    customers: [{email: a}]"))
    assert problem.hint == 'write "11:30"'
