from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.config import seeds
from reconciler.config.nodes import Node
from reconciler.config.validation import Report
from reconciler.engine.kind import Json
from reconciler.problems import Severity
from tests.config.toy import LETTER_SEEDS

SECTION = replace(LETTER_SEEDS, cells={**LETTER_SEEDS.cells, "send_date": str})


def read(content: str | bytes, name: str = "t.csv") -> tuple[list[Node], Report]:
    report = Report()
    whole = content if isinstance(content, bytes) else content.encode()
    return list(seeds.read_rows(whole, name, SECTION, report, "k")), report


def values(content: str | bytes, name: str = "t.csv") -> list[Json]:
    found, report = read(content, name)
    assert report.problems() == ()
    return [row.value for row in found]


ONE: list[Json] = [{"email": "a", "data": {"A": "b"}}]
FORMS = [
    *("email,A\na,b\n", "email;A\na;b\n", "email,A\r\na,b\r\n", "email,A\ra,b\r", "\ufeffemail,A\na,b"),
    *('"email","A"\n"a","b"\n', "\n\nemail,A\n\na,b\n\n", "A;email\nb;a\n"),
    # as Excel, LibreOffice, Numbers and PowerShell write them
    *("\ufeff\ufeffemail,A\na,b", "sep=;\r\nemail;A\r\na;b\r\n", '"SEP=|"\nemail|A\na|b\n'),
    "email\tA\na\tb\n",
    *("email;A\n;\na;b\n;;;\n \u00a0;\n", "email;A;;\na;b\n", "email;A\na;b;;\n", "email,,A\na,,b\n"),
    *("email;A\n \u200ba\u00a0 ;b\n", "\tA;email\nb;a\n".strip()),
    *("email,A\na,b\n".encode(form) for form in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")),
]
WORDS = ["Email", "E-mail", "MAIL", " email ", "email\u200b", "email:", "e\u2011mail", "E_Mail*"]
HEADERS = [
    *(("email,A;B", "A;B"), ("email;A,B", "A,B"), ('email,"A,B"', "A,B"), ("email,data.Email", "Email")),
    *(("email,data.tags", "tags"), ("email,data.data.x", "data.x"), ("email,15", "15")),
]
CELLS: list[tuple[str, dict[str, Json]]] = [
    ("B,number,is_kind\na,x,3,true\n", {"number": 3, "is_kind": True, "data": {"B": "x"}}),
    ('A,B,C\na, x ,,"say ""hi"";\nthere, ok"\n', {"data": {"A": " x ", "C": 'say "hi";\nthere, ok'}}),
    ("number,is_kind\na,3.5,yes\n", {"number": "3.5", "is_kind": "yes"}),
    ("number,is_kind\na,007,TRUE\n", {"number": "007", "is_kind": True}),
]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        *((content, ONE) for content in FORMS),
        *((f"{header}\na{header[5]}x\n", [{"email": "a", "data": {name: "x"}}]) for header, name in HEADERS),
        *((f"email,{content}", [{"email": "a", **row}]) for content, row in CELLS),
    ],
)
def test_a_table_is_read_by_its_headers_whatever_its_form(content: str | bytes, expected: list[Json]) -> None:
    """The header called email tells the delimiter; an empty cell says nothing."""
    assert values(content) == expected


@pytest.mark.parametrize("word", WORDS)
def test_another_word_for_the_identity_is_read_as_it_and_said_once(word: str) -> None:
    found, report = read(f"A;{word}\nb;a\nc;d\n")
    assert [row.value for row in found][:1] == ONE
    (said,) = report.problems()
    assert (said.code, said.severity, str(said.place)) == ("csv-header-word", Severity.WARNING, "t.csv:1:2")
    assert said.hint == "write email"


def test_a_number_that_a_spreadsheet_has_shortened_is_read_as_it_stands_and_said() -> None:
    found, report = read('email,A,B\na,1.5E+3,12E+11\nb,5E+11,x\nc,"1,23456E+11",x\n')
    assert [row.at("data", "A").value for row in found] == ["1.5E+3", "5E+11", "1,23456E+11"]
    (said,) = report.problems()
    assert (said.code, said.severity, str(said.place)) == ("shortened-number", Severity.WARNING, "t.csv:3:2")
    assert said.message.endswith("(line 3; likewise 4)")


