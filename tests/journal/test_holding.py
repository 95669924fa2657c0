"""When a holder is provably dead: by a look at its process where that can be seen, by silence elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from msgspec.structs import replace

from reconciler.errors import Held
from reconciler.journal.entries import Process, Run, RunEnded, RunStart
from reconciler.journal.holding import SILENCE, is_dead, this_process
from reconciler.journal.rules import JournalState, begin_run
from reconciler.system import answer, started

from .runs import run_start

HERE = this_process()
ELSEWHERE = replace(HERE, machine="another machine")
LONG = SILENCE + 1
UTC = "UTC Mon Nov 30 13:49:32 2026"
CI = "https://git.example/acme/surveys/actions/runs/77"
NO_PID = 2**31 - 1


def run_of(process: Process, silent: float = 0.0, ci_run: str = "") -> Run:
    """A run that began and last spoke `silent` seconds before 0."""
    return Run(1, run_start(process=process, ci_run=ci_run), -silent, -silent)


def ended_by(start: RunStart, other: Run) -> list[int]:
    """Return the numbers of the runs that are found dead when another one begins at 0."""
    _, facts = begin_run(JournalState(runs={other.number: other}), start, 0)
    return [fact.run for fact in facts if isinstance(fact, RunEnded)]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    """A living process that waits."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_silent_process_lives_and_a_zombie_is_dead(sleeper: subprocess.Popen[str]) -> None:
    holder = replace(HERE, pid=sleeper.pid, started=started(sleeper.pid) or "")
    assert not is_dead(run_of(holder), HERE, 0)
    assert not is_dead(run_of(holder, ci_run=f"{CI}/attempts/1"), HERE, 0, f"{CI}/attempts/2")
    sleeper.send_signal(signal.SIGSTOP)  # it can go on
    assert not is_dead(run_of(holder, LONG), HERE, 0)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert is_dead(run_of(holder), HERE, 0)
    sleeper.wait()
    assert is_dead(run_of(holder), HERE, 0)


@pytest.mark.parametrize(
    ("holder", "silent", "dead"),
    [
        pytest.param(replace(HERE, started="earlier"), 0, True, id="a later process has its number"),
        pytest.param(replace(HERE, pid=NO_PID), 0, True, id="no process has its number"),
        pytest.param(replace(HERE, started=UTC), LONG, False, id="a start in another form says nothing"),
        pytest.param(replace(ELSEWHERE, pid=NO_PID), SILENCE, False, id="on another machine"),
        pytest.param(replace(ELSEWHERE, pid=NO_PID), LONG, True, id="on another machine, silent for long"),
        pytest.param(ELSEWHERE, -LONG, False, id="on another machine whose clock is ahead"),
        pytest.param(replace(HERE, started="", pid=NO_PID), LONG, True, id="never seen, silent for long"),
    ],
)
def test_a_holder_is_dead_only_if_that_is_proved(holder: Process, silent: float, dead: bool) -> None:
    assert is_dead(run_of(holder, silent), HERE, 0) is dead


@pytest.mark.parametrize(
    ("earlier", "dead"),
    [
        (f"{CI}/attempts/9", True),
        *((run, False) for run in (f"{CI}/attempts/10", f"{CI}8/attempts/1", f"{CI}/attempts/x", "")),
    ],
)
def test_only_an_earlier_attempt_of_the_same_github_run_is_dead_at_once(earlier: str, dead: bool) -> None:
    run = run_of(ELSEWHERE, ci_run=earlier)
    with nullcontext() if dead else pytest.raises(Held):
        assert ended_by(run_start(ci_run=f"{CI}/attempts/10"), run) == [1]


def test_programs_answer_the_same_in_any_zone_and_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TZ": "Asia/Tokyo", "LC_ALL": "nl_NL.UTF-8", "LANGUAGE": "nl"}.items():
        monkeypatch.setenv(name, value)
    assert answer("/bin/date", "--date=@1790000000", "+%Z %A") == "UTC Monday"
    assert answer("/bin/sh", "-c", "echo half of it; exit 1") == ""
    assert answer("/nowhere/ps") == ""


def test_who_is_held_off_reads_who_holds_what_for_how_long_and_the_way_out() -> None:
    run = Run(7, run_start(who="Kim", ci_run="https://ci.example/7"), -630, -30)
    with pytest.raises(Held) as raised:
        ended_by(run_start(), run)
    assert str(raised.value) == (
        "run 7 (apply on staging) of Kim is at work on api.example.com: https://ci.example/7, begun "
        "10 min ago, last heard of 30 s ago. Wait with --lock-timeout 5m; if that process is surely gone, "
        "--take-over 7 ends its run"
    )
