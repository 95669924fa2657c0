from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.config.settings import Guardrails
from reconciler.errors import FilesInvalid
from reconciler.expoints.model import check_days, check_seed
from reconciler.expoints.seed import Moment, Seed, SeedCustomer
from reconciler.problems import Place, Problem, Severity
from tests.config.conftest import Files, write_files
from tests.expoints.test_declaration import CUSTOMER, HEAD, SENDABLE, SETTINGS

ALLOWED = Guardrails(allowed_recipients=("*@example.com",), allowed_phone_numbers=("+31612345678",))
HERE = Place("a.yaml", 1, 1)


def problems_of(folder: Path, files: Files) -> tuple[Problem, ...]:
    write_files(folder, {"reconciler.yaml": SETTINGS, **files})
    try:
        return load(folder, SECTION, folder, CUSTOMER_SEEDS).warnings
    except FilesInvalid as invalid:
        return invalid.problems


class Case(NamedTuple):
    """A seed with one mistake, and where it is told."""

    code: str
    text: str
    line: int
    column: int
    also: Files | None = None
    file: str = "a.yaml"


def field(code: str, text: str, column: int) -> Case:
    return Case(code, f"{HEAD}{SENDABLE}{CUSTOMER}    {text}\n", 7, column)


def customer(code: str, text: str, column: int) -> Case:
    return Case(
        code, f"{HEAD}{SENDABLE}    customers:\n    - email: a@example.com\n      {text}\n", 8, column
    )


def answer(code: str, text: str, column: int) -> Case:
    return customer(code, f"answers: [{{base_question_id: 1, {text}}}]", column)


def row(code: str, line: str, column: int) -> Case:
    header = "email;priority;copy_all_answers;send_date;Unit"
    files = {"t.csv": f"{header}\nb@example.com;;;;\n{line}\n"}
    return Case(code, f"{HEAD}{SENDABLE}    customers_from: t.csv\n", 3, column, files, "t.csv")


TRIPLE = "is_encrypted: true, certificate_thumbprint: T"

FORMS = [
    field("wrong-type", "approve_automatically: 1", 28),
    field("unknown-field", "ApproveAutomatically: true", 5),
    field("invalid-value", "end_date: 2026-02-30", 15),
    field("invalid-value", 'send_time: "2026-12-01T11:30"', 16),
    field("unknown-choice", "type_batch: mail", 17),
    field("unknown-choice", "send: always", 11),
    field("too-short", 'round: " "', 12),
    field("too-long", f"round: {'x' * 101}", 12),
    field("unknown-key", "after: [m]", 13),
    field("misplaced", "defaults: {email: a@example.com}", 16),
    field("path-outside", "customers_from: ../t.csv", 21),
    field("unknown-format", "customers_from: t.txt", 21),
    customer("wrong-type", "phone_number: 31612345678", 21),
    customer("invalid-value", "send_date: 01-12-2026", 18),
    customer("out-of-range", "priority: 2147483648", 17),
    customer("misplaced", "is_test: true", 7),
    customer("wrong-type", "data: [a]", 13),
    customer("wrong-type", "data: {A: 3}", 17),
    customer("too-short", 'data: {" ": x}', 13),
    customer("missing-field", f"data: {{A: {{value: x, {TRIPLE}}}}}", 17),
    customer("missing-field", "data: {A: {is_encrypted: false}}", 14),
    customer("unknown-field", "data: {A: {value: x, thumbprint: T}}", 28),
    customer("missing-field", "answers: [{text: a}]", 17),
    answer("invalid-value", "date_answered: today", 54),
    answer("unknown-field", "selected_scale_positions: [{points: 3}]", 67),
    answer("contradiction", "file_answers: [{file_name: x}]", 54),
    answer("contradiction", "file_answers: [{file: n.txt, data: QEA=}]", 54),
    answer("invalid-value", "file_answers: [{data: QEA, file_name: a}]", 61),
    answer("unreadable-file", "file_answers: [{file: gone.txt}]", 61),
    answer("path-outside", "file_answers: [{file: ../n.txt}]", 61),
    answer("missing-field", f"file_answers: [{{data: QEA=, {TRIPLE}}}]", 54),
    row("csv-row", "a@example.com;;;", 1),
    row("missing-field", ";;;;x", 1),
    row("wrong-type", "a@example.com;1.5;;;", 2),
    row("invalid-value", "a@example.com;;;soon;", 4),
]


