"""The few calls of GitHub's REST API that the action makes, with the token of its job.

Facts about the API are from GitHub's documentation, "REST API endpoints" and "Best practices for using the
REST API". The token goes to the API's own address, and nowhere else.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

LARGEST_ANSWER = 64_000_000
"""Bytes of an answer, an artifact included."""
LARGEST_PLAN = 16_000_000
"""Bytes of a plan file, as `reconciler` reads it."""
LONGEST_WAIT = 120.0
"""Seconds that a single call waits before it is tried again; a limit that lasts longer ends it."""
_TRIES = 5
_MOST_PAGES = 200
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="next"')


class Trouble(Exception):
    """GitHub did not do what it was asked."""


class Gone(Trouble):
    """What was asked for is not there, or no longer."""


class Unclear(Trouble):
    """Nothing says whether what was asked was done."""


@dataclass(frozen=True)
class Answer:
    """An answer of a server."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """What it says. Errors: `Trouble` where it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise Trouble("GitHub answered with something that is no JSON") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: whoever follows it chooses what goes along."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def sent(method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
    """Send one request and return the answer, whatever its status. Errors: `Unclear` without one."""
    request = urllib.request.Request(url, content, dict(headers), method=method)  # noqa: S310  # see `checked`
    try:
        with _OPENER.open(request, timeout=60) as response:
            return _answer(response.status, response.headers, response)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error)
    except (OSError, http.client.HTTPException) as error:
        raise Unclear(f"{urlsplit(url).hostname} gave no answer: {type(error).__name__}") from error


def _answer(status: int, headers: Message, body: IO[bytes]) -> Answer:
    content = body.read(LARGEST_ANSWER + 1)
    if len(content) > LARGEST_ANSWER:
        raise Trouble("an answer is larger than anything that is expected here")
    return Answer(status, {name.lower(): value for name, value in headers.items()}, content)


def checked(url: str) -> str:
    """Return an address to which something may be sent: https, or this machine. Errors: `Trouble`."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise Trouble(f"{parts.scheme}://{parts.hostname} is no https address")


@dataclass(frozen=True)
class GitHub:
    """The API as seen from one repository. `pause` is the unit, in seconds, of the waits between tries."""

    api: str
    repository: str
    token: str
    pause: float = 1.0

    @classmethod
    def of_this_job(cls) -> GitHub:
        """Return what the variables of a job tell. Errors: `Trouble` without a token."""
        token = os.environ.get("INPUT_TOKEN", "")
        if not token:
            raise Trouble("there is no token: give the action one, or leave its default")
        api = checked(os.environ["GITHUB_API_URL"].rstrip("/"))
        return cls(api, os.environ["GITHUB_REPOSITORY"], token, float(os.environ.get("INPUT_PAUSE") or 1))

    def get(self, path: str) -> Any:
        """Return what there is at a path below the repository. Errors: `Trouble`."""
        return self._call("GET", self._url(path)).json

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make something. Errors: `Unclear` where it may have been made, else `Trouble`."""
        return self._call("POST", self._url(path), body).json

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something; to do it twice changes nothing. Errors: `Trouble`."""
        return self._call("PATCH", self._url(path), body).json

    def delete(self, path: str) -> None:
        """Delete something. Errors: `Trouble`."""
        self._call("DELETE", self._url(path))

    def account(self) -> Mapping[str, Any] | None:
        """Return the user behind the token, `{}` where it is an app, `None` where GitHub does not say.

        "Get the authenticated user" is not open to the tokens of apps, that of the job among them: 403.
        """
        url = f"{self.api}/user"
        answer = self._sent("GET", url)
        if answer.status == 403:
            return {}
        return answer.json if answer.status == 200 and isinstance(answer.json, dict) else None

    def pages(self, path: str, member: str = "") -> Iterator[Any]:
        """Yield the items of all pages of a list, which stand in a member where one is named."""
        url = self._url(f"{path}{'&' if '?' in path else '?'}per_page=100")
        for _ in range(_MOST_PAGES):
            answer = self._call("GET", url)
            yield from _items(answer.json, member)
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = self._own(urljoin(url, following[1]))
        raise Trouble(f"a list has more than {_MOST_PAGES} pages")

    def plan_in(self, artifact: int) -> bytes:
        """Return the plan file in an artifact. Errors: `Gone` where it has expired, else `Trouble`."""
        answer = self._call("GET", self._url(f"actions/artifacts/{artifact}/zip"))
        for _ in range(3):
            if answer.status not in (301, 302, 303, 307, 308):
                return _plan_of(answer)
            # The storage has a signature in the address, and must not see the token.
            storage = checked(answer.headers.get("location", ""))
            answer = _good(self._retried("GET", storage, {}, None), "GET", storage)
        raise Trouble("an artifact is redirected without end")

    def _call(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Answer:
        return _good(self._sent(method, url, body), method, url)

    def _sent(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "reconciler-action",
            "Content-Type": "application/json",
        }
        return self._retried(method, url, headers, None if body is None else json.dumps(body).encode())

    def _retried(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        for number in range(_TRIES):
            try:
                answer = sent(method, url, headers, content)
                wait = _wait(answer, method)
            except Unclear:
                if method == "POST" or number == _TRIES - 1:
                    raise
                wait = 0.0
            if wait is None or number == _TRIES - 1:
                break
            time.sleep(min(LONGEST_WAIT, max(wait, self.pause * 2**number)))
        return answer

    def _url(self, path: str) -> str:
        return f"{self.api}/repos/{self.repository}/{path}"

    def _own(self, url: str) -> str:
        if not url.startswith(f"{self.api}/"):
            raise Trouble("a list goes on at another address")
        return url


def _items(said: Any, member: str) -> list[Any]:
    items = said.get(member) if member and isinstance(said, dict) else said
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Trouble("GitHub answered in a form that is not known")
    return items


def _wait(answer: Answer, method: str) -> float | None:
    """Return how many seconds to wait before another try; `None` where none would help, or may be made."""
    limited = answer.status == 429 or (
        answer.status == 403
        and ("retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0")
    )
    if limited:
        wait = _seconds(answer.headers)
        return wait if wait <= LONGEST_WAIT else None
    return 0.0 if answer.status >= 500 and method != "POST" else None


def _seconds(headers: Mapping[str, str]) -> float:
    if headers.get("retry-after", "").isdecimal():
        return float(headers["retry-after"])
    reset = headers.get("x-ratelimit-reset", "")
    return max(0.0, float(reset) - time.time()) if reset.isdecimal() else 0.0


def _good(answer: Answer, method: str, url: str) -> Answer:
    """Return an answer that is no refusal. Errors: `Gone`, `Unclear`, `Trouble`."""
    if answer.status < 400:
        return answer
    try:
        told = str(json.loads(answer.content)["message"])[:200]
    except (ValueError, KeyError, TypeError):
        told = "no reason is given"
    # Without its query: the address of a storage holds a signature there.
    text = f"{method} {urlsplit(url).path}: {answer.status}, {told}"
    if answer.status in (404, 410):
        raise Gone(text)
    if answer.status >= 500 and method == "POST":
        raise Unclear(text)
    raise Trouble(text)


def _plan_of(answer: Answer) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive, archive.open("plan.json") as file:
            content = file.read(LARGEST_PLAN + 1)
    except KeyError as error:
        raise Gone("there is no plan.json in the artifact") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Trouble(f"the artifact cannot be read: {type(error).__name__}") from error
    if len(content) > LARGEST_PLAN:
        raise Trouble("the plan in the artifact is larger than any that this tool writes")
    return content
