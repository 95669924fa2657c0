"""Which process a run lives in, and when that is provably dead, as far as it can be seen from here."""

from __future__ import annotations

import os
import platform
import re
import secrets
from pathlib import Path

from reconciler.journal.entries import Process, Run
from reconciler.system import GONE, UTC, answer, started

SILENCE = 3600.0
"""Seconds without a word after which a holder counts as dead that cannot be looked at from here.

A run that lives writes down each change before it makes it, asks in the same moment whether it still holds
its accounts, and waits for minutes at the most in between. So nothing is written behind the back of the one
that took over.
"""

_ATTEMPT = re.compile(r"(.+/actions/runs/[0-9]{1,20})/attempts/([0-9]{1,9})")


def this_process() -> Process:
    """Return the process that calls, as a journal writes it down.

    Two processes with the same `machine` see each other: it names a boot and a process space. Names of
    machines are not enough: many are called the same.
    """
    host, pid = platform.node(), os.getpid()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # Two containers of one machine do not see each other's processes.
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, space = answer("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"), ""
    machine = f"{host} {boot or secrets.token_hex(16)} {space}".rstrip()
    return Process(machine, host, pid, started(pid) or "")


def is_dead(run: Run, observer: Process, now: float, ci_run: str = "") -> bool:
    """Tell whether an open run can do nothing further, as far as `observer`, a process, can know that.

    Where the observer can see the holder's process, that alone decides: one that lives may have slept for
    hours, and will go on where it was. Elsewhere it is dead if the observer is a later attempt of the same
    `ci_run`, or by its silence.
    """
    holder = run.start.process
    if holder.machine == observer.machine and holder.started:
        began = started(holder.pid)
        if began in (None, GONE):
            return began is not None
        # Versions before this one wrote a local time, which cannot be compared: it may be the same moment.
        return began.startswith(UTC) == holder.started.startswith(UTC) and began != holder.started
    # GitHub begins an attempt only when every job of the one before has ended (GitHub's documentation
    # "Re-running workflows and jobs").
    later, earlier = _ATTEMPT.fullmatch(ci_run), _ATTEMPT.fullmatch(run.start.ci_run)
    if later and earlier and later[1] == earlier[1] and int(later[2]) > int(earlier[2]):
        return True
    return now - run.latest > SILENCE
