"""Over random sequences of runs, faults, lost journals and waiting, nobody is mailed twice in a round."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reconciler.sandbox import Variants
from tests.seeds.world import ADD, JANE, JOHN, SETTLE_AFTER, SeedWorld

# For so long a customer may be invisible. A journal is lost only when everybody is visible again.
LATEST = SETTLE_AFTER / 2

FAULTS = st.sampled_from(
    [
        *(f"{ADD}:1:before:status={status}" for status in (400, 403, 408, 500, 502, 503)),
        *(f"{ADD}:{nth}:before:status=429" for nth in ("1", "1+")),
        *(f"{ADD}:1:before:{effect}" for effect in ("drop", "html", "redirect=/")),
        *(f"{ADD}:1:after:{effect}" for effect in ("status=503", "drop", "html", "cut")),
        *(f"GET *customer/count:{nth}:before:status=403" for nth in (1, 3, 5, 7)),
        "GET /external*:3+:before:status=503",
    ]
)
VARIANTS = st.builds(
    Variants,
    add_answer=st.sampled_from(["empty", "batch-id", "text", "true"]),
    customers_appear_after_seconds=st.sampled_from([0.0, 1.0, LATEST]),
    address_filter=st.sampled_from(["exact", "contains"]),
    address_case=st.sampled_from(["ignored", "sensitive"]),
    waiting_status=st.sampled_from(["own", "initial"]),
    last_cursor=st.sampled_from(["null", "absent", "empty", "empty-page"]),
)


class Sequences(RuleBasedStateMachine):
    """One tenant and one seed of two mailboxes, over days on which much goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = SeedWorld(Path(self.folder.name))
        self.round = 1
        self.reached: Counter[str] = Counter()
        """How many customers each mailbox became in this round."""

    def teardown(self) -> None:
        self.world.state.close()
        self.folder.cleanup()

    @initialize(variants=VARIANTS, automatic=st.booleans())
    def begin(self, variants: Variants, automatic: bool) -> None:
        self.world.variants = variants
        self.declare(automatic)

    def declare(self, automatic: bool) -> None:
        self.world.declare(JOHN, JANE, round=str(self.round), approve_automatically=automatic)

    @rule(faults=st.lists(FAULTS, max_size=2))
    def apply(self, faults: list[str]) -> None:
        before, known = self.world.customers, len(self.reached)
        end = self.world.apply(*faults)
        came = self.world.customers[len(before) :]
        self.reached.update(came)
        assert max(self.reached.values(), default=0) <= 1, "a mailbox was sent to twice in a round"
        assert end.states.get("sent", 0) <= known, "who was not sent to is said to be sent"
        sent, in_doubt = end.counts.get("sent", 0), end.counts.get("in_doubt", 0)
        assert sent <= len(came) <= sent + in_doubt, "the report is not true"

    @rule(seconds=st.sampled_from([1.0, LATEST, SETTLE_AFTER - 1, SETTLE_AFTER]))
    def wait(self, seconds: float) -> None:
        self.world.rest(seconds)

    @rule()
    def approve(self) -> None:
        self.world.approve()

    @rule(automatic=st.booleans())
    def declare_otherwise(self, automatic: bool) -> None:
        self.declare(automatic)

    @rule(automatic=st.booleans())
    def begin_a_round(self, automatic: bool) -> None:
        self.round += 1
        self.reached.clear()
        self.declare(automatic)

    @rule()
    def lose_the_journal(self) -> None:
        self.world.rest(LATEST)
        self.world.lose_journal()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=30,
    stateful_step_count=10,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
