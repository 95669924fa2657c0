"""What is fuzzed by a number: journals of both kinds, headers, and plan files, each through what reads them.

A target is a class whose object takes one input after another: `feed` makes one from a random source, and
lets everything read it that a command would. What is expected to go wrong is a `ReconcilerError`, whose text
is harmless; anything else that is raised is a finding.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.apply import ApplyOptions, apply, approve, read_approval
from reconciler.commands.expoints import expoints_session
from reconciler.commands.history import Filter, history, history_show
from reconciler.commands.journal import memory_in
from reconciler.commands.plan import PlanOptions, plan, read_target
from reconciler.commands.reports import TargetSelection
from reconciler.commands.seeds import seeds_status
from reconciler.commands.session import open_session
from reconciler.commands.status import Form, status
from reconciler.errors import ReconcilerError
from reconciler.expoints.client import open_expoints
from reconciler.expoints.planning import SeedsPlan
from reconciler.http.api import Api, Connection
from reconciler.http.messages import Secret
from reconciler.journal.entries import Line
from reconciler.journal.journal import ReadOnlyJournal, read_journal
from reconciler.journal.sqlite import SqliteLog
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
from tests.http.servers import VirtualClock
from tests.journal.logs import MemoryLog
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
CELLS: tuple[Any, ...] = (None, b"\xffA", b"", b"a\x00b", b"\xed\xa0\x80", 7, -1, 1.5)
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


def altered(rng: Random, all_lines: list[Line]) -> list[Line]:
    """Return the lines of a journal with others among them, and some gone."""
    lines = [*all_lines]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(lines))
        what = rng.random()
        if what < 0.7:
            lines[at] = altered_line(rng, lines[at])
        elif what < 0.8:
            del lines[at]
        elif what < 0.9:
            again, n = rng.choice(all_lines), lines[-1].n + rng.choice([0, 1, 1, 1, 7])
            lines.append(replace(again, n=n, text=again.text.replace(f'"n":{again.n}', f'"n":{n}', 1)))
        else:
            lines.append(Line(lines[-1].n + 1, None, json.dumps(odd(rng))))
    return lines


def altered_line(rng: Random, line: Line) -> Line:
    """Return a line with something else in its entry, or in its bodies."""
    if line.bodies and rng.random() < 0.3:
        return replace(line, bodies=altered_line(rng, Line(0, None, line.bodies)).text)
    try:
        told = json.loads(line.text)
    except ValueError:  # it was scratched before
        return line
    mutate(rng, told)
    text = json.dumps(told)
    return replace(line, text=scratch(rng, text.encode()).decode("latin-1") if rng.random() < 0.1 else text)


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
        log = SqliteLog(self.journal)
        kept = log.read(0)
        texts = log.bodies([(line.run or 0, line.n) for line in kept])
        self.lines = [replace(line, bodies=texts[line.n]) for line in kept]

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


class Rows:
    """Journals in a file, with other values in their rows, read by the verbs themselves."""

    def __init__(self) -> None:
        self.bench = Bench()

    def close(self) -> None:
        self.bench.close()

    def feed(self, rng: Random) -> None:
        bench, as_json = self.bench, rng.random() < 0.5
        content = bytearray(bench.content)
        for _ in range(rng.choice([1, 1, 20]) if rng.random() < 0.05 else 0):
            content[rng.randrange(len(content))] = rng.randrange(256)
        self._write(content)
        self._fill(altered(rng, bench.lines), rng)
        screen, console = bench.screen(as_json=as_json)
        environment = bench.environment
        match rng.choice(["history", "show", "show", "plan", "plan", "status", "seeds", "seeds", "apply"]):
            case "history":
                read(lambda: history(EVERYTHING, Filter(), console, environment))
            case "show":
                read(lambda: history_show(rng.choice([1, 2, 3]), EVERYTHING, console, environment))
            case "plan":
                read(lambda: plan(EVERYTHING, PlanOptions(RESETS), console, environment))
            case "status":
                form = rng.choice([Form.TEXT, Form.JSON, Form.OPENMETRICS])
                as_json = form is Form.JSON
                console = screen.console(bench.world.clock, as_json=as_json)
                read(lambda: status(TargetSelection(), EVERYTHING, form, console, environment))
            case "seeds":
                read(lambda: seeds_status(EVERYTHING, console, environment))
            case _:
                read(lambda: apply(EVERYTHING, ApplyOptions(RESETS, yes=True), console, environment))
                bench.renew()
        assert_harmless(screen.err)
        assert_harmless(screen.out)
        if as_json and screen.out:
            strict(screen.out)

    def _write(self, content: bytearray) -> None:
        journal = self.bench.journal
        for left in journal.parent.glob("journal.db*"):
            left.unlink()
        with os.fdopen(os.open(journal, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)

    def _fill(self, lines: list[Line], rng: Random) -> None:
        """Write these entries with some odd cells; what cannot be written cannot be read either."""
        rows = [[line.n, line.run, line.text, line.bodies] for line in lines]
        for _ in range(rng.choice([0, 0, 1, 2]) if rows else 0):
            rng.choice(rows)[rng.randrange(4)] = rng.choice([*CELLS, odd(rng)])
        bad = (sqlite3.Error, UnicodeError, OverflowError)
        with suppress(*bad), closing(sqlite3.connect(self.bench.journal)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("DELETE FROM entries")
            for row in rows:
                with suppress(*bad):
                    sql = "INSERT INTO entries VALUES (?, ?, CAST(? AS TEXT), CAST(? AS TEXT))"
                    connection.execute(sql, row)


class Entries:
    """Journals of entries, with other entries, read as a branch of git is and looked at as verbs do."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.opened = ExitStack()
        world = self.bench.world
        self.session = self.opened.enter_context(open_session(EVERYTHING, self.bench.environment))
        _, console = self.bench.screen(as_json=False)
        self.console = console
        self.tenant = self.opened.enter_context(expoints_session(self.session, console))
        self.lines = [*self.bench.lines]
        account, values = "sandbox:sandbox", {"date_format": None}
        learned = {"what": "learned", "run": 1, "account": account, "values": values}
        pruned = {"what": "pruned", "runs": [99], "operations": 0, "last_run": 1, "last_operation": 1}
        for n, fact in enumerate((learned, pruned), len(self.lines) + 1):
            self.lines.append(Line(n, None, json.dumps({"n": n, "at": 2e9, "fact": fact})))
        past = ReadOnlyJournal(MemoryLog(self.lines), world.clock)
        self.live = read_target(self.session, memory_in(self.session, past), RESETS, console)

    def close(self) -> None:
        self.opened.close()
        self.bench.close()

    def feed(self, rng: Random) -> None:
        lines = altered(rng, self.lines)
        read(lambda: self._look(rng, lines))

    def _look(self, rng: Random, lines: list[Line]) -> None:
        with ReadOnlyJournal(MemoryLog(lines), self.bench.world.clock) as past:
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
                made = read_target(self.session, memory, RESETS, self.console).plan()
                seeds = self.tenant.plan(past) if rng.random() < 0.2 else SeedsPlan()
                assert_harmless(plan_text(Planned(made, seeds)))


