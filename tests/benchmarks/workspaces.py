"""As many configurations as are asked for: their files, and the bodies that are live behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TARGET = "measured"
FIRST_ID = 1001
KEYS = {"BENCHMARK_MASTER_KEY": "master", "BENCHMARK_KEY": "key", "BENCHMARK_TOKEN": "token"}
"""The credentials that the settings name; the stand-in server takes any."""

_SETTINGS = """\
version: 1
default_target: {target}
targets:
  {target}:
    checkmarket:
      url: "{url}"
      master_key: {{env: BENCHMARK_MASTER_KEY}}
      key: {{env: BENCHMARK_KEY}}
      parallelism: {parallelism}
    expoints:
      url: "{url}"
      token: {{env: BENCHMARK_TOKEN}}
      allowed_recipients: ["*@example.com"]
    limits: {{updates: null}}
"""
_FILE = """\
# One configuration of many; 26 lines, as people write them.
import_configs:
  {key}:
    name: Configuration {number:05}
    contact_list_id: 12
    survey_settings:
      survey_id: 4711
      invitation_delay_in_days: 2
      invitation_time: "09:00"
      expiration_after_days: 14
      expiration_time: "22:00"
      consider_cooldown_period: true
      survey_cooldown_after_invitation: 30
      account_cooldown_after_invitation: 7
    email_is_required: true
    email_must_be_unique_within_file: true
    date_format: yyyy-MM-dd
    email_must_be_unique_within_account: true
    send_notification_mail: true
    is_reusable: true
    default_language_code: nl
    update_type_id: 1
    keep: [column_mappings]
    targets:
      {target}:
        id: {id}
"""
_SEED = """\
customer_seeds:
  many:
    targets: [{target}]
    send: once
    round: first
    is_test: true
    approve_automatically: true
    end_date: +21d
    notification_email_addresses: [qa@example.com]
    customers_from: customers.csv
"""
_MAPPINGS = [
    {"SourceColumnNumber": number, "TargetColumnName": name}
    for number, name in enumerate(("Email", "FirstName", "LastName"), start=1)
]


def key_of(number: int) -> str:
    """Return the key of a configuration, counted from 0."""
    return f"configuration-{number:05}"


def write_workspace(folder: Path, count: int, url: str = "sandbox:", parallelism: int = 8) -> Path:
    """Write a workspace of so many configurations, one a file, a hundred a folder; return its folder."""
    write_settings(folder, url, parallelism)
    for number in range(count):
        below = folder / f"part-{number // 100:03}"
        below.mkdir(exist_ok=True)
        text = _FILE.format(key=key_of(number), number=number, id=FIRST_ID + number, target=TARGET)
        (below / f"{key_of(number)}.yaml").write_text(text, "utf-8")
    return folder


def write_settings(folder: Path, url: str, parallelism: int = 8) -> None:
    """Write, or write anew, where the target of a workspace is."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = _SETTINGS.format(target=TARGET, url=url, parallelism=parallelism)
    (folder / "reconciler.yaml").write_text(settings, "utf-8")


def write_seed(folder: Path, customers: int, url: str) -> Path:
    """Write a workspace with one seed of so many customers, which stand in a table; return its folder."""
    write_settings(folder, url)
    (folder / "seed.yaml").write_text(_SEED.format(target=TARGET), "utf-8")
    rows = (f"smoke+{number}@example.com,today,Jo{number},Do,V,Unit X\n" for number in range(customers))
    head = "email,send_date,First_name_customer,Family_name_customer,Gender_customer,Business Unit\n"
    (folder / "customers.csv").write_text(head + "".join(rows), "utf-8")
    return folder


def live_bodies(count: int, differing: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield id and body of so many live configurations; so many, evenly spread, differ in one field."""
    every = count / differing if differing else float("inf")
    unlike = {round(place * every) for place in range(differing)}
    declared = YAML(typ="safe").load(_FILE.format(key="any", number=0, id=0, target=TARGET))
    body = _as_sent(declared["import_configs"]["any"]) | {"ColumnMappings": _MAPPINGS}
    del body["Keep"], body["Targets"]
    times = {
        name: f"{body['SurveySettings'][name]}:00.0000000" for name in ("InvitationTime", "ExpirationTime")
    }
    for number in range(count):
        settings = {**body["SurveySettings"], **times, "InvitationDelayInDays": 5 if number in unlike else 2}
        own = {"Name": f"Configuration {number:05}", "ImportConfigId": FIRST_ID + number}
        yield FIRST_ID + number, {**body, **own, "SurveySettings": settings}


def _as_sent(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with their names as the API has them."""
    named = {"".join(part.capitalize() for part in name.split("_")): value for name, value in fields.items()}
    return {name: _as_sent(value) if isinstance(value, dict) else value for name, value in named.items()}
