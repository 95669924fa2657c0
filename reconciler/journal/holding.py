"""Who holds an account, and when a holder is provably dead. Pure, but for a look at the processes here."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

from reconciler.errors import Held
from reconciler.journal.runs import Process, Run, RunStart

SILENCE = 3600.0
"""Seconds without a word after which a holder counts as dead.

A run that lives writes down each change before it makes it, asks in the same moment whether it still holds
its accounts, and waits for minutes at the most in between. So nothing is written behind the back of the one
that took over.
"""


def this_process() -> Process:
    """Return the process that calls, as a journal writes it down."""
    pid = os.getpid()
    return Process(_machine(), platform.node(), pid, _started(pid) or "")


def refuse_held(start: RunStart, open_runs: Iterable[Run], now: float) -> list[Run]:
    """Return the runs to be ended before this one can begin, which are provably dead.

    Raises `Held` if a run that may be alive holds one of the accounts.
    """
    holding = [run for run in open_runs if set(run.start.accounts) & set(start.accounts)]
    for run in holding:
        if not is_dead(run, start.process, now):
            raise Held(_held(run, now))
    return holding


def is_dead(run: Run, observer: Process, now: float) -> bool:
    """Tell whether an open run can do nothing further, as far as `observer`, a process, can know that."""
    if now - run.latest > SILENCE:
        return True
    holder = run.start.process
    if holder.machine != observer.machine or not holder.started:
        return False
    return _started(holder.pid) != holder.started


def found_dead(run: Run) -> str:
    """Return the note under which a dead run is ended."""
    return f"found dead: process {run.start.process.pid} on {run.start.process.host} had not ended it"


def _held(run: Run, now: float) -> str:
    start = run.start
    where = f"{start.ci_run or f'process {start.process.pid} on {start.process.host}'}"
    return (
        f"run {run.number} ({start.command} on {start.target}) of {start.who} is at work on this account: "
        f"{where}, begun {_age(now - run.began)} ago, last heard of {_age(now - run.latest)} ago. Wait with "
        f"--lock-timeout 5m; if that process is surely gone, --take-over {run.number} ends its run"
    )


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"


def _machine() -> str:
    """Return what two processes share if each can see the other: a boot of a machine, and a process space."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # Two containers of one machine do not see each other's processes.
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {platform.system()}"


def _started(pid: int) -> str | None:
    """Return when a process of this machine began, in a form that does not change; `None` for no process."""
    try:
        # After the name in parentheses, which may hold anything, the start is the 20th of the rest (proc(5)).
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)


def _started_by_ps(pid: int) -> str | None:
    asked = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None
