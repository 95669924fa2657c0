"""What `check` says of contact files as people make them, and that it shows none of their values.

Those in `files/` are as programs of the web write them. Addresses are of reserved domains, and phone numbers
of ranges that are kept for stories.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import xlsxwriter

from reconciler.cli import main

Check = Callable[..., tuple[int, str, str]]
SETTINGS = '{"version": 1, "default_target": "s", "targets": {"s": {"checkmarket": {"url": "sandbox:"}}}}'

ALL = "Email FirstName LastName LangCode DateOfBirth Phone City"
DUTCH = ("E-mailadres", "Voornaam", "Achternaam", "Taal", "Geboortedatum", "Telefoon", "Woonplaats")
ENGLISH = ("Email address", "First name", "Last name", "Language", "Date of birth", "Phone number", "City")
FRENCH = ("Adresse e-mail", "Prénom", "Nom", "Langue", "Date de naissance", "Téléphone", "Ville")
GERMAN = ("E-Mail-Adresse", "Vorname", "Nachname", "Sprache", "Geburtsdatum", "Telefonnummer", "Ort")
SPANISH = ("Correo electrónico", "Nombre", "Apellidos", "Idioma", "Fecha de nacimiento", "Teléfono", "Ciudad")
DYNAMICS = ("(Do Not Modify) Contact", "(Do Not Modify) Modified On", "First Name", "Email", "Business Phone")
JOHN = ("john.do@example.com", "John", "Do-Example", "nl", "31-12-1980", "+442079460018", "Coevorden")
JANE = ("jane.do@example.com", "Jane", "Do-Example", "fr", "01-02-1985", "+442079460019", "Liège")
JOAN = ("joan.do@example.org", "Joan", "Do-Example", "en", "13-05-1979", "+12025550123", "'s-Hertogenbosch")
PEOPLE = (JOHN, JANE, JOAN)


def one(row: Sequence[Any], **cells: Any) -> tuple[Any, ...]:
    """Return a row with other cells, named by the letters of their columns."""
    return tuple(cells.get("ABCDEFG"[at], cell) for at, cell in enumerate(row))


def dated(form: str) -> list[tuple[Any, ...]]:
    """Return the people with their dates of birth in another form of `strftime`; without one, as dates."""
    days = [date(*map(int, reversed(row[4].split("-")))) for row in PEOPLE]
    return [one(row, E=day.strftime(form) if form else day) for row, day in zip(PEOPLE, days, strict=True)]


def text(
    *rows: Sequence[str], between: str = ";", quote: str = "", ends: str = "\r\n", encoding: str = "utf-8"
) -> bytes:
    """Return lines of text: each cell in a `quote`, or without one those that Excel would quote."""

    def cell(value: str) -> str:
        mark = quote or ('"' if between in value else "")
        return f"{mark}{value.replace(mark, mark * 2)}{mark}" if mark else value

    return "".join(between.join(map(cell, row)) + ends for row in rows).encode(encoding)


def xlsx(*rows: Sequence[Any], title: str = "", formulas: Mapping[str, str] | None = None) -> bytes:
    """Return a workbook as Excel has it: a date is a number with a format, a title is in merged cells."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet, as_date = book.add_worksheet("Contacts"), book.add_format({"num_format": 14})
        if title:
            sheet.merge_range(0, 0, 0, 6, title, book.add_format({"align": "center"}))
        for at, row in enumerate(rows, 1 if title else 0):
            for column, value in enumerate(row):
                sheet.write(at, column, value, *([as_date] if isinstance(value, date) else []))
        for place, shown in (formulas or {}).items():
            sheet.write_formula(place, "=VLOOKUP(A2,Names!A:B,2,0)", None, shown)
    return made.getvalue()


class Case(NamedTuple):
    """A file; what the configuration says of it; what `check` finds with that."""

    content: bytes
    codes: str = ""  # results with their counts
    problems: str = ""  # codes
    exit: int = 0
    left: str = (
        ""  # results that refuse and errors that are the file's own fault: no configuration mends them
    )
    between: str = ";"
    dates: str = "dd-MM-yyyy"
    first: int = 2
    columns: str = ALL
    language: str | None = None


def filed(name: str) -> bytes:
    return (Path(__file__).parent / "files" / name).read_bytes()


