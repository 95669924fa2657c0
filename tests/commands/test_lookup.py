"""`lookup` prints what an account has, as lines that the files take as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.lookup import lookup
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, Forbidden, ReconcilerError, UsageError
from reconciler.render.values import PLAIN
from reconciler.sandbox import Variants
from reconciler.sandbox.seeding import COLUMNS, SURVEYS
from tests.commands.world import EVERYTHING
from tests.seeds.world import SeedWorld

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}
    contact_lists: {news letter: 12, "two\\nlines": 98, unused: 99}
  mail: {expoints: {url: "sandbox:"}}
  real:
    checkmarket: {url: "https://api.checkmarket.com", master_key: {env: MASTER}, key: {env: KEY}}
    expoints: {url: "https://acme.expoints.nl", token: {env: TOKEN}}
"""
HOSTILE = [
    "no", "42", " # 1", "a: {b}", "- x", "'quoted' \"too\"", "Zoë ✓", "wide\u115ffiller", "##[group]x",
    "::error::x", "\u202eevil", "esc\x1b[31mred", "two\nlines", "same", "same ", "x" * 1001,
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.write("reconciler.yaml", SETTINGS)
    return made


def looked_up(world: SeedWorld, what: str, *words: str, **asked: Any) -> Any:
    return world.ran(lookup, what, words, EVERYTHING, json=True, **asked).document[what]


@pytest.mark.parametrize(
    ("what", "words", "lines"),
    [
        ("surveys", ["BELGIE"], ["survey: Klanttevredenheid België 2026  # 4712, live"]),
        ("surveys", ["2026", "satis"], ["survey: Customer satisfaction 2026  # 4711, live"]),
        ("surveys", ["4700"], ["survey: Campaign 2023  # 4700, closed"]),
        ("surveys", ["4721"], ['survey_id: 4721  # "Event feedback", live, like another']),
        ("lists", [], [
            'contact_list: news letter  # 12, used by "Newsletter NL", "Newsletter BE"',
            "contact_list_id: 98        # used by no import configuration",
            "contact_list: unused       # 99, used by no import configuration",
        ]),
        ("columns", ["bu"], [
            "data:", '  Business Unit: ""  # 18, required, "BU"', "", 'data: {Business Unit: ""}',
        ]),
        ("columns", ["region"], ["data:", '  # "Region"  # 13, archived, "Region (until 2022)"']),
        ("statuses", ["fault"], ["fault_statuses:", "  - Fault  # 40"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", ["whole", "thin"])
def test_what_has_the_words_is_printed_ready_to_paste(
    what: str, words: list[str], lines: list[str], rows: Any, world: SeedWorld
) -> None:
    world.variants = Variants(rows=rows, listing="clamped", clamp_at=2)
    run = world.ran(lookup, what, words, EVERYTHING)
    assert (run.exit, run.out.splitlines()[: len(lines)]) == (Exit.DONE, lines)
    assert " on sandbox; " in run.last
    assert world.ran(lookup, what, words, EVERYTHING, settings={"quiet": True}).out == f"{run.last}\n"
    assert world.writes == []


def test_a_mistake_in_the_files_does_not_keep_from_looking_up_what_mends_it(world: SeedWorld) -> None:
    world.write("wrong.yaml", "import_configs:\n  new: {name: New, contact_list: unsued}\n  broken: {a: [}\n")
    assert world.ran(lookup, "lists", ["unused"], EVERYTHING).exit is Exit.DONE


def test_each_line_means_what_it_was_printed_for(world: SeedWorld) -> None:
    """Whatever a survey or a column is called; and nothing of its name steers a terminal."""
    with world.state.transaction() as documents:
        for id, name in enumerate([*HOSTILE, "twin", "twin"], start=5000):
            documents.put(SURVEYS, id, {"Title": name})
            documents.put(COLUMNS, id, {"Name": name, "DisplayName": "", "Required": True, "Archived": False})
    surveys = looked_up(world, "surveys")
    assert len(surveys) == 6 + len(HOSTILE) + 2
    config = "  c{id}:\n    name: N{id}\n    survey_settings:\n      {paste}  # as printed\n"
    world.write("a.yaml", "import_configs:\n" + "".join(config.format(**one) for one in surveys))
    planned = {c["key"]: c for c in world.plans(json=True).document["changes"]}
    for one in surveys:
        fields = {f["path"]: f["after"] for f in planned[f"import_configs.c{one['id']}"]["fields"]}
        assert fields["survey_settings.survey_id"] == one["id"]

    text = world.ran(lookup, "columns", [], EVERYTHING).out
    (data,) = (line for line in text.splitlines() if line.startswith("data: {"))
    world.write(
        "a.yaml",
        f"""\
customer_seeds:
  s:
    targets: [sandbox]
    is_test: true
    approve_automatically: true
    notification_email_addresses: [qa@example.com]
    customers:
      - email: qa@example.com
        {data.replace(': ""', ': "value"')}
""",
    )
    (seed,) = world.plans(json=True).document["seeds"]
    assert (seed["reasons"], seed["states"]["pending"]) == ([], 1)
    for what in ("surveys", "columns"):
        assert not {"\x1b", "\u202e", "\u115f"} & {*world.ran(lookup, what, [], EVERYTHING).out}


def test_a_column_or_status_whose_name_two_have_goes_by_its_number(world: SeedWorld) -> None:
    world.variants = Variants(twin_columns=True)
    pastes = {one["id"]: one["paste"] for one in looked_up(world, "columns", "unit")}
    assert pastes == {17: '"17": ""', 18: '"18": ""'}


def test_lines_stay_whole_on_a_narrow_terminal(world: SeedWorld) -> None:
    from msgspec.structs import replace

    out = world.ran(lookup, "lists", [], EVERYTHING, settings={"paint": replace(PLAIN, width=40)}).out
    assert "contact_list: news letter\n    # 12, used by " in out
    assert max(map(len, out.splitlines()[7:])) <= 40


@pytest.mark.parametrize(
    ("what", "word", "target", "error", "words"),
    [
        ("surveys", "satisfactoin", "sandbox", UsageError, "has satisfactoin in its name; known: Camp"),
        ("surveys", "Campaign2023", "sandbox", UsageError, "write Campaign 2023"),
        ("surveys", "", "mail", UsageError, "target mail has no checkmarket: section, and so no surveys"),
        ("lists", "", "mail", UsageError, "and so no contact lists; add one to reconciler.yaml"),
        ("columns", "", "real", UsageError, "TOKEN"),  # and nothing of CheckMarket's keys
        ("surveys", "", "real", UsageError, "MASTER"),
        ("surveys", "", "nowhere", UsageError, "there is no target nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_up_is_told(
    what: str, word: str, target: str, error: type[ReconcilerError], words: str, world: SeedWorld
) -> None:
    with pytest.raises(error) as told:
        world.ran(lookup, what, [word] if word else [], Selection(target=target))
    assert words in str(told.value)


@pytest.mark.parametrize("what", ["surveys", "lists", "columns", "statuses"])
def test_an_api_that_refuses_is_an_error_and_no_empty_list(what: str, world: SeedWorld) -> None:
    with pytest.raises(Forbidden):
        world.ran(lookup, what, [], EVERYTHING, fault="GET:1+:before:status=403")
