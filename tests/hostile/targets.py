"""What is fuzzed by number: journals of both kinds, headers, and plan files, each through what reads them.

A target is a class whose object takes one input after another: `feed` makes one from a random source, and
lets everything read it that a command would. What is expected to go wrong is a `ReconcilerError`, whose text
is harmless; anything else that is raised is a finding.
"""

# ruff: noqa: S608 - the names of tables and columns are those of the journal itself

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.apply import ApplyOptions, Approval, apply, approve
from reconciler.commands.expoints import open_tenant
from reconciler.commands.history import Filter, history, history_show
from reconciler.commands.memory import memory_in
from reconciler.commands.plan import PlanOptions, plan, read_target
from reconciler.commands.reports import TargetSelection
from reconciler.commands.seeds import seeds_status
from reconciler.commands.session import open_session
from reconciler.commands.status import Form, status
from reconciler.errors import ReconcilerError
from reconciler.expoints.client import open_expoints
from reconciler.expoints.planning import SeedsPlan
from reconciler.http import Api, Connection, Secret
from reconciler.journal import entries
from reconciler.journal.git import GitJournal
from reconciler.journal.git_tree import FORMAT, META, Tree
from reconciler.journal.git_writer import Writer
from reconciler.journal.ledger import BatchIntent, DeliveryState
from reconciler.journal.opening import Past, read_journal
from reconciler.render.history import history_document, history_text, run_document, run_text
from reconciler.render.report import Planned
from reconciler.render.text import plan_text
from reconciler.render.values import json_text
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from reconciler.sandbox.state import State
from tests.commands.conftest import FILES, WELCOME
from tests.commands.reviews import FILE, RESETS, planned, write_sealed
from tests.commands.world import EVERYTHING, Screen
from tests.hostile.fuzzing import HARMFUL
from tests.hostile.looking import assert_harmless, strict
from tests.http.clocks import VirtualClock
from tests.seeds.world import ADD, JANE, JOHN, SeedWorld

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.0, -0.5, 1.5, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 253402300800.0, 1e12, 1e20),
    *("", "x", "0", "1", "apply", "sent", "in doubt", "applied", "deadbeef" * 4, "deadbeef" * 8, "\ud800"),
    *("é" * 300, "x" * 100_000, "2026-01-01T00:00:00+00:00", "import_configs.welcome", "9" * 5_000),
    *([], {}, [[]], {"": None}, [1, "a", None], {"Name": 5}, {"SurveySettings": 5}, {"a": {"b": [{}]}}),
    *({"ColumnMappings": [1, "x", {"SourceColumnNumber": "a"}]}, {"SurveySettings": {"InvitationTime": []}}),
    *({"Name": []}, {"IsReusable": "yes", "DateFormat": {}, "ColumnMappings": {}}),
    *HARMFUL,
)
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 5_000, "[" * 300 + "]" * 300, '"\\ud800"', "{")
Places = list[tuple[Any, Any]]


class Target(Protocol):
    """Something that inputs can be fed to; it is closed at the end."""

    def feed(self, rng: Random) -> None:
        """Make one input, and let everything read it. What it raises is a finding."""

    def close(self) -> None:
        """Let go of everything."""


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def odd(rng: Random) -> Any:
    # A copy: what is put into a document may be changed there in turn.
    return deep(rng.choice([50, 150, 400])) if rng.random() < 0.02 else deepcopy(rng.choice(ODD))


def alike(rng: Random, value: Any) -> Any:
    """Return another value of the same kind, which a check of types lets through."""
    match value:
        case bool():
            return not value
        case int():
            return rng.choice([0, 1, value + 1, value - 1, rng.randrange(10), 2**63 - 1, 10**30])
        case float():
            return rng.choice([0.0, value + 1.0, value - 86_400.0, -value, 253_402_127_999.0, 1e-9])
        case str() if len(value) in (32, 64):
            return "".join(rng.choice("0123456789abcdef") for _ in value)
        case str():
            return rng.choice(
                [*HARMFUL, value + rng.choice(HARMFUL), value[1:], value.upper(), "09:00", "sent"]
            )
        case list():
            return rng.choice([[], value[::-1], value[:1], value * 3])
        case dict():
            return rng.choice([{}, {**value, **dict.fromkeys(("Name", "Id", rng.choice(HARMFUL)), 1)}])
        case _:
            return odd(rng)


