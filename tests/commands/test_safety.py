"""What a strict reader tries: guardrails that a selection must not void, interrupts, the wrong account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Variants, create_app
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World

RESETS = Consent(resets=None)


def applied(world: World, screen: Screen, selection: Selection = EVERYTHING) -> Exit:
    return apply(selection, ApplyOptions(RESETS, yes=True), screen.console(world.clock), world.environment)


def twelve(world: World) -> None:
    world.live({id: {"Name": f"C{id}", "IsReusable": True} for id in range(1, 14)})
    resources = "".join(
        f"  c{id}: {{name: C{id}, email_is_required: true, targets: {{sandbox: {{id: {id}}}}}}}\n"
        for id in range(1, 13)
    )
    world.write("welcome.yaml", f"import_configs:\n{resources}")


@pytest.mark.parametrize("selection", [Selection(), Selection(exclude=("c1",)), Selection(only=("c[2-9]",))])
def test_a_selection_does_not_escape_the_share_of_updates(
    world: World, screen: Screen, selection: Selection
) -> None:
    twelve(world)
    assert applied(world, screen, selection) is Exit.REFUSED
    assert world.writes == []


def test_a_selection_of_a_few_still_skips_the_list(world: World, screen: Screen) -> None:
    twelve(world)
    assert applied(world, screen, Selection(only=("c1", "c2"))) is Exit.DONE
    assert not [r for r in world.state.requests() if r.path.endswith("/configs")]


@pytest.mark.parametrize("wanted", ["{id: 99}", "{name: Nothing}", "{id: 1, name: Nothing}"])
def test_another_account_than_the_one_that_is_meant_is_not_written(
    world: World, screen: Screen, wanted: str
) -> None:
    world.write(
        "reconciler.yaml", SETTINGS.replace('"sandbox:"}', f'"sandbox:", account_must_have: {wanted}}}')
    )
    with pytest.raises(Refused, match="account_must_have"):
        applied(world, screen)
    assert world.writes == []


@pytest.mark.parametrize("wanted", ["{id: 1}", "{name: Welcome}", "{id: 1, name: Welcome}"])
def test_the_account_that_is_meant_is_written(world: World, screen: Screen, wanted: str) -> None:
    world.write(
        "reconciler.yaml", SETTINGS.replace('"sandbox:"}', f'"sandbox:", account_must_have: {wanted}}}')
    )
    assert applied(world, screen) is Exit.DONE


def test_with_json_the_plan_is_shown_before_anybody_is_asked(world: World) -> None:
    screen = Screen(stdin=Terminal("yes\n"))
    apply(EVERYTHING, ApplyOptions(RESETS), screen.console(world.clock, as_json=True), world.environment)
    assert screen.err.index("~ import_configs.welcome") < screen.err.index("Only yes is yes")
    assert screen.document["exit_code"] == 0


class HidesBeforeTheSecondRead:
    """A sandbox in which somebody hides configuration 1 after the plan has read it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = create_app(world.state, world.variants, clock=world.clock.now)
        self.reads = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("/configs/1"):
            self.reads += 1
            if self.reads == 2:
                self.world.change(1, IsReusable=False)
        return self.app(environ, start_response)


def test_what_somebody_hid_since_the_plan_is_not_shown_again(world: World, screen: Screen) -> None:
    world.variants = Variants(hidden="readable-by-id", false_and_zero="omitted")
    world.write(
        "welcome.yaml", "import_configs:\n  welcome: {name: Welcome, date_format: yyyy, undeclared: keep}\n"
    )
    environment = replace(world.environment, sandboxes={"sandbox": HidesBeforeTheSecondRead(world)})
    assert (
        apply(EVERYTHING, ApplyOptions(RESETS, yes=True), screen.console(world.clock), environment)
        is Exit.STALE
    )
    assert "is_reusable" in screen.out
    assert world.writes == []


def test_a_sandbox_that_cannot_keep_its_state_is_an_error_in_words(world: World, screen: Screen) -> None:
    (world.folder / ".reconciler").write_text("in the way")
    environment = replace(world.environment, sandboxes={})
    with pytest.raises(Refused, match="is a file, where reconciler makes a folder"):
        plan(EVERYTHING, PlanOptions(RESETS), screen.console(world.clock), environment)


@pytest.mark.parametrize("name", ["RECONCILER_SANDBOX_VARIANTS", "RECONCILER_SANDBOX_FAULTS"])
def test_an_unknown_variant_or_fault_in_the_environment_is_an_error_in_words(
    world: World, screen: Screen, name: str
) -> None:
    world.environ[name] = "nope=1"
    environment = replace(world.environment, sandboxes={})
    with pytest.raises(UsageError, match="cannot be used"):
        plan(EVERYTHING, PlanOptions(RESETS), screen.console(world.clock), environment)


def test_a_fault_of_a_path_can_be_written_in_the_environment(world: World, screen: Screen) -> None:
    world.environ["RECONCILER_SANDBOX_FAULTS"] = "GET /3/surveys*:1:before:status=503; PUT:1:after:drop"
    environment = replace(world.environment, sandboxes={})
    plan(EVERYTHING, PlanOptions(RESETS), screen.console(world.clock), environment)
    assert "Plan:" in screen.out


def test_members_that_the_server_writes_into_rows_can_be_named(world: World, screen: Screen) -> None:
    rows = [{"SourceColumnNumber": 1, "TargetColumnName": "Email", "RowId": 7}]
    world.live({1: {"Name": "Welcome", "IsReusable": True, "ColumnMappings": rows, "FirstRow": 3}})
    members = SETTINGS.replace('"sandbox:"}', '"sandbox:", server_members: [ColumnMappings.RowId]}')
    world.write("reconciler.yaml", members)
    world.write("welcome.yaml", "import_configs:\n  welcome: {name: Welcome, targets: {sandbox: {id: 1}}}\n")
    applied(world, screen)
    (put,) = world.writes
    assert "RowId" not in put.body
    assert "TargetColumnName" in put.body


TYPO = frozenset({"import_configs.newsleter-nl"})


@pytest.mark.parametrize("consent", [Consent(recreate=TYPO), Consent(hide=TYPO)], ids=["recreate", "hide"])
def test_a_consent_to_what_no_file_declares_is_an_error(world: World, consent: Consent) -> None:
    with pytest.raises(UsageError, match=r"nothing declared is called import_configs\.newsleter-nl"):
        apply(EVERYTHING, ApplyOptions(consent, yes=True), Screen().console(world.clock), world.environment)
