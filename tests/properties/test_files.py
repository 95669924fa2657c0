"""What holds for values holds for files, from YAML to the server, and in every form of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.environment import Environment
from reconciler.commands.workspace import CUSTOMER_SEEDS, Selection
from reconciler.config.load import load
from reconciler.engine.change import fingerprint_of
from reconciler.engine.kind import Declared
from reconciler.engine.plan import Consent
from reconciler.sandbox import Variants
from tests.commands.world import Screen
from tests.properties.files import write_workspace
from tests.properties.situations import PLACE, situations
from tests.properties.world import ALL_RESETS, PATIENCE, TARGET, Situation, World


def said(declared: Declared) -> dict[str, Any]:
    """Return what a declaration says, without the places where it says so."""
    return {
        "facts": replace(declared, given={}, rulings={}, place=PLACE),
        "given": {path: given.value for path, given in declared.given.items()},
        "rulings": {path: (ruling.policy, ruling.own) for path, ruling in declared.rulings.items()},
    }


@given(situations())
def test_the_files_say_what_was_meant(situation: Situation) -> None:
    """Every value, policy, preset and id is read as it was written, and none beside it."""
    with TemporaryDirectory() as folder:
        read = load(write_workspace(Path(folder), situation), SECTION, Path(folder), CUSTOMER_SEEDS).declared[
            TARGET
        ]
    meant = sorted(situation.declared, key=lambda d: d.key)
    assert [said(declared) for declared in read] == [said(declared) for declared in meant]


def applied_by_command(situation: Situation, consent: Consent) -> Mapping[int, Any]:
    """Return what is stored after `reconciler apply --yes` in a workspace that declares the situation."""
    with World(situation) as world, TemporaryDirectory() as folder:
        world.clock.sleep(PATIENCE)
        environment = Environment({}, world.clock, Path(folder), {TARGET: world.app})
        workspace = Path(folder) / "configs"  # so that the journal beside it is in the folder too
        workspace.mkdir()
        selection = Selection(write_workspace(workspace, situation), TARGET)
        apply(selection, ApplyOptions(consent, yes=True), Screen().console(world.clock), environment)
        return world.configs()


@given(situations())
def test_the_commands_do_what_the_stages_do(situation: Situation) -> None:
    """`apply` of a workspace leaves on the server what the stages leave there, called by hand."""
    with World(situation) as world:
        world.planned_and_applied(situation)
        by_hand = world.configs()
    assert applied_by_command(situation, ALL_RESETS) == by_hand


def fingerprint(situation: Situation, server: Variants) -> str:
    with World(replace(situation, variants=server)) as world:
        return fingerprint_of(world.plan(situation).digests)


@given(
    situations(),
    st.fixed_dictionaries(
        {
            "times": st.sampled_from(["long", "seconds", "short"]),
            "mappings_order": st.sampled_from(["as-sent", "reversed"]),
            "rows": st.sampled_from(["whole", "thin"]),
            "listing": st.sampled_from(["paged", "unpaged", "clamped"]),
            "row_order": st.sampled_from(["oldest-first", "newest-first"]),
            "error_body": st.sampled_from(["object", "string"]),
            "unknown_id": st.sampled_from(["404", "refused"]),
        }
    ),
)
def test_the_form_of_an_answer_makes_no_difference(situation: Situation, form: dict[str, Any]) -> None:
    """Times, orders, pages and thin rows: a review of the plan binds whatever they look like."""
    server = situation.variants
    assert fingerprint(situation, server) == fingerprint(situation, replace(server, **form))