FOOTED = "blank-rows delimiter-in-value footer-row other-encoding row-too-short"
CASES: Mapping[str, Case] = {
    "excel-nl.csv": Case(text(DUTCH, *PEOPLE, encoding="utf-8-sig")),
    "excel-nl-ansi.csv": Case(text(DUTCH, *PEOPLE, encoding="cp1252"), problems="other-encoding"),
    "excel-en.csv": Case(text(ENGLISH, *dated("%m/%d/%Y"), between=","), between=",", dates="MM/dd/yyyy"),
    "excel-en-as-nl.csv": Case(text(ENGLISH, *PEOPLE, between=","), problems="other-delimiter", exit=3),
    "excel.txt": Case(
        text(DUTCH, *PEOPLE, between="\t", encoding="utf-16"), problems="other-encoding", between="\\t"
    ),
    "numbers.csv": Case(text(("Table 1",), DUTCH, *PEOPLE, ends="\n"), problems="title-rows"),
    "numbers-1.csv": Case(text(("Table 1",), DUTCH, JOHN), "", "header-as-contact title-rows", 3, first=1),
    "skipping.csv": Case(text(DUTCH, *PEOPLE), problems="contacts-skipped", exit=3, first=3),
    "sheets.csv": Case(text(ENGLISH, *dated("%Y-%m-%d"), between=",")[:-2], between=",", dates="yyyy-MM-dd"),
    "libreoffice.csv": Case(text(DUTCH, *PEOPLE, between=",", quote='"', ends="\n"), between=","),
    "apostrophe.csv": Case(
        *(text(DUTCH, JOHN, quote="'", ends="\n"), "R0302 1, R0306 1, R0308 1, phone-form 1", "other-quote"),
        *(3, "R0306 R0308 other-quote"),
    ),
    "salesforce.csv": Case(
        *(filed("salesforce.csv"), "R0305 4, R0308 4", FOOTED, 3, "R0308", ",", "dd/MM/yyyy"),
    ),
    "hubspot.csv": Case(
        filed("hubspot.csv"), between=",", columns="- FirstName LastName Email Phone LangCode"
    ),
    "mailchimp.csv": Case(
        *(filed("mailchimp.csv"), "R0302 1, R0318 2", "delimiter-in-value", 3, "", ",", "dd-MM-yyyy", 2),
        *("Email FirstName LastName - Phone DateOfBirth", "nl"),
    ),
    "dynamics.xlsx": Case(
        xlsx(DYNAMICS, *(("5f0c2b1e-0001", date(2026, 11, 30), row[1], row[0], row[5]) for row in PEOPLE)),
        *("R0318 3", "", 0, "", ";", "dd-MM-yyyy", 2, "- - FirstName Email Phone", "nl"),
    ),
    "titled.xlsx": Case(xlsx(DUTCH, *PEOPLE, title="Klantenlijst voorjaar"), problems="title-rows"),
    "dates.xlsx": Case(xlsx(DUTCH, *dated("")), problems="date-cells"),
    "phones.xlsx": Case(
        xlsx(DUTCH, one(JOHN, F=442079460018), one(JANE, F=2079460019), JOAN),
        *("R0322 2", "number-cells", 3, "R0322"),
    ),
    "phones.csv": Case(
        text(DUTCH, one(JOHN, F="4,42079E+11"), one(JANE, F="2079460019"), JOAN),
        *("R0322 2", "shortened-number", 3, "R0322"),
    ),
    "formulas.xlsx": Case(
        xlsx(DUTCH, *PEOPLE, formulas={"B2": "John", "B3": "#REF!"}),
        *("", "error-cells formula-cells", 3, "error-cells"),
    ),
    "headerless.csv": Case(text(*PEOPLE), problems="no-header", first=1, left="R0305"),
    "totals.csv": Case(
        text(DUTCH, *PEOPLE, ("",) * 7, ("Totaal", "", "3", "", "", "", "")),
        *("R0305 1, R0308 1", "blank-rows footer-row", 3, "R0308"),
    ),
    "sep.csv": Case(b"sep=;\r\n" + text(DUTCH, *PEOPLE), problems="title-rows"),
    "ends.csv": Case(text(DUTCH, JOHN) + text(JANE, JOAN, ends="\r"), problems="mixed-line-ends"),
    "us-dates.csv": Case(
        text(ENGLISH, *dated("%m/%d/%Y")), "R0302 2", "other-date-format", 3, "", ";", "dd/MM/yyyy"
    ),
    "ambiguous.csv": Case(text(DUTCH, one(JOHN, E="03-04-1980"), JANE), problems="ambiguous-dates"),
    "twice.csv": Case(text(DUTCH, *PEOPLE, one(JOHN, A="John.Do@EXAMPLE.com")), "R0315 1", "", 3),
    "no-language.csv": Case(
        *(text(*(row[:3] + row[4:] for row in (DUTCH, *PEOPLE))), "R0305 3", "", 3),
        columns=ALL.replace("LangCode ", ""),
    ),
    "street.csv": Case(
        text(ENGLISH, JOHN, between=",") + ",".join(one(JANE, G="High Road 1, Liège")).encode(),
        *("", "row-too-long", 3, "row-too-long", ","),
    ),
    "wide.csv": Case(text(DUTCH, JOHN, (*JANE, "VIP-klant")), "", "row-too-long", 3, "row-too-long"),
    "long.csv": Case(text(DUTCH, one(JOHN, B="Johanna" * 8)), "too-long 1", "", 3, "too-long"),
    "french.csv": Case(text(FRENCH, *dated("%d/%m/%Y"), encoding="utf-8-sig"), dates="dd/MM/yyyy"),
    "german.csv": Case(text(GERMAN, *dated("%d.%m.%Y"), encoding="utf-8-sig"), dates="dd.MM.yyyy"),
    "spanish.csv": Case(text(SPANISH, *dated("%d/%m/%Y"), encoding="utf-8-sig"), dates="dd/MM/yyyy"),
    "webapp.xls": Case(filed("webapp.xls"), "", "not-a-table", 3, "not-a-table"),
    "trailing.csv": Case(text(*((*row, "", "", "", "") for row in (DUTCH, *PEOPLE)))),
    "no-break.csv": Case(
        text(DUTCH, one(JOHN, A="john.do@example.com\xa0"), one(JANE, A="jane\xa0do@example.com")),
        *("R0308 1, outer-blanks 1", "", 3, "R0308"),
    ),
}
HEADERS = {*DUTCH, *ENGLISH, *FRENCH, *GERMAN, *SPANISH, *DYNAMICS}
MORE_HEADERS = "Phone Number, Birthdate, Birthday, Preferred language, Email Address, Last Name, Mailing City"


