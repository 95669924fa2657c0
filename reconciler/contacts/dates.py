"""Dates as a date format of the vendor writes them: in y, M and d, and what stands between (DOC: DateFormat).

How strictly the vendor reads is unknown; here as .NET, on which the API runs, does (INF): `dd` is two digits,
`d` is one or two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache

_LETTERS = re.compile(r"y+|M+|d+|[^yMd]")
_CENTURY = 50  # a year of two digits below it is of this century, as .NET has it
_MOST_KEPT = 1 << 16  # dates that are read once only: an adult's birthday is one of some 25,000 days

_FORMS = (
    *("dd-MM-yyyy", "MM-dd-yyyy", "yyyy-MM-dd", "dd-MM-yy", "MM-dd-yy", "yy-MM-dd"),
    *("d-M-yyyy", "M-d-yyyy", "yyyy-M-d", "d-M-yy", "M-d-yy"),
)
"""The formats that people use, the likelier first; `/`, `.` or a blank may stand in place of the dash."""
_JOINED = ("yyyyMMdd", "ddMMyyyy", "MMddyyyy")
_DATE = re.compile(r"(\d{8}|\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4})([T ]+\d{1,2}:\d{2}.*)?", re.ASCII)
_COUNTED = re.compile(r"[1-6]\d{4}(?:[.,]\d+)?", re.ASCII)
SERIAL, TIMED = "number of days", " and a time of day"  # what stands in place of a format, and behind one


def _digits(part: str) -> str:
    """Return the pattern of a part of a format."""
    if part[0] not in "yMd":
        return re.escape(part)
    if len(part) > 2 and part[0] != "y":  # the name of a month or weekday, in an unknown language
        return r"[^\W\d]+\.?"
    count = {"d": "1,2", "M": "1,2", "dd": "2", "MM": "2", "y": "1,2", "yy": "2"}.get(part, "4")
    return rf"(?P<{part[0]}>\d{{{count}}})"


@lru_cache
def date_pattern(format: str) -> Callable[[str], date | None]:
    """Return what reads a text that is in this format: it answers with the date, `None` where it is none.

    What a format leaves out, and a month in letters, is taken as the first.
    """
    parts, named = [], set[str]()
    for part in _LETTERS.findall(format):
        pattern = _digits(part)
        parts.append(re.sub(r"\?P<.>", "?:", pattern) if part[0] in named else pattern)
        named.add(part[0])
    match = re.compile("".join(parts), re.ASCII if "MMM" not in format else 0).fullmatch

    @lru_cache(_MOST_KEPT)
    def read(text: str) -> date | None:
        found = match(text)
        if found is None:
            return None
        said = {name: int(digits) for name, digits in found.groupdict().items()}
        year = said.get("y", 2000)
        if "y" in said and len(found["y"]) < 3:
            year += 2000 if year < _CENTURY else 1900
        try:
            return date(year, said.get("M", 1), said.get("d", 1))
        except ValueError:
            return None

    return read


@lru_cache(_MOST_KEPT)
def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats that people use in which this text is a date of our times, the likelier first.

    One with a time of day behind it, and a number by which a spreadsheet counts days, are named as such.
    """
    if _COUNTED.fullmatch(text):
        return (SERIAL,)
    found = _DATE.fullmatch(text)
    if found is None:
        return ()
    between = next((one for one in found[1] if not one.isdigit()), "")
    # A year of four digits stands first or not at all there: most formats need no trial.
    usual = [one for one in _FORMS if one.startswith("yyyy") == found[1][:4].isdecimal()]
    forms = [one.replace("-", between) for one in usual] if between else _JOINED
    dates = ((form, date_pattern(form)(found[1])) for form in forms)
    fitting = (form for form, day in dates if day and 1900 <= day.year <= 2100)
    return tuple(f"{form}{TIMED}" if found[2] else form for form in fitting)


def count_formats(texts: Iterable[str], fitting: Counter[str], declared: str | None = None) -> None:
    """Add to `fitting`, for each of the texts, the formats that it is a date in, and the declared one."""
    for text, number in Counter(texts).items():
        forms = {*formats_of(text := text.strip())}
        if declared and date_pattern(declared)(text):
            forms.add(declared)
        for form in forms:
            fitting[form] += number


def best_formats(fitting: Counter[str]) -> list[str]:
    """Return the formats that most of the counted texts are in: several where no text tells them apart.

    One that takes a single digit as well is named only where it fits more.
    """
    most = max(fitting.values(), default=0)
    best = [form for form, number in fitting.items() if number == most]
    return sorted([form for form in best if "dd" in form] or best)


def written(day: date, format: str) -> str:
    """Return a day in this format; a month or weekday that it has in letters is given in digits."""
    numbers = {"y": day.year, "M": day.month, "d": day.day}

    def part(found: re.Match[str]) -> str:
        letters, number = found[0], numbers.get(found[0][0])
        return letters if number is None else f"{number:0{len(letters)}}"[-max(len(letters), 2) :]

    return _LETTERS.sub(part, format)
