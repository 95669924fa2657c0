"""A stand-in for GitHub: the few endpoints that the action calls, on two ports of this machine.

By hand from GitHub's public documentation of its REST API. It refuses what GitHub refuses: no token, a token
without the permission, pages of more than 100, a body that is too long. The archive of an artifact lies on
another host, which refuses whoever shows it a token.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/surveys"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
STRANGER = {"login": "mallory", "type": "User"}
LONGEST_BODY = 65_536

Permissions = Mapping[str, str]
Said = tuple[int, Any, dict[str, str]]
"""A status, what is said, and headers."""


class Refused(Exception):
    """A request that is answered with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Fault:
    """What the next requests whose line matches are answered with, `times` times."""

    line: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    is_done: bool = False
    """Whether the request is carried out all the same, so that only its answer is lost."""
    said: Any = field(default_factory=lambda: {"message": "a fault"})


@dataclass
class Call:
    """A request as a handler sees it."""

    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    permissions: Permissions

    def needs(self, *permissions: str) -> None:
        granted = {f"{name}: {level}" for name, level in self.permissions.items()}
        granted |= {f"{name}: read" for name, level in self.permissions.items() if level == "write"}
        if not granted & set(permissions):
            raise Refused(403, "Resource not accessible by integration")


@dataclass
class Hub:
    """All that the stand-in holds. `api` and `storage` are its addresses while it is served."""

    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls_of: dict[str, list[int]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, Permissions] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    account: dict[str, str] = field(default_factory=lambda: dict(BOT))
    """The account that the tokens write as; one of type User is a person's or a machine's."""
    api: str = ""
    storage: str = ""

    def token(self, **permissions: str) -> str:
        token = f"ghs_{secrets.token_hex(18)}"
        self.tokens[token] = {name.replace("_", "-"): level for name, level in permissions.items()}
        return token

    def add_pull(self, number: int, head: Mapping[str, Any], **members: Any) -> dict[str, Any]:
        """Add an open pull request to `main` of this repository, from a branch of its own."""
        repository = {"full_name": REPOSITORY}
        pull = {"number": number, "id": 7000 + number, "state": "open", "title": "T", "body": ""}
        pull |= {"user": dict(STRANGER), "merged_at": None, "base": {"ref": "main", "repo": repository}}
        self.pulls[number] = {**pull, "head": {"repo": repository, **head}, **members}
        return self.pulls[number]

    def add_run(self, **members: Any) -> dict[str, Any]:
        run = {
            "id": 1000 + len(self.runs),
            "path": ".github/workflows/reconciler-plan.yml",
            "event": "pull_request",
            "status": "completed",
            "conclusion": "success",
            "created_at": f"2026-01-01T00:00:{len(self.runs):02}Z",
            "repository": {"full_name": REPOSITORY},
            "head_repository": {"full_name": REPOSITORY},
            **members,
        }
        self.runs.append(run)
        return run

    def add_artifact(self, run: int, name: str, files: Mapping[str, bytes], **members: Any) -> dict[str, Any]:
        self.artifacts = [a for a in self.artifacts if (a["run"], a["name"]) != (run, name)]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path, content in files.items():
                zipped.writestr(path, content)
        artifact = {
            "id": 1 + max((a["id"] for a in self.artifacts), default=0),
            "run": run,
            "name": name,
            "expired": False,
            "archive": archive.getvalue(),
            **members,
        }
        self.artifacts.append(artifact)
        return artifact

    def add_comment(self, issue: int, body: str, user: Mapping[str, str] = BOT) -> dict[str, Any]:
        comment = {"id": 500 + len(self.comments), "issue": issue, "body": body, "user": dict(user)}
        self.comments.append(comment)
        return comment

    def add_issue(self, title: str, body: str, user: Mapping[str, str] = BOT, **more: Any) -> dict[str, Any]:
        number = 1 + max([*self.pulls, *(issue["number"] for issue in self.issues)], default=0)
        issue = {"id": 9000 + number, "number": number, "state": "open", "title": title, "body": body}
        self.issues.append({**issue, "user": dict(user), **more})
        return self.issues[-1]

    def answer(
        self, method: str, address: str, token: str, content: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(address)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(f"/repos/{REPOSITORY}/")
        if token not in self.tokens:
            raise Refused(401, "Requires authentication" if not token else "Bad credentials")
        call = Call(path, query, json.loads(content) if content else {}, self.tokens[token])
        for pattern, verb, handler in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                said = handler(self, call, *found.groups())
                break
        else:
            raise Refused(404, "Not Found")
        if isinstance(said, Redirect):
            return 302, {}, {"Location": said.to}
        if isinstance(said, Listed):
            return self._page(said, call, parts.path)
        return 201 if method == "POST" else 200, said, {}

    def _page(self, listed: Listed, call: Call, path: str) -> Said:
        size, page = int(call.query.get("per_page", "30")), int(call.query.get("page", "1"))
        size = size if 1 <= size <= 100 else 30
        some = listed.items[(page - 1) * size : page * size]
        said = {"total_count": len(listed.items), listed.member: some} if listed.member else some
        if page * size >= len(listed.items):
            return 200, said, {}
        query = "&".join(f"{n}={v}" for n, v in {**call.query, "page": str(page + 1)}.items())
        last = -(-len(listed.items) // size)
        link = f'<{self.api}{path}?{query}>; rel="next", <{self.api}{path}?page={last}>; rel="last"'
        return 200, said, {"Link": link}


@dataclass
class Listed:
    """An answer in pages."""

    items: list[Any]
    member: str = ""


@dataclass
class Redirect:
    """An answer that lies elsewhere."""

    to: str


def _pull(hub: Hub, call: Call, number: str) -> Any:
    call.needs("pull-requests: read")
    if int(number) not in hub.pulls:
        raise Refused(404, "Not Found")
    return hub.pulls[int(number)]


def _pulls_of(hub: Hub, call: Call, commit: str) -> Any:
    call.needs("pull-requests: read")
    return Listed([hub.pulls[number] for number in hub.pulls_of.get(commit, [])])


def _runs(hub: Hub, call: Call) -> Any:
    call.needs("actions: read")
    wanted = {name: call.query[name] for name in ("event", "status", "head_sha") if name in call.query}
    found = [run for run in hub.runs if all(run[name] == value for name, value in wanted.items())]
    return Listed(found[::-1], "workflow_runs")


def _artifacts(hub: Hub, call: Call, run: str) -> Any:
    call.needs("actions: read")
    own = [
        a for a in hub.artifacts if a["run"] == int(run) and call.query.get("name", a["name"]) == a["name"]
    ]
    return Listed([{n: a[n] for n in ("id", "name", "expired")} for a in own], "artifacts")


def _archive(hub: Hub, call: Call, id: str) -> Any:
    call.needs("actions: read")
    artifact = next((a for a in hub.artifacts if a["id"] == int(id)), None)
    if artifact is None:
        raise Refused(404, "Not Found")
    if artifact["expired"]:
        raise Refused(410, "Artifact has expired")
    return Redirect(f"{hub.storage}/archives/{id}?sig=s3cr3t-signature")


def _comments(hub: Hub, call: Call, issue: str) -> Any:
    call.needs("issues: read", "pull-requests: read")
    return Listed([comment for comment in hub.comments if comment["issue"] == int(issue)])


def _comment(hub: Hub, call: Call, issue: str) -> Any:
    call.needs("issues: write", "pull-requests: write")
    return hub.add_comment(int(issue), _body(call), hub.account)


def _edit_comment(hub: Hub, call: Call, id: str) -> Any:
    # GitHub lets a token that may write edit anybody's comment.
    call.needs("issues: write", "pull-requests: write")
    (comment,) = (one for one in hub.comments if one["id"] == int(id))
    comment["body"] = _body(call)
    return comment


def _delete_comment(hub: Hub, call: Call, id: str) -> Any:
    call.needs("issues: write", "pull-requests: write")
    hub.comments = [one for one in hub.comments if one["id"] != int(id)]


def _user(hub: Hub, _: Call) -> Any:
    if hub.account["type"] != "User":
        raise Refused(403, "Resource not accessible by integration")
    return hub.account


def _issues(hub: Hub, call: Call) -> Any:
    call.needs("issues: read")
    state = call.query.get("state", "open")
    # GitHub lists pull requests among the issues.
    pulls = [{**pull, "pull_request": {}} for pull in hub.pulls.values()]
    return Listed([one for one in [*hub.issues, *pulls] if state in ("all", one["state"])][::-1])


def _open_issue(hub: Hub, call: Call) -> Any:
    call.needs("issues: write")
    return hub.add_issue(str(call.body["title"]), _body(call), hub.account)


def _edit_issue(hub: Hub, call: Call, number: str) -> Any:
    call.needs("issues: write")
    (issue,) = (one for one in hub.issues if one["number"] == int(number))
    issue |= {n: call.body[n] for n in ("title", "state", "state_reason") if n in call.body}
    if "body" in call.body:
        issue["body"] = _body(call)
    return issue


def _body(call: Call) -> str:
    body = str(call.body["body"])
    if not body or len(body) > LONGEST_BODY:
        raise Refused(422, "Body is too long (maximum is 65536 characters)")
    return body


_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    (r"pulls/(\d+)", "GET", _pull),
    (r"commits/([0-9a-f]{40})/pulls", "GET", _pulls_of),
    (r"actions/runs", "GET", _runs),
    (r"actions/runs/(\d+)/artifacts", "GET", _artifacts),
    (r"actions/artifacts/(\d+)/zip", "GET", _archive),
    (r"issues/(\d+)/comments", "GET", _comments),
    (r"issues/(\d+)/comments", "POST", _comment),
    (r"issues/comments/(\d+)", "PATCH", _edit_comment),
    (r"issues/comments/(\d+)", "DELETE", _delete_comment),
    (r"/user", "GET", _user),
    (r"issues", "GET", _issues),
    (r"issues", "POST", _open_issue),
    (r"issues/(\d+)", "PATCH", _edit_issue),
]


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    with _server(_api(hub)) as api, _server(_storage(hub)) as storage:
        # Another name and another port: to the client it is another host.
        hub.api, hub.storage = f"http://127.0.0.1:{api}", f"http://localhost:{storage}"
        yield hub


@contextmanager
def _server(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def reply(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _api(hub: Hub) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Api(_Quiet):
        def handle_any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            line = f"{self.command} {self.path}"
            said: Any = {}
            with lock:
                hub.requests.append(line)
                fault = next((one for one in hub.faults if one.times and re.search(one.line, line)), None)
                if fault is not None:
                    fault.times -= 1
                if fault is None or fault.is_done:
                    status, said, headers = self.answered(content)
                if fault is not None:
                    said = said if fault.is_done and fault.status < 300 else fault.said
                    status, headers = fault.status, dict(fault.headers)
            self.reply(status, json.dumps(said).encode(), {"Content-Type": "application/json", **headers})

        def answered(self, content: bytes) -> Said:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                return hub.answer(self.command, self.path, token, content)
            except Refused as refused:
                return refused.status, {"message": str(refused)}, {}

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815  # the names that the library calls

    return Api


def _storage(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Storage(_Quiet):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if "Authorization" in self.headers or parts.query != "sig=s3cr3t-signature":
                self.reply(400, b"the signature is the only authorization here", {})
                return
            id = int(parts.path.removeprefix("/archives/"))
            (artifact,) = (one for one in hub.artifacts if one["id"] == id)
            self.reply(200, artifact["archive"], {"Content-Type": "application/zip"})

    return Storage
