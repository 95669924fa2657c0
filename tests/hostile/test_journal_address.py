"""No password of an operator's goes to a database that the files name, and none in clear to one elsewhere."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.hostile.workspaces import write
from tests.http.servers import Server

pytest.importorskip("psycopg")

PASSWORD = "hunter2-of-the-operator"
SETTINGS = "version: 1\ndefault_target: t\ntargets: {t: {checkmarket: {url: 'sandbox:'}, journal: %s}}\n"
ELSEWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it
"""It leads here, and is no address of this machine by its form."""


_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_GSS_REQUEST = struct.pack("!II", 8, 80877104)
_CLEARTEXT = b"R" + struct.pack("!II", 8, 3)
_REFUSED = b"SFATAL\0C28P01\0Mno\0\0"


class Listener(Server):
    """Begins like PostgreSQL without TLS, asks for the password in clear, and keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.received = b""
        self.port = int(self._socket.getsockname()[1])

    @property
    def in_clear(self) -> bytes:
        """What it got beyond the question whether it knows TLS."""
        return self.received.replace(_SSL_REQUEST, b"").replace(_GSS_REQUEST, b"")

    def _answer(self, connection: socket.socket) -> None:
        self.requests += 1
        while some := connection.recv(65536):
            self.received += some
            if some in (_SSL_REQUEST, _GSS_REQUEST):
                connection.sendall(b"N")
            elif some.startswith(b"p"):
                connection.sendall(b"E" + struct.pack("!I", len(_REFUSED) + 4) + _REFUSED)
                return
            else:
                connection.sendall(_CLEARTEXT)


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's environment for databases, with a password in it; and the folder of a workspace."""
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{PASSWORD}\n")
    passfile.chmod(0o600)
    for name in ("CI", "RECONCILER_TRUSTED_HOSTS", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"PGPASSWORD": PASSWORD, "PGPASSFILE": str(passfile), "PGSSLMODE": "prefer"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "configs").mkdir()
    return tmp_path / "configs"


