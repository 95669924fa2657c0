"""Judges the rows of a contact file: which result code an import would answer to each, as far as known.

A file may have a million rows, so a batch is judged column by column, each value of it once, and nothing is
kept of a row that is right. What a library would take long to prove, a stricter pattern proves first.
"""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cache, lru_cache
from itertools import chain
from mmap import mmap
from operator import itemgetter
from unicodedata import category

from reconciler.checkmarket.model import LANGUAGES
from reconciler.contacts.codes import COUNTRIES, RESULT_CODES, ROLES, STATES, member_named
from reconciler.contacts.dates import date_pattern
from reconciler.contacts.model import MOST_ROWS, Checked, ImportRules, Member, RowResult, without_words
from reconciler.contacts.reading import Table
from reconciler.errors import missing_extra

_Where = tuple[str, int]  # a code, and the index of a column
CodeOf = Callable[[str], str]
"""From a value without outer blanks to the code that it gets, empty where it is right."""

MOST_ADDRESSES = 6_000_000  # among which duplicates are found
_MOST_ALIVE = 200_000  # objects
_MOST_SHAPES, _MOST_SAMPLED, _LONGEST_SHAPE = 3, 10_000, 32
_WHAT = "a check of contacts"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u2060\ufeff]")
# Members with a list of codes, in capitals as the case may not matter (UNK), and the result of any other.
_LISTED = {
    "language": (frozenset(LANGUAGES.upper().split()), "R0306"),
    "country": (COUNTRIES, "R0303"),
    "state": (STATES, "R0304"),
    "gender": (frozenset("MF"), "unknown-gender"),
}

