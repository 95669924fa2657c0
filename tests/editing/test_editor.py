"""Edits one by one: what a file looks like before and after, and what is refused."""

from __future__ import annotations

import pytest

from reconciler.config.edits import REMOVE, Put, edit, ordered
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited

Edits = dict[str, Put]


def edited(text: str, edits: Edits, *names: str) -> str:
    order, paths = [*names], {tuple(path.split(".")): put for path, put in edits.items()}
    return edit(text.encode(), "a.yaml", paths, lambda _: order).decode()


B2: Edits = {"m.b": Put(2)}
EDITED: list[tuple[str, str, Edits, str]] = [
    ("a quote stays the quote", "a: 'x'\n", {"a": Put("it's")}, "a: 'it''s'\n"),
    ("what needs quotes gets them", "a: x\n", {"a": Put("09:00")}, 'a: "09:00"\n'),
    ("an escape for what is not seen", "a: x\n", {"a": Put("b\nc\u200f")}, 'a: "b\\nc\\u200f"\n'),
    ("a comment keeps its column", "a: x     # c\n", {"a": Put("xyz")}, "a: xyz   # c\n"),
    ("a comment is brought", "a: 1\n", {"a": Put(2, "two")}, "a: 2  # two\n"),
    ("another comment stays", "a: 1  # mine\n", {"a": Put(2, "two")}, "a: 2  # mine\n"),
    ("an anchor nobody uses stays", "a: &x 1\n", {"a": Put(2)}, "a: &x 2\n"),
    ("a block text", "a: |  # c\n  one\n  two\nb: 1\n", {"a": Put("x")}, "a: x  # c\nb: 1\n"),
    ("a list by a list", "a:\n  - 1\n  - 2\nb: 1\n", {"a": Put([3])}, "a:\n  - 3\nb: 1\n"),
    ("under another key", "a: 1\n", {"b": Put("x", instead_of="a")}, "b: x\n"),
    ("in JSON", '{"a": {"b": 1}}', {"a.b": Put("x")}, '{"a": {"b": "x"}}'),
    # added
    ("in its order", "m:\n  a: 1\n  c: 3\n", B2, "m:\n  a: 1\n  b: 2\n  c: 3\n"),
    ("below comments", "m:\n  a: 1\n    # of a\n", B2, "m:\n  a: 1\n    # of a\n  b: 2\n"),
    ("above other comments", "m:\n  a: 1\n# of m\n", B2, "m:\n  a: 1\n  b: 2\n# of m\n"),
    ("in a mapping that is new", "a: 1\n", {"m.b.c": Put(2)}, "a: 1\n\nm:\n  b:\n    c: 2\n"),
    ("with the file's step", "a:\n    b: 1\n", {"a.m.c": Put(2)}, "a:\n    b: 1\n\n    m:\n        c: 2\n"),
    ("first in flow style", "m: {b: 1}\n", {"m.a": Put(2)}, "m: {a: 2, b: 1}\n"),
    ("behind a last comma", "m: {a: 1,}\n", B2, "m: {a: 1, b: 2,}\n"),
    ("into nothing", "m: {}\n", {"m.r.t": Put({"id": 1})}, "m:\n  r:\n    t: {id: 1}\n"),
    ("into no file", "", {"m.r": Put(1)}, "m:\n  r: 1\n"),
    ("behind kept breaks", "m:\n  a: |+\n    x\n\n", {"m.b": Put(1)}, "m:\n  a: |+\n    x\n\n  b: 1\n"),
    # removed
    ("with its line", "a: 1\nb: 2  # c\nd: 3\n", {"b": REMOVE}, "a: 1\nd: 3\n"),
    ("and leaves an empty mapping", "a:\n  b: 1\nc: 2\n", {"a.b": REMOVE}, "a: {}\nc: 2\n"),
    ("all of a flow mapping", "a: {b: 1, c: 2}\n", {"a.b": REMOVE, "a.c": REMOVE}, "a: {}\n"),
    ("a line of a flow mapping", "a: {\n  b: 1, # b\n  c: 2\n}\n", {"a.b": REMOVE}, "a: {\n  c: 2\n}\n"),
    ("for another", "m:\n  a: 1\n", {"m.a": REMOVE, "m.b": Put(2)}, "m:\n  b: 2\n"),
    # a list of names becomes a mapping
    ("in flow style", "t: [x, v]  # c\n", {"t.v.id": Put(1)}, "t: {x: {}, v: {id: 1}}  # c\n"),
    ("on lines", "t:\n- x  # c\n-  v\n", {"t.z.id": Put(1)}, "t:\n  x: {}  # c\n  v: {}\n  z: {id: 1}\n"),
    ("a mapping already", "t: {x: {}}\n", {"t.x.id": Put(1)}, "t: {x: {id: 1}}\n"),
]


