"""What nobody expected ends one change and no other, and what is said of the run is true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from reconciler.commands.environment import CrashKind, CrashSwitch
from reconciler.commands.history import Filter, history
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.sandbox import create_app
from tests.commands.world import EVERYTHING, SETTINGS, Run, World
from tests.seeds.world import JOHN, SeedWorld

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEYS = [f"import_configs.config-{number}" for number in (1, 2, 3, 4)]
SECRET = "a-value-that-is-shown-nowhere"
FILES = "import_configs:\n" + "".join(
    f"  config-{number}: {{name: Config {number}, date_format: yyyy-MM-dd, undeclared: keep, "
    f"targets: {{sandbox: {{id: {number}}}}}}}\n"
    for number in (1, 2, 3, 4)
)


@dataclass
class Breaking:
    """A server behind which the transport itself breaks, from the `nth` request of that kind on."""

    app: WSGIApplication
    request: str
    error: BaseException
    done: bool = False
    nth: int = 1

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_meant = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".endswith(self.request)
        self.nth -= is_meant
        strikes = is_meant and self.nth < 1
        if strikes and not self.done:
            raise self.error
        answer = self.app(environ, start_response)
        if strikes:
            raise self.error
        return answer


@dataclass
class Failing(CrashSwitch):
    """A journal whose nth write fails in a way that nobody expected, before or after it was written."""

    nth: int
    before_it: bool = True
    seen: int = 0

    def before(self, kind: CrashKind) -> None:
        self.seen += kind == "journal"
        if kind == "journal" and self.before_it and self.seen == self.nth:
            raise OverflowError(SECRET)

    def after(self, kind: CrashKind) -> None:
        if kind == "journal" and not self.before_it and self.seen == self.nth:
            raise OverflowError(SECRET)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.live({n: {"Name": f"Config {n}", "IsReusable": True, "DateFormat": "d"} for n in (1, 2, 3, 4)})
    # One after the other: the order of what is written to the journal is then known.
    made.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', '"sandbox:", parallelism: 1'))
    made.write("files.yaml", FILES)
    return made


def applied(world: World, **environment: Any) -> Run:
    run = world.applies(Consent(), environment=replace(world.environment, **environment))
    assert SECRET not in run.out + run.told
    return run


def counts(world: World) -> tuple[int, dict[str, int]]:
    """Return how history says that the only run ended, and what it counts."""
    [run] = world.runs()
    return run["exit_code"], {name: number for name, number in run["counts"].items() if number}


ONE = "/3/contacts/import/configs/3"


@pytest.mark.parametrize(
    ("request_", "nth", "done", "error", "result", "code"),
    [
        (f"GET {ONE}", 1, False, RuntimeError(SECRET), "failed", Exit.PARTLY),
        (f"PUT {ONE}", 1, False, MemoryError(), "in doubt", Exit.IN_DOUBT),
        (f"PUT {ONE}", 1, True, KeyError(SECRET), "applied", Exit.DONE),
        (f"GET {ONE}", 2, False, OverflowError(SECRET), "in doubt", Exit.IN_DOUBT),
    ],
)
def test_an_error_around_a_request_is_the_end_of_one_change(
    world: World, request_: str, nth: int, done: bool, error: Exception, result: str, code: Exit
) -> None:
    app = create_app(world.state, clock=world.clock.now, sleep=world.clock.sleep)
    run = applied(world, sandboxes={"sandbox": Breaking(app, request_, error, done, nth)})
    assert run.exit is code
    assert f"{KEYS[2]}  update id 3 {result}" in run.out
    assert f"unexpected {type(error).__name__}" in run.out
    others = 4 if result == "applied" else 3
    assert f"Applied: {others} changed" in run.last
    assert counts(world) == (code, {"applied": 4} if result == "applied" else {"applied": 3, result: 1})


# The journal, the run, then for each change its intent and its outcome; the end of the run.
@pytest.mark.parametrize(
    ("nth", "before", "code", "changed", "in_journal"),
    [
        (5, True, Exit.PARTLY, 3, {"applied": 3, "failed": 1}),
        (5, False, Exit.PARTLY, 3, {"applied": 3, "in doubt": 1, "failed": 1}),
        (6, True, Exit.DONE, 4, {"applied": 3, "in doubt": 1}),
        (11, True, Exit.DONE, 4, {"applied": 4}),
    ],
)
def test_a_write_of_the_journal_that_breaks_takes_no_other_change_with_it(
    world: World, nth: int, before: bool, code: Exit, changed: int, in_journal: dict[str, int]
) -> None:
    run = applied(world, crash=Failing(nth, before))
    assert (run.exit, "unexpected OverflowError" in run.out + run.told) == (code, True)
    assert f"Applied: {changed} changed" in run.last
    assert sum(world.config(number)["DateFormat"] == "yyyy-MM-dd" for number in (1, 2, 3, 4)) == changed
    assert counts(world)[1] == in_journal


def test_a_run_that_broke_off_says_what_it_changed(world: World) -> None:
    """Not even an error that is the end of the process takes away what history knows."""
    app = create_app(world.state, clock=world.clock.now, sleep=world.clock.sleep)
    breaking = Breaking(app, "PUT /3/contacts/import/configs/4", SystemExit(7))
    with pytest.raises(SystemExit):
        applied(world, sandboxes={"sandbox": breaking})
    assert (
        "3 applied, 1 in doubt; ended without a conclusion, exit 1"
        in world.ran(history, EVERYTHING, Filter()).out
    )
    assert applied(world).exit is Exit.DONE


@pytest.mark.parametrize(
    ("request_", "done", "counts", "code"),
    [
        ("/customer/add", False, {"in_doubt": 1}, Exit.IN_DOUBT),
        ("/customer/add", True, {"in_doubt": 1}, Exit.IN_DOUBT),
        ("/getcustomerstatuses", False, {"sent": 1}, Exit.DONE),
    ],
)
def test_an_error_around_a_batch_is_the_end_of_one_seed(
    tmp_path: Path, request_: str, done: bool, counts: dict[str, int], code: Exit
) -> None:
    seeds = SeedWorld(tmp_path)
    seeds.declare(JOHN)
    seeds.write("files.yaml", "import_configs: {newcomer: {name: Newcomer}}\n")
    app = create_app(seeds.state, clock=seeds.clock.now, sleep=seeds.clock.sleep)
    breaking = Breaking(app, request_, RuntimeError(SECRET), done)
    environment = replace(seeds.environment, sandboxes={"sandbox": breaking})
    run = seeds.applies(Consent(), environment=environment, json=True)
    [sent] = run.document["sent"]
    assert run.exit is code
    assert {name: sent[name] for name in ("sent", "in_doubt") if sent[name]} == counts
    assert "unexpected RuntimeError" in " ".join(sent["notes"])
    assert SECRET not in run.out + run.told
    assert run.document["summary"]["applied"] == 1
    assert seeds.apply().counts == {}
    assert len(seeds.posts) == (0 if request_ == "/customer/add" and not done else 1)
