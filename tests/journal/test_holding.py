"""When a holder is provably dead: by a look at its process where that can be seen, by silence elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from reconciler.errors import Held
from reconciler.journal.entries import Process, Run
from reconciler.journal.holding import SILENCE, answer, is_dead, process_of, this_process
from reconciler.journal.rules import refuse_held

from .runs import ACCOUNT, OTHER, run_start

HERE = this_process()
LONG = SILENCE + 1


def run_of(process: Process, silent: float = 0.0, *accounts: str) -> Run:
    """A run that began and last spoke `silent` seconds before 0."""
    return Run(1, run_start(*accounts, process=process), -silent, -silent)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    """A living process that waits."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_this_process_lives_and_is_the_same_each_time() -> None:
    assert this_process() == HERE
    assert HERE.pid == os.getpid()
    assert HERE.machine
    assert HERE.started


def test_a_process_that_can_be_seen_is_not_dead_however_silent_even_if_it_is_stopped(
    sleeper: subprocess.Popen[str],
) -> None:
    assert not is_dead(run_of(process_of(sleeper.pid)), HERE, 0)
    sleeper.send_signal(signal.SIGSTOP)
    assert not is_dead(run_of(process_of(sleeper.pid), LONG), HERE, 0)


def test_a_process_that_ended_is_dead_before_and_after_it_is_buried(sleeper: subprocess.Popen[str]) -> None:
    holder = process_of(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert is_dead(run_of(holder), HERE, 0)
    sleeper.wait()
    assert is_dead(run_of(holder), HERE, 0)


def test_a_later_process_with_the_same_number_does_not_keep_a_run_alive() -> None:
    assert is_dead(run_of(replace(HERE, started="earlier")), HERE, 0)


UTC = "UTC Mon Nov 30 13:49:32 2026"


def test_a_start_in_another_form_says_nothing_of_a_process_that_is_there() -> None:
    """As `ps` told it to an earlier version, in the time zone and the language of a shell."""
    assert not is_dead(run_of(replace(HERE, started=UTC), LONG), HERE, 0)
    assert is_dead(run_of(replace(HERE, started=UTC, pid=2**31 - 1)), HERE, 0)


def test_programs_of_the_system_answer_the_same_in_any_time_zone_and_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "nl_NL.UTF-8")
    monkeypatch.setenv("LANGUAGE", "nl")
    assert answer("/bin/date", "--date=@1790000000", "+%Z %A") == "UTC Monday"
    assert answer("/bin/sh", "-c", "echo half of it; exit 1") == ""
    assert answer("/nowhere/ps") == ""


ELSEWHERE = replace(HERE, machine="another machine")
RUN = "https://git.example/acme/surveys/actions/runs/77"


def attempt_of(ci_run: str, process: Process = ELSEWHERE) -> Run:
    """A run that spoke just now, of that address."""
    return Run(1, run_start(process=process, ci_run=ci_run), 0, 0)


def test_an_earlier_attempt_of_the_same_run_of_github_is_dead_wherever_it_ran() -> None:
    assert is_dead(attempt_of(f"{RUN}/attempts/9"), HERE, 0, f"{RUN}/attempts/10")


@pytest.mark.parametrize(
    "earlier", [f"{RUN}/attempts/2", f"{RUN}/attempts/3", f"{RUN}8/attempts/1", f"{RUN}/attempts/x", RUN, ""]
)
def test_no_other_run_is_dead_before_it_is_silent(earlier: str) -> None:
    assert not is_dead(attempt_of(earlier), HERE, 0, f"{RUN}/attempts/2")


def test_an_earlier_attempt_that_can_be_seen_alive_is_not_dead_and_any_other_is_not_waited_for(
    sleeper: subprocess.Popen[str],
) -> None:
    run = attempt_of(f"{RUN}/attempts/1", process_of(sleeper.pid))
    assert not is_dead(run, HERE, 0, f"{RUN}/attempts/2")
    run = attempt_of(f"{RUN}/attempts/1")
    assert refuse_held(run_start(ci_run=f"{RUN}/attempts/2"), [run], 0) == [run]
    with pytest.raises(Held, match="attempts/1"):
        refuse_held(run_start(ci_run=f"{RUN}8/attempts/2"), [run], 0)


@pytest.mark.parametrize("pid", [2**40, 2**31 - 1])
def test_a_number_that_no_process_has_is_dead(pid: int) -> None:
    assert is_dead(run_of(replace(HERE, pid=pid)), HERE, 0)


@pytest.mark.parametrize(
    "holder",
    [
        replace(HERE, machine="another", pid=2**31 - 1),
        replace(HERE, machine=f"{HERE.machine}2", pid=2**31 - 1),  # another container: another process space
        replace(HERE, started="", pid=2**31 - 1),
    ],
    ids=["another machine", "another container", "never seen"],
)
def test_a_process_that_cannot_be_seen_is_dead_only_when_long_silent(holder: Process) -> None:
    assert not is_dead(run_of(holder, SILENCE), HERE, 0)
    assert is_dead(run_of(holder, LONG), HERE, 0)


def test_a_holder_whose_clock_is_ahead_is_not_dead() -> None:
    assert not is_dead(run_of(replace(HERE, machine="another"), -LONG), HERE, 0)


def test_only_holders_of_the_same_accounts_matter() -> None:
    dead = replace(HERE, started="earlier")
    runs = [run_of(HERE, 0, OTHER), run_of(dead, 0, ACCOUNT)]
    assert refuse_held(run_start(ACCOUNT), runs, 0) == runs[1:]
    with pytest.raises(Held, match=r"at work on acme\.example:"):
        refuse_held(run_start(ACCOUNT, OTHER), runs, 0)


@pytest.mark.parametrize(
    ("seconds", "age"), [(-5, "0 s"), (90, "90 s"), (150, "2 min"), (7000, "117 min"), (10_800, "3 h")]
)
def test_an_age_is_told_in_the_unit_that_a_person_would_use(seconds: float, age: str) -> None:
    with pytest.raises(Held, match=f"begun {age} ago"):
        refuse_held(run_start(), [run_of(HERE, seconds)], 0)