def values(content: bytes) -> set[str]:
    """Return what stands in the cells of a file, as it is written there, without headers and short words."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            xml = "".join(
                parts.read(f"xl/{name}.xml").decode() for name in ("sharedStrings", "worksheets/sheet1")
            )
        cells = re.findall(r"<[vt]>([^<]*)</[vt]>", xml)
    else:
        wide = content.startswith(b"\xff\xfe")
        encoding = "utf-16" if wide else "utf-8" if b"\xc3\xa8" in content else "cp1252"
        cells = re.split(r"[;,\t\r\n]|</?t[drh]>", content.decode(encoding))
    stripped = {cell.strip("\ufeff\xa0 '\"") for cell in cells} - HEADERS
    return {cell for cell in stripped if len(cell) > 3 and cell not in MORE_HEADERS and "<" not in cell}


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run `check` in this folder; return its exit, what it prints, and what it says beside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "")

    def run(*arguments: str) -> tuple[int, str, str]:
        exit = main(["check", *arguments])
        return exit, *capsys.readouterr()

    return run


def write(name: str, case: Case) -> None:
    """Write the file, and a workspace with a configuration that says what the case says."""
    Path(name).write_bytes(case.content)
    members = enumerate(case.columns.split(), 1)
    mapped = [{"source_column_number": at, "target_column_name": name} for at, name in members if name != "-"]
    config = {"name": "Contacts", "field_delimiter": case.between, "first_row": case.first}
    config |= {"date_format": case.dates, "default_language_code": case.language, "column_mappings": mapped}
    config |= {"email_is_required": True, "email_must_be_unique_within_file": True}
    Path("configs").mkdir()
    Path("configs/reconciler.yaml").write_text(SETTINGS, "utf-8")
    Path("configs/contacts.yaml").write_text(json.dumps({"import_configs": {"contacts": config}}), "utf-8")


def leaked(case: Case, *shown: str) -> list[str]:
    return [value for value in values(case.content) if value in "\n".join(shown)]


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_judged_and_none_of_its_values_is_shown(name: str, check: Check) -> None:
    case = CASES[name]
    write(name, case)
    exit, out, err = check(name, "--for", "contacts", "--format", "json")
    document, counts = json.loads(out), Counter[str]()
    for result in document["results"]:
        counts[result["code"]] += result["count"]
    codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
    problems = " ".join(sorted({problem["code"] for problem in document["problems"]}))
    assert (codes, problems, exit) == (case.codes, case.problems, case.exit)
    reports = ("--report", "markdown=report.md", "--report", "html=report.html")
    exit, *printed = check(name, "--for", "contacts", "--verbose", *reports)
    written = [Path(report).read_text("utf-8") for report in ("report.md", "report.html")]
    assert (exit, leaked(case, out, err, *map(str, printed), *written)) == (case.exit, [])


@pytest.mark.parametrize("name", CASES)
def test_what_is_suggested_for_a_file_fits_it(name: str, check: Check) -> None:
    case = CASES[name]
    write(name, case)
    exit, out, err = check(name, "--suggest", "--into", "configs/suggested.yaml")
    assert (exit, leaked(case, out, err)) == (int(case.left == "not-a-table"), [])
    if exit:
        return
    suggested = Path("configs/suggested.yaml").read_text("utf-8")
    assert leaked(case, suggested) == []
    (key,) = re.findall(r"^  ([\w-]+):", suggested, re.MULTILINE)
    document = json.loads(check(name, "--for", key, "--format", "json")[1])
    left = {problem["code"] for problem in document["problems"] if problem["severity"] == "error"}
    left |= {result["code"] for result in document["results"] if result["refuses"]}
    assert left == {*case.left.split()}