def test_every_cell_has_its_line_and_its_column_of_the_table() -> None:
    (first, second), _ = read('email,A,number\na,"x\ny",1\nb,z,2\n')
    assert str(first.at("number").place) == "t.csv:2:3"
    assert str(second.at("data", "A").place) == "t.csv:4:2"
    assert str(second.at("is_kind").place) == "t.csv:4:1"
    assert str(second.at("data", "A").key_place) == "t.csv:1:2"
    assert str(second.key_place) == "t.csv:4:1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [("csv-header", 1, 1)]),
        ("john@example.com,John\n", [("csv-header", 1, 1)]),
        ("Email,Mail\n", [("csv-header", 1, 1), ("csv-header", 1, 2)]),
        ("email,Email\n", [("csv-header", 1, 2)]),
        ("email,,A\na,,b\nc,d,e\nf,g,h\n", [("csv-header", 1, 2)]),
        ("email,A,A\na,b,c\n", [("csv-header", 1, 2), ("csv-header", 1, 3)]),
        ("email,A,data.A\n", [("csv-header", 1, 2), ("csv-header", 1, 3)]),
        ("email, A\n", [("csv-header", 1, 2)]),
        ("email,data.\n", [("csv-header", 1, 2)]),
        ("email,tags\n", [("csv-header", 1, 2)]),
        ("email,SendDate\n", [("csv-header", 1, 2)]),
        ("email,A\na\nb,c\nd,e,f\n", [("csv-row", 2, 1)]),
        ('email,A\na,"b\n', [("csv-syntax", 2, 1)]),
        ('email,A\na,"b"c\n', [("csv-syntax", 2, 1)]),
        (f"email\n{'a' * 200_000}\n", [("csv-syntax", 2, 1)]),
        ("email\na\n\x1b[31m\n", [("control-character", 3, 1)]),
        (b"email\na\n\xe9\n", [("not-utf-8", 3, 1)]),
        (b"email\ra\r\xe9\r", [("not-utf-8", 3, 1)]),
        ("email\ra\r\x1b\r", [("control-character", 3, 1)]),
        (b"PK\3\4\x14\0\6\0\x08\0", [("unknown-format", 1, 1)]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", [("unknown-format", 1, 1)]),
        ("email\n<<<<<<< HEAD\na\n", [("conflict-markers", 2, 1)]),
        ("email\nä\n".encode("utf-16") + b"\0", [("not-utf-8", 3, 1)]),
    ],
)
def test_a_table_that_is_wrong_is_told_where(
    content: str | bytes, expected: list[tuple[str, int, int]]
) -> None:
    _, report = read(content)
    assert [(p.code, p.place.line, p.place.column) for p in report.problems()] == expected
    assert "john" not in str(report.problems()).lower()


def test_rows_with_another_number_of_cells_are_told_together() -> None:
    _, report = read("email,A\n" + "a\n" * 200 + "a,b\n")
    (problem,) = report.problems()
    lines = "(line 2; likewise 3, 4, 5, 6 and 195 more)"
    assert problem.message == f"this row has 1 cells, the first line has 2 {lines}"
    assert "Excel leaves empty cells" in problem.hint


def test_rows_beside_a_wrong_one_are_read() -> None:
    found, _ = read("email,A\na\nb,c\n")
    assert [row.value for row in found] == [{"email": "b", "data": {"A": "c"}}]


def test_each_line_of_json_is_a_customer() -> None:
    content = '\ufeff\ufeff{"email": "a", "data": {"A": "\\u00e9"}, "tags": [1, null]}\r\n\n{"email": "b"}'
    assert values(content, "t.jsonl") == [
        {"email": "a", "data": {"A": "é"}, "tags": [1, None]},
        {"email": "b"},
    ]
    (_, second), _ = read(content, "t.jsonl")
    assert str(second.at("email").place) == "t.jsonl:3:1"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "jsonl-syntax"),
        ('{"number": NaN}', "jsonl-syntax"),
        ('{"number": ' + "1" * 5_000 + "}", "jsonl-syntax"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "jsonl-syntax"),
        ('{"email": "a", "email": "b"}', "duplicate-key"),
        ('{"data": {"A": "1", "A": "2"}}', "duplicate-key"),
        ('{"email": "\\u202e"}', "control-character"),
        ('{"\\u001b": 1}', "control-character"),
        ("[]", "wrong-type"),
        ("null", "wrong-type"),
    ],
)
def test_a_line_that_is_wrong_is_told_and_others_are_read(line: str, code: str) -> None:
    found, report = read(f'{{"email": "a"}}\n{line}\n{{"email": "b"}}', "t.jsonl")
    assert [(p.code, p.place.line, p.place.column) for p in report.problems()] == [(code, 2, 1)]
    assert [row.value for row in found] == [{"email": "a"}, {"email": "b"}]
