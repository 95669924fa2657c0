from __future__ import annotations

from collections import Counter

import pytest

from tests.config.conftest import SETTINGS, Complain, Read
from tests.config.toy import Posted


def letter(text: str, more: str = "") -> dict[str, str]:
    return {"a.yaml": f"letters:\n  l:\n    targets: [one]\n    {text}\n{more}"}


def one(read: Read, files: dict[str, str], target: str = "one") -> Posted:
    (posted,) = read(files).seeds[target]
    return posted


TWO = """\
letters:
  b: {targets: [one, two], customers: [{email: b}]}
  a: {targets: [two], customers: [{email: a}]}
"""


def test_seeds_stand_on_their_targets_count_as_resources_and_can_be_moved(loaded: Read) -> None:
    more = "mailings: {m: {name: M}}\nmoved: {old: a, older: m}"
    workspace = loaded({"a.yaml": TWO, "b.yaml": more})
    keys = {target: [seed.draft.key for seed in seeds] for target, seeds in workspace.seeds.items()}
    assert keys == {"one": ["letters.b"], "two": ["letters.a", "letters.b"]}
    assert workspace.count == 3
    assert workspace.moved == {"letters.old": "letters.a", "mailings.older": "mailings.m"}


BLOCK = """\
letters:
  l:
    targets: {one: {note: block, customers: [{email: c}], customers_from: null}, two: {}}
    note: own
    customers: [{email: a}, {email: b}]
    customers_from: t.csv
"""


def test_the_block_of_a_target_decides_lists_replace_and_a_file_comes_after_them(loaded: Read) -> None:
    files = {"a.yaml": BLOCK, "t.csv": "email\nd\n"}
    at_one, at_two = one(loaded, files), one(loaded, files, "two")
    assert (at_one.draft.fields.note, at_one.emails) == ("block", ["c"])
    assert (at_two.draft.fields.note, at_two.emails) == ("own", ["a", "b", "d"])
    places = [str(customer.written[0].place) for customer in at_two.draft.customers]
    assert places == ["a.yaml:5:17", "a.yaml:5:29", "t.csv:2:1"]


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


@pytest.mark.parametrize(
    ("named", "message"),
    [("k", ""), ("m", "m does not live on target one"), ("mm", "mm is not declared"), ("l", "l is a seed")],
)
def test_a_seed_waits_for_resources_of_its_target_only(named: str, message: str, problems: Complain) -> None:
    more = "mailings: {m: {name: M, targets: [two]}, k: {name: K}}"
    found = problems(letter(f"customers: [{{email: a}}]\n    after: [{named}]", more))
    expected = [("unknown-key", message, 5)] if message else []
    assert [(one.code, one.message, one.place.line) for one in found] == expected


WHOLE = "letters:\n  l: {%s, customers: [{email: a}]}"


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "hint"),
    [
        # where it lives
        ("letters:\n  l: {customers: [{email: a}]}", "missing-field", 2, 3, "add targets"),
        (WHOLE % "targets: one", "wrong-type", 2, 16, "write [one]"),
        (WHOLE % "targets: []", "no-target", 2, 16, "name at least one"),
        (WHOLE % "targets: {one: {targets: [two]}}", "misplaced", 2, 23, "it stands on the seed"),
        ("letters:\n  -l: {targets: [one]}", "invalid-name", 2, 3, "use at most 100 letters"),
        # what is for resources only
        *(
            (WHOLE % f"targets: [one], {name}", "misplaced", 2, 23, "a seed has no live state")
            for name in ("keep: [note]", "id: 3", "absent: true")
        ),
        (WHOLE % "targets: [one], preset: p", "misplaced", 2, 23, "presets do not apply to seeds"),
        # its own fields, and those of customers
        *(
            (f"letters:\n  l:\n    targets: [one]\n    {text}\n", code, 4, column, hint)
            for text, code, column, hint in (
                ("defaults: {email: a}", "misplaced", 16, "every customer has its own"),
                ("customers: [a]", "wrong-type", 17, "write {email"),
                ("customers: [{number: 3}]", "missing-field", 17, "add email"),
                ("customers: [{email: a, note: b}]", "misplaced", 28, "it stands on the seed itself"),
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


ALONE = "letters: {l: {targets: %s, customers: [{email: a}]}}"
WRONG = "customers: [{number: 3}, {email: Europe/Amsterdam}, {email: a, nub: 1}]"
TOGETHER = """\
letters:
  a: {targets: [one], customers: [{email: x}]}
  b: {targets: [one], customers: [{email: w}, {email: x}]}
  c: {targets: [two], customers: [{email: x}]}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ALONE % "[one, two], pages: 0", ["toy-empty 1:43"]),
        (ALONE % "{one: {pages: 1}}, pages: x", ["wrong-type 1:50"]),
        (letter(WRONG)["a.yaml"], ["missing-field 4:17", "toy-zone 4:38", "unknown-field 4:68"]),
        ("letters:\n  l: {targets: [one], pages: 1}", ["toy-nobody 2:3"]),
        (TOGETHER, ["toy-twice 3:55"]),
    ],
    ids=["once for all targets", "what every target overrides", "wrong customers", "missing", "together"],
)
def test_findings_stand_where_they_belong(text: str, expected: list[str], problems: Complain) -> None:
    found = problems({"a.yaml": text})
    assert [f"{one.code} {one.place.line}:{one.place.column}" for one in found] == expected


def test_problems_of_seeds_come_with_all_others(problems: Complain) -> None:
    files = letter("customers_from: t.csv", "mailings: {m: {}}") | {
        "t.csv": "email;number\na;b\n",
        "b.yaml": "mailings: {k: {name: K, noet: a}}",
        "reconciler.yaml": SETTINGS + "time_zone: Mars\n",
    }
    assert [f"{one.code} {one.place}" for one in problems(files)] == [
        "toy-nameless a.yaml:5:12", "unknown-field b.yaml:1:25", "unknown-time-zone reconciler.yaml:5:12",
        "wrong-type t.csv:2:2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "count", "code", "line"),
    [
        ("email,number\n" + "a,x\n" * 5_000, 1, "wrong-type", 1),
        ("number,email\n" + "1,\n" * 5_000, 1, "missing-field", 2),
        ("email\n" + "Europe/Amsterdam\n" * 5_000, 1, "toy-zone", 1),
        ("email\n" + "".join(f"{number}\n" for number in range(10_001)), 1, "too-long", 10_002),
    ],
    ids=["a wrong column", "an empty column", "findings", "customers"],
)
def test_many_problems_are_not_all_told_and_a_seed_has_an_end(
    rows: str, count: int, code: str, line: int, problems: Complain
) -> None:
    found = problems(letter("customers_from: t.csv") | {"t.csv": rows})
    assert len(found) == count
    assert [p.place.line for p in found if p.code == code] == [line]


def test_of_customers_that_are_no_table_not_all_findings_are_told(problems: Complain) -> None:
    found = problems(letter(f"customers: [{'{email: Europe/Amsterdam}, ' * 150}]"))
    assert Counter(problem.code for problem in found) == {"toy-zone": 100, "too-many-problems": 1}
