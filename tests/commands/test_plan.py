"""`plan` shows what would change and what is reset, and never writes."""

from __future__ import annotations

import pytest

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Variants
from tests.commands.world import RESETS, World

OTHER = "import_configs:\n  other: {name: Other%s}\n"
RESET_LINE = (
    '    ↺ date_format                               "dd/MM/yyyy" → (empty)  reset by policy, default assumed'
)
EFFECTS = """\
    ⇒ people are invited 3 days earlier: imported now, Wed 23 Sep 16:13 instead of Sat 26 Sep 16:13 \
(Europe/Amsterdam) [mails_earlier, inferred]
    ⇒ dates are read as the account's own form, not dd/MM/yyyy: others are refused or misread \
[reads_dates_otherwise, inferred]"""
UNTOLD = (
    "No earlier run is known of import_configs.welcome: what changed in git and what changed live cannot be "
    "told apart."
)
CONSENTED = "(named 0, by policy 1, allowed by --allow-resets)"
SUMMARY = (
    "Plan: 0 to create, 1 to update (1 field reset), 0 to delete, 0 blocked, 0 unchanged; "
    "0 seeds to send (0 customers)."
)


def test_a_plan_says_where_shows_sets_resets_and_kept_values_and_its_summary_last(world: World) -> None:
    run = world.plans()
    assert run.exit is Exit.DONE
    assert run.out.splitlines() == [
        "Target sandbox, account sandbox:sandbox",
        f"Limits: resets 0 {CONSENTED}, deletes 0, updates 30% (from 10 live on)",
        "",
        '~ import_configs.welcome  update id 1 "Welcome"',
        "    ~ survey_settings.invitation_delay_in_days  5            → 2",
        "    = survey_settings.expiration_after_days     14  kept",
        RESET_LINE,
        *EFFECTS.splitlines(),
        "",
        "↺ not declared: the PUT leaves it out, and the server puts it back to its default.",
        "",
        UNTOLD,
        "",
        SUMMARY,
    ]
    assert world.writes == []


@pytest.mark.parametrize(
    ("consent", "detailed", "exit"),
    [
        (Consent(), False, Exit.REFUSED),
        (Consent(), True, Exit.REFUSED),
        (RESETS, False, Exit.DONE),
        (RESETS, True, Exit.PENDING),
    ],
)
def test_the_exit_says_refused_pending_or_done(
    world: World, consent: Consent, detailed: bool, exit: Exit
) -> None:
    run = world.plans(consent, detailed_exitcode=detailed)
    assert run.exit is exit
    way_out = "! a PUT would reset date_format; declare it, name it under keep or reset"
    assert (way_out in run.out) is (exit is Exit.REFUSED)


def test_json_is_one_document_of_every_field_with_its_class_values_and_place(world: World) -> None:
    (change,) = world.plans(json=True).document["changes"]
    by_path = {f["path"]: f for f in change["fields"]}
    delay = by_path["survey_settings.invitation_delay_in_days"]
    assert (delay["class"], delay["before"], delay["after"], delay["differs"]) == ("set", 5, 2, True)
    assert (delay["level"], delay["file"], delay["line"]) == ("resource", "configs/welcome.yaml", 6)
    assert (delay["default_source"], delay["drift"], delay["accepted"]) == (None, "unknown", None)
    assert by_path["date_format"]["class"] == "reset"
    assert by_path["date_format"]["default_source"] == "assumed"


@pytest.mark.parametrize("glob", ["import_configs.wel*", "wel*", "welcome"])
def test_a_selected_key_with_an_id_is_read_alone(world: World, glob: str) -> None:
    world.write("other.yaml", OTHER % "")
    assert "import_configs.welcome" in world.plans(selection=Selection(only=(glob,))).out
    assert [r.path for r in world.state.requests() if "configs" in r.path] == ["/3/contacts/import/configs/1"]


def test_what_is_declared_and_not_selected_is_not_called_unmanaged(world: World) -> None:
    world.write("other.yaml", OTHER % "")
    assert world.plans(selection=Selection(only=("other",)), json=True).document["unmanaged"] == []
    assert world.config(1)


def test_a_plan_may_take_the_default_target_in_ci_too(world: World) -> None:
    world.environ["CI"] = "true"
    assert world.plans().exit is Exit.DONE


def test_a_prune_that_cannot_judge_what_is_left_is_refused(world: World) -> None:
    world.write("other.yaml", OTHER % "")
    with pytest.raises(UsageError, match="leave out --only"):
        world.plans(Consent(prune=True), Selection(only=("welcome",)))
    for name in ("welcome.yaml", "other.yaml"):
        world.write(name, "import_configs: {}\n")
    with pytest.raises(Refused, match="nothing declared"):
        world.plans(Consent(prune=True))


def test_a_title_that_two_surveys_have_blocks_the_resource(world: World) -> None:
    world.write("other.yaml", OTHER % ", survey_settings: {survey: Event feedback}")
    run = world.plans()
    assert (run.exit, "4720 and 4721" in run.out) == (Exit.REFUSED, True)


def test_carried_members_are_shown(world: World) -> None:
    world.variants = Variants(server_extras="stable")
    assert "carried, unknown to this tool" in world.plans().out
