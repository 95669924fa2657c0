"""Whatever files, answers, headers, journals and plan files hold, a command ends in a harmless sentence."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from copy import deepcopy
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.apply import ApplyOptions, approve, read_approval
from reconciler.commands.expoints import expoints_session
from reconciler.commands.journal import memory_in
from reconciler.commands.plan import read_target
from reconciler.commands.session import open_session
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.contacts.model import ImportRules
from reconciler.contacts.reading import open_contacts
from reconciler.contacts.rows import judge
from reconciler.errors import FilesInvalid, ReconcilerError
from reconciler.expoints.client import open_expoints
from reconciler.expoints.planning import SeedsPlan
from reconciler.http.api import Api, Connection
from reconciler.http.messages import Secret
from reconciler.journal.entries import Line
from reconciler.journal.journal import ReadOnlyJournal, read_journal
from reconciler.journal.sqlite import SqliteLog
from reconciler.render.history import history_document, history_text, run_document, run_text
from reconciler.render.report import TargetReport
from reconciler.render.text import plan_text
from reconciler.render.values import json_text, problem_document, problems_text
from reconciler.sandbox.seeding import CONFIGS as STORED
from reconciler.sandbox.seeding import STARTING_POINT, stored_config
from reconciler.sandbox.state import State
from tests.commands.conftest import FILES as DECLARED
from tests.commands.conftest import WELCOME
from tests.commands.reviews import FILE, RESETS, planned, write_sealed
from tests.commands.world import EVERYTHING, Screen
from tests.hostile.answering import CONFIGS, SEEDS, Hostile, run
from tests.hostile.fuzzing import FIELDS, HARMFUL, declared, documents, harmful_text, numbers, share, yamlish
from tests.hostile.looking import assert_harmless, strict
from tests.hostile.workspaces import seeds, write
from tests.http.servers import VirtualClock
from tests.journal.logs import MemoryLog
from tests.seeds.world import ADD, JANE, JOHN, SeedWorld

Inputs = st.SearchStrategy[Any]


def one_of(text: str, *more: Any) -> Inputs:
    """Return a strategy of the words of a text, and more."""
    return st.sampled_from([*text.split(), *more])


# Files


def read_or_refuse(files: Mapping[str, str | bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), files)
        try:
            problems = load(folder, SECTION, folder, CUSTOMER_SEEDS).warnings
        except FilesInvalid as invalid:
            problems = invalid.problems
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", problem.code) for problem in problems)
    assert_harmless(problems_text(problems))
    assert_harmless("".join(str(problem.place) for problem in problems))
    text = json.dumps([problem_document(problem) for problem in problems])
    assert len(strict(text)) == len(problems)


def check_contacts(content: bytes) -> None:
    rules = ImportRules("import_configs.a", "sandbox", {1: "Email", 2: "DateOfBirth"}, date_format="d/M/yyyy")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "contacts.csv"
        file.write_bytes(content)
        checked = judge(open_contacts(file, rules), rules, today=date(2026, 12, 1))
    assert_harmless(problems_text(checked.problems))
    assert_harmless("\n".join([checked.dialect, *checked.unknown, *map(str, checked.results)]))


def dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def table(head: list[str], rows: list[list[str]], mark: str) -> bytes:
    return "\n".join(mark.join(row) for row in [["email", *head], *rows]).encode(errors="surrogatepass")


def named(name: str) -> dict[str, bytes]:
    safe = name.replace("/", "").replace("\x00", "").encode(errors="surrogatepass")[:200]
    return {f"{safe.decode(errors='surrogateescape')}.yaml": b"nowhere: 1"}


cells = st.one_of(one_of("email data.email Email a@example.com", *HARMFUL), harmful_text)
tables = st.one_of(
    st.builds(
        table,
        st.lists(cells, max_size=5),
        st.lists(st.lists(cells, max_size=6), max_size=5),
        st.sampled_from([",", ";", "\t", '","']),
    ),
    st.binary(max_size=200),
    st.binary(max_size=100).map(lambda tail: b"email,x\n" + tail),
)
odd_lines = [b"[" * 2000, b'{"email": 1e999}', b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a":1,"a":2}']
line = st.one_of(
    declared.map(lambda value: json.dumps(value).encode()),
    declared.map(lambda value: json.dumps({"email": "a@example.com", "data": value}).encode()),
    st.binary(max_size=60),
    st.sampled_from(odd_lines),
)
lines = st.lists(line, max_size=5).map(b"\n".join)
sections = one_of("import_configs customer_seeds presets moved guardrails targets")
resources = st.dictionaries(sections, st.dictionaries(st.just("welcome"), declared, min_size=1), min_size=1)
fields = st.dictionaries(st.sampled_from(FIELDS), declared, max_size=6)
targets = st.one_of(fields, fields.map(lambda one: {"version": 1, "targets": {"one": one}}))


# Answers

RAW = {
    "<<inf>>": "1e999",
    "<<nan>>": "NaN",
    "<<zero>>": "-0",
    "<<long>>": "9" * 4000,
    "<<deep>>": "[" * 400 + "]" * 400,
    "<<deeper>>": '{"a":' * 900 + "1" + "}" * 900,
    "<<half>>": '"\\ud800"',
    "<<twice>>": '{"Id": 1, "Id": 2}',
}
members = one_of("""
    ImportConfigId Name SurveySettings SurveyId InvitationTime ColumnMappings IsReusable SourceColumnNumber
    TargetColumnName DateFormat FirstRow Id Title Succeeded FailureMessage Meta Data Status TotalRowCount
    ErrorMessage Links Unknown CustomerDataColumns DisplayName Required Archived CustomerCount NextCursor
    OptOuts Email Statuses StatusCode StatusName Customers