def told(folder: Path, journal: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is said of a journal that is only read."""
    write(folder, {}, SETTINGS % journal)
    assert main(["history", "--workspace", str(folder)]) in (1, 3)
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert PASSWORD not in text
    assert "this is a bug" not in text
    return text


HERE, THERE = "postgresql://u@127.0.0.1:{port}/d", "postgresql://u@{there}:{port}/d"
ACME = "postgresql://u@db.acme.example"
TRUST = "TRUSTED={there}:{port}"
ADDRESSES = [
    (HERE, "", "no password supplied"),
    (HERE, "CI=true", "TRUSTED_HOSTS=127.0.0.1:{port}"),
    (THERE, "", "TRUSTED_HOSTS={there}:{port}"),
    (THERE, "TRUSTED={there}", "TRUSTED_HOSTS={there},{there}:{port}"),
    (THERE, TRUST, "server does not support SSL"),
    (f"{THERE}?sslmode=require", TRUST, "Take sslmode out"),
    (f"{THERE}?ssl=true", TRUST, "verify-full"),
    (f"{ACME}/d", "PGHOSTADDR=127.0.0.1 PGPORT={port}", "not trusted"),
    (f"{ACME}:{{port}}/d", "TRUSTED=db.acme.example:{port} PGHOSTADDR=127.0.0.1", "db.acme.example"),
    ("postgresql://u@127.0.0.1:{port},{there}:{port}/d", "", "not trusted"),
    ("postgresql://u@127.0.0.1:1/d?host={there}&port={port}", "", "not trusted"),
    ("postgresql://u@127.0.0.1:1/d?h%6Fst={there}&port={port}", "", "not trusted"),
    ("postgresql://u@127.0.0.1/d?hostaddr={there}", "", "says hostaddr"),
    ("postgresql://u@127.0.0.1/d?p%61ssfile=/etc/passwd", "", "says passfile"),
    ("postgresql://u@127.0.0.1/d?service=prod", "", "says service. Take that out. Or let an operator"),
    ("postgresql://u@127.0.0.1/d?sslkey=/k&sslcert=/c", "", "says sslcert, sslkey"),
    ("postgresql:///d", "", "names no host, or a socket"),
    ("postgresql://%2Ftmp/d", "", "names no host, or a socket"),
    (HERE, "PGSERVICE=prod", "unset it"),
    ("postgresql://u@127.0.0.1/d?password=x", "", "journal: a password does not belong in the files"),
]


@pytest.mark.parametrize(("address", "environ", "words"), ADDRESSES)
def test_an_address_in_the_files_gets_nothing_of_an_operator(
    operator: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    environ: str,
    words: str,
) -> None:
    with Listener() as listener:
        here = {"port": listener.port, "there": ELSEWHERE}
        for name, value in (one.split("=") for one in environ.split()):
            monkeypatch.setenv(name.replace("TRUSTED", "RECONCILER_TRUSTED_HOSTS"), value.format(**here))
        text = told(operator, f'"{address.format(**here)}"', capsys)
    assert words.format(**here) in " ".join(text.split())
    assert PASSWORD.encode() not in listener.received
    assert ELSEWHERE not in address.format(**here) or not listener.in_clear


def test_a_file_of_the_checkout_is_as_good_as_the_address_itself(
    operator: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Listener() as listener:
        for name in ("address", "../address"):
            (operator / name).write_text(f"postgresql://u:{PASSWORD}@127.0.0.1:{listener.port}/d\n")
            assert "says password" in told(operator, f"{{file: {name}}}", capsys)
    assert listener.requests == 0


@pytest.mark.parametrize("home", ["", "~", f"/{'h' * 300}"], ids=["a home", "no home", "no path"])
def test_a_database_elsewhere_proves_its_name_before_an_operators_password_leaves(
    operator: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    monkeypatch.delenv("PGSSLMODE")
    monkeypatch.setenv("HOME", home or str(operator.parent))
    with Listener() as listener:
        monkeypatch.setenv("RECONCILER_JOURNAL", f"postgresql://u:{PASSWORD}@{ELSEWHERE}:{listener.port}/d")
        text = told(operator, "{env: RECONCILER_JOURNAL}", capsys)
    assert "add sslrootcert=FILE" in text
    assert (listener.requests, listener.in_clear) == (1, b"")


@pytest.mark.parametrize("more", ["?sslmode=disable", "?sslmode=prefer&application_name=ours"])
def test_what_an_operator_says_of_the_way_counts(
    operator: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: str
) -> None:
    with Listener() as listener:
        address = f"postgresql://u:{PASSWORD}@{ELSEWHERE}:{listener.port}/d{more}"
        monkeypatch.setenv("RECONCILER_JOURNAL", address)
        told(operator, "{env: RECONCILER_JOURNAL}", capsys)
    assert PASSWORD.encode() in listener.in_clear


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("?pgbouncer=true", "does not know: pgbouncer. Take it out; it is meant for another program"),
        ("?sslmode=prefer&SSLRootCert=x&schema=p", "does not know: SSLRootCert (sslrootcert?), schema"),
        ("?connect_timeout", "parameter without a value: connect_timeout. Write NAME=VALUE"),
        ("?sslmode=", 'invalid sslmode value: "". In its address, or the environment, write one'),
        ("?sslmode=a=b", "parameter with a second = in it: sslmode. In a value write %3D for it"),
        ("?application_name=\u200b", "RECONCILER_JOURNAL holds the character U+200B, which cannot be seen"),
        ("\n", "Connection refused"),
        ("\n\n", "RECONCILER_JOURNAL holds more than one line"),
    ],
)
def test_an_honest_mistake_in_an_address_is_named(
    operator: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str, words: str
) -> None:
    monkeypatch.setenv("RECONCILER_JOURNAL", f"postgresql://u:secretpw@127.0.0.1:1/db{end}")
    text = told(operator, "{env: RECONCILER_JOURNAL}", capsys)
    assert words in " ".join(text.split())
    assert "secretpw" not in text
