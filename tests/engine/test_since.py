"""What a change of the files causes is told from what was there before."""

from __future__ import annotations

import pytest

from reconciler.engine.change import Action, Block, Blocked, Change, Plan, Scope
from reconciler.engine.review import Since
from tests.engine.toys import account

SCOPE = Scope("shop", "shop.example")
OLD, NEW = (Change(SCOPE, key, Action.CREATE, ()) for key in ("toys.old", "toys.new"))
SEED = "5" * 64


def before(*, changes: tuple[Change, ...] = (), blocked: tuple[Blocked, ...] = ()) -> Since:
    return Since.of("main", "c" * 40, Plan(SCOPE, account(), changes, blocked), [SEED])


@pytest.mark.parametrize(("digest", "caused"), [(OLD.digest, False), (NEW.digest, True), (SEED, False)])
def test_a_change_or_seed_that_was_pending_is_not_caused(digest: str, caused: bool) -> None:
    assert before(changes=(OLD,)).caused(digest) is caused


def test_a_change_that_was_blocked_was_there_before() -> None:
    was_blocked = Blocked(OLD.key, (Block("refused", "no"),), OLD)
    assert not before(blocked=(was_blocked,)).caused(OLD.digest)


@pytest.mark.parametrize(
    ("key", "code", "caused"),
    [("toys.old", "twins", False), ("toys.old", "other", True), ("toys.new", "twins", True)],
)
def test_a_reason_that_was_there_before_is_not_caused(key: str, code: str, caused: bool) -> None:
    since = before(blocked=(Blocked("toys.old", (Block("twins", "which?"),)),))
    assert since.caused_block(Blocked(key, (Block(code, "which?"),))) is caused


def test_of_files_that_nobody_knows_everything_is_caused() -> None:
    assert Since("main", "c" * 40, note="they are invalid").caused(OLD.digest)
