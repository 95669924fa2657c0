"""Which resources live on which targets, under which keys, and what is wrong between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import Workspace, load
from reconciler.errors import FilesInvalid, UsageError
from tests.config.conftest import SETTINGS, Complain, Files, Read, write_files
from tests.config.toy import LETTERS, MAILINGS


def codes(problems: Complain, text: str, **files: str) -> list[str]:
    others = {f"{name}.yaml": content for name, content in files.items()}
    return [problem.code for problem in problems({"a.yaml": text, **others})]


@pytest.mark.parametrize(
    ("files", "one", "two"),
    [
        ({"a.yaml": ""}, [], []),
        ({"reconciler.yaml": f"{SETTINGS}mailings: {{m: {{name: M}}}}"}, ["m"], ["m"]),
        (
            {"a.yaml": "mailings: {a: {name: A, targets: [one]}, b: {name: B, targets: {two: {}}}}"},
            ["a"],
            ["b"],
        ),
        (
            {"a.yaml": "mailings: {b: {name: B}, a: {name: A}}", "sub/c.yml": "mailings: {c: {name: C}}"},
            ["a", "b", "c"],
            ["a", "b", "c"],
        ),
    ],
    ids=["nothing but targets", "in the settings file", "on the targets that each names", "in files"],
)
def test_resources_live_on_targets(
    files: Files, one: list[str], two: list[str], loaded: Read, tmp_path: Path
) -> None:
    read = loaded(files)
    keys = {name: [one.key.removeprefix("mailings.") for one in ones] for name, ones in read.declared.items()}
    assert keys == {"one": one, "two": two}
    assert (read.folder, read.files, read.count) == (
        tmp_path, len({"reconciler.yaml", *files}), len({*one, *two}),
    )  # fmt: skip


def test_a_target_whose_name_is_none_is_a_problem_for_those_who_live_there_too(problems: Complain) -> None:
    settings = "version: 1\ntargets: {'a b': {}}\n"
    found = problems({"reconciler.yaml": settings, "a.yaml": "mailings: {a: {name: A, targets: ['a b']}}"})
    assert [problem.code for problem in found] == ["invalid-name"]


@pytest.mark.parametrize(
    ("text", "id", "absent", "hidden"),
    [
        ("id: 3, targets: [one]", 3, False, False),
        ("id: 3, targets: {one: {id: 4}}", 4, False, False),
        ("absent: true", None, True, False),
        ("absent: true, targets: {one: {absent: false, hidden: true}}", None, False, True),
    ],
)
def test_what_is_beside_the_fields(
    text: str, id: int | None, absent: bool, hidden: bool, loaded: Read
) -> None:
    (declared,) = loaded({"a.yaml": f"mailings: {{m: {{name: M, {text}}}}}"}).declared["one"]
    assert (declared.id, declared.absent, declared.hidden) == (id, absent, hidden)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("name: A", "name: A", ["same-name"]),
        ("name: A, hidden: true", "name: A", []),
        ("name: A, absent: true", "name: A", ["same-name"]),
        ("name: A, absent: true, id: 3", "name: A", []),
        ("name: A, id: 3", "name: B, id: 3", ["same-id"]),
        ("name: A, id: 3, hidden: true", "name: B, id: 3", ["same-id"]),
        ("name: A, id: 3", "name: B, id: 4", []),
        ("id: 3", "id: 4", []),
    ],
)
def test_two_keys_do_not_share_an_id_or_a_name(
    first: str, second: str, shared: list[str], problems: Complain
) -> None:
    text = "mailings: {a: {%s, targets: [one]}, b: {%s, targets: [%s]}}"
    assert codes(problems, text % (first, second, "one")) == shared
    assert codes(problems, text % (first, second, "two")) == []


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ("{old: m}", {"mailings.old": "mailings.m"}),
        ("{mailings.old: mailings.m}", {"mailings.old": "mailings.m"}),
        ("{older: m, old: k}", {"mailings.older": "mailings.m", "mailings.old": "mailings.k"}),
    ],
)
def test_moved_keys_are_told_in_full(moved: str, expected: dict[str, str], loaded: Read) -> None:
    read = loaded({"a.yaml": f"mailings: {{m: {{name: M}}, k: {{name: K}}}}\nmoved: {moved}"})
    assert read.moved == expected


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("isOpen: true", "write is_open"),
        ("IsOpen: true", "write is_open"),
        ("Remark: a", "write note"),
        ("noet: a", "write note"),
        ("SurveyId: 3", "write schedule.survey_id: survey_id stands under schedule"),
        ("survey: A", "write schedule.survey: survey stands under schedule"),
        ("schedule: {note: a}", "write note one level up, beside schedule"),
        ("schedule: {suvrey: a}", "write survey"),
        ("keep: [survey]", "write schedule.survey: survey stands under schedule"),
        ("keep: [schedule.dyas]", "write days"),
        ("xyz: 1", "known here: absent, accept, columns,"),
        ("columns: [{Number: 1, fills: a}]", "write number"),
    ],
)
def test_an_unknown_field_names_the_one_that_was_meant(field: str, hint: str, problems: Complain) -> None:
    found = problems({"a.yaml": f"mailings: {{m: {{name: M, {field}}}}}"})
    assert any(p.code == "unknown-field" and p.hint.startswith(hint) for p in found), found


def test_an_unused_preset_is_a_warning_and_read_all_the_same(problems: Complain, loaded: Read) -> None:
    assert codes(problems, "presets: {p: {notes: a}}") == ["unused-preset", "unknown-field"]
    assert [problem.code for problem in loaded({"a.yaml": "presets: {p: {note: a}}"}).warnings] == [
        "unused-preset"
    ]


def test_what_is_merged_or_stands_in_another_file_keeps_its_place(loaded: Read) -> None:
    text = "mailings:\n  a: &a\n    name: A\n    note: x\n  b:\n    <<: *a\n    name: B\n    preset: p\n"
    files = {"a.yaml": text, "z/b.yaml": "presets: {p: {is_open: true}}"}
    given = loaded(files).declared["one"][1].given
    places = {path: str(one.origin.place) for path, one in given.items()}
    assert places == {"note": "a.yaml:4:5", "name": "a.yaml:7:5", "is_open": "z/b.yaml:1:15"}


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no reconciler\.yaml"):
        load(tmp_path, MAILINGS, tmp_path, LETTERS)


ACCOUNTS = """\
version: 1
targets:
  both: {checkmarket: {url: "sandbox:"}, expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}}
  seeds: {expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}}
