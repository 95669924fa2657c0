"""A small kind of resource and a small API for it, so that the engine is tested without any vendor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from reconciler.engine.change import Limits, Plan, Scope
from reconciler.engine.classify import AccountProfile, Defaults, known_defaults
from reconciler.engine.inventory import Inventory
from reconciler.engine.kind import (
    Body,
    Declared,
    Field,
    Given,
    Json,
    Kind,
    Live,
    Mapper,
    Origin,
    Policy,
    Reference,
    Rows,
    Ruling,
    map_serially,
)
from reconciler.engine.plan import Consent, make_plan
from reconciler.problems import Place

PLACE = Place("toys.yaml", 1, 1)
RESOURCE = Origin("resource", PLACE)
SCOPE = Scope("shop", "shop.example", Limits())

TOYS = Kind(
    name="toys",
    fields=(
        Field("name", ("Name",)),
        Field("size", ("Size",)),
        Field("is_loud", ("IsLoud",)),
        Field("battery.kind", ("Battery", "Kind")),
        Field("battery.count", ("Battery", "Count")),
        Field(
            "parts",
            ("Parts",),
            rows=Rows("Number", {"Number": "number", "Label": "label"}),
            fills_itself=True,
        ),
        Field("is_visible", ("IsVisible",), nullable=False),
    ),
    id_member="ToyId",
    name_field="name",
    visible_field="is_visible",
    server_members=frozenset({("ToyId",)}),
)


def account(*, explicit_empties: bool = False, defaults: Defaults | None = None) -> AccountProfile:
    return AccountProfile(TOYS, explicit_empties, defaults or {})


def proved(values: Mapping[str, Json]) -> Defaults:
    """Defaults that the files state and that a read-back has shown."""
    return known_defaults(TOYS, values, values)


def claimed(values: Mapping[str, Json]) -> Defaults:
    """Defaults that the files state, and nothing has shown."""
    return known_defaults(TOYS, values, {})


def declared(
    key: str = "toys.robot",
    values: Mapping[str, Json | Reference] | None = None,
    *,
    id: int | None = None,
    keep: Sequence[str] = (),
    reset: Sequence[str] = (),
    own: bool = True,
    undeclared: Policy = Policy.RESET,
    absent: bool = False,
    hidden: bool = False,
) -> Declared:
    rulings = {path: Ruling(Policy.KEEP, RESOURCE, own) for path in keep}
    rulings |= {path: Ruling(Policy.RESET, RESOURCE, own) for path in reset}
    given = {path: Given(value, RESOURCE) for path, value in (values or {"name": "Robot"}).items()}
    return Declared(key, PLACE, id, absent, hidden, given, rulings, undeclared)


def live(body: Body | None = None, *, id: int = 1, listed: bool = True) -> Live:
    whole = {"ToyId": id, "Name": "Robot", "IsVisible": True, **(body or {})}
    return Live(id, str(whole["Name"]), whole, listed)


def planned(
    resources: Sequence[Declared],
    lives: Sequence[Live] = (),
    *,
    limits: Limits | None = None,
    consent: Consent | None = None,
    of: AccountProfile | None = None,
    complete: bool = True,
    **more: Any,
) -> Plan:
    """Return the plan for these resources where these are live."""
    inventory = Inventory({item.id: item for item in lives}, complete)
    scope = replace(SCOPE, limits=limits or Limits())
    return make_plan(scope, of or account(), resources, inventory, consent or Consent(), **more)


def robots(*numbers: int, **values: Json) -> list[Declared]:
    return [declared(f"toys.robot-{n}", {"name": f"Robot {n}", **values}, id=n) for n in numbers]


def lives(*numbers: int, **body: Json) -> list[Live]:
    return [live({"Name": f"Robot {n}", **body}, id=n) for n in numbers]


@dataclass
class ToyShop:
    """An API of toys in memory, with hooks before each call; a `Client`."""

    bodies: dict[int, dict[str, Json]] = field(default_factory=dict)
    defaults: dict[str, Json] = field(default_factory=dict)
    before: Callable[[str, int | None], None] = lambda _verb, _id: None
    after: Callable[[str, int | None], None] = lambda _verb, _id: None
    calls: list[tuple[str, int | None]] = field(default_factory=list)
    sent: list[dict[str, Json]] = field(default_factory=list)

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        del mapper
        self._call("list", None)
        return [copy.deepcopy(body) for body in self.bodies.values() if body.get("IsVisible")]

    def read(self, id: int) -> Body | None:
        self._call("read", id)
        body = self.bodies.get(id)
        return copy.deepcopy(body) if body and body.get("IsVisible") else None

    def find(self, what: str, name: str) -> Sequence[int]:
        self._call(f"find {what} {name}", None)
        return []

    def meant(self, what: str, name: str) -> str:
        del what, name
        return ""

    def name(self, what: str, id: int) -> str | None:
        self._call(f"name {what}", id)
        return None

    def create(self, body: Body) -> int | None:
        id = max(self.bodies, default=0) + 1
        return self._write("create", id, body)

    def update(self, id: int, body: Body) -> None:
        self._write("update", id, body)

    def delete(self, id: int) -> None:
        self._call("delete", id)
        self.bodies.pop(id, None)
        self.after("delete", id)

    def _write(self, verb: str, id: int, body: Body) -> int:
        self._call(verb, id)
        self.sent.append(copy.deepcopy(dict(body)))
        given = {name: value for name, value in copy.deepcopy(dict(body)).items() if value is not None}
        self.bodies[id] = {"ToyId": id, **self.defaults, **given}
        self.after(verb, id)
        return id

    def _call(self, verb: str, id: int | None) -> None:
        self.calls.append((verb, id))
        self.before(verb, id)

    @property
    def writes(self) -> Sequence[tuple[str, int | None]]:
        return [call for call in self.calls if call[0] in ("create", "update", "delete")]
