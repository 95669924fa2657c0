"""Suggests the import configuration that fits a contact file, each line with its reason.

No content of a cell is in it, but the code of the language that most rows have; of headers the known words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.checkmarket.model import LANGUAGES
from reconciler.config.edits import Put
from reconciler.config.names import visible
from reconciler.contacts.codes import member_named
from reconciler.contacts.dates import SERIAL, TIMED, best_formats, count_formats
from reconciler.contacts.headers import language_of, members_of
from reconciler.contacts.model import without_words
from reconciler.contacts.reading import Table, letters_of
from reconciler.engine.kind import Json

_NAMES = {"en": "English", "nl": "Dutch", "fr": "French", "de": "German", "es": "Spanish"}
_LONGEST_CODE = 10  # what is longer is no code of a language
_SWAPPED = str.maketrans("dM", "Md")
_COUNTED = "counted from 1; unknown whether the vendor does"


@without_words()
def suggestion(
    table: Table, progress: Callable[[int], None] = lambda _: None
) -> tuple[dict[str, Put], list[str]]:
    """Return what to declare for the file, in the order of the fields, and what has to be said beside it.

    Reads every row; of what it holds, hashes of addresses are kept until then. `progress` is called with the
    number of rows that are done. Errors: those of reading.
    """
    languages, formats, addresses, rows, dates, found = Counter[str](), Counter[str](), set[int](), 0, 0, 0
    for _, batch in table.batches():
        rows += len(batch)
        progress(rows)
        for index, member in table.columns.items():
            is_date = member_named(member).what == "date"
            if not is_date and member not in ("Email", "LangCode"):
                continue
            cells = [cell for row in batch if (cell := row[index].strip())]
            if is_date:
                dates += len(cells)
                count_formats(cells, formats)
            elif member == "Email":
                found += len(cells)
                addresses.update(hash(cell.casefold()) for cell in cells)
            else:
                languages.update(cell for cell in cells if len(cell) < _LONGEST_CODE)
    notes = ["where the contacts go is not in the file: add survey_settings or a contact list"]
    name = re.sub(r"[\W_]+", " ", Path(table.file).stem).strip()[:50].strip() or "Contacts"
    said = {"name": Put(name, "from the name of the file; at most 50 characters"), **_mappings(table, notes)}
    said |= _of_addresses(rows, found, len(addresses), notes)
    if dates:
        said |= _date_format(formats, dates, notes)
    said["first_row"] = Put(table.first, f"the first contact, {_COUNTED}")
    if table.delimiter:
        said["field_delimiter"] = Put(visible(table.delimiter), "what separates the columns of the file")
    if table.counts["\r"] > table.counts["\n"] + table.counts["\r\n"]:
        said["row_delimiter"] = Put(r"\r", "lines end so in this file, which few programs expect")
    return {**said, **_language(table, languages, notes)}, notes


def _mappings(table: Table, notes: list[str]) -> Mapping[str, Put]:
    known, mapped, reasons = members_of(table.header), list[Json](), list[str]()
    for index, member in sorted(table.columns.items()):
        mapped.append({"source_column_number": index + 1, "target_column_name": member})
        is_known = known.get(index) == member
        reasons.append(f'header "{visible(table.header[index])}"' if is_known else "its cells hold an @")
    left = [letters_of(index) for index in range(table.width) if index not in table.columns]
    if left:
        notes.append(f"columns that no mapping is about, for no known word heads them: {', '.join(left)}")
    # A list of one has one comment.
    comment = "; ".join([*(reasons if len(reasons) == 1 else ()), f"columns {_COUNTED}"])
    return {"column_mappings": Put(mapped, comment, reasons=(*reasons,))} if mapped else {}


def _of_addresses(rows: int, found: int, different: int, notes: list[str]) -> Mapping[str, Put]:
    said: dict[str, Put] = {}
    if found == rows and rows:
        said["email_is_required"] = Put(value=True, comment="every row has an address")
    elif found:
        why = f"true would refuse {rows - found:,} of {rows:,} rows, which have no address (R0307)"
        said["email_is_required"] = Put(value=False, comment=why)
    if found > different:
        notes.append(f"rows whose address stands in a row above them: {found - different:,}")
    elif found:
        said["email_must_be_unique_within_file"] = Put(value=True, comment="no address stands there twice")
    return said


def _date_format(formats: Counter[str], dates: int, notes: list[str]) -> Mapping[str, Put]:
    best = best_formats(formats)
    usable = [form for form in best if form != SERIAL and TIMED not in form]
    if not usable:
        what = f"are written as a {best[0]}" if best else "are in no format that is known"
        notes.append(f"the dates {what}: no date_format reads them; write them as days, like 2026-12-31")
        return {}
    form = next((one for one in usable if one.startswith("d")), usable[0])
    others, swapped, fits = [one for one in usable if one != form], form.translate(_SWAPPED), formats[form]
    if len({re.sub("[dMy]", "x", one) for one in usable}) > 1:
        why = f"fits {fits:,} of {dates:,} dates, as {' and '.join(others)} does: write all in one format"
    elif others:
        no_day = "no day is over 12, so " if swapped in others else ""
        why = f"ambiguous: {no_day}{' and '.join(others)} would fit as well"
    else:
        why = f"fits all {dates:,} dates" if fits == dates else f"fits {fits:,} of {dates:,} dates"
        if form[0] in "dM" and formats[swapped] < fits:
            why += f"; a day over 12 tells it from {swapped}"
    return {"date_format": Put(form, why)}


def _language(table: Table, languages: Counter[str], notes: list[str]) -> Mapping[str, Put]:
    codes = (re.split("[-_]", cell)[0].lower() for cell, _ in languages.most_common())
    known = [code for code in codes if code in LANGUAGES.split()]
    code = known[0] if known else language_of(table.header) or ""
    if not code:
        notes.append("no language: contacts without one are refused (R0305); add default_language_code")
        return {}
    why = f"the header is in {_NAMES.get(code)}: check that the contacts read it"
    why = "the language of most rows, for rows that have none" if known else why
    return {"default_language_code": Put(code, why)}
