"""The sandbox behind a real socket: of this machine only, for it takes any key and holds no secrets."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# More than the 20 workers a client may use at most, so that a delayed answer holds up no other request.
_THREADS = 32


class Server:
    """A sandbox that listens while its `with` block runs: `with Server(app) as server: ... server.url`.

    Port 0 takes a free one. Raises `ValueError` for a host that is not this machine's loopback.
    """

    def __init__(self, app: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0) -> None:
        # Imported here: only a sandbox that listens needs a server.
        from waitress.channel import HTTPChannel
        from waitress.server import create_server
        from waitress.task import WSGITask

        address = "127.0.0.1" if host == "localhost" else host
        try:
            is_loopback = ipaddress.ip_address(address).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise ValueError(f"{host}: the sandbox listens on this machine only; use 127.0.0.1 or ::1")
        self._sockets: dict[int, Any] = {}
        # Without log_socket_errors a connection that a fault breaks is closed, not answered with 500.
        options = {"threads": _THREADS, "log_socket_errors": False, "ident": None}
        self._waitress: Any = create_server(app, map=self._sockets, host=address, port=port, **options)
        task = type("Task", (WSGITask,), {"build_response_header": _header_of})
        self._waitress.channel_class = type("Channel", (HTTPChannel,), {"task_class": task})
        self._thread = threading.Thread(target=self._waitress.run, name="sandbox", daemon=True)

    @property
    def url(self) -> str:
        """The address to call, without a slash at the end; known as soon as the server exists."""
        host = self._waitress.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._waitress.effective_port}"

    def __enter__(self) -> Self:
        """Begin to answer, in a thread of its own."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection and return when the port is free again."""
        # The thread that waits on the sockets closes them: it must not wait on a number that is reused.
        with contextlib.suppress(OSError):  # a worker woke it in between, and the trigger itself is closed
            self._waitress.trigger.pull_trigger(self._close_all)
        self._thread.join()
        self._waitress.task_dispatcher.shutdown()

    def run(self) -> None:
        """Answer until the process is interrupted."""
        try:
            self._waitress.run()
        finally:
            self._close_all()

    def _close_all(self) -> None:
        for connection in list(self._sockets.values()):
            connection.close()


def serve(
    app: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], object] = print
) -> None:
    """Answer until the process is interrupted; `ready` is called with the address once it can be called.

    Raises `ValueError` for a host that is not loopback, `OSError` where the port is taken.
    """
    server = Server(app, host=host, port=port)
    ready(server.url)
    server.run()


def _header_of(task: Any) -> bytes:
    """Return the header of an answer, without the `Date` that the server gives one that has none."""
    from waitress.task import WSGITask

    is_dated = any(name.lower() == "date" for name, _ in task.response_headers)
    header: bytes = WSGITask.build_response_header(task)
    return header if is_dated else re.sub(rb"\r\nDate: [^\r]*", b"", header)
