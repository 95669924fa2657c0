"""The door to a journal: opening one by its address, reading it, and writing to it.

A journal is what its entries say (`reconciler.journal.rules`), read from a log once and then followed. A
write is decided by a rule on what is known, and added to the log only if nothing was added there meanwhile;
otherwise the rule is asked again. So of two runs that want the same, one gets it, whatever keeps the log.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from reconciler.access import Access
from reconciler.clock import Clock, SystemClock
from reconciler.errors import Refused, UsageError, missing_extra
from reconciler.journal import rules
from reconciler.journal.entries import (
    FORMAT,
    BatchIntent,
    Body,
    Delivery,
    DeliveryState,
    Ending,
    Intent,
    JournalBegan,
    Line,
    Log,
    Operation,
    Rejected,
    Run,
    RunRecord,
    RunsPruned,
    RunStart,
    Unsound,
    document,
    line_of,
    other_format,
    read,
    read_entry,
)
from reconciler.journal.rules import Decision, JournalState

_SERVERS = ("postgresql://", "postgres://")

FORMS = ("sqlite:", *_SERVERS, "git+branch:")  # what the address of a journal begins with

_BEFORE_AND_SENT: Any = tuple[Body | None, Body | None]
_READ_BACK: Any = tuple[Body | None]  # the bodies that are kept beside a write's beginning and end

Answer = TypeVar("Answer")
Value = TypeVar("Value")
Around = Callable[[], AbstractContextManager[None]]
"""What lies around an addition, so that crash tests can end the process before or after it."""
Decide = Callable[[JournalState, float], Decision[Answer]]
"""A rule that decides, from what is known at a moment, what to write down; or raises why it may not be."""
_Write: TypeAlias = tuple[Decide[Any], Future[Any]]
"""A write on its way: its rule, and what it answers or raises once it is in the log or is not to be."""


_UNWRITABLE = re.compile("[\\0\ud800-\udfff]")


def in_writing(value: Value) -> Value:
    """Return a value in whose texts a null or half a character is an escape, for no database takes those.

    Mappings, such as bodies, stay as they are.
    """
    made: Any = value
    if isinstance(value, str) and _UNWRITABLE.search(value):
        made = _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    elif isinstance(value, list | tuple):
        made = type(value)(map(in_writing, value))
    elif isinstance(value, Struct):
        made = replace(value, **{name: in_writing(part) for name, part in asdict(value).items()})
    return made  # type: ignore[no-any-return]


class ReadOnlyJournal:
    """An open journal to read, and a context manager that closes it, for any number of threads.

    Every method raises `Refused` where it cannot be read. `log` is `None` for a journal that is not there: it
    knows of nothing, and its hashes hold for this process only.
    """

    def __init__(self, log: Log | None = None, clock: Clock | None = None) -> None:
        self._log = log
        self._clock = clock or SystemClock()
        self._state = JournalState()
        self._asked = self._clock.monotonic()
        self._lock = threading.RLock()
        if log is not None:
            self._follow(log)
        self.is_new = self._state.n == 0
        """Whether it knows nothing of the past because it was not there before it was opened."""
        if self.is_new:
            self._state.hash_key = secrets.token_bytes(32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()

    def hash(self, text: str) -> str:
        """Return the keyed hash under which personal text stands in this journal: 32 hexadecimal digits."""
        encoded = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(encoded, digest_size=16, key=self._state.hash_key).hexdigest()

    def past(self, account: str, seed: str | None = None) -> Sequence[Delivery]:
        """Return every delivery of a seed, or of all seeds, in every round, oldest first.

        Those that no longer count are among them.
        """
        account, seed = in_writing((account, seed))
        batches = [one for one in self._current().batches.values() if one.account == account]
        return tuple(d for one in batches if seed in (None, one.seed) for d in one.deliveries)

    def runs(self, account: str | None = None) -> Sequence[Run]:
        """Return every run, newest first; only those that held `account`, if one is given."""
        held = in_writing(account)
        runs = reversed(self._current().runs.values())
        return tuple(run for run in runs if held is None or held in run.start.accounts)

    def run(self, number: int) -> Run | None:
        """Return one run, `None` where the journal knows no such number."""
        return self._current().runs.get(number)

    def operations(self, run: int, *, bodies: bool = True) -> Sequence[Operation]:
        """Return every write of a run, in the order in which they began; their bodies if asked for."""
        state = self._current()
        written = tuple(one for one in state.writes.values() if one.run == run)
        return self._with_bodies(state, written) if bodies else written

    def record(self, run: Run) -> RunRecord:
        """Return all that a run has written down; the bodies of its writes are not read."""
        return rules.record_of(self._current(), run)

    def latest(self, account: str, *, adopted: bool = True) -> Mapping[str, Operation]:
        """Return for every key the last write on the account that may have been carried out.

        That is one that ended as `applied` or `in doubt`, or has no end. `adopted` says whether adoptions,
        which send nothing, count as well.
        """
        state = self._current()
        last = state.latest(in_writing(account), adopted=adopted)
        written = self._with_bodies(state, tuple(last.values()))
        return {operation.intent.key: operation for operation in written}

    def learned(self, account: str) -> Mapping[str, Any]:
        """Return what resets were seen to leave behind on the account: path → value in compared form."""
        return dict(self._current().defaults.get(in_writing(account), {}))

    def _with_bodies(self, state: JournalState, written: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """Return writes with what is kept beside their entries. Raises `Refused` where that is damaged."""
        if self._log is None or not written:
            return written
        with self._lock:
            places = [(one.run, n) for one in written for n in state.places[one.number] if n]
            texts = self._log.bodies(places)
        made = []
        try:
            for one in written:
                what, (began, ended) = f"a body of write {one.number}", state.places[one.number]
                before, body = read(_BEFORE_AND_SENT, texts.get(began), what)
                ending = one.ending
                if ending is not None and not ended:
                    ending = replace(ending, after=before)
                elif ending is not None:
                    (after,) = read(_READ_BACK, texts.get(ended), what)
                    ending = replace(ending, after=after)
                made.append(replace(one, intent=replace(one.intent, before=before, body=body), ending=ending))
        except Unsound as error:
            raise self._log.damaged(str(error)) from error
        return tuple(made)

    def _current(self) -> JournalState:
        """Return what the journal says now, or said a moment ago; it is not changed afterwards."""
        if self._log is None:
            return self._state
        with self._lock:
            if self._clock.monotonic() - self._asked >= self._log.freshness:
                self._follow(self._log)
            return self._state

    def _follow(self, log: Log) -> None:
        """Take into account what was added to the log since the last look."""
        asked = self._clock.monotonic()
        if lines := log.read(self._state.n):
            is_whole = lines[0].n == 1
            try:
                state = _replayed(JournalState() if is_whole else self._state.copy(), lines, log.name)
            except Unsound as error:
                raise log.damaged(str(error)) from error
            if is_whole and (
                state.last_batch < self._state.last_batch
                or (self._state.last and state.hash_key != self._state.hash_key)
            ):
                raise log.damaged("what was written there is no longer in it, and nothing was pruned")
            state.last = lines[-1]
            self._state = state
        self._asked = asked


class Journal(ReadOnlyJournal):
    """An open journal. Every write is safe on disk when it returns, or was not made at all.

    Every method that writes raises `Refused` where the journal cannot be written: then nothing may be changed
    or sent. One whose connection broke off at the last moment may have been written all the same. Writes that
    several threads make at once are added together, with one wait for the disk or the remote.

    Opening one begins it where nothing is there. `around` is entered around each addition.
    """

    races = 100  # how often an addition is tried while other processes are faster

    def __init__(self, log: Log, clock: Clock, around: Around = nullcontext) -> None:
        super().__init__(log, clock)
        self._to = log
        self._around = around
        self._waiting: list[_Write] = []
        self._queue = threading.Condition()
        self._is_adding = False
        if self.is_new:
            began = JournalBegan(FORMAT, self._state.hash_key.hex())
            self.is_new = self._write(lambda state, _: (not state.n, () if state.n else [began]))

    def intend(self, batch: BatchIntent, *, again: Collection[int] = ()) -> int:
        """Write down that a request is about to be sent; return the number of its batch.

        `again` holds the settled batches whose customers are sent to once more on purpose, as the caller has
        read them: so of two runs that want to repeat one batch, only one can. Raises `Refused` if for any of
        the customers the delivery that counts in this round is open, or is sent or found and its batch not in
        `again`, and if the run no longer holds its account.
        """
        return self._write(lambda state, _: rules.intend(state, in_writing(batch), again))

    def conclude(
        self, batch: int, standing: DeliveryState, note: str = "", server_since: float | None = None
    ) -> None:
        """Write down how a batch ended, for all of its deliveries. A later conclusion counts more.

        `note` is kept as it is, so it must hold nothing personal. `server_since` is what the server's clock
        says now, if that is known. Raises `LookupError` for an unknown batch.
        """
        said = in_writing(note)
        self._write(lambda state, _: rules.conclude(state, batch, None, standing, said, server_since))

    def conclude_delivery(self, batch: int, customer: str, standing: DeliveryState, note: str = "") -> None:
        """Write down how one delivery of a batch ended, in the same way."""
        said = in_writing(note)
        self._write(lambda state, _: rules.conclude(state, batch, customer, standing, said))

    def record_found(self, account: str, seed: str, round: str, deliveries: Sequence[Delivery]) -> None:
        """Write down customers that were not sent because their address had customers already.

        One that is open, sent or found in this round stays as it is.
        """
        found = in_writing(BatchIntent(account, seed, round, deliveries, {}))
        self._write(lambda state, _: rules.record_found(state, found))

    def begin_run(self, start: RunStart) -> int:
        """Write down that a run begins, and hold its accounts; return its number, which grows with time.

        Raises `Held` while another run holds one of them. One that is provably dead is ended first.
        """
        return self._write(lambda state, now: rules.begin_run(state, in_writing(start), now))

    def end_run(self, run: int, exit: int, counts: Mapping[str, int]) -> None:
        """Write down how a run ended, and let go of its accounts. One that has ended already stays so."""
        self._write(lambda state, _: rules.end_run(state, run, exit, counts))

    def take_over(self, run: int, note: str) -> None:
        """End a run that another one holds on to, because a person says that it is dead.

        Raises `LookupError` for an unknown one; one that has ended already stays as it is.
        """
        self._write(lambda state, _: rules.take_over(state, run, in_writing(note)))

    def begin_operation(self, run: int, intent: Intent) -> int:
        """Write down that a write is about to be made; return its number.

        Raises `Refused` if the run does not hold the account, or no longer: it was found dead.
        """
        return self._write(lambda state, _: rules.begin_operation(state, run, in_writing(intent)))

    def agree(self, run: int, intents: Sequence[Intent]) -> None:
        """Write down, all at once, what is live as it is declared: nothing was sent.

        Raises `Refused` as for the beginning of a write.
        """
        self._write(lambda state, _: rules.agree(state, run, [*map(in_writing, intents)]))

    def end_operation(self, operation: int, ending: Ending) -> None:
        """Write down how a write ended, even where another run has ended this one.

        A later ending counts more. Raises `LookupError` for an unknown write.
        """
        self._write(lambda state, _: rules.end_operation(state, operation, in_writing(ending)))

    def learn(self, run: int, account: str, values: Mapping[str, Any]) -> None:
        """Write down what resets left behind, of which the journal does not know the same already."""
        self._write(lambda state, _: rules.learn(state, run, in_writing(account), values))

    def prune(self, before: float) -> RunsPruned:
        """Remove runs that ended before a time, with their writes; return how much that was.

        What a later run needs stays: every delivery with the run that sent it, what was learned, open runs,
        and every run with the latest write of a key that may have been carried out.
        """
        return self._write(lambda state, _: rules.prune(state, before))

    def _write(self, decide: Decide[Answer]) -> Answer:
        """Return the answer of a rule once what it decides is in the log. Raises what the rule raises.

        While one thread adds to the log, others wait; then the first of them adds what all of them have.
        Those whose writes are in go on at once.
        """
        answered = Future[Answer]()
        with self._queue:
            self._waiting.append((decide, answered))
            self._queue.wait_for(lambda: answered.done() or not self._is_adding)
            if answered.done():
                return answered.result()
            self._is_adding = True
            writes, self._waiting = self._waiting, []
        try:
            self._add_all(writes)
        finally:
            with self._queue:
                self._is_adding = False
                self._queue.notify_all()
        return answered.result()

    def _add_all(self, writes: Sequence[_Write]) -> None:
        """Add writes together; each that is not in the log afterwards has its error, for its own thread."""
        groups = [writes]
        for group in groups:
            try:
                self._add(group)
            except BaseException as error:
                if isinstance(error, Rejected) and len(group) > 1:  # for one of them, so each goes by itself
                    groups += [[write] for write in group]
                    continue
                for _, answered in group if isinstance(error, Exception) else writes:
                    if not answered.done():
                        answered.set_exception(error)
                if not isinstance(error, Exception):
                    raise

    def _add(self, writes: Sequence[_Write]) -> None:
        """Let the rules decide, and add what they decide, however often others are first."""
        is_fresh = False
        with self._lock:
            for _ in range(self.races + 1):
                now, state = self._clock.now(), self._state.copy()
                lines, outcomes = list[Line](), list[tuple[bool, Any]]()
                for decide, _ in writes:
                    outcomes.append(_outcome(decide, state, now, lines))
                # Only what the log says at this moment may keep anything from it.
                is_added = is_fresh or all(has_lines for has_lines, _ in outcomes)
                if is_added and lines:
                    with self._around():
                        is_added = self._to.append(self._state.last, lines)
                    if is_added:
                        state.last = lines[-1]
                        self._state, self._asked = state, self._clock.monotonic()
                if is_added:
                    for (_, answered), (_, answer) in zip(writes, outcomes, strict=True):
                        if isinstance(answer, Exception):
                            answered.set_exception(answer)
                        else:
                            answered.set_result(answer)
                    return
                self._follow(self._to)
                is_fresh = True
        raise Refused(
            f"journal {self._to.name} cannot be written: others write to it all the time. Try again"
        )


def _outcome(decide: Decide[Any], state: JournalState, now: float, lines: list[Line]) -> tuple[bool, Any]:
    """Let a rule decide, and take all that it decides into the state and the lines, or nothing.

    Return whether that was anything, and the answer or the error of the rule.
    """
    try:
        answer, facts = decide(state, now)
    except Exception as error:  # noqa: BLE001  # it is the caller's, and is raised there
        return False, error
    try:
        made = [line_of(n, now, state.run_of(fact), fact) for n, fact in enumerate(facts, state.n + 1)]
        entries = [read_entry(line) for line in made]  # in the form in which others will read them
        for line in made:
            if line.bodies is not None:
                document(line.bodies)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        kind = f"{type(error).__name__}: infinite, too large or nested too deeply"
        return False, Refused(
            f"no journal can hold a value of what was to be written down "
            f"({error if isinstance(error, Unsound) else kind}); without it nothing is sent. "
            f"Look at what is declared and live"
        )
    for line, entry in zip(made, entries, strict=True):
        state.add(entry)
        pruned = entry.fact.runs if isinstance(entry.fact, RunsPruned) else ()
        lines.append(replace(line, subject=rules.subject(state, entry.fact), pruned=pruned))
    return bool(made), answer


def _replayed(state: JournalState, lines: Sequence[Line], name: str) -> JournalState:
    """Return a state with the entries of lines added to it.

    Raises `Unsound`, or `UsageError` where the first one says that the journal has another format.
    """
    for line in lines:
        if line.n == 1:
            told = read(dict[str, Any], line.text, "entry 1")
            # Where earlier formats in a branch of git had it, and where later ones have it.
            about = told if "format" in told else told.get("fact")
            found = about.get("format") if isinstance(about, dict) else None
            if type(found) is int and FORMAT != found < 1_000_000:
                raise other_format(name, found)
        entry = read_entry(line)
        if state.run_of(entry.fact) != line.run:
            raise Unsound(f"entry {line.n} is damaged: it stands beside those of another run")
        state.add(entry)
    return state


def open_journal(address: str, folder: Path, clock: Clock, around: Around = nullcontext) -> Journal:
    """Open the journal at an address; make it where it is not there.

    Its forms are `sqlite:PATH`, a file that only this user can read, whose path counts from `folder`,
    `postgresql://…`, a database as `psql` takes it, and `git+branch:NAME`, a branch of the repository that
    `folder` lies in. One that may only be read can be opened, and refuses to be written.

    Raises `UsageError` if the address has another form, or what is there is something else or of another
    format; and `Refused` if it cannot be reached, made or read, is damaged, or is held by another process. No
    error shows a password.
    """
    log = _log_at(address, folder, clock, make=True)
    try:
        return Journal(log, clock, around)
    except BaseException:
        log.close()
        raise


def read_journal(address: str, folder: Path, clock: Clock) -> ReadOnlyJournal:
    """Open the journal at an address to read it, and change nothing; errors are as for `open_journal`.

    One that is not there yet has nothing to say.
    """
    if address.startswith("sqlite:") and not os.path.lexists(_file(address, folder)):
        return ReadOnlyJournal()
    log = _log_at(address, folder, clock, make=False)
    try:
        return ReadOnlyJournal(log, clock)
    except BaseException:
        log.close()
        raise


def _log_at(address: str, folder: Path, clock: Clock, *, make: bool) -> Log:
    """Return the log at an address; for a file, `make` makes an empty one where there is none."""
    if address.startswith("sqlite:"):
        from reconciler.journal.sqlite import SqliteLog

        return SqliteLog(_file(address, folder), make=make)
    if address.startswith("git+branch:"):
        from reconciler.journal.git_branch import open_branch

        return open_branch(folder, address.removeprefix("git+branch:"), clock)
    if not address.startswith(_SERVERS):
        raise _no_form()
    log: Log = _postgresql().PostgresqlLog(address)
    return log


def shown_address(address: str, folder: Path) -> str:
    """Return what messages call the journal at an address; no password is in it. Errors: `UsageError`."""
    if address.startswith("sqlite:"):
        return str(_file(address, folder))
    if not address.startswith(FORMS):
        raise _no_form()
    return address if address.startswith("git+branch:") else str(_postgresql().server_at(address)[0])


def confined(address: str, access: Access) -> str:
    """Return an address that files name, so that opening it uses no credential of an operator's.

    Raises `Refused` for one that only an operator may give, and says what to set or write instead.
    """
    return _postgresql().confined(address, access) if address.startswith(_SERVERS) else address


def protection_of(address: str) -> str:
    """Return the `sslmode` of a database elsewhere; empty for this machine, and what is no database."""
    return _postgresql().protection_of(address) if address.startswith(_SERVERS) else ""


def _no_form() -> UsageError:  # of an address that may hold a password, so none is shown
    return UsageError(
        f"the address of the journal has no form that is known; it begins with one of {', '.join(FORMS)}"
    )


def _file(address: str, folder: Path) -> Path:
    path = address.removeprefix("sqlite:").removeprefix("//")
    if not path or "\0" in path:
        raise UsageError("the address of the journal names no file: write sqlite:PATH")
    return folder / path


def _postgresql() -> ModuleType:
    try:
        from reconciler.journal import postgresql
    except ImportError as error:
        raise missing_extra("postgresql", "a journal in PostgreSQL") from error
    return postgresql