NAMES = """
    Retry-After Date Content-Type Location Content-Length Content-Encoding Age Set-Cookie X-Request-Id
    Transfer-Encoding
""".split()  # noqa: SIM905
SAID = (
    *("0", "1", "-1", "5", "1e9", "9" * 9, "9" * 40, "9" * 5_000, "nan", "inf", "0x10", "1, 2", " 3 ", "٣"),
    *("", "²", "5, soon", "1." + "9" * 5_000, f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", "14 Nov 2023"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970 00:00:00 GMT"),
    *("Sun, 06 Nov 1994 08:49:37 GMT", "Tue, 14 Nov 2023 22:13:20 GMT", "Wed, 30 Feb 2023 25:61:61 GMT"),
    *("Sun, 06 Nov 99999999999 08:49:37 GMT", "Mon, , 2023", "Mon, 01 Jan 2026 99:99:99 GMT"),
    *("1 Jan 99 24:00:00 +9999999999", "application/json", "application/json; charset=utf-7", "gzip"),
    *("application/json; charset=" + "x" * 3_000, "text/html; charset=\x00", "; charset=rot13"),
    *("multipart/mixed", "charset=hex", "deflate, gzip", "br", "identity", "chunked", "\xff\xfe", "12 34"),
    *("https://evil.example/", "//evil.example", "http://[::1", "/\\evil", "javascript:1"),
    "http://user@h:99999",
    *HARMFUL,
)
BODIES = (
    *(b"", b"{}", b"[]", b"null", b'{"CustomerCount": 1}', b"<html>", b"\xff", b"\x1f\x8b\x08"),
    *(b'{"Meta": {"Status": 200}, "Data": {}}', b'{"token_type": "bearer", "access_token": "x"}'),
    b'{"a": 1e999}',
)
STATUSES = (
    *(200, 200, 200, 201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 409, 429, 429),
    *(500, 503),
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
            with closing(Api("http://localhost", Connection(transport=transport, clock=clock))) as api:
                read(lambda: self._ask(api, method))
            return
        with open_expoints(
            "http://localhost", Secret("s"), Connection(transport=transport, clock=clock)
        ) as client:
            if rng.random() < 0.7:
                read(lambda: client.counts(["a@example.com", "b@example.com"]))
            else:
                read(client.columns)

    def _ask(self, api: Api, method: str) -> None:
        answer = api.request(method, "/x", json=None if method == "GET" else {})
        assert answer.sent_at is None or 0 <= answer.sent_at < 2**36
        _ = answer.document

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
        approval = read_approval(EVERYTHING, ApplyOptions(plan_files=(FILE,)), self.bench.environment)[0]
        approval.check_files(self.session)
        planned = approve(approval, self.live, SeedsPlan())
        assert_harmless(plan_text(planned))
        assert_harmless(planned.gone)


TARGETS: Mapping[str, tuple[Callable[[], Target], int]] = {
    "rows": (Rows, 4),
    "entries": (Entries, 36),
    "headers": (Headers, 30),
    "plan files": (PlanFiles, 30),
}
"""Name → the target, and how many of a hundred inputs it gets."""
