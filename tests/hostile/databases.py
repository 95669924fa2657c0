"""A listener that begins like PostgreSQL, asks for the password in clear, and keeps what it gets."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

from tests.http.servers import Server

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_GSS_REQUEST = struct.pack("!II", 8, 80877104)
_CLEARTEXT = b"R" + struct.pack("!II", 8, 3)
_REFUSED = b"SFATAL\0C28P01\0Mno\0\0"


class Listener(Server):
    """A listening socket on this machine. It knows no TLS, and says so."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.received = b""
        self.connections = 0
        self.port = int(self._socket.getsockname()[1])

    @property
    def in_clear(self) -> bytes:
        """What it got beyond the question whether it knows TLS."""
        return self.received.replace(_SSL_REQUEST, b"").replace(_GSS_REQUEST, b"")

    def _answer(self, connection: socket.socket) -> None:
        self.connections += 1
        while some := connection.recv(65536):
            self.received += some
            if some in (_SSL_REQUEST, _GSS_REQUEST):
                connection.sendall(b"N")
            elif some.startswith(b"p"):
                connection.sendall(b"E" + struct.pack("!I", len(_REFUSED) + 4) + _REFUSED)
                return
            else:
                connection.sendall(_CLEARTEXT)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
