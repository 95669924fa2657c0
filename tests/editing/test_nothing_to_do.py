"""After `adopt`, a plan is empty: on every plausible server, under every policy, on one account and two."""

from __future__ import annotations

import random
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox import Variants
from tests.editing.accounts import HALF, NAMES, Accounts, configs
from tests.properties.situations import variants

POLICIES = ("reset", "keep", "refuse")
STATED = "defaults: {date_format: dd-MM-yyyy, update_type_id: 1, survey_settings: {invitation_time: '09:00'}}"


@pytest.mark.parametrize("policy", POLICIES)
def test_two_accounts_that_share_names_are_one_workspace(policy: str, tmp_path: Path) -> None:
    """150 names are on both: each is one resource, which says what is common once."""
    shared = tuple(f"Shared {n}" for n in range(150))
    first = configs(1, 200, 100, (*shared, *(f"First {n}" for n in range(50))))
    second = configs(2, 200, 1000, (*shared, *(f"Second {n}" for n in range(50))))
    accounts = Accounts(tmp_path, {"one": first, "two": second}, settings=f"undeclared: {policy}")
    accounts.adopt("one")
    accounts.assert_nothing_to_do("one", 200)
    assert "50 new, 150 merged" in accounts.adopt("two").out
    accounts.assert_nothing_to_do("one", 200)
    accounts.assert_nothing_to_do("two", 200)
    assert accounts.validate()["resources"] == 250


@HALF
@given(st.integers(0, 10**6), variants(), st.sampled_from(POLICIES), st.booleans(), st.booleans())
def test_on_any_server_any_account_is_adopted_whole(
    seed: int, server: Variants, policy: str, stated: bool, split: bool
) -> None:
    with TemporaryDirectory() as folder:
        live = {"one": configs(seed, 12, names=NAMES), "two": configs(seed + 1, 12, 500, names=NAMES)}
        accounts = Accounts(Path(folder), live, server, f"undeclared: {policy}", STATED if stated else "")
        for target in live:
            accounts.clock.sleep(60)
            accounts.adopt(target, everything=True, split=split)
            accounts.assert_nothing_to_do(target, 12)
        accounts.assert_nothing_to_do("one", 12)
        for state in accounts.states.values():
            state.close()


def test_a_thousand_names_that_anybody_typed_are_a_thousand_files(tmp_path: Path) -> None:
    """Names that collide, hide, steer or are not allowed on some system; the same keys each time."""
    chance = random.Random(7)
    names = [chance.choice(NAMES)[: chance.choice([50, 50, 5])] or "x" for _ in range(1000)]
    live = {100 + n: {"Name": name, "IsReusable": True} for n, name in enumerate(names)}
    accounts = Accounts(tmp_path, {"one": live})
    accounts.adopt("one", everything=True, split=True)
    files = [path.name for path in (tmp_path / "configs/import_configs").iterdir()]
    assert len({name.lower() for name in files}) == 1000
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,70}\.yaml", name) for name in files)
    accounts.assert_nothing_to_do("one", 1000)
    assert "0 new, 0 merged, 1000 declared already; 0 files." in accounts.adopt("one").out
