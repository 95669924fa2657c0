"""The schema of the files, held by a validator that is not ours against what the reader itself says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from reconciler.checkmarket.model import SECTION
from reconciler.commands.init import accounts_at, first_files
from reconciler.commands.validate import files_schema, schema
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.file_edits import modeline
from reconciler.config.load import load
from reconciler.config.schema import SCHEMA_FILE
from reconciler.errors import Exit, FilesInvalid
from tests.clock import FakeClock
from tests.commands.world import Screen
from tests.hostile.workspaces import write
from tests.properties.files import write_workspace
from tests.properties.situations import situations
from tests.properties.world import Situation

CONFIGS = Path(__file__).parents[2] / "configs"
SCHEMA = files_schema()
JUDGE = Draft202012Validator(SCHEMA)

SETTINGS = """\
version: 1
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}
    contact_lists: {newsletter: 12}
"""
SANDBOX = "targets: {sandbox: {checkmarket: {url: 'sandbox:'}, %s}}"
ACCOUNT = "targets: {a: {checkmarket: {url: 'HTTPS://api.example.com', %s}}}"
TENANT = "targets: {a: {expoints: {url: 'https://a.example.com:8443', %s}}}"
CONFIG = "import_configs: {a: {name: A, %s}}"
SURVEY = CONFIG % "survey_settings: {%s}"
SEED = """customer_seeds: {s: {targets: [sandbox], is_test: true, \
notification_email_addresses: [qa@example.com], %s}}"""
CUSTOMERS = SEED % "customers: [{email: a@example.com, %s}]"


class Core(SafeConstructor):
    """The core schema of YAML 1.2, in which a date is a text."""


Core.add_constructor("tag:yaml.org,2002:timestamp", Core.construct_yaml_str)


def plain(text: str) -> Any:
    """Return YAML as an editor reads it."""
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = Core
    return reader.load(text)


def complaints(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in JUDGE.iter_errors(document)]


def reader_accepts(settings: str, other: str, folder: Path) -> bool:
    """Tell whether `validate` finds no error in a workspace of these two files."""
    write(folder, {"other.yaml": other}, settings)
    try:
        load(folder, SECTION, folder, CUSTOMER_SEEDS)
    except FilesInvalid:
        return False
    return True


def objects(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every part of a schema that describes properties."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from objects(inner)
    if isinstance(part, dict) and "properties" in part:
        yield part


PROPERTIES = [one for part in objects(SCHEMA) for one in part["properties"].items()]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_example_files_are_accepted_and_name_it(path: Path) -> None:
    text = path.read_text("utf-8")
    assert complaints(plain(text)) == []
    assert text.startswith(modeline(Path("any.yaml"), Path()))


def test_what_lies_beside_the_example_files_is_what_the_command_prints() -> None:
    screen = Screen()
    assert schema("workspace", screen.console(FakeClock())) is Exit.DONE
    assert (CONFIGS / SCHEMA_FILE).read_text("utf-8") == screen.out


@pytest.mark.parametrize("urls", [[], ["https://eu.agileresearch.medallia.com", "https://acme.expoints.nl"]])
def test_what_init_writes_is_accepted(urls: list[str]) -> None:
    for text in first_files(accounts_at(urls)).values():
        assert complaints(plain(text)) == []


@settings(deadline=None)
@given(situations())
def test_what_the_reader_accepts_the_schema_accepts(situation: Situation) -> None:
    with TemporaryDirectory() as name:
        folder = write_workspace(Path(name), situation)
        load(folder, SECTION, folder, CUSTOMER_SEEDS)
        for file in folder.glob("*.yaml"):
            assert complaints(json.loads(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        CONFIG % "survey_settings: null",
        CONFIG % 'targets: {sandbox: {id: 4, undeclared: keep, date_format: "", survey_settings: {}}}',
        CONFIG % "keep: [survey_settings, contact_list], reset: [survey_settings.survey]",
        CONFIG % "accept: [{field: survey_settings.survey, until: 2026-12-31, reason: a trial}]",
        CONFIG % "column_mappings: [{source_column_number: 0, target_column_name: Email}]",
        SURVEY % 'survey: One, invitation_time: "09:00", expiration_time: "23:59:59"',
        "presets: {p: {keep: [name], row_delimiter: x}}\n" + CONFIG % "preset: p",
        CONFIG % "update_type_id: 1" + "\nmoved: {old: import_configs.a}",
        "guardrails: {sandbox: {limits: {updates: 5, resets: null}, allowed_phone_numbers: []}}",
        CUSTOMERS % "priority: -1, send_date: '2026-11-01T08:00Z', transaction_date: 2026-12-01",
        CUSTOMERS
        % "answers: [{base_question_id: 1, file_answers: [{data: aGk=}], date_answered: 2026-01-01}]",
        SEED % "type_batch: 1, send: on_change, end_date: null, customers: [{email: a@example.com}]",
        SEED % "defaults: {send_date: +3d, data: {A: b}}, after: [], customers: [{email: a@example.com}]",
        SEED % "fault_statuses: [Bounced, 12], customers: [{email: a@example.com}]",
        # settings
        SANDBOX % "expoints: null" + "\ndefault_target: null\ntime_zone: UTC\nundeclared: refuse",
        ACCOUNT % "master_key: {env: A}, key: {file: b}, patience: 0s, server_members: [A.B]",
        ACCOUNT
        % "master_key: {env: A}, key: {env: B}, account_must_have: {id: 1}, requests_per_minute: null",
        TENANT % "token: {env: A}, allowed_phone_numbers: ['+31612345678'], allowed_recipients: ['*@a.nl']",
        SANDBOX % "journal: 'sqlite:x.db', limits: {updates: null, deletes: 3}",
    ],
)
def test_every_form_that_the_reader_accepts_is_accepted(text: str, tmp_path: Path) -> None:
    settings, other = (f"version: 1\n{text}", "") if text.startswith("targets") else (SETTINGS, text)
    assert reader_accepts(settings, other, tmp_path)
    assert complaints(plain(settings)) == complaints(plain(other)) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("import_config: {}", "import_config"),
        ("import_configs: {-a: {name: A}}", "-a"),
        (CONFIG % "email_is_required: 'yes'", "email_is_required"),
        (CONFIG % "contact_list: newsletter, contact_list_id: 12", "import_configs.a"),
        (CONFIG % "date_format: ddd-MMMM-yyyy", "date_format"),
        (CONFIG % "column_mappings: [{source_column_number: 256, target_column_name: Email}]", "number"),
        (CONFIG % "accept: [{field: first_row, until: 31-12-2026, reason: r}]", "31-12-2026"),
        (CONFIG % "keep: [first_rows]", "first_rows"),
        (CONFIG % "targets: {sandbox: {targets: [sandbox]}}", "targets"),
        (SURVEY % "invitation_time: '24:00'", "invitation_time"),
        (SURVEY % "survey: One, survey_id: 1", "survey_settings"),
        ("presets: {p: {name: A}}", "name"),
        ("customer_seeds: {s: {is_test: true}}", "targets"),
        (SEED % "preset: p", "preset"),
        (SEED % "end_date: next week", "end_date"),
        (SEED % "type_batch: 2", "type_batch"),
        (SEED % "defaults: {email: a@example.com}", "email"),
        (SEED % "customers: [{data: {}}]", "email"),
        (CUSTOMERS % "email: x", "email"),
        (CUSTOMERS % "answers: [{base_question_id: 1, file_answers: [{file_name: x}]}]", "file_answers"),
        *(
            (text, "")
            for text in (
                "version: 2",
                "targets: {sandbox: {checkmarket: {url: 'ftp://api.example.com'}}}",
                "targets: {sandbox: {checkmarket: {url: 'sandbox:', key: secret}}}",
                "targets: {sandbox: {checkmarket: {url: 'sandbox:', key: {env: A, file: b}}}}",
                "targets: {sandbox: {checkmarket: {url: 'sandbox:', key: {env: ' '}}}}",
                "targets: {sandbox: {expoints: {url: 'sandbox:', allowed_recipients: ['*']}}}",
                SANDBOX % "defaults: {name: A}",
                SANDBOX % "defaults: {first_row: '1'}",
                "targets: {sandbox: {}}",
            )
        ),
    ],
)
def test_each_mistake_that_it_can_see_is_rejected(text: str, where: str, tmp_path: Path) -> None:
    text = text.replace("email: a@example.com, email: x", "email: x")
    is_settings = text.startswith("targets")
    text = f"version: 1\n{text}" if is_settings else text
    found = complaints(plain(text))
    assert found
    assert where in "\n".join(found)
    settings, other = (text, "") if text.startswith("version") else (SETTINGS, text)
    assert not reader_accepts(settings, other, tmp_path)


def test_a_time_without_quotes_is_rejected_where_the_editor_reads_it_as_a_number() -> None:
    document = plain("%YAML 1.1\n---\n" + SURVEY % "invitation_time: 10:30")
    assert document["import_configs"]["a"]["survey_settings"]["invitation_time"] == 630
    assert "invitation_time" in "\n".join(complaints(document))


def test_every_property_says_what_it_means() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [name for name, part in PROPERTIES if not part.get("description")] == []
    assert dict(PROPERTIES)["update_type_id"]["description"].startswith("1: update existing contacts")


def test_no_default_is_shown_that_could_not_be_written() -> None:
    for name, part in PROPERTIES:
        if "default" in part:
            judge = Draft202012Validator({**part, "$defs": SCHEMA["$defs"]})
            assert judge.is_valid(part["default"]), name


def test_every_object_refuses_what_it_does_not_know() -> None:
    typed = [part for part in objects(SCHEMA) if "type" in part]
    assert [part for part in typed if part.get("additionalProperties") is not False] == []