_ATOM, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++", r"[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+"
# At most 64 characters, so that no part of it can be too long; no domain that is kept for special use.
PLAIN_ADDRESS = re.compile(
    rf"(?!.{{65}}){_ATOM}(?:\.{_ATOM})*+@(?:{_LABEL}\.)++(?!(?i:arpa|invalid|local|onion|test))[A-Za-z]{{2,}}"
)
_NO_ROLE = re.compile(rf"(?![A-Za-z-]*+@){PLAIN_ADDRESS.pattern}")  # roles are of letters and dashes
NO_COUNTRY = re.compile(r"[0-9(][0-9 ()./-]*+")  # a phone number without a + before the code of its country
_SPACED = re.compile(r"\+[0-9](?:[ .-]?[0-9])*+")


def is_address(value: str) -> bool:
    """Tell whether a text has the form of an address; the network is not asked. Errors: `UsageError`."""
    if PLAIN_ADDRESS.fullmatch(value):
        return True
    if "@" not in value:
        return False
    try:
        from email_validator import EmailNotValidError, validate_email
    except ImportError:
        raise missing_extra("check", _WHAT) from None
    try:
        validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


@cache
def phone_pattern(calling_code: int) -> str:
    """Return a pattern of usual numbers of a country in E.164, made of the library's; empty without one."""
    from phonenumbers import PhoneMetadata, region_code_for_country_code

    # Of several regions that share the code it is the main one, which the library looks at first.
    region = region_code_for_country_code(calling_code)
    known = PhoneMetadata.metadata_for_region(region, None)
    if known is None or known.leading_digits or known.national_prefix_transform_rule:
        return ""
    usual = [
        f"(?=(?:{'|'.join(f'.{{{n}}}' for n in kind.possible_length)})$)(?:{kind.national_number_pattern})"
        for kind in (known.mobile, known.fixed_line)
        if kind and kind.national_number_pattern and kind.possible_length
    ]
    general = known.general_desc.national_number_pattern if known.general_desc else ""
    return rf"\+{calling_code}(?=(?:{general})$)(?:{'|'.join(usual)})" if usual else ""


def phone_judge() -> CodeOf:
    """Return what judges phone numbers; it learns the pattern of a country by its first right number.

    What it returns raises `UsageError` where the library is missing.
    """
    learned = dict[int, str]()
    usual = re.compile("(?!)")

    def code_of(value: str) -> str:
        nonlocal usual
        if not value or usual.fullmatch(value):
            return ""
        if NO_COUNTRY.fullmatch(value):
            return "R0322"
        if _SPACED.fullmatch(value) and usual.fullmatch(re.sub("[ .-]", "", value)):
            return "phone-form"
        try:
            import phonenumbers
        except ImportError:
            raise missing_extra("check", _WHAT) from None
        try:
            number = phonenumbers.parse(value, None)
        except phonenumbers.NumberParseException:
            return "R0322"
        if not phonenumbers.is_valid_number(number):
            return "R0322"
        code = number.country_code or 0
        if code not in learned:
            learned[code] = phone_pattern(code)
            usual = re.compile("|".join(filter(None, learned.values())) or "(?!)", re.ASCII)
        form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return "" if form == value else "phone-form"

    return code_of


def _address_judge(rules: ImportRules) -> CodeOf:
    blank = {None: "no-address", True: "R0307", False: ""}[rules.email_is_required]

    def code_of(value: str, is_plain: Callable[[str], object] = _NO_ROLE.fullmatch) -> str:
        if is_plain(value):
            return ""
        if not value:
            return blank
        if not is_address(value):
            return "R0308"
        return "R0324" if value.partition("@")[0].lower() in ROLES else ""

    return code_of


def _date_judge(member: Member, format: str, today: date) -> CodeOf:
    read, is_birth = date_pattern(format), member.name == "DateOfBirth"
    has_century = "yyy" in format  # which one the vendor takes otherwise is unknown

    def code_of(value: str) -> str:
        day = read(value) if value else today
        if day is None:
            return "R0302" if is_birth else "invalid-date"
        if is_birth:
            return "R0302" if day > today and has_century else ""
        return "past-date" if day < today and has_century else ""

    return lru_cache(1 << 15)(code_of)


def _listed_judge(what: str, rules: ImportRules) -> CodeOf:
    blank = ("R0318" if rules.default_language else "R0305") if what == "language" else ""
    codes, unknown = _LISTED[what]
    return lambda value: blank if not value else "" if value.upper() in codes else unknown


def _judge_of(member: Member, rules: ImportRules, today: date) -> CodeOf | None:
    """Return what judges the values of a member, `None` where any text is right or no rule is declared."""
    if member.what in _LISTED:
        return _listed_judge(member.what, rules)
    match member.what:
        case "email":
            return _address_judge(rules)
        case "phone":
            return phone_judge()
        case "date" if rules.date_format:
            return _date_judge(member, rules.date_format, today)
    return None


@lru_cache(1 << 12)
def _mark(character: str) -> str:
    """Return what a shape shows of a character: its kind, and of punctuation itself."""
    kind = category(character)
    other = character if character in " +=$<>^`|~€␣" else "□"
    # A mark belongs to the letter before it.
    return "A" if kind in ("Lu", "Lt") else {"L": "a", "N": "d", "P": character, "M": ""}.get(kind[0], other)


def shape_of(text: str) -> str:
    """Return what a text looks like, and nothing of its content: `Jan 31/12/26` is `Aaa dd/dd/dd`.

    Longer runs of letters and shapes over 32 characters are cut; outer blanks are `␣`.
    """
    text = re.sub("^ +| +$", lambda blanks: "␣" * len(blanks[0]), text)
    shape = re.sub("([Aa])([Aa]{3})[Aa]+", r"\1\2…", "".join(map(_mark, text[:200])))
    return shape if len(shape) <= _LONGEST_SHAPE and len(text) <= 200 else f"{shape[: _LONGEST_SHAPE - 1]}…"


def _form(member: Member, cells: Sequence[str], values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the numbers of cells whose form alone is wrong, whatever they mean, with the code of each."""
    most = max(map(len, values))
    # What is not in the list of a member is told by its own code, however long.
    longest = most if member.what in _LISTED else member.longest or most
    is_text = member.what == "text"  # a control character in anything else is told by its code
    if most <= longest and values == cells and (not is_text or "".join(cells).isprintable()):
        return
    for number, (cell, value) in enumerate(zip(cells, values, strict=True)):
        if len(value) > longest:
            yield number, "too-long"
        if value and value != cell:
            yield number, "outer-blanks"
        if is_text and _CONTROL.search(value):
            yield number, "control-character"


def _meaning(code_of: CodeOf | None, values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the numbers of values that are wrong, with the code of each; each value is judged once."""
    if code_of is None:
        return
    once = set(values)
    codes = tuple(map(code_of, once))
    if any(codes):
        wrong = {value: code for value, code in zip(once, codes, strict=True) if code}
        yield from ((number, wrong[value]) for number, value in enumerate(values) if value in wrong)


def _repeats() -> Callable[[Iterable[str]], Iterator[int]]:
    """Return what yields the numbers of those of the next addresses that have been there before.

    It takes 64 MiB at most, and forgets what comes after `MOST_ADDRESSES`. It keeps hashes of 64 bits: of a
    million addresses two have the same in one of 30 million files.
    """
    places, kept = 1 << 23, 0
    table = memoryview(mmap(-1, 8 * places)).cast("q")  # its pages are taken as they are written

    def repeated(addresses: Iterable[str]) -> Iterator[int]:
        nonlocal kept
        for number, found in enumerate(map(hash, addresses)):
            at = found % places
            while (old := table[at]) and old != found:
                at = (at + 1) % places
            if old:
                yield number
            elif found and kept < MOST_ADDRESSES:  # that of a blank is 0
                table[at] = found
                kept += 1

    return repeated


@without_words()
def judge(
    table: Table,
    rules: ImportRules,
    *,
    today: date,
    show: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Checked:
    """Return what an import with these rules would answer to the rows of the table, and the table's problems.

    Memory grows by a byte for each row. `today`, in the workspace's time zone, is what a date is over by.
    `progress` is called with the number of rows that are done. No content of a cell is in the result, unless
    `show` asks for values in place of their shapes: those are for a terminal alone. Errors: those of reading
    the table; `UsageError` where a library is missing.
    """
    members = {index: member_named(name) for index, name in table.columns.items()}
    judges = {index: _judge_of(member, rules, today) for index, member in members.items()}
    email = next((index for index, member in members.items() if member.what == "email"), None)
    repeated, duplicate = _repeats(), "R0315" if rules.unique_within_file else "duplicate-address"
    refused = bytearray()  # for each row whether it is
    numbers: list[int] = []  # of the first rows
    counts, sampled = Counter[_Where](), defaultdict[_Where, list[tuple[int, str]]](list)

    def note(where: _Where, at: int, number: int, cell: str) -> None:
        counts[where] += 1
        if counts[where] <= _MOST_SAMPLED:
            sampled[where].append((number, cell))
        if RESULT_CODES[where[0]].refuses:
            refused[at] = 1

    thresholds = gc.get_threshold()
    gc.set_threshold(
        _MOST_ALIVE
    )  # more than a batch has: else a third of the time goes by looking for cycles
    try:
        for first, batch in table.batches():
            done = len(refused)
            refused.extend(bytes(len(batch)))
            numbers.extend(range(first, first + min(len(batch), MOST_ROWS - len(numbers))))
            for index, member in members.items():
                cells = tuple(map(itemgetter(index), batch)) if index < len(batch[0]) else ("",) * len(batch)
                values = tuple(map(str.strip, cells))
                for at, code in chain(_form(member, cells, values), _meaning(judges[index], values)):
                    note((code, index), done + at, first + at, cells[at])
                if index == email:
                    for at in repeated(map(str.casefold, values)):
                        note((duplicate, index), done + at, first + at, cells[at])
            progress(len(refused))
    finally:
        gc.set_threshold(*thresholds)

    results = list(_absent(members.values(), rules, numbers, len(refused)))
    is_none = any(RESULT_CODES[one.code].refuses for one in results)
    for (code, index), count in counts.items():
        found = sampled[code, index]
        shapes = Counter(cell if show else shape_of(cell) for _, cell in found if cell)
        most = [shape for shape, _ in shapes.most_common(_MOST_SHAPES)]
        first_rows = [number for number, _ in found[:MOST_ROWS]]
        results.append(RowResult(code, index + 1, members[index].name, count, first_rows, most))
    return Checked(
        *(table.file, rules, table.dialect, len(refused), len(refused) if is_none else sum(refused)),
        *(
            tuple(table.problems),
            results,
            [*table.unknown, *_unknown(members.values(), rules, results, len(refused))],
        ),
    )


def _absent(
    members: Iterable[Member], rules: ImportRules, numbers: Sequence[int], rows: int
) -> Iterator[RowResult]:
    """Yield what comes of members that no column fills, which is the same for every row."""
    judges = {"Email": _address_judge(rules), "LangCode": _listed_judge("language", rules)}
    filled = {member.name for member in members}
    for name, code_of in judges.items():
        if rows and name not in filled and (code := code_of("")):
            yield RowResult(code, 0, name, rows, numbers, ())


def _unknown(
    members: Iterable[Member], rules: ImportRules, results: Iterable[RowResult], rows: int
) -> Iterator[str]:
    """Yield what a check cannot tell, a sentence each: what is not declared, then what only others know."""
    found = {one.code for one in results}
    has_dates = any(member.what == "date" for member in members)
    undeclared = {
        "date_format": has_dates and not rules.date_format and "dates are not judged",
        "email_is_required": "no-address" in found and "whether a row needs an address is not known",
        "email_must_be_unique_within_file": "duplicate-address" in found
        and rules.unique_within_file is None
        and "whether an address may stand in a file twice is not known",
        "default_language_code": "R0305" in found and "a default on the account would be used instead",
    }
    for name, what in undeclared.items():
        if what:
            yield f"{name} is not declared: it is as on the account, so {what}"
    if rows > MOST_ADDRESSES:
        yield f"duplicates are those of the first {MOST_ADDRESSES:,} addresses"
    codes = defaultdict[str, list[str]](list)
    for code in RESULT_CODES.values():
        codes[code.why].append(f"{code.code} ({code.meaning})")
    for why, those in codes.items():
        if why:
            yield f"{', '.join(those)}: {why}"
