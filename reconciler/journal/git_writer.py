"""Carries what several threads write at once to the branch, in one push after another.

One thread of its own does that, and knows the branch; the others wait for the push that carries what they
write. An interrupt reaches none of it half-way.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from msgspec import Struct, field

from reconciler.clock import Clock
from reconciler.errors import Refused
from reconciler.journal.decisions import Decision
from reconciler.journal.forms import Unsound
from reconciler.journal.git_branch import Branch, NotTaken, OutOfReach, Taken, TurnedDown
from reconciler.journal.git_tree import Content, Draft, Tree
from reconciler.journal.pauses import attempts, pause
from reconciler.journal.replay import Entry, Known, replayed

RACES = 100
"""How many races one may lose. Each was won by somebody who then makes way (`TURN`)."""

TURN = 16
"""How many pushes one makes in a row before others get their turn. One, while others are seen to write."""

WAY = (2.0, 5.0)
"""How long others get: between these many times what a push took, for a look and a push of theirs.

It varies, so that one with a slower way to the remote is not shut out for good.
"""

PUSHES = 5
"""How often to push one commit, and to look for it, when nothing says what became of it."""

Answer = TypeVar("Answer")
Decide = Callable[[Known, float], Decision[Answer]]
"""A rule that decides, from what is known at a moment, what to write down; or raises why it may not be."""


class _Write(Struct):
    decide: Decide[Any]
    answered: Future[Any] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)


class _Group(Struct):
    """Writes that one commit carries, as far as they may be made; the answers wait until it is taken."""

    draft: Draft
    answers: list[tuple[_Write, Any]] = field(default_factory=list)
    refusals: list[tuple[_Write, Exception]] = field(default_factory=list)
    is_whole: bool = True
    """Whether every write has something to write down."""

    def add(self, write: _Write) -> None:
        try:
            decision = write.decide(self.draft.known, self.draft.at)
            self.draft.add(decision)
        except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
            self.refusals.append((write, error))
            self.is_whole = False
            return
        self.answers.append((write, decision.answer))
        self.is_whole = self.is_whole and bool(decision.entries)

    def settle(self) -> None:
        for write, answer in self.answers:
            write.answered.set_result(answer)
        for write, error in self.refusals:
            write.fail(error)


class Writer:
    """What is known of a branch that holds a journal, and the one way to add to it.

    `freshness` is for how many seconds an answer of the branch is good enough for those who only read, and
    `races` how often to begin anew when others were first, each time with what they wrote taken into account.
    """

    def __init__(
        self, branch: Branch, tree: Tree, clock: Clock, freshness: float, races: int = RACES
    ) -> None:
        self._branch = branch
        self._tree = tree
        self._clock = clock
        self._freshness = freshness
        self._races = races
        self._tip: str | None = None
        self._known = Known()
        self._hash_key = b""
        self._older: Content | None = None
        self._asked = clock.monotonic()
        self._refusal: Refused | None = None
        self._turn = TURN
        self._back_at = clock.monotonic()
        self._waiting: deque[_Write] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    @property
    def hash_key(self) -> bytes:
        """The key of the journal's hashes."""
        return self._hash_key

    def find(self) -> bool:
        """Read the branch; tell whether it is there. Raises `UsageError` or `Refused`."""
        return self._thread.submit(self._found).result()

    def find_or_make(self) -> bool:
        """Read the branch, or make it where it is not there; tell whether this made it. Errors likewise."""
        return self._thread.submit(self._made).result()

    def known(self) -> Known:
        """Return what is known, which nobody changes. Raises `Refused` if the branch cannot be asked."""
        if self._clock.monotonic() - self._asked >= self._freshness:
            self._thread.submit(self._look).result()
        return self._known

    def write(self, decide: Decide[Answer]) -> Answer:
        """Return the answer of a rule once what it decides is in the branch. Raises what the rule raises.

        The rule is asked again whenever somebody else has written meanwhile. Raises `Refused` if the branch
        cannot be written.
        """
        write = _Write(decide)
        self._waiting.append(write)
        self._thread.submit(self._carry)
        answer: Answer = write.answered.result()
        return answer

    def close(self) -> None:
        """Let go of the thread; closing twice is allowed."""
        self._thread.shutdown()

    def _carry(self) -> None:
        """Carry everything that waits, which may be nothing: then an earlier call has carried it."""
        writes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        portions = deque([writes] if writes else [])
        try:
            while portions:
                portion = portions.popleft()
                try:
                    self._append(portion)
                except TurnedDown as error:  # for one of them, so each of the others goes by itself
                    if len(portion) == 1:
                        portion[0].fail(error)
                    else:
                        portions.extend([write] for write in portion)
                except Exception as error:  # noqa: BLE001 - each of them raises it, in its own thread
                    for write in portion:
                        write.fail(error)
        except BaseException as error:
            for write in writes:
                write.fail(error)
            raise

    def _append(self, writes: Sequence[_Write]) -> None:
        """Carry these writes, however often others are first.

        After a lost race it goes on at once: a rest would only give others time to write once more.
        """
        self._make_way()
        for _ in range(self._races):
            group = self._group(writes)
            if not group.draft.folders or self._is_in(group.draft):
                group.settle()
                return
        raise Refused(
            f"journal {self._tree.name} cannot be written: others write to it all the time. Try again"
        )

    def _group(self, writes: Sequence[_Write]) -> _Group:
        """Let the rules decide. Only what the branch knows at this moment may keep something from it."""
        group = self._decided(writes)
        if group.is_whole:
            return group
        self._look()
        return self._decided(writes)

    def _decided(self, writes: Sequence[_Write]) -> _Group:
        group = _Group(Draft(self._known.copy(), self._clock.now()))
        for write in writes:
            group.add(write)
        return group

    def _is_in(self, draft: Draft) -> bool:
        """Make a commit and move the branch to it; tell whether it is in there, or somebody else was first.

        A commit that lost can never be taken later: it is no fast-forward any more.
        """
        base = self._tip
        if base is None:
            raise Refused(f"journal {self._tree.name} is not there")
        began = self._clock.monotonic()
        commit = self._tree.commit(base, draft, self._older)
        moved = self._moved(commit, base)
        if moved and self._tip == base:
            self._tip, self._known, self._asked = commit, draft.known, self._clock.monotonic()
            self._older = None
        self._turn = self._turn - 1 if moved else 1
        if self._turn <= 0:
            ended = self._clock.monotonic()
            self._back_at = ended + (ended - began) * random.uniform(*WAY)  # noqa: S311
        return moved

    def _make_way(self) -> None:
        """Keep away from the branch for a while after a turn, and learn whether somebody has used it.

        Without this one that writes all the time shuts out everybody else: each is refused who looked before
        its last push, and is refused again. What comes in the meantime goes in one commit afterwards.
        """
        if self._turn > 0:
            return
        left, self._turn = self._back_at - self._clock.monotonic(), TURN
        if left > 0:
            pause(left, self._clock)
            self._turn = 1 if self._has_moved(self._tip) else TURN

    def _moved(self, commit: str, base: str | None) -> bool:
        """Move the branch from `base` to a commit, whatever it takes to know; tell whether it was taken."""
        reason = ""
        for _ in attempts(PUSHES, self._clock):
            answer = self._tried(commit, base)
            if isinstance(answer, Taken):
                return True
            if self._has_moved(base) and self._tip:
                return self._tree.holds(self._tip, commit)
            reason = answer.reason
            if answer.is_final:
                raise TurnedDown(self._not_written(reason))
        raise Refused(self._not_written(reason))

    def _not_written(self, reason: str) -> str:
        return f"journal {self._tree.name} cannot be written: {reason}; without it nothing is sent"

    def _has_moved(self, base: str | None) -> bool:
        """Tell whether the branch is seen to be somewhere else."""
        try:
            self._look()
        except OutOfReach:
            return False
        return self._tip != base

    def _tried(self, commit: str, base: str | None) -> Taken | NotTaken:
        self._refuse_lost()
        try:
            return self._branch.move(commit, base)
        except Refused as error:
            self._refusal = error
            raise

    def _look(self) -> None:
        """Learn what the branch knows now."""
        self._refuse_lost()
        asked = self._clock.monotonic()
        tip = self._asked_tip()
        if tip is not None and tip != self._tip:
            self._read(tip)
        self._asked = asked

    def _asked_tip(self) -> str | None:
        try:
            return self._branch.tip(self._tip)
        except OutOfReach:
            raise
        except Refused as error:
            self._refusal = error
            raise

    def _refuse_lost(self) -> None:
        """Raise again what was raised when the branch had lost something: nothing mends that in a run."""
        if self._refusal is not None:
            raise self._refusal

    def _read(self, tip: str) -> None:
        added = self._tree.added(self._tip, tip) if self._tip else None
        if added is None:
            self._read_all(tip)
        else:
            self._known = self._replayed(self._known, added)
        self._tip = tip

    def _read_all(self, tip: str) -> None:
        content = self._tree.content(tip)
        known = self._replayed(Known(), content.entries)
        if self._tip and (known.given.batch < self._known.given.batch or content.hash_key != self._hash_key):
            raise self._tree.damaged("somebody took out what was written, and pruned nothing")
        self._known, self._hash_key = known, content.hash_key
        self._older = content if content.is_older else None

    def _replayed(self, known: Known, added: Sequence[Entry]) -> Known:
        try:
            return replayed(known, added)
        except Unsound as error:
            raise self._tree.damaged(str(error)) from error

    def _found(self) -> bool:
        self._look()
        return self._tip is not None

    def _made(self) -> bool:
        if self._found():
            return False
        commit = self._tree.begin(self._clock.now())
        is_ours = self._moved(commit, None)
        if self._tip is None:
            self._read(commit)
        return is_ours
