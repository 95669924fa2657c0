"""Names that differ in what is hard to see are neither taken for each other nor created side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.adopt import Wanted, adopt
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused
from tests.commands.world import EVERYTHING, SETTINGS, World

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