def whole(code: str, text: str, line: int, column: int, **also: str) -> Case:
    return Case(code, text, line, column, {name.replace("_", "."): content for name, content in also.items()})


def sendable(code: str, text: str, line: int, column: int) -> Case:
    return Case(code, f"{HEAD}{SENDABLE}{text}", line, column)


def to(text: str) -> str:
    return f"    customers: [{{email: x@example.com, {text}}}]\n"


def elsewhere(text: str) -> str:
    """Return a seed on the target that allows less."""
    return f"{HEAD}{SENDABLE}{text}".replace("sandbox", "staging").replace("example.com", "qa.example")


def notified(text: str) -> str:
    return f"{HEAD}    is_test: true\n    notification_email_addresses: {text}\n{CUSTOMER}"


MAILBOX_IN_TWO = """\
customer_seeds:
  a:
    targets: [sandbox]
    shared_mailbox: true
    is_test: true
    notification_email_addresses: [qa@example.com]
    customers: [{email: x@example.com}]
  b:
    targets: [sandbox]
    is_test: true
    notification_email_addresses: [qa@example.com]
    customers: [{email: y@example.com}, {email: X@example.COM}]
"""
NO_TENANT = 'version: 1\ntargets: {sandbox: {checkmarket: {url: "sandbox:"}}}\n'
NO_LIST = 'version: 1\ntargets: {sandbox: {expoints: {url: "sandbox:"}}}\n'
NOTIFIED = "    notification_email_addresses: [qa@example.com]\n"

NOON = '    send_time: "12:00"\n'
MORNING = "2026-12-01T09:30"

REFUSALS = [
    whole("not-a-test", f"{HEAD}{NOTIFIED}{CUSTOMER}", 2, 3),
    whole("not-a-test", f"{HEAD}    is_test: false\n{NOTIFIED}{CUSTOMER}", 4, 14),
    whole("not-a-test", f"{HEAD}    is_test: false\n    is_concept: false\n{NOTIFIED}{CUSTOMER}", 4, 14),
    whole("no-notification-address", f"{HEAD}    is_test: true\n{CUSTOMER}", 2, 3),
    whole("no-notification-address", notified("[]"), 5, 35),
    whole("recipient-not-allowed", notified("[qa@example.com, qa@real.example]"), 5, 52),
    whole("not-one-address", notified('["qa@example.com,qb@example.com"]'), 5, 36),
    sendable("not-one-address", '    customers: [{email: "ceo@real.example,x@example.com"}]\n', 6, 25),
    sendable("recipient-not-allowed", "    customers: [{email: ceo@real.example}]\n", 6, 25),
    sendable("recipient-not-allowed", "    customers: [{email: x@sub.example.com}]\n", 6, 25),
    sendable("phone-number-not-allowed", to('phone_number: "0612345678"'), 6, 54),
    sendable("phone-number-not-allowed", f'    defaults: {{phone_number: "0612345678"}}\n{CUSTOMER}', 6, 30),
    whole("no-allowed-recipients", f"{HEAD}{SENDABLE}{CUSTOMER}", 3, 14, reconciler_yaml=NO_LIST),
    whole("no-tenant", f"{HEAD}{SENDABLE}{CUSTOMER}", 3, 14, reconciler_yaml=NO_TENANT),
    sendable("no-customers", "    customers: []\n", 2, 3),
    whole("no-customers", f"{HEAD}{SENDABLE}    customers_from: t.csv\n", 2, 3, t_csv="email\n"),
    sendable("duplicate-mailbox", "    customers: [{email: x@example.com}, {email: X@example.com}]\n", 6, 49),
    whole("shared-mailbox", MAILBOX_IN_TWO, 12, 49),
    sendable("ends-before-sending", f"    end_date: today\n{CUSTOMER}", 6, 15),
    sendable("ends-before-sending", "    end_date: 2026-12-01\n" + to("send_date: 2026-12-01"), 6, 15),
    sendable("ends-before-sending", to(f'send_date: "{MORNING}", end_date: "2026-12-01T08:30Z"'), 6, 81),
    sendable("ends-before-sending", f"    end_date: -1d\n{CUSTOMER}", 6, 15),
    sendable("ends-before-sending", f'{NOON}    end_date: "today 11:00"\n{CUSTOMER}', 7, 15),
    sendable("ends-before-sending", NOON + to('send_date: +2d, end_date: "+2d 11:00"'), 7, 66),
    sendable("ends-before-sending", NOON + to(f'send_date: 2026-12-01, end_date: "{MORNING}"'), 7, 73),
    sendable("send-date-over", "    end_date: +1d\n" + to("send_date: yesterday"), 7, 51),
    sendable("clock-change", '    end_date: "2027-03-28T02:30"\n' + CUSTOMER, 6, 15),
    sendable("clock-change", to('send_date: "2027-10-31T02:30"'), 6, 51),
    Case("copies-not-allowed", elsewhere(to("previous_id: 1")), 6, 52),
    sendable("nothing-to-copy", to("answers_to_copy: [1]"), 6, 57),
    sendable("nothing-to-copy", to("copy_all_answers: true"), 6, 58),
    sendable("copied-twice", to("previous_id: 1, answers_to_copy: [1], copy_all_answers: true"), 6, 73),
]  # fmt: skip
CASES = [*FORMS, *REFUSALS]
WARNED = {"clock-change", "send-date-over", "nothing-to-copy", "copied-twice"}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.code}-{number}" for number, case in enumerate(CASES)])
def test_one_mistake_is_one_problem_at_its_place_that_says_what_to_do(case: Case, tmp_path: Path) -> None:
    found = problems_of(tmp_path, {"n.txt": "@@", "a.yaml": case.text, **(case.also or {})})
    assert [(p.code, p.place) for p in found] == [(case.code, Place(case.file, case.line, case.column))]
    assert all(problem.message and problem.hint for problem in found)
    assert (found[0].severity is Severity.WARNING) == (case.code in WARNED)


