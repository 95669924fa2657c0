from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.config.load import Workspace
from reconciler.config.settings import Account, CheckMarket, Guardrails, Secret
from reconciler.engine.change import Limits, Share
from reconciler.engine.kind import Policy
from reconciler.errors import UsageError
from reconciler.problems import Place
from tests.config.conftest import Complain, Read, target

REAL = """\
version: 1
default_target: one
undeclared: keep
time_zone: Europe/Brussels
targets:
  one:
    checkmarket:
      {url: "https://API.example:8443/", master_key: {env: MASTER}, key: {file: secrets/key},
       account_must_have: {id: 290, name: Newsletter NL}, requests_per_minute: 60, requests_per_run: 900,
       parallelism: 20, patience: 2m, server_members: [SurveySettings.Revision, Etag]}
    expoints:
      url: https://acme.example
      oauth: {token_url: "https://login.example/tenant/token?v=2", client_id: someone,
              client_secret: {env: CLIENT_SECRET}, scope: api/.default}
      allowed_recipients: ["*@qa.example", "qa+*@acme.example"]
      allowed_phone_numbers: ["+31612345678"]
    contact_lists: {news: 12}
    defaults: {note: x, schedule.at: "09:00", schedule: {days: 3}, columns: [{number: 1, fills: a}]}
    journal: {env: JOURNAL}
    limits: {resets: 3, deletes: null, updates: 50%}
    undeclared: refuse
"""


def checkmarket(workspace: Workspace[Any]) -> CheckMarket:
    account = workspace.targets["one"].checkmarket
    assert account
    return account


def test_every_setting_is_read(loaded: Read) -> None:
    real = loaded({"reconciler.yaml": REAL})
    settings, one, account = real.settings, real.targets["one"], checkmarket(real)
    assert (settings.version, settings.default_target, settings.undeclared) == (1, "one", Policy.KEEP)
    assert settings.time_zone.key == "Europe/Brussels"
    assert account.url == "https://api.example:8443"
    assert (account.requests_per_minute, account.requests_per_run) == (60, 900)
    assert (account.parallelism, account.patience) == (20, timedelta(minutes=2))
    assert account.server_members == ("SurveySettings.Revision", "Etag")
    assert account.account_must_have == Account(id=290, name="Newsletter NL")
    assert one.guardrails == Guardrails(
        limits=Limits(resets=3, deletes=None, updates=Share(50)),
        allowed_recipients=("*@qa.example", "qa+*@acme.example"),
        allowed_phone_numbers=("+31612345678",),
    )
    assert one.undeclared is Policy.REFUSE
    assert one.expoints
    assert one.expoints.oauth
    assert one.expoints.oauth.client_id.read({}) == "someone"
    assert one.settings.contact_lists == {"news": 12}
    columns = [{"Number": 1, "Fills": "a"}]
    assert one.defaults == {"note": "x", "schedule.at": "09:00", "schedule.days": 3, "columns": columns}


def test_what_is_left_out_has_a_default(loaded: Read) -> None:
    workspace = loaded({"reconciler.yaml": target('checkmarket: {url: "sandbox:"}')})
    settings, one, account = workspace.settings, workspace.targets["one"], checkmarket(workspace)
    assert (settings.time_zone.key, settings.default_target) == ("Europe/Amsterdam", None)
    assert (account.url, account.parallelism, account.patience) == ("sandbox:", 8, timedelta(seconds=30))
    assert one.guardrails == Guardrails(Limits(), (), ())
    assert (one.undeclared, one.journal, one.expoints) == (Policy.RESET, None, None)


def test_guardrails_may_stand_in_a_file_of_their_own(loaded: Read) -> None:
    files = {
        "reconciler.yaml": target('expoints: {url: "sandbox:"}'),
        "rails/one.yaml": "guardrails: {one: {limits: {updates: 5}}}",
        "rails/two.yaml": 'guardrails: {one: {allowed_recipients: ["*@a.example"]}}',
    }
    assert loaded(files).targets["one"].guardrails == Guardrails(Limits(updates=5), ("*@a.example",))


