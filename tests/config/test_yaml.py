from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from reconciler.config import yaml
from reconciler.config.nodes import Document
from reconciler.problems import Place
from tests.config.conftest import Complain


def read(text: str | bytes) -> Document:
    return yaml.read(text if isinstance(text, bytes) else text.encode(), "f.yaml")


def codes(document: Document) -> list[str]:
    return [problem.code for problem in document.problems]


MEANT: Mapping[str, object] = {
    "null": None, "TRUE": True, "False": False, "0": 0, "-7": -7, "1.50": 1.5,
    "9223372036854775807": 9223372036854775807, "a text": "a text", "2026-01-02": "2026-01-02",
    "10.0.0.1": "10.0.0.1", "+21d": "+21d", "30%": "30%", "maybe": "maybe", "=": "=", '"09:00"': "09:00",
    "'no'": "no", '"012"': "012", '"~"': "~", '""': "", "|\n  09:00\n  no\n": "09:00\nno\n", "{}": {},
    "[1, two]": [1, "two"], r'"\n\t"': "\n\t",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), MEANT.items())
def test_a_scalar_means_what_every_reader_takes_it_for(text: str, value: object) -> None:
    document = read(f"a: {text}")
    assert document.problems == ()
    assert document.top.value == {"a": value}


QUOTED: Mapping[str, Sequence[str]] = {
    "yaml-implicit-bool": ("no", "Yes", "ON", "off", "y"),
    "yaml-sexagesimal": ("09:00", "190:20:30.15"),
    "yaml-leading-zero": ("012", "-007", "00.5"),
    "yaml-number-form": ("0o14", "0x1F", "0b11", "1_000", "+12", ".5", "5.", "1e5", "-.INF", ".NaN"),
}
HINTED = {
    ("yaml-number-too-large", "quotes"): ("9223372036854775808", "1" * 100_000, "1" + ":11" * 400),
    ("yaml-null-form", "null"): ("~", "NULL"),
    ("empty-value", "null"): ("",),
    ("yaml-tag", "remove"): ("!!python/object/apply:os.system [ls]", "!x 1"),
    ("yaml-tag", "quotes"): ("!!str 1", "! 1"),
    ("control-character", "remove"): (r'"\e[31m"', r'"\u202e"'),
    ("yaml-undefined-alias", "&b"): ("*b",),
    ("yaml-recursive-alias", "&a"): ("&a [*a]",),
}


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        *((text, code, f'"{text}"') for code, texts in QUOTED.items() for text in texts),
        *((text, code, hint) for (code, hint), texts in HINTED.items() for text in texts),
    ],
)
def test_a_scalar_that_readers_disagree_on_is_refused_with_the_right_form(
    text: str, code: str, hint: str
) -> None:
    (problem,) = read(f"a: {text}").problems
    assert problem.code == code
    assert hint in problem.hint
    assert problem.place.line == 1


KEYS = {
    "yaml-implicit-bool": ("no",),
    "yaml-null-form": ("~",),
    "non-string-key": ("12", "true", "? [a]\n", "? {a: 1}\n"),
    "yaml-tag": ("!x a",),
    "control-character": (r'"\e"',),
    "": ("a", "'no'", '"<<"', "&x a"),
}


@pytest.mark.parametrize(("key", "code"), [(key, code) for code, keys in KEYS.items() for key in keys])
def test_keys_are_text_by_the_same_rules(key: str, code: str) -> None:
    assert codes(read(f"{key}: 1")) == ([code] if code else [])


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [1", "yaml-syntax", 1, 4),
        ("text", "not-a-mapping", 1, 1),
        ("%TAG ! x\n---\na: 1", "yaml-directive", 1, 1),
        (b"a: 1\nb: \xff", "yaml-encoding", 2, 4),
        ("a: 1".encode("utf-16"), "yaml-encoding", 1, 1),
        ("a: 1 # \u202e", "control-character", 1, 8),
        ("b: {<<: [1]}", "yaml-merge", 1, 9),
        ("b: {<<: {}, <<: {}}", "duplicate-key", 1, 13),
        ("a:\n  -\n", "empty-value", 2, 4),
        ("a:\n\tb: {}", "yaml-tab", 2, 1),
    ],
)
def test_a_file_that_is_not_plain_is_refused_where_it_is_not(
    text: str | bytes, code: str, line: int, column: int
) -> None:
    (problem,) = read(text).problems
    assert (problem.code, problem.place) == (code, Place("f.yaml", line, column))
    assert problem.hint