""")
leaves: Inputs = st.one_of(
    *(st.none(), st.booleans(), numbers, harmful_text),
    st.sampled_from([*RAW, "Newsletter", "Welcome", "09:00", "\ud800"]),
)
anything = documents(st.one_of(members, harmful_text), leaves)


def enveloped(data: Any, total: Any = None) -> Any:
    return {"Meta": {"Status": 200, "TotalRowCount": total}, "Data": data}


def strange(*usual: Any, most: int = 2) -> Inputs:
    """Return what an API would say, with something strange in it."""
    more = st.dictionaries(members, anything, max_size=most)
    return st.builds(lambda base, odd: {**base, **odd}, st.sampled_from(usual), more)


def in_bytes(document: Any) -> bytes:
    text = json.dumps(document)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


def answers(*usual: Inputs) -> Inputs:
    """Return mostly what an API would say with something strange in it, and sometimes anything at all."""
    said = st.one_of(*usual, anything).map(in_bytes)
    rubbish = st.sampled_from([b"", b"<html>", b"\xff\xfe{\x00}\x00"])
    return st.one_of(said, said, said, st.binary(max_size=80), rubbish)


def listing(name: str, *usual: Any) -> Inputs:
    cursor = st.dictionaries(st.just("NextCursor"), leaves, max_size=1)
    return answers(
        st.builds(lambda found, more: {name: found, **more}, st.lists(strange(*usual), max_size=3), cursor)
    )


USUAL = {
    "ImportConfigId": 1,
    "Name": "Newsletter",
    "IsReusable": True,
    "SurveySettings": {"SurveyId": 1, "InvitationTime": "09:00:00.0000000"},
    "ColumnMappings": [{"SourceColumnNumber": 1, "TargetColumnName": "Email"}],
}
total = st.one_of(st.integers(0, 3), leaves)
listed = answers(st.builds(enveloped, st.lists(strange(USUAL, most=5), max_size=3), total))
written = answers(strange({"Succeeded": True, "ImportConfigId": 7}).map(enveloped))
about_configurations = st.fixed_dictionaries(
    {
        "GET /3/surveys": listed,
        "GET /3/contacts/import/configs/": answers(strange(USUAL, most=5).map(enveloped)),
        "GET /3/contacts/import/configs": listed,
        "PUT ": written,
        "POST ": written,
    }
)
about_customers = st.fixed_dictionaries(
    {
        "GET /3/": st.just(in_bytes(enveloped([], 0))),
        "customerdatacolumn": listing(
            "CustomerDataColumns", {"Id": 7, "Name": "Other"}, {"Id": 8, "Name": "Name"}
        ),
        "getcustomerstatuses": listing("Statuses", {"StatusCode": 1, "StatusName": "Bounced"}),
        "customer/count": answers(total.map(lambda count: {"CustomerCount": count})),
        "getoptouts": listing("OptOuts", {"Email": "a@example.com"}),
        "customer/add": answers(anything),
    }
)


def answers_to(said: Inputs, verbs: str) -> Inputs:
    return st.tuples(said, one_of(verbs), st.booleans())


def running(file: str) -> Callable[[tuple[dict[str, bytes], str, bool]], None]:
    def feed(case: tuple[dict[str, bytes], str, bool]) -> None:
        said, verb, as_json = case
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "configs")
            folder.mkdir()
            run(write(folder, {"a.yaml": file}), Hostile(said), verb, as_json=as_json)

    return feed


# Headers

NAMES = "Retry-After Date Content-Type Location Content-Length Content-Encoding Age Transfer-Encoding"
SAID = (
    *("0", "1", "-1", "5", "1e9", "9" * 9, "9" * 40, "9" * 5_000, "nan", "inf", "0x10", "1, 2", " 3 ", "٣"),
    *("", "²", "5, soon", "1." + "9" * 5_000, f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", "14 Nov 2023"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Wed, 30 Feb 2023 25:61:61 GMT"),
    *("Sun, 06 Nov 99999999999 08:49:37 GMT", "Mon, , 2023", "1 Jan 99 24:00:00 +9999999999", "chunked"),
    *("application/json", "application/json; charset=utf-7", "application/json; charset=" + "x" * 3_000),
    *("text/html; charset=\x00", "charset=hex", "gzip", "deflate, gzip", "br", "identity", "\xff\xfe", "é"),
    *("https://evil.example/", "//evil.example", "http://[::1", "/\\evil", "http://user@h:99999"),
)
BODIES = (
    *(b"", b"{}", b"[]", b"null", b'{"CustomerCount": 1}', b"<html>", b"\xff", b"\x1f\x8b\x08"),
    *(b'{"Meta": {"Status": 200}, "Data": {}}', b'{"token_type": "bearer", "access_token": "x"}'),
)
STATUSES = (200, 200, 200, 201, 204, 206, 301, 304, 307, 400, 401, 403, 404, 408, 409, 429, 429, 500, 503)
header = st.tuples(
    one_of(NAMES).map(str.encode),
    st.one_of(st.sampled_from(SAID), harmful_text).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
requests = one_of("GET PUT POST DELETE counts counts columns")
answer = st.tuples(st.sampled_from(STATUSES), st.lists(header, max_size=3), st.sampled_from(BODIES))


def ask(case: tuple[str, list[Any]]) -> None:
    what, said = case
    asked = iter(said)

    def answered(_: httpx.Request) -> httpx.Response:
        status, headers, content = next(asked, said[-1])
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

    connection = Connection(transport=httpx.MockTransport(answered), clock=VirtualClock())
    with (
        closing(Api("http://localhost", connection)) as api,
        open_expoints("http://localhost", Secret("s"), connection) as client,
    ):
        match what:
            case "counts":
                read(lambda: client.counts(["a@example.com", "b@example.com"]))
            case "columns":
                read(client.columns)
            case method:
                read(lambda: api.request(method, "/x", json=None if method == "GET" else {}).document)


def read(reading: Callable[[], object]) -> None:
    """Let something read; what it refuses is said in a harmless way."""
    try:
        reading()
    except ReconcilerError as error:
        assert_harmless(str(error).replace("\n", ""))


# The table

SPOKEN = st.sampled_from(["", "import_configs: ", "import_configs:\n  m: ", "customer_seeds:\n  s: "])
SET = st.sampled_from(["", "version: 1\n", "version: 1\ntargets: ", "version: 1\ntargets:\n  one: "])
FILES: dict[str, tuple[int, Inputs, Callable[[Any], Mapping[str, str | bytes]]]] = {
    "bytes": (8, st.binary(max_size=300), lambda content: {"a.yaml": content}),
    "bytes of settings": (4, st.binary(max_size=300), lambda content: {"reconciler.yaml": content}),
    "text": (8, st.tuples(SPOKEN, yamlish), lambda parts: {"a.yaml": "".join(parts)}),
    "settings": (6, st.tuples(SET, yamlish), lambda parts: {"reconciler.yaml": "".join(parts)}),
    "documents": (10, resources, lambda document: {"a.yaml": dumped(document)}),
    "targets": (8, targets, lambda document: {"reconciler.yaml": dumped(document)}),
    "tables": (8, tables, lambda content: {"a.yaml": seeds("customers_from: c.csv"), "c.csv": content}),
    "lines": (7, lines, lambda content: {"a.yaml": seeds("customers_from: c.jsonl"), "c.jsonl": content}),
    "names": (5, harmful_text.filter(lambda name: name not in {".", ".."}), named),
}
FUZZERS: dict[str, tuple[int, Inputs, Callable[[Any], object]]] = {
    "configurations": (18, answers_to(about_configurations, "plan show apply"), running(CONFIGS)),
    "customers": (12, answers_to(about_customers, "plan apply"), running(SEEDS)),
    "contacts": (5, tables, check_contacts),
    "headers": (30, st.tuples(requests, st.lists(answer, min_size=1, max_size=4)), ask),
}


def fuzz(percent: int, inputs: Inputs, feed: Callable[[Any], object]) -> None:
    @share(percent)
    @given(inputs)
    def fed(value: Any) -> None:
        feed(value)

    fed()


@pytest.mark.parametrize("what", FILES)
def test_files_are_read_or_refused(what: str) -> None:
    percent, inputs, files = FILES[what]
    fuzz(percent, inputs, lambda content: read_or_refuse(files(content)))


@pytest.mark.parametrize("what", FUZZERS)
def test_an_answer_ends_in_a_sentence(what: str) -> None:
    fuzz(*FUZZERS[what])


# Journals and plan files: what was written, with something else at one to three places

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.0, -0.5, 1.5, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 253402300800.0, 1e12, 1e20),
    *("", "x", "0", "1", "apply", "sent", "in doubt", "applied", "deadbeef" * 4, "deadbeef" * 8, "\ud800"),
    *("é" * 300, "x" * 100_000, "2026-01-01T00:00:00+00:00", "import_configs.welcome", "9" * 5_000),
    *([], {}, [[]], {"": None}, [1, "a", None], {"Name": 5}, {"SurveySettings": {"InvitationTime": []}}),
    *({"ColumnMappings": [1, "x", {"SourceColumnNumber": "a"}]}, {"IsReusable": "yes", "ColumnMappings": {}}),
    *HARMFUL,
)


def alike(rng: Random, value: Any) -> Any:
    """Return another value of the same kind, which a check of types lets through."""
    match value:
        case bool():
            return not value
        case int() | float():
            return rng.choice([0, 1, value + 1, value - 86_400, -value, 2**63 - 1, 253_402_127_999, 1e-9])
        case str() if len(value) in (32, 64):
            return "".join(rng.choice("0123456789abcdef") for _ in value)
        case str():
            return rng.choice([value + rng.choice(HARMFUL), value[1:], value.upper(), "09:00", "sent"])
        case list():
            return rng.choice([[], value[::-1], value[:1], value * 3])
        case _:
            return deepcopy(rng.choice(ODD))


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: what holds it, and where there."""
    if not isinstance(value, dict | list):
        return []
    here = [*value] if isinstance(value, dict) else [*range(len(value))]
    return [(value, at) for at in here] + [place for at in here for place in places_in(value[at])]