def test_a_guardrail_stands_in_one_place(problems: Complain) -> None:
    settings = target('expoints: {url: "sandbox:", allowed_recipients: []}, limits: {}')
    rails = "guardrails: {one: {allowed_recipients: [], limits: {}}}"
    found = problems({"reconciler.yaml": settings, "rails.yaml": rails})
    assert [problem.code for problem in found] == ["declared-twice"] * 2
    assert all("reconciler.yaml:3:" in problem.message for problem in found)


def test_a_secret_is_read_when_it_is_needed_and_never_shown(loaded: Read, tmp_path: Path) -> None:
    real = loaded({"reconciler.yaml": REAL})
    account = checkmarket(real)
    assert account.master_key
    assert account.key
    for environ in ({}, {"MASTER": ""}):
        with pytest.raises(UsageError, match="MASTER"):
            account.master_key.read(environ)
    with pytest.raises(UsageError, match="secrets/key"):
        account.key.read({})
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/key").write_text("hunter3\r\n")
    assert (account.master_key.read({"MASTER": "hunter2"}), account.key.read({})) == ("hunter2", "hunter3")
    assert repr(Secret(env="HUNTER")) == str(Secret(env="HUNTER")) == "Secret(…)"
    assert "MASTER" not in repr(real.targets)


HUNTER = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f'checkmarket: {{url: "sandbox:", key: {HUNTER}}}',
        f'checkmarket: {{url: "sandbox:", master_key: {{env: [{HUNTER}]}}}}',
        f'checkmarket: {{url: "https://me:{HUNTER}@a.example"}}',
        f'expoints: {{url: "sandbox:", token: {HUNTER}}}',
        f'expoints: {{url: "sandbox:", token: {{env: X, file: {HUNTER}}}}}',
        f"journal: postgresql://me:{HUNTER}@db.example/x",
        f'checkmarket: {{url: "sandbox:", key: {{env: X}}, {{a: "{HUNTER}"}}: 1}}',
    ],
)
def test_a_secret_in_the_files_is_refused_and_not_repeated(text: str, problems: Complain) -> None:
    found = problems({"reconciler.yaml": target(text)})
    assert found
    assert HUNTER not in str(found)


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        *((f"http://{host}:8000/", f"http://{host}:8000") for host in ("localhost", "127.0.0.1", "[::1]")),
        ("https://api.example:443/", "https://api.example"),
        ("https://api.example.", "https://api.example"),
    ],
)
def test_an_account_has_one_address_however_it_is_spelled(url: str, spelled: str, loaded: Read) -> None:
    """Only this machine may be asked without encryption, and needs no keys."""
    keys = ", key: {env: A}, master_key: {env: B}" if url.startswith("https") else ""
    workspace = loaded({"reconciler.yaml": target(f'checkmarket: {{url: "{url}"{keys}}}')})
    assert checkmarket(workspace).url == spelled


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ('checkmarket: {url: "sandbox:", parallelism: 21}', "out-of-range", 53),
        ('checkmarket: {url: "sandbox:", patience: 30}', "invalid-value", 50),
        ('checkmarket: {url: "sandbox:", server_members: [A..B]}', "invalid-value", 57),
        ('checkmarket: {url: "sandbox:", server_members: [Schedule.Days]}', "invalid-value", 57),
        ('checkmarket: {url: "sandbox:", account_must_have: {}}', "missing-field", 59),
        ('checkmarket: {chekmarket: 1, url: "sandbox:"}', "unknown-field", 23),
        ("limits: {updates: 101%}", "invalid-value", 27),
        ("limits: {resets: -1}", "out-of-range", 26),
        ("defaults: {noet: a}", "unknown-field", 20),
        ("defaults: {note: 1}", "wrong-type", 26),
        ("defaults: {name: A}", "misplaced", 20),
        ('defaults: {schedule.at: "1:2", schedule: {at: "1:2"}}', "named-twice", 51),
        ("journal: 3", "wrong-type", 18),
        ('expoints: {url: "sandbox:", token: {env: A}, oauth: {}}', "missing-field", 54),
        ('expoints: {url: "sandbox:", allowed_phone_numbers: ["12"]}', "invalid-value", 61),
    ],
)
def test_a_wrong_setting_is_told_where_it_stands(
    text: str, code: str, column: int, problems: Complain
) -> None:
    found = {(p.code, p.place, p.key) for p in problems({"reconciler.yaml": target(text)})}
    assert found == {(code, Place("reconciler.yaml", 3, column), "targets.one")}