def places_in(value: Any) -> Places:
    """Return every place in a document: what holds it, and where there."""
    found: Places = []
    level = [value] if isinstance(value, dict | list) else []
    while level:
        holder = level.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for place, inner in pairs:
            found.append((holder, place))
            if isinstance(inner, dict | list):
                level.append(inner)
    return found


def mutate(rng: Random, document: Any) -> None:
    """Change a document in place, at one to three places."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = places_in(document)
        if not places:
            return
        holder, place = rng.choice(places)
        what = rng.random()
        if what < 0.35:
            holder[place] = odd(rng)
        elif what < 0.7:
            holder[place] = alike(rng, holder[place])
        elif what < 0.8:
            del holder[place]
        elif what < 0.9:
            other, there = rng.choice(places)
            holder[place] = json.loads(json.dumps(other[there]))
        elif isinstance(holder, dict):
            holder[rng.choice(["", "n", "what", "at", "number", "path", *HARMFUL])] = odd(rng)
        else:
            holder.append(odd(rng))


def scratch(rng: Random, content: bytes) -> bytes:
    """Change the bytes of a document: some of them, its length, or a value that JSON has no word for."""
    what, at = rng.random(), rng.randrange(max(1, len(content)))
    if what < 0.3:
        return content[:at]
    if what < 0.6:
        return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
    if what < 0.8:
        start = content.find(b":", at)
        end = min((found for mark in (b",", b"}") if (found := content.find(mark, start)) > 0), default=at)
        return content[: start + 1] + rng.choice(RAW).encode() + content[end:]
    return content[:at] + rng.choice(HARMFUL).encode("utf-8", "surrogatepass") + content[at:]


def read(reading: Callable[[], object]) -> None:
    """Let something read; what it refuses is said in a harmless way."""
    try:
        reading()
    except ReconcilerError as error:
        assert_harmless(str(error).replace("\n", ""))


class Bench:
    """A workspace whose journal knows something of everything: each way in which writes and sendings end."""

    def __init__(self) -> None:
        memory = "/dev/shm"  # noqa: S108 - a hundred thousand inputs need no disk
        self._folder = tempfile.TemporaryDirectory(dir=memory if Path(memory).is_dir() else None)
        self.world = SeedWorld(Path(self._folder.name))
        self.renew()
        self.world.write("welcome.yaml", FILES)
        self.world.declare(JOHN, JANE)
        self.world.declare("smoke+doubt@example.com", key="doubt")
        self.world.declare("smoke+no@example.com", key="refused")
        planned(self.world)
        self.world.apply(f"{ADD}:1:before:drop", f"{ADD}:3:before:status=400", consent=RESETS)
        self.world.write("welcome.yaml", FILES.replace("in_days: 2", "in_days: 9"))
        self.world.apply("PUT *:1+:before:status=400", with_seeds=False, consent=RESETS)
        self.world.apply("PUT *:1+:before:drop", with_seeds=False, consent=RESETS)
        self.journal = self.world.folder / ".reconciler" / "journal.db"
        self.content = self.journal.read_bytes()

    def renew(self) -> None:
        """Let the tenant and the account be as before everything."""
        configs: dict[int | str, Any] = {1: stored_config(WELCOME)}
        self.world.state = State(":memory:", {**STARTING_POINT, CONFIGS: configs})
        self.environment = self.world.environment

    def screen(self, *, as_json: bool) -> tuple[Screen, Any]:
        screen = Screen()
        return screen, screen.console(self.world.clock, as_json=as_json)

    def close(self) -> None:
        self._folder.cleanup()


def check(screen: Screen, *, as_json: bool) -> None:
    """What was shown is harmless, and JSON is strict."""
    assert_harmless(screen.err)
    assert_harmless(screen.out)
    if as_json and screen.out:
        strict(screen.out)


class Rows:
    """Journals in a file, with other values in their rows, read by the verbs themselves."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.columns = self._columns()

    def close(self) -> None:
        self.bench.close()

    def feed(self, rng: Random) -> None:
        bench, as_json = self.bench, rng.random() < 0.5
        content = bench.content
        if rng.random() < 0.05:
            for _ in range(rng.choice([1, 1, 20])):
                at = rng.randrange(len(content))
                content = content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
        self._write(content)
        self._alter_rows(rng)
        screen, console = bench.screen(as_json=as_json)
        world = bench.world
        match rng.choice(["history", "show", "show", "plan", "plan", "status", "seeds", "seeds", "apply"]):
            case "history":
                read(lambda: history(EVERYTHING, Filter(), console, self.bench.environment))
            case "show":
                read(lambda: history_show(rng.choice([1, 2, 3]), EVERYTHING, console, self.bench.environment))
            case "plan":
                read(lambda: plan(EVERYTHING, PlanOptions(RESETS), console, self.bench.environment))
            case "status":
                form = rng.choice([Form.TEXT, Form.JSON, Form.OPENMETRICS])
                as_json = form is Form.JSON
                console = screen.console(world.clock, as_json=as_json)
                read(lambda: status(TargetSelection(), EVERYTHING, form, console, self.bench.environment))
            case "seeds":
                read(lambda: seeds_status(EVERYTHING, console, self.bench.environment))
            case _:
                read(lambda: apply(EVERYTHING, ApplyOptions(RESETS, yes=True), console, bench.environment))
                bench.renew()
        check(screen, as_json=as_json)

    def _write(self, content: bytes) -> None:
        journal = self.bench.journal
        for left in journal.parent.glob("journal.db*"):
            left.unlink()
        with os.fdopen(os.open(journal, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)

    def _columns(self) -> Mapping[str, list[str]]:
        with closing(sqlite3.connect(self.bench.journal)) as connection:
            tables = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            told = {t: connection.execute(f"PRAGMA table_info({t})").fetchall() for t in tables}
        return {t: [row[1] for row in rows] for t, rows in told.items() if not t.startswith("sqlite_")}

    def _alter_rows(self, rng: Random) -> None:
        """Change some rows; what cannot be written cannot be read either."""
        bad = (sqlite3.Error, UnicodeError, OverflowError)
        with suppress(*bad), closing(sqlite3.connect(self.bench.journal)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                with suppress(*bad), connection:
                    self._alter(rng, connection)

    def _alter(self, rng: Random, connection: sqlite3.Connection) -> None:
        table = rng.choice([*self.columns])
        column, what = rng.choice(self.columns[table]), rng.random()
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
        if not rows:
            return
        row = rng.choice(rows)
        ((there,),) = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = {row}').fetchall()
        if what < 0.1:
            connection.execute(f"DELETE FROM {table} WHERE rowid = {row}")
            return
        told = "?"
        if what < 0.2:
            told = "CAST(? AS TEXT)"
            value: Any = rng.choice([b"\xffA", b"", b"a\x00b", b"\xed\xa0\x80"])
        elif what < 0.3:
            sql = f'SELECT "{column}" FROM {table} WHERE rowid = {rng.choice(rows)}'
            ((value,),) = connection.execute(sql).fetchall()
        else:
            value = self._value(rng, there)
        connection.execute(f'UPDATE {table} SET "{column}" = {told} WHERE rowid = {row}', (value,))

    def _value(self, rng: Random, there: Any) -> Any:
        """Return what to put into a cell: mostly what is there with something odd in it, if that is JSON."""
        if isinstance(there, str) and there[:1] in ("[", "{"):
            document = json.loads(there)
            mutate(rng, document)
            text = json.dumps(document)
            return scratch(rng, text.encode()) if rng.random() < 0.1 else text
        value = odd(rng) if rng.random() < 0.5 else alike(rng, there)
        if isinstance(value, dict | list) or (isinstance(value, int) and abs(value) >= 2**63):
            return json.dumps(value) if rng.random() < 0.8 else str(value)[:100].encode()
        as_bytes = isinstance(value, str) and rng.random() < 0.1
        return value.encode("utf-8", "surrogatepass") if as_bytes else value


@dataclass
class _Still:
    """A branch that nobody moves."""

    def tip(self, seen: str | None) -> str:
        del seen
        return "c" * 40


class _Files:
    """Answers what a journal asks of git from files in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def must(self, *arguments: str, fed: bytes = b"") -> Any:
        if arguments[0] == "ls-tree":
            listed = (
                f"100644 blob {number:040x} {len(text)}\t{path}"
                for number, (path, text) in enumerate(self._files.items())
            )
            return SimpleNamespace(out="\0".join(listed).encode("utf-8", "surrogatepass"))
        contents = list(self._files.values())
        asked = [contents[int(name, 16)] for name in fed.decode().split()]
        return SimpleNamespace(out=b"".join(b"x blob %d\n%s\n" % (len(text), text) for text in asked))


class Entries:
    """Journals of entries, with other entries, read as a branch of git is and looked at as verbs do."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.opened = ExitStack()
        world = self.bench.world
        self.session = self.opened.enter_context(open_session(EVERYTHING, self.bench.environment))
        _, console = self.bench.screen(as_json=False)
        self.console = console
        self.tenant = self.opened.enter_context(open_tenant(self.session, console))
        address = f"sqlite:{self.bench.journal}"
        with (
            read_journal(address, Path(), world.clock) as past,
            closing(sqlite3.connect(self.bench.journal)) as c,
        ):
            self.lines = [{"n": n, "at": at, **entry} for n, (at, entry) in enumerate(_entries(past), 1)]
            ((key,),) = c.execute("SELECT value FROM meta WHERE name = 'hash_key'")
        self.meta = json.dumps({"format": FORMAT, "hash_key": key}).encode()
        self.live = read_target(
            self.session, memory_in(self.session, past_of(self.meta, self.lines)), RESETS, console
        )

    def close(self) -> None:
        self.opened.close()
        self.bench.close()

    def feed(self, rng: Random) -> None:
        meta, lines = self.meta, [*self.lines]
        if rng.random() < 0.03:
            told = json.loads(meta)
            mutate(rng, told)
            meta = scratch(rng, meta) if rng.random() < 0.5 else json.dumps(told).encode()
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            at = rng.randrange(len(lines))
            what = rng.random()
            if what < 0.7:
                lines[at] = json.loads(json.dumps(lines[at]))
                mutate(rng, lines[at])
            elif what < 0.8:
                del lines[at]
            elif what < 0.9:
                again = rng.choice(self.lines)
                lines.append({**again, "n": len(lines) + rng.choice([0, 1, 1, 1, 7])})
            else:
                lines.append(odd(rng))
        raw = [json.dumps(line).encode() for line in lines]
        if rng.random() < 0.1:
            at = rng.randrange(len(raw))
            raw[at] = scratch(rng, raw[at])
        read(lambda: self._look(rng, meta, raw))

    def _look(self, rng: Random, meta: bytes, raw: list[bytes]) -> None:
        with _journal(meta, raw) as past:
            runs = past.runs()
            zone, now = ZoneInfo("Europe/Amsterdam"), self.bench.world.clock.now()
            assert_harmless(history_text("sandbox", runs, zone, now))
            kinds = {SECTION.kind.name: SECTION.kind}
            told: list[Any] = [history_document(runs)]
            for run in runs[:2]:
                written = past.operations(run.number)
                assert_harmless(run_text(run, written, kinds, zone, now))
                told.append(run_document(run, written, kinds))
            strict(json_text(told))
            if rng.random() < 0.3:
                memory = memory_in(self.session, past)
                made = read_target(self.session, memory, RESETS, self.console).plan(RESETS)
                seeds = self.tenant.plan(past) if rng.random() < 0.2 else SeedsPlan()
                assert_harmless(plan_text(Planned(made, seeds)))


def past_of(meta: bytes, lines: list[Any]) -> Past:
    with _journal(meta, [json.dumps(line).encode() for line in lines]) as past:
        return past


def _journal(meta: bytes, raw: list[bytes]) -> Past:
    """Return the journal of these lines; raises as opening one does."""
    files = {META: meta, "2026-01/run-000001/00000001.jsonl": b"".join(line + b"\n" for line in raw)}
    branch: Any = _Still()
    git: Any = _Files(files)
    journal = GitJournal(Writer(branch, Tree(git, "git+branch:journal"), VirtualClock(), 1e9))
    journal.find()
    return journal


def _entries(past: Past) -> Iterator[tuple[float, Any]]:
    """Yield everything that a journal knows as entries, in an order in which it can have happened."""
    for run in sorted(past.runs(), key=lambda run: run.number):
        yield run.began, entries.run(run.number, run.start)
        for operation in past.operations(run.number):
            yield operation.at, entries.operation(operation.number, run.number, operation.intent)
            if operation.ending:
                yield operation.at, entries.operation_end(operation.number, operation.ending)
        if run.exit is not None and run.ended is not None:
            yield run.ended, entries.run_end(run.number, run.exit, run.counts, run.note)
    yield 1e9, entries.learned(1, "sandbox:sandbox", past.learned("sandbox:sandbox") or {"date_format": None})
    deliveries = past.past("sandbox:sandbox")
    for number in sorted({delivery.batch for delivery in deliveries}):
        some = [delivery for delivery in deliveries if delivery.batch == number]
        seed = f"customer_seeds.{('smoke', 'doubt', 'refused')[number % 3]}"
        shipment = BatchIntent(
            "sandbox:sandbox", seed, some[0].round, some, {"EndDate": "2026-01-01"}, 1, 1e9
        )
        yield some[0].at, entries.batch(number, shipment, DeliveryState.INTENDED)
        yield some[0].since, entries.standing(number, None, some[0].standing, some[0].note, 1e9)
    yield 2e9, {"what": "pruned", "run": 1, "operation": 1, "runs": 0, "operations": 0}


NAMES = ("Retry-After", "Date", "Content-Type", "Location", "Content-Length", "Content-Encoding", "Age")
SAID = (
    *(
        "0",
        "1",
        "-1",
        "5",
        "1e9",
        "9" * 9,
        "9" * 40,
        "9" * 5_000,
        "nan",
        "inf",
        "0x10",
        "1, 2",
        " 3 ",
        "٣",
        "",
    ),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970 00:00:00 GMT"),
    *("Sun, 06 Nov 1994 08:49:37 GMT", "Tue, 14 Nov 2023 22:13:20 GMT", "Wed, 30 Feb 2023 25:61:61 GMT"),
    *("Sun, 06 Nov 99999999999 08:49:37 GMT", "1 Jan 99 24:00:00 +9999999999", "Mon, , 2023", "14 Nov 2023"),
    *("application/json", "application/json; charset=utf-7", "text/html; charset=\x00", "; charset=rot13"),
    *("application/json; charset=" + "x" * 3_000, "multipart/mixed", "charset=hex", "gzip", "deflate, gzip"),
    *(
        "https://evil.example/",
        "//evil.example",
        "http://[::1",
        "/\\evil",
        "javascript:1",
        "http://user@h:99999",
    ),
    *("br", "identity", "chunked", "\xff\xfe", "12 34"),
    *HARMFUL,
)
BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"CustomerCount": 1}',
        b"<html>",
        b"\xff",
        b"\x1f\x8b\x08",
        b'{"a": 1e999}',
    ),
    *(b'{"Meta": {"Status": 200}, "Data": {}}', b'{"token_type": "bearer", "access_token": "x"}'),
)
STATUSES = (
    *(200, 200, 200, 201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 409, 429, 429),
    500,
    503,
)


