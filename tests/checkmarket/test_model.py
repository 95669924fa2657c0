"""What the pages of the vendor say against the fields of an import configuration, as `validate` shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.commands.validate import files_schema, validate
from reconciler.errors import FilesInvalid
from tests.commands.world import EVERYTHING, SETTINGS, World

FILE = "import_configs: {a: {name: A, %s}}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write("reconciler.yaml", SETTINGS)
    return made


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("date_format", "dd/mm/yyyy", 'write "dd/MM/yyyy"'),
        ("date_format", "DD-MM-YYYY", 'write "dd-MM-yyyy"'),
        ("date_format", "%d/%m/%Y", 'write "dd/MM/yyyy"'),
        ("date_format", "TT.MM.JJJJ", 'write "dd.MM.yyyy"'),
        ("date_format", "dd-mm-jjjj", 'write "dd-MM-yyyy"'),
        ("date_format", "jj/mm/aaaa", 'write "dd/MM/yyyy"'),
        ("date_format", "gg.mm.aaaa", 'write "dd.MM.yyyy"'),
        ("date_format", "dd–MM–yyyy", 'write "dd-MM-yyyy"'),
        ("date_format", "dag-maand-jaar", 'like "yyyy-MM-dd"'),
        ("date_format", "yyyy-MM-ddTHH:mm", 'like "yyyy-MM-dd"'),
        ("date_format", "Monday", 'like "yyyy-MM-dd"'),
        ("date_format", "31-12-2026", 'like "yyyy-MM-dd"'),
        ("date_format", "--", 'like "yyyy-MM-dd"'),
        ("date_format", "dd\u00a0MM yyyy", 'like "yyyy-MM-dd"'),
        ("default_language_code", "Nederlands", 'write "nl"'),
        ("default_language_code", "nld", 'write "nl"'),
        ("default_language_code", "nl ", 'write "nl"'),
        ("default_language_code", "NL", 'write "nl"'),
        ("default_language_code", "xx", 'like "nl" or "en"'),
        ("default_language_code", "xx1", 'like "nl" or "en"'),
    ],
)
def test_what_is_not_of_the_vocabulary_is_refused_with_the_right_form(
    field: str, value: str, hint: str, world: World
) -> None:
    world.write("a.yaml", FILE % f'{field}: "{value}"')
    with pytest.raises(FilesInvalid) as refused:
        world.ran(validate, EVERYTHING)
    (problem,) = refused.value.problems
    assert problem.message.startswith(field)
    assert problem.hint.endswith(hint)
    files = {"import_configs": {"a": {"name": "A", field: value}}}
    assert not Draft202012Validator(files_schema()).is_valid(files)


SURVEY = "survey_settings: {survey_id: 1, %s}"


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ('date_format: ""', []),
        ('date_format: "d/M/yy"', []),
        ('date_format: "d. M. yyyy"', []),
        ('date_format: "MM-yyyy"', ["incomplete-date-format date_format"]),
        ('default_language_code: "no"', []),
        ("default_language_code: nl-BE", ["language-with-region default_language_code"]),
        ("default_language_code: zh_Hans", ["language-with-region default_language_code"]),
        ('field_delimiter: ";", row_delimiter: \'\\r\\n\'', []),
        ("field_delimiter: '\\t'", []),
        ("field_delimiter: '\\x09'", []),
        ("field_delimiter: semicolon", ["delimiter-in-words field_delimiter"]),
        ("field_delimiter: Tab, row_delimiter: CRLF",
         ["delimiter-in-words field_delimiter", "delimiter-in-words row_delimiter"]),
        (SURVEY % "survey_cooldown_after_response: 3", ["contradiction survey_cooldown_after_response"]),
        (SURVEY % "consider_cooldown_period: null, account_cooldown_after_response: 3",
         ["contradiction account_cooldown_after_response"]),
        (SURVEY % "survey_cooldown_after_response: 0", []),
        (SURVEY % "consider_cooldown_period: true, survey_cooldown_after_response: 3", []),
        (SURVEY % "survey_cooldown_after_response: 3" + ", keep: [survey_settings.consider_cooldown_period]",
         []),
        ("undeclared: keep, " + SURVEY % "survey_cooldown_after_response: 3", []),
        ("survey_settings: {invitation_delay_in_days: 3}", ["no-survey invitation_delay_in_days"]),
        ("survey_settings: {survey_id: null, expiration_after_days: 3}", ["no-survey expiration_after_days"]),
        ("update_type_id: 1, survey_settings: {expiration_after_days: 3}",
         ["no-survey expiration_after_days"]),
        ("survey_settings: {invitation_delay_in_days: 3}, keep: [survey_settings.survey]", []),
        ("survey_settings: {survey: One, invitation_delay_in_days: 3}", []),
        ("survey_settings: null", []),
        ("field_delimiter: '\\n', row_delimiter: '\\r\\n'", ["delimiter-clash field_delimiter"]),
        ("field_delimiter: '\\n'", ["delimiter-clash field_delimiter"]),
        ("field_delimiter: ';', row_delimiter: ';'", ["delimiter-clash field_delimiter"]),
        ("field_delimiter: '.', date_format: dd.MM.yyyy", ["delimiter-clash field_delimiter"]),
        ("field_delimiter: ';', date_format: dd.MM.yyyy", []),
    ],
)  # fmt: skip
def test_what_the_vendor_leaves_open_is_warned_of(text: str, warnings: list[str], world: World) -> None:
    world.write("a.yaml", FILE % text)
    line = FILE % text
    problems = world.ran(validate, EVERYTHING, json=True).document["problems"]
    assert [
        f"{problem['code']} {line[problem['column'] - 1 :].partition(':')[0]}" for problem in problems
    ] == warnings


@pytest.mark.parametrize(
    ("targets", "more", "warnings"),
    [
        ("Email FirstName LangCode", "email_is_required: true", []),
        ("FirstName Email2", "email_is_required: true", ["email-not-mapped"]),
        ("FirstName", "email_is_required: false", []),
        ("", "email_is_required: true", []),
        ("e-mail", "email_is_required: true", ["member-lookalike"]),
        ("Email E-mail", "", ["member-lookalike", "member-mapped-twice"]),
        ("Score Score", "", ["member-mapped-twice"]),
        ("CustomField21 Company", "", []),
        ("Email", "default_language_code: null", ["no-language"]),
        ("Email", "reset: [default_language_code]", ["no-language"]),
        ("Email LangCode", "default_language_code: null", []),
        ("Email", "default_language_code: nl", []),
        ("", "first_row: 1048577", ["first-row-too-far"]),
    ],
)
def test_what_no_file_could_satisfy_is_warned_of(
    targets: str, more: str, warnings: list[str], world: World
) -> None:
    columns = (
        f"{{source_column_number: {number}, target_column_name: {target}}}"
        for number, target in enumerate(targets.split(), 1)
    )
    world.write("a.yaml", FILE % f"column_mappings: [{', '.join(columns)}], {more}".removesuffix(", "))
    problems = world.ran(validate, EVERYTHING, json=True).document["problems"]
    assert [one["code"] for one in problems if one["code"] != "file-imports-only"] == warnings