M = "mailings:\n  m:\n"
MISTAKES = [  # what is written, where the mistake stands, its cause, what to write instead
    (M + "    name Foo\n    note: a\n", "3:5", "no colon stands", "KEY: VALUE"),
    (M + "    note: a\n    name Foo\n    is_open: true\n", "4:5", "no colon stands", "KEY: VALUE"),
    (M + "    note: a\n    name = Foo\n", "4:5", "no colon stands", "KEY: VALUE"),
    ("mailings:\n  m\n    name: Foo\n", "2:3", "no colon stands", "KEY: VALUE"),
    (M + "    name:Foo\n    note: a\n", "3:9", "no blank stands", "KEY: VALUE"),
    (M + "    name:Foo\n", "3:5", "a mapping is expected, this is text", "a blank behind the colon"),
    (M + "    name Foo\n", "3:5", "a mapping is expected, this is text", "a colon and a blank"),
    ("moved: old -> new\n", "1:8", "a mapping is expected, this is text", "a colon and a blank"),
    ("mailings:\n  m: name: Foo\n", "2:10", "at this colon", "a key on a line of its own"),
    (M + "    name: A\n    schedule: # why\n\n    note: a\n", "4:14", "nothing is written", "deeper"),
    (M + "    columns:\n      -number: 1\n       fills: a\n", "4:7", "behind this dash", "- KEY: VALUE"),
    (M + "    columns:\n      -number: 1\n      -fills: a\n", "4:7", "a list is expected", "each dash"),
    (M + "    columns:\n      - number: 1\n        fills: a\n      b\n", "6:7", "no colon", "with a dash"),
    (M + "    keep: [note]]\n", "3:17", "closes nothing", "remove it"),
    (M + "    schedule: {\n      days: 1\n    }\n    }\n", "6:5", "closes nothing", "remove it"),
    (M + "    keep: [\n", "3:11", "the [ that opens", "write ]"),
    (M + "    schedule: {days: 1, at}\n", "3:27", "no colon stands", "with a comma in it"),
    (M + "    name: |\n    Foo\n", "3:11", "nothing is written", "indent the text"),
    (M + "    name: {{ name }}\n", "3:11", "no template is filled in", "in quotes"),
    (M + "    name: Foo\n    <<: *base\n", "4:9", "no anchor &base", "write &base"),
    (M + "    name: 't Hoekje\n", "3:11", "is not closed", 'in "…"'),
    (M + "    name: 't Hoekje\n    note: 'a'\n", "3:11", "the next one, on line 4", 'in "…"'),
    (M + "    list_id: Guests\n", "3:14", "a whole number", "or list for a name"),
    (M + "    columns: [{number: '012', fills: a}]\n", "3:24", "a whole number", "write a whole number"),
    ("mailings: {m: {name:Foo}}", "1:20", "no blank stands", "KEY: VALUE"),
    (M + "    name：Foo\n    note: a\n", "3:9", "U+FF1A", "KEY: VALUE"),
    (M + "    name: Actie: winter\n", "3:16", "at this colon", "in quotes"),
    (M + "    name: Foo\n      note: a\n", "4:7", "deeper than the one above", "column 5"),
    (M + "    name: Foo\n   note: a\n", "4:4", "another column", "in one column"),
    (M + "    name: Foo\n    - note\n", "4:5", "a list item stands", "below its key"),
    ("mailings:\n  - name: Foo\n", "2:3", "a mapping is expected, this is a list", "without dashes"),
    (M + "    - name: Foo\n", "3:5", "a mapping is expected, this is a list", "without dashes"),
    (M + "    columns:\n      - number: 1\n      fills: a\n", "5:7", "a key stands", "- KEY: VALUE"),
    (M + "\tname: Foo\n", "3:1", "a tab cannot indent", "spaces"),
    (M + "    name: Foo\n    \tnote: a\n", "4:5", "a tab cannot indent", "spaces"),
    (M + '    name: "Foo\n    note: a\n', "3:11", "is not closed", 'a straight "'),
    (M + '    name: "Foo”\n    note: a\n', "3:11", "is not closed", 'a straight "'),
    (M + '    name: "Foo\n    note: "a"\n', "3:11", "the next one, on line 4", "where its text ends"),
    (M + "    name: 'It's'\n", "3:15", "behind the closing quote", "'' in single quotes"),
    (M + '    name: "C:\\dir"\n', "3:14", "no escape begins", "\\\\"),
    (M + "    keep: [note, name\n    note: a\n", "3:11", "the [ that opens", "write ]"),
    (M + "    schedule: {days: 1, at: {}\n    note: a\n", "3:15", "the { that opens", "write }"),
    (M + "    keep: ['note' 'name']\n", "3:19", "a comma is missing", "write it"),
    ("mailings: {\n  m: {name: Foo}\n  k: {}\n}\n", "3:3", "a comma is missing", "write it"),
    ("mailings: {m: {name: Wat?}}", "1:25", "a ? in it", "in quotes"),
    ("mailings: {m: {schedule: {at: 09:00}}}", "1:31", "a colon in it", '"09:00"'),
    (M + "    name: [Foo] bar\n", "3:17", "behind a closing bracket", "in quotes"),
    *((M + f"    name: {sign}\n", "3:11", f"begins with {sign}", f'"{sign}"') for sign in "@`%*&,]}-?"),
    (M + "    name: #1\n", "3:10", "is a comment", "in quotes"),
    (M + "    // why\n    name: Foo\n", "3:5", "no comment of YAML", "#"),
    ("```yaml\nmailings: {}\n```\n", "1:1", "Markdown", "remove it"),
    (M + "<<<<<<< HEAD\n    note: A\n=======\n    note: B\n>>>>>>> b\n", "3:1", "conflict marker", "keep"),
    (M + "    name: A\n||||||| base\n=======\n", "4:1", "conflict marker", "keep what"),
    (M + "    name: A\r\n=======\r\n", "4:1", "conflict marker", "keep what"),
    ("mailings: {}".encode("utf-16"), "1:1", "UTF-16", "UTF-8"),
    ("mailings: {}".encode("utf-16-le"), "1:1", "UTF-16", "UTF-8"),
    (M + "    name:\xa0Foo\n    note: a\n", "3:10", "NO-BREAK SPACE U+00A0", "plain blank"),
    (M + "    name: Foo\n   \xa0note: a\n", "4:4", "NO-BREAK SPACE U+00A0", "plain blank"),
    (M + "    note: F\n\xa0\xa0k: {name: A}\n  l: {}\n", "4:1", "NO-BREAK SPACE U+00A0", "plain blank"),
    (M + "    name: a\n\xa0\xa0note: Foo\n", "4:1", "NO-BREAK SPACE U+00A0", "plain blank"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "cause", "hint"), MISTAKES)
