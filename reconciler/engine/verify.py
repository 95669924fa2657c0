"""Whether a read-back shows what was written. Pure: the waiting for a slow cache is done elsewhere.

A read-back is one document, so a single field that moved proves that all of it is newer than the write.
"""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from reconciler.engine.body import value_at
from reconciler.engine.classify import Account, FieldClass, FieldView
from reconciler.engine.kind import Body, Json


class Seen(Struct, frozen=True):
    """One field as it was planned, and as the read-back shows it, in compared form."""

    view: FieldView
    now: Json
    is_shown: bool = True
    """False for a field of a group that the body does not have: it tells nothing of the field."""

    @property
    def arrived(self) -> bool:
        """It is what the change wanted."""
        return self.now == self.view.after

    @property
    def moved(self) -> bool:
        """It is no longer what it was before the write."""
        return self.now != self.view.before


class ReadBack(Struct, frozen=True, dict=True):
    """Every field after a write."""

    fields: tuple[Seen, ...]

    @cached_property
    def is_fresh(self) -> bool:
        """Something moved, so this is not an answer from before the write."""
        return any(seen.moved for seen in self.fields)

    @cached_property
    def not_stored(self) -> tuple[Seen, ...]:
        """Declared values that the API accepted and did not store."""
        return tuple(s for s in self._set if s.view.differs and not s.moved and s.view.after is not None)

    @cached_property
    def stored_as(self) -> tuple[Seen, ...]:
        """Declared values for which the API stored another, or a value where `null` was declared."""
        return tuple(
            s for s in self._set if not s.arrived and (s.moved or (s.view.differs and s.view.after is None))
        )

    @cached_property
    def other_defaults(self) -> tuple[Seen, ...]:
        """Left out fields that the server put to something else than was expected."""
        return tuple(s for s in self._of(FieldClass.RESET) if not s.arrived)

    @cached_property
    def side_changes(self) -> tuple[Seen, ...]:
        """Kept fields that the API changed all the same."""
        return tuple(s for s in self._of(FieldClass.KEPT) if s.moved and not s.arrived)

    @cached_property
    def left_behind(self) -> dict[str, Json]:
        """What the server gave to each field that the body left out: path → value in compared form.

        It is empty unless a declared field shows its new value too: only that proves that no cache speaks.
        """
        if not any(seen.moved and seen.arrived for seen in self._set):
            return {}
        return {s.view.path: s.now for s in self._of(FieldClass.RESET) if s.is_shown}

    @property
    def _set(self) -> tuple[Seen, ...]:
        return self._of(FieldClass.SET)

    def _of(self, cls: FieldClass) -> tuple[Seen, ...]:
        return tuple(seen for seen in self.fields if seen.view.cls is cls)


def read_back(account: Account, views: tuple[FieldView, ...], body: Body) -> ReadBack:
    """Return how `body`, read after the write, compares with what was planned."""
    return ReadBack(tuple(_seen(account, view, body) for view in views))


def _seen(account: Account, view: FieldView, body: Body) -> Seen:
    field = account.kind.by_path[view.path]
    if view.cls is not FieldClass.RESET:
        return Seen(view, account.normal.value(field, value_at(body, field.member)))
    if field.group and not value_at(body, field.group):
        return Seen(view, view.after, is_shown=False)  # the defaults of a group come with it
    return Seen(view, account.normal.lenient.value(field, value_at(body, field.member)))
