from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.expoints.model import BATCH, Answer, CustomerDefaults, FileAnswer
from reconciler.expoints.seed import Moment, Seed, Send
from tests.config.conftest import Files, write_files

SETTINGS = """\
version: 1
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints:
      url: "sandbox:"
      allowed_recipients: ["*@example.com"]
      allowed_phone_numbers: ["+31612345678"]
  staging:
    expoints: {url: "sandbox:"}
guardrails: {sandbox: {allow_copies: true}, staging: {allowed_recipients: ["*@qa.example"]}}
"""
HEAD = "customer_seeds:\n  s:\n    targets: [sandbox]\n"
SENDABLE = "    is_test: true\n    notification_email_addresses: [qa@example.com]\n"
CUSTOMER = "    customers: [{email: a@example.com}]\n"


def seeds_of(folder: Path, files: Files) -> tuple[Seed, ...]:
    write_files(folder, {"reconciler.yaml": SETTINGS, **files})
    return load(folder, SECTION, folder, CUSTOMER_SEEDS).seeds["sandbox"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def seed_of(folder: Path, text: str, **files: str) -> Seed:
    others = {name.replace("_", "."): content for name, content in files.items()}
    (seed,) = seeds_of(folder, {"a.yaml": f"{HEAD}{SENDABLE}{text}", **others})
    return seed


EVERY_BATCH_FIELD: list[tuple[str, str, Any]] = [
    ("approve_automatically: true", "ApproveAutomatically", True),
    ("end_date: +21d", "EndDate", Moment("+21d")),
    ("end_date: null", "EndDate", None),
    ('send_time: "11:30"', "SendTime", Moment("11:30", is_time=True)),
    ("send_time: null", "SendTime", None),
    ("type_batch: 0", "TypeBatch", "0"),
    ("type_batch: portal", "TypeBatch", "portal"),
    ("allow_duplicate_email: false", "AllowDuplicateEmail", False),
    ("batch_name: Smoke", "BatchName", "Smoke"),
    ("is_concept: true", "IsConcept", True),
]


@pytest.mark.parametrize(("text", "member", "value"), EVERY_BATCH_FIELD)
def test_a_field_of_the_batch(text: str, member: str, value: object, folder: Path) -> None:
    batch = seed_of(folder, f"    {text}\n{CUSTOMER}").batch
    assert batch == {"IsTest": True, "NotificationEmailAddresses": "qa@example.com", member: value}


def answer(text: str, **members: object) -> tuple[str, str, Any]:
    return f"answers: [{{base_question_id: 1, {text}}}]", "Answers", [{"BaseQuestionId": 1, **members}]


def file_answer(text: str, **members: object) -> tuple[str, str, Any]:
    return answer(f"file_answers: [{{{text}}}]", FileAnswers=[{**members, "Data": "QEA="}])


EVERY_CUSTOMER_FIELD: list[tuple[str, str, Any]] = [
    ('phone_number: "+31612345678"', "PhoneNumber", "+31612345678"),
    ("send_date: today", "SendDate", Moment("today")),
    ("send_date: null", "SendDate", None),
    ("transaction_date: -3d", "TransactionDate", Moment("-3d")),
    ("end_date: 2099-12-01", "EndDate", Moment("2099-12-01")),
    ("priority: 3", "Priority", 3),
    ("previous_id: 4711", "PreviousId", 4711),
    ("previous_id: null", "PreviousId", None),
    ("copy_all_answers: false", "CopyAllAnswers", False),
    ("answers_to_copy: [], previous_id: 1", "AnswersToCopy", []),
    answer("is_not_applicable_selected: true", IsNotApplicableSelected=True),
    answer(
        "text: A, page_repetition: 1, section_repetition: 2", Text="A", PageRepetition=1, SectionRepetition=2
    ),
    answer(
        "selected_scale_positions: [{id: 1, label: Good, value: 5, ranking: 2}]",
        SelectedScalePositions=[{"Id": 1, "Label": "Good", "Value": 5, "Ranking": 2}],
    ),
    answer("date_answered: 2026-07-01", DateAnswered="2026-07-01T00:00:00+02:00"),
    answer('date_answered: "2026-12-01T09:30Z"', DateAnswered="2026-12-01T10:30:00+01:00"),
    file_answer("data: QEA=, file_name: a, file_type: text", FileName="a", FileSize=2, FileType="text"),
    file_answer("file: note.txt, id: 1, answer_id: 2", FileName="note.txt", FileSize=2, Id=1, AnswerId=2),
    file_answer(
        "file_name: x, data: QEA=, file_size: 9, is_encrypted: true, "
        "certificate_thumbprint: T, encryption_key: K",
        FileName="x",
        FileSize=9,
        IsEncrypted=True,
        CertificateThumbprint="T",
        EncryptionKey="K",
    ),
]


@pytest.mark.parametrize(("text", "member", "value"), EVERY_CUSTOMER_FIELD)
@pytest.mark.parametrize("level", ["customer", "defaults"])
def test_a_field_of_a_customer(text: str, member: str, value: object, level: str, folder: Path) -> None:
    customer = f"    customers: [{{email: a@example.com, {text}}}]\n"
    defaults = f"    defaults: {{{text}}}\n{CUSTOMER}"
    seed = seed_of(folder, customer if level == "customer" else defaults, note_txt="@@")
    assert seed.customers[0].email == "a@example.com"
    assert seed.customers[0].members[member] == value


def test_every_documented_field_is_in_the_tables() -> None:
    batch = {text.partition(":")[0] for text, _, _ in EVERY_BATCH_FIELD}
    assert batch | {"is_test", "notification_email_addresses"} == BATCH
    customer = {text.partition(":")[0] for text, _, _ in EVERY_CUSTOMER_FIELD}
    assert customer | {"data"} == set(CustomerDefaults.model_fields)
    answers = " ".join(text for text, _, _ in EVERY_CUSTOMER_FIELD)
    assert all(f"{name}: " in answers for model in (Answer, FileAnswer) for name in model.model_fields)


def test_what_a_seed_says_of_itself(folder: Path) -> None:
    text = 'send: on_change, round: "7", after: [m], shared_mailbox: true, fault_statuses: [Bounced, 12]'
    seed = seed_of(folder, f"    <<: {{{text}}}\n{CUSTOMER}import_configs: {{m: {{name: M}}}}\n")
    assert (seed.key, str(seed.place)) == ("customer_seeds.s", "a.yaml:2:3")
    assert (seed.send, seed.round, seed.after) == (Send.ON_CHANGE, "7", ("import_configs.m",))
    assert (seed.shared_mailbox, seed.fault_statuses) == (True, ("Bounced", 12))


DATA = """\
    defaults:
      data: {Unit: A, "15": Default}
    customers:
      - email: a@example.com
        data:
          "15": John
          "Business Unit": " Unit X "
          Secret: {value: c2VjcmV0, is_encrypted: true, certificate_thumbprint: T, encryption_key: K}
          Plain: {value: x, is_encrypted: false}
"""


def test_data_stands_by_name_or_id_each_with_its_place(folder: Path) -> None:
    items = {item.column: item for item in seed_of(folder, DATA).customers[0].data}
    values = {column: item.value for column, item in items.items()}
    usual = {"Unit": "A", 15: "John", "Business Unit": " Unit X "}
    assert values == {**usual, "Secret": "c2VjcmV0", "Plain": "x"}
    assert (items["Secret"].encryption, items["Plain"].encryption) == (("T", "K"), None)
    assert (str(items["Unit"].place), str(items["Secret"].place)) == ("a.yaml:7:14", "a.yaml:13:11")


@pytest.mark.parametrize(
    ("name", "column"), [("15", 15), ("0", "0"), ("015", "015"), ("15a", "15a"), ("-1", "-1"), ("٣", "٣")]
)
def test_digits_are_the_id_of_a_column(name: str, column: str | int, folder: Path) -> None:
    seed = seed_of(folder, f'    customers: [{{email: a@example.com, data: {{"{name}": x}}}}]\n')
    assert [item.column for item in seed.customers[0].data] == [column]


TABLE = """\
email;send_date;transaction_date;end_date;priority;previous_id;copy_all_answers;phone_number;First name;15
a@example.com;today;yesterday;+3d;2;7;true;+31612345678;John;
b@example.com;;;;;;;;;x
"""


def test_a_table_says_the_same(folder: Path) -> None:
    first, second = seed_of(folder, "    customers_from: t.csv\n", t_csv=TABLE).customers
    days = {"SendDate": "today", "TransactionDate": "yesterday", "EndDate": "+3d"}
    assert first.members == {
        **{name: Moment(day) for name, day in days.items()},
        "Priority": 2,
        "PreviousId": 7,
        "CopyAllAnswers": True,
        "PhoneNumber": "+31612345678",
    }
    assert [(one.column, one.value, str(one.place)) for one in first.data] == [
        ("First name", "John", "t.csv:1:9")
    ]
    assert [(one.column, one.value) for one in second.data] == [(15, "x")]


def test_the_content_of_a_file_is_part_of_what_is_declared(folder: Path) -> None:
    answer = "{base_question_id: 1, file_answers: [{file: n.txt}]}"
    text = f"    customers: [{{email: a@example.com, answers: [{answer}]}}]\n"
    first, second = (seed_of(folder, text, n_txt=content).customers[0] for content in ("one", "two"))
    assert first.digest() != second.digest()


def test_nothing_personal_is_in_a_repr(folder: Path) -> None:
    seed = seed_of(folder, DATA + "        phone_number: '+31612345678'\n")
    assert not any(text in repr(seed.customers) for text in ("a@example.com", "John", "+316", "c2VjcmV0"))
