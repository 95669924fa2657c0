"""A journal in a branch of the workspace's own git repository, for where nothing else is shared.

The branch is log and lock at once. A write is a commit that the remote has taken by a fast-forward push; of
two runs that write at once git refuses one, which then reads what the other wrote and asks the rules again.
The work tree, the index, HEAD and the user's refs and settings are never touched.

A write costs two processes of git (a commit, a push), and carries what other threads write at the same
moment. One more look costs two where there is nothing new, and four where there is.

Pruning removes files by a further commit, so the branch's history still has what was pruned.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from reconciler.clock import Clock
from reconciler.journal import decisions
from reconciler.journal.git_finding import find_branch
from reconciler.journal.git_tree import Tree
from reconciler.journal.git_writer import RACES, Writer
from reconciler.journal.hashing import keyed_hash
from reconciler.journal.ledger import BatchIntent, Delivery, DeliveryState
from reconciler.journal.repeats import counting
from reconciler.journal.runs import Ending, Intent, Operation, Pruned, Run, RunStart
from reconciler.journal.text import in_writing

FRESHNESS = 5.0
"""Seconds for which those who only read go by the last answer. A rule that refuses always asks again."""


def open_branch(
    folder: Path, name: str, clock: Clock, *, freshness: float = FRESHNESS, races: int = RACES
) -> GitJournal:
    """Open the journal in the branch `name` of the repository that `folder` lies in; make it if need be.

    Raises `UsageError` if the branch is something else, is checked out or has a newer format, or if git or
    the repository are not fit for it; and `Refused` if it cannot be fetched or made, or has lost something.
    """
    journal = GitJournal(_writer(folder, name, clock, freshness, races))
    journal.find_or_make()
    return journal


def read_branch(folder: Path, name: str, clock: Clock, *, freshness: float = FRESHNESS) -> GitJournal | None:
    """Open the journal in a branch to read it; `None` if there is no such branch. Nothing is pushed.

    Errors as for `open_branch`.
    """
    journal = GitJournal(_writer(folder, name, clock, freshness))
    return journal if journal.find() else None


class GitJournal:
    """Keeps `reconciler.journal.opening.Journal`, once it was found or made."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._is_new = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self) -> bool:
        """Read the branch; tell whether it is there, and let go of it if it is not."""
        with self._closed_on_error():
            is_there = self._writer.find()
        if not is_there:
            self.close()
        return is_there

    def find_or_make(self) -> None:
        """Read the branch, or make it."""
        with self._closed_on_error():
            self._is_new = self._writer.find_or_make()

    def close(self) -> None:
        """Let go of the branch. Nothing is lost without it; closing twice is allowed."""
        self._writer.close()

    @property
    def is_new(self) -> bool:
        """Whether it was this opening that made the journal, so that it knows nothing of the past."""
        return self._is_new

    def hash(self, text: str) -> str:
        """Return the keyed hash under which personal text stands in this journal."""
        return keyed_hash(self._writer.hash_key, text)

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return the delivery that counts for every customer in every round of a seed, oldest first."""
        return counting(self.past(account, seed))

    def past(self, account: str, seed: str | None = None) -> Sequence[Delivery]:
        """Return every delivery of a seed, or of all, in every round, oldest first."""
        return tuple(self._writer.known().past(*in_writing((account, seed))))

    def intend(self, shipment: BatchIntent, *, again: Collection[int] = ()) -> int:
        """Write down that a request is about to be sent; return the number of its batch."""
        return self._writer.write(lambda known, _: decisions.intend(known, in_writing(shipment), again))

    def conclude(
        self, batch: int, standing: DeliveryState, note: str = "", server_since: float | None = None
    ) -> None:
        """Write down how a batch ended, for all of its deliveries."""
        self._writer.write(
            lambda known, _: decisions.conclude(known, batch, None, standing, in_writing(note), server_since)
        )

    def conclude_delivery(self, batch: int, customer: str, standing: DeliveryState, note: str = "") -> None:
        """Write down how one delivery of a batch ended."""
        self._writer.write(
            lambda known, _: decisions.conclude(known, batch, customer, standing, in_writing(note))
        )

    def record_found(self, account: str, seed: str, round: str, deliveries: Sequence[Delivery]) -> None:
        """Write down customers that were not sent because their address had customers already."""
        found = in_writing(BatchIntent(account, seed, round, deliveries, {}))
        self._writer.write(lambda known, _: decisions.record_found(known, found))

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return every run, newest first; only those that held `account`, if one is given."""
        runs = reversed(self._writer.known().runs.values())
        return tuple(run for run in runs if account is None or in_writing(account) in run.start.accounts)

    def run(self, number: int) -> Run | None:
        """Return one run, `None` where the journal knows no such number."""
        return self._writer.known().runs.get(number)

    def operations(self, run: int) -> Sequence[Operation]:
        """Return every write of a run, in the order in which they were begun."""
        return tuple(self._writer.known().operations_of(run))

    def latest(self, account: str) -> Mapping[str, Operation]:
        """Return for every key the last write on the account that may have been carried out."""
        latest = self._writer.known().latest()
        return {key: operation for (of, key), operation in latest.items() if of == in_writing(account)}

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return what resets were seen to leave behind on the account."""
        return dict(self._writer.known().learned.get(in_writing(account), {}))

    def begin_run(self, start: RunStart) -> int:
        """Write down that a run begins, and hold its accounts; return its number."""
        return self._writer.write(lambda known, now: decisions.begin_run(known, in_writing(start), now))

    def end_run(self, run: int, exit: int, counts: Mapping[str, int]) -> None:
        """Write down how a run ended, and let go of its accounts. One that has ended already stays so."""
        self._writer.write(lambda known, _: decisions.end_run(known, run, exit, counts))

    def take_over(self, run: int, note: str) -> None:
        """End a run that another one holds on to. Raises `LookupError` for an unknown one."""
        self._writer.write(lambda known, _: decisions.take_over(known, run, in_writing(note)))

    def begin_operation(self, run: int, intent: Intent) -> int:
        """Write down that a write is about to be made; return its number."""
        return self._writer.write(lambda known, _: decisions.begin_operation(known, run, in_writing(intent)))

    def end_operation(self, operation: int, ending: Ending) -> None:
        """Write down how a write ended. Raises `LookupError` for an unknown one."""
        self._writer.write(lambda known, _: decisions.end_operation(known, operation, in_writing(ending)))

    def learn(self, run: int, account: str, values: Mapping[str, Any]) -> None:
        """Write down what resets left behind, of which the journal does not know the same already."""
        self._writer.write(lambda known, _: decisions.learn(known, run, in_writing(account), values))

    def prune(self, before: float) -> Pruned:
        """Remove runs that ended before a time, with their writes; return how much that was."""
        return self._writer.write(lambda known, _: decisions.prune(known, before))

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def _writer(folder: Path, name: str, clock: Clock, freshness: float, races: int = RACES) -> Writer:
    git, branch = find_branch(folder, name, os.environ, clock)
    return Writer(branch, Tree(git, f"git+branch:{name}"), clock, freshness, races)
