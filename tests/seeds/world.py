"""A tenant in a sandbox, a workspace with seeds, and the command: the sandbox's mails are the witness."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, ReconcilerError
from reconciler.journal.journal import ReadOnlyJournal, read_journal
from reconciler.sandbox import Variants, approve, take_inventory
from reconciler.sandbox.seeding import BATCHES, COLUMNS, CUSTOMERS
from tests.commands.world import EVERYTHING, World

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}
"""
JOHN, JANE = "smoke+john@example.com", "smoke+jane@example.com"
SETTLE_AFTER = 600.0
ADD = "POST *customer/add"
DATA = {
    "Gender_customer": "V",
    "First_name_customer": "Jo",
    "Family_name_customer": "Do",
    "Business Unit": "Unit X",
}

Fields = dict[str, Any]


@dataclass(frozen=True)
class End:
    """How one run ended: its exit code, its document, and what it told a person besides."""

    exit: Exit
    document: Mapping[str, Any]
    told: str

    @property
    def seeds(self) -> list[Fields]:
        """The seeds as the run planned them."""
        found: list[Fields] = self.document["plan"]["seeds"]
        return found

    @property
    def states(self) -> dict[str, int]:
        """How many customers stood how before anything was sent, all seeds together; none is left out."""
        names = ("pending", "changed", "sent", "found", "in_doubt")
        counts = {name: sum(seed["states"][name] for seed in self.seeds) for name in names}
        return {name: count for name, count in counts.items() if count}

    @property
    def counts(self) -> dict[str, int]:
        """What became of the customers that were to be sent."""
        ends = self.document["sent"]
        counts = {name: sum(end[name] for end in ends) for name in ("sent", "refused", "in_doubt")}
        return {name: count for name, count in counts.items() if count}

    @property
    def codes(self) -> list[str]:
        """Why seeds were blocked."""
        return [reason["code"] for seed in self.seeds for reason in seed["reasons"]]

    @property
    def status(self) -> Fields:
        """What the run says that the tenant counts of the only seed that it sent."""
        (end,) = self.document["sent"]
        found: Fields = end["status"]
        return found

    @property
    def notes(self) -> str:
        """What the run says of the sending."""
        return "\n".join(note for end in self.document.get("sent", ()) for note in end["notes"])


