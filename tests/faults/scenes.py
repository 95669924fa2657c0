"""For each section of the table: which request goes wrong, how a client makes it, and what is to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.checkmarket.client import ImportConfigs
from reconciler.commands.workspace import Selection
from reconciler.expoints.client import Customers
from tests.faults.world import BOTH, CREATE, DELETE, OAUTH, OTHER, UPDATE, WELCOME, FaultWorld
from tests.seeds.world import DATA, JOHN, SETTINGS

BODY: Mapping[str, Any] = {"Name": "Newcomer", "IsReusable": True}
BATCH: Mapping[str, Any] = {
    "IsTest": True,
    "ApproveAutomatically": True,
    "NotificationEmailAddresses": "qa@example.com",
    "Customers": [{"Email": JOHN, "Data": [{"Name": name, "Value": value} for name, value in DATA.items()]}],
}


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do, and what the sandbox shows when it is done, or when nothing was."""

    declare: Callable[[FaultWorld], object]
    is_done: Callable[[FaultWorld], bool]
    is_untouched: Callable[[FaultWorld], bool]


@dataclass(frozen=True, slots=True)
class Scene:
    """One request that goes wrong: the `nth` of an apply of the task, and the first of a client's call."""

    request: str
    ask: Callable[[ImportConfigs, Customers], object]
    task: Task
    nth: int = 1

    def faults(self, effect: str) -> tuple[str, str]:
        """Return an effect as a fault of a client's call, and as one of an apply."""
        number, _, rest = effect.partition(":")
        onwards = "+" if number.endswith("+") else ""
        return f"{self.request}:{effect}", f"{self.request}:{self.nth}{onwards}:{rest}"

    def __str__(self) -> str:
        return f"{self.request}:{self.nth}"


def _files(text: str) -> Callable[[FaultWorld], None]:
    return lambda world: world.write("resources.yaml", text)


def _one_of_two(world: FaultWorld) -> None:
    world.begin_with({1: WELCOME, 2: {"Name": "Other", "IsReusable": True}})
    world.write("resources.yaml", UPDATE)
    world.write("other.yaml", OTHER)
    world.selection = Selection(only=("welcome",))


def _with_oauth(world: FaultWorld) -> None:
    world.declare(*reversed(BOTH))
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:", allowed', f'"sandbox:", {OAUTH}, allowed'))


def _is_updated(world: FaultWorld) -> bool:
    return world.delay == 2 and "Welcome" in world.names


def _is_as_before(world: FaultWorld) -> bool:
    return world.delay == 5 and "Newcomer" not in world.names


UPDATING = Task(_files(UPDATE), _is_updated, _is_as_before)
UPDATING_ONE = Task(_one_of_two, _is_updated, _is_as_before)
CREATING = Task(_files(CREATE), lambda world: world.names == ["Newcomer", "Welcome"], _is_as_before)
DELETING = Task(_files(DELETE), lambda world: world.names == [], _is_as_before)
SENDING = Task(
    lambda world: world.declare(*reversed(BOTH)),
    lambda world: world.mailed == BOTH,
    lambda world: world.mailed == [],
)
SENDING_WITH_OAUTH = Task(_with_oauth, SENDING.is_done, SENDING.is_untouched)

PUT, ADD, TOKEN = "PUT", "POST *customer/add", "POST *token"
LIST, ONE = "GET /3/contacts/import/configs", "GET /3/contacts/import/configs/1"
COLUMNS, COUNT, OPT_OUTS = "GET *customerdatacolumn", "GET *customer/count", "GET *customer/getoptouts"

# The requests of an apply that plans one seed of two: columns, two counts, opt-outs; the same again with the
# journal open; two counts, the batch, two counts.
SCENES: Mapping[str, Sequence[Scene]] = {
    "Listing for a plan": (
        Scene(LIST, lambda account, _: account.list(), UPDATING),
        Scene("GET /3/surveys", lambda account, _: account.find("survey", "x"), UPDATING),
    ),
    "Reading for a plan": (Scene(ONE, lambda account, _: account.read(1), UPDATING_ONE),),
    "Reading again before a write": (Scene(ONE, lambda account, _: account.read(1), UPDATING, nth=2),),
    "Listing before a create": (Scene(LIST, lambda account, _: account.list(), CREATING, nth=2),),
    "Replacing": (Scene(PUT, lambda account, _: account.update(1, {**WELCOME, "FirstRow": 2}), UPDATING),),
    "Reading back after a write": (Scene(ONE, lambda account, _: account.read(1), UPDATING, nth=3),),
    "Creating": (
        Scene("POST /3/contacts/import/configs", lambda account, _: account.create(BODY), CREATING),
    ),
    "Deleting": (Scene("DELETE", lambda account, _: account.delete(1), DELETING),),
    "A token for the tenant": (Scene(TOKEN, lambda _, tenant: tenant.columns(), SENDING_WITH_OAUTH),),
    "Asking the tenant before a batch": (
        Scene(COLUMNS, lambda _, tenant: tenant.columns(), SENDING),
        Scene(COUNT, lambda _, tenant: tenant.count([JOHN]), SENDING),
        Scene(OPT_OUTS, lambda _, tenant: tenant.opted_out([JOHN]), SENDING, nth=2),
        Scene(COUNT, lambda _, tenant: tenant.count([JOHN]), SENDING, nth=5),
    ),
    "Sending a batch": (Scene(ADD, lambda _, tenant: tenant.add(BATCH), SENDING),),
    "Counting after a batch": (Scene(COUNT, lambda _, tenant: tenant.count([JOHN]), SENDING, nth=8),),
    "Looking at the tenant": (
        Scene("GET *customer/getcustomerstatuses", lambda _, tenant: tenant.statuses(), SENDING),
        Scene("GET */v3/customer", lambda _, tenant: tenant.customers([JOHN]), SENDING),
    ),
}
