"""A review binds seeds by what is declared of them; one that was not reviewed mails nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from reconciler.commands.seeds import seeds_send
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, Refused
from tests.commands.reviews import FILE, applied, edited, planned
from tests.commands.world import EVERYTHING
from tests.seeds.world import ADD, DATA, JANE, JOHN, SETTINGS, SeedWorld

SMOKE, OTHER = "customer_seeds.smoke", "customer_seeds.other"


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.declare(JOHN, JANE, end_date="+21d")
    return made


BOTH = sorted([JOHN, JANE])


def test_a_seed_that_was_reviewed_is_sent_once_and_tomorrow_too(world: SeedWorld) -> None:
    before = planned(world).document
    text = (world.folder / FILE).read_text("utf-8")
    for personal in (JOHN, JANE, "smoke+", "qa@", "@example.com", "Unit X", '"Jo"'):
        assert personal not in text
    world.clock.sleep(86_400)
    assert applied(world).sent == {SMOKE: 2}
    run = applied(world)
    assert (run.exit, run.sent, world.mailed) == (Exit.DONE, {}, BOTH)
    after = planned(world).document  # the digest is the same in every state of sending
    assert after["seeds"][0]["digest"] == before["seeds"][0]["digest"]
    assert after["fingerprint"] == before["fingerprint"]


def test_of_a_plan_of_one_seed_nothing_else_is_sent_or_missed(world: SeedWorld) -> None:
    world.declare("smoke+new@example.com", key="other")
    planned(world, selection=Selection(only=(SMOKE,)))
    run = applied(world)
    assert (run.exit, run.sent, world.mailed) == (Exit.DONE, {SMOKE: 2}, BOTH)


@pytest.mark.parametrize(
    "fields",
    [
        {"end_date": "+22d"},
        {"round": "second"},
        {"send": "on_change"},
        {"customers": [{"email": JOHN}]},
        {"customers": [{"email": JOHN}, {"email": "smoke+jack@example.com"}]},
        {"customers": [{"email": JOHN, "priority": 2}, {"email": JANE}]},
        {"defaults": {"data": {**DATA, "First_name_customer": "Another"}}},
        {"notification_email_addresses": ["other@example.com"]},
    ],
    ids=str,
)
def test_a_seed_that_is_declared_otherwise_is_not_sent_and_named(
    world: SeedWorld, fields: dict[str, Any]
) -> None:
    planned(world)
    world.declare(JOHN, JANE, **{"end_date": "+21d", **fields})
    run = applied(world)
    assert (run.exit, run.sent) == (Exit.STALE, {SMOKE: 0})
    assert "no longer what was reviewed" in run.document["sent"][0]["notes"][0]
    assert world.posts == []


@pytest.mark.parametrize(
    ("end_date", "exit", "sent"), [("+21d", Exit.STALE, {SMOKE: 0}), (None, Exit.DONE, {SMOKE: 2})]
)
def test_another_time_zone_is_another_review_where_a_day_or_time_is_written(
    world: SeedWorld, end_date: str | None, exit: Exit, sent: dict[str, int]
) -> None:
    world.declare(JOHN, JANE, end_date=end_date)
    planned(world)
    world.write("reconciler.yaml", f"{SETTINGS}time_zone: Pacific/Kiritimati\n")
    run = applied(world)
    assert (run.exit, run.sent) == (exit, sent)


def test_a_new_seed_is_not_sent_and_the_reviewed_one_is(world: SeedWorld) -> None:
    planned(world)
    world.declare("smoke+new@example.com", key="other")
    run = applied(world)
    assert (run.exit, run.sent) == (Exit.STALE, {OTHER: 0, SMOKE: 2})
    assert world.mailed == BOTH


def table(world: SeedWorld, text: str) -> None:
    world.write("people.csv", text)
    world.declare(customers=None, customers_from="people.csv")


ROWS = 'email,First_name_customer,Business Unit\nsmoke+a@example.com,Zoë,"X\nY"\n'
SPELLED = {
    "CRLF": ROWS.replace("\n", "\r\n"),
    "CR": ROWS.replace("\n", "\r"),
    "BOM": f"\ufeff{ROWS}",
    "decomposed": normalize("NFD", ROWS),
    "blank row": f"{ROWS}\n",
    "quotes": ROWS.replace("Zoë", '"Zoë"'),
}


@pytest.mark.parametrize("after", SPELLED.values(), ids=SPELLED)
def test_another_spelling_of_a_table_is_what_was_reviewed_and_sends_the_same(
    world: SeedWorld, after: str
) -> None:
    for before, text in ((ROWS, after), (after, ROWS)):
        table(world, before)
        planned(world)
        table(world, text)
        assert applied(world).exit is Exit.DONE
    assert world.mailed == ["smoke+a@example.com"]
    (data,) = (customer["Data"] for customer in json.loads(world.posts[0].body)["Customers"])
    assert [normalize("NFC", item["Value"]) for item in data if item["CustomerDataColumnId"] in (15, 18)] == [
        "Zoë",
        "X\nY",
    ]


@pytest.mark.parametrize("text", [ROWS.replace("Zoë", "Zoe"), ROWS.replace("X\nY", "X\n\nY")])
def test_a_table_that_says_something_else_is_not_what_was_reviewed(world: SeedWorld, text: str) -> None:
    table(world, ROWS)
    planned(world)
    table(world, text)
    assert applied(world).exit is Exit.STALE
    assert world.posts == []


def test_a_digest_of_a_seed_can_be_named_alone(world: SeedWorld) -> None:
    world.declare("smoke+new@example.com", key="other")
    digests = {seed["key"]: seed["digest"] for seed in planned(world).document["seeds"]}
    run = applied(world, [digests[OTHER]])
    assert (run.exit, run.sent) == (Exit.STALE, {OTHER: 1, SMOKE: 0})


@pytest.mark.parametrize(("with_seeds", "sent"), [(True, {SMOKE: 2}), (False, {})])
def test_the_fingerprint_of_a_plan_covers_its_seeds_and_holds_without_them(
    world: SeedWorld, with_seeds: bool, sent: dict[str, int]
) -> None:
    world.write("c.yaml", "import_configs: {c: {name: C}}\n")
    run = applied(world, [planned(world).document["fingerprint"]], with_seeds=with_seeds)
    assert (run.exit, run.results, run.sent) == (Exit.DONE, {"import_configs.c": "applied"}, sent)


def test_a_sending_that_was_refused_half_way_is_sent_again_with_the_same_file(world: SeedWorld) -> None:
    planned(world)
    assert applied(world, fault=f"{ADD}:1:before:status=400").exit is not Exit.DONE
    world.rest()
    assert (applied(world).exit, world.mailed) == (Exit.DONE, BOTH)


def test_a_seed_in_doubt_is_not_sent_by_a_review(world: SeedWorld) -> None:
    planned(world)
    assert applied(world, fault=f"{ADD}:1:after:drop").exit is Exit.IN_DOUBT
    assert (applied(world).exit, world.mailed) == (Exit.IN_DOUBT, BOTH)


def test_a_plan_for_another_tenant_is_refused(world: SeedWorld) -> None:
    planned(world)
    edited(world, tenant="other.expoints.example")
    with pytest.raises(Refused, match=r"tenant other\.expoints\.example"):
        applied(world)
    assert world.posts == []


def test_a_plan_that_a_seed_blocks_is_no_review_of_that_seed(world: SeedWorld) -> None:
    world.archive("Gender_customer")
    assert planned(world).document["seeds"][0]["reasons"] != []
    assert applied(world).exit is Exit.REFUSED
    world.archive("Gender_customer", archived=False)
    assert applied(world).exit is Exit.STALE
    assert world.posts == []


def test_the_account_is_looked_at_before_a_seed_is_sent_and_not_where_none_is(world: SeedWorld) -> None:
    wanted = 'checkmarket: {url: "sandbox:", account_must_have: {name: Nothing}}'
    another = SETTINGS.replace('checkmarket: {url: "sandbox:"}', wanted)
    world.write("reconciler.yaml", another)
    with pytest.raises(Refused, match="account_must_have"):
        world.apply()
    with pytest.raises(Refused, match="account_must_have"):
        world.ran(seeds_send, "smoke", EVERYTHING, again=False, yes=True)
    assert world.posts == []
    world.write("reconciler.yaml", SETTINGS)
    world.apply()
    world.write("reconciler.yaml", another)
    assert world.apply().exit is Exit.DONE
