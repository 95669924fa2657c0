"""`doctor` tells how each thing stands, how to mend it, and changes nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.doctor import doctor
from reconciler.commands.environment import Environment
from reconciler.commands.init import init
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, UsageError
from reconciler.journal.entries import Process
from reconciler.journal.holding import this_process
from reconciler.sandbox import Fault, Server, State, Variants, create_app
from tests.clock import START
from tests.commands.test_runs import at_work
from tests.commands.world import EVERYTHING, World
from tests.http.servers import serving
from tests.repositories import Repository

SECRET = "hunter2-is-secret"
REAL = "https://api-eu.agileresearch.medallia.com"
ACCOUNT = f"checkmarket: {{url: '{REAL}', master_key: {{env: MASTER}}, key: {{env: KEY}}}}"
SERVED = "checkmarket: {url: '%s', master_key: {env: MASTER}, key: {file: key.txt}}"
SANDBOX = "checkmarket: {url: 'sandbox:'}"
BOTH_SERVED = (
    "checkmarket: {url: '%s'}, expoints: {url: '%s', token: {env: KEY}, allowed_recipients: ['*@a.nl']}"
)

OPERATORS = ("TRUSTED_HOSTS", "ALLOWED_ENV", "SECRETS_DIR")


class Patient(World):
    """A workspace with one target, whose sandbox is a file; and what doctor says of it."""

    def __init__(self, folder: Path, target: str, **environ: str) -> None:
        super().__init__(folder, environ=environ)
        self.write("reconciler.yaml", f"version: 1\ntargets: {{one: {{{target}}}}}\n")

    @property
    def environment(self) -> Environment:
        return Environment(self.environ, self.clock, self.folder)

    def examined(self, target: str | None = None) -> tuple[Exit, dict[str, dict[str, Any]]]:
        """Return the exit code, and each check by its subject."""
        run = self.ran(doctor, Selection(target=target), json=True)
        assert SECRET not in run.out + run.told
        return run.exit, {c["subject"]: c for part in run.document["parts"] for c in part["checks"]}

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def served(*faults: str) -> Iterator[str]:
    with (
        contextlib.closing(State()) as state,
        Server(create_app(state, Variants(), [*map(Fault.parse, faults)])) as at,
    ):
        yield at.url


def begin_run(patient: Patient, process: Process) -> None:
    with at_work(patient, process, "api.example.com#1", "one"):
        pass


def test_a_sandbox_is_well_and_it_and_the_journal_are_left_as_they_are(tmp_path: Path) -> None:
    patient = Patient(tmp_path, f"{SANDBOX}, expoints: {{url: 'sandbox:'}}")
    before = patient.files()
    ended, checks = patient.examined()
    assert ended is Exit.DONE
    assert checks["checkmarket"]["message"] == "the embedded sandbox: no account, no network"
    assert "is not there yet" in checks["sandbox"]["message"]
    assert patient.files() == before
    assert [path.name for path in tmp_path.iterdir()] == ["configs"]
    patient.plans(selection=Selection(target="one"))
    begin_run(patient, this_process())
    before = patient.files()
    ended, checks = patient.examined()
    assert ended is Exit.DONE
    assert "is sound" in checks["sandbox"]["message"]
    assert patient.files() == before


def test_a_damaged_sandbox_and_files_with_problems_are_problems(tmp_path: Path) -> None:
    patient = Patient(tmp_path, SANDBOX)
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler" / "sandbox-one.db").write_text("not a database")
    ended, checks = patient.examined()
    assert (ended, checks["sandbox"]["state"]) == (Exit.ERROR, "problem")
    assert "move it away" in checks["sandbox"]["message"]
    patient = Patient(tmp_path, "checkmarket: {url: 'http://127.0.0.1:1', nonsense: 1}, more: 2")
    ended, checks = patient.examined()
    assert (ended, checks["files"]["message"]) == (Exit.ERROR, "2 problems")
    assert checks["targets"]["state"] == "not checkable"


def test_what_is_missing_or_not_trusted_is_named_and_the_api_is_not_asked(tmp_path: Path) -> None:
    patient = Patient(tmp_path, ACCOUNT, KEY=SECRET)
    ended, checks = patient.examined()
    assert ended is Exit.ERROR
    assert checks["checkmarket key"]["message"] == "the variable KEY holds a value"
    assert checks["checkmarket"]["state"] == "not checkable"
    lines = patient.ran(doctor, EVERYTHING).out.splitlines()
    assert "Target one" in lines
    (at,) = [n for n, line in enumerate(lines) if line.startswith("  ! checkmarket master_key  the variable")]
    assert lines[at + 1].strip() == f"→ {checks['checkmarket master_key']['mend']}" == "→ export MASTER=…"
    assert lines[-1] == "Checked: 10 ok, 1 problem, 3 not checkable."
    there = ACCOUNT.replace("api-eu.agileresearch.medallia.com", "api.example.com")
    ended, checks = Patient(tmp_path, there, KEY=SECRET, MASTER=SECRET).examined()
    assert ended is Exit.ERROR
    assert "RECONCILER_TRUSTED_HOSTS=api.example.com" in checks["checkmarket host"]["message"]
    assert checks["checkmarket"]["state"] == "not checkable"


def test_both_apis_are_asked_one_thing_each_and_credentials_may_stand_in_a_file(tmp_path: Path) -> None:
    with served() as url:
        _, checks = Patient(tmp_path, BOTH_SERVED % (url, url), KEY=SECRET).examined()
        patient = Patient(tmp_path, SERVED % url, MASTER=SECRET)
        patient.write("key.txt", SECRET)
        assert patient.examined()[1]["checkmarket key"]["message"] == "the file key.txt holds a value"
        for wanted, state in (("{id: 288}", "ok"), ("{name: Nobody}", "problem")):
            patient = Patient(tmp_path, f"checkmarket: {{url: '{url}', account_must_have: {wanted}}}")
            assert patient.examined()[1]["account"]["state"] == state
    for api in ("checkmarket", "expoints"):
        assert checks[api]["message"] == "it answers, and the credentials may read"
        assert checks[f"{api} writing"]["state"] == "not checkable"


@pytest.mark.parametrize(("status", "said"), [("401", "401 Unauthorized"), ("403", "Contacts (read)")])
def test_what_the_api_says_against_the_credentials_is_shown(tmp_path: Path, status: str, said: str) -> None:
    with served(f"GET:1+:before:status={status}") as url:
        patient = Patient(tmp_path, SERVED % url, MASTER=SECRET)
        patient.write("key.txt", SECRET)
        ended, checks = patient.examined()
    assert (ended, checks["checkmarket"]["state"]) == (Exit.ERROR, "problem")
    assert said in checks["checkmarket"]["message"]


def test_an_api_that_cannot_be_reached_is_exit_7_and_with_another_problem_exit_1(tmp_path: Path) -> None:
    unreachable = "checkmarket: {url: 'http://127.0.0.1:1'}"
    ended, checks = Patient(tmp_path, unreachable).examined()
    assert (ended, checks["checkmarket"]["unavailable"]) == (Exit.UNAVAILABLE, True)
    ended, checks = Patient(tmp_path, f"{unreachable}, journal: {{env: JOURNAL}}").examined()
    assert (ended, checks["checkmarket"]["unavailable"]) == (Exit.ERROR, True)
    assert "JOURNAL" in checks["journal"]["message"]


def answering(date: str) -> Callable[[socket.socket], None]:
    """Return the behaviour of a server whose list is empty, with these headers beside the usual ones."""
    body = b'{"Meta": {"Status": 200}, "Data": []}'
    answer = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (date.encode(), len(body), body)
    return lambda connection: connection.sendall(answer)


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (0, "ok", "agree to the minute"),
        (60, "ok", "agree to the minute"),
        (-61, "problem", "61 s behind the server"),
        (86400, "problem", "86400 s ahead of the server"),
        (None, "not checkable", "the server does not tell its time"),
    ],
)
def test_the_clock_is_compared_with_that_of_the_server(
    tmp_path: Path, seconds: int | None, state: str, said: str
) -> None:
    date = "" if seconds is None else f"Date: {formatdate(START - seconds, usegmt=True)}\r\n"
    with serving(answering(date)) as server:
        ended, checks = Patient(tmp_path, f"checkmarket: {{url: '{server.url}'}}").examined()
    assert ended is (Exit.ERROR if state == "problem" else Exit.DONE)
    assert checks["checkmarket"]["state"] == "ok"
    assert checks["checkmarket clock"]["state"] == state
    assert said in checks["checkmarket clock"]["message"]


def test_a_password_in_the_address_of_a_journal_is_not_shown(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    target = f"{SANDBOX}, journal: {{env: JOURNAL}}"
    address = f"postgresql://qa:{SECRET}@127.0.0.1:1/db"
    ended, checks = Patient(tmp_path, target, JOURNAL=address).examined()
    assert (ended, checks["journal"]["state"]) == (Exit.ERROR, "problem")
    assert "127.0.0.1:1" in checks["journal"]["message"]


@pytest.mark.parametrize(
    ("process", "state", "said"),
    [
        (this_process(), "ok", "at work here"),
        (Process(this_process().machine, "here", 2**22 + 1, "1"), "ok", "died"),
        (Process("another machine", "there", 1, "1"), "not checkable", "cannot be seen from here"),
    ],
)
def test_who_holds_an_account_is_told(tmp_path: Path, process: Process, state: str, said: str) -> None:
    patient = Patient(tmp_path, SANDBOX)
    begin_run(patient, process)
    _, checks = patient.examined()
    assert checks["lock"]["state"] == state
    assert said in checks["lock"]["message"]


def test_a_journal_of_one_machine_is_told_of_and_in_ci_it_is_a_problem(tmp_path: Path) -> None:
    patient = Patient(tmp_path, ACCOUNT)
    assert patient.examined()[1]["journal sharing"]["state"] == "not checkable"
    patient.environ = {"CI": "true"}
    assert patient.examined()[1]["journal sharing"]["state"] == "problem"


def test_a_branch_that_no_remote_has_is_told_of(tmp_path: Path) -> None:
    repository = Repository.made(tmp_path)
    patient = Patient(tmp_path, f"{SANDBOX}, journal: 'git+branch:journal'")
    assert "has no remote" in patient.examined()[1]["journal sharing"]["message"]
    repository.git("remote", "add", "origin", str(tmp_path / ".git"))
    assert "journal sharing" not in patient.examined()[1]


def test_what_the_operator_allows_is_said_in_words(tmp_path: Path) -> None:
    patient = Patient(tmp_path, SANDBOX)
    _, checks = patient.examined()
    said = {name: checks[name]["message"] for name in ("CI", *(f"RECONCILER_{n}" for n in OPERATORS))}
    assert all("is not set" in text for text in said.values())
    assert "*.checkmarket.com" in said["RECONCILER_TRUSTED_HOSTS"]

    patient.environ = {
        "CI": "true",
        "RECONCILER_TRUSTED_HOSTS": "api.example.com:8443, 127.0.0.1:8080",
        "RECONCILER_ALLOWED_ENV": "CHECKMARKET_*",
        "RECONCILER_SECRETS_DIR": str(tmp_path),
    }
    ended, checks = patient.examined()
    assert ended is Exit.DONE
    assert "api.example.com:8443, 127.0.0.1:8080" in checks["RECONCILER_TRUSTED_HOSTS"]["message"]
    assert "CHECKMARKET_* only" in checks["RECONCILER_ALLOWED_ENV"]["message"]
    assert str(tmp_path) in checks["RECONCILER_SECRETS_DIR"]["message"]


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("TRUSTED_HOSTS", "https://api.example.com", "write names only"),
        ("TRUSTED_HOSTS", "api.example.com:99999", "write names only"),
        ("ALLOWED_ENV", "*_KEY", "write NAME or PREFIX_*"),
        ("ALLOWED_ENV", "GITHUB_TOKEN", "take it out"),
        ("SECRETS_DIR", "secrets", "write it from /"),
        ("SECRETS_DIR", "/nowhere/at/all", "make it"),
    ],
)
def test_what_the_operator_says_in_vain_is_a_problem(
    tmp_path: Path, variable: str, value: str, mend: str
) -> None:
    patient = Patient(tmp_path, SANDBOX, **{f"RECONCILER_{variable}": value})
    ended, checks = patient.examined()
    assert ended is Exit.ERROR
    assert mend in checks[f"RECONCILER_{variable}"]["mend"]


def test_one_target_is_looked_at_alone_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    patient = Patient(tmp_path, f"{SANDBOX}}}, two: {{{SANDBOX}, journal: {{env: NOWHERE}}")
    assert patient.examined("one")[0] is Exit.DONE
    assert patient.examined()[0] is Exit.ERROR
    with pytest.raises(UsageError, match="no target three"):
        patient.examined("three")


def test_a_workspace_is_begun_by_init_and_an_old_schema_is_told_of(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    world = World(tmp_path)
    assert "→ begin one: reconciler init" in world.ran(doctor, EVERYTHING).out
    world.ran(init, None, ())
    run = world.ran(doctor, EVERYTHING)
    assert run.exit is Exit.DONE
    assert "✓ schema  .schema.json is of this version" in run.out
    assert "✓ git     ignores .reconciler/" in run.out
    world.write(".schema.json", "{}")
    run = world.ran(doctor, EVERYTHING)
    assert run.exit is Exit.ERROR
    assert "→ reconciler schema workspace > configs/.schema.json" in run.out
