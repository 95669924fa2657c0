"""Finding out the defaults of a kind: a resource in which nothing is set is created, read, and deleted again.

What a create leaves out is taken to get the same default as what a PUT leaves out: the vendor's pages speak
of one "default value" of a property, and nothing is known that says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from reconciler.engine.body import value_at
from reconciler.engine.classify import Account, classify, removals
from reconciler.engine.declared import Declared, Given, Origin
from reconciler.engine.inventory import Live
from reconciler.engine.kind import Body, Json
from reconciler.engine.outcome import Outcome, Result
from reconciler.engine.plan import Action, Change, Plan, Scope
from reconciler.errors import Exit
from reconciler.problems import Place

CarryOut = Callable[[Plan], Outcome]
"""Carries out a plan of one change; how it ended."""


class Lesson(Struct, frozen=True):
    """What was found out: `values` by path in compared form; of `unknown` fields nothing was shown."""

    created: Outcome
    deleted: Outcome | None = None
    """`None` where nothing is known that could be deleted."""
    values: dict[str, Json] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def is_left_over(self) -> bool:
        """Whether what was created may still be there."""
        gone = self.deleted is not None and self.deleted.result is Result.APPLIED
        made = self.created.result in (Result.APPLIED, Result.IN_DOUBT) or self.created.id is not None
        return made and not gone

    @property
    def exit(self) -> Exit:
        """What the two writes mean together."""
        ends = [self.created.exit, *([self.deleted.exit] if self.deleted else [])]
        return Exit.gravest([*ends, *([Exit.IN_DOUBT] if self.is_left_over else [])])


def take_lesson(account: Account, scope: Scope, name: str, carry_out: CarryOut) -> Lesson:
    """Create a resource called `name` with nothing set, look at it, delete it; return what that showed."""
    key = f"{account.kind.name}:{name}"
    created = carry_out(_plan(account, _creation(account, scope, key, name)))
    if created.id is None or created.body is None:
        return Lesson(created)
    deleted = carry_out(_plan(account, _deletion(account, scope, key, created.id, name, created.body)))
    values, unknown = _shown(account, created.body)
    return Lesson(created, deleted, values, unknown)


def _plan(account: Account, change: Change) -> Plan:
    return Plan(change.scope, account, changes=(change,))


def _creation(account: Account, scope: Scope, key: str, name: str) -> Change:
    place = Place("defaults learn", 1, 1)
    given = {account.kind.name_field: Given(name, Origin("defaults learn", place))}
    declared = Declared(key, place, given=given)
    return Change(scope, key, Action.CREATE, classify(account, declared, None), declared)


def _deletion(account: Account, scope: Scope, key: str, id: int, name: str, body: Body) -> Change:
    live = Live(id, name, body, listed=True)
    return Change(scope, key, Action.DELETE, removals(account, body), live=live)


def _shown(account: Account, body: Body) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return the values of the fields that were left out, and the paths of which the body tells nothing."""
    kind, values, unknown = account.kind, {}, []
    for one in kind.fields:
        if one.path in (kind.name_field, kind.visible_field) or one.fills_itself:
            continue
        if one.group and not value_at(body, one.group):
            unknown.append(one.path)  # the defaults of a group come with it, and it is not there
        else:
            values[one.path] = account.normal.lenient.value(one, value_at(body, one.member))
    return values, tuple(unknown)