ONE, LAST, GENERAL = "write 2026-12-01:", "write 2026-12-31:", "write a day, like"
DAYS = [
    *((day, LAST) for day in ("31-12-2026", "12/31/2026", "2026/12/31")),
    *((day, ONE) for day in ("1 dec. 2026", "Dec 1, 2026", "46357", "2026-12-1", "20261201")),
    ("1.12.2026", "write 2026-12-01 or 2026-01-12:"),
    *((day, GENERAL) for day in ("31-02-2026", "01-12-2026 09:30")),
]


@pytest.mark.parametrize(("day", "hint"), DAYS)
def test_a_day_in_another_form_is_quoted_once_a_column_with_the_form_to_write(
    day: str, hint: str, tmp_path: Path
) -> None:
    rows = "".join(f"{n}@example.com;{'' if n % 2 else day};today\n" for n in range(20))
    text = {"t.csv": f"email;send_date;end_date\n{rows}"}
    found = problems_of(tmp_path, {"a.yaml": f"{HEAD}{SENDABLE}    customers_from: t.csv\n", **text})
    told = [one for one in found if one.code == "invalid-value"]
    assert [str(one.place) for one in told] == ["t.csv:1:2"]
    lines = "(line 2; likewise 4, 6, 8, 10 and 5 more)"
    assert told[0].message == f"send_date: {day} is no day that is understood here {lines}"
    assert told[0].hint.startswith(hint)


COLUMNS = [
    ("x{n}@real.example", "", [("recipient-not-allowed", 1, 2, 20)]),
    ("x@example.com", "", [("duplicate-mailbox", 1, 2, 19)]),
    ("x{n}@example.com", "+3161{n}", [("phone-number-not-allowed", 1, 3, 20)]),
    ("x{n}@example.com, b@example.com", "", [("not-one-address", 1, 2, 20)]),
]


@pytest.mark.parametrize(("email", "phone", "expected"), COLUMNS)
def test_what_many_rows_of_a_table_share_is_told_once_at_the_header(
    email: str, phone: str, expected: list[tuple[str, int, int, int]], tmp_path: Path
) -> None:
    rows = "".join(f'A;"{email.format(n=n)}";{phone.format(n=n)}\n' for n in range(20))
    text = {"t.csv": f"Name;email;phone_number\n{rows}"}
    found = problems_of(tmp_path, {"a.yaml": f"{HEAD}{SENDABLE}    customers_from: t.csv\n", **text})
    told = [one for one in found if one.place.file == "t.csv"]
    counts = [5 + int(one.message.rpartition(" and ")[2].split()[0]) for one in told]
    where = [(one.code, one.place.line, one.place.column) for one in told]
    assert [(*at, count) for at, count in zip(where, counts, strict=True)] == expected


DUPLICATE = "    customers: [{email: x@example.com}, {email: x@example.com}]\n"


SHARED = MAILBOX_IN_TWO.replace("  b:\n", "  b:\n    shared_mailbox: true\n")


