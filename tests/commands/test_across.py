"""Several targets in one run: each stands by itself, one line is over all, and the gravest end counts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from reconciler.commands.apply import ApplyOptions, apply_across
from reconciler.commands.environment import Environment
from reconciler.commands.plan import PlanOptions, plan_across
from reconciler.commands.reports import Form, ReportFile, TargetSelection
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, FilesInvalid, UsageError
from reconciler.sandbox import Fault
from tests.commands.world import EVERYTHING, RESETS, World

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

SETTINGS = """\
version: 1
targets:
  one: {checkmarket: {url: "sandbox:"}, undeclared: keep}
  two: {checkmarket: {url: "sandbox:"}, undeclared: keep}
  three: {checkmarket: {url: "sandbox:"}, undeclared: keep}
"""
NAMES = ("one", "two", "three")
HELLO = "import_configs: {hello: {name: Hello, first_row: 2, targets: [%s]}}\n"
ALL = TargetSelection()


@dataclass
class Worlds:
    """A workspace with three targets, a sandbox for each; `layers` stand before some of them."""

    folder: Path
    each: Mapping[str, World] = field(init=False)
    layers: dict[str, Callable[[WSGIApplication], WSGIApplication]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.each = {name: World(self.folder) for name in NAMES}
        for world in self.each.values():
            world.live({1: {"Name": "Hello", "IsReusable": True}})
            world.clock = self.each["one"].clock
        self.write("reconciler.yaml", SETTINGS)
        self.write("hello.yaml", HELLO % ", ".join(NAMES))

    def write(self, name: str, text: str) -> None:
        self.each["one"].write(name, text)

    @property
    def environment(self) -> Environment:
        apps = {name: world.environment.sandboxes["sandbox"] for name, world in self.each.items()}
        layered = {name: self.layers[name](app) if name in self.layers else app for name, app in apps.items()}
        return replace(self.each["one"].environment, sandboxes=layered)

    def plan(self, targets: TargetSelection = ALL, selection: Selection = EVERYTHING, **asked: Any) -> Any:
        """Plan; return the document, which is what its schema says, with the exit code in it."""
        return self.told(plan_across, targets, selection, PlanOptions(**asked))

    def apply(self, *names: str, **asked: Any) -> Any:
        """Apply the targets that are named, or all; return the document."""
        options = ApplyOptions(RESETS, yes=True, **asked)
        return self.told(apply_across, TargetSelection(names), EVERYTHING, options)

    def told(self, command: Callable[..., Exit], *asked: Any) -> Any:
        run = self.each["one"].ran(command, *asked, environment=self.environment, json=True)
        assert run.document["exit_code"] == run.exit
        return run.document

    @property
    def written(self) -> set[str]:
        """The targets that were written to."""
        return {name for name, world in self.each.items() if world.writes}


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    return Worlds(tmp_path)


def ends(document: Any) -> dict[str, int]:
    return {target["target"]: target["exit_code"] for target in document["targets"]}


def test_every_target_has_its_whole_plan_and_the_summary_is_over_all(worlds: Worlds) -> None:
    document = worlds.plan(detailed_exitcode=True)
    assert document["exit_code"] == Exit.PENDING
    plans = {target["target"]: target["plan"]["target"] for target in document["targets"]}
    assert plans == {name: name for name in sorted(NAMES)}
    assert document["summary"]["update"] == 3
    assert worlds.written == set()
    assert worlds.apply()["summary"]["applied"] == 3
    worlds.each["one"].clock.sleep(60)
    document = worlds.apply()
    assert (document["exit_code"], document["summary"]["applied"]) == (Exit.DONE, 0)


def test_targets_come_in_the_order_in_which_they_are_named_and_end_with_one_line(worlds: Worlds) -> None:
    named = TargetSelection(("two", "one"))
    run = worlds.each["one"].ran(
        plan_across, named, EVERYTHING, PlanOptions(), environment=worlds.environment
    )
    lines = run.out.splitlines()
    assert [line for line in lines if line.startswith("──")] == ["── two ──", "── one ──"]
    assert sum(line.startswith("Plan: ") for line in lines) == 2
    assert lines[-1] == (
        "Over 2 targets (0 in error): 0 to create, 2 to update (0 fields reset), 0 to delete, 0 blocked, "
        "0 unchanged; 0 seeds to send (0 customers)."
    )


def test_the_failure_of_one_leaves_the_others_whole_and_all_are_in_one_report(worlds: Worlds) -> None:
    worlds.each["one"].faults = [Fault.parse("GET:1+:before:status=401")]
    document = worlds.apply(*NAMES, reports=(ReportFile(Form.MARKDOWN, Path("report.md")),))
    assert document["exit_code"] == Exit.ERROR
    assert ends(document) == {"one": 1, "two": 0, "three": 0}
    assert document["targets"][0]["report"] is None
    assert "401" in document["targets"][0]["error"]
    assert worlds.written == {"two", "three"}
    report = (worlds.folder / "report.md").read_text("utf-8")
    assert all(report.count(f"<!-- reconciler:apply target={name} -->") == 1 for name in NAMES)


@pytest.mark.parametrize(
    ("one", "two", "gravest"),
    [
        ("GET:1+:before:status=401", "PUT:1+:before:drop", Exit.IN_DOUBT),
        ("GET:1+:before:status=401", "PUT:1:before:status=400", Exit.ERROR),
        ("GET:1+:before:status=503", "PUT:1:before:status=400", Exit.ERROR),
        ("GET:1+:before:status=503", "PUT:9:before:drop", Exit.UNAVAILABLE),
    ],
)
def test_the_gravest_end_counts(worlds: Worlds, one: str, two: str, gravest: Exit) -> None:
    worlds.each["one"].faults = [Fault.parse(one)]
    worlds.each["two"].faults = [Fault.parse(two)]
    document = worlds.apply(*NAMES)
    assert document["exit_code"] == gravest
    assert ends(document)["three"] == 0


def test_what_is_wrong_for_all_stops_everything_before_it_begins(worlds: Worlds) -> None:
    with pytest.raises(UsageError, match="there is no target four; known: one"):
        worlds.apply("one", "four")
    worlds.write("hello.yaml", "import_configs: {hello: {nmae: Hello}}\n")
    with pytest.raises(FilesInvalid):
        worlds.plan()
    assert not any(world.state.requests() for world in worlds.each.values())


def test_a_glob_has_to_match_on_one_of_the_targets(worlds: Worlds) -> None:
    worlds.write("other.yaml", "import_configs: {other: {name: Other, targets: [two]}}\n")
    targets = worlds.plan(selection=Selection(only=("other",)))["targets"]
    assert {target["target"] for target in targets if target["plan"]} == {"two"}
    assert {target["note"] for target in targets} == {"", "nothing that was selected is declared on it"}
    with pytest.raises(UsageError, match="nothing declared on the targets one, three, two is called nope"):
        worlds.plan(selection=Selection(only=("other", "nope")))
    summary = worlds.plan(selection=Selection(exclude=("other",)))["summary"]
    assert (summary["create"], summary["update"]) == (0, 3)


def interrupting(app: WSGIApplication) -> WSGIApplication:
    """Let Ctrl-C come while the first PUT is under way."""

    def layer(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT":
            handler = signal.getsignal(signal.SIGINT)
            assert callable(handler)
            handler(signal.SIGINT, None)
        return app(environ, start_response)

    return layer


def breaking_into_a_plan(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: Any, start_response: Any) -> Any:
        raise KeyboardInterrupt

    return layer


def test_after_an_interrupt_no_other_target_is_begun_and_what_was_done_is_told(worlds: Worlds) -> None:
    worlds.layers["two"] = interrupting
    document = worlds.apply(*NAMES)
    assert document["exit_code"] == Exit.ERROR
    assert worlds.written == {"one", "two"}
    one, two, three = document["targets"]
    assert one["report"]["summary"]["applied"] == two["report"]["summary"]["applied"] == 1
    assert (three["report"], three["error"]) == (None, "not begun: interrupted")


def test_an_interrupt_of_a_plan_still_tells_what_was_done_before(worlds: Worlds) -> None:
    worlds.layers["two"] = breaking_into_a_plan
    one, two = worlds.apply("one", "two")["targets"]
    assert one["report"]["summary"]["applied"] == 1
    assert two["error"] == "interrupted"


def test_each_target_writes_its_own_ids_into_the_same_file(worlds: Worlds) -> None:
    path = worlds.folder / "configs" / "hello.yaml"
    before = path.read_bytes()
    reports = [target["report"] for target in worlds.apply()["targets"]]
    assert [report["ids_written"] for report in reports] == [[], [], []]  # without the flag
    assert path.read_bytes() == before
    worlds.write("hello.yaml", "# ours\nimport_configs:\n  hello:\n    name: Hello # the name\n")
    worlds.write("new.yaml", "import_configs:\n  new: {name: New, targets: [one]}\n")
    worlds.each["two"].live({7: {"Name": "Hello", "IsReusable": True}})
    targets = {target["target"]: target["report"] for target in worlds.apply(write_ids=True)["targets"]}
    written = {
        name: {one["key"].partition(".")[2]: one["id"] for one in report["ids_written"]}
        for name, report in targets.items()
    }
    assert written == {"one": {"hello": 1, "new": 2}, "two": {"hello": 7}, "three": {"hello": 1}}
    assert {len(outcome["lines"]) for report in targets.values() for outcome in report["outcomes"]} == {0}
    text = path.read_text("utf-8")
    assert text.startswith("# ours\nimport_configs:\n  hello:\n    name: Hello # the name\n")
    assert "{one: {id: 2}}" in (worlds.folder / "configs" / "new.yaml").read_text("utf-8")
    ids = {t["target"]: t["plan"]["unchanged"][0] for t in worlds.plan()["targets"]}
    assert {name: (one["id"], one["adopted"]) for name, one in ids.items()} == {
        "one": (1, False), "two": (7, False), "three": (1, False)
    }  # fmt: skip


def test_files_that_cannot_be_edited_are_said_and_the_change_stays_told(worlds: Worlds) -> None:
    hello = "&a {name: Hello, first_row: 2, targets: [one]}"
    shared = f"import_configs:\n  hello: {hello}\n  new: {{<<: *a, name: New}}\n"
    worlds.write("hello.yaml", shared)
    document = worlds.apply("one", write_ids=True)
    assert document["exit_code"] == Exit.PARTLY
    report = document["targets"][0]["report"]
    assert (report["summary"]["applied"], report["ids_written"]) == (2, [])
    lines = [line["text"] for outcome in report["outcomes"] for line in outcome["lines"]]
    assert lines == ["targets: {one: {id: 2}}"]
    assert (worlds.folder / "configs" / "hello.yaml").read_text("utf-8") == shared
