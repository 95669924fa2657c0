"""What every journal promises to a run, whatever holds it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from reconciler.errors import Held, Refused
from reconciler.journal.entries import BatchIntent, DeliveryState, Ending, Intent, Operation, Run
from reconciler.journal.journal import Journal
from tests.clock import FakeClock

from .conftest import Reopen
from .runs import ACCOUNT, APPLIED, BODY, OTHER, a_run, digest, intent, run_start, write
from .shipments import ACCOUNT as TENANT
from .shipments import SEED, delivery, hashed, shipment, standings

NUMBERLESS = 4711


def numbers(runs: list[Run] | tuple[Run, ...]) -> list[int]:
    return [run.number for run in runs]


def pruned(journal: Journal, before: float) -> tuple[int, int]:
    """Prune; return how many runs and writes went."""
    gone = journal.prune(before)
    return len(gone.runs), gone.operations


def test_a_run_is_told_as_it_was_begun(journal: Journal, reopen: Reopen, clock: FakeClock) -> None:
    reviewed = {"fingerprint": digest("plan"), "digests": (digest("one"), digest("two"))}
    start = run_start(ACCOUNT, OTHER, command="seeds send", commit="c0ffee", ci_run="https://ci", **reviewed)
    number = journal.begin_run(start)
    told = reopen().run(number)
    assert told is not None
    assert sorted(told.start.accounts) == sorted(start.accounts)
    begun = clock.now()
    assert replace(told, start=start) == Run(number, start, begun, begun)
    assert replace(told.start, accounts=()) == replace(start, accounts=())


def test_a_run_is_last_heard_of_at_its_latest_write(journal: Journal, clock: FakeClock) -> None:
    number = journal.begin_run(run_start(ACCOUNT, TENANT))
    said = []
    clock.sleep(10)
    operation = journal.begin_operation(number, intent())
    for speak in (
        lambda: journal.end_operation(operation, APPLIED),
        lambda: journal.intend(BatchIntent(TENANT, SEED, "1", [delivery("ann")], {}, number)),
        lambda: journal.end_run(number, 4, {"applied": 2, "failed": 1}),
        lambda: journal.end_run(number, 0, {}),
    ):
        said.append([run.latest - run.began for run in journal.runs()])
        clock.sleep(10)
        speak()
    [run] = journal.runs()
    assert [*said, [run.latest - run.began]] == [[10], [20], [30], [40], [40]]
    assert (run.ended, run.exit, run.counts) == (clock.now() - 10, 4, {"applied": 2, "failed": 1})
    assert not run.is_open


def test_an_open_run_holds_its_accounts_only(journal: Journal, reopen: Reopen) -> None:
    first = journal.begin_run(run_start(ACCOUNT, ACCOUNT, OTHER))
    other = reopen()
    with pytest.raises(Held):
        other.begin_run(run_start("third.example", OTHER))
    assert [run.start.accounts for run in other.runs()] == [(ACCOUNT, OTHER)]
    elsewhere = other.begin_run(run_start("third.example"))
    assert numbers([*other.runs()]) == [elsewhere, first]
    assert numbers([*other.runs(OTHER)]) == [first]
    operation = journal.begin_operation(first, intent())
    assert other.begin_operation(elsewhere, intent(account="third.example")) != operation
    journal.end_run(first, 0, {})
    assert other.begin_run(run_start(OTHER)) > first


def test_taking_over_ends_a_run_with_the_reason(journal: Journal, clock: FakeClock) -> None:
    first = journal.begin_run(run_start())
    clock.sleep(5)
    journal.take_over(first, "Kim says that it is gone")
    told = journal.run(first)
    assert told is not None
    assert (told.ended, told.exit, told.note) == (clock.now(), None, "Kim says that it is gone")
    journal.take_over(first, "too late")
    assert journal.run(first) == told
    assert journal.begin_run(run_start()) > first
    with pytest.raises(LookupError):
        journal.take_over(NUMBERLESS, "nobody")


def test_a_run_writes_only_where_it_holds_and_as_long_as_it_does(journal: Journal) -> None:
    number = journal.begin_run(run_start(ACCOUNT, TENANT))
    operation = journal.begin_operation(number, intent())
    send = BatchIntent(TENANT, SEED, "1", [delivery("ann")], {}, number)
    for account, run in ((OTHER, number), (ACCOUNT, NUMBERLESS)):
        with pytest.raises(Refused, match=r"does not hold|no longer holds"):
            journal.begin_operation(run, intent(account=account))
    journal.take_over(number, "gone")
    with pytest.raises(Refused, match=f"run {number} no longer holds"):
        journal.begin_operation(number, intent())
    with pytest.raises(Refused, match=f"run {number} no longer holds"):
        journal.intend(send)
    other = journal.begin_run(run_start(OTHER))
    with pytest.raises(Refused, match=r"does not hold acme\.expoints\.nl"):
        journal.intend(replace(send, run=other))
    assert standings(journal) == {}
    journal.end_operation(operation, APPLIED)  # what was begun still ends as it did
    assert [told.ending for told in journal.operations(number)] == [APPLIED]
    with pytest.raises(LookupError):
        journal.end_operation(NUMBERLESS, APPLIED)


def test_a_run_that_could_not_count_is_told_by_what_it_left(journal: Journal, reopen: Reopen) -> None:
    def told() -> list[tuple[str, str | None, Mapping[str, int]]]:
        with reopen() as past:
            records = [past.record(run) for run in reversed(past.runs())]
        return [(mail.standing, mail.was, record.run.counts) for record in records for mail in record.mail]

    first = journal.begin_run(run_start(TENANT))
    batch = journal.intend(replace(shipment("ann", "bob"), run=first))
    assert told() == [("intended", None, {"customers under way": 2})]
    journal.take_over(first, "gone")
    died = ("in doubt", None, {"customers in doubt": 2})
    assert told() == [died]
    second = journal.begin_run(run_start(TENANT))
    journal.conclude(batch, DeliveryState.IN_DOUBT, "late")  # by the first one, which was not gone
    journal.conclude_delivery(batch, hashed("ann"), DeliveryState.NOT_SENT, "counted")
    assert told() == [died, ("not sent", "in doubt", {"customers resolved": 1})]
    journal.end_run(second, 0, {})
    assert [mail.now for mail in journal.record(journal.runs()[1]).mail] == [{"not sent": 1, "in doubt": 1}]


def test_operations_are_told_in_order(journal: Journal, reopen: Reopen, clock: FakeClock) -> None:
    run = journal.begin_run(run_start())
    create = Intent(ACCOUNT, "import_configs.b", "create", None, digest("d"), None, BODY)
    removal = Intent(ACCOUNT, "import_configs.a", "delete", 2**40, digest("e"), {}, None)
    first = journal.begin_operation(run, create)
    second = journal.begin_operation(run, removal)
    journal.end_operation(second, Ending("failed", "no such thing"))
    assert list(reopen().operations(run)) == [
        Operation(first, run, create, clock.now(), None),
        Operation(second, run, removal, clock.now(), Ending("failed", "no such thing")),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deep": {"er": [None, {"x": [[]]}, True, 0, 1.5, -0.1, 10**30]}},
        {"text": "a\0b\ud800 \U0001f388 \u202e \\u0000 'q' \"q\" %s :x", "ключ": ""},
        {"big": "ü" * 1_000_000},
    ],
    ids=["empty", "deep", "odd", "big"],
)
def test_any_body_comes_back_as_it_was(journal: Journal, body: dict[str, object]) -> None:
    run = journal.begin_run(run_start())
    operation = journal.begin_operation(run, replace(intent(), before=body, body=body))
    journal.end_operation(operation, Ending("applied", "", 7, body))
    [told] = journal.operations(run)
    assert told.ending is not None
    assert (told.intent.before, told.intent.body, told.ending.after) == (body, body, body)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), {1, 2}])
def test_a_value_that_is_no_json_is_refused_whole(journal: Journal, value: object) -> None:
    run = journal.begin_run(run_start())
    with pytest.raises(Refused, match=r"no journal can hold a value .*without it nothing is sent"):
        journal.begin_operation(run, replace(intent(), body={"deep": [{"down": value}]}))
    number = journal.begin_operation(run, intent())
    assert [operation.number for operation in journal.operations(run)] == [number]


def test_the_latest_write_of_a_key_is_the_last_that_may_have_been_carried_out(journal: Journal) -> None:
    run = journal.begin_run(run_start())
    may_be_done = [
        write(journal, run, "applied", "applied"),
        write(journal, run, "in doubt", "in doubt"),
        write(journal, run, "unknown"),
        write(journal, run, "then failed", "applied"),
        write(journal, run, "settled", "in doubt", "applied"),
    ]
    write(journal, run, "then failed", "failed")
    write(journal, run, "only failed", "failed")
    write(journal, run, "proved undone", "in doubt", "failed")
    told = journal.latest(ACCOUNT)
    assert {key: operation.number for key, operation in told.items()} == dict(
        zip(("applied", "in doubt", "unknown", "then failed", "settled"), may_be_done, strict=True)
    )


def test_what_was_learned_is_told_by_account_and_the_latest_counts(journal: Journal, reopen: Reopen) -> None:
    run = journal.begin_run(run_start(ACCOUNT, OTHER))
    journal.learn(run, ACCOUNT, {"a": None, "b.c": [1, {}], "d": "x"})
    journal.learn(run, ACCOUNT, {"d": "y"})
    journal.learn(run, OTHER, {"a": 1})
    assert reopen().learned(ACCOUNT) == {"a": None, "b.c": [1, {}], "d": "y"}
    assert reopen().learned(OTHER) == {"a": 1}


def test_pruning_removes_old_runs_and_reuses_no_number(journal: Journal, clock: FakeClock) -> None:
    old = a_run(journal, "a", "b")
    assert pruned(journal, clock.now()) == (0, 0)  # it ended now, and not before
    clock.sleep(100)
    young = a_run(journal, "a", "b")
    assert pruned(journal, clock.now()) == (1, 2)
    assert (journal.run(old), list(journal.operations(old))) == (None, [])
    assert numbers([*journal.runs()]) == [young]
    assert len(journal.operations(young)) == 2
    gone = a_run(journal)
    assert pruned(journal, clock.now() + 1) == (1, 0)
    assert a_run(journal) > gone


def test_pruning_keeps_what_is_needed_and_every_delivery(journal: Journal, clock: FakeClock) -> None:
    needed, gone, newer = a_run(journal, "a", "b"), a_run(journal, "c", result="failed"), a_run(journal, "a")
    taught = journal.begin_run(run_start(ACCOUNT))
    journal.learn(taught, ACCOUNT, {"a": 1})
    journal.end_run(taught, 0, {})
    sent = journal.begin_run(run_start(ACCOUNT, TENANT))
    journal.intend(BatchIntent(TENANT, SEED, "1", [delivery("ann")], {}, sent))
    journal.end_run(sent, 0, {})
    at_work = journal.begin_run(run_start(ACCOUNT))
    clock.sleep(100)
    assert pruned(journal, clock.now()) == (2, 1)
    assert numbers([*journal.runs()]) == [at_work, sent, newer, needed] != [gone]
    assert len(journal.operations(needed)) == 2
    assert {key: told.run for key, told in journal.latest(ACCOUNT).items()} == {"a": newer, "b": needed}
    assert journal.learned(ACCOUNT) == {"a": 1}
    assert len(journal.past(TENANT, SEED)) == 1
