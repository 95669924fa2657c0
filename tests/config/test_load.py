"""Which resources live on which targets, under which keys, and what is wrong between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import Workspace, load
from reconciler.errors import FilesInvalid
from tests.config.conftest import SETTINGS, Complain, Files, Read, write_files


def codes(problems: Complain, text: str, **files: str) -> list[str]:
    others = {f"{name}.yaml": content for name, content in files.items()}
    return [problem.code for problem in problems({"a.yaml": text, **others})]


@pytest.mark.parametrize(
    ("files", "one", "two"),
    [
        ({"reconciler.yaml": f"{SETTINGS}mailings: {{m: {{name: M}}}}"}, "m", "m"),
        ({"a.yaml": "mailings: {a: {name: A, targets: [one]}, b: {name: B, targets: {two: {}}}}"}, "a", "b"),
        ({"a.yaml": "mailings: {b: {name: B}}", "sub/c.yml": "mailings: {a: {name: A}}"}, "ab", "ab"),
    ],
    ids=["in the settings file", "on the targets that each names", "in files"],
)
def test_resources_live_on_targets(files: Files, one: str, two: str, loaded: Read, tmp_path: Path) -> None:
    read = loaded(files)
    keys = {name: [one.key.removeprefix("mailings.") for one in ones] for name, ones in read.declared.items()}
    assert keys == {"one": [*one], "two": [*two]}
    counts = len({"reconciler.yaml", *files}), len({*one, *two})
    assert (read.folder, read.files, read.count) == (tmp_path, *counts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: 3, targets: {one: {id: 4}}", (4, False, False)),
        ("absent: true", (None, True, False)),
        ("absent: true, targets: {one: {absent: false, hidden: true}}", (None, False, True)),
    ],
)
def test_what_is_beside_the_fields(text: str, expected: tuple[int | None, bool, bool], loaded: Read) -> None:
    (declared,) = loaded({"a.yaml": f"mailings: {{m: {{name: M, {text}}}}}"}).declared["one"]
    assert (declared.id, declared.absent, declared.hidden) == expected


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("name: A", "name: A", ["same-name"]),
        ("name: A, hidden: true", "name: A", []),
        ("name: A, absent: true", "name: A", ["same-name"]),
        ("name: A, absent: true, id: 3", "name: A", []),
        ("name: A, id: 3", "name: B, id: 3", ["same-id"]),
        ("name: A, id: 3, hidden: true", "name: B, id: 3", ["same-id"]),
    ],
)
def test_two_keys_do_not_share_an_id_or_a_name(
    first: str, second: str, shared: list[str], problems: Complain
) -> None:
    text = "mailings: {a: {%s, targets: [one]}, b: {%s, targets: [%s]}}"
    assert codes(problems, text % (first, second, "one")) == shared
    assert codes(problems, text % (first, second, "two")) == []


def test_moved_keys_are_told_in_full(loaded: Read) -> None:
    moved = "{mailings.older: mailings.m, old: k}"
    read = loaded({"a.yaml": f"mailings: {{m: {{name: M}}, k: {{name: K}}}}\nmoved: {moved}"})
    assert read.moved == {"mailings.older": "mailings.m", "mailings.old": "mailings.k"}


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("IsOpen: true", "write is_open"),
        ("Remark: a", "write note"),
        ("noet: a", "write note"),
        ("SurveyId: 3", "write schedule.survey_id: survey_id stands under schedule"),
        ("survey: A", "write schedule.survey: survey stands under schedule"),
        ("schedule: {note: a}", "write note one level up, beside schedule"),
        ("keep: [survey]", "write schedule.survey: survey stands under schedule"),
        ("open: true", "write is_open"),
        ("xyz: 1", "known here: absent, accept, accept_effects, columns,"),
        ("columns: [{Number: 1, fills: a}]", "write number"),
    ],
)
def test_an_unknown_field_names_the_one_that_was_meant(field: str, hint: str, problems: Complain) -> None:
    found = problems({"a.yaml": f"mailings: {{m: {{name: M, {field}}}}}"})
    assert any(p.code == "unknown-field" and p.hint.startswith(hint) for p in found), found


def test_what_is_merged_or_stands_in_another_file_keeps_its_place(loaded: Read) -> None:
    text = "mailings:\n  a: &a\n    name: A\n    note: x\n  b:\n    <<: *a\n    name: B\n    preset: p\n"
    files = {"a.yaml": text, "z/b.yaml": "presets: {p: {is_open: true}}"}
    given = loaded(files).declared["one"][1].given
    places = {path: str(one.origin.place) for path, one in given.items()}
    assert places == {"note": "a.yaml:4:5", "name": "a.yaml:7:5", "is_open": "z/b.yaml:1:15"}


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
        (CONFIG % "{both: {}, seeds: {id: 3}}", ACCOUNTS, "no-account", "target seeds has no checkmarket:"),
        ("", ONE % "limits: {resets: 3}", "no-account", "it leads nowhere: it has no checkmarket:"),
        (CONFIG % "[one]", ONE % "checkmarket: {url: 'http://a.example'}", "insecure-url", "checkmarket"),
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
