"""Which result codes the rows of a contact file are predicted to get, and that no cell is in a result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.contacts.codes import RESULT_CODES
from reconciler.contacts.model import Checked, ImportRules, RowResult
from reconciler.contacts.reading import open_contacts
from reconciler.contacts.rows import NO_COUNTRY, PLAIN_ADDRESS, judge, phone_judge, shape_of

TODAY = date(2026, 12, 1)
RULES = ImportRules("import_configs.a", "sandbox", date_format="dd/MM/yyyy", default_language="nl")
STRICT = replace(RULES, email_is_required=True, unique_within_file=True)
NO_DEFAULT = replace(RULES, default_language=None)
_MANY = 9_000  # rows of more than two batches


without_deadline = settings(deadline=None)  # patterns and libraries are compiled and imported on the way


def judged(folder: Path, rules: ImportRules, header: str, *rows: str, show: bool = False) -> Checked:
    file = folder / "contacts.csv"
    file.write_text("\n".join([header, *rows, ""]), "utf-8")
    return judge(open_contacts(file, rules), rules, today=TODAY, show=show)


# Rules, header, cells of one column (row 2 on) → what comes of them but R0318: code, number, first rows.
ROWS: Sequence[tuple[ImportRules, str, str, str]] = [
    (STRICT, "Email", "a@example.com| |no address|b@example..com", "R0307 1 3, R0308 2 4 5"),
    (RULES, "Email", "a@example.com| ", "no-address 1 3"),
    (replace(RULES, email_is_required=False), "Email", "a@example.com| ", ""),
    (STRICT, "Email", "A.b@Example.com|c@example.com|a.B@example.com|a.b@example.com", "R0315 2 4 5"),
    (STRICT, "Email", "b@example.com| b@example.com ", "R0315 1 3, outer-blanks 1 3"),
    (RULES, "Email", "a@example.com|A@example.com", "duplicate-address 1 3"),
    (RULES, "Email", "Info@example.com|information@example.com", "R0324 1 2"),
    (RULES, "Email", f"{'é' * 3}@exämple.com|{'a' * 60}@{'b' * 40}.com", "too-long 1 3"),
    (RULES, "Email", "a@localhost|a@b.local|<a@example.com>|a@example.com;b@example.com", "R0308 4 2 3 4 5"),
    (RULES, "DateOfBirth", "31/12/1980|12/31/1980|30/02/1980|1/1/1980||soon", "R0302 4 3 4 5 7"),
    (RULES, "DateOfBirth", "02/12/2026|01/12/2026", "R0302 1 2"),
    (replace(RULES, date_format="dd/MM/yy"), "DateOfBirth", "31/12/29|31/13/29", "R0302 1 3"),
    (replace(RULES, date_format=None), "DateOfBirth", "31/12/1980|soon", ""),
    (RULES, "DateToBeMailed", "31/12/2026|2026-12-31|30/11/2026|", "invalid-date 1 3, past-date 1 4"),
    (RULES, "Country", "NL|be|UK|Nederland||NLD", "R0303 3 4 5 7"),
    (RULES, "State", "CA|tx|Utrecht|ZZ|", "R0304 2 4 5"),
    (RULES, "LangCode", "nl|EN|nl-BE|Nederlands|zz", "R0306 3 4 5 6"),
    (NO_DEFAULT, "LangCode", "nl||nl", "R0305 1 3"),
    (RULES, "Gender", "M|f|V|Mevrouw|", "unknown-gender 2 4 5"),
    (RULES, "Phone", "+31612345678|+31 6 1234 5678|+31 (0)6 12345678||+31 6-12345678", "phone-form 3 3 4 6"),
    (RULES, "Phone", "0612345678|0031612345678|612345678|+31000|+999123456|n/a", "R0322 6 2 3 4 5 6 7"),
    (RULES, "FirstName", f"{'x' * 50}|{'x' * 51}| {'x' * 50} ", "too-long 1 3, outer-blanks 1 4"),
    (RULES, "FirstName", "x| x|x\u00a0| ", "outer-blanks 2 3 4"),
    (RULES, "LastName", "a\x07b|\ufeffc|a b|é́", "control-character 2 2 3"),
    (RULES, "CustomField20", "x" * 257, "too-long 1 2"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "member", "cells", "expected"), ROWS)
def test_rows_get_their_codes(
    rules: ImportRules, member: str, cells: str, expected: str, tmp_path: Path
) -> None:
    others = {"Email": "x{}@example.com", "LangCode": "nl", "City": "Gent"}
    others.pop(member, None)
    rest = ",".join(others.values())
    rows = [f'"{cell}",{rest.format(number)}' for number, cell in enumerate(cells.split("|"))]
    checked = judged(tmp_path, rules, ",".join([member, *others]), *rows)
    found = [f"{one.code} {one.count} {' '.join(map(str, one.rows))}" for one in checked.results]
    assert sorted(found) == sorted(expected.split(", ") if expected else [])
    assert {one.member for one in checked.results} <= {member}
    refusing = [one.rows for one in checked.results if RESULT_CODES[one.code].refuses]
    assert checked.refused == len({row for rows in refusing for row in rows})


def test_what_no_column_fills_is_the_same_for_every_row(tmp_path: Path) -> None:
    rules = replace(NO_DEFAULT, email_is_required=True)
    checked = judged(tmp_path, rules, "FirstName,LastName", *["a,b"] * _MANY)
    found = [(one.code, one.column, one.count, one.rows) for one in checked.results]
    assert found == [(code, 0, _MANY, [*range(2, 12)]) for code in ("R0307", "R0305")]
    assert (checked.rows, checked.refused) == (_MANY, _MANY)
    assert any("default_language_code is not declared" in one for one in checked.unknown)


def test_a_row_is_refused_once_and_duplicates_are_found_across_the_whole_file(tmp_path: Path) -> None:
    addresses = [f"p{number}@example.com" for number in range(_MANY)]
    rows = [f"{address},XX,+99" for address in [*addresses, addresses[0].upper(), addresses[-1]]]
    done: list[int] = []
    file = tmp_path / "contacts.csv"
    file.write_text("\n".join(["Email,Country,Phone", *rows]), "utf-8")
    checked = judge(open_contacts(file, STRICT), STRICT, today=TODAY, progress=done.append)
    found = {one.code: one for one in checked.results}
    assert found["R0315"] == RowResult("R0315", 1, "Email", 2, [_MANY + 2, _MANY + 3], found["R0315"].shapes)
    assert (checked.refused, found["R0303"].count, found["R0322"].count) == (_MANY + 2,) * 3
    assert done == sorted({*done, checked.rows})


def test_shapes_are_the_most_common_and_values_are_shown_only_where_asked_for(tmp_path: Path) -> None:
    rows = ["31/12/26,Jan", "01/02/99,Jan", "Feb 99, Charlotte"]
    shapes = [one.shapes for one in judged(tmp_path, RULES, "DateOfBirth,FirstName", *rows).results]
    assert shapes[2:] == [["dd/dd/dd", "Aaa dd"], ["␣Aaaa…"]]  # after what no column fills
    shown = [one.shapes for one in judged(tmp_path, RULES, "DateOfBirth,FirstName", *rows, show=True).results]
    assert shown[2:] == [["31/12/26", "01/02/99", "Feb 99"], [" Charlotte"]]


def test_codes_that_only_the_account_knows_are_said_with_the_reason(tmp_path: Path) -> None:
    unknown = "\n".join(judged(tmp_path, RULES, "Email", "a@example.com").unknown)
    unknowable = {code.code for code in RESULT_CODES.values() if code.why}
    assert unknowable == {*re.findall(r"R0\d+", unknown)} - {"R0308"}
    assert {"R0207", "R0300", "R0301", "R0309", "R0310", "R0311", "R0316", "R0323", "R0326"} == unknowable


CELLS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters='"\0'), min_size=1), min_size=1)


@settings(without_deadline, max_examples=40)
@given(cells=CELLS, member=st.sampled_from(["Email", "Phone", "DateOfBirth", "LangCode", "City", "Country"]))
def test_no_content_of_a_cell_is_in_a_result(
    cells: list[str], member: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marked = [f"{cell}{'Qzwk' * 80}7654321" for cell in cells]
    folder = tmp_path_factory.getbasetemp()
    checked = judged(folder, RULES, f"{member},Suite", *(f'"{cell}","{cell}"' for cell in marked))
    assert len(checked.results) > 1
    said = [checked.results, checked.unknown, [(one.message, one.hint) for one in checked.problems]]
    assert not re.search("qz|wk|765", repr(said), re.IGNORECASE)


@without_deadline
@given(st.text(min_size=1))
def test_a_shape_has_no_letter_and_no_digit_of_a_text(text: str) -> None:
    shape = shape_of(text)
    assert {c for c in shape if c.isalnum()} <= {*"aAd"}
    assert len(shape) <= 32


ADDRESSES = st.from_regex(r"\A[A-Za-z0-9.'+_-]{1,70}@[A-Za-z0-9.-]{1,40}\.[A-Za-z]{1,12}\Z") | st.emails()


@without_deadline
@given(ADDRESSES | st.text())
def test_an_address_that_the_pattern_takes_is_one_by_the_validator(address: str) -> None:
    if PLAIN_ADDRESS.fullmatch(address):
        validate_email(address, check_deliverability=False, test_environment=True)
    if "@" not in address:
        with pytest.raises(EmailNotValidError):
            validate_email(address, check_deliverability=False, test_environment=True)


USUAL = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """Return a number of a country by which its pattern is learned, and another one that is nearly right."""
    code, regions = draw(st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items())))
    example = phonenumbers.example_number_for_type(regions[0], draw(st.sampled_from(USUAL)))
    digits = str(example.national_number) if example else "123456789"
    kept = draw(st.integers(0, len(digits)))
    others = draw(st.text("0123456789", min_size=len(digits) - kept, max_size=len(digits) - kept + 1))
    return f"+{code}{digits}", f"+{code}{digits[:kept]}{others}"


def is_valid(number: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


@without_deadline
@given(numbers(), st.lists(st.sampled_from(["", "", " ", "-", "."]), min_size=16, max_size=16))
def test_a_phone_number_is_judged_as_the_library_does_once_its_country_is_learned(
    drawn: tuple[str, str], between: Sequence[str]
) -> None:
    judge_phone, (first, number) = phone_judge(), drawn
    judge_phone(first)
    spaced = "".join(c + blank for c, blank in zip(number, between, strict=False)).strip(" -.")
    for form in (number, spaced, number):
        assert (judge_phone(form) != "R0322") is is_valid(form)
    assert judge_phone(number) in ("", "R0322")


@without_deadline
@given(st.from_regex(NO_COUNTRY, fullmatch=True))
def test_a_phone_number_without_a_country_is_none_by_the_library(number: str) -> None:
    assert not is_valid(number)