def test_the_commonest_mistakes_are_told_once_where_they_are(
    content: str | bytes, place: str, cause: str, hint: str, problems: Complain
) -> None:
    (problem,) = problems({"a.yaml": content})
    assert str(problem.place) == f"a.yaml:{place}"
    assert cause in problem.message
    assert hint in problem.hint


NOTHING = ["|", ">", "|-", ">+ # why", "|2", "&a |"]
UNSEEN = {
    "Foo\xa0# 1": "NO-BREAK SPACE", "true\u200b": "ZERO WIDTH SPACE", "1\u202f": "NARROW NO-BREAK SPACE",
    "F\xadoo": "SOFT HYPHEN", "\ufeffFoo": "ZERO WIDTH NO-BREAK SPACE", "Foo\u200e": "LEFT-TO-RIGHT MARK",
    "Foo\u200d": "ZERO WIDTH JOINER", "\u3164": "HANGUL FILLER", "a\u3000b": "IDEOGRAPHIC SPACE",
    "日本\u3000# 1": "IDEOGRAPHIC SPACE", "a\U000e0100": "VARIATION SELECTOR-17",
    "a\U000e0020b": "TAG SPACE", "a\ufe0f": "VARIATION SELECTOR-16",
}  # fmt: skip
SMART = ["“Foo”", "„Foo“", "‘Foo’", "«Foo»", '“Foo"']
PLACED = [f"mailings: {{m: {{name: M, {text}}}}}" for text in ("note: %s", "%s: a", "columns: [%s]")]