@dataclass
class SeedWorld(World):
    """One target with a tenant. Unless told otherwise, customers have the data that it requires."""

    def __post_init__(self) -> None:
        self.write("reconciler.yaml", SETTINGS)

    def declare(self, *emails: str, key: str = "smoke", **fields: Any) -> None:
        """Declare a seed for these mailboxes, in a file of its own name."""
        usual = {
            "targets": ["sandbox"],
            "is_test": True,
            "approve_automatically": True,
            "notification_email_addresses": ["qa@example.com"],
            "defaults": {"data": DATA},
            "customers": [{"email": email} for email in emails],
        }
        seed = {name: value for name, value in {**usual, **fields}.items() if value is not None}
        self.write(f"{key}.yaml", json.dumps({"customer_seeds": {key: seed}}))

    def apply(
        self,
        *faults: str,
        selection: Selection = EVERYTHING,
        with_seeds: bool = True,
        consent: Consent = Consent(),  # noqa: B008 - it is frozen
    ) -> End:
        """Apply everything while these faults strike."""
        run = self.applies(consent, selection, json=True, with_seeds=with_seeds, faults=faults)
        return End(run.exit, run.document, run.told)

    def call(self, verb: Callable[..., Exit], *faults: str) -> Any:
        """Call another verb while these faults strike; return its document, `None` where it had none."""
        try:
            return self.ran(verb, EVERYTHING, json=True, faults=faults).document
        except ReconcilerError:
            return None

    @contextmanager
    def records(self) -> Iterator[ReadOnlyJournal]:
        """Open the journal to read it."""
        with read_journal(f"sqlite:{self.journal}", self.folder, self.clock) as journal:
            yield journal

    def forget_customers(self) -> None:
        """Let the tenant have no customer to begin with."""
        with self.state.transaction() as documents:
            for id in documents.all(CUSTOMERS):
                documents.remove(CUSTOMERS, id)

    def plan(self) -> tuple[Exit, str]:
        """Plan everything; return the exit code and what is shown."""
        run = self.plans(Consent(), detailed_exitcode=True)
        return run.exit, run.out

    def rest(self, seconds: float = SETTLE_AFTER) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)

    def approve(self) -> None:
        """Approve what waits, as a person at the vendor's does."""
        approve(self.state, variants=self.variants, clock=self.clock.now)

    def lose_journal(self) -> None:
        """Delete the journal, if there is one."""
        self.journal.unlink(missing_ok=True)

    @property
    def journal(self) -> Path:
        """The file of the journal."""
        return self.folder / ".reconciler" / "journal.db"

    @property
    def mailed(self) -> list[str]:
        """The mailbox of every invitation that was ever sent, in alphabetical order."""
        mails = take_inventory(self.state)["mails"]
        return sorted(mail["to"] for mail in mails if mail["kind"] == "invitation")

    @property
    def came(self) -> list[tuple[str, str]]:
        """The mailbox of every customer that the tenant was sent, with the name of its batch."""
        with self.state.transaction() as documents:
            names = {batch["Id"]: batch["Name"] for batch in documents.all(BATCHES).values()}
            sent = [c for c in documents.all(CUSTOMERS).values() if c.get("BatchId") in names]
            return [(customer["Email"], names[customer["BatchId"]]) for customer in sent]

    @property
    def batches(self) -> list[list[str]]:
        """The mailboxes of every batch that reached the tenant."""
        bodies = [json.loads(request.body) for request in self.posts]
        return [[customer["Email"] for customer in body["Customers"]] for body in bodies]

    @property
    def posts(self) -> list[Any]:
        """Every request that could have mailed somebody."""
        return [request for request in self.state.requests() if request.path.endswith("/customer/add")]

    def lose(self, email: str) -> None:
        """Take the newest customer of a mailbox from the tenant, as if it had never come."""
        with self.state.transaction() as documents:
            ids = [id for id, found in documents.all(CUSTOMERS).items() if found["Email"] == email]
            documents.remove(CUSTOMERS, ids[-1])

    def lose_oldest(self, *emails: str) -> None:
        """Take the oldest customer of each mailbox from the tenant."""
        with self.state.transaction() as documents:
            for email in emails:
                id = next(id for id, found in documents.all(CUSTOMERS).items() if found["Email"] == email)
                documents.remove(CUSTOMERS, id)

    def add_by_hand(self, email: str) -> None:
        """Give the newest customer of a mailbox a twin, as somebody else might."""
        with self.state.transaction() as documents:
            twin = [found for found in documents.all(CUSTOMERS).values() if found["Email"] == email][-1]
            documents.put(CUSTOMERS, documents.next_number(CUSTOMERS), twin)

    def archive(self, name: str, *, archived: bool = True) -> None:
        """Archive a column of the tenant, or take it back."""
        with self.state.transaction() as documents:
            for id, column in documents.all(COLUMNS).items():
                if column["Name"] == name:
                    documents.put(COLUMNS, id, {**column, "Archived": archived, "Required": False})


Step = Callable[[SeedWorld], object]
"""Something that happens to a world."""


def declare(*emails: str, **fields: Any) -> Step:
    """Declare these mailboxes, or both, with these fields."""
    return lambda world: world.declare(*(emails or (JOHN, JANE)), **fields)


def apply(*faults: str) -> Step:
    """Apply everything while these faults strike."""
    return lambda world: world.apply(*faults)


def set_to(variants: Variants) -> Step:
    """Let the tenant be of another kind."""
    return lambda world: setattr(world, "variants", variants)


def wait(seconds: float) -> Step:
    """Let time pass."""
    return lambda world: world.rest(seconds)


def rename(world: SeedWorld) -> None:
    """Give the seed another key."""
    (world.folder / "configs" / "smoke.yaml").unlink()
    world.declare(JOHN, JANE, key="renamed")


def move(world: SeedWorld) -> None:
    """Give the seed another key, and say so."""
    rename(world)
    world.write("moved.yaml", "moved: {customer_seeds.smoke: customer_seeds.renamed}\n")


def happen(world: SeedWorld, *steps: Step) -> None:
    """Let these steps happen one after the other."""
    for step in steps:
        step(world)
