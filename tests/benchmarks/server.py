"""A stand-in for both APIs that costs next to nothing: bodies are kept as the bytes of an answer.

The sandbox checks and stores what it is sent: measured with 1,000 configurations, it takes 0.7 ms of the
processor for a read and 16 ms for a page of the list, which on two cores would be a part of what is measured.
This server answers the same requests for 0.2 ms, in a process of its own, each after a latency that is exact
to about a millisecond, and counts them. `GET /-/told` returns what it counted, `POST
/-/begin` starts anew.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

from tests.benchmarks.workspaces import live_bodies

CONFIGS = "/3/contacts/import/configs"
TENANT = "/external/api/v3/"
_COLUMNS = [(14, "Gender_customer"), (15, "First_name_customer"), (16, "Family_name_customer")]
_COLUMNS_BODY = [
    {"Id": id, "Name": name, "DisplayName": name, "Required": True, "Archived": False}
    for id, name in [*_COLUMNS, (18, "Business Unit")]
]


@dataclass(frozen=True, slots=True)
class Account:
    """What is live: so many configurations, of which so many differ from the files; thin rows lack bodies.

    The tenant beside it has so many customers from earlier on, none of them in a seed.
    """

    count: int = 0
    differing: int = 0
    thin: bool = False
    latency: float = 0.0
    customers: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What the server counted: requests by kind, the seconds it worked, and when each kind last came."""

    requests: Mapping[str, int]
    cpu: float
    first: Mapping[str, float]
    last: Mapping[str, float]

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.requests.values())

    @property
    def words(self) -> str:
        """How many of each kind, for people."""
        return ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.requests.items()))


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _enveloped(data: bytes, meta: bytes = b"") -> bytes:
    return b'{"Meta":{"Status":200%b},"Data":%b}' % (meta, data)


class Stand:
    """The state of the account and the tenant, and what answers one request."""

    def __init__(self, account: Account) -> None:
        self.account = account
        bodies = live_bodies(account.count, account.differing)
        self._bodies = {id: _json(body) for id, body in bodies}
        self._mailed = Counter(f"earlier.{number}@example.com" for number in range(account.customers))
        self._requests: Counter[str] = Counter()
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._cpu = time.process_time()

    def told(self) -> Told:
        """Return what was counted since the beginning."""
        return Told(dict(self._requests), time.process_time() - self._cpu, self._first, self._last)

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        """Return the body of the answer to one request."""
        path, _, query = target.partition("?")
        if path.startswith(CONFIGS):
            return self._configuration(method, path.removeprefix(CONFIGS).strip("/"), query, body)
        return self._customers(path.removeprefix(TENANT), query, body)

    def _configuration(self, method: str, id: str, query: str, body: bytes) -> bytes:
        self._count(f"{method} {'one' if id else 'list'}")
        if method == "GET":
            return _enveloped(self._bodies[int(id)]) if id else self._page(query)
        number = int(id) if id else max(self._bodies, default=0) + 1
        self._bodies[number] = b'{"ImportConfigId":%d,%b' % (number, body.lstrip()[1:])
        return _enveloped(b'{"ImportConfigId":%d,"Succeeded":true}' % number)

    def _page(self, query: str) -> bytes:
        asked = parse_qs(query)
        skip, top = int(asked.get("skip", ["0"])[0]), int(asked.get("top", ["25"])[0])
        ids = list(self._bodies)[skip : skip + top]
        rows = [self._thin(id) if self.account.thin else self._bodies[id] for id in ids]
        return _enveloped(b"[%b]" % b",".join(rows), b',"TotalRowCount":%d' % len(self._bodies))

    def _thin(self, id: int) -> bytes:
        return _json({"ImportConfigId": id, "Name": json.loads(self._bodies[id])["Name"]})

    def _customers(self, call: str, query: str, body: bytes) -> bytes:
        self._count(call)
        match call:
            case "customerdatacolumn":
                return _json({"CustomerDataColumns": _COLUMNS_BODY})
            case "customer/getoptouts":
                return _json({"OptOuts": [], "NextCursor": None})
            case "customer/getcustomerstatuses":
                return _json({"Statuses": [{"StatusCode": 1, "StatusName": "Invited"}]})
            case "customer/count":
                return _json({"CustomerCount": self._counted(parse_qs(query))})
            case "customer":
                return _json(self._listed(parse_qs(query)))
            case "customer/add":
                self._mailed.update(customer["Email"] for customer in json.loads(body)["Customers"])
                return b"null"
        raise ValueError(call)

    def _counted(self, asked: Mapping[str, list[str]]) -> int:
        """Return how many customers there are, of those addresses if any are given; nobody has opted out."""
        if asked.get("IsOptout") == ["true"]:
            return 0
        emails = set(asked.get("EmailAddresses", ()))
        return sum(self._mailed[email] for email in emails) if emails else self._mailed.total()

    def _listed(self, asked: Mapping[str, list[str]]) -> Mapping[str, object]:
        """Return the first page of all customers."""
        limit = int(asked.get("Limit", ["100"])[0])
        rows = [{"Id": id, "Email": email} for id, email in enumerate(self._mailed.elements(), start=1)]
        return {"Customers": rows[:limit], "NextCursor": "next" if rows[limit:] else None}

    def _count(self, kind: str) -> None:
        now = time.monotonic()
        self._requests[kind] += 1
        self._first.setdefault(kind, now)
        self._last[kind] = now


class Connection(asyncio.Protocol):
    """One connection that is kept: as much of HTTP/1.1 as a client of this tool speaks."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, begin = self._received[:end], end + 4
            _, _, rest = head.lower().partition(b"content-length:")
            length = int(rest.partition(b"\r\n")[0] or 0)
            if len(self._received) < begin + length:
                return
            body, self._received = (
                self._received[begin : begin + length],
                self._received[begin + length :],
            )
            self._reply(head, body)

    def _reply(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.partition(b"\r\n")[0].decode().split(" ", 2)
        answer, latency = self._serving.reply(method, target, body)
        closes = b"connection: close" in head.lower()
        date = formatdate(usegmt=True).encode()
        message = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: %b\r\n"
            b"Content-Length: %d\r\n%b\r\n%b"
        ) % (date, len(answer), b"Connection: close\r\n" if closes else b"", answer)
        asyncio.get_running_loop().call_later(latency, self._send, message, closes)

    def _send(self, message: bytes, closes: bool) -> None:
        self._transport.write(message)
        if closes:
            self._transport.close()


class Serving:
    """The stand that answers now; another one takes its place when a measurement begins."""

    def __init__(self) -> None:
        self._stand = Stand(Account())

    def reply(self, method: str, target: str, body: bytes) -> tuple[bytes, float]:
        """Return an answer and the seconds after which it is due."""
        if target == "/-/begin":
            self._stand = Stand(Account(**json.loads(body)))
            return b"{}", 0.0
        if target == "/-/told":
            return _json(asdict(self._stand.told())), 0.0
        return self._stand.answer(method, target, body), self._stand.account.latency


async def _serve(ready: Callable[[int], Any]) -> None:
    serving = Serving()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(serving), "127.0.0.1", 0)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main() -> None:
    """Print the port, and answer until standard input ends: whoever started this process is then gone."""

    async def run() -> None:
        serving = asyncio.ensure_future(_serve(lambda port: print(port, flush=True)))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        serving.cancel()

    asyncio.run(run())


if __name__ == "__main__":
    main()
