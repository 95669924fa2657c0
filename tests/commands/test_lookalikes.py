"""Names that differ in what is hard to see are neither taken for each other nor created side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.adopt import Wanted, adopt
from reconciler.commands.edit import fmt, list_resources, set_fields
from reconciler.commands.plan import show
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from reconciler.problems import ALIKE
from reconciler.sandbox import State
from reconciler.sandbox.seeding import CONFIGS, stored_config
from tests.commands.world import EVERYTHING, SETTINGS, Doing, Screen, World

NFC, NFD = "Café Lente", "Cafe\u0301 Lente"
PAIRS = [
    # declared, something else; both as they are told apart
    (NFC, NFD, '"Café Lente"', r'"Cafe\u0301 Lente"'),
    ("Zomer actie", "Zomer\u00a0actie", '"Zomer actie"', r'"Zomer\xa0actie"'),
    ("Zomer actie", "Zomer  actie ", '"Zomer actie"', r'"Zomer \x20actie\x20"'),
    ("Promo", "Pro\u200bmo", '"Promo"', r'"Pro\u200bmo"'),
    ("Promo", "Promo\ufe0f", '"Promo"', r'"Promo\ufe0f"'),
    ("Co-op", "Co\u2011op", '"Co-op"', r'"Co\u2011op"'),
    ("Herfst", "HERFST", '"Herfst"', '"HERFST"'),
    ("ﬁets", "fiets", r'"\ufb01ets"', '"fiets"'),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write("reconciler.yaml", SETTINGS)
    made.live({})
    return made


def declare(world: World, *names: str, more: str = "") -> None:
    lines = [f'  k{n}: {{name: "{name}", is_reusable: true{more}}}\n' for n, name in enumerate(names)]
    world.write("a.yaml", f"import_configs:\n{''.join(lines)}")


def blocked(world: World) -> dict[str, str]:
    """Return every key that a plan blocks, with what it says; nothing else is left to do."""
    run = world.plans(json=True)
    made = run.document
    assert not made["changes"]
    assert (run.exit is Exit.REFUSED) == bool(made["blocked"])
    return {one["key"]: one["reasons"][0]["message"] for one in made["blocked"]}


@pytest.mark.parametrize(("name", "other", "shown", "shown_other"), PAIRS)
def test_what_looks_like_something_live_is_blocked_with_both_and_the_ways_on(
    name: str, other: str, shown: str, shown_other: str, world: World
) -> None:
    world.live({7: {"Name": other, "IsReusable": True}})
    declare(world, name)
    (message,) = blocked(world).values()
    assert f"nothing is named {shown}, and id 7 is named {shown_other}" in message
    assert "declare id: 7" in message
    # Either way on does what it says.
    made = world.plans(Consent(recreate=frozenset({"import_configs.k0"}), resets=None), json=True).document
    assert [change["action"] for change in made["changes"]] == ["create"]
    declare(world, name, more=", targets: {sandbox: {id: 7}}")
    out = world.plans().out
    assert f"{shown_other} → {shown}" in out.replace("  ", " ")


def test_what_can_be_seen_to_differ_is_created_side_by_side(world: World) -> None:
    flags = [
        f"\U0001f3f4{''.join(chr(0xE0000 + ord(c)) for c in land)}\U000e007f" for land in ("gbeng", "gbsct")
    ]
    names = [
        *flags,
        "👨\u200d👩\u200d👧",
        "👨👩👧",
        "Actie 1",
        "Actie 2",
        "O'Brien",
        "OBrien",
        "Newsletter-nl",
        "Newsletter nl",
        "مرحبا",
        "مرحبا ٢",
    ]
    declare(world, *names)
    made = world.plans(json=True).document
    assert [change["action"] for change in made["changes"]] == ["create"] * len(names)


@pytest.mark.parametrize(("name", "other", "shown", "shown_other"), [*PAIRS, ("A", "A", "", "")])
def test_what_looks_like_it_and_appears_after_the_plan_is_not_created_beside(
    name: str, other: str, shown: str, shown_other: str, world: World
) -> None:
    def appears() -> None:
        with world.state.transaction() as documents:
            documents.put(CONFIGS, 7, stored_config({"Name": other, "IsReusable": True}))

    declare(world, name)
    run = world.applies(yes=False, screen=Screen(stdin=Doing(appears)), json=True)
    said = "id 7 has this name since the plan"
    said = f"id 7 is named {shown_other} since the plan, not {shown}: {ALIKE}" if shown else said
    assert (run.exit, run.reasons, world.writes) == (Exit.STALE, {"import_configs.k0": said}, [])
    if shown:  # consent to a second one holds until the end of the run
        agreed = Consent(recreate=frozenset({"import_configs.k0"}), resets=None)
        assert world.applies(agreed).exit is Exit.DONE


def test_two_declared_ones_that_look_alike_are_both_blocked_unless_both_are_live(world: World) -> None:
    declare(world, NFC, NFD)
    assert {key: r"\u0301" in message for key, message in blocked(world).items()} == {
        "import_configs.k0": True,
        "import_configs.k1": True,
    }
    world.live({7: {"Name": NFC, "IsReusable": True}, 8: {"Name": NFD, "IsReusable": True}})
    assert blocked(world) == {}


def test_what_may_be_meant_is_neither_pruned_nor_taken_for_absent_nor_adopted(world: World) -> None:
    world.live({7: {"Name": NFD, "IsReusable": True}, 8: {"Name": "Other", "IsReusable": True}})
    declare(world, NFC)
    made = world.plans(Consent(prune=True, resets=None), json=True).document
    assert [change["id"] for change in made["changes"]] + made["unmanaged"] in ([8], [])
    world.ran(adopt, Wanted(everything=True), EVERYTHING)
    assert "id: 8" in (world.folder / "configs/import_configs.yaml").read_text("utf-8")
    assert "id: 7" not in (world.folder / "configs/import_configs.yaml").read_text("utf-8")
    declare(world, NFC, more=", absent: true")
    assert "remove the entry" in blocked(world)["import_configs.k0"]
    declare(world, NFC, NFD)  # what looks so has a key of its own
    text = (world.folder / "configs/a.yaml").read_text("utf-8")
    world.write("a.yaml", text.replace("true}", "true, absent: true}", 1))
    assert blocked(world) == {}


@pytest.mark.parametrize(("title", "hint"), [
    ("Klanttevredenheid Belgie\u0308 2026", r'België 2026", not "Klanttevredenheid Belgie\u0308 2026"'),
    ("Customer\u00a0satisfaction 2026", r'write "Customer satisfaction 2026", not "Customer\xa0satisf'),
    ("customer satisfaction 2026", 'write "Customer satisfaction 2026", not "customer satisf'),
    ("Customer satisfacton 2026", "write Customer satisfaction 2026, or declare"),
    ("Nothing like it", "check its title"),
])  # fmt: skip
def test_a_survey_that_is_not_there_is_told_with_its_line_and_what_is_meant(
    title: str, hint: str, world: World
) -> None:
    declare(world, "A", more=f', survey_settings: {{survey: "{title}"}}')
    message = blocked(world)["import_configs.k0"]
    assert "configs/a.yaml:2:" in message
    assert hint in message


@pytest.mark.parametrize(("wanted", "hint"), [
    ("{name: Wélcome}", r'(write "We\u0301lcome", not "Wélcome"'),
    ("{id: 7, name: wélcome}", "not \"wélcome\""),
    ("{name: Weelcome}", "(write We"),
    ("{id: 9}", "does not have 9, which account_must_have names."),
    ("{id: 7, name: Nothing}", "does not have 7 Nothing, which account_must_have names"),
])  # fmt: skip
def test_another_account_is_told_with_what_is_near(wanted: str, hint: str, world: World) -> None:
    world.live({7: {"Name": "We\u0301lcome", "IsReusable": True}})
    world.write(
        "reconciler.yaml", SETTINGS.replace('"sandbox:"}', f'"sandbox:", account_must_have: {wanted}}}')
    )
    declare(world, "A")
    with pytest.raises(Refused) as refused:
        world.applies()
    assert hint in str(refused.value)
    assert world.writes == []


def test_a_key_of_before_in_another_case_has_its_history_all_the_same(world: World) -> None:
    world.write("a.yaml", "import_configs: {spring: {name: Spring, is_reusable: true}}\n")
    assert world.applies().exit is Exit.DONE
    moved = "moved: {Spring: summer}\nimport_configs: {summer: {name: Summer, is_reusable: true}}\n"
    world.write("a.yaml", moved)
    run = world.plans(json=True)
    (problem,) = run.document["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("moved-lookalike", 1, 9)
    assert problem["hint"] == "write import_configs.spring"
    assert "the journal knows it as id" in blocked(world)["import_configs.summer"]
    # Another name that only looks like that of before is told apart too.
    world.write("a.yaml", moved.replace("Spring", "spring").replace("name: Summer", "name: SPRING"))
    assert 'nothing is named "SPRING"' in blocked(world)["import_configs.summer"]
    assert 'it is called "Spring" now; they differ only in case' in blocked(world)["import_configs.summer"]


@pytest.mark.parametrize(("command", "asked", "message"), [
    (list_resources, ("wellcome", ()), "no resource or seed is called wellcome; write welcome"),
    (list_resources, ("import_configs.wellcome", ()), "; write import_configs.welcome"),
    (list_resources, ("*", ["surve=X"]), "write survey_settings.survey"),
    (set_fields, ("wellcome", ["first_row=1"]), "no resource is called wellcome; write welcome"),
    (set_fields, ("welcome", ["surve=X"]), "write survey_settings.survey"),
    (set_fields, ("welcome", ["undeclard=keep"]), "write undeclared"),
    (fmt, ([Path("configs/welcom.yaml")],), "no file of the workspace; write configs/welcome.yaml"),
    (show, ("wellcome",), "nothing declared on target sandbox is called wellcome; write welcome"),
    (adopt, (Wanted(names=("Welcom",)),), "nothing live on sandbox is named Welcom; write Welcome"),
    (adopt, (Wanted(names=("welcome",)),), 'write "Welcome", not "welcome"'),
])  # fmt: skip
def test_what_is_not_there_is_told_with_what_is_near(
    command: Callable[..., Exit], asked: tuple[Any, ...], message: str, world: World
) -> None:
    world.live({1: {"Name": "Welcome", "IsReusable": True}})
    world.write("welcome.yaml", "import_configs: {welcome: {name: W, is_reusable: true}}\n")
    with pytest.raises(UsageError) as wrong:
        world.ran(command, *asked, EVERYTHING)
    assert message in str(wrong.value)


@pytest.mark.parametrize(("selection", "message"), [
    (Selection(target="sandbx"), "there is no target sandbx; write sandbox"),
    (Selection(target="Sandbox"), 'write "sandbox", not "Sandbox"'),
    (Selection(only=("wellcome",)), "is called wellcome; write welcome"),
    (Selection(only=("x*",)), "is called x*; known: welcome"),
    (Selection(exclude=("nothing",)), "is called nothing; known: welcome"),
])  # fmt: skip
def test_a_selection_that_names_nothing_says_what_is_near(
    selection: Selection, message: str, world: World
) -> None:
    world.write("welcome.yaml", "import_configs: {welcome: {name: W, is_reusable: true}}\n")
    with pytest.raises(UsageError) as wrong:
        world.plans(selection=selection)
    assert message in str(wrong.value)
    typo = frozenset({"import_configs.wellcome"})
    for consent in (Consent(recreate=typo), Consent(hide=typo)):
        with pytest.raises(
            UsageError, match=r"called import_configs\.wellcome; .*write import_configs\.welcome"
        ):
            world.plans(consent)


def test_set_and_where_take_the_same_words(world: World) -> None:
    world.write("a.yaml", "import_configs:\n  a:\n    name: A\n    is_reusable: true\n")
    world.ran(set_fields, "a", ["survey=One", "targets.sandbox.invitation_delay_in_days=3"], EVERYTHING)
    text = (world.folder / "configs/a.yaml").read_text("utf-8")
    assert "survey_settings:\n      survey: One\n" in text
    for where in ("survey=One", "survey_settings.survey=One", "invitation_delay_in_days=3"):
        run = world.ran(list_resources, "*", [where], EVERYTHING, json=True)
        assert [one["key"] for one in run.document["resources"]] == ["import_configs.a"]


SEED = """
customer_seeds:
  s:
    targets: [sandbox]
    is_test: true
    end_date: +21d
    notification_email_addresses: [qa@example.com]
    %s
