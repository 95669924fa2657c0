"""How the journal of a target stands: where it is, whether it can be read, who holds an account by it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.commands.journal import journal_address, open_past
from reconciler.commands.session import Chosen
from reconciler.config.discovery import shown
from reconciler.config.settings import needs_credentials
from reconciler.errors import ReconcilerError
from reconciler.journal.holding import is_dead, this_process
from reconciler.journal.opening import name_of, protection_of
from reconciler.journal.runs import Run, shown_accounts
from reconciler.render.listing import Check, failed, not_checkable, ok, problem
from reconciler.render.values import counted

_FILE = "sqlite:"


def check_journal(chosen: Chosen) -> Iterator[Check]:
    """Yield how the journal stands. It is read as for a plan: none is made."""
    try:
        address = journal_address(chosen)
        name = name_of(address, chosen.workspace.folder)
        with open_past(chosen) as past:
            is_new, runs = past.is_new, past.runs()
    except ReconcilerError as error:
        yield failed("journal", error)
        return
    name = shown(Path(name), chosen.environment.folder) if address.startswith(_FILE) else name
    yield ok("journal", _standing(name, is_new=is_new, runs=len(runs)))
    if protection := protection_of(address):
        yield _protection(protection)
    yield _writing(address, chosen.workspace.folder)
    yield from (_holder(run, chosen.environment.clock.now()) for run in runs if run.is_open)
    yield from _lasting(address, chosen)


def _standing(name: str, *, is_new: bool, runs: int) -> str:
    if is_new:
        return f"{name} is not there yet; the first apply makes it"
    return f"{name} can be read by this version; {counted(runs, 'run')}"


def _protection(mode: str) -> Check:
    if mode == "verify-full":
        return ok("journal host", "it proves its name by a certificate (sslmode=verify-full)")
    text = f"anybody on the way may be it, or read along (sslmode={mode})"
    return not_checkable(
        "journal host", text, "write sslmode=verify-full, with sslrootcert=FILE of its authority"
    )


def _writing(address: str, folder: Path) -> Check:
    if not address.startswith(_FILE):
        return not_checkable("journal writing", "only a write shows whether it may be written")
    file = Path(name_of(address, folder))
    there = next(path for path in (file, *file.absolute().parents) if path.exists())
    if os.access(there, os.W_OK):
        return ok("journal writing", "its place can be written")
    return problem("journal writing", f"{there} may not be written", "look at the rights on it")


def _holder(run: Run, now: float) -> Check:
    start = run.start
    who = f"run {run.number} ({start.command} on {start.target}) of {start.who}"
    observer = this_process()
    if is_dead(run, observer, now):
        return ok("lock", f"{who} died; the next run ends it and goes on")
    held = f"{who} holds {' and '.join(shown_accounts(start.accounts))}"
    if start.process.machine == observer.machine:
        return ok("lock", f"{held}: it is at work here, process {start.process.pid}")
    mend = f"wait with --lock-timeout; if it is surely dead, --take-over {run.number} ends it"
    return not_checkable("lock", f"{held}; whether it lives cannot be seen from here", mend)


def _lasting(address: str, chosen: Chosen) -> Iterator[Check]:
    """Yield whether the journal outlives the run, and knows of runs elsewhere, on a real target."""
    target = chosen.target
    real = any(needs_credentials(api.url) for api in (target.checkmarket, target.expoints) if api is not None)
    if not real or not address.startswith(_FILE):
        return
    mend = "add journal: to the target: {env: NAME} of a postgresql:// address, or git+branch:NAME"
    if chosen.environment.in_ci:
        yield problem("journal sharing", "in CI a file is gone after the run, and seeds are not sent", mend)
    else:
        yield not_checkable("journal sharing", "a file knows nothing of runs on other machines", mend)