@pytest.mark.parametrize(
    ("before", "edits", "after"), [case[1:] for case in EDITED], ids=[c[0] for c in EDITED]
)
def test_an_edit_leaves_the_rest_as_it_stands(before: str, edits: Edits, after: str) -> None:
    assert edited(before, edits, "a", "b", "c", "m") == after


def test_a_flow_mapping_without_room_is_unfolded_as_it_stands() -> None:
    long = {f"t.production.field_{number}": Put("x" * 20) for number in range(4)}
    after = edited("t:\n  production: {id: 1, 'q': \"r\"}  # c\n", long)
    assert after.splitlines()[:4] == ["t:", "  production:  # c", "    id: 1", "    'q': \"r\""]
    assert after.splitlines()[4] == "    field_0: " + "x" * 20


LONG: list[Json] = ["x" * 44, "z" * 44]
KEEP = Put(LONG, reasons=("why", "why"))
WHY = Put(["x"], reasons=("why",))
BOTH = Put(["x", "z"], reasons=("one", "two"))
BROKEN: list[tuple[str, Edits, str]] = [
    ("m: {a: 1}\n", {"m.b": Put(LONG)}, f"m:\n  a: 1\n  b: [{LONG[0]}, {LONG[1]}]\n"),
    ("m: {a: {d: 1}}\n", {"m.a.b": Put(LONG)}, f"m:\n  a:\n    d: 1\n    b: [{LONG[0]}, {LONG[1]}]\n"),
    ("m: {a: x}\n", {"m.a": Put("x" * 95)}, f"m:\n  a: {'x' * 95}\n"),
    (f"m: {{a: {'x' * 95}}}\n", {"m.a": Put("y" * 96)}, f"m: {{a: {'y' * 96}}}\n"),
    ("m:\n  a: 1\n", {"m.b": KEEP}, f"m:\n  a: 1\n  b:  # why\n    - {LONG[0]}\n    - {LONG[1]}\n"),
    (
        "s: {r: {}}\n",
        {"s.r.t.p.keep": WHY, "s.r.t.p.m.a": Put(1, "one")},
        "s:\n  r:\n    t:\n      p:\n        keep: [x]  # why\n        m:\n          a: 1  # one\n",
    ),
    (
        "s:\n  r:\n    t: [x]       # c\n",
        {"s.r.t.p.a": Put("y" * 95)},
        f"s:\n  r:\n    t:  # c\n      x: {{}}\n      p:\n        a: {'y' * 95}\n",
    ),
    ("m: {a: 1}\n", {"m.b": BOTH}, "m:\n  a: 1\n  b:\n    - x  # one\n    - z  # two\n"),
    ("m: {a: {d: 1}}\n", {"m.a.b": BOTH}, "m:\n  a:\n    d: 1\n    b:\n      - x  # one\n      - z  # two\n"),
]


@pytest.mark.parametrize(("before", "edits", "after"), BROKEN)
def test_what_has_no_room_or_has_reasons_stands_on_lines(before: str, edits: Edits, after: str) -> None:
    """A line that was too long before is as its writer wanted it."""
    assert edited(before, edits) == after


