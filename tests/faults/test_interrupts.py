"""Ctrl-C and SIGTERM at every moment of an apply: the summary is true, and whatever waited has soon ended."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.commands.environment import NOTICED_WITHIN
from reconciler.commands.seeds import seeds_send
from reconciler.engine.plan import Consent
from reconciler.sandbox import Variants
from tests.clock import FakeClock
from tests.commands.world import Screen
from tests.faults import scenes
from tests.faults.scenes import ADD, COLUMNS, COUNT, CREATING, DELETING, LIST, ONE, PUT, SENDING, UPDATING
from tests.faults.table import sections
from tests.faults.world import LIMITS, FaultWorld, said
from tests.seeds.world import SETTINGS, SETTLE_AFTER, End

SIGNALS = {
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C, twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM": [signal.SIGTERM],
    "both": [signal.SIGTERM, signal.SIGINT, signal.SIGINT],
}


def strike(numbers: Sequence[signal.Signals]) -> None:
    """Let the process take signals at once, as it else does in its main thread a moment later."""
    for number in numbers:
        handler = signal.getsignal(number)
        assert callable(handler)
        handler(number, None)


class Interrupted(FakeClock):
    """A clock in whose first sleep the signals come, or when `strike` is called."""

    def __init__(self, numbers: Sequence[signal.Signals], *, in_sleep: bool) -> None:
        super().__init__()
        self.struck_at: float | None = None
        self._is_due, self._numbers = in_sleep, numbers

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if seconds > 0 and self._is_due:
            self._is_due = False
            self.strike()

    def strike(self) -> None:
        self.struck_at = self.now()
        strike(self._numbers)


BOTH_KINDS = scenes.Task(
    lambda world: (UPDATING.declare(world), SENDING.declare(world)),
    lambda world: UPDATING.is_done(world) and SENDING.is_done(world),
    lambda world: UPDATING.is_untouched(world) and SENDING.is_untouched(world),
)
LARGE = scenes.Task(
    lambda world: world.declare(*(f"smoke+{number}@example.com" for number in range(201))),
    lambda world: len(world.mailed) == 201,
    lambda world: world.mailed == [],
)


@dataclass(frozen=True)
class Moment:
    """When the signals come: during a request, or else in the first sleep; `faults` lead there."""

    task: scenes.Task
    request: str = ""
    faults: Sequence[str] = ()
    pace: int = 0
    variants: Variants = field(default_factory=Variants)


MOMENTS: Mapping[str, Moment] = {
    "lists for the plan": Moment(UPDATING, f"{LIST}:1"),
    "waits to list again": Moment(UPDATING, faults=[f"{LIST}:1+:before:status=503"]),
    "reads before a write": Moment(UPDATING, f"{ONE}:2"),
    "waits to read again before a write": Moment(UPDATING, faults=[f"{ONE}:2+:before:status=503"]),
    "keeps its pace before a write": Moment(UPDATING, pace=4),
    "waits to write after a 429": Moment(UPDATING, faults=[f"{PUT}:1:before:status=429,retry-after=100"]),
    "writes": Moment(UPDATING, f"{PUT}:1"),
    "writes, and the answer is lost": Moment(UPDATING, f"{PUT}:1", [f"{PUT}:1:after:drop"]),
    "writes, and the request is lost": Moment(UPDATING, f"{PUT}:1", [f"{PUT}:1:before:drop"]),
    "reads back": Moment(UPDATING, f"{ONE}:3"),
    "waits to read back again": Moment(UPDATING, faults=[f"{ONE}:3+:before:status=503"]),
    "keeps its pace before reading back": Moment(UPDATING, pace=5),
    "waits for the server's cache": Moment(UPDATING, variants=Variants(read_cache_seconds=SETTLE_AFTER)),
    "deletes": Moment(DELETING, "DELETE:1"),
    "creates, and the answer is lost": Moment(CREATING, "POST:1", ["POST:1:after:drop"]),
    "waits to ask the tenant again": Moment(SENDING, faults=[f"{COLUMNS}:2+:before:status=503"]),
    "counts before a batch": Moment(SENDING, f"{COUNT}:5"),
    "waits to count after a 429": Moment(SENDING, faults=[f"{ADD}:1:before:status=429,retry-after=100"]),
    "sends": Moment(SENDING, f"{ADD}:1"),
    "sends, and the answer is lost": Moment(SENDING, f"{ADD}:1", [f"{ADD}:1:after:drop"]),
    "sends the first of two requests of a seed": Moment(LARGE, f"{ADD}:1"),
    "counts after a batch": Moment(SENDING, f"{COUNT}:8"),
    "writes, and a seed is left": Moment(BOTH_KINDS, f"{PUT}:1"),
}
ROWS = sections()["An interrupt"]


def staged(folder: Path, moment: Moment, numbers: Sequence[signal.Signals]) -> FaultWorld:
    """Return a world in which the signals will come at that moment."""
    clock = Interrupted(numbers, in_sleep=not moment.request)
    world = FaultWorld(folder, clock=clock, variants=moment.variants, at=moment.request, happens=clock.strike)
    pace = f"requests_per_minute: {moment.pace}, " if moment.pace else ""
    world.write("reconciler.yaml", SETTINGS.replace("checkmarket: {", f"checkmarket: {{{pace}") + LIMITS)
    moment.task.declare(world)
    return world


def interrupted(world: FaultWorld, moment: Moment) -> End:
    try:
        return world.run(*moment.faults)
    except KeyboardInterrupt:
        return End(1, {}, "interrupted")  # type: ignore[arg-type]


@pytest.mark.parametrize("signals", SIGNALS)
@pytest.mark.parametrize(("moment", "says", "exit"), ROWS, ids=[row[0] for row in ROWS])
def test_a_run_that_is_interrupted_ends_soon_and_as_the_table_says(
    tmp_path: Path, moment: str, says: str, exit: str, signals: str
) -> None:
    stage = MOMENTS[moment]
    world = staged(tmp_path, stage, SIGNALS[signals])
    end = interrupted(world, stage)
    assert isinstance(world.clock, Interrupted)
    assert world.clock.struck_at is not None
    assert world.clock.now() - world.clock.struck_at <= NOTICED_WITHIN
    assert (said(end), end.exit) == (says, int(exit)), end
    if says in ("no plan", "skipped", "nothing sent", "refused"):
        assert stage.task.is_untouched(world)


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_an_interrupt_the_next_apply_does_the_rest_and_nothing_twice(
    tmp_path: Path, moment: str
) -> None:
    stage = MOMENTS[moment]
    world = staged(tmp_path, stage, SIGNALS["Ctrl-C"])
    interrupted(world, stage)
    world.at = ""
    world.variants = Variants()
    world.rest(SETTLE_AFTER + 1)  # a tenant tells whole seconds
    assert world.run().exit == 0
    assert stage.task.is_done(world)


class InterruptedPaper(io.StringIO):
    """A stream that is interrupted while the summary is written to it."""

    def write(self, text: str) -> int:
        if "summary" in text or "Applied:" in text:
            strike([signal.SIGINT, signal.SIGTERM])
        return super().write(text)


def test_an_interrupt_while_the_summary_is_written_does_not_lose_it(tmp_path: Path) -> None:
    world = FaultWorld(tmp_path)
    UPDATING.declare(world)
    screen = Screen(stdout=InterruptedPaper())
    with suppress(KeyboardInterrupt):
        world.applies(Consent(), screen=screen)
    assert "Applied: 1 changed, 0 failed, 0 stale, 0 skipped, 0 in doubt; 0 cust" in screen.out


def test_seeds_that_are_sent_by_hand_are_told_of_too(tmp_path: Path) -> None:
    world = staged(tmp_path, Moment(LARGE, f"{ADD}:1"), SIGNALS["both"])
    run = world.ran(seeds_send, "smoke", world.selection, again=False, yes=True)
    assert (run.exit, len(world.mailed)) == (1, 200)
    assert "not begun: 1 of 201 customers" in run.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_person_is_told_why_the_run_goes_on_and_afterwards_the_signals_mean_what_they_did(
    tmp_path: Path, number: signal.Signals
) -> None:
    before: Callable[..., object] | int | None = signal.getsignal(number)
    stage = MOMENTS["writes"]
    end = interrupted(staged(tmp_path, stage, [number]), stage)
    assert "Interrupted: what is under way comes to its end, nothing further is begun." in end.told
    assert signal.getsignal(number) is before