def mutate(rng: Random, document: Any) -> None:
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if places := places_in(document):
            holder, at = rng.choice(places)
            other, there = rng.choice(places)
            choices = deepcopy([rng.choice(ODD), alike(rng, holder[at]), other[there]])
            if what := rng.randrange(4):
                holder[at] = choices[what - 1]
            else:
                del holder[at]


def altered(rng: Random, all_lines: list[Line]) -> list[Line]:
    """Return the lines of a journal with others among them, and some gone."""
    lines = [*all_lines]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at, again, n = (
            rng.randrange(len(lines)),
            rng.choice(all_lines),
            lines[-1].n + rng.choice([0, 1, 1, 7]),
        )
        match rng.randrange(10):
            case 0:
                del lines[at]
            case 1:
                lines.append(replace(again, n=n, text=again.text.replace(f'"n":{again.n}', f'"n":{n}', 1)))
            case 2:
                cut = rng.randrange(len(lines[at].text))
                lines[at] = replace(
                    lines[at], text=lines[at].text[:cut] + rng.choice(["", '"\\ud800"', "1e999"])
                )
            case 3 | 4 if lines[at].bodies:
                lines[at] = replace(lines[at], bodies=mutated(rng, lines[at].bodies))
            case _:
                lines[at] = replace(lines[at], text=mutated(rng, lines[at].text))
    return lines


