"""What the tenant would refuse, and what is no test, is told before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.expoints import expoints_session
from reconciler.commands.journal import open_to_write
from reconciler.commands.seeds import seeds_send
from reconciler.commands.session import open_session
from reconciler.errors import Exit, FilesInvalid, Refused
from reconciler.expoints.recipients import SeedPlan
from reconciler.sandbox import Variants
from tests.commands.world import EVERYTHING
from tests.seeds.world import DATA, JANE, JOHN, SeedWorld

WELCOME = "import_configs:\n  welcome: {name: Welcome, email_is_required: true}\n"


def data(values: Mapping[str, str | None]) -> dict[str, Any]:
    """Return defaults with these values of columns; None is none."""
    every = {**DATA, **values}
    return {"defaults": {"data": {name: value for name, value in every.items() if value is not None}}}


class TestTheTenant:
    """Reasons that only the tenant knows."""

    @pytest.mark.parametrize(
        ("fields", "variants", "code"),
        [
            (data({"First_nme_customer": "x"}), "", "unknown-column"),
            (data({"99": "x"}), "", "unknown-column"),
            (data({"Region": "x"}), "", "archived-column"),
            (data({"15": "x"}), "", "column-twice"),
            (data({"Business Unit": None}), "", "missing-column"),
            (data({"Business Unit": ""}), "", "missing-column"),
            ({}, "twin_columns=true", "ambiguous-column"),
            ({"customers": [{"email": JOHN}, {"email": "optedout@example.com"}]}, "", "opted-out"),
        ],
    )
    def test_what_it_would_refuse_blocks_the_seed(
        self, world: SeedWorld, fields: dict[str, Any], variants: str, code: str
    ) -> None:
        world.variants = Variants.parse(variants.split())
        world.declare(JOHN, JANE, **fields)
        end = world.apply()
        assert (end.exit, end.codes, end.counts, world.posts) == (Exit.REFUSED, [code], {}, [])

    def test_the_id_chooses_between_two_columns_of_one_name(self, world: SeedWorld) -> None:
        world.variants = Variants(twin_columns=True)
        world.declare(JOHN, **data({"Business Unit": None, "18": "Unit X"}))
        assert world.apply().counts == {"sent": 1}

    def test_a_block_names_the_line_of_the_customer(self, world: SeedWorld) -> None:
        lines = ["customer_seeds:", "  smoke:", "    targets: [sandbox]", "    is_test: true"]
        lines += ["    notification_email_addresses: [qa@example.com]", "    customers:"]
        lines += [f"      - {json.dumps({'email': JOHN, 'data': {**DATA, 'Region': 'x'}})}"]
        world.write("smoke.yaml", "\n".join(lines))
        assert "column Region is archived; leave it out (configs/smoke.yaml:7:" in world.plan()[1]

    @pytest.mark.parametrize(
        ("table", "places"),
        [
            (f"email\n{JOHN}\n{JANE}\n", "T:3:1"),  # nothing names it: where it would be named
            (f"email,Business Unit\n{JOHN},\n{JANE},U\n", "T:3:2, T:4:2"),
            (f"Business Unit,email\n,{JOHN}\n,{JANE}\n", "T:3:1, T:4:1, T:5:1"),
            (f"18,email\nU,{JOHN}\n,{JANE}\n", "T:3:1, T:5:1"),
            (f"email,data.Business Unit\n{JOHN},\n{JANE},\n", "T:3:2, T:4:2, T:5:2"),
        ],
    )
    def test_what_a_table_lacks_is_told_at_its_header_and_then_at_the_rows(
        self, world: SeedWorld, table: str, places: str
    ) -> None:
        world.write("people.csv", f"\n\n{table}")
        world.declare(customers=None, customers_from="people.csv", **data({"Business Unit": None}))
        shown = world.plan()[1].replace("configs/people.csv", "T")
        assert f"the tenant requires a value of Business Unit (column 18) ({places})" in shown

    def test_a_column_of_a_table_that_is_refused_is_named_at_its_header(self, world: SeedWorld) -> None:
        header = "email," + ",".join(DATA).replace("Business Unit", "Business\u00a0Unit")
        rows = [",".join([email, *DATA.values()]) for email in (JOHN, JANE)]
        world.write("people.csv", "\n".join(["", header, *rows]))
        world.declare(customers=None, customers_from="people.csv", defaults=None)
        _, shown = world.plan()
        assert 'write "Business Unit", not "Business\\xa0Unit"' in shown
        assert "(configs/people.csv:2:5)" in shown

    def test_other_seeds_and_configurations_go_on(self, world: SeedWorld) -> None:
        world.write("welcome.yaml", WELCOME)
        world.declare("optedout@example.com", key="other")
        end = world.apply()
        assert end.document["summary"]["applied"] == 1
        assert (end.exit, world.mailed) == (Exit.REFUSED, [JANE, JOHN])

    def test_a_seed_that_cannot_be_answered_is_blocked_and_one_that_was_sent_in_time_is_not(
        self, world: SeedWorld
    ) -> None:
        day = f"{datetime.fromtimestamp(world.clock.now() + 86_400, UTC):%Y-%m-%d}"
        world.declare(JOHN, end_date=day)
        assert world.apply().counts == {"sent": 1}
        world.rest(3 * 86_400)
        assert world.apply().exit is Exit.DONE
        world.declare(JOHN, JANE, end_date=day)
        end = world.apply()
        assert (end.exit, end.codes, end.counts) == (Exit.REFUSED, ["ends-before-sending"], {})

    def test_what_is_sent_by_hand_only_refuses_no_run_once_its_days_are_over(self, world: SeedWorld) -> None:
        world.declare(JOHN, send="by_hand", end_date="2026-10-01")
        world.rest(60 * 86_400)
        exit, shown = world.plan()
        assert (exit, world.apply().exit) == (Exit.DONE, Exit.DONE)
        assert "! the questionnaire closes at 2026-10-01" in shown
        with pytest.raises(Refused, match="the questionnaire closes"):
            world.ran(seeds_send, "smoke", EVERYTHING, again=False, yes=True)

    def test_a_day_of_mail_that_is_over_is_told_and_sent(self, world: SeedWorld) -> None:
        world.declare(JOHN, JANE, defaults={"data": DATA, "send_date": "2020-01-01"})
        end = world.apply()
        assert end.counts == {"sent": 2}
        assert "send_date 2020-01-01 is before today" in " ".join(end.seeds[0]["notes"])

    def test_what_is_sent_already_is_not_blocked_by_a_change_of_the_tenant(self, world: SeedWorld) -> None:
        world.apply()
        world.archive("Business Unit")
        assert world.apply().exit is Exit.DONE


class TestTheFiles:
    """No run sends anything while a seed is no test or writes to another address than the target allows.

    tests/expoints/test_declaration_refusals.py and test_recipients.py have every form.
    """

    @pytest.mark.parametrize(
        "fields",
        [
            {"is_test": None},
            {"notification_email_addresses": None},
            {"notification_email_addresses": ["ceo@real.example"]},
            {"defaults": {"data": DATA, "phone_number": "+31612345678"}},
            {"customers": [{"email": JOHN}, {"email": "ceo@real.example"}]},
            {"customers": [{"email": JOHN}, {"email": "ceo@real.example,x@example.com"}]},
        ],
        ids=str,
    )
    def test_a_seed_that_is_no_proven_test_sends_nothing(
        self, world: SeedWorld, fields: dict[str, Any]
    ) -> None:
        world.declare(JOHN, JANE, **fields)
        with pytest.raises(FilesInvalid):
            world.apply()
        assert world.state.requests() == ()


def not_a_test(plan: SeedPlan) -> SeedPlan:
    return replace(plan, seed=replace(plan.seed, batch={**plan.seed.batch, "IsTest": False}))


def telling_the_front_office(plan: SeedPlan) -> SeedPlan:
    return replace(plan, seed=replace(plan.seed, batch={**plan.seed.batch, "NotificationEmailAddresses": ""}))


def to_a_stranger(plan: SeedPlan) -> SeedPlan:
    first, *others = plan.customers
    stranger = replace(first, customer=replace(first.customer, email="ceo@real.example"))
    return replace(plan, customers=(stranger, *others))


@pytest.mark.parametrize("spoilt", [not_a_test, telling_the_front_office, to_a_stranger])
def test_right_before_sending_the_proof_is_asked_for_again(
    world: SeedWorld, spoilt: Callable[[SeedPlan], SeedPlan]
) -> None:
    with (
        open_session(EVERYTHING, world.environment) as session,
        expoints_session(session, Console(clock=world.clock)) as tenant,
        open_to_write(session) as ledger,
    ):
        plan = tenant.plan(ledger)
        seed = spoilt(plan.seeds[0])
        end = tenant.sender(ledger, plan).send(seed, seed.to_send)
    assert (end.exit, end.sent, world.posts) == (Exit.REFUSED, 0, [])
