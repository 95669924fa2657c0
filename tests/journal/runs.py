"""Short ways to say which run does what."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from reconciler.journal.entries import Ending, Intent, RunStart
from reconciler.journal.holding import this_process
from reconciler.journal.journal import Journal

ACCOUNT = "api.example.com#0badcafe"
OTHER = "acme.example"
BEFORE = {"Name": "Old", "Active": None, "Mapping": [1, "ü"]}
BODY = {"Name": "New", "Active": False, "Mapping": []}
APPLIED = Ending("applied", "", 7, BODY)


def run_start(*accounts: str, **other: Any) -> RunStart:
    """Return what is written down of a run of this process that holds some accounts."""
    told: dict[str, Any] = {
        "command": "apply",
        "target": "staging",
        "who": "a tester",
        "process": this_process(),
        "version": "1.2.3",
    }
    return RunStart(accounts=accounts or (ACCOUNT,), **{**told, **other})


def digest(text: str) -> str:
    """Return what stands for a text, in the form of a digest."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def intent(key: str = "import_configs.newsletter", account: str = ACCOUNT) -> Intent:
    """Return an update that is told apart from others by its key."""
    return Intent(account, key, "update", 7, digest(key), BEFORE, BODY)


def write(journal: Journal, run: int, key: str, *results: str) -> int:
    """Begin an operation and end it with each of these results; return its number."""
    number = journal.begin_operation(run, intent(key))
    for result in results:
        journal.end_operation(number, Ending(result))
    return number


def a_run(journal: Journal, *keys: str, result: str = "applied") -> int:
    """Let a whole run pass that wrote these keys; return its number."""
    run = journal.begin_run(run_start())
    for key in keys:
        write(journal, run, key, result)
    journal.end_run(run, 0, {result: len(keys)})
    return run
