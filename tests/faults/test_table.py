"""Every row of `.github/FAULTS.md`, run: what the client raises, what `apply` says, and what is so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler import errors
from reconciler.checkmarket.client import ImportConfigs, open_checkmarket
from reconciler.engine.plan import Consent
from reconciler.errors import ApiError, Exit
from reconciler.expoints.client import ClientLogin, Customers, open_expoints
from reconciler.http.api import Connection
from reconciler.http.messages import Secret, WsgiTransport
from reconciler.sandbox import Fault
from tests.faults.scenes import ADD, CREATING, LIST, PUT, SCENES, SENDING_WITH_OAUTH, TOKEN, Scene
from tests.faults.table import FAULTS, Row, effects, rows, sections
from tests.faults.world import WELCOME, FaultWorld, said
from tests.reading import slips, slips_in
from tests.seeds.world import SETTINGS, SETTLE_AFTER

URL, KEYS = "http://localhost", (Secret("master-key"), Secret("user-key"))
PLANNING = ("Listing for a plan", "Reading for a plan", "A token for the tenant")
LOGIN = ClientLogin("http://localhost/oauth2/token", "client", Secret("secret-of-a-test"), "scope")


Case = tuple[Row, Scene, str]


def cases(is_thorough: Callable[[Scene], bool]) -> list[Case]:
    """Return every row with every scene, and every way of each fault, or only the first."""
    return [
        (row, scene, effect)
        for row in rows()
        for scene in SCENES[row.section]
        for fault in row.faults
        for effect in effects()[fault][: None if is_thorough(scene) else 1]
    ]


def named(cases: list[Case]) -> list[str]:
    return [f"{row.section}-{scene}-{effect}" for row, scene, effect in cases]


# The sections share the layer that sends, so every way of every fault is tried where it has most to spoil.
ASKED = cases(lambda scene: (scene.request, scene.nth) in {(LIST, 1), (PUT, 1), (TOKEN, 1), (ADD, 1)})
APPLIED = [case for case in cases(lambda scene: scene.request in (PUT, ADD)) if case[0].says]


@pytest.fixture
def world(tmp_path: Path) -> FaultWorld:
    return FaultWorld(tmp_path)


@contextmanager
def clients(world: FaultWorld, scene: Scene) -> Iterator[tuple[ImportConfigs, Customers]]:
    app = world.environment.sandboxes["sandbox"]
    clock, transport = world.clock, WsgiTransport(app)
    login = LOGIN if scene.task is SENDING_WITH_OAUTH else Secret("token-of-a-test")
    with (
        open_checkmarket(URL, *KEYS, Connection(clock=clock, transport=transport)) as account,
        open_expoints(URL, login, Connection(clock=clock, transport=transport)) as tenant,
    ):
        yield account, tenant


@pytest.mark.parametrize(("row", "scene", "effect"), ASKED, ids=named(ASKED))
def test_the_client_raises_and_asks_as_the_table_says(
    world: FaultWorld, row: Row, scene: Scene, effect: str
) -> None:
    fault = Fault.parse(scene.faults(effect)[0])
    world.faults = [fault]
    raised = words = ""
    with clients(world, scene) as (account, tenant):
        try:
            scene.ask(account, tenant)
        except ApiError as error:
            raised, words = type(error).__name__, str(error)
    asked = [r for r in world.state.requests() if fault.matches(r.method, r.path)]
    assert (raised, len(asked), slips(words)) == (row.raises, row.asked, [])


@pytest.mark.parametrize(("row", "scene", "effect"), APPLIED, ids=named(APPLIED))
def test_apply_says_as_the_table_does_and_says_the_truth_and_the_next_one_does_the_rest(
    world: FaultWorld, row: Row, scene: Scene, effect: str
) -> None:
    scene.task.declare(world)
    if row.section in PLANNING:
        assert world.planned(scene.faults(effect)[1]) == row.exit
        assert scene.task.is_untouched(world)
    end = world.run(scene.faults(effect)[1])
    assert (said(end), end.exit) == (row.says, row.exit), end
    assert [*slips_in(end.document), *(() if end.document else slips(end.told))] == []
    if any(sent["status"] and sent["status"]["missing"] for sent in end.document.get("sent", ())):
        return  # a tenant that says 200 and does nothing is believed
    if row.says in ("applied", "sent"):
        assert scene.task.is_done(world)
    elif row.says != "in doubt":
        assert scene.task.is_untouched(world)
    assert len(world.perhaps_taken) <= (2 if scene.request == PUT else 1)
    world.rest(SETTLE_AFTER)
    consent = Consent()
    if scene.task is CREATING and row.says == "in doubt":
        assert world.run().exit == Exit.IN_DOUBT
        assert scene.task.is_untouched(world)
        consent = Consent(recreate=frozenset({"import_configs.newcomer"}))
    assert world.run(consent=consent).exit == Exit.DONE
    assert scene.task.is_done(world)


MANY = range(1, 13)
MANY_FILES = "import_configs:\n" + "".join(
    f"  c{id}: {{name: C{id}, first_row: 2, undeclared: keep, targets: {{sandbox: {{id: {id}}}}}}}\n"
    for id in MANY
)


@pytest.mark.parametrize("asked", ["PUT *:1+", "GET */configs/3:2+", "GET */configs/3:1+"])
@pytest.mark.parametrize("fault", effects())
def test_what_is_said_of_many_changes_holds_of_each_and_keys_without_the_right_to_write_are_tried_once(
    world: FaultWorld, asked: str, fault: str
) -> None:
    world.begin_with({id: {**WELCOME, "Name": f"C{id}"} for id in MANY})
    world.write("reconciler.yaml", SETTINGS + "    limits: {updates: 100}\n")
    world.write("resources.yaml", MANY_FILES)
    effect = effects()[fault][0].partition(":")[2]
    end = world.run(f"{asked}:{effect}")
    assert [*slips_in(end.document), *(() if end.document else slips(end.told))] == []
    if fault in ("401", "403") and asked == "PUT *:1+":
        assert len(world.writes) == 1


def test_every_section_has_its_scenes_and_says_something_of_every_fault() -> None:
    told = {
        section: {fault for row in rows() if row.section == section for fault in row.faults}
        for section in SCENES
    }
    assert told == {section: set(effects()) for section in SCENES}
    assert {*sections()} == {FAULTS, "An interrupt", "A clock that is set", *SCENES}


def test_every_error_that_a_client_can_raise_is_in_the_table() -> None:
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ApiError)
    }
    assert {row.raises for row in rows()} - {""} == kinds - {"ApiError", "Abandoned", "Misconfigured"}
