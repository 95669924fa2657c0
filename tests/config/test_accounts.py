"""What lives on a target needs the account that it lives in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import Workspace, load
from reconciler.errors import FilesInvalid
from reconciler.problems import Problem

from .conftest import write_files

TARGETS = """\
version: 1
targets:
  both: {checkmarket: {url: "sandbox:"}, expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}}
  seeds: {expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}}
"""


def loaded(folder: Path, text: str, settings: str = TARGETS) -> Workspace[Any]:
    write_files(folder, {"reconciler.yaml": settings, "a.yaml": text})
    return load(folder, SECTION, folder, CUSTOMER_SEEDS)


def problems(folder: Path, text: str, settings: str = TARGETS) -> list[Problem]:
    with pytest.raises(FilesInvalid) as raised:
        loaded(folder, text, settings)
    return list(raised.value.problems)


def test_a_configuration_for_all_targets_lives_where_there_is_an_account(tmp_path: Path) -> None:
    read = loaded(tmp_path, "import_configs: {welcome: {name: Welcome}}")
    assert [len(read.declared[target]) for target in ("both", "seeds")] == [1, 0]


@pytest.mark.parametrize("targets", ["[both, seeds]", "{both: {}, seeds: {id: 3}}"])
def test_a_configuration_cannot_be_told_to_live_where_there_is_no_account(
    tmp_path: Path, targets: str
) -> None:
    (problem,) = problems(tmp_path, f"import_configs: {{welcome: {{name: Welcome, targets: {targets}}}}}")
    assert (problem.code, problem.message) == ("no-account", "target seeds has no checkmarket:")
    assert problem.key == "import_configs.welcome"


def test_a_target_without_any_account_leads_nowhere(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "", "version: 1\ntargets:\n  one: {limits: {resets: 3}}\n")
    assert (problem.code, problem.key, problem.place.line) == ("no-account", "targets.one", 3)
    assert "no checkmarket: and no expoints:" in problem.message


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("{url: 'https://api.example.com', key: {env: GITHUB_TOKEN}}", "foreign-variable"),
        ("{url: 'http://api.example.com'}", "insecure-url"),
        ("{url: 'https://name:word@api.example.com'}", "url-with-credentials"),
    ],
)
def test_an_account_that_is_refused_is_not_said_to_be_missing(
    tmp_path: Path, account: str, code: str
) -> None:
    settings = f"version: 1\ntargets:\n  one:\n    checkmarket: {account}\n"
    (problem,) = problems(tmp_path, "import_configs: {w: {name: W, targets: [one]}}", settings)
    assert (problem.code, problem.key, problem.place.line) == (code, "targets.one", 4)
