"""The log: one JSON object a line and nothing else, whatever happens, with each request and the end."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.cli import main
from reconciler.cli.running import complain, libraries_logged
from reconciler.commands.console import Console, Requests, random_id
from reconciler.commands.runs import Lock
from reconciler.commands.validate import validate
from reconciler.errors import Exit, FilesInvalid, Refused
from reconciler.sandbox import Fault
from tests.clock import FakeClock
from tests.commands.test_github import assert_commands_nothing
from tests.commands.test_runs import at_work
from tests.commands.world import EVERYTHING, Screen, Terminal, World

TIME = "2026-09-21T14:13:20.000+00:00"


def events(screen: Screen) -> list[dict[str, Any]]:
    """Return what was logged; every line has to be an object."""
    return [json.loads(line) for line in screen.err.splitlines()]


def of(screen: Screen, event: str) -> list[dict[str, Any]]:
    return [one for one in events(screen) if one["event"] == event]


def logged(world: World, screen: Screen, **settings: Any) -> Console:
    return screen.console(world.clock, **{"logs_json": True, **settings})


def planned(world: World, screen: Screen, **settings: Any) -> Requests:
    """Plan while requests are watched, under ids that can be told."""
    console = logged(world, screen, **settings)
    ids = (f"request-{number}" for number in count(1))
    requests = Requests(console, lambda: next(ids))
    environment = replace(world.environment, on_request=requests, new_id=requests.new_id)
    world.plans(screen=screen, environment=environment, settings={"logs_json": True, **settings})
    return requests


def test_each_request_is_an_event_and_the_end_says_how_many_there_were(world: World, screen: Screen) -> None:
    requests = planned(world, screen)
    first, *others = of(screen, "request")
    assert first == {
        "time": TIME,
        "level": "info",
        "event": "request",
        "id": "request-1",
        "target": "sandbox",
        "method": "GET",
        "path": "/3/surveys",
        "query": {"top": "100", "skip": "0"},
        "status": 200,
        "failure": None,
        "duration_ms": 0.0,
        "attempt": 1,
        "wait_ms": 0.0,
        "server_id": None,
    }
    assert [one["id"] for one in others] == ["request-2", "request-3"]
    world.clock.sleep(2)
    requests.end("plan", Exit.DONE)
    assert events(screen)[-1] == {
        "time": "2026-09-21T14:13:22.000+00:00",
        "level": "info",
        "event": "end",
        "command": "plan",
        "exit_code": 0,
        "duration_ms": 2000.0,
        "requests": {"GET": 3},
        "requests_duration_ms": 0.0,
    }


def test_each_attempt_of_a_request_has_its_id_and_says_how_long_it_waited(
    world: World, screen: Screen
) -> None:
    world.faults = [Fault.parse("GET:1:before:status=503"), Fault.parse("GET:2:before:refuse")]
    planned(world, screen)
    first, second, third, *_ = of(screen, "request")
    assert [one["id"] for one in (first, second, third)] == ["request-1"] * 3
    assert [one["attempt"] for one in (first, second, third)] == [1, 2, 3]
    assert (first["status"], first["wait_ms"]) == (503, 0)
    assert second["wait_ms"] >= 500
    assert (second["status"], second["failure"]) == (None, "ConnectError")


def test_in_text_a_person_who_asks_for_it_reads_each_request_on_a_line(world: World, screen: Screen) -> None:
    world.faults = [Fault.parse("GET:1:before:status=503")]
    planned(world, screen, logs_json=False, verbose=True, very_verbose=True)
    first, second, *_ = screen.err.splitlines()
    assert first == f"{TIME} GET /3/surveys?top=100&skip=0: 503, 0.0 ms, target sandbox, request request-1"
    assert ", attempt 2, after " in second


@pytest.mark.parametrize(
    "settings", [{"logs_json": False}, {"logs_json": False, "verbose": True}, {"quiet": True}]
)
def test_where_nobody_asked_nothing_is_made_of_a_request(
    world: World, screen: Screen, settings: dict[str, bool]
) -> None:
    requests = planned(world, screen, **settings)
    assert requests.new_id() == ""
    assert "GET /3" not in screen.err


def test_ids_of_their_own_are_not_alike() -> None:
    ids = {random_id() for _ in range(1000)}
    assert {len(id) for id in ids} == {16}
    assert len(ids) == 1000


def test_problems_and_warnings_are_events_with_their_level_and_place(world: World, screen: Screen) -> None:
    path = world.folder / ".reconciler" / "journal.db"
    path.parent.mkdir()
    path.write_text("no database")
    planned(world, screen)
    (warning,) = of(screen, "warning")
    assert warning["level"] == "warning"
    assert not warning["message"].startswith("Warning")
    world.write("other.yaml", "import_configs:\n  other: {nmae: X}\n")
    assert main_in(world, "validate", "--log-format", "json") == 1
    with pytest.raises(FilesInvalid) as caught:
        world.ran(validate, EVERYTHING, screen=screen, settings={"logs_json": True})
    logged(world, screen).problems(caught.value.problems)
    (problem,) = of(screen, "problem")
    assert (problem["level"], problem["code"], problem["line"]) == ("error", "unknown-field", 2)
    assert problem["file"].endswith("other.yaml")


def test_quiet_leaves_errors(world: World, screen: Screen) -> None:
    console = logged(world, screen, quiet=True)
    console.say("a")
    console.warn("b")
    console.complain("c", kind="X")
    Requests(console).end("plan", Exit.DONE)
    (error,) = events(screen)
    assert (error["level"], error["message"], error["kind"]) == ("error", "c", "X")


def test_waiting_a_question_and_what_it_is_about_are_events_and_progress_is_none(world: World) -> None:
    screen = Screen(stdin=Terminal("no\n"), stderr=Terminal())
    progress = logged(world, screen).progress("Reading")
    world.clock.sleep(5)
    progress(1, 2)
    assert screen.err == ""
    with pytest.raises(Refused):
        world.applies(yes=False, screen=screen, json=True, settings={"logs_json": True})
    (shown,), (question,) = of(screen, "shown"), of(screen, "question")
    assert "Plan: 0 to create, 1 to update" in shown["message"]
    assert question["message"].endswith("Only yes is yes:")
    with at_work(world), pytest.raises(Refused):
        world.applies(lock=Lock(timeout=5), screen=screen, settings={"logs_json": True})
    assert [one["message"][:8] for one in of(screen, "message")] == ["Waiting:"]


@pytest.mark.parametrize(
    "text", ["::error::x", "##[error]x", "##vso[x]", "a\n::error::b", "\x1b[31m", "\u202e", "\ud800"]
)
def test_no_text_commands_a_runner_or_a_terminal(world: World, screen: Screen, text: str) -> None:
    console = logged(world, screen)
    console.say(text)
    console.complain(text)
    assert [(one["time"], one["message"]) for one in events(screen)] == [(TIME, text)] * 2
    assert_commands_nothing(screen.err)
    assert screen.err.isascii()


def test_commands_to_a_runner_stay_what_they_are_among_the_lines_of_a_log(
    world: World, screen: Screen
) -> None:
    fields = ", ".join(f"x{number}: 1" for number in range(12))
    world.write("other.yaml", f"import_configs: {{other: {{name: X, {fields}}}}}\n")
    world.environ |= {"GITHUB_ACTIONS": "true"}
    with pytest.raises(FilesInvalid):
        world.ran(validate, EVERYTHING, screen=screen, settings={"logs_json": True})
    lines = screen.err.splitlines()
    commands = [line for line in lines if line.startswith("::error file=")]
    assert (len(commands), lines[10:]) == (10, ["::notice::and 2 more errors"])


def test_what_libraries_say_is_an_event(world: World, screen: Screen) -> None:
    with libraries_logged(logged(world, screen)):
        logging.getLogger("somebody").error("lost %s", "it")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    first, second = of(screen, "library")
    assert (first["logger"], first["level"], first["message"]) == ("somebody", "error", "lost it")
    assert (second["logger"], second["level"]) == ("py.warnings", "warning")


def main_in(world: World, *arguments: str) -> int:
    return main([*arguments, "--workspace", str(world.folder / "configs")])


def stderr_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "--log-format", "json", "--nope"), "No such option '--nope'"),
        (("plan", "--log-format=json", "--target"), "'--target' requires an argument"),
        (("plan", "--log-format=text", "--log-format=json", "x"), "unexpected extra argument"),
        (("plan", "--log-format=json", "--lock-timeout", "x"), "No such option"),
        (("apply", "--log-format=json", "--lock-timeout", "x"), "is no duration"),
        (("plan", "--log-format=json", "--workspace", "/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_wrong_usage_is_an_event(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments]) == 1
    errors = [one for one in stderr_of(capsys) if one["level"] == "error"]
    assert [message in one["message"] for one in errors] == [True]


def test_the_variable_counts_unless_something_is_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ["--log-format", "text"]
    for variable, typed in (("json", []), ("json", text), ("text", []), ("yaml", [])):
        monkeypatch.setenv("RECONCILER_LOG_FORMAT", variable)
        assert main(["plan", "--nope", *typed]) == 1
        assert capsys.readouterr().err.startswith("{") is (variable == "json" and not typed)


def test_every_command_ends_with_an_event_and_an_error_says_of_what_kind_it_is(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    exit = main_in(world, "plan", "--log-format", "json", "--format", "json")
    *_, end = stderr_of(capsys)
    assert (end["event"], end["command"], end["exit_code"]) == ("end", "plan", exit)
    assert sum(end["requests"].values()) > 0
    assert end["duration_ms"] > 0
    assert main_in(world, "plan", "--target", "nope", "--log-format", "json") == 1
    error, end = stderr_of(capsys)
    assert (error["kind"], error["exit_code"], end["exit_code"]) == ("UsageError", 1, 1)


def ended(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; from reconciler.cli import cli, main\n{program}"]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_bug_of_ours_is_an_event_too(debug: str) -> None:
    program = (
        "@cli.command()\ndef broken(): raise RuntimeError('one\\n::error::two')\nsys.exit(main(['broken']))"
    )
    run = ended(program, RECONCILER_LOG_FORMAT="json", RECONCILER_DEBUG=debug)
    (error,) = map(json.loads, run.stderr.splitlines())
    assert run.returncode == 1
    assert "this is a bug in reconciler" in error["message"]
    assert ("Traceback" in error.get("traceback", "")) is bool(debug)


def test_the_log_begins_when_it_is_asked_for_and_costs_the_start_nothing() -> None:
    run = ended("main(['plan', '--help']); print('logging' in sys.modules, file=sys.stderr)")
    assert (run.returncode, run.stderr) == (0, "False\n")


def test_only_what_the_result_was_printed_to_is_an_error_of_writing_it(
    capsys: pytest.CaptureFixture[str], clock: FakeClock
) -> None:
    class Full(io.StringIO):
        def write(self, _: str, /) -> int:
            raise OSError(28, "No space left on device")

    complain(OSError(5, "Input/output error"), [])
    with pytest.raises(OSError, match="No space") as caught:
        Screen(stdout=Full()).console(clock).result("x", None)
    complain(caught.value, [])
    said = "Error: Input/output error\nError: No space left on device (writing the result)\n"
    assert capsys.readouterr().err == said
