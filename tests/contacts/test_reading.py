"""What is wrong between a contact file and the declared configuration; that no message holds a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import xlsxwriter

from reconciler.contacts.model import ImportRules
from reconciler.contacts.reading import Table, open_contacts
from reconciler.errors import UsageError

DECLARED: Mapping[str, Any] = {
    "columns": {1: "Email", 2: "FirstName", 3: "DateOfBirth"},
    "first_row": 2,
    "field_delimiter": ";",
    "row_delimiter": r"\n",
    "date_format": "dd/MM/yyyy",
}
HEAD = "E-mail;Voornaam;Geboortedatum\n"
ROW = "secret@example.com;Secret;31/12/1980\n"
ROWS = HEAD + ROW * 3
EMPTY = "secret@example.com;;31/12/1980\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500

# What is declared beside the above, the file, and what is found: first letter of the severity, code, place.
FILES: Sequence[tuple[Mapping[str, Any], str | bytes, str]] = [
    ({}, ROWS, ""),
    ({}, "\ufeff" + ROWS, ""),
    ({"field_delimiter": r"\t"}, ROWS.replace(";", "\t"), ""),
    ({"field_delimiter": "||"}, ROWS.replace(";", "||"), ""),
    ({"field_delimiter": None}, ROWS.replace(";", "|"), ""),
    ({"row_delimiter": "~"}, ROWS.replace("\n", "~"), ""),
    ({"row_delimiter": "~"}, ROWS.replace("\n", "~").replace("Secret", "Sec\nret"), ""),
    ({"row_delimiter": "~"}, "~".join([*ROWS.splitlines(), ROW * 60_000]), "e quote-not-closed 5:1"),
    ({"first_row": 1}, ROWS, ""),
    ({"columns": {0: "Email", 1: "FirstName", 2: "DateOfBirth"}}, ROWS, ""),
    ({"columns": None}, ROWS, ""),
    ({"field_delimiter": ","}, ROWS, "e other-delimiter 1:1"),
    ({"columns": {1: "Email"}, "field_delimiter": None}, "E-mail,Note\n" + "a@example.com,b;c;d;e\n" * 2, ""),
    ({"columns": None}, "E-mail,Note\n" + "a@example.com,b;c;d;e\n" * 2, "e other-delimiter 1:1"),
    ({"columns": None, "first_row": 1}, ROW.replace("secret@example.com", "") + ROW, "w no-header 1:1"),
    ({"row_delimiter": r"\r\n"}, ROWS, "e other-line-end 1:1"),
    ({}, ROWS.replace("\n", "\r\n"), "w other-line-end 1:1"),
    ({}, ROWS + ROW.replace("\n", "\r\n"), "w mixed-line-ends 1:1"),
    ({}, ROWS.replace("Secret", "Sécret").encode("cp1252"), "w other-encoding 2:1"),
    ({}, ROWS.replace("Secret", "Sécrét").encode("cp850"), "w other-encoding 2:1"),
    ({}, ROWS.encode("utf-16"), "w other-encoding 1:1"),
    ({}, ROWS.replace("Secret", "SecrÃ©t"), "w garbled-letters 2:2"),
    ({"first_row": 4}, ROWS, "e contacts-skipped 2:1"),
    ({}, f"Secret 2026\n\n\n{ROWS}", "w title-rows 1:1, e header-as-contact 4:1"),
    ({"first_row": 3}, f"sep=;\n{ROWS}", "w title-rows 1:1"),
    ({"first_row": 1}, ROW * 2, "h no-header 1:1"),
    ({"columns": None, "first_row": 1}, ROW * 2, "w no-header 1:1"),
    ({"columns": {1: "Email", 2: "FirstName", 9: "LastName"}}, ROWS,
     "e column-beyond-file 1:3, w unmapped-column 1:3"),
    ({"columns": {1: "FirstName", 2: "Email", 3: "DateOfBirth"}}, ROWS,
     "e column-contradicts-header 1:1, e column-contradicts-header 1:2"),
    ({"columns": {1: "Email", 2: "CustomField1", 3: "DateOfBirth"}}, ROWS, ""),
    ({"columns": {1: "Email", 2: "email", 3: "DateOfBirth"}}, ROWS,
     "e column-contradicts-header 1:2, e two-columns-one-member 1:2"),
    ({"columns": {2: "FirstName", 3: "DateOfBirth"}, "email_is_required": True}, ROWS,
     "w unmapped-column 1:1, e no-email-column 1:1"),
    ({"columns": None}, ROWS.replace("Voornaam", "Mail"), "w two-columns-one-member 1:2"),
    ({}, ROWS.replace("Voornaam", ""), "h blank-header 1:2"),
    ({}, ROWS.replace("Voornaam", "E-mail"), "w duplicate-header 1:2"),
    ({}, HEAD + EMPTY * 2, "w empty-column 2:2"),
    ({}, ROWS + EMPTY * 300, "h empty-column 2:2"),
    ({"email_is_required": True}, HEAD + ";Secret;31/12/1980\n" * 2, "e empty-column 2:1"),
    ({}, HEAD, "e no-contacts 2:1"),
    ({}, f"{ROWS}{ROW[:-1]};secret\n{ROW}secret@example.com\n{ROW}{ROW[:-1]};;\n",
     "e row-too-long 5:1, w row-too-short 7:1"),
    ({}, f"{ROWS}\n ; ;\n{ROW}\n\n", "w blank-rows 5:1"),
    ({}, f"{ROWS}Totaal;;\n", "w footer-row 5:1"),
    ({}, f'{ROWS}secret@example.com;"Secret; jr";31/12/1980\n', "h delimiter-in-value 5:2"),
    ({}, f'{ROWS}secret@example.com;"Sec\nret";31/12/1980\n', "w line-break-in-value 5:2"),
    ({}, f'{ROWS}secret@example.com;"Secret;31/12/1980\n{ROW}',
     "w line-break-in-value 5:2, h delimiter-in-value 5:2, w row-too-short 5:1, e quote-not-closed 5:1"),
    ({}, f'{ROWS}secret@example.com;"Secret;31/12/1980\n{ROW * 9000}', "e quote-not-closed 5:1"),
    ({}, HEAD + ROW.replace("S", '"S') + ROW * 9000, "e quote-not-closed 2:1, e no-contacts 2:1"),
    ({}, HEAD + ROW + ROW.replace("S", '"S') + '";"x\n' * 500_000, "e quote-not-closed 3:1"),
    ({}, f"{ROWS}secret@example.com;#N/A;31/12/1980\nsecret@example.com;=A1;31/12/1980\n",
     "e error-cells 5:2, w formula-cells 6:2"),
    ({}, ROWS.replace("Secret", "1,23E+11"), "w shortened-number 2:2"),
    ({"columns": {1: "Email", 2: "PostalCode", 3: "DateOfBirth"}}, "E-mail;PLZ;Geboren\n"
     + ROW.replace("Secret", "10115") * 9 + ROW.replace("Secret", "1067"), "w lost-zeros 2:2"),
    ({}, ROWS.replace("31/12", "12/31"), "e other-date-format 2:3"),
    ({}, ROWS.replace("31/12/1980", "1980-12-31"), "e other-date-format 2:3"),
    ({}, ROWS.replace("1980", "1980 00:00"), "e other-date-format 2:3"),
    ({}, ROWS + ROW.replace("31/12", "1/2"), "w other-date-format 2:3"),
    ({}, HEAD + ROW.replace("31/12", "1/2"), "e other-date-format 2:3"),
    ({"date_format": None}, ROWS + ROW.replace("31/12", "12/31"), "w other-date-format 2:3"),
    ({}, ROWS.replace("31/12", "01/12"), "h ambiguous-dates 2:3"),
    ({"date_format": None}, ROWS.replace("31/12", "01/12"), "w ambiguous-dates 2:3"),
    ({}, ROWS + ROW.replace("31/12/1980", "1980-12-31") * 3, "w other-date-format 2:3"),
    ({}, ROWS.replace("31/12/1980", "29586"), "e date-serials 2:3"),
    (
        {"columns": None, "field_delimiter": None},
        "".join(f'"{line}"\n' for line in ROWS.splitlines()),
        "e other-quote 1:1",
    ),
    ({}, "", "e empty-file 1:1"),
    ({}, "\ufeff\n\n", "e empty-file 1:1"),
    ({}, "<html><table><tr><td>secret</td></tr></table></html>", "e not-a-table 1:1"),
    ({}, OLE, "e not-a-table 1:1"),
    ({}, OLE + "EncryptedPackage".encode("utf-16-le"), "e not-a-table 1:1"),
    ({}, b"PK\3\4secret", "e not-a-table 1:1"),
    ({}, bytes(range(256)) * 9, "e not-a-table 1:1"),
    ({}, ROWS + "secret\0\n", "e zero-bytes 1:1, w row-too-short 5:1, w footer-row 5:1"),
    ({}, "x" * (3 << 20), "e not-a-table 1:1"),
    ({}, ROWS + ";" * (1 << 20), "e not-a-table 1:1"),
]  # fmt: skip


def found(table: Table) -> list[str]:
    """Return what is found in a file that is read twice, in the order of the rows."""
    rows = [[*batch] for _ in "12" for _, batch in table.batches()]
    assert all(len(row) == table.width for batch in rows for row in batch)
    places = [f"{one.severity[0]} {one.code} {one.place.line}:{one.place.column}" for one in table.problems]
    assert "ecret" not in f"{table.problems}{table.unknown}{table.dialect}".replace(table.file, "")
    return sorted(places)


@pytest.mark.parametrize(("declared", "content", "wrong"), FILES)
def test_text(declared: Mapping[str, Any], content: str | bytes, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = open_contacts(file, ImportRules("import_configs.a", "sandbox", **{**DECLARED, **declared}))
    assert found(table) == sorted(filter(None, wrong.split(", ")))


def test_the_best_of_formats_and_encodings_are_named(tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(ROWS.replace("31/12", "12/31").replace("Secret", "Sécrét").encode("mac_roman"))
    table = open_contacts(file, ImportRules("import_configs.a", "sandbox", date_format="dd/MM/yyyy"))
    assert [row for row, _ in table.batches()] == [2]
    encoding, dates = table.problems
    assert "Mac Roman" in encoding.message
    assert "3 of 3 dates are in MM/dd/yyyy" in dates.message
    assert table.columns == {0: "Email", 1: "FirstName", 2: "DateOfBirth"}
    assert any("field_delimiter is not declared" in one for one in table.unknown)


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_what_is_no_file_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_contacts(tmp_path / name, ImportRules("import_configs.a", "sandbox"))


def book(file: Path, *rows: Sequence[Any], sheets: Sequence[str] = ("Contacten",)) -> None:
    with xlsxwriter.Workbook(file, {"default_date_format": "dd/mm/yyyy"}) as made:
        first, *_ = [made.add_worksheet(name) for name in sheets]
        for number, row in enumerate(rows):
            first.write_row(number, 0, row)


PLAIN = ("secret@example.com", "Secret", date(1980, 12, 31))
HEADER = HEAD.strip().split(";")
BOOKS: Sequence[tuple[Sequence[Sequence[Any]], Sequence[str], str]] = [
    ([HEADER, PLAIN], ["A"], "h date-cells 2:3"),
    ([HEADER, (*PLAIN[:2], "31/12/1980")], ["A"], ""),
    ([HEADER, (*PLAIN[:2], "31/12/1980")], ["A", "B"], "w other-sheets 1:1"),
    ([HEADER, (*PLAIN[:2], 29586)], ["A"], "e date-serials 2:3"),
    ([HEADER, (PLAIN[0], date(2026, 4, 3), "31/12/1980")], ["A"], "w turned-into-date 2:2"),
    ([HEADER, (PLAIN[0], 1.2e16, "31/12/1980")], ["A"], "w shortened-number 2:2"),
    ([HEADER, (PLAIN[0], "=A2", "31/12/1980")], ["A"], "w formula-cells 2:2"),
    ([["Klanten"], HEADER, (*PLAIN[:2], "31/12/1980")], ["A"], "w title-rows 1:1"),
    ([], ["A"], "e empty-file 1:1"),
]


@pytest.mark.parametrize(("rows", "sheets", "wrong"), BOOKS)
def test_workbook(rows: Sequence[Sequence[Any]], sheets: Sequence[str], wrong: str, tmp_path: Path) -> None:
    book(file := tmp_path / "contacts.xlsx", *rows, sheets=sheets)
    table = open_contacts(file, ImportRules("import_configs.a", "sandbox", **DECLARED))
    assert found(table) == sorted(filter(None, wrong.split(", ")))


FAR = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (b'<row r="2"', b'<row r="2" hidden="1"', "w hidden-rows 2:1"),
        (
            b'<c r="B2" t="s"><v>4</v>',
            b'<c r="B2" t="e"><v>#N/A</v>',
            "e error-cells 2:2, w empty-column 2:2",
        ),
        (b"<pageM", b'<mergeCells><mergeCell ref="A2:A3"/></mergeCells><pageM', "w merged-cells 2:1"),
        (b"</sheetData>", FAR, "e not-a-table 1:1"),
        (b"</sheetData>", FAR.replace(b'"', b"'").replace(b" r", b"\nr "), "e not-a-table 1:1"),
        (b"</sheetData>", FAR.lower().replace(b"sheetdata", b"sheetData"), "e not-a-table 1:1"),
        (b"<sheets>", b'<sheets><!--<sheet name="a" sheetId="2" r:id="rId2"/>-->', "e not-a-table 1:1"),
        (b"<sheetData>", b"<sheetData", "e not-a-table 1:1"),
    ],
)
def test_what_stands_in_the_sheet_beside_values(old: bytes, new: bytes, wrong: str, tmp_path: Path) -> None:
    book(made := tmp_path / "made.xlsx", HEADER, (*PLAIN[:2], "31/12/1980"))
    with ZipFile(made) as packed, ZipFile(file := tmp_path / "contacts.xlsx", "w") as changed:
        for name in packed.namelist():
            changed.writestr(name, packed.read(name).replace(old, new))
    table = open_contacts(file, ImportRules("import_configs.a", "sandbox", **DECLARED))
    assert found(table) == sorted(wrong.split(", "))


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    (file := tmp_path / "contacts.csv").write_text(ROWS, "utf-8")
    table = open_contacts(file, ImportRules("import_configs.a", "sandbox", **DECLARED))
    file.write_text(ROWS + ROW, "utf-8")
    with pytest.raises(UsageError, match="has changed while it was read"):
        found(table)
