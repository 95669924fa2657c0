"""Whatever a pull request loosens among much else stands first in every form of its plan, on its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hostile.children import Ended, reconciler
from tests.hostile.workspaces import write
from tests.repositories import ENVIRON, Repository

BEFORE = """\
version: 1
default_target: sandbox
undeclared: keep
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:"}
  staging:
    checkmarket: {url: "http://127.0.0.1:9"}
  production:
    checkmarket:
      url: https://api-eu.agileresearch.medallia.com
      master_key: {env: OLD_MASTER}
      key: {env: CHECKMARKET_KEY}
      account_must_have: {id: 290}
      requests_per_minute: 60
    expoints:
      url: https://acme.expoints.nl
      oauth: {token_url: "https://id.expoints.nl/token", client_id: me, client_secret: {env: OLD_SECRET}}
    journal: {env: TEAM_JOURNAL}
"""
GUARDS = "guardrails: {production: {limits: {updates: 5}, allowed_recipients: ['*@qa.example.com']}}\n"
AFTER = """\
version: 1
default_target: sandbox
undeclared: reset
targets:
  sandbox:
    checkmarket: {url: "sandbox:", patience: 1s, server_members: [Revision]}
    expoints: {url: "sandbox:", allowed_recipients: [jane.doe@example.net]}
    limits: {resets: 100, deletes: null}
    defaults: {date_format: dd/MM/yyyy}
  acceptance:
    checkmarket: {url: "http://127.0.0.1:9"}
    undeclared: reset
  production:
    checkmarket:
      url: https://api-us.agileresearch.medallia.com
      master_key: {env: NEW_MASTER}
      key: {env: CHECKMARKET_KEY}
    expoints:
      url: https://else.expoints.nl
      oauth: {token_url: "https://id.expoints.nl/t?k=hunter2", client_id: me, client_secret: {env: NEW_KEY}}
      settle_after: 2m
      allowed_phone_numbers: ["+31612345678"]
    journal: {env: OTHER_JOURNAL}
  another:
    checkmarket: {url: "http://127.0.0.1:10"}
"""
RESOURCES = """\
import_configs:
  one: {name: One, undeclared: refuse, targets: [sandbox]}
  two: {name: Two, preset: standard, targets: [sandbox]}
presets:
  standard: {undeclared: keep}
"""
MOVED = """\
presets:
  standard: {undeclared: reset}
import_configs:
  one: {name: One, targets: [sandbox]}
  two: {name: Two, preset: standard, targets: [sandbox]}
"""
R = "configs/reconciler.yaml"
LOOSENED = {
    f"{R}:6 targets.sandbox.checkmarket.patience": "30s → 1s",
    f"{R}:6 targets.sandbox.checkmarket.server_members": "0 of them → 1, added: Revision",
    f"{R}:7 targets.sandbox.allowed_recipients": "0 of them → 1, added: ***@example.net",
    f"{R}:8 targets.sandbox.limits.resets": "0 → 100",
    f"{R}:8 targets.sandbox.limits.deletes": "0 → any number",
    f"{R}:3 undeclared": "keep → reset",
    f"{R}:9 targets.sandbox.defaults.date_format": '(none) → "dd/MM/yyyy"',
    "configs/moved.yaml:4 import_configs.one.undeclared": "refuse → reset",
    "configs/moved.yaml:2 presets.standard.undeclared": "keep → reset",
    f"{R}:10 targets.acceptance": "targets.staging → targets.acceptance, renamed",
    f"{R}:12 targets.acceptance.undeclared": "keep → reset",
    f"{R}:15 targets.production.checkmarket.url": (
        "https://api-eu.agileresearch.medallia.com → https://api-us.agileresearch.medallia.com"
    ),
    f"{R}:16 targets.production.checkmarket.master_key": "{env: OLD_MASTER} → {env: NEW_MASTER}",
    f"{R}:14 targets.production.checkmarket.account_must_have": "{id: 290} → (none)",
    f"{R}:14 targets.production.checkmarket.requests_per_minute": "60 → any number",
    f"{R}:19 targets.production.expoints.url": "https://acme.expoints.nl → https://else.expoints.nl",
    f"{R}:20 targets.production.expoints.oauth.token_url": (
        "https://id.expoints.nl/token → https://id.expoints.nl/t"
    ),
    f"{R}:20 targets.production.expoints.oauth.client_secret": "{env: OLD_SECRET} → {env: NEW_KEY}",
    f"{R}:21 targets.production.expoints.settle_after": "600s → 120s",
    f"{R}:22 targets.production.allowed_phone_numbers": "0 of them → 1, 1 added",
    f"{R}:23 targets.production.journal": "{env: TEAM_JOURNAL} → {env: OTHER_JOURNAL}",
    f"{R}:13 targets.production.limits.updates": "5 → 30% from 10 live on",
    f"{R}:24 targets.another": "(none) → a new target, of which nothing can be compared",
}
REPORTS = dict.fromkeys(("markdown", "html"), "Target sandbox, account") | {"github": "### Plan of"}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The plan of a pull request that loosens every guardrail and moves its files, in every form."""
    top = tmp_path_factory.mktemp("top")
    repository = Repository.made(top)
    folder = write(top / "configs", {"guards.yaml": GUARDS, "resources.yaml": RESOURCES}, BEFORE)
    repository.commit("before")
    for name in ("guards.yaml", "resources.yaml"):
        (folder / name).unlink()
    write(folder, {"moved.yaml": MOVED}, AFTER)
    reports = [part for form in REPORTS for part in ("--report", f"{form}=r.{form}")]
    since = ("plan", "--since", "HEAD")
    text: Ended = reconciler(top, *since, *reports, environ=ENVIRON)
    document = reconciler(top, *since, "--format", "json", "--quiet", environ=ENVIRON)
    assert (text.exit, document.exit) == (0, 0), text.text
    files = {form: (top / f"r.{form}").read_text("utf-8") for form in REPORTS}
    return {"text": text.text, "json": document.text, **files}


def test_every_guardrail_is_named_on_its_line_with_its_value_before_and_after(plans: dict[str, str]) -> None:
    document = json.loads(plans["json"])
    found = {
        f"{one['file']}:{one['line']} {one['key']}": one["message"] for one in document["since"]["loosened"]
    }
    assert found == LOOSENED
    assert [*document].index("since") < [*document].index("limits")


@pytest.mark.parametrize(("form", "then"), [("text", REPORTS["html"]), *REPORTS.items()])
def test_it_stands_first_in_every_form(plans: dict[str, str], form: str, then: str) -> None:
    page = plans[form]
    first = page.index("targets.sandbox.limits.resets")
    assert first < page.index(then)
    if form in ("text", "html"):
        assert all(one.split()[1] in page[: page.index(then)] for one in LOOSENED)


def test_no_form_shows_whom_or_what_it_hides(plans: dict[str, str]) -> None:
    assert not [
        hidden for hidden in ("jane.doe", "612345678", "hunter2") if hidden in "".join(plans.values())
    ]


def test_no_file_takes_out_of_every_body_what_can_be_declared(tmp_path: Path) -> None:
    members = ["SurveySettings", "ContactListId", "ColumnMappings.TargetColumnName"]
    account = f'{{url: "sandbox:", server_members: [{", ".join(members)}]}}'
    write(tmp_path / "configs", {}, BEFORE.replace('{url: "sandbox:"}', account, 1))
    ended = reconciler(tmp_path, "plan")
    assert ended.exit == 1
    for one in members:
        assert f"error[invalid-value] targets.sandbox: {one} is for the files" in ended.text
