"""Which guardrails allow more than they did, whatever file they stand in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.guardrails import _rule_of, loosened
from reconciler.config.load import load
from tests.hostile.workspaces import write

CHECKMARKET = "url: 'https://api-eu.agileresearch.medallia.com', master_key: {env: MASTER}, key: {env: KEY}"
EXPOINTS = "url: 'https://acme.expoints.nl', token: {env: TOKEN}"
OAUTH = "token_url: 'https://id.example.com/t', client_id: me, client_secret: {env: S}"


def target(name: str = "shop", more: str = "", *, expoints: str | None = "") -> str:
    """Return a target with more settings beside its accounts, or in that of seeds."""
    tenant = "" if expoints is None else f"    expoints: {{{EXPOINTS}{expoints}}}\n"
    return f"  {name}:\n    checkmarket: {{{CHECKMARKET}}}\n{tenant}{more}"


def oauth(fields: str = OAUTH) -> str:
    account = f"    expoints: {{url: 'https://acme.expoints.nl', oauth: {{{fields}}}}}\n"
    return f"  shop:\n    checkmarket: {{{CHECKMARKET}}}\n{account}"


def told(tmp_path: Path, before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what is said of two workspaces: `targets`, `top`, and any file by its name.

    Without a file it is about a line of the settings, without a target about `shop`.
    """
    workspaces, lines = [], []
    for name, files in (("before", before), ("now", now)):
        settings = f"version: 1\n{files.get('top', '')}targets:\n{files.get('targets', target())}"
        others = {file: text for file, text in files.items() if file.endswith(".yaml")}
        folder = write(tmp_path / name / "configs", others, settings)
        workspaces.append(load(folder, SECTION, folder.parent, CUSTOMER_SEEDS))
    for one in loosened(workspaces[0], workspaces[1], "shop"):
        gone = f" {one.hint.rpartition(':')[0]}" if one.hint else ""
        line = f"{one.place.file}:{one.place.line} {one.key}: {one.message}{gone}"
        lines.append(re.sub(r"configs/(reconciler\.yaml:)?|targets\.shop\.", "", line))
    return lines


def beside(text: str) -> dict[str, str]:
    return {"targets": target(more=f"    {text}\n")}


def at_checkmarket(text: str) -> dict[str, str]:
    return {"targets": target().replace(CHECKMARKET, f"{CHECKMARKET}, {text}")}


def at_expoints(text: str) -> dict[str, str]:
    return {"targets": target(expoints=f", {text}")}


def apart(text: str) -> dict[str, str]:
    return {"guards.yaml": f"guardrails:\n  shop: {{{text}}}\n"}


A, B = "a.yaml", "b.yaml"
PLAIN = "import_configs:\n  a:\n    name: A\n"
KEEPS, RESETS = (f"{PLAIN}    undeclared: {policy}\n" for policy in ("keep", "reset"))
AS_B, ID = RESETS.replace("a:\n", "b:\n"), "    id: 7\n"
SHARE, OTHER_KEY = (
    "4 checkmarket.requests_per_run",
    {"targets": target().replace("{env: MASTER}", "{file: k}")},
)
NOW_B = "import_configs.b.undeclared: keep → reset"

