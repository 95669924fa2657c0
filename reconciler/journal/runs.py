"""Runs and what they wrote: who did what, where and when, and what stood there before.

A run holds its accounts from its beginning to its end: while it is open, no other run on one of them can
begin. So the lock and the log are one thing, and a run that died without a word is known by its missing end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.errors import Exit
from reconciler.journal.forms import (
    Action,
    Count,
    Digest,
    ExitCode,
    Fingerprint,
    Id,
    Number,
    Result,
    Text,
    Time,
    Word,
)

Body: TypeAlias = Mapping[str, Any]
"""A whole object of an API, as JSON has it."""


ACCOUNT_SEPARATOR = "#"
"""What stands between the host of an account and what tells it from others there."""
RESULTS = ("applied", "failed", "stale", "skipped", "in doubt")
"""How a change ends."""
MAY_BE_DONE = ("applied", "in doubt")
"""How a write ends that may have been carried out; so may one of which no end is written down."""
SURELY_NOT_DONE = ("failed", "stale", "skipped")
"""How the others end."""


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """The process that a run lives in, told apart from every other one on any machine."""

    machine: Text
    """The same for two processes only if each can see whether the other one lives."""
    host: Text
    """The name of the machine, for people."""
    pid: Count
    started: Text
    """What tells the process from a later one with the same number; opaque."""


class RunStart(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written down of a run before it does anything."""

    command: Text
    """What was asked for, as a person would say it: `apply`, `restore 12`, `seeds send KEY`."""
    target: Text
    accounts: tuple[Text, ...]
    """Every account that the run may write to; it holds all of them."""
    who: Text
    process: Process
    version: Text
    """Of this program."""
    commit: Text = ""
    """The commit of the files, empty where they are in no repository."""
    ci_run: Text = ""
    """Where the run can be looked at, empty where nobody else runs it."""
    fingerprint: Fingerprint = ""
    """Of the plan that is carried out."""
    digests: tuple[Digest, ...] = ()
    """Of that plan's changes and seeds."""


class Run(Struct, frozen=True, forbid_unknown_fields=True):
    """A run, as far as it is written down. One without an end is at work, or died."""

    number: Number
    start: RunStart
    began: Time
    """When it began, in seconds since 1970 UTC; likewise the other times."""
    latest: Time
    """When it last wrote anything down."""
    ended: Time | None = None
    exit: ExitCode | None = None
    """Its exit code; `None` for one that is open, or was found dead."""
    counts: Mapping[Word, Count] = field(default_factory=dict)
    """How its changes ended: `applied`, `failed`, … → number; `sent` counts customers."""
    note: Text = ""
    """Why it ended, where it did not end by itself."""

    @property
    def is_open(self) -> bool:
        """Whether it still holds its accounts."""
        return self.ended is None


def shown_accounts(accounts: Sequence[str]) -> list[str]:
    """Return accounts as they may be shown: by their hosts, without what is made of a key."""
    return list(dict.fromkeys(account.partition(ACCOUNT_SEPARATOR)[0] for account in accounts))


class Intent(Struct, frozen=True, forbid_unknown_fields=True):
    """One write that is about to be made: what is written down before its first byte leaves."""

    account: Text
    key: Text
    action: Action
    """`create`, `update` or `delete`."""
    id: Id | None
    digest: Digest
    """Of the planned change."""
    before: Body | None
    """The whole live body that is overwritten; `None` for a create."""
    body: Body | None
    """The whole body that is sent; `None` for a delete."""


class Ending(Struct, frozen=True, forbid_unknown_fields=True):
    """How one write ended."""

    result: Result
    """As reports call it: `applied`, `failed`, `in doubt`, …"""
    reason: Text = ""
    id: Id | None = None
    """The id of the resource, that of a created one too, as far as it is known."""
    after: Body | None = None
    """The whole body as it was read back; `None` where it was not, or is gone."""