def mutated(rng: Random, text: str | None) -> str:
    try:
        document = json.loads(text or "")
    except ValueError:  # it was cut before
        return text or ""
    mutate(rng, document)
    return json.dumps(document)


class Bench:
    """A workspace whose journal knows something of everything: each way in which writes and sendings end."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.world = world = SeedWorld(folder)
        self.renew()
        world.write("welcome.yaml", DECLARED)
        world.declare(JOHN, JANE)
        world.declare("smoke+doubt@example.com", key="doubt")
        world.declare("smoke+no@example.com", key="refused")
        planned(world)
        world.apply(f"{ADD}:1:before:drop", f"{ADD}:3:before:status=400", consent=RESETS)
        world.write("welcome.yaml", DECLARED.replace("in_days: 2", "in_days: 9"))
        world.apply("PUT *:1+:before:status=400", with_seeds=False, consent=RESETS)
        world.apply("PUT *:1+:before:drop", with_seeds=False, consent=RESETS)
        self.renew()
        self.console = Screen().console(world.clock)
        self.session = opened.enter_context(open_session(EVERYTHING, world.environment))
        self.tenant = opened.enter_context(expoints_session(self.session, self.console))

    def renew(self) -> None:
        """Let the tenant and the account be as before everything."""
        self.world.state = State(":memory:", {**STARTING_POINT, STORED: {1: stored_config(WELCOME)}})

    def lines(self) -> list[Line]:
        log = SqliteLog(self.world.journal)
        kept = log.read(0)
        texts = log.bodies([(line.run or 0, line.n) for line in kept])
        learned = {"what": "learned", "run": 1, "account": "sandbox:sandbox", "values": {"date_format": None}}
        pruned = {"what": "pruned", "runs": [99], "operations": 0, "last_run": 1, "last_operation": 1}
        more = [
            Line(n, None, json.dumps({"n": n, "at": 2e9, "fact": fact}))
            for n, fact in enumerate((learned, pruned), len(kept) + 1)
        ]
        return [*(replace(line, bodies=texts[line.n]) for line in kept), *more]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as opened:
        yield Bench(tmp_path_factory.mktemp("bench"), opened)


numbered = st.integers(0, 2**64).map(Random)


def test_a_journal_ends_in_a_sentence(bench: Bench) -> None:
    lines, clock = bench.lines(), bench.world.clock
    zone, kinds = ZoneInfo("Europe/Amsterdam"), {SECTION.kind.name: SECTION.kind}
    with ReadOnlyJournal(MemoryLog(lines), clock) as past:
        read_target(bench.session, memory_in(bench.session, past), RESETS, bench.console).plan()

    def look(rng: Random, lines: list[Line]) -> None:
        with ReadOnlyJournal(MemoryLog(lines), clock) as past:
            runs = past.runs()
            assert_harmless(history_text("sandbox", runs, zone, clock.now()))
            told: list[Any] = [history_document(runs)]
            for run in runs[:2]:
                record = replace(past.record(run), operations=past.operations(run.number))
                assert_harmless(run_text(record, kinds, zone, clock.now()))
                told.append(run_document(record, kinds))
            strict(json_text(told))
            if rng.random() < 0.3:
                made = read_target(
                    bench.session, memory_in(bench.session, past), RESETS, bench.console
                ).plan()
                seeds = bench.tenant.plan(past) if rng.random() < 0.2 else SeedsPlan()
                assert_harmless(plan_text(TargetReport(made, seeds)))

    fuzz(36, numbered, lambda rng: read(lambda: look(rng, altered(rng, lines))))


def test_a_plan_file_ends_in_a_sentence(bench: Bench) -> None:
    planned(bench.world)
    path = bench.world.folder / FILE
    document = json.loads(path.read_text("utf-8"))
    with read_journal(f"sqlite:{bench.world.journal}", Path(), bench.world.clock) as past:
        memory = replace(memory_in(bench.session, past), last_writes={})  # nothing is looked up later
        live = read_target(bench.session, memory, RESETS, bench.console)

    def look() -> None:
        options = ApplyOptions(plan_files=(FILE,))
        approval = read_approval(EVERYTHING, options, bench.world.environment)[0]
        approval.check_files(bench.session)
        shown = approve(approval, live, SeedsPlan())
        assert_harmless(plan_text(shown))
        assert_harmless(shown.gone)

    def feed(rng: Random) -> None:
        forged = deepcopy(document)
        mutate(rng, forged)
        write_sealed(path, forged)
        if rng.random() < 0.15:
            content = path.read_bytes()
            path.write_bytes(content[: rng.randrange(len(content))])
        read(look)

    fuzz(30, numbered, feed)