class Headers:
    """Answers with any header, to reads and to writes, of both APIs."""

    def close(self) -> None:
        """Nothing is held."""

    def feed(self, rng: Random) -> None:
        answers = [self._answer(rng) for _ in range(rng.choice([1, 2, 4]))]
        asked = iter(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            del request
            status, headers, content = next(asked, answers[-1])
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

        transport, clock = httpx.MockTransport(answer), VirtualClock()
        if rng.random() < 0.5:
            method = rng.choice(["GET", "PUT", "POST", "DELETE"])
            with Api("http://localhost", Connection(transport=transport, clock=clock)) as api:
                read(lambda: api.request(method, "/x", json=None if method == "GET" else {}).json())
            return
        with open_expoints(
            "http://localhost", Secret("s"), Connection(transport=transport, clock=clock)
        ) as client:
            if rng.random() < 0.7:
                read(lambda: client.counts(["a@example.com", "b@example.com"]))
            else:
                read(client.columns)

    def _answer(self, rng: Random) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        headers = [
            (name.encode(), self._value(rng).encode("utf-8", "surrogatepass"))
            for name in rng.sample(NAMES, rng.choice([0, 1, 1, 2, 3]))
        ]
        return rng.choice(STATUSES), headers, rng.choice(BODIES)

    def _value(self, rng: Random) -> str:
        said = rng.choice(SAID)
        if rng.random() < 0.3 and said:
            at = rng.randrange(len(said))
            said = said[:at] + rng.choice([*"0129-+:,; Z", "\x00", "\ud800", "é", "\n"]) + said[at + 1 :]
        return said


class PlanFiles:
    """Plan files with something else in them, read, held against the target, and shown as far as they are."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.opened = ExitStack()
        world = self.bench.world
        planned(world)
        self.path = world.folder / FILE
        self.document = json.loads(self.path.read_text("utf-8"))
        self.session = self.opened.enter_context(open_session(EVERYTHING, self.bench.environment))
        _, self.console = self.bench.screen(as_json=False)
        with read_journal(f"sqlite:{self.bench.journal}", Path(), world.clock) as past:
            memory = replace(memory_in(self.session, past), last_writes={})  # nothing is looked up later
            self.live = read_target(self.session, memory, RESETS, self.console)

    def close(self) -> None:
        self.opened.close()
        self.bench.close()

    def feed(self, rng: Random) -> None:
        document = json.loads(json.dumps(self.document))
        mutate(rng, document)
        if isinstance(document, dict) and rng.random() < 0.8:
            write_sealed(self.path, document)
        else:
            self.path.write_text(json.dumps(document), "utf-8")
        if rng.random() < 0.15:
            self.path.write_bytes(scratch(rng, self.path.read_bytes()))
        read(self._look)

    def _look(self) -> None:
        approval = Approval.read(ApplyOptions(plan_files=(FILE,)), self.bench.environment)
        approval.selection(EVERYTHING)
        approval.check_files(self.session)
        approved = approve(approval, self.live, SeedsPlan(), RESETS)
        assert_harmless(plan_text(approved.planned))
        assert_harmless(approved.gone)


TARGETS: Mapping[str, tuple[Callable[[], Target], int]] = {
    "rows": (Rows, 4),
    "entries": (Entries, 36),
    "headers": (Headers, 30),
    "plan files": (PlanFiles, 30),
}
"""Name → the target, and how many of a hundred inputs it gets."""
