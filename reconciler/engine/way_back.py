"""The way back from a run: what was overwritten, as declarations that are planned like any others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from reconciler.engine.body import Absent, value_at
from reconciler.engine.declared import Declared, Given, Origin
from reconciler.engine.kind import Body, Field, Json, Kind
from reconciler.engine.plan import Action
from reconciler.problems import Place


class Overwritten(Struct, frozen=True):
    """What a run did to one resource. `before` is the whole body that was there, `sent` what replaced it.

    `id` is known for whatever was there, or was created: by its name alone nothing may be deleted.
    """

    key: str
    action: Action
    id: int | None
    before: Body | None
    sent: Body | None


def way_back(kind: Kind, run: str, writes: Iterable[Overwritten]) -> tuple[Declared, ...]:
    """Return what has to be declared so that everything is again as it was before the writes.

    What was created is absent, what was deleted is there again under a new id, and an updated resource has
    every field that it had. Members that the model does not know are carried from what is live, as always.
    `run` is how the plan calls the origin of these values.
    """
    origin = Origin(run, Place(run, 1, 1))
    return tuple(_back(kind, origin, write) for write in writes)


def _back(kind: Kind, origin: Origin, write: Overwritten) -> Declared:
    if write.before is None:
        given = _given(origin, write.sent or {}, (kind.by_path[kind.name_field],))
        return Declared(write.key, origin.place, write.id, absent=True, given=given)
    fields = [field for field in kind.fields if field.path != kind.visible_field]
    id = None if write.action is Action.DELETE else write.id
    return Declared(write.key, origin.place, id, given=_given(origin, write.before, fields))


def _given(origin: Origin, body: Body, fields: Iterable[Field]) -> Mapping[str, Given]:
    return {f.path: Given(_stated(f, value_at(body, f.member)), origin) for f in fields}


def _stated(field: Field, value: Json | Absent) -> Json:
    """Return a value that says what the body showed: one that it left out was empty."""
    if isinstance(value, Absent) or value is None:
        return None if field.nullable else False
    return value