def test_a_resource_is_set_apart_as_the_others_are() -> None:
    apart = "s:\n  one:\n    a: 1\n\n  two:\n    a: 2\n"
    close = apart.replace("\n\n", "\n")
    three: Edits = {"s.three.a": Put(3)}
    assert edited(apart, three).endswith("    a: 2\n\n  three:\n    a: 3\n")
    assert edited(close, three).endswith("    a: 2\n  three:\n    a: 3\n")


REFUSED: list[tuple[str, str, Edits, int]] = [
    ("edit-alias", "a: &x 1\nb: *x\n", {"b": Put(2)}, 2),
    ("edit-anchor", "a: &x 1\nb: *x\n", {"a": Put(2)}, 1),
    ("edit-anchor", "a: {c: &x 1}\nb: *x\n", {"a": REMOVE}, 1),
    ("edit-anchor", "a:\n  c: &x 1\nb: *x\n", {"a": Put(1)}, 2),
    ("edit-merge", "a: &x {c: 1}\nb:\n  <<: *x\n", {"b.c": Put(2)}, 3),
    ("edit-layout", "a: 1\n", {"a.b": Put(1)}, 1),
    ("edit-layout", "a: [1, {b: 1}]\n", {"a.b": Put({})}, 1),
    ("edit-layout", "? a\n: 1\n", {"b": Put(2)}, 1),
    ("edit-layout", "{a: 1,\nb: 2, c: 3}\n", {"b": REMOVE}, 2),
    ("yaml-documents", "a: 1\n---\nb: 1\n", {"a": Put(2)}, 2),
]


@pytest.mark.parametrize(("code", "before", "edits", "line"), REFUSED)
def test_what_is_not_safe_is_refused_with_its_place(code: str, before: str, edits: Edits, line: int) -> None:
    with pytest.raises(NotEdited) as refused:
        edited(before, edits)
    assert [(p.code, p.place.line, bool(p.hint)) for p in refused.value.problems] == [(code, line, True)]


def test_every_refusal_of_a_file_is_told_at_once() -> None:
    with pytest.raises(NotEdited) as refused:
        edited("a: &x 1\nb: *x\nc: *x\n", {"a": Put(2), "b": Put(2), "c": Put(2)})
    assert [problem.place.line for problem in refused.value.problems] == [1, 2, 3]


ORDERED = {
    "entries move": ("b: 1\na: 2\n", "a: 2\nb: 1\n"),
    "with the comment above": ("b: 1\n# of a\na: 2\n", "# of a\na: 2\nb: 1\n"),
    "with the comment below": ("b: 1\n  # of b\na: 2\n", "a: 2\nb: 1\n  # of b\n"),
    "blank lines stay": ("b: 1\n\na: 2\nc: 3\n", "a: 2\n\nb: 1\nc: 3\n"),
    "a comment by itself stays": ("# by itself\n\nb: 1\na: 2\n", "# by itself\n\na: 2\nb: 1\n"),
    "below other keys too": ("c:\n  b: 1\n  a: 2\nb: 3\n", "b: 3\nc:\n  a: 2\n  b: 1\n"),
    "in flow style": ("c: {b: 1,  a: [2]}\n", "c: {a: [2],  b: 1}\n"),
    "texts in block style": ("b: |+\n  x\n\na: 2\n", "a: 2\nb: |+\n  x\n\n"),
    "not where an anchor is set": ("b: &x 1\na: *x\n", "b: &x 1\na: *x\n"),
}


@pytest.mark.parametrize(("before", "after"), ORDERED.values(), ids=ORDERED)
def test_the_order_of_keys(before: str, after: str) -> None:
    def in_order(text: str) -> str:
        return ordered(text.encode(), "a.yaml", lambda _: ["a", "b", "c"]).decode()

    assert (in_order(before), in_order(after)) == (after, after)
    with pytest.raises(NotEdited, match="1 problem"):
        in_order(f"\t{before}")
