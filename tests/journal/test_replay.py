"""What a journal of entries knows depends on the entries alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Refused
from reconciler.journal import decisions, entries
from reconciler.journal.decisions import Decision
from reconciler.journal.git_tree import Draft
from reconciler.journal.ledger import DeliveryState
from reconciler.journal.replay import Entry, Known, replayed
from reconciler.journal.runs import Ending

from .runs import ACCOUNT, APPLIED, intent, run_start
from .shipments import ACCOUNT as MAIL
from .shipments import SEED, delivery, hashed, shipment

Step = Callable[[Known], Decision[object]]

STEPS: Sequence[Step] = (
    lambda known: decisions.begin_run(known, run_start(), 0.0),
    lambda known: decisions.end_run(known, known.given.run, 0, {"applied": 1}),
    lambda known: decisions.take_over(known, known.given.run, "by hand"),
    lambda known: decisions.begin_operation(known, known.given.run, intent("one")),
    lambda known: decisions.begin_operation(known, known.given.run, intent("two")),
    lambda known: decisions.end_operation(known, known.given.operation, APPLIED),
    lambda known: decisions.end_operation(known, known.given.operation, Ending("failed", "no")),
    lambda known: decisions.learn(known, known.given.run or 1, ACCOUNT, {"a": known.given.entry}),
    lambda known: decisions.intend(known, shipment("ann", "bob"), {known.given.batch}),
    lambda known: decisions.record_found(known, shipment("bob", "cas")),
    lambda known: decisions.conclude(known, known.given.batch, None, DeliveryState.SENT, ""),
    lambda known: decisions.conclude(known, known.given.batch, hashed("bob"), DeliveryState.NOT_SENT, "why"),
    lambda known: decisions.prune(known, 1e12),
)

HISTORIES = st.lists(st.sampled_from(STEPS), max_size=30)


def lived(steps: Iterable[Step]) -> tuple[Known, dict[str, list[Entry]]]:
    """Take the steps that the rules allow; return what is known, and what is then written down by folder."""
    draft, kept = Draft(Known(), 0.0), dict[str, list[Entry]]()
    for step in steps:
        try:
            draft.add(step(draft.known))
        except (Refused, LookupError):
            continue
        for folder in draft.removed:
            kept.pop(folder, None)
        for folder, added in draft.folders.items():
            kept.setdefault(folder, []).extend(added)
        draft = Draft(draft.known, draft.at + 1)
    return draft.known, kept


@given(HISTORIES)
def test_what_is_read_back_is_what_was_known(steps: list[Step]) -> None:
    known, kept = lived(steps)
    assert replayed(Known(), [entry for added in kept.values() for entry in added]) == known


@given(HISTORIES, st.integers(0, 40))
def test_reading_on_is_the_same_as_reading_all(steps: list[Step], place: int) -> None:
    told = [entry for added in lived(steps)[1].values() for entry in added]
    early = [entry for entry in told if entry["n"] <= place]
    late = [entry for entry in told if entry["n"] > place]
    assert replayed(replayed(Known(), early), late) == replayed(Known(), told)


@given(HISTORIES)
def test_a_copy_is_apart(steps: list[Step]) -> None:
    known, _ = lived(steps)
    before, copy = known.copy(), known.copy()
    draft = Draft(copy, 0.0)
    draft.add(decisions.record_found(copy, shipment("zoe")))
    assert known == before != copy


def test_no_number_is_given_again_after_everything_was_pruned() -> None:
    draft = Draft(Known(), 0.0)
    draft.add(decisions.begin_run(draft.known, run_start(), 0.0))
    draft.add(decisions.begin_operation(draft.known, 1, intent()))
    draft.add(decisions.end_operation(draft.known, 1, Ending("failed")))
    draft.add(decisions.end_run(draft.known, 1, 0, {}))
    draft.add(decisions.prune(draft.known, 1.0))
    again = replayed(Known(), [entry for added in draft.folders.values() for entry in added])
    assert (again.runs, again.given.run, again.given.operation) == ({}, 1, 1)


def test_everything_of_one_run_lies_in_one_folder_and_reads_as_what_was_done() -> None:
    draft = Draft(Known(), 1_790_000_000.0)
    draft.add(decisions.begin_run(draft.known, run_start(), 0.0))
    draft = Draft(draft.known, 1_799_000_000.0, draft.folders, subjects=draft.subjects)  # months later
    draft.add(decisions.begin_operation(draft.known, 1, intent()))
    draft.add(decisions.end_operation(draft.known, 1, APPLIED))
    draft.add(decisions.end_run(draft.known, 1, 0, {"applied": 1, "failed": 0}))
    assert list(draft.files()) == ["2026-09/run-000001/00000001.jsonl"]
    assert draft.subjects == [
        "run 1: begin apply on staging",
        "run 1: update import_configs.newsletter",
        "run 1: import_configs.newsletter applied",
        "run 1: end with exit code 0 (1 applied)",
    ]


def test_no_subject_is_long_or_holds_what_a_terminal_obeys() -> None:
    draft = Draft(Known(), 0.0)
    draft.add(decisions.intend(draft.known, shipment("ann", round="\x1b[2J" + "x" * 200), ()))
    [said] = draft.subjects
    assert said.startswith(f"send {SEED}, round ?[2Jxxx")
    assert len(said) == 100


@pytest.mark.parametrize(
    "entry",
    [
        {"n": 1, "what": "unheard of", "at": 0.0},
        {"n": 1, "what": "operation end", "at": 0.0, "operation": 7, "ending": {"result": "applied"}},
        {"n": 1, "at": 0.0, **entries.operation(1, 7, intent())},
        {"n": 1, "at": 0.0, **entries.standing(7, None, DeliveryState.SENT, "")},
        {
            "n": 1,
            "at": 0.0,
            **entries.batch(1, shipment("ann"), DeliveryState.SENT),
            "deliveries": [{"who": "ann"}],
        },
        {"n": 1, "at": 0.0, **entries.batch(1, shipment("ann"), DeliveryState.SENT), "standing": "posted"},
        {"n": 1, "at": 0.0, **entries.batch(0, shipment("ann"), DeliveryState.SENT)},
        {"n": 1, "at": 0.0, **entries.batch(2, shipment("ann"), DeliveryState.SENT)},
        {"n": 0, "at": 0.0, **entries.batch(1, shipment("ann"), DeliveryState.SENT)},
    ],
)
def test_what_cannot_be_right_is_not_taken_for_a_fact(entry: Entry) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        replayed(Known(), [entry])


def test_a_batch_outlives_its_run() -> None:
    kept = {"n": 9, "at": 5.0, **entries.batch(1, shipment("ann"), DeliveryState.INTENDED), "run": 2}
    known = replayed(Known(), [kept])
    assert [told.customer for told in known.past(MAIL, SEED)] == [delivery("ann").customer]
