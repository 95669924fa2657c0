"""`--since` tells what a change of the files causes from what was pending or had drifted before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, UsageError
from reconciler.sandbox import State
from tests.commands.reviews import applied, declare, planned
from tests.commands.world import EVERYTHING
from tests.hostile.test_special_files import LFS
from tests.repositories import ENVIRON, Repository
from tests.seeds.world import JANE, JOHN, SETTINGS, SeedWorld

C1, C2, C3 = (f"import_configs.c{number}" for number in (1, 2, 3))
TABLED = "customer_seeds: {t: {targets: [sandbox], is_test: true, customers_from: c.csv}}\n"
SMOKE, OTHER = "customer_seeds.smoke", "customer_seeds.other"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.made(tmp_path / "Onze enquêtes")


@pytest.fixture
def world(repository: Repository) -> SeedWorld:
    """A workspace whose first commit declares c1 and c2, of which c2 is pending; the seed is pending too."""
    made = SeedWorld(repository.folder, environ=dict(ENVIRON))
    made.live({id: {"Name": f"C{id}", "IsReusable": True} for id in (1, 2, 3)} | {1: live(1)})
    made.write(".gitkeep", "")
    declare(made, c1=1, c2=1)
    repository.commit("first")
    return made


def live(days: int) -> dict[str, Any]:
    return {"Name": "C1", "IsReusable": True, "SurveySettings": {"InvitationDelayInDays": days}}


@pytest.fixture
def seeds(world: SeedWorld) -> SeedWorld:
    """The same workspace with no configuration, for seeds."""
    world.state = State(":memory:")
    for name in ("c1", "c2"):
        (world.folder / f"configs/{name}.yaml").unlink()
    return world


def caused(world: SeedWorld, ref: str = "HEAD", selection: Selection = EVERYTHING) -> dict[str, bool | None]:
    """Plan; return what is caused by the change of the files, of all that is in the plan."""
    document = planned(world, selection=selection, out=None, since=ref).document
    parts = [*document["changes"], *document["blocked"], *(s for s in document["seeds"] if s["to_send"])]
    return {part["key"]: part["caused"] for part in parts}


def test_what_the_files_change_since_a_commit_is_caused_and_what_was_pending_or_drifted_is_not(
    world: SeedWorld, repository: Repository
) -> None:
    document = planned(world, out=None).document
    assert document["since"] is None
    assert [change["caused"] for change in document["changes"]] == [None]
    declare(world, c3=1)
    world.change(1, SurveySettings={"InvitationDelayInDays": 7})
    assert caused(world) == {C1: False, C2: False, C3: True}
    declare(world, c1=2)
    assert caused(world) == {C1: True, C2: False, C3: True}
    assert caused(world, selection=Selection(only=("c3",))) == {C3: True}
    repository.commit("second")
    assert caused(world, "HEAD") == {C1: False, C2: False, C3: False}
    assert caused(world, "HEAD~1") == {C1: True, C2: False, C3: True}


def test_what_was_read_is_not_read_again_and_the_repository_is_left_as_it_was(
    world: SeedWorld, repository: Repository
) -> None:
    world.write("gone.yaml", "import_configs: {gone: {name: Gone, targets: {sandbox: {id: 77}}}}")
    repository.commit("second")
    declare(world, c1=2)
    (world.folder / "configs/gone.yaml").unlink()
    before = repository.state()
    planned(world, out=None)
    alone = len(world.state.requests())
    planned(world, out=None, since="HEAD")
    assert repository.state() == before
    asked = [request.path for request in world.state.requests()]
    assert len(asked) == 2 * alone + 1
    assert [path for path in asked if path.endswith("/77")] == ["/3/contacts/import/configs/77"]


def test_seeds_are_caused_by_what_is_declared_of_them(seeds: SeedWorld, repository: Repository) -> None:
    seeds.declare(JOHN)
    repository.commit("second")
    seeds.declare(JANE, key="other")
    assert caused(seeds) == {OTHER: True, SMOKE: False}
    seeds.declare(JOHN, round="next")
    assert caused(seeds) == {OTHER: True, SMOKE: True}
    seeds.write("reconciler.yaml", f"{SETTINGS}time_zone: Pacific/Kiritimati\n")
    repository.commit("third")
    seeds.declare(JOHN, end_date="+21d")
    repository.commit("fourth")
    seeds.write("reconciler.yaml", SETTINGS)
    assert caused(seeds) == {OTHER: False, SMOKE: True}


def test_a_default_that_the_files_state_since_counts(world: SeedWorld, repository: Repository) -> None:
    world.change(2, DateFormat="yyyy")
    world.write(
        "c2.yaml", "import_configs: {c2: {name: C2, reset: [date_format], targets: {sandbox: {id: 2}}}}"
    )
    world.write("reconciler.yaml", SETTINGS + "    defaults: {date_format: yyyy}\n")
    repository.commit("second")
    world.write("reconciler.yaml", SETTINGS)
    assert caused(world) == {C2: True}


def test_a_limit_makes_nothing_caused_that_was_pending(world: SeedWorld) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {updates: 0}\n")
    assert caused(world) == {C2: False}


def test_pruning_what_was_declared_before_is_caused(world: SeedWorld) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 9}\n")
    (world.folder / "configs/c1.yaml").unlink()
    document = planned(world, Consent(resets=None, prune=True), out=None, since="HEAD").document
    causes = {change["id"]: change["caused"] for change in document["changes"]}
    assert causes == {1: True, 2: False, 3: False}


def test_a_reason_that_was_there_before_is_not_caused(world: SeedWorld, repository: Repository) -> None:
    unknown = "import_configs: {KEY: {name: KEY, survey_settings: {survey: Nothing}}}"
    world.write("old.yaml", unknown.replace("KEY", "old"))
    repository.commit("second")
    world.write("new.yaml", unknown.replace("KEY", "new"))
    assert caused(world) == {C2: False, "import_configs.old": False, "import_configs.new": True}


def text_of(world: SeedWorld, ref: str) -> str:
    return world.plans(since=ref).out


def test_the_text_has_two_groups_and_says_where_one_is_empty(world: SeedWorld) -> None:
    assert "since main:\n\n  nothing\n\nPending" in text_of(world, "main")
    declare(world, c1=2)
    text = text_of(world, "main")
    first, second = "Caused by the change of the files since main:", "Pending or drifted before"
    assert text.index(first) < text.index(C1) < text.index(second) < text.index(C2) < text.index("Plan:")


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"bad.yaml": "import_configs: {c1: {nam: x}}\n"}, "configs/bad.yaml:1:"),
        ({"bad.YAML": LFS}, "configs/bad.YAML:1:1: this is a Git LFS pointer"),
        ({"s.yaml": TABLED, "c.csv": LFS}, "customers_from: this is a Git LFS pointer"),
        ({"reconciler.yaml": None}, "there is no reconciler.yaml"),
        ({"reconciler.yaml": SETTINGS.replace("  sandbox:", "  other:").replace(": sandbox", ": other")}, ""),
    ],
)
def test_of_files_that_are_no_use_everything_is_caused_and_it_is_said(
    world: SeedWorld, repository: Repository, files: dict[str, str | None], note: str
) -> None:
    for name, text in files.items():
        (world.folder / "configs" / name).unlink(missing_ok=True)
        if text is not None:
            world.write(name, text)
    repository.commit("unusable")
    repository.git("read-tree", "--reset", "-u", "HEAD~1")
    assert caused(world) == {C2: True}
    told = planned(world, out=None, since="HEAD").document["since"]["note"]
    assert note in told
    assert "everything counts as caused" in told
    assert "verything counts as caused" in text_of(world, "HEAD")


def test_a_link_in_git_is_followed_inside_and_refused_where_it_leads_out(
    world: SeedWorld, repository: Repository
) -> None:
    link = world.folder / "configs/c3.yaml"
    (world.folder / "configs/c3.txt").write_text(
        "import_configs: {c3: {name: C3, targets: {sandbox: {id: 3}}}}"
    )
    link.symlink_to("c3.txt")
    repository.commit("link")
    declare(world, c1=2)
    assert caused(world) == {C1: True, C2: False}
    link.unlink()
    link.symlink_to("/etc/hostname")
    repository.commit("out")
    link.unlink()
    note = planned(world, out=None, since="HEAD").document["since"]["note"]
    assert "'c3.yaml' is a link that leads out of the workspace, or to no file in it" in note


def test_a_workspace_that_is_the_repository_itself(tmp_path: Path) -> None:
    top = tmp_path / "top"
    world = SeedWorld(top, environ=dict(ENVIRON))
    world.live({1: live(1)})
    repository = Repository.made(top / "configs")
    declare(world, c1=1)
    repository.commit("first")
    declare(world, c1=2)
    assert caused(world) == {C1: True}


def test_a_customer_file_is_read_as_it_stood(seeds: SeedWorld, repository: Repository) -> None:
    seeds.write("lists/people.csv", "email\nsmoke+a@example.com\n")
    seeds.declare(customers=None, customers_from="lists/people.csv")
    repository.commit("second")
    assert caused(seeds) == {SMOKE: False}
    seeds.write("lists/people.csv", "email\nsmoke+b@example.com\n")
    assert caused(seeds) == {SMOKE: True}


@pytest.mark.parametrize("ref", ["nowhere", "--help", ""])
def test_an_unknown_commit_is_an_error_before_anything_is_asked(world: SeedWorld, ref: str) -> None:
    with pytest.raises(UsageError, match="commit"):
        planned(world, out=None, since=ref)
    assert not world.state.requests()


def test_apply_shows_the_groups_and_reports_them(world: SeedWorld) -> None:
    declare(world, c1=2)
    planned(world)
    run = applied(world, since="HEAD")
    assert run.exit is Exit.DONE
    causes = {change["key"]: change["caused"] for change in run.document["plan"]["changes"]}
    assert causes == {C1: True, C2: False}
    assert "Caused by the change of the files since HEAD:" in world.applies(since="HEAD").out
