"""What is declared and what is live make one plan, and the limits say what of it may be done."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from reconciler.engine.change import Action, Blocked, Limits, Plan, Scope, Share, fingerprint_of
from reconciler.engine.classify import Account
from reconciler.engine.declared import Declared
from reconciler.engine.identity import Inventory
from reconciler.engine.kind import Json, Live, Policy
from reconciler.engine.plan import Consent, make_plan
from tests.engine.toys import account, declared, live

SCOPE = Scope("shop", "shop.example", Limits())
ALL_RESETS = Consent(resets=None)


def plan(
    resources: Sequence[Declared],
    lives: Sequence[Live] = (),
    *,
    limits: Limits | None = None,
    consent: Consent | None = None,
    of: Account | None = None,
) -> Plan:
    inventory = Inventory({item.id: item for item in lives})
    scope = replace(SCOPE, limits=limits or Limits())
    return make_plan(scope, of or account(), resources, inventory, consent or Consent())


def codes(plan: Plan) -> list[str]:
    return [block.code for blocked in plan.blocked for block in blocked.blocks]


def robots(number: int, **body: Json) -> list[Live]:
    return [live({"Name": f"Robot {id}", **body}, id=id) for id in range(1, number + 1)]


def declared_robots(number: int, **values: Json) -> list[Declared]:
    return [
        declared(f"toys.robot-{id}", {"name": f"Robot {id}", **values}, id=id) for id in range(1, number + 1)
    ]


def test_what_is_not_live_is_created() -> None:
    made = plan([declared()])
    assert [(c.action, c.id) for c in made.changes] == [(Action.CREATE, None)]


def test_what_is_live_under_its_name_is_adopted() -> None:
    made = plan([declared(values={"name": "Robot", "size": 7})], [live({"Size": 5})])
    assert [(c.action, c.id, c.adopted) for c in made.changes] == [(Action.UPDATE, 1, True)]


def test_what_is_as_declared_is_unchanged() -> None:
    made = plan([declared(id=1)], [live()])
    assert not made.changes
    assert [u.key for u in made.unchanged] == ["toys.robot"]


def test_two_live_ones_of_one_name_are_not_chosen_from() -> None:
    made = plan([declared()], [live(id=1), live(id=2)])
    assert codes(made) == ["ambiguous-name"]
    assert "1, 2" in made.blocked[0].blocks[0].message


def test_an_id_that_is_not_there_is_not_created_again() -> None:
    assert codes(plan([declared(id=9)], [live()])) == ["id-not-found"]


def test_a_live_one_whose_id_another_key_declares_is_not_taken_by_its_name() -> None:
    renamed = declared("toys.a", {"name": "Android"}, id=1)
    made = plan([renamed, declared("toys.b")], [live()])
    assert codes(made) == ["claimed"]


def test_two_keys_never_meet_on_one_live_one() -> None:
    made = plan([declared("toys.a", id=1), declared("toys.b", id=1)], [live()])
    assert codes(made) == ["claimed", "claimed"]


def test_a_name_matches_to_the_letter() -> None:
    assert plan([declared(values={"name": "robot"})], [live()]).changes[0].action is Action.CREATE


def test_what_is_hidden_on_purpose_is_left_alone() -> None:
    made = plan([declared(id=9, hidden=True)])
    assert [(u.key, u.hidden) for u in made.unchanged] == [("toys.robot", True)]


def test_what_nobody_declares_is_listed_and_left_alone() -> None:
    made = plan([declared(id=1)], [live(), live({"Name": "Doll"}, id=2)])
    assert [item.id for item in made.unmanaged] == [2]
    assert not made.changes


def test_what_is_declared_and_was_not_selected_is_not_unmanaged() -> None:
    lives = [
        live(id=1),
        live({"Name": "Doll"}, id=2),
        live({"Name": "Ball"}, id=3),
        live({"Name": "Kite"}, id=4),
    ]
    others = [declared("toys.doll", {"name": "Doll"}), declared("toys.ball", {"name": "Round"}, id=3)]
    inventory = Inventory({item.id: item for item in lives})
    made = make_plan(SCOPE, account(), [declared(id=1)], inventory, ALL_RESETS, others=others)
    assert [item.id for item in made.unmanaged] == [4]
    assert [one.key for one in made.unchanged] == ["toys.robot"]


def test_candidates_of_an_ambiguous_name_are_not_unmanaged() -> None:
    made = plan(
        [declared()], [live(id=1), live(id=2)], consent=Consent(prune=True), limits=Limits(deletes=None)
    )
    assert not made.unmanaged
    assert not made.changes


def test_prune_deletes_within_the_limit_only() -> None:
    doll = live({"Name": "Doll"}, id=2)
    prune = Consent(prune=True)
    assert codes(plan([declared(id=1)], [live(), doll], consent=prune)) == ["too-many-deletes"]
    made = plan([declared(id=1)], [live(), doll], consent=prune, limits=Limits(deletes=1))
    assert [(c.action, c.id) for c in made.changes] == [(Action.DELETE, 2)]


def test_what_shall_be_absent_is_deleted_within_the_limit() -> None:
    absent = declared(id=1, absent=True)
    assert codes(plan([absent], [live()])) == ["too-many-deletes"]
    assert plan([absent], [live()], limits=Limits(deletes=1)).count(Action.DELETE) == 1


@pytest.mark.parametrize("id", [1, None])
def test_what_shall_be_absent_and_is_not_there_is_done(id: int | None) -> None:
    made = plan([declared(id=id, absent=True)])
    assert not made.changes
    assert not made.blocked
    assert len(made.unchanged) == 1


def test_resets_without_consent_block_the_resource_and_name_every_field_while_others_go_on() -> None:
    quiet = declared("toys.doll", {"name": "Doll", "size": 1}, id=2)
    made = plan([declared(id=1), quiet], [live({"Size": 5, "IsLoud": True}), live({"Name": "Doll"}, id=2)])
    assert [change.key for change in made.changes] == ["toys.doll"]
    (blocked,) = made.blocked
    assert blocked.blocks[0].code == "unconsented-resets"
    assert blocked.blocks[0].paths == ("size", "is_loud")


@pytest.mark.parametrize(
    ("limit", "flag", "allowed"),
    [
        (0, 0, False),
        (1, 0, False),
        (2, 0, True),
        (0, 1, False),
        (0, 2, True),
        (0, None, True),
        (None, 0, True),
    ],
)
def test_resets_by_policy_count_against_the_limit_or_the_flag(
    limit: int | None, flag: int | None, allowed: bool
) -> None:
    made = plan(
        [declared(id=1)],
        [live({"Size": 5, "IsLoud": True})],
        limits=Limits(resets=limit),
        consent=Consent(resets=flag),
    )
    assert bool(made.changes) is allowed


def test_a_reset_that_the_resource_names_needs_no_further_consent() -> None:
    made = plan([declared(id=1, reset=["size"])], [live({"Size": 5})])
    assert made.resets == 1


def test_a_refused_field_blocks_even_where_nothing_else_changes() -> None:
    made = plan([declared(id=1, undeclared=Policy.REFUSE)], [live({"Size": 5})], consent=ALL_RESETS)
    assert codes(made) == ["undeclared"]
    assert made.blocked[0].blocks[0].paths == ("size",)


def test_more_updates_than_the_limit_block_all_of_them() -> None:
    made = plan(declared_robots(3, size=7), robots(3), limits=Limits(updates=2))
    assert codes(made) == ["too-many-updates"] * 3


@pytest.mark.parametrize(("live_count", "allowed"), [(9, True), (10, False)])
def test_a_share_counts_from_ten_live_ones_on(live_count: int, allowed: bool) -> None:
    made = plan(declared_robots(4, size=7), robots(live_count), limits=Limits(updates=Share(30)))
    assert (made.count(Action.UPDATE) == 4) is allowed


def test_a_share_does_not_count_where_the_list_was_not_read() -> None:
    inventory = Inventory({item.id: item for item in robots(10)}, complete=False)
    resolved = declared_robots(10, size=7)
    assert len(make_plan(SCOPE, account(), resolved, inventory, Consent()).changes) == 10


def test_resources_that_are_blocked_do_not_count_as_updates() -> None:
    lives = [live({"Name": "Robot 1", "Size": 5}, id=1), live({"Name": "Robot 2"}, id=2)]
    made = plan(declared_robots(2, is_loud=True), lives, limits=Limits(updates=1))
    assert made.count(Action.UPDATE) == 1
    assert codes(made) == ["unconsented-resets"]


def test_an_invisible_one_is_never_created() -> None:
    assert codes(plan([declared(values={"name": "Robot", "is_visible": False})])) == ["created-hidden"]


def test_hiding_needs_the_key_on_the_command_line() -> None:
    hiding = declared(values={"name": "Robot", "is_visible": False}, id=1)
    assert codes(plan([hiding], [live()])) == ["would-hide"]
    made = plan([hiding], [live()], consent=Consent(hide=frozenset({"toys.robot"})))
    assert made.count(Action.UPDATE) == 1


def test_a_flag_for_another_key_does_not_allow_hiding() -> None:
    hiding = declared(values={"name": "Robot", "is_visible": False}, id=1)
    assert codes(plan([hiding], [live()], consent=Consent(hide=frozenset({"toys.doll"})))) == ["would-hide"]


def test_hiding_is_refused_even_where_the_api_leaves_the_flag_out_of_its_list() -> None:
    hiding = declared(values={"name": "Robot", "size": 7, "is_visible": False}, id=1)
    made = plan([hiding], [Live(1, "Robot", {"ToyId": 1, "Name": "Robot"}, listed=True)])
    assert codes(made) == ["would-hide"]


def test_an_unlisted_one_of_unknown_visibility_is_blocked() -> None:
    unlisted = Live(1, "Robot", {"ToyId": 1, "Name": "Robot"}, listed=False)
    assert codes(plan([declared(values={"name": "Robot", "size": 7}, id=1)], [unlisted])) == [
        "visibility-unknown"
    ]


def test_a_blocked_resource_shows_the_change_that_it_would_be() -> None:
    (blocked,) = plan([declared(id=1)], [live({"Size": 5})]).blocked
    assert isinstance(blocked, Blocked)
    assert blocked.change
    assert [view.path for view in blocked.change.resets] == ["size"]


class TestDigest:
    """A digest is over what is done and what it overwrites, and over nothing else."""

    def digest(self, values: dict[str, Json], body: dict[str, Json], scope: Scope = SCOPE) -> str:
        inventory = Inventory({1: live(body)})
        resolved = [declared(values={"name": "Robot", **values}, id=1, keep=["battery.kind"])]
        return make_plan(scope, account(), resolved, inventory, ALL_RESETS).changes[0].digest

    def test_the_same_change_has_the_same_digest(self) -> None:
        assert self.digest({"size": 7}, {"Size": 5}) == self.digest({"size": 7}, {"Size": 5})

    @pytest.mark.parametrize(
        ("values", "body"),
        [
            ({"size": 8}, {"Size": 5}),
            ({"size": 7}, {"Size": 6}),
            ({"size": 7, "is_loud": True}, {"Size": 5}),
            ({"size": 7}, {"Size": 5, "IsLoud": True}),
        ],
    )
    def test_another_value_set_overwritten_or_reset_is_another_change(
        self, values: dict[str, Json], body: dict[str, Json]
    ) -> None:
        assert self.digest(values, body) != self.digest({"size": 7}, {"Size": 5})

    @pytest.mark.parametrize("extra", [{"Battery": {"Kind": "AA"}}, {"Price": 3}, {"Parts": [{"Number": 1}]}])
    def test_what_is_kept_or_carried_does_not_count(self, extra: dict[str, Json]) -> None:
        assert self.digest({"size": 7}, {"Size": 5, **extra}) == self.digest({"size": 7}, {"Size": 5})

    @pytest.mark.parametrize(
        "scope", [replace(SCOPE, target="other"), replace(SCOPE, account="other.example")]
    )
    def test_another_target_or_account_is_another_change(self, scope: Scope) -> None:
        assert self.digest({"size": 7}, {"Size": 5}, scope) != self.digest({"size": 7}, {"Size": 5})

    def test_the_fingerprint_does_not_depend_on_the_order(self) -> None:
        lives, resources = robots(2), declared_robots(2, size=7)
        assert fingerprint_of(plan(resources, lives).digests) == fingerprint_of(
            plan(resources[::-1], lives).digests
        )

    def test_limits_do_not_count(self) -> None:
        other = replace(SCOPE, limits=Limits(resets=9))
        assert self.digest({"size": 7}, {"Size": 5}, other) == self.digest({"size": 7}, {"Size": 5})


def test_a_key_with_a_known_id_is_not_created_under_a_name_that_is_gone() -> None:
    remembered = replace(account(), known_ids={"toys.robot": 1})
    made = plan([declared()], [live({"Name": "Android"})], of=remembered)
    assert codes(made) == ["known-id"]
    assert "id 1" in made.blocked[0].blocks[0].message
    assert '"Android"' in made.blocked[0].blocks[0].message


def test_a_known_id_is_no_hindrance_where_the_name_is_found_or_somebody_consents() -> None:
    remembered = replace(account(), known_ids={"toys.robot": 1})
    assert codes(plan([declared()], [live()], of=remembered)) == []
    consent = Consent(recreate=frozenset({"toys.robot"}))
    assert [c.action for c in plan([declared()], of=remembered, consent=consent).changes] == [Action.CREATE]


def test_a_known_id_does_not_keep_what_is_absent_from_being_absent() -> None:
    remembered = replace(account(), known_ids={"toys.robot": 1})
    assert plan([declared(absent=True)], of=remembered).unchanged
