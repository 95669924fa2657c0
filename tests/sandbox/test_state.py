"""What a sandbox remembers, in memory and in files that processes share; and its variants as values."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.sandbox import State, StateError, Variants, take_inventory
from reconciler.sandbox.seeding import CONFIGS as CONFIG_DOCUMENTS
from tests.sandbox.conftest import OpenSandbox, Sandbox

WRITE_25_TIMES = """
import sys, httpx
from reconciler.sandbox import State, create_app
state = State(sys.argv[1])
transport = httpx.WSGITransport(create_app(state))
headers = {"X-Master-Key": "m", "X-Key": "k"}
with httpx.Client(transport=transport, base_url="http://sandbox", headers=headers) as client:
    for number in range(25):
        body = {"Name": f"{sys.argv[2]} {number}", "IsReusable": True}
        created = client.post("/3/contacts/import/configs", json=body).json()["Data"]
        assert client.put(f"/3/contacts/import/configs/{created['ImportConfigId']}", json=body).is_success
state.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes of POSIX on Windows")
def test_a_file_goes_on_where_it_was_and_is_its_owners_alone(
    open_sandbox: OpenSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "state.db"
    first = open_sandbox(state=State(path))
    first.put(288)
    first.state.close()
    second = open_sandbox(state=State(path))
    assert (second.read(288)["Name"], len(second.state.requests())) == ("N", 2)
    assert path.stat().st_mode & 0o777 == 0o600


def test_reset_goes_back_to_the_start(sandbox: Sandbox) -> None:
    start = sandbox.listed()
    identity = sandbox.created()
    sandbox.state.reset()
    assert (sandbox.state.requests(), sandbox.listed(), sandbox.created()) == ((), start, identity)


def remove_and_fail(state: State) -> None:
    with state.transaction() as documents:
        documents.remove(CONFIG_DOCUMENTS, 288)
        raise RuntimeError


def test_what_fails_half_way_leaves_nothing(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError):
        remove_and_fail(sandbox.state)
    assert len(sandbox.listed()) == 4


def test_two_processes_share_one_file(open_sandbox: OpenSandbox, tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITE_25_TIMES, path, name]) for name in ("left", "right")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    sandbox = open_sandbox(state=State(path))
    assert [row["ImportConfigId"] for row in sandbox.listed(top=100)] == list(range(288, 342))
    assert len(sandbox.state.requests()) == 101


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"not a database " * 100)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE documents (other)")
    for path in (tmp_path / "notes", tmp_path / "other.db", tmp_path):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StateError, match=r"not a sandbox.s state .*move it away"):
            State(path)
        assert path.is_dir() or path.read_bytes() == before


def test_the_inventory_shows_hidden_configurations_and_the_last_requests(sandbox: Sandbox) -> None:
    sandbox.put(288, IsReusable=False)
    sandbox.listed()
    found = take_inventory(sandbox.state, last_requests=1)
    first, second, *_ = found["import_configs"]
    flags = {"SendNotificationMail": False, "IsReusable": False, "hidden": True}
    assert first == {"ImportConfigId": 288, "Name": "N", **flags}
    assert (second["ImportConfigId"], second["hidden"]) == (289, False)
    assert [(seen["method"], seen["status"]) for seen in found["requests"]] == [("GET", 200)]
    assert (len(found["surveys"]), found["mails"]) == (6, [])


# Variants as values.


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("listing=all", "paged|unpaged|clamped|ignores-skip"),
        ("meta_counts=yes", "true|false"),
        ("clamp_at=0", "1, 2, …"),
        ("requests_per_day=many", "none"),
        ("read_cache_seconds=-1", "seconds"),
        ("read_cache_seconds=nan", "seconds"),
        ("defaults={", "a JSON object"),
        ("listings=paged", "listing, clamp_at"),
        ("listing", "name=value"),
    ],
)
def test_an_unknown_setting_is_refused_with_what_is_valid(setting: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        Variants.parse([setting])


def test_the_sandbox_imports_nothing_else_of_this_package() -> None:
    """The stand-in must not share our beliefs about the server."""
    code = """
import pkgutil, sys, reconciler.sandbox as sandbox
modules = [module.name for module in pkgutil.iter_modules(sandbox.__path__, "reconciler.sandbox.")]
assert len(modules) > 7 and all(map(__import__, modules))
print(*(name for name in sys.modules if name.startswith("reconciler.")))
"""
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert [name for name in printed.split() if not name.startswith("reconciler.sandbox")] == []
