"""A sandbox inside the test's own process, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Fault, State, Tokens, Variants, approve, create_app, take_inventory

CONFIGS = "/3/contacts/import/configs"
KEYS = {"X-Master-Key": "master", "X-Key": "key"}
TOKEN = {"Authorization": "Bearer token"}
EXPOINTS = "/external/api/v3"
# What a customer needs: a value for every column that is required and not archived.
DATA = [
    {"CustomerDataColumnId": identity, "Value": value}
    for identity, value in {14: "F", 15: "Ada", 16: "Smit", 18: "Unit X"}.items()
]

Json = Any


@dataclass
class Clock:
    """The time in seconds since 1970; sleeping moves it at once."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Sandbox:
    """A client of one sandbox, with the clock and the state behind it."""

    client: httpx.Client
    state: State
    clock: Clock = field(default_factory=Clock)

    def data(self, method: str, path: str, **options: Any) -> Json:
        """Return `Data` of an answer that has to be 200."""
        response = self.client.request(method, path, **options)
        assert response.status_code == 200, response.text
        return response.json()["Data"]

    def listed(self, **options: Any) -> list[Json]:
        """Return the listed import configurations."""
        return list(self.data("GET", CONFIGS, params=options))

    def read(self, identity: int) -> Json:
        return self.data("GET", f"{CONFIGS}/{identity}")

    def put(self, identity: int, **members: Any) -> Json:
        """Update with these members and, unless told otherwise, what keeps a configuration visible."""
        return self.data("PUT", f"{CONFIGS}/{identity}", json={"Name": "N", "IsReusable": True, **members})

    def create(self, **members: Any) -> Json:
        return self.data("POST", CONFIGS, json={"Name": "N", "IsReusable": True, **members})

    def created(self, **members: Any) -> int:
        """Create, and return the id."""
        return int(self.create(**members)["ImportConfigId"])


@dataclass
class Tenant:
    """A client of the Expoints part of one sandbox."""

    sandbox: Sandbox
    variants: Variants

    def get(self, path: str, **query: Any) -> Json:
        """Return what a call answers, which has to be 200."""
        return self.sandbox.client.get(f"{EXPOINTS}/{path}", params=query).raise_for_status().json()

    def add(self, *customers: Json, **batch: Any) -> httpx.Response:
        """Add customers, addresses standing for complete ones, as a test batch that needs no approval."""
        complete = [{"Email": c, "Data": DATA} if isinstance(c, str) else c for c in customers]
        return self.post(
            {"IsTest": True, "ApproveAutomatically": True, "NotificationEmailAddresses": "qa@example.com"}
            | batch
            | {"Customers": complete}
        )

    def post(self, body: Json) -> httpx.Response:
        return self.sandbox.client.post(f"{EXPOINTS}/customer/add", json=body)

    def count(self, *addresses: str, **query: Any) -> int:
        """Count customers, test ones too unless told otherwise."""
        every = {"IncludeTestRecords": True, "EmailAddresses": addresses} | query
        return int(self.get("customer/count", **every)["CustomerCount"])

    def status(self, address: str) -> str:
        """Return the name of the status of an address's newest customer."""
        every = self.get("customer", IncludeTestRecords=True, EmailAddresses=address)["Customers"]
        names = {
            s["StatusCode"]: s["StatusName"] for s in self.get("customer/getcustomerstatuses")["Statuses"]
        }
        return str(names[every[-1]["StatusCode"]])

    def mails(self, kind: str = "invitation") -> list[Json]:
        return [mail for mail in take_inventory(self.sandbox.state)["mails"] if mail["kind"] == kind]

    def mailed(self) -> list[str]:
        """Return the addresses of all invitations."""
        return [mail["to"] for mail in self.mails()]

    def approve(self) -> Sequence[int]:
        return approve(self.sandbox.state, variants=self.variants, clock=self.sandbox.clock)


OpenSandbox = Callable[..., Sandbox]
OpenTenant = Callable[..., Tenant]


@pytest.fixture
def open_sandbox() -> Iterator[OpenSandbox]:
    """Open sandboxes: `open_sandbox("listing=unpaged", faults=["PUT:1:after:drop"])`."""
    opened: list[Sandbox] = []

    def open_one(
        *variants: str, faults: tuple[str, ...] = (), tokens: Tokens | None = None, state: State | None = None
    ) -> Sandbox:
        clock, state = Clock(), state or State()
        app = create_app(
            state,
            Variants.parse(variants),
            [Fault.parse(text) for text in faults],
            tokens=tokens or Tokens(),
            clock=clock,
            sleep=clock.sleep,
        )
        transport = httpx.WSGITransport(app)
        client = httpx.Client(transport=transport, base_url="http://sandbox", headers={**KEYS, **TOKEN})
        opened.append(Sandbox(client, state, clock))
        return opened[-1]

    yield open_one
    for sandbox in opened:
        sandbox.client.close()
        sandbox.state.close()


@pytest.fixture
def sandbox(open_sandbox: OpenSandbox) -> Sandbox:
    """A sandbox that answers every open question in the default way."""
    return open_sandbox()


@pytest.fixture
def open_tenant(open_sandbox: OpenSandbox) -> OpenTenant:
    """Open tenants: `open_tenant("statuses=dutch")`."""

    def open_one(*variants: str, **options: Any) -> Tenant:
        return Tenant(open_sandbox(*variants, **options), Variants.parse(variants))

    return open_one


@pytest.fixture
def tenant(open_tenant: OpenTenant) -> Tenant:
    """A tenant that answers every open question in the default way."""
    return open_tenant()
