"""Over random sequences of everything that can happen, nobody is mailed twice, and every report is true.

Everything: each verb that sends or settles, edits, new rounds, faults, processes that are killed, lost
journals, a person who approves or resolves, and time. The tenant is served, and some runs are processes.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.commands.seeds import seeds_resolve, seeds_send, seeds_status
from reconciler.errors import Exit
from reconciler.expoints.recipients import hash_at
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Variants
from tests.killed.nursery import Run
from tests.seeds.forks import open_forks, serving
from tests.seeds.world import ADD, JOHN, SETTLE_AFTER

# For so long a customer may be invisible. A journal is lost only when everybody is visible again.
LATEST = SETTLE_AFTER / 2

FAULTS = st.lists(
    st.sampled_from(
        [
            *(f"{ADD}:1:before:status={status}" for status in (400, 403, 408, 500, 502, 503)),
            *(f"{ADD}:{nth}:before:status=429" for nth in ("1", "1+")),
            *(f"{ADD}:1:before:{effect}" for effect in ("drop", "html", "redirect=/")),
            *(f"{ADD}:1:after:{effect}" for effect in ("status=503", "drop", "html", "cut")),
            *(f"GET *customer/count:{nth}:before:status=403" for nth in (1, 3, 5, 7)),
            "GET *customer/getcustomerstatuses:1:before:status=503",
            "GET /external*:3+:before:status=503",
        ]
    ),
    max_size=2,
)
VARIANTS = st.builds(
    Variants,
    add_answer=st.sampled_from(["empty", "batch-id", "text", "true"]),
    customers_appear_after_seconds=st.sampled_from([0.0, 1.0, LATEST]),
    address_filter=st.sampled_from(["exact", "exact", "contains", "ignored"]),
    address_case=st.sampled_from(["ignored", "sensitive"]),
    waiting_customers=st.sampled_from(["listed", "hidden"]),
    last_cursor=st.sampled_from(["null", "absent", "empty", "empty-page"]),
)
# One address contains the other, as a tenant may take it.
BOTH = (JOHN, f"a.{JOHN}")
# A first apply of this seed makes at most so many requests, and writes so often to its journal.
REQUESTS, WRITES = 16, 5
MOST_STEPS = 12
SEND = st.sampled_from(["once", "on_change"])
AUTOMATIC = st.sampled_from([True, True, True, False])
POINT = st.one_of(
    st.builds("request:{}:{}".format, st.integers(1, REQUESTS), st.sampled_from(["before", "after"])),
    st.builds("journal:{}:{}".format, st.integers(1, WRITES), st.sampled_from(["before", "after"])),
)


class Sequences(RuleBasedStateMachine):
    """One tenant and one seed of two mailboxes, over days on which much goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = self.stack.enter_context(serving(folder))
        self.round, self.version, self.automatic = 1, 1, True
        self.sends: dict[str, str] = {}
        """What `send:` says in each round."""
        self.again: Counter[tuple[str, str]] = Counter()
        """How often a mailbox was sent to once more on purpose, by its mailbox and what is sent once."""
        self.is_lost = False
        """Whether a journal was lost in this round, so that nobody can tell what is in doubt in the next."""

    def teardown(self) -> None:
        self.stack.close()

    @initialize(variants=VARIANTS, automatic=AUTOMATIC, send=SEND)
    def begin(self, variants: Variants, automatic: bool, send: str) -> None:
        self.world.variants = variants
        if variants.address_filter == "ignored":
            self.world.forget_customers()
        self.declare(automatic, send)

    def declare(self, automatic: bool, send: str) -> None:
        """Declare this version of this round; the content is told by its name."""
        self.sends[str(self.round)] = send
        self.world.declare(
            *BOTH, round=str(self.round), send=send, batch_name=self.name, approve_automatically=automatic
        )

    @property
    def name(self) -> str:
        return f"{self.round}.{self.version}"

    def once(self, name: str) -> str:
        """Return what is sent once: a round, or under `on_change` each version of it."""
        round, _, _ = name.partition(".")
        return name if self.sends[round] == "on_change" else round

    @property
    def came(self) -> Counter[tuple[str, str]]:
        """How many customers each mailbox became by what is sent once."""
        return Counter((email, self.once(name)) for email, name in self.world.came)

    @property
    def reached(self) -> int:
        """How many mailboxes were really sent to, as reports may say."""
        return sum(once == self.once(self.name) for _, once in self.came)

    def check(self, before: Counter[tuple[str, str]]) -> int:
        """Check that nobody was sent to once too often; return how many came since."""
        after = self.came
        twice = {who: number for who, number in after.items() if number > 1 + self.again[who]}
        assert not twice, f"sent to too often: {twice}"
        return (after - before).total()

    def check_report(self, counts: Mapping[str, int], came: int) -> None:
        sent, in_doubt = counts.get("sent", 0), counts.get("in_doubt", 0)
        assert sent <= came <= sent + in_doubt, "the report is not true"

    @rule(faults=FAULTS)
    def apply(self, faults: list[str]) -> None:
        before, known = self.came, self.reached
        end = self.world.apply(*faults)
        self.check_report(end.counts, self.check(before))
        assert end.states.get("sent", 0) <= known, "who was not sent to is said to be sent"

    @rule(faults=FAULTS, again=st.booleans())
    def send_by_hand(self, faults: list[str], again: bool) -> None:
        before = self.came
        verb = partial(seeds_send, "smoke", again=again, yes=True)
        document = self.world.call(verb, *faults)
        if again:
            self.again.update(who for who in (self.came - before) if before[who])
        came = self.check(before)
        self.check_report(document["sent"][0] if document else {}, came)

    @rule(verb=st.sampled_from(["apply", "send", "status"]), point=POINT)
    def kill(self, verb: str, point: str) -> None:
        before = self.came
        code = self.world.run(forks(), verb, point)
        assert code == -signal.SIGKILL or code in set(Exit)
        self.check(before)

    @rule(faults=FAULTS)
    def look(self, faults: list[str]) -> None:
        before = self.came
        document = self.world.call(seeds_status, *faults)
        seeds = document["seeds"] if document else []
        assert all(seed["states"]["sent"] <= self.reached for seed in seeds)
        assert self.came == before

    @rule()
    def resolve_truly(self) -> None:
        """A person looks at the tenant, long after, and says what became of the batch in doubt."""
        self.world.rest(LONGEST_POST)
        lost = {self.world.came.count((email, name)) for email, name in self.in_doubt()}
        if lost in ({0}, {1}) and not self.again and not self.is_lost:
            self.world.call(partial(seeds_resolve, "smoke", sent=lost == {1}))

    def in_doubt(self) -> list[tuple[str, str]]:
        """Return the mailbox and the content of every delivery in doubt, which the journal hides from us."""
        with self.world.records() as records:
            mailboxes = {records.hash(email): email for email in BOTH}
            names = {hash_at("batch_name", name, records.hash): name for _, name in self._declared()}
            open_ones = [d for d in records.past(self.world.account) if d.standing.is_open]
            return [(mailboxes[d.mailbox], names[d.contents["batch_name"]]) for d in open_ones]

    def _declared(self) -> Iterator[tuple[str, str]]:
        for round in self.sends:
            yield from ((round, f"{round}.{version}") for version in range(1, MOST_STEPS + 2))

    @rule(seconds=st.sampled_from([1.0, LATEST, SETTLE_AFTER - 1, SETTLE_AFTER, SETTLE_AFTER + LONGEST_POST]))
    def wait(self, seconds: float) -> None:
        self.world.rest(seconds)

    @rule()
    def approve(self) -> None:
        self.world.approve()

    @rule(automatic=AUTOMATIC)
    def edit(self, automatic: bool) -> None:
        self.version += 1
        self.declare(automatic, self.sends[str(self.round)])

    @rule(automatic=AUTOMATIC, faults=FAULTS)
    def edit_and_apply(self, automatic: bool, faults: list[str]) -> None:
        self.edit(automatic)
        self.apply(faults)

    @rule()
    def rest_and_apply(self) -> None:
        self.world.rest()
        self.apply([])

    @rule(automatic=AUTOMATIC, send=SEND)
    def begin_a_round(self, automatic: bool, send: str) -> None:
        self.round, self.version = self.round + 1, 1
        self.declare(automatic, send)

    @precondition(lambda self: self.world.variants.waiting_customers == "listed")
    @rule()
    def lose_the_journal(self) -> None:
        self.world.rest(LATEST)
        self.world.lose_journal()
        self.is_lost = True


_OPEN = ExitStack()


def forks() -> Run:
    """Return what starts processes, the same one for all sequences."""
    if not hasattr(forks, "open"):
        forks.open = _OPEN.enter_context(open_forks())  # type: ignore[attr-defined]
    found: Run = forks.open  # type: ignore[attr-defined]
    return found


def teardown_module() -> None:
    _OPEN.close()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=20,
    stateful_step_count=MOST_STEPS,
    deadline=None,
    report_multiple_bugs=False,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
