"""A sandbox inside the test's own process, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Fault, Keys, State, Variants, create_app

CONFIGS = "/3/contacts/import/configs"
KEYS = {"X-Master-Key": "master", "X-Key": "key"}

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


OpenSandbox = Callable[..., Sandbox]


@pytest.fixture
def open_sandbox() -> Iterator[OpenSandbox]:
    """Open sandboxes: `open_sandbox("listing=unpaged", faults=["PUT:1:after:drop"])`."""
    opened: list[Sandbox] = []

    def open_one(
        *variants: str, faults: tuple[str, ...] = (), keys: Keys | None = None, state: State | None = None
    ) -> Sandbox:
        clock, state = Clock(), state or State()
        app = create_app(
            state,
            Variants.parse(variants),
            [Fault.parse(text) for text in faults],
            keys=keys or Keys(),
            clock=clock,
            sleep=clock.sleep,
        )
        transport = httpx.WSGITransport(app)
        client = httpx.Client(transport=transport, base_url="http://sandbox", headers=KEYS)
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
