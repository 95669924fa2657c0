"""A plan file binds: what was reviewed is carried out, what is done is fine, and the rest is named."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Variants
from reconciler.sandbox.seeding import CONFIGS, stored_config
from tests.commands.reviews import FILE, RESETS, applied, declare, edited, planned, write_sealed
from tests.commands.world import SETTINGS, Screen, Terminal, World

KEY = "import_configs.welcome"


@pytest.fixture
def three(world: World) -> World:
    """Three configurations that differ from what is live, each in a file of its own."""
    world.live(
        {
            id: {"Name": f"C{id}", "IsReusable": True, "SurveySettings": {"InvitationDelayInDays": 9}}
            for id in (1, 2, 3)
        }
    )
    (world.folder / "configs/welcome.yaml").unlink()
    declare(world, c1=1, c2=1, c3=1)
    return world


def delays(world: World) -> list[int]:
    return [world.config(id)["SurveySettings"]["InvitationDelayInDays"] for id in (1, 2, 3)]


def test_what_was_reviewed_is_applied_without_asking_and_once_done_it_is_fine(world: World) -> None:
    planned(world)
    run = world.applies(plan_files=(FILE,), yes=False, json=True, screen=Screen(stdin=Terminal("")))
    assert (run.exit, run.results) == (Exit.DONE, {KEY: "applied"})
    assert "Only yes is yes" not in run.told
    fingerprint = json.loads((world.folder / FILE).read_text("utf-8"))["fingerprint"]
    assert world.runs()[0]["command"] == f"apply {FILE} ({fingerprint[:12]})"
    before = len(world.writes)
    assert applied(world).exit is Exit.DONE
    assert applied(world, ["0" * 64]).exit is Exit.DONE  # with nothing to do, whatever was reviewed
    assert len(world.writes) == before


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes of POSIX on Windows")
@pytest.mark.parametrize("consent", [RESETS, Consent()])
def test_the_file_is_what_is_printed_and_for_this_user_alone(world: World, consent: Consent) -> None:
    run = planned(world, consent)
    path = world.folder / FILE
    assert json.loads(path.read_text("utf-8")) == run.document
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fingerprint = run.document["fingerprint"]
    assert fingerprint in run.told
    assert f"\nFingerprint {fingerprint}\n" in world.plans(consent, settings={"verbose": True}).out


def rewrite(world: World, name: str, old: str, new: str) -> None:
    text = (world.folder / "configs" / name).read_text("utf-8")
    assert old in text
    world.write(name, text.replace(old, new))


C1 = "c1.yaml"
CHANGES: dict[str, Callable[[World], None]] = {
    "another value": lambda world: declare(world, c1=2),
    "another live value": lambda world: world.change(1, SurveySettings={"InvitationDelayInDays": 8}),
    "other fields": lambda world: rewrite(world, C1, "name: C1", "name: Other"),
    "a reset instead": lambda world: rewrite(
        world,
        C1,
        "survey_settings: {invitation_delay_in_days: 1}",
        "reset: [survey_settings], accept_effects: [mails_at_once]",
    ),
    "another key": lambda world: rewrite(world, C1, "{c1: {", "{c9: {"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_no_longer_as_reviewed_is_skipped_and_named(three: World, change: str) -> None:
    planned(three)
    CHANGES[change](three)
    before = delays(three)
    run = applied(three)
    (skipped,) = [key for key, result in run.results.items() if result == "skipped"]
    assert run.reasons[skipped].startswith("unreviewed: ")
    assert run.exit is Exit.STALE
    assert delays(three) == [before[0], 1, 1]


def unmanaged(world: World) -> None:
    with world.state.transaction() as documents:
        documents.put(CONFIGS, 7, stored_config({"Name": "Elsewhere", "IsReusable": True}))


def place_in_the_files(world: World) -> None:
    path = world.folder / "configs" / C1
    world.write("sub/renamed.yaml", f"# moved\n\n{path.read_text('utf-8')}")
    path.unlink()


HARMLESS: dict[str, Callable[[World], None]] = {
    "a kept value": lambda world: world.change(1, DateFormat="yyyy"),
    "what is unmanaged": unmanaged,
    "time": lambda world: world.clock.sleep(90_000),
    "its place in the files": place_in_the_files,
    "keeping by name": lambda world: rewrite(
        world, C1, "undeclared: keep", "undeclared: keep, keep: [date_format]"
    ),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_no_change_depends_on_may_move(three: World, change: str) -> None:
    planned(three)
    HARMLESS[change](three)
    assert applied(three).exit is Exit.DONE
    assert delays(three) == [1, 1, 1]


def test_what_is_done_already_or_no_longer_declared_or_selected_is_not_done_and_no_fault(
    three: World,
) -> None:
    planned(three)
    (three.folder / "configs/c1.yaml").unlink()
    assert applied(three, selection=Selection(only=("c2",))).exit is Exit.DONE
    assert delays(three) == [9, 1, 9]
    three.change(3, SurveySettings={"InvitationDelayInDays": 1})
    run = applied(three)
    assert (run.exit, run.results, delays(three)) == (Exit.DONE, {}, [9, 1, 1])
    gone = "import_configs.c1, import_configs.c2, import_configs.c3"
    assert f"Reviewed, and done already or no longer wanted: {gone}." in run.told


def test_two_pull_requests_merged_one_after_the_other_are_each_applied_as_reviewed(three: World) -> None:
    applied_first = Path("first.json")
    declare(three, c1=1, c2=9, c3=9)
    planned(three, out=applied_first)
    declare(three, c1=9, c2=1)
    planned(three)
    declare(three, c1=1, c2=1)
    assert applied(three, file=applied_first).exit is Exit.STALE
    assert delays(three) == [1, 9, 9]
    assert applied(three).exit is Exit.DONE
    assert delays(three) == [1, 1, 9]


def test_the_gravest_end_wins_over_a_missing_review(three: World) -> None:
    planned(three)
    declare(three, c1=2)
    assert applied(three, fault="PUT *configs/2:1+:before:status=400").exit is Exit.PARTLY


def test_a_plan_file_lifts_no_limit(world: World) -> None:
    planned(world, Consent())
    assert applied(world, consent=Consent()).exit is Exit.REFUSED
    assert applied(world, consent=RESETS).exit is Exit.STALE  # it is no review of what it blocked
    planned(world, RESETS)
    run = applied(world, consent=Consent())
    assert (run.exit, run.results) == (Exit.REFUSED, {KEY: "skipped"})
    assert "would reset date_format" in run.reasons[KEY]
    world.write("reconciler.yaml", SETTINGS + "    limits: {updates: 0}\n")
    assert applied(world).exit is Exit.REFUSED
    assert world.writes == []


def test_in_ci_a_file_says_which_target_is_meant_and_fingerprints_do_not(world: World) -> None:
    planned(world)
    world.environ["CI"] = "true"
    with pytest.raises(UsageError, match="must be named"):
        applied(world, ["0" * 64])
    assert applied(world).exit is Exit.DONE
    world.write("reconciler.yaml", SETTINGS.replace("sandbox:\n", "other:\n").replace(": sandbox", ": other"))
    rewrite(world, "welcome.yaml", "      sandbox: {id: 1}", "      other: {id: 1}")
    with pytest.raises(UsageError, match="there is no target sandbox"):
        applied(world)


def test_a_plan_for_another_account_is_refused_before_anything_is_asked(world: World) -> None:
    planned(world)
    asked = len(world.state.requests())
    more = SETTINGS.replace('"sandbox:"}', '"sandbox:", server_members: [Retention]}')
    world.write("reconciler.yaml", more)  # a member that is never sent makes it another account too
    with pytest.raises(Refused, match=r"target sandbox is sandbox:sandbox \(never sent: Retention\)"):
        applied(world)
    world.write("reconciler.yaml", SETTINGS)
    edited(world, account="api.example#0a1b2c3d")
    with pytest.raises(Refused, match=r"account api.example#0a1b2c3d, and target sandbox is sandbox:sandbox"):
        applied(world)
    assert len(world.state.requests()) == asked


OTHER_FILE = Path("other.json")


def test_several_files_bind_to_what_any_of_them_holds(three: World) -> None:
    planned(three, selection=Selection(only=("c1",)))
    planned(three, selection=Selection(only=("c3",)), out=OTHER_FILE)
    run = applied(three, others=[OTHER_FILE])
    assert (run.exit, delays(three)) == (Exit.STALE, [1, 9, 1])
    assert run.results["import_configs.c2"] == "skipped"


def test_one_file_of_several_for_another_target_stops_them_all(three: World) -> None:
    planned(three)
    three.write("reconciler.yaml", SETTINGS + '  other:\n    checkmarket: {url: "sandbox:"}\n')
    document = planned(three, out=OTHER_FILE).document
    write_sealed(three.folder / OTHER_FILE, {**document, "target": "other"})
    with pytest.raises(Refused, match="target other, and target sandbox is named"):
        applied(three, others=[OTHER_FILE])
    assert three.writes == []


class TestAPartOfTheFiles:
    """A plan made with --only is about that part, and applied by its file so is what is applied."""

    @pytest.fixture
    def one(self, three: World) -> World:
        planned(three, selection=Selection(only=("c1",)))
        return three

    @pytest.mark.parametrize(
        ("selection", "parts", "said"),
        [
            (Selection(only=("c1",)), {"only": ["c1"], "exclude": []}, "only c1"),
            (Selection(exclude=("c2", "c3")), {"only": [], "exclude": ["c2", "c3"]}, "all, without c2, c3"),
        ],
    )
    def test_is_applied_said_in_the_first_lines_and_nothing_is_said_of_the_rest(
        self, three: World, selection: Selection, parts: dict[str, list[str]], said: str
    ) -> None:
        assert planned(three, selection=selection).document["selection"] == [parts]
        for run in (three.plans(selection=selection), three.applies(plan_files=(FILE,))):
            assert run.out.splitlines()[2] == f"Selection: {said}"
        assert run.last.startswith("Applied: 1 changed, 0 failed, 0 stale, 0 skipped")
        assert delays(three) == [1, 9, 9]

    def test_is_as_large_as_it_is_when_applied_and_what_is_new_in_it_is_named(self, three: World) -> None:
        planned(three, selection=Selection(only=("c[12]",)))
        rewrite(three, "c2.yaml", "days: 1", "days: 2")
        run = applied(three)
        assert run.exit is Exit.STALE
        assert run.results == {"import_configs.c1": "applied", "import_configs.c2": "skipped"}

    @pytest.mark.parametrize(
        ("selection", "done"),
        [
            (Selection(only=("c1", "c2")), [1, 9, 9]),
            (Selection(only=("c2",)), [9, 9, 9]),
            (Selection(exclude=("c1",)), [9, 9, 9]),
        ],
    )
    def test_gets_smaller_and_never_larger_by_a_selection_beside_it(
        self, one: World, selection: Selection, done: list[int]
    ) -> None:
        assert applied(one, selection=selection).exit is Exit.DONE
        assert delays(one) == done

    def test_that_somebody_made_larger_lets_nothing_through(self, one: World) -> None:
        edited(one, selection=[])
        run = applied(one)
        assert run.exit is Exit.STALE
        assert delays(one) == [1, 9, 9]
        assert set(run.results.values()) == {"applied", "skipped"}

    def test_that_somebody_made_too_small_for_what_was_reviewed_is_refused(self, three: World) -> None:
        planned(three)
        edited(three, selection=[{"only": [], "exclude": ["c2"]}])
        asked = len(three.state.requests())
        with pytest.raises(Refused, match=r"its selection leaves out import_configs\.c2, which it would"):
            applied(three)
        assert len(three.state.requests()) == asked


class TestFingerprints:
    """`--reviewed` needs no file: digests of changes, or the fingerprint of the plan that is made now."""

    def test_a_digest_stands_for_one_change_and_the_fingerprint_for_all_of_the_plan_made_now(
        self, three: World
    ) -> None:
        document = planned(three).document
        run = applied(three, [c["digest"] for c in document["changes"] if c["key"] == "import_configs.c2"])
        assert (run.exit, delays(three)) == (Exit.STALE, [9, 1, 9])
        assert applied(three, [document["fingerprint"]]).exit is Exit.STALE  # of a plan of before
        assert applied(three, [planned(three).document["fingerprint"]]).exit is Exit.DONE
        assert delays(three) == [1, 1, 1]

    def test_the_journal_knows_the_fingerprint_of_a_run_that_ended_half_way(self, three: World) -> None:
        fingerprint = planned(three).document["fingerprint"]
        fault = "PUT *configs/2:1+:before:status=400"
        assert applied(three, [fingerprint], fault=fault).exit is Exit.PARTLY
        three.change(1, SurveySettings={"InvitationDelayInDays": 5})
        again = applied(three, [fingerprint])
        assert again.results == {"import_configs.c1": "skipped", "import_configs.c2": "applied"}
        assert (again.exit, delays(three)) == (Exit.STALE, [5, 1, 1])


def test_what_an_unknown_member_holds_is_in_no_plan_file(world: World) -> None:
    with world.state.transaction() as documents:
        stored = documents.get(CONFIGS, 1)
        documents.put(CONFIGS, 1, {**(stored or {}), "Extras": {"CreatedBy": "planted@example.com"}})
    world.variants = Variants(extra_members="stored")
    fields = planned(world).document["changes"][0]["fields"]
    assert [field["path"] for field in fields if field["class"] == "carried"] == ["CreatedBy"]
    assert "planted" not in (world.folder / FILE).read_text("utf-8")


def test_a_reviewed_deletion_needs_its_flag_again(three: World) -> None:
    three.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 9}\n")
    (three.folder / "configs/c3.yaml").unlink()
    prune = Consent(resets=None, prune=True)
    planned(three, prune)
    assert "needs that flag again" in applied(three).told
    assert three.config(3) != {}
    assert applied(three, consent=prune).exit is Exit.DONE
    assert three.config(3) == {}