# What stands here is what tests/hostile/test_loosened_guardrails.py has not in its one pull request.
ROWS: list[tuple[Mapping[str, str], Mapping[str, str], list[str]]] = [
    # what is warned of
    (
        {"top": "ignore_warnings: {unused-preset: old}\n"},
        {"top": "ignore_warnings: {unused-preset: new, file-imports-only: by hand too}\n"},
        ["2 ignore_warnings.file-imports-only: (none) → by hand too"],
    ),
    # limits
    ({}, {}, []),
    (beside("limits: {resets: 5}"), beside("limits: {resets: 3}"), []),
    ({}, beside("limits: {updates: 40%}"), ["6 limits.updates: 30% from 10 live on → 40% from 10 live on"]),
    (
        {},
        beside("limits: {effects: {mails_at_once: allow}}"),
        ["6 limits.effects.mails_at_once: refuse → allow"],
    ),
    (beside("limits: {effects: {hides: refuse}}"), beside("limits: {effects: {mails_later: refuse}}"), []),
    (
        apart("limits: {effects: {mails_later: refuse}}"),
        {},
        ["3 limits.effects.mails_later: refuse → allow stood at guards.yaml:2"],
    ),
    # a file of their own, that changes, moves or goes
    (apart("limits: {resets: 1}"), apart("limits: {resets: 2}"), ["guards.yaml:2 limits.resets: 1 → 2"]),
    (apart("limits: {resets: 1}"), beside("limits: {resets: 1}"), []),
    (apart("limits: {updates: 1}"), {}, ["3 limits.updates: 1 → 30% from 10 live on stood at guards.yaml:2"]),
    # whom batches may be sent to, and nobody is named
    (
        at_expoints("allowed_recipients: ['*@a.example']"),
        apart("allowed_recipients: ['*@a.example', '*@b.example', jane@c.example]"),
        ["guards.yaml:2 allowed_recipients: 1 of them → 3, added: *@b.example, ***@c.example"],
    ),
    # what a reset leaves behind, stated, changed or gone
    (
        beside("defaults: {survey_settings: {expiration_after_days: 1}}"),
        beside("defaults: {survey_settings.expiration_after_days: 2}"),
        ["6 defaults.survey_settings.expiration_after_days: 1 → 2"],
    ),
    (beside("defaults: {first_row: 2}"), {}, ["3 defaults.first_row: 2 → (none) stood at 6"]),
    # where the memory is
    ({}, beside("journal: 'sqlite:j.db'"), ["6 journal: (none) → sqlite:j.db"]),
    (beside("journal: {file: j}"), {}, ["3 journal: {file: j} → (none) stood at 6"]),
    # where credentials go, and which
    ({}, OTHER_KEY, ["4 checkmarket.master_key: {env: MASTER} → {file: k}"]),
    (
        {"targets": oauth()},
        {"targets": oauth(OAUTH.replace(": me", ": you").replace("env: S", "env: T"))},
        [
            "5 expoints.oauth.client_id: (text) → (text), in a part that is not shown",
            "5 expoints.oauth.client_secret: {env: S} → {env: T}",
        ],
    ),
    # the right account, and how often it is asked
    (
        at_checkmarket("account_must_have: {id: 1, name: One}"),
        at_checkmarket("account_must_have: {id: 2}"),
        ["4 checkmarket.account_must_have: {id: 1, name: One} → {id: 2}"],
    ),
    (
        at_checkmarket("requests_per_run: 60"),
        {},
        ["4 checkmarket.requests_per_run: 60 → any number stood at 4"],
    ),
    # what happens to what is not declared: workspace, target, preset, resource, block
    (beside("undeclared: refuse"), beside("undeclared: reset"), ["6 undeclared: refuse → reset"]),
    ({A: KEEPS}, {A: RESETS}, ["a.yaml:4 import_configs.a.undeclared: keep → reset"]),
    ({A: KEEPS}, {B: PLAIN}, ["b.yaml:2 import_configs.a.undeclared: keep → reset stood at a.yaml:4"]),
    ({A: KEEPS}, {A: AS_B}, [f"a.yaml:4 {NOW_B}"]),
    ({A: KEEPS + ID}, {A: AS_B.replace("name: A", "name: B") + ID}, [f"a.yaml:4 {NOW_B}"]),
    ({A: KEEPS}, {A: "moved: {import_configs.a: import_configs.b}\n" + AS_B}, [f"a.yaml:5 {NOW_B}"]),
    (
        {A: KEEPS},
        {A: KEEPS + "    targets: {shop: {undeclared: reset}}\n"},
        ["a.yaml:5 import_configs.a.undeclared: keep → reset"],
    ),
    # targets that are new, renamed, gone, or have an account that they had not
    (
        {},
        {"targets": target() + target("other", "    limits: {resets: null}\n")},
        [
            "6 targets.other: (none) → a new target with the accounts of targets.shop",
            "9 targets.other.limits.resets: 0 → any number",
        ],
    ),
    ({"targets": target(expoints=None)}, {}, ["5 expoints.url: (none) → https://acme.expoints.nl"]),
    ({}, {"top": "default_target: shop\n"}, ["2 default_target: (none) → shop"]),
]


@pytest.mark.parametrize(("before", "now", "expected"), ROWS, ids=range(len(ROWS)))
def test_what_allows_more_is_named_with_its_line_and_its_value_before_and_after(
    tmp_path: Path, before: Mapping[str, str], now: Mapping[str, str], expected: list[str]
) -> None:
    assert told(tmp_path, before, now) == expected


def test_what_concerns_the_target_comes_first_and_other_targets_follow(tmp_path: Path) -> None:
    before = {"targets": target("a") + target("shop")}
    limits = "    limits: {resets: 1}\n"
    now = {"targets": target("a", limits) + target("shop", limits)}
    assert [line.split()[1] for line in told(tmp_path, before, now)] == [
        "limits.resets:",
        "targets.a.limits.resets:",
    ]


def test_a_setting_of_which_no_rule_is_known_is_named_when_it_changes() -> None:
    """A new setting is named whenever it changes, until a rule says when it is stricter."""
    assert _rule_of("expoints.of_tomorrow")(1, 2)