class Operation(Struct, frozen=True, forbid_unknown_fields=True):
    """One write of a run. Without an `ending` nobody knows how it ended: the run died, or is at work."""

    number: Number
    run: Number
    intent: Intent
    at: Time
    ending: Ending | None = None


def as_written(run: Run, operations: Sequence[Operation]) -> Run:
    """Return a run with the counts that its writes show: it may have broken off before it counted any.

    A write without an end is in doubt, unless the run is still open. What the run said itself, if it came to
    that, adds the changes that never became a write, and the customers that it sent to.
    """
    ends = Counter(one.ending.result if one.ending else "in doubt" for one in operations)
    if run.is_open:
        ends["in doubt"] -= sum(one.ending is None for one in operations)
    if not run.counts and not operations:
        return run
    said = {result: run.counts.get(result, 0) for result in SURELY_NOT_DONE}
    counts = {result: max(ends[result], said.get(result, 0)) for result in RESULTS}
    counts |= {"sent": run.counts["sent"]} if "sent" in run.counts else {}
    # What breaks off without counting is written down as an error, like any bug.
    broke_off = run.exit == Exit.ERROR and not run.counts and not run.note
    return replace(run, counts=counts, note="ended without a conclusion" if broke_off else run.note)


class Pruned(Struct, frozen=True):
    """How much `prune` removed."""

    runs: int
    operations: int


class Runs(Protocol):
    """What can be asked of the past. Every method raises `Refused` where the journal cannot be read."""

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return every run, newest first; only those that held `account`, if one is given."""

    def run(self, number: int) -> Run | None:
        """Return one run, `None` where the journal knows no such number."""

    def operations(self, run: int) -> Sequence[Operation]:
        """Return every write of a run, in the order in which they were begun."""

    def latest(self, account: str) -> Mapping[str, Operation]:
        """Return for every key the last write on the account that may have been carried out.

        That is one that ended as `applied` or `in doubt`, or of which no end is written down.
        """

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return what resets were seen to leave behind on the account: path → value in compared form."""


class RunLog(Runs, Protocol):
    """What a run writes down. Every write is safe on disk when it returns, or was not made at all.

    Every method raises `Refused` where the journal cannot be written: then nothing may be changed. One whose
    connection broke off at the last moment may have been written all the same.
    """

    def begin_run(self, start: RunStart) -> int:
        """Write down that a run begins, and hold its accounts; return its number, which grows with time.

        Raises `Held`, and writes nothing, while another run holds one of the accounts. A holder that is
        provably dead is ended first, with a note.
        """

    def end_run(self, run: int, exit: int, counts: Mapping[str, int]) -> None:
        """Write down how a run ended, and let go of its accounts. One that has ended already stays so."""

    def take_over(self, run: int, note: str) -> None:
        """End a run that another one holds on to, because a person says that it is dead.

        Raises `LookupError` for an unknown one; one that has ended already stays as it is.
        """

    def begin_operation(self, run: int, intent: Intent) -> int:
        """Write down that a write is about to be made; return its number.

        Raises `Refused`, and writes nothing, if the run does not hold the account, or no longer: it was found
        dead, and another one may be at work there.
        """

    def end_operation(self, operation: int, ending: Ending) -> None:
        """Write down how a write ended; a later ending counts more. Raises `LookupError` for an unknown one.

        It is written even where the run was ended by somebody else, for it is the truth.
        """

    def learn(self, run: int, account: str, values: Mapping[str, Any]) -> None:
        """Write down what resets left behind, of which the journal does not know the same already."""

    def prune(self, before: float) -> Pruned:
        """Remove runs that ended before a time, with their writes; return how much that was.

        What a later run needs stays: every delivery with the run that sent it, what was learned, runs that
        are open, and every run with the latest write of a key that may have been carried out. A run goes or
        stays as a whole.
        """


def news(known: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not known already; unlike Python, JSON tells `false` from `0`."""
    return {p: value for p, value in values.items() if p not in known or _json(known[p]) != _json(value)}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
