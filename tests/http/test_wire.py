"""What only a real socket, a proxy, or an application in this process shows."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.access import Access
from reconciler.commands.console import each
from reconciler.errors import ApiError, Exit, Misconfigured, NoAnswer, Unreachable, UsageError
from reconciler.http.api import Api, Bounds, Connection

from .servers import WHOLE, VirtualClock, read_request, serving, whole_then_close

HOST = "api.acme.example"


def over_network(url: str, bounds: Bounds | None = None, access: Access | None = None) -> closing[Api]:
    return closing(Api(url, Connection(clock=VirtualClock(), bounds=bounds or Bounds(), access=access)))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("POST", NoAnswer)])
def test_a_server_that_says_nothing_times_out(method: str, error: type[ApiError]) -> None:
    over, bounds = threading.Event(), Bounds(silence=0.05, total_wait=0)

    def say_nothing(_: socket.socket) -> None:
        over.wait()

    with serving(say_nothing) as server, over_network(server.url, bounds) as api:
        with pytest.raises(error, match="ReadTimeout"):
            api.request(method, "/x")
        over.set()


def test_a_connection_that_was_closed_is_replaced_but_a_write_on_one_that_breaks_is_in_doubt() -> None:
    def answer_once(connection: socket.socket) -> None:
        connection.sendall(WHOLE)
        read_request(connection)

    with serving(whole_then_close) as server, over_network(server.url) as api:
        assert [api.request("GET", "/x").document for _ in range(3)] == [{}] * 3
    with serving(answer_once) as server, over_network(server.url) as api:
        api.request("GET", "/x")
        with pytest.raises(NoAnswer):
            api.request("PUT", "/x")


def test_there_are_as_many_connections_as_requests_at_once_and_they_are_kept() -> None:
    parallelism, rounds = 4, 5
    together, counted = threading.Barrier(parallelism), list[int]()

    def answer(connection: socket.socket) -> None:
        with connection:
            while read_request(connection):
                counted.append(threading.get_ident())
                together.wait(60)
                connection.sendall(WHOLE)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        taken = pool.submit(lambda: [pool.submit(answer, listening.accept()[0]) for _ in range(parallelism)])
        with over_network(url, Bounds(parallelism=parallelism)) as api:
            each(lambda _: api.request("GET", "/x"), range(rounds * parallelism), workers=10)
        taken.result()
    assert sorted(Counter(counted).values()) == [rounds] * parallelism


# Proxies.


def set_proxies(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def answer(status: str, rest: str = "Content-Length: 0\r\n\r\n") -> bytes:
    return f"HTTP/1.1 {status}\r\n{rest}".encode()


@pytest.mark.parametrize(
    ("answer", "variable", "unproxied", "asked", "error"),
    [
        (answer("502 Bad Gateway"), "ALL_PROXY", "", 6, r"no connection \(.*502"),
        (answer("429 Later"), "HTTPS_PROXY", "other.example", 6, "429"),
        (answer("407 Who"), "https_proxy", f"{HOST}.evil.example", 1, "407 Who.*user and password in HTTPS_"),
        (answer("404 No"), "HTTPS_PROXY", f"{HOST}:8443", 1, f"proxy does not lead to {HOST} .404 No"),
        (
            answer("200 Established", "\r\nHTTP/1.1 400 Bad Request\r\n\r\n"),
            "ALL_PROXY",
            "",
            1,
            "no TLS is spoken",
        ),
        *((b"", "ALL_PROXY", names, 0, "") for names in (HOST, "acme.example", ".acme.example", "x.e, *")),
        *((b"", "ALL_PROXY", names, 0, "") for names in ("localhost *.acme.example", f"http://{HOST}:443")),
    ],
)
def test_a_proxy_is_asked_unless_the_host_needs_none_and_its_refusal_proves_that_nothing_was_taken(
    answer: bytes, variable: str, unproxied: str, asked: int, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        if b"Established" in answer and connection.recv(65536):
            connection.sendall(b"HTTP/1.1 400 This is not HTTP")

    with serving(behave) as proxy:
        socks = {"ALL_PROXY": "socks5h://127.0.0.1:1"}  # not looked at where another one serves
        set_proxies(monkeypatch, **{**socks, variable: proxy.url, "NO_PROXY": unproxied})
        with (
            over_network(f"https://{HOST}", Bounds(silence=0.5), Access((HOST,))) as api,
            pytest.raises(Unreachable, match=rf"(?=.*attempts: {asked or 6}){error}") as raised,
        ):
            api.request("PUT", "/x", json={})
        assert proxy.requests == asked
        assert raised.value.exit is (Exit.ERROR if asked == 1 else Exit.UNAVAILABLE)


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        *(
            ("HTTPS_PROXY", url, "no address")
            for url in ("gopher://me:pw@x:1", "http://", "http://me:pw@h:port")
        ),
        ("ALL_PROXY", "socks5h://me:pw@127.0.0.1:1", "SOCKS proxy, .* install .*httpx.socks"),
        *(("SSL_CERT_FILE", path, f"{path}: ") for path in ("/nowhere/at/all", "/", "/dev/null")),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_no_password_in_it(
    variable: str, value: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_proxies(monkeypatch, **{variable: value})
    with pytest.raises(UsageError, match=f"^{variable} .*{error}") as raised:
        Api(f"https://{HOST}", Connection(access=Access((HOST,))))
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("name", "error"), [(HOST, "SSL_CERT_FILE=FILE"), ("other.example", "Hostname mism")]
)
def test_a_certificate_that_does_not_count_ends_at_once_and_its_authority_makes_it_count(
    name: str, error: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out certificate"
    command = ["openssl", *made.split(), "-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "certificate", tmp_path / "key")

    def inspect(connection: socket.socket) -> None:
        connection.sendall(answer("200 Established", "\r\n"))
        with tls.wrap_socket(connection, server_side=True) as inside:
            read_request(inside)
            inside.sendall(WHOLE)

    with serving(inspect) as proxy:
        set_proxies(monkeypatch, HTTPS_PROXY=proxy.url)
        if name != HOST:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
        with (
            over_network(f"https://{HOST}", Bounds(silence=5), Access((HOST,))) as api,
            pytest.raises(
                Misconfigured, match=rf"the certificate on the way to {HOST} (?=.*attempts: 1).*{error}"
            ),
        ):
            api.request(method, "/x")
        assert proxy.requests == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
        if name == HOST:
            with over_network(f"https://{HOST}", Bounds(silence=5), Access((HOST,))) as api:
                assert api.request(method, "/x").status == 200


@pytest.mark.parametrize("host", ["[2001:db8::7]", "192.0.2.7"])
@pytest.mark.parametrize(
    ("unproxied", "asked"),
    [
        ("localhost,127.0.0.0/8,::1/128,[::1],fe80::/10,db8::7,[::7", 6),  # of others, or none at all
        *((f"fe80::/10, {names}", 0) for names in ("2001:db8::/32,192.0.2.0/24", "2001:db8::7,192.0.2.7")),
        ("[2001:DB8::7]:443,192.0.2.7:443", 0),
        ("[2001:DB8::7]:8443,192.0.2.7:8443", 6),
    ],
)
def test_an_address_needs_no_proxy_where_it_or_its_network_is_listed(
    host: str, unproxied: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda connection: connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")) as proxy:
        set_proxies(monkeypatch, HTTPS_PROXY=proxy.url, NO_PROXY=unproxied)
        bounds = Bounds(silence=0.5, connect=0.05)
        with over_network(f"https://{host}", bounds, Access((host,))) as api, pytest.raises(Unreachable):
            api.request("GET", "/x")
        assert proxy.requests == asked


def test_a_proxy_is_never_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    set_proxies(monkeypatch, HTTP_PROXY=proxy, HTTPS_PROXY=proxy, ALL_PROXY=proxy, http_proxy=proxy)
    with serving(whole_then_close) as server, over_network(server.url) as api:
        assert api.request("GET", "/x").status == 200
