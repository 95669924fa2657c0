"""A stand-in for both APIs that costs next to nothing: bodies are kept as the bytes of an answer.

The sandbox checks and stores what it is sent, which on two cores would be a part of what is measured.
`GET /-/counts` returns what was counted since `POST /-/begin`, which starts anew.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.benchmarks.workspaces import live_bodies

CONFIGS = "/3/contacts/import/configs"
TENANT = "/external/api/v3/"
_COLUMNS = [
    (14, "Gender_customer"),
    (15, "First_name_customer"),
    (16, "Family_name_customer"),
    (18, "Business Unit"),
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


@dataclass(slots=True)
class Counts:
    """What the server counted: requests by kind, and when each kind first and last came."""

    requests: dict[str, int] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.requests.values())

    @property
    def words(self) -> str:
        """How many of each kind, for people."""
        return ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.requests.items()))

    def add(self, kind: str) -> None:
        """Count a request of this kind."""
        self.requests[kind] = self.requests.get(kind, 0) + 1
        self.last[kind] = time.monotonic()
        self.first.setdefault(kind, self.last[kind])


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _enveloped(data: bytes, meta: bytes = b"") -> bytes:
    return b'{"Meta":{"Status":200%b},"Data":%b}' % (meta, data)


class Stand:
    """The state of the account and the tenant, and what answers one request."""

    def __init__(self, account: Account) -> None:
        self.account, self.counts, self.lock = account, Counts(), threading.Lock()
        self._bodies = {id: _json(body) for id, body in live_bodies(account.count, account.differing)}
        self._mailed = Counter(f"earlier.{number}@example.com" for number in range(account.customers))

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        """Return the body of the answer to one request."""
        path, _, query = target.partition("?")
        if path.startswith(CONFIGS):
            return self._configuration(method, path.removeprefix(CONFIGS).strip("/"), parse_qs(query), body)
        return _json(self._customers(path.removeprefix(TENANT), parse_qs(query), body))

    def _configuration(self, method: str, id: str, asked: dict[str, list[str]], body: bytes) -> bytes:
        self.counts.add(f"{method} {'one' if id else 'list'}")
        if method == "PUT":
            self._bodies[int(id)] = b'{"ImportConfigId":%d,%b' % (int(id), body.lstrip()[1:])
            return _enveloped(b'{"ImportConfigId":%d,"Succeeded":true}' % int(id))
        if id:
            return _enveloped(self._bodies[int(id)])
        skip, top = int(asked.get("skip", ["0"])[0]), int(asked.get("top", ["25"])[0])
        rows = [self._bodies[id] for id in [*self._bodies][skip : skip + top]]
        if self.account.thin:
            full = map(json.loads, rows)
            rows = [_json({name: row[name] for name in ("ImportConfigId", "Name")}) for row in full]
        return _enveloped(b"[%b]" % b",".join(rows), b',"TotalRowCount":%d' % len(self._bodies))

    def _customers(self, call: str, asked: dict[str, list[str]], body: bytes) -> object:
        self.counts.add(call)
        match call:
            case "customerdatacolumn":
                flags = {"Required": True, "Archived": False}
                columns = [{"Id": id, "Name": name, "DisplayName": name, **flags} for id, name in _COLUMNS]
                return {"CustomerDataColumns": columns}
            case "customer/getoptouts":
                return {"OptOuts": [], "NextCursor": None}
            case "customer/getcustomerstatuses":
                return {"Statuses": [{"StatusCode": 1, "StatusName": "Invited"}]}
            case "customer/count" if asked.get("IsOptout") == ["true"]:
                return {"CustomerCount": 0}
            case "customer/count":
                emails = set(asked.get("EmailAddresses", ()))
                return {"CustomerCount": sum(self._mailed[one] for one in emails or self._mailed)}
            case "customer":
                limit = int(asked.get("Limit", ["100"])[0])
                rows = [
                    {"Id": id, "Email": email} for id, email in enumerate(self._mailed.elements(), start=1)
                ]
                return {"Customers": rows[:limit], "NextCursor": "next" if rows[limit:] else None}
            case "customer/add":
                self._mailed.update(customer["Email"] for customer in json.loads(body)["Customers"])
                return None
        raise ValueError(call)


class Handler(BaseHTTPRequestHandler):
    """Answers from the stand of now; another one takes its place when a measurement begins."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together
    stand = Stand(Account())

    def do_GET(self) -> None:
        """Answer a request of any method, once the latency of the account has passed."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/-/begin":
            Handler.stand, answer = Stand(Account(**json.loads(body))), b"{}"
        elif self.path == "/-/counts":
            answer = _json(asdict(self.stand.counts))
        else:
            stand = self.stand
            with stand.lock:
                answer = stand.answer(self.command, self.path, body)
            time.sleep(stand.account.latency)
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


def main() -> None:
    """Print the port, and answer until standard input ends, as it does with the process that started this."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
