"""What is declared and what is live make one plan, and the limits say what of it may be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.change import Action, Limits, Plan, Share
from reconciler.engine.classify import LastWrite
from reconciler.engine.inventory import Inventory, resolve
from reconciler.engine.kind import Body, Declared, Json, Live, Policy, Reference
from reconciler.engine.plan import Consent, make_plan
from tests.engine.toys import SCOPE, ToyShop, account, declared, live, lives, planned, robots

ALL_RESETS = Consent(resets=None)
CREATE, UPDATE, DELETE = Action


def codes(plan: Plan) -> list[str]:
    return [block.code for blocked in plan.blocked for block in blocked.blocks]


BIGGER = declared(values={"name": "Robot", "size": 7})
DOLL = live({"Name": "Doll"}, id=2)


@pytest.mark.parametrize(
    ("resource", "found", "change"),
    [
        (declared(), [], (CREATE, None, False)),
        (BIGGER, [live({"Size": 5})], (UPDATE, 1, True)),
        (replace(BIGGER, id=1), [live({"Size": 5})], (UPDATE, 1, False)),
        (declared(values={"name": "Robots"}), [live()], (CREATE, None, False)),
    ],
)
def test_what_is_declared_is_created_or_changed(resource: Declared, found: Any, change: Any) -> None:
    made = planned([resource], found)
    assert [(c.action, c.id, c.adopted) for c in made.changes] == [change]


@pytest.mark.parametrize(
    ("resource", "found", "hidden"),
    [
        (declared(id=1), [live()], False),
        (declared(id=9, hidden=True), [], True),
        (declared(id=1, absent=True), [], False),
    ],
)
def test_what_is_as_declared_is_unchanged(resource: Declared, found: Any, hidden: bool) -> None:
    made = planned([resource], found)
    assert (made.changes, made.blocked) == ((), ())
    assert [(one.key, one.hidden) for one in made.unchanged] == [("toys.robot", hidden)]


def test_two_live_ones_of_one_name_are_not_chosen_from() -> None:
    made = planned([declared()], [live(id=1), live(id=2)])
    assert codes(made) == ["ambiguous-name"]
    assert "1, 2" in made.blocked[0].blocks[0].message
    assert made.unmanaged == ()  # so that neither is pruned


def test_an_id_that_is_not_there_is_not_created_again() -> None:
    assert codes(planned([declared(id=9)], [live()])) == ["id-not-found"]


def test_two_keys_never_meet_on_one_live_one() -> None:
    assert codes(planned([declared("toys.a", id=1), declared("toys.b", id=1)], [live()])) == ["claimed"] * 2
    # One whose id another key declares is not taken by its name either.
    renamed = declared("toys.a", {"name": "Android"}, id=1)
    assert codes(planned([renamed, declared("toys.b")], [live()])) == ["claimed"]


@pytest.mark.parametrize(("ids", "code"), [([], "unknown-reference"), ([3, 4], "ambiguous-reference")])
def test_a_name_that_the_api_does_not_make_one_id_of_blocks_its_resource(ids: list[int], code: str) -> None:
    class Shop(ToyShop):
        def find(self, what: str, name: str) -> Sequence[int]:
            self.calls.append((f"{what} {name}", None))
            return ids

    toys, wanted = Shop(), declared(values={"name": "Robot", "size": Reference("survey", "Satisfied")})
    made = planned(resolve([wanted, replace(wanted, key="toys.other")], toys))
    assert codes(made) == [code] * 2
    assert toys.calls == [("survey Satisfied", None)]


def test_what_nobody_declares_is_listed_and_left_alone() -> None:
    found = [live(), DOLL, live({"Name": "Ball"}, id=3), live({"Name": "Kite"}, id=4)]
    # What is declared and was not selected is not unmanaged, by its id or by its name.
    others = [declared("toys.doll", {"name": "Doll"}), declared("toys.ball", {"name": "Round"}, id=3)]
    made = planned([declared(id=1)], found, others=others)
    assert [item.id for item in made.unmanaged] == [4]
    assert ([one.key for one in made.unchanged], made.changes) == (["toys.robot"], ())


def test_prune_deletes_within_the_limit_only() -> None:
    prune = Consent(prune=True)
    assert codes(planned([declared(id=1)], [live(), DOLL], consent=prune)) == ["too-many-deletes"]
    made = planned([declared(id=1)], [live(), DOLL], consent=prune, limits=Limits(deletes=1))
    assert [(c.action, c.id) for c in made.changes] == [(DELETE, 2)]


def test_resets_without_consent_block_the_resource_and_name_every_field_while_others_go_on() -> None:
    quiet = declared("toys.doll", {"name": "Doll", "size": 1}, id=2)
    made = planned([declared(id=1), quiet], [live({"Size": 5, "IsLoud": True}), DOLL])
    assert [change.key for change in made.changes] == ["toys.doll"]
    (blocked,) = made.blocked
    assert (codes(made), blocked.blocks[0].paths) == (["unconsented-resets"], ("size", "is_loud"))
    assert blocked.change  # the change that it would be
    assert [view.path for view in blocked.change.resets] == ["size", "is_loud"]


@pytest.mark.parametrize(
    ("limit", "flag", "allowed"), [(1, 0, 0), (2, 0, 1), (0, 1, 0), (0, 2, 1), (0, None, 1)]
)
def test_resets_by_policy_count_against_the_limit_or_the_flag(
    limit: int | None, flag: int | None, allowed: int
) -> None:
    found, limits = [live({"Size": 5, "IsLoud": True})], Limits(resets=limit)
    made = planned([declared(id=1)], found, limits=limits, consent=Consent(resets=flag))
    assert len(made.changes) == allowed


def test_a_refused_field_blocks_even_where_nothing_else_changes() -> None:
    made = planned([declared(id=1, undeclared=Policy.REFUSE)], [live({"Size": 5})], consent=ALL_RESETS)
    assert (codes(made), made.blocked[0].blocks[0].paths) == (["undeclared"], ("size",))


@pytest.mark.parametrize(
    ("declared_count", "live_count", "limit", "complete", "allowed"),
    [
        (3, 3, 2, True, False),
        # A share counts from ten live ones on, and only where the list was read.
        (4, 9, Share(30), True, True),
        (4, 10, Share(30), True, False),
        (10, 10, Share(30), False, True),
    ],
)
def test_more_updates_than_the_limit_block_all_of_them(
    declared_count: int, live_count: int, limit: Any, complete: bool, allowed: bool
) -> None:
    resources, limits = robots(*range(1, declared_count + 1), size=7), Limits(updates=limit)
    made = planned(resources, lives(*range(1, live_count + 1)), limits=limits, complete=complete)
    assert made.count(UPDATE) == (declared_count if allowed else 0)
    assert codes(made) == ([] if allowed else ["too-many-updates"] * declared_count)


HIDING = declared(values={"name": "Robot", "is_visible": False}, id=1)
BARE: Body = {"ToyId": 1, "Name": "Robot"}


@pytest.mark.parametrize(
    ("resource", "found", "code"),
    [
        (replace(HIDING, id=None), [], "created-hidden"),
        (HIDING, [live()], "would-hide"),
        # Even where the API leaves the flag out of its list.
        (HIDING, [Live(1, "Robot", BARE, True)], "would-hide"),
        (replace(BIGGER, id=1), [Live(1, "Robot", BARE, False)], "visibility-unknown"),
    ],
)
def test_nothing_is_hidden_by_a_file_alone(resource: Declared, found: Any, code: str) -> None:
    assert codes(planned([resource], found)) == [code]


def test_a_flag_for_another_key_does_not_allow_hiding() -> None:
    assert codes(planned([HIDING], [live()], consent=Consent(hide=frozenset({"toys.doll"})))) == [
        "would-hide"
    ]
    allowed = Consent(hide=frozenset({"toys.robot"}))
    assert planned([HIDING], [live()], consent=allowed).count(UPDATE) == 1


def test_a_key_with_a_known_id_is_not_created_under_a_name_that_is_gone() -> None:
    of = replace(account(), last_writes={"toys.robot": LastWrite(1, 1, {}, {}, None, is_sure=True)})
    made = planned([declared()], [live({"Name": "Android"})], of=of)
    message = made.blocked[0].blocks[0].message
    assert (codes(made), "id 1" in message, '"Android"' in message) == (["known-id"], True, True)


def test_a_create_in_doubt_is_told_of_what_looks_like_it() -> None:
    doubt = LastWrite(1, None, None, {}, None, is_sure=False, name="Robot ")
    of = replace(account(), last_writes={"toys.robot": doubt})
    made = planned([declared(values={"name": "Robot "})], [live()], of=of)
    assert codes(made) == ["create-in-doubt"]
    assert made.blocked[0].blocks[0].message.endswith('; "Robot" is there, and looks the same')


class TestDigest:
    """A digest is over what is done and what it overwrites, and over nothing else."""

    def digest(self, values: dict[str, Json], body: dict[str, Json], **scope: Any) -> str:
        resource = declared(values={"name": "Robot", **values}, id=1, keep=["battery.kind"])
        made = make_plan(
            replace(SCOPE, **scope), account(), [resource], Inventory({1: live(body)}), ALL_RESETS
        )
        return made.changes[0].digest

    def test_it_is_what_it_was_in_every_version(self) -> None:
        digest = "0692a051027912dc064c994b45bdc17be4b56ffe6c2a056c59ec970c3210ecdb"
        assert self.digest({"size": 7}, {"Size": 5, "IsLoud": True}) == digest

    @pytest.mark.parametrize(
        ("values", "body", "scope", "is_same"),
        [
            ({"size": 8}, {"Size": 5}, {}, False),
            ({"size": 7}, {"Size": 6}, {}, False),
            ({"size": 7, "is_loud": True}, {"Size": 5}, {}, False),
            ({"size": 7}, {"Size": 5, "IsLoud": True}, {}, False),
            ({"size": 7}, {"Size": 5}, {"target": "other"}, False),
            # Neither what is kept or carried counts, nor limits.
            ({"size": 7}, {"Size": 5}, {"limits": Limits(resets=9)}, True),
            ({"size": 7}, {"Size": 5, "Battery": {"Kind": "AA"}}, {}, True),
            ({"size": 7}, {"Size": 5, "Price": 3}, {}, True),
        ],
    )
    def test_another_value_set_overwritten_or_reset_is_another_change(
        self, values: dict[str, Json], body: dict[str, Json], scope: dict[str, Any], is_same: bool
    ) -> None:
        here = self.digest({"size": 7}, {"Size": 5})
        assert (self.digest(values, body, **scope) == here) is is_same
        (change,) = planned(robots(1, size=7), lives(1)).changes
        assert replace(change, key="toys.other").digest != change.digest
