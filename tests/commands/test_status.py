"""Figures of how targets stand: true ones, and none where nobody could find out."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.cli import main
from reconciler.commands.reports import TargetSelection
from reconciler.commands.status import Form, status
from reconciler.errors import Exit, UsageError
from reconciler.journal.holding import this_process
from reconciler.planfile.format import StatusDocument
from reconciler.sandbox import Fault, State
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from tests.clock import START
from tests.commands.conftest import WELCOME
from tests.commands.test_across import Worlds
from tests.commands.test_runs import at_work
from tests.commands.world import EVERYTHING, SETTINGS, Run, World
from tests.metrics import openmetrics_families, prometheus_families
from tests.seeds.world import ADD, JANE, JOHN, SeedWorld

DEFAULT, ALL = TargetSelection(or_default=True), TargetSelection()
DRIFTED = "import_configs: {welcome: {name: Welcome, undeclared: keep, first_row: 2}}\n"
HOUR = 3600.0


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    return Worlds(tmp_path)


@pytest.fixture
def seeded(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    seed: dict[str, Any] = {**STARTING_POINT, CONFIGS: {1: stored_config(WELCOME)}}
    made.state = State(":memory:", seed)
    return made


def looked(
    world: World | Worlds, targets: TargetSelection = DEFAULT, form: Form = Form.JSON, **asked: Any
) -> Run:
    one = world if isinstance(world, World) else world.each["one"]
    as_json = form is Form.JSON
    return one.ran(status, targets, EVERYTHING, form, environment=world.environment, json=as_json, **asked)


def found(world: World | Worlds, several: TargetSelection = DEFAULT) -> Any:
    """Return the document, which is what its schema says."""
    document = looked(world, several).document
    StatusDocument.model_validate(document)
    return document


def target(world: World) -> Any:
    (only,) = found(world)["targets"]
    return only


def applied(world: World, fault: str = "") -> Exit:
    run = world.applies(fault=fault)
    world.clock.sleep(HOUR)
    return run.exit


def resources(**figures: int) -> dict[str, int]:
    return dict.fromkeys(("managed", "unmanaged", "pending", "drifted", "blocked"), 0) | figures


def test_resources_are_pending_drifted_blocked_unmanaged_or_as_declared(world: World) -> None:
    assert target(world)["resources"] == resources(managed=1, blocked=1)
    world.write("welcome.yaml", DRIFTED)
    world.write("new.yaml", "import_configs: {new: {name: New}}")
    assert target(world)["resources"] == resources(managed=2, pending=2)
    applied(world)
    assert target(world)["resources"] == resources(managed=2)
    assert looked(world, detailed_exitcode=True).exit is Exit.DONE
    world.change(1, FirstRow=7)
    assert target(world)["resources"] == resources(managed=2, drifted=1)
    assert looked(world, detailed_exitcode=True).exit is Exit.PENDING
    assert looked(world).exit is Exit.DONE
    world.write("new.yaml", "import_configs: {new: {name: New, date_format: dd/MM/yyyy}}")
    assert target(world)["resources"] == resources(managed=2, pending=1, drifted=1)
    world.write("new.yaml", "import_configs: {new: {name: New}}")
    world.live({1: {**WELCOME, "FirstRow": 2}, 2: {"Name": "New"}, 3: {"Name": "Other", "IsReusable": True}})
    assert target(world)["resources"]["unmanaged"] == 1


def test_what_shall_not_exist_is_not_managed_and_drifts_while_it_does(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 1, updates: null}\n")
    world.write("welcome.yaml", "import_configs: {welcome: {targets: {sandbox: {id: 1, absent: true}}}}")
    assert target(world)["resources"] == resources(pending=1)
    applied(world)
    assert target(world)["resources"] == resources()


def test_the_last_apply_is_told_with_its_end(world: World) -> None:
    assert target(world)["journal"] == {"last_apply": None, "open_runs": []}
    world.write("welcome.yaml", DRIFTED)
    assert applied(world, fault="PUT:1:before:status=400") is Exit.ERROR
    last = target(world)["journal"]["last_apply"]
    assert (last["run"], last["exit_code"], last["outcome"]) == (1, 1, "error")
    assert last["ended"].startswith("2026-09-21T14:13:20.000+00:00")
    applied(world)
    assert target(world)["journal"]["last_apply"]["outcome"] == "done"


def test_a_run_of_another_command_is_no_apply_and_one_at_work_is_told_beside_it(world: World) -> None:
    applied(world)
    with at_work(world) as journal:
        journal.end_run(2, 0, {})
        start = replace(journal.runs()[0].start, command="restore 1")
        journal.end_run(journal.begin_run(start), 0, {})
    assert target(world)["journal"]["last_apply"]["run"] == 2
    with at_work(world, this_process()):
        told = target(world)["journal"]
    assert told["last_apply"]["run"] == 2
    (held,) = told["open_runs"]
    assert (held["run"], held["command"], held["died"]) == (4, "apply", False)


def test_a_run_that_has_not_been_heard_of_for_long_has_died_and_has_no_exit_code(world: World) -> None:
    with at_work(world) as journal:
        world.clock.sleep(2 * HOUR)
        (held,) = target(world)["journal"]["open_runs"]
        assert held["died"]
        text = looked(world, form=Form.TEXT).out
        assert "? sandbox: run 1 (apply) holds the account, died, and the next run will end it" in text
        journal.take_over(1, "gone")
    last = target(world)["journal"]["last_apply"]
    assert (last["outcome"], last["exit_code"]) == ("died", None)
    assert "last_apply_exit_code" not in metrics(world)
    applied(world)
    assert target(world)["journal"]["last_apply"]["run"] == 2


def test_a_change_in_doubt_counts_until_what_is_live_is_as_declared(world: World) -> None:
    world.write("welcome.yaml", DRIFTED)
    assert applied(world, fault="PUT:1+:before:drop") is Exit.IN_DOUBT
    one = target(world)
    assert (one["changes_in_doubt"], one["resources"]["pending"], one["exit_code"]) == (1, 1, 0)
    with at_work(world, this_process()) as journal:
        (operation,) = journal.operations(1)
        journal.begin_operation(2, operation.intent)
        assert target(world)["changes_in_doubt"] == 0  # a run that lives is just writing it
        journal.take_over(2, "gone")
    assert target(world)["changes_in_doubt"] == 1
    world.change(1, FirstRow=2)
    assert target(world)["changes_in_doubt"] == 0


def seeds(**counts: int) -> dict[str, int]:
    names = ("declared", "pending", "blocked", "in_doubt", "customers_pending", "customers_in_doubt")
    return dict.fromkeys(names, 0) | counts


def test_seeds_are_blocked_by_a_rule_pending_sent_or_blocked_where_others_may_have_sent(
    seeded: SeedWorld,
) -> None:
    seeded.declare(JOHN, JANE)
    seeded.archive("Gender_customer")
    assert target(seeded)["seeds"] == seeds(declared=1, blocked=1)
    seeded.archive("Gender_customer", archived=False)
    assert target(seeded)["seeds"] == seeds(declared=1, pending=1, customers_pending=2)
    assert looked(seeded, detailed_exitcode=True).exit is Exit.PENDING
    applied(seeded)
    assert target(seeded)["seeds"] == seeds(declared=1)
    seeded.lose_journal()
    assert target(seeded)["seeds"] == seeds(declared=1, blocked=1)
    text = looked(seeded, form=Form.TEXT).out
    assert "! sandbox: 1 seed blocked; reconciler seeds status says why" in text


def test_customers_in_doubt_are_counted(seeded: SeedWorld) -> None:
    seeded.declare(JOHN, JANE, approve_automatically=False)
    applied(seeded, fault=f"{ADD}:1:after:drop")
    run = looked(seeded)
    assert run.exit is Exit.DONE
    assert run.document["targets"][0]["seeds"] == seeds(declared=1, in_doubt=1, customers_in_doubt=2)


def test_an_account_and_a_tenant_leave_each_other_whole(seeded: SeedWorld) -> None:
    seeded.declare(JOHN)
    seeded.write("welcome.yaml", DRIFTED)
    seeded.faults = [Fault.parse("GET *customerdatacolumn*:1+:before:status=403")]
    run = looked(seeded)
    (one,) = run.document["targets"]
    assert (one["up"], one["seeds"], run.exit) == (False, None, Exit.ERROR)
    assert one["resources"] == resources(managed=1, pending=1)
    assert "403" in one["error"]
    seeded.faults = [Fault.parse("GET *configs*:1+:before:status=401")]
    one = target(seeded)
    assert (one["up"], one["resources"], one["changes_in_doubt"]) == (False, None, None)
    assert one["seeds"] == seeds(declared=1, pending=1, customers_pending=1)


def test_the_journal_of_a_target_without_credentials_is_read_all_the_same(world: World) -> None:
    applied(world)
    real = '{url: "https://api.checkmarket.com", master_key: {env: NOWHERE}, key: {env: NOWHERE}}'
    world.write("reconciler.yaml", SETTINGS.replace('{url: "sandbox:"}', real))
    run = looked(world)
    (one,) = run.document["targets"]
    assert (one["up"], one["resources"], run.exit) == (False, None, Exit.ERROR)
    assert "NOWHERE" in one["error"]
    assert one["journal"]["last_apply"]["run"] == 1


def test_a_journal_that_cannot_be_read_is_said_and_its_figures_are_left_out(seeded: SeedWorld) -> None:
    seeded.declare(JOHN)
    seeded.write("welcome.yaml", DRIFTED)
    seeded.journal.parent.mkdir(exist_ok=True)
    seeded.journal.write_text("this is no database")
    run = looked(seeded)
    (one,) = run.document["targets"]
    assert one["up"]
    assert (one["journal"], one["seeds"], one["changes_in_doubt"]) == (None, None, None)
    assert one["resources"] == resources(managed=1, pending=1)
    assert "journal.db" in one["journal_error"]
    assert run.exit == one["exit_code"] != 0
    names = set(metrics(seeded))
    assert "journal_up" in names
    assert not {"open_runs", "in_doubt_changes", "pending_seeds", "last_apply_run"} & names


def test_nothing_is_written_anywhere(seeded: SeedWorld) -> None:
    seeded.declare(JOHN)
    seeded.write("new.yaml", "import_configs: {new: {name: New}}")
    for form in Form:
        looked(seeded, form=form)
    assert seeded.writes == []
    assert not seeded.journal.exists()
    applied(seeded)
    before = seeded.journal.read_bytes()
    target(seeded)
    assert seeded.journal.read_bytes() == before


def test_the_default_target_is_looked_at_unless_others_are_named(worlds: Worlds) -> None:
    named = TargetSelection(("three", "one"))
    assert [one["target"] for one in found(worlds, named)["targets"]] == ["three", "one"]
    with pytest.raises(UsageError, match="no target: add --target"):
        looked(worlds, DEFAULT)


def metrics(world: World | Worlds, several: TargetSelection = DEFAULT) -> dict[str, dict[str, float]]:
    """Return the figures by name and target, as an independent parser reads either format."""
    texts = {form: looked(world, several, form).out for form in (Form.OPENMETRICS, Form.PROMETHEUS)}
    assert texts[Form.OPENMETRICS].endswith("\n# EOF\n")
    read = samples(openmetrics_families(texts[Form.OPENMETRICS]))
    assert samples(prometheus_families(texts[Form.PROMETHEUS])) == read
    return read


def samples(families: Any) -> dict[str, dict[str, float]]:
    read: dict[str, dict[str, float]] = {}
    for sample in (sample for family in families for sample in family.samples):
        per_target = read.setdefault(sample.name.removeprefix("reconciler_"), {})
        per_target[sample.labels.get("target", "")] = sample.value
    return read


def test_of_targets_of_which_one_fails_each_form_has_the_figures_of_the_others(worlds: Worlds) -> None:
    worlds.apply("one")
    worlds.each["one"].clock.sleep(HOUR)
    worlds.each["two"].faults = [Fault.parse("GET:1+:before:status=503")]
    run = looked(worlds, ALL)
    ends = {one["target"]: (one["up"], one["exit_code"]) for one in run.document["targets"]}
    assert ends == {"one": (True, 0), "two": (False, 7), "three": (True, 0)}
    assert run.exit is Exit.UNAVAILABLE
    assert "\nError: target two: " in run.told
    assert worlds.written == {"one"}  # by its apply
    worlds.each["two"].faults = [Fault.parse("GET:1+:before:status=401")]
    told = metrics(worlds, ALL)
    assert told["up"] == {"one": 1, "two": 0, "three": 1}
    assert told["pending_resources"] == {"one": 0, "three": 1}
    assert told["managed_resources"] == {"one": 1, "three": 1}
    assert told["last_apply_exit_code"] == {"one": 0}
    assert told["last_apply_timestamp_seconds"]["one"] == pytest.approx(START, abs=HOUR)
    assert told["status_timestamp_seconds"] == {"": pytest.approx(worlds.each["one"].clock.now())}
    assert told["target_info"] == {"one": 1, "two": 1, "three": 1}
    run = looked(worlds, ALL, Form.TEXT)
    lines = run.out.splitlines()
    rows = {line.split()[0]: line for line in lines[:4]}
    assert rows["one"].split()[1:9] == ["1", "0", "0", "0", "0", "0", "0", "0"]
    assert rows["one"].endswith(" Europe/Amsterdam, run 1: done")
    assert rows["two"].split()[1:9] == ["–", "–", "–", "–", "–", "0", "0", "–"]
    assert rows["three"].split()[2] == "1"
    assert len({line.rindex("  ") for line in rows.values()}) == 1
    assert lines[5].startswith("! two: GET /3/contacts/import/configs: 401")
    assert lines[-1] == (
        "Status of 3 targets (1 in error): 2 managed, 1 pending, 0 drifted, 0 blocked, 0 unmanaged; "
        "0 seeds pending; 0 customers and 0 changes in doubt."
    )
    assert "Error" not in run.told


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes of POSIX on Windows")
@pytest.mark.parametrize("form", list(Form))
def test_the_same_is_written_to_a_file_that_everybody_may_read(world: World, form: Form) -> None:
    with pytest.raises(UsageError, match="no folder"):
        looked(world, form=form, out=Path("nowhere/status.prom"))
    assert not world.state.requests()
    before = os.umask(0o077)
    try:
        run = looked(world, form=form, out=Path("status.prom"))
    finally:
        os.umask(before)
    path = world.folder / "status.prom"
    assert path.read_text("utf-8") == run.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file for file in path.parent.iterdir() if "status.prom" in file.name] == [path]


def test_the_command_line_has_its_targets_and_formats(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("reconciler.yaml", SETTINGS + '  other: {checkmarket: {url: "sandbox:"}}\n')
    monkeypatch.chdir(world.folder)
    assert main(["status", "--all-targets", "--format", "openmetrics"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert set(samples(openmetrics_families(out))["up"]) == {"sandbox", "other"}
    assert main(["status", "--detailed-exitcode"]) == 2
    assert capsys.readouterr().out.splitlines()[1].startswith("sandbox ")
    assert main(["status", "--target", "other", "--target", "sandbox", "--format", "json"]) == 0
