"""Clocks that jump, tokens that expire, allowances that end: time goes wrong in the middle of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.sandbox import Tokens, Variants, revoke_tokens
from tests.clock import START, FakeClock
from tests.faults.scenes import ADD, COLUMNS, COUNT, ONE, PUT, SENDING, SENDING_WITH_OAUTH, TOKEN, UPDATING
from tests.faults.table import sections
from tests.faults.world import FaultWorld, said
from tests.seeds.world import JANE, JOHN, SETTINGS, SETTLE_AFTER

LATE_SETTING = f"customers_appear_after_seconds={SETTLE_AFTER - 1}"
LATE = Variants.parse([LATE_SETTING])
JUMPS = [-400 * 86_400.0, -3600.0, 3600.0, 400 * 86_400.0]


class Jumping(FakeClock):
    """A clock whose wall time is set while it runs; what it measures is right."""

    offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


@pytest.fixture
def world(tmp_path: Path) -> FaultWorld:
    return FaultWorld(tmp_path)


def jumps(world: FaultWorld, at: str, seconds: float) -> Jumping:
    """Let the wall clock jump when that request comes in."""
    clock = Jumping()
    world.clock, world.at = clock, at
    world.happens = lambda: setattr(clock, "offset", clock.offset + seconds)
    return clock


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("at", [f"{ONE}:1", f"{ONE}:2", f"{PUT}:1", f"{ONE}:3"])
def test_patience_with_the_servers_cache_is_as_long_as_it_is(world: FaultWorld, at: str, jump: float) -> None:
    clock = jumps(world, at, jump)
    world.variants = Variants(read_cache_seconds=20)
    UPDATING.declare(world)
    end = world.run()
    assert (said(end), end.exit, UPDATING.is_done(world)) == ("applied", 0, True)
    assert clock.monotonic() - START < 40


@pytest.mark.parametrize("jump", JUMPS)
def test_the_pace_of_an_account_is_kept(world: FaultWorld, jump: float) -> None:
    jumps(world, f"{ONE}:1", jump)
    settings = SETTINGS.replace("checkmarket: {", "checkmarket: {requests_per_minute: 2, ")
    world.write("reconciler.yaml", settings)
    UPDATING.declare(world)
    assert world.run().exit == 0
    starts = [request.at for request in world.state.requests()]
    assert all(later - earlier >= 60 for earlier, later in zip(starts, starts[2:], strict=False))


@pytest.mark.parametrize("jump", JUMPS)
def test_a_wait_for_the_allowance_is_as_long_as_it_is(world: FaultWorld, jump: float) -> None:
    clock = jumps(world, f"{PUT}:1", jump)
    UPDATING.declare(world)
    assert world.run(f"{PUT}:1:before:status=429,retry-after=30").exit == 0
    assert 30 <= clock.monotonic() - START < 32


@pytest.mark.parametrize("header", ["header", "none"])
@pytest.mark.parametrize("allowed", range(6))
def test_an_allowance_of_the_day_that_ends_in_the_middle_leaves_a_true_report(
    world: FaultWorld, allowed: int, header: str
) -> None:
    UPDATING.declare(world)
    world.variants = Variants.parse([f"requests_per_day={allowed + 1}", f"retry_after={header}"])
    end = world.run()
    assert end.exit == {True: 0, False: 6 if said(end) == "in doubt" else 7}[allowed == 5]
    assert world.clock.now() - START <= 180 + 30
    assert UPDATING.is_untouched(world) or said(end) in ("applied", "in doubt")


@pytest.mark.parametrize("jump", JUMPS)
def test_a_token_is_kept_as_long_as_it_is_good(world: FaultWorld, jump: float) -> None:
    jumps(world, f"{COUNT}:5", jump)
    SENDING_WITH_OAUTH.declare(world)
    assert world.run().exit == 0
    assert [request.path for request in world.state.requests()].count("/oauth2/token") == 1


@pytest.mark.parametrize(
    ("at", "faults", "says"),
    [
        *((f"{COUNT}:{nth}", (), "sent") for nth in (1, 5, 7)),
        (f"{ADD}:1", (), "refused"),  # with the batch, which a later run sends
        (f"{ADD}:1", (f"{TOKEN}:2+:before:status=400",), "in doubt"),  # for nothing can be counted
    ],
)
def test_a_token_that_expires_in_the_middle_is_replaced_or_leaves_the_batch_to_a_later_run(
    world: FaultWorld, at: str, faults: tuple[str, ...], says: str
) -> None:
    SENDING_WITH_OAUTH.declare(world)
    world.tokens = Tokens(accepted=frozenset())
    world.at, world.happens = at, lambda: revoke_tokens(world.state)
    end = world.run(*faults)
    assert (said(end), end.exit in (0, 6)) == (says, says != "refused")
    assert (SENDING.is_done if says == "sent" else SENDING.is_untouched)(world)
    world.at = ""
    world.rest(3600)
    assert (world.run().exit, SENDING.is_done(world)) == (0, True)


USUAL, DAY, UNTIMED = Variants(), 86_400.0, Variants(date="absent")
AHEAD, BEHIND = Variants(clock_ahead_seconds=DAY), Variants(clock_behind_seconds=DAY)
CACHED = Variants(proxy_cache_seconds=DAY)


@dataclass(frozen=True)
class Meanwhile:
    """What happens between a lost batch and the next apply; `forward` is by how much which clock is set."""

    comes: bool = False
    passes: float = SETTLE_AFTER
    forward: float = 0.0
    before: Variants = USUAL
    later: Variants = USUAL


MEANWHILE = {
    "the time passed, and no customer came": Meanwhile(),
    "the time passed, and every customer came": Meanwhile(comes=True),
    "this machine's clock was set forward": Meanwhile(True, 0, DAY, LATE, LATE),
    "this machine's clock was set forward, and every customer came": Meanwhile(True, 0, DAY),
    "only the tenant's clock was set forward": Meanwhile(passes=0, later=AHEAD),
    "the tenant's clock was set back": Meanwhile(later=BEHIND),
    "the tenant's clock was wrong all the time, and no customer came": Meanwhile(before=BEHIND, later=BEHIND),
    "the tenant tells no time, and no customer came": Meanwhile(before=UNTIMED, later=UNTIMED),
    "the tenant tells no time, and every customer came": Meanwhile(True, before=UNTIMED, later=UNTIMED),
    "the tenant told no time before, and no customer came": Meanwhile(before=UNTIMED),
    "a cache on the way answers as before the batch": Meanwhile(True, before=CACHED, later=CACHED),
}


@pytest.mark.parametrize(("name", "says", "exit"), sections()["A clock that is set"])
def test_a_doubt_is_settled_as_the_table_says(world: FaultWorld, name: str, says: str, exit: str) -> None:
    meanwhile, clock = MEANWHILE[name], jumps(world, f"{COUNT}:8", 0)
    SENDING.declare(world)
    world.variants = meanwhile.before
    assert world.run(f"{ADD}:1:{'after' if meanwhile.comes else 'before'}:drop").exit == 6
    world.variants = meanwhile.later
    world.rest(meanwhile.passes)
    clock.offset = meanwhile.forward
    end = world.run()
    again = end.counts == {"sent": 2}
    told = "sent" if again else {"sent": "settled as sent", "in_doubt": "in doubt"}["".join(end.states)]
    assert (told, end.exit) == (says, int(exit))
    assert len(world.posts) == 1 + again
    assert len(world.mailed) == 2 * (meanwhile.comes or again)


class TestADoubtRestsByBothClocks:
    """The machine's may be set between two runs; the tenant's may be anything, or not be told at all."""

    @pytest.fixture(autouse=True)
    def clock(self, world: FaultWorld) -> Jumping:
        world.variants = LATE
        SENDING.declare(world)
        return jumps(world, f"{COUNT}:8", 0)

    @pytest.mark.parametrize("jump", JUMPS)
    def test_ours_was_set_while_the_batch_was_under_way(
        self, world: FaultWorld, clock: Jumping, jump: float
    ) -> None:
        world.at, world.happens = f"{ADD}:1", lambda: setattr(clock, "offset", jump)
        assert world.run(f"{ADD}:1:after:drop").exit == 6
        world.happens = lambda: None
        clock.offset = 2 * abs(jump)
        assert world.run().states == {"in_doubt": 2}
        world.rest(SETTLE_AFTER)
        assert world.run().exit == 0
        assert SENDING.is_done(world)

    @pytest.mark.parametrize("ahead", JUMPS)
    @pytest.mark.parametrize("taken", ["before", "after"])
    def test_the_tenants_is_wrong_all_the_time(
        self, world: FaultWorld, clock: Jumping, taken: str, ahead: float
    ) -> None:
        world.variants = replace(
            LATE, clock_ahead_seconds=max(ahead, 0.0), clock_behind_seconds=max(-ahead, 0.0)
        )
        assert world.run(f"{ADD}:1:{taken}:drop").exit == 6
        clock.offset = 3600
        world.rest(SETTLE_AFTER - 2)
        assert world.run().states == {"in_doubt": 2}
        world.rest(2)
        assert world.run().exit == 0
        assert SENDING.is_done(world)

    @pytest.mark.parametrize("told", ["told", "absent"])
    def test_an_earlier_batch_is_not_in_a_count_because_ours_was_set_forward(
        self, world: FaultWorld, clock: Jumping, told: str
    ) -> None:
        world.variants = Variants.parse([LATE_SETTING, f"date={told}"])
        assert world.run().exit == 0
        clock.offset = 86_400
        world.declare(JANE, JOHN, round="2")
        assert world.run(f"{ADD}:1:before:drop").exit == 6
        world.rest(SETTLE_AFTER)
        assert world.run().states == {"in_doubt": 2}


@pytest.mark.parametrize(
    ("at", "note"),
    [(f"{PUT}:1", "held: the run was stopped"), (f"{COLUMNS}:2", "nothing further was sent: ")],
)
def test_a_journal_that_fails_in_the_middle_does_not_hide_what_became_of_the_changes(
    world: FaultWorld, at: str, note: str
) -> None:
    UPDATING.declare(world)
    SENDING.declare(world)
    world.at, world.happens = at, lambda: world.journal.write_text("this is no database" * 100)
    end = world.run()
    assert (said(end), end.exit) == ("applied", 4)
    assert note in end.notes
    assert UPDATING.is_done(world)
    assert SENDING.is_untouched(world)
