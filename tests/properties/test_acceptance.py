"""What is accepted keeps its live value on every plausible server, whatever else a run changes."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.change import Action
from reconciler.engine.declared import Accepted, Declared, Origin
from reconciler.problems import Place
from tests.properties.situations import situations
from tests.properties.test_nothing_is_lost import updates
from tests.properties.world import Situation, World, shown_value

_PATHS = [field.path for field in IMPORT_CONFIGS.fields if field.path not in ("name", "is_reusable")]
_ORIGIN = Origin("resource", Place("a.yaml", 1, 1))


def accepting(declared: Declared, paths: list[str]) -> Declared:
    accepted = {path: Accepted(path, date(2026, 12, 31), "an experiment", _ORIGIN) for path in paths}
    return replace(declared, accepted=accepted)


@given(situations(), st.lists(st.sampled_from(_PATHS), unique=True))
def test_an_accepted_field_stays_as_it_is(situation: Situation, paths: list[str]) -> None:
    """It is stored as before; where a server cannot store nothing, the report says so."""
    situation = replace(situation, declared=tuple(accepting(one, paths) for one in situation.declared))
    can_store_nothing = situation.variants.null_in_put == "stored-null"
    with World(situation) as world:
        before, report, after = world.configs(), world.planned_and_applied(situation), world.configs()
        for _, id, told in updates(report):
            for path in paths:
                field = world.kind.by_path[path]
                was, now = (shown_value(at[id], field, world.variants) for at in (before, after))
                assert was == now or (path in told and not can_store_nothing), path


@given(situations(), st.lists(st.sampled_from(_PATHS), unique=True))
def test_an_accepted_field_is_no_change(situation: Situation, paths: list[str]) -> None:
    situation = replace(situation, declared=tuple(accepting(one, paths) for one in situation.declared))
    with World(situation) as world:
        plan = world.plan(situation)
    changes = [change for change in plan.changes if change.action is Action.UPDATE]
    assert not [view for change in changes for view in change.differing if view.path in paths]
