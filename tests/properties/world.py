"""One account in a sandbox, the real client of it, and the engine's stages upon it; nothing here sleeps.

`Situation` is what hypothesis draws, `World` is where it comes to life. What is stored is looked at in the
sandbox's own state, never through the client that is under test.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from hypothesis import assume
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.checkmarket.client import ImportConfigs, open_checkmarket
from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.apply import Run, apply
from reconciler.engine.body import compared, shows_zero, value_at
from reconciler.engine.change import Change, Limits, Plan, Scope
from reconciler.engine.classify import AccountProfile, FieldClass, FieldView, known_defaults
from reconciler.engine.inventory import resolve, take_inventory
from reconciler.engine.kind import Declared, Field, Json, Kind, Member
from reconciler.engine.outcome import Outcome
from reconciler.engine.plan import Consent, make_plan
from reconciler.http.api import Connection
from reconciler.http.messages import Secret, WsgiTransport
from reconciler.sandbox import Fault, Request, State, Variants, create_app
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, SURVEYS
from tests.clock import FakeClock

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

PATIENCE = 30.0
TARGET = "sandbox"
ALL_RESETS = Consent(resets=None)
# Members of a server of the variant `server_extras`: what a user of a strict one has to write.
_STRICT_MEMBERS: frozenset[Member] = frozenset({("CreateDate",), ("SurveySettings", "LinkVersion")})


class Situation(Struct, frozen=True):
    """What is declared, what is stored, and which of the plausible servers stores it."""

    variants: Variants
    stored: Mapping[int | str, dict[str, Any]]
    """Id → the sandbox's document of it."""
    declared: tuple[Declared, ...]
    defaults: Mapping[str, Json] = field(default_factory=dict)
    """The defaults that the files state."""

    @property
    def kind(self) -> Kind:
        """The kind with the server's own members that a person would have to name on such a server."""
        strict = self.variants.extra_members == "strict"
        members = _STRICT_MEMBERS if strict else frozenset()
        return replace(IMPORT_CONFIGS, server_members=IMPORT_CONFIGS.server_members | members)


class Report(NamedTuple):
    """A plan, and how it ended."""

    plan: Plan
    outcomes: Sequence[Outcome]


class World:
    """A situation come to life; close it, or use it in a `with`."""

    def __init__(self, situation: Situation) -> None:
        self.kind = situation.kind
        self.variants = situation.variants
        self.clock = FakeClock()
        self.state = State(seed={CONFIGS: situation.stored, SURVEYS: STARTING_POINT[SURVEYS]})
        self.app = self._served(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.state.close()

    def _served(self, faults: Sequence[Fault]) -> WSGIApplication:
        return create_app(self.state, self.variants, faults, clock=self.clock.now, sleep=self.clock.sleep)

    @contextmanager
    def client(self, faults: Sequence[Fault] = ()) -> Iterator[ImportConfigs]:
        """Open the real client of the account."""
        transport = WsgiTransport(self._served(faults) if faults else self.app)
        keys = Secret("master-key"), Secret("user-key")
        with open_checkmarket(
            "http://localhost", *keys, Connection(clock=self.clock, transport=transport)
        ) as client:
            yield client

    def plan(self, situation: Situation, consent: Consent = ALL_RESETS, limits: Limits | None = None) -> Plan:
        """Plan when the answers of before have left the server's cache."""
        self.clock.sleep(PATIENCE)
        with self.client() as client:
            resolved = resolve(situation.declared, client)
            inventory = take_inventory(client, self.kind, resolved)
        explicit = shows_zero(self.kind, (live.body for live in inventory.by_id.values()))
        scope = Scope(TARGET, "sandbox:", limits or Limits(deletes=None, updates=None))
        known = known_defaults(self.kind, situation.defaults, {})
        return make_plan(scope, AccountProfile(self.kind, explicit, known), resolved, inventory, consent)

    def apply(self, plan: Plan, faults: Sequence[Fault] = ()) -> Report:
        """Carry out a plan while these faults strike."""
        with self.client(faults) as client:
            return Report(plan, apply(plan, Run(plan.account, client, self.clock, PATIENCE)))

    def planned_and_applied(self, situation: Situation) -> Report:
        """Plan with consent to every reset, and apply."""
        return self.apply(self.plan(situation))

    def documents(self) -> dict[int, dict[str, Any]]:
        """Return everything that is stored, by id."""
        with self.state.transaction() as documents:
            return {int(id): copy.deepcopy(document) for id, document in documents.all(CONFIGS).items()}

    def configs(self) -> dict[int, dict[str, Any]]:
        """Return the documented members of everything that is stored, by id."""
        return {id: document["Config"] for id, document in self.documents().items()}

    def edit(self, id: int, member: Member, value: Json) -> None:
        """Let another person change a member, unseen."""
        with self.state.transaction() as documents:
            document = documents.get(CONFIGS, id)
            assert document is not None
            *groups, last = member
            inner = document["Config"]
            for group in groups:
                inner[group] = inner.get(group) or {}
                inner = inner[group]
            inner[last] = value
            documents.put(CONFIGS, id, document)

    def writes(self) -> list[Request]:
        """Return every request that could have changed something, the sandbox being the witness."""
        return [request for request in self.state.requests() if request.method != "GET"]

    def bodies(self, method: str) -> list[dict[str, Any]]:
        """Return the bodies that were sent by a method."""
        return [json.loads(request.body) for request in self.writes() if request.method == method]


def stored_value(config: Mapping[str, Any], field: Field) -> Json:
    """Return what is stored for a field, in compared form; false and 0 are nothing."""
    return compared(field, value_at(config, field.member))


def shown_value(config: Mapping[str, Any], field: Field, variants: Variants) -> Json:
    """Return the same, with false and 0 where the server shows them."""
    return compared(field, value_at(config, field.member), strict=variants.false_and_zero == "shown")


EDITS: dict[str, Json] = {
    "contact_list_id": 99,
    "contact_group_id": 99,
    "survey_settings.invitation_delay_in_days": 99,
    "survey_settings.invitation_time": "03:33:00.0000000",
    "survey_settings.expiration_time": "03:33:00.0000000",
    "column_mappings": [{"SourceColumnNumber": 9, "TargetColumnName": "Gsm"}],
    "date_format": "d-M-yy",
    "first_row": 99,
    "field_delimiter": "#",
    "default_language_code": "pt",
    "name": "Renamed by another",
}


def edited(
    world: World, situation: Situation, data: st.DataObject, *classes: FieldClass
) -> tuple[Plan, Change, FieldView, int]:
    """Plan, then let another person change a field of these classes under an update, and its cache expire.

    Returns the plan, whose and which field it is, and the id.
    """
    plan = world.plan(situation)
    candidates = [
        (change, view)
        for change in plan.changes
        if change.id is not None
        for view in change.fields
        if view.cls in classes and view.path in EDITS
    ]
    assume(candidates)
    change, view = data.draw(st.sampled_from(candidates))
    assert change.id is not None
    world.edit(change.id, world.kind.by_path[view.path].member, EDITS[view.path])
    world.clock.sleep(world.variants.read_cache_seconds)
    return plan, change, view, change.id