"""
WITH_TENANT = SETTINGS + '    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}\n'
ANSWER = "customers: [{email: a@example.com, answers: [{base_question_id: 1, file_answers: [{file: %s}]}]}]"


@pytest.mark.parametrize(("said", "there", "hint"), [
    ("customers_from: people.csv", "People.csv", 'write "People.csv", not "people.csv"'),
    (f"customers_from: {NFC}.csv", f"{NFD}.csv", r'write "Cafe\u0301 Lente.csv", not "Café Lente.csv"'),
    ("customers_from: tables/people.csv", "Tables/people.csv", 'write "Tables", not "tables"'),
    ("customers_from: peple.csv", "people.csv", "write people.csv"),
    ("customers_from: people.csv", "zebra.csv", "check the path"),
    (ANSWER % "Letter.pdf", "letter.pdf", 'write "letter.pdf", not "Letter.pdf"'),
])  # fmt: skip
def test_a_file_that_is_not_there_is_told_with_what_is_near(
    said: str, there: str, hint: str, world: World
) -> None:
    world.write("reconciler.yaml", WITH_TENANT)
    world.write("seed.yaml", SEED % said)
    world.write(there, "email\na@example.com\n")
    with pytest.raises(FilesInvalid) as refused:
        world.ran(validate, EVERYTHING)
    assert [hint in problem.hint for problem in refused.value.problems] == [True]


DATA = "{Gender_customer: V, First_name_customer: Jo, Family_name_customer: Do, %s: U}"


@pytest.mark.parametrize(("column", "message"), [
    ('"Business\\_Unit"', r'no column Business\xa0Unit; write "Business Unit", not "Business\xa0Unit"'),
    ("business unit", 'write "Business Unit", not "business unit"'),
    ('"Business Unit "', r'write "Business Unit", not "Business Unit\x20"'),
    ("Busines Unit", "the tenant has no column Busines Unit; write Business Unit ("),
])  # fmt: skip
def test_a_column_that_is_not_there_is_told_with_what_is_near(
    column: str, message: str, world: World
) -> None:
    world.write("reconciler.yaml", WITH_TENANT)
    world.state = State(":memory:")
    world.write("seed.yaml", SEED % f"customers: [{{email: a@example.com, data: {DATA % column}}}]")
    (seed,) = world.plans(json=True).document["seeds"]
    assert message in seed["reasons"][0]["message"]
