"""What a journal says depends on its entries alone, and what may be written down on what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from reconciler.errors import Refused
from reconciler.journal import entries, rules
from reconciler.journal.entries import Delivery, DeliveryState, Ending, Line, Unsound, line_of, read_entry
from reconciler.journal.rules import Decision, JournalState, counting, refuse_repeats

from .runs import ACCOUNT, APPLIED, intent, run_start
from .shipments import ACCOUNT as MAIL
from .shipments import SEED, batches, delivery, hashed, named, shipment

Step = Callable[[JournalState], Decision[object]]

STEPS: Sequence[Step] = (
    lambda state: rules.begin_run(state, run_start(), 0.0),
    lambda state: rules.end_run(state, state.last_run, 0, {"applied": 1}),
    lambda state: rules.take_over(state, state.last_run, "by hand"),
    lambda state: rules.begin_operation(state, state.last_run, intent("one")),
    lambda state: rules.begin_operation(state, state.last_run, intent("two")),
    lambda state: rules.end_operation(state, state.last_write, APPLIED),
    lambda state: rules.end_operation(state, state.last_write, Ending("failed", "no")),
    lambda state: rules.learn(state, state.last_run or 1, ACCOUNT, {"a": state.n}),
    lambda state: rules.intend(state, shipment("ann", "bob"), {state.last_batch}),
    lambda state: rules.record_found(state, shipment("bob", "cas")),
    lambda state: rules.conclude(state, state.last_batch, None, DeliveryState.SENT, ""),
    lambda state: rules.conclude(state, state.last_batch, hashed("bob"), DeliveryState.NOT_SENT, "why"),
    lambda state: rules.prune(state, 1e12),
)
BEGINNING = '{"n": 1, "at": 0.0, "fact": {"what": "journal", "format": 5, "hash_key": "%s"}}' % ("0" * 64)
HISTORIES = st.lists(st.sampled_from(STEPS), max_size=30)


def begun() -> JournalState:
    state = JournalState()
    state.add(read_entry(Line(1, None, BEGINNING)))
    return state


def take(state: JournalState, step: Step) -> list[Line]:
    """Let a rule decide, and add what it decides; return its lines."""
    lines = []
    for n, fact in enumerate(step(state)[1], state.n + 1):
        line = line_of(n, float(n), state.run_of(fact), fact)
        state.add(read_entry(line))
        lines.append(line)
    return lines


def lived(steps: Iterable[Step]) -> tuple[JournalState, list[Line]]:
    """Take the steps that the rules allow; return what is known, and what is then written down."""
    state, kept = begun(), [Line(1, None, BEGINNING)]
    for step in steps:
        try:
            kept += take(state, step)
        except (Refused, LookupError):
            continue
        kept = [line for line in kept if line.run is None or line.run in state.runs]
    return state, kept


def replayed(state: JournalState, lines: Iterable[Line]) -> JournalState:
    after = state.copy()
    for line in lines:
        after.add(read_entry(line))
    return after


@given(HISTORIES, st.integers(1, 40))
def test_what_is_read_back_is_what_was_known(steps: list[Step], place: int) -> None:
    state, kept = lived(steps)
    early = replayed(JournalState(), [line for line in kept if line.n <= place])
    assert replayed(early, [line for line in kept if line.n > place]) == state
    assert replayed(JournalState(), kept) == state
    before, copy = state.copy(), state.copy()
    take(copy, lambda state: rules.record_found(state, shipment("zoe")))
    assert state == before != copy


CUSTOMER = to_builtins(delivery("ann"), enc_hook=dict)


def batch(standing: str = "sent", customers: Any = (CUSTOMER,), **more: Any) -> Mapping[str, object]:
    told = {"account": MAIL, "seed": SEED, "round": "1", "resolved": {}, "deliveries": [*customers], **more}
    return {"what": "batch", "number": 1, "standing": standing, "batch": told}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"what": "unheard of"}, "unknown kind of entry"),
        ({"what": "journal", "format": 5, "hash_key": "0" * 64}, "one beginning"),
        ({"what": "operation end", "operation": 7, "ending": {"result": "applied"}}, "no write 7"),
        (batch(customers=[CUSTOMER, CUSTOMER]), "twice"),
        (batch(standing="posted"), "unknown word"),
        (batch(more=1), "a member that no entry has"),
        ("", "not JSON"),
        ('{"n": 2, "n": 2}', "stands in it twice"),
        ('{"n": NaN}', "a number that is none"),
        ("[" * 300 + "]" * 300, "nested too deeply"),
    ],
)
def test_what_cannot_be_right_is_not_taken_for_a_fact(told: str | Mapping[str, object], said: str) -> None:
    text = told if isinstance(told, str) else entries.strict_json({"n": 2, "at": 0.0, "fact": told})
    with pytest.raises(Unsound, match=f"entry 2 is damaged: .*{said}"):
        replayed(begun(), [Line(2, None, text)])


DELIVERIES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(DeliveryState)), max_size=12).map(
    lambda told: [delivery(customer, standing, batch) for batch, (customer, standing) in enumerate(told, 1)]
)


@given(DELIVERIES)
def test_for_each_customer_the_latest_possible_mail_counts(past: list[Delivery]) -> None:
    told = counting(past)
    assert sorted(d.customer for d in told) == sorted({d.customer for d in past})
    assert batches(told) == sorted(batches(told))
    for one in told:
        same = [d for d in past if d.customer == one.customer]
        assert one == ([d for d in same if not d.standing.is_unsent] or same)[-1]


@given(DELIVERIES, st.sets(st.integers(1, 12)))
def test_only_the_unsent_and_deliberate_get_another(past: list[Delivery], again: set[int]) -> None:
    mailed = [d for d in past if named(d.customer) == "a" and not d.standing.is_unsent]
    allowed = not mailed or (not mailed[-1].standing.is_open and mailed[-1].batch in again)
    said = "in doubt" if mailed and mailed[-1].standing.is_open else "at the same time"
    with nullcontext() if allowed else pytest.raises(Refused, match=said):
        refuse_repeats(shipment("a"), past, again)