@pytest.mark.parametrize("text", [SHARED, f"{HEAD}{SENDABLE}    allow_duplicate_email: true\n{DUPLICATE}"])
def test_a_mailbox_twice_is_fine_where_it_is_allowed(text: str, tmp_path: Path) -> None:
    assert problems_of(tmp_path, {"a.yaml": text}) == ()


def test_neither_sharing_is_told_to_both_and_two_targets_share_nothing(tmp_path: Path) -> None:
    text = MAILBOX_IN_TWO.replace("    shared_mailbox: true\n", "")
    found = problems_of(tmp_path, {"a.yaml": text})
    assert [(p.code, p.key[-1], p.place.line) for p in found] == [
        ("shared-mailbox", "a", 6),
        ("shared-mailbox", "b", 11),
    ]
    files = {"reconciler.yaml": SETTINGS.replace("*@qa.example", "*@example.com")}
    first, _, second = text.rpartition("targets: [sandbox]")
    assert problems_of(tmp_path, {**files, "a.yaml": f"{first}targets: [staging]{second}"}) == ()


def seed(*emails: str, **members: object) -> Seed:
    customers = tuple(SeedCustomer(HERE, email, {}, ()) for email in emails)
    batch = {"IsTest": True, "NotificationEmailAddresses": "qa@example.com", **members}
    return Seed("customer_seeds.s", HERE, customers, batch)  # type: ignore[arg-type]


def codes(seed: Seed, allowed: Guardrails = ALLOWED) -> list[str]:
    return [finding.code for finding in check_seed(seed, allowed)]


NOW = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # the first of December begins in Amsterdam
LATE, OVER = "ends-before-sending", "send-date-over"


@pytest.mark.parametrize(
    ("end", "send", "clock", "expected"),
    [
        ("2026-12-01", None, None, [LATE]),
        ("2025-12-24", None, None, [LATE]),
        ("2026-12-01T00:01", None, None, []),
        ("2026-12-01T00:01", None, "00:02", [LATE]),
        ("2026-12-01T00:01", None, "00:00", []),
        ("2026-12-24", "2026-12-24", None, [LATE]),
        ("2026-12-24T09:00", "2026-12-24", "09:00", [LATE]),
        ("2026-12-24T09:01", "2026-12-24", "09:00", []),
        ("+2d", "2026-12-02T23:59", "11:00", []),
        ("2026-12-03T00:30", "2026-12-02T23:30Z", "00:31", [LATE]),  # on the next day in Amsterdam
        ("2026-12-24", "2026-12-01", None, []),
        ("2026-12-24", "2026-11-30", None, [OVER]),
        ("2025-12-24", "2025-12-01", None, [OVER, LATE]),
        (None, "2025-12-01", "11:00", [OVER]),
        (None, None, "11:00", []),
    ],
)
def test_no_round_is_sent_that_cannot_be_answered(
    end: str | None, send: str | None, clock: str | None, expected: list[str]
) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    members = {"SendDate": Moment(send)} if send else {}
    batch = {"EndDate": end and Moment(end), "SendTime": clock and Moment(clock, is_time=True)}
    one = seed("a@example.com", "b@example.com", **batch)
    one = replace(one, customers=tuple(replace(customer, members=members) for customer in one.customers))
    found = list(check_days(one, zone, NOW))
    assert [finding.code for finding in found] == expected
    assert all("2 customers" in finding.message for finding in found)


NOT_NOTIFIED = [
    ("", "no-notification-address"),
    ("qa@example.com,", "not-one-address"),
    ("qa@example.com,ceo@real.example", "recipient-not-allowed"),
]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (seed("a@example.com"), []),
        (seed("a@example.com", IsTest=False), ["not-a-test"]),
        (seed("a@example.com", IsTest=False, IsConcept=True), []),
        (seed("a@example.com", IsTest=1), ["not-a-test"]),
        (seed(), ["no-customers"]),
        (seed("ceo@real.example,x@example.com"), ["not-one-address"]),
        (seed("a@example.com", "ceo@real.example"), ["recipient-not-allowed"]),
        *((seed("a@example.com", NotificationEmailAddresses=text), [code]) for text, code in NOT_NOTIFIED),
    ],
)
def test_the_proof_of_test_is_looked_at_again(one: Seed, expected: list[str]) -> None:
    assert codes(one) == expected
    if not expected:
        assert "no-allowed-recipients" in codes(one, Guardrails())