"""


def load_accounts(folder: Path, text: str, settings: str = ACCOUNTS) -> Workspace[Any]:
    write_files(folder, {"reconciler.yaml": settings, "a.yaml": text})
    return load(folder, SECTION, folder, CUSTOMER_SEEDS)


def test_a_configuration_for_all_targets_lives_where_there_is_an_account(tmp_path: Path) -> None:
    read = load_accounts(tmp_path, "import_configs: {welcome: {name: Welcome}}")
    assert [len(read.declared[target]) for target in ("both", "seeds")] == [1, 0]


CONFIG = "import_configs: {w: {name: W, targets: %s}}"
ONE = "version: 1\ntargets:\n  one: {%s}\n"


@pytest.mark.parametrize(
    ("text", "settings", "code", "message"),
    [
        (CONFIG % "[both, seeds]", ACCOUNTS, "no-account", "target seeds has no checkmarket:"),
        (CONFIG % "{both: {}, seeds: {id: 3}}", ACCOUNTS, "no-account", "target seeds has no checkmarket:"),
        (
            "",
            ONE % "limits: {resets: 3}",
            "no-account",
            "it leads nowhere: it has no checkmarket:",
        ),
        *(
            (CONFIG % "[one]", ONE % f"checkmarket: {{{account}}}", code, "checkmarket")
            for account, code in (
                ("url: 'https://a.example', key: {env: GITHUB_TOKEN}", "foreign-variable"),
                ("url: 'http://api.example.com'", "insecure-url"),
                ("url: 'https://name:word@api.example.com'", "url-with-credentials"),
            )
        ),
    ],
)
def test_an_account_is_missing_or_refused_and_not_both(
    text: str, settings: str, code: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(FilesInvalid) as raised:
        load_accounts(tmp_path, text, settings)
    (problem,) = raised.value.problems
    assert problem.code == code
    assert problem.message.startswith(message)
    assert problem.key == ("import_configs.w" if "seeds" in message else "targets.one")