@pytest.mark.parametrize(
    ("content", "code", "cause", "hint"),
    [
        *((f"{M}    {field}: {text}\n\n", "empty-value", "nothing is written", 'write "')
          for text in NOTHING for field in ("note", "schedule: {}\n    is_open")),
        *((place % text, "unseen-character", name, "in quotes")
          for place in PLACED for text, name in UNSEEN.items()),
        *((place % text, "smart-quotes", "typographic", "straight") for place in PLACED for text in SMART),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_no_value(
    content: str, code: str, cause: str, hint: str, problems: Complain
) -> None:
    found = [problem for problem in problems({"a.yaml": content}) if problem.code != "unknown-field"]
    assert [problem.code for problem in found][:1] == [code]
    assert cause in found[0].message
    assert hint in found[0].hint


def test_what_is_seen_or_stands_in_quotes_is_text() -> None:
    texts = ["می\u200cخواهم", "👨\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "葛\U000e0100城\u3000日本"]
    texts += ["’s-Hertogenbosch", "“Foo” en “Bar”"]
    texts.append("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f")
    assert [read(f"a: {text}").top.value for text in texts] == [{"a": text} for text in texts]
    quoted = [f'"{text}"' for text in ("|", "a\xa0# b", "“Foo”", "\u200b")] + ["|\n  a\xa0b"]
    assert [codes(read(f"a: {text}")) for text in quoted] == [[]] * len(quoted)


@pytest.mark.parametrize("text", ["", "--- # nothing\n", "\ufeff", "%YAML 1.2\n---\n"])
def test_an_empty_file_has_no_sections(text: str) -> None:
    document = read(text)
    assert (document.top.value, document.problems, document.whole) == ({}, (), True)


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2", "a: 1\n...\n"])
def test_line_ends_and_a_byte_order_mark_change_nothing(text: str) -> None:
    assert (read(text).top.at("a").value, read(text).problems) == (1, ())


def test_every_problem_of_a_file_is_told_and_those_before_a_syntax_error_too() -> None:
    assert codes(read("a: no\nb: 012\nc:\nd: !x 1\na: 1")) == [
        "yaml-implicit-bool", "yaml-leading-zero", "empty-value", "yaml-tag", "duplicate-key",
    ]  # fmt: skip
    document = read("a: no\nb: [")
    assert codes(document) == ["yaml-implicit-bool", "yaml-syntax"]
    assert not document.whole


def test_values_and_keys_know_their_places() -> None:
    top = read("a:\n  - b: é c\n    d: 1\n").top
    assert top.at("a", 0, "d").place == Place("f.yaml", 3, 8)
    assert top.at("a", 0, "d").key_place == Place("f.yaml", 3, 5)
    assert top.at("a", 0).key_place == Place("f.yaml", 2, 5)
    assert top.at("a", 0, "nowhere", "below").place == top.at("a", 0).place


def test_merged_keys_stand_where_they_are_written_and_the_earlier_mapping_wins() -> None:
    top = read("base: &base {a: 1, b: 2}\nother: &c {a: 4, d: 4}\nuser:\n  <<: [*base, *c]\n  b: 3\n").top
    assert top.at("user").value == {"a": 1, "b": 3, "d": 4}
    assert top.at("user", "a").key_place == Place("f.yaml", 1, 14)
    assert top.at("user", "b").key_place == Place("f.yaml", 5, 3)


def test_an_alias_is_its_anchor_once_more() -> None:
    document = read("a: &n text\nb: *n\nc: &n [1]\nd: *n\n&k key: 1\n*k : 2\ne: {*k : 3}")
    assert document.top.at("b").value == "text"
    assert document.top.at("d").value == [1]
    assert document.top.at("e").value == {"key": 3}
    assert codes(document) == ["duplicate-key"]


TOO_MANY = [
    "a: &a [" + "x," * 10 + "]\n" + "".join(f"b{i}: &a [{'*a,' * 10}]\n" for i in range(30)),
    "a: &a {k: 1}\n" + "".join(f"b{i}: &a {{<<: *a, k{i}: 1}}\n" for i in range(50_000)),
    "a: &a {" + ",".join(f"k{i}: 1" for i in range(1_000)) + "}\nb: {<<: [" + "*a," * 10_000 + "]}",
    "a: [" + "1," * 100_001 + "]",
]
TOO_DEEP = [
    *("[" * 100_000, "{a: " * 100_000, "- " * 50_000, "? " * 50_000),
    "a: &a [1]\n" + "".join(f"b{i}: &a [*a]\n" for i in range(100)),
]
BOUNDS = [
    *((text, ["yaml-alias-bomb"]) for text in TOO_MANY),
    *((text, ["yaml-too-deep"]) for text in TOO_DEEP),
    ("a: 1\n" + "#" * 6_000_000, ["file-too-large"]),
    ("a: [" + "no," * 20_000 + "]", ["yaml-implicit-bool"] * yaml.MOST_PROBLEMS + ["too-many-problems"]),
]


@pytest.mark.parametrize(("text", "expected"), BOUNDS, ids=range(len(BOUNDS)))
def test_a_file_without_end_ends_in_one_problem(text: str, expected: list[str]) -> None:
    assert codes(read(text)) == expected


@pytest.mark.parametrize(
    "secret", ["0123456", "oN", "!tag x", "*alias", "11:59", r'"\e12"', "{env: 0123456}"]
)
def test_what_may_be_a_secret_is_not_repeated(secret: str) -> None:
    (problem,) = read(f"checkmarket:\n  master_key: {secret}").problems
    for part in ("0123456", "oN", "tag", "alias", "11:59", "e12"):
        assert part not in f"{problem.message} {problem.hint}"
