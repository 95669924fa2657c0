"""Listing: every way in which a server may page, and no way to take half a list for a whole one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.checkmarket.client import ImportConfigs
from reconciler.commands.console import Console, Pool, each
from reconciler.engine.kind import Json, Mapper, map_serially
from reconciler.errors import ApiError, BadAnswer, Declined, Unreachable
from reconciler.sandbox.app import create_app
from reconciler.sandbox.seeding import SURVEYS
from reconciler.sandbox.state import Seed, State
from reconciler.sandbox.variants import Listing, Variants
from tests.checkmarket.test_client import account, opened

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LISTINGS: list[Listing] = ["paged", "unpaged", "clamped", "ignores-skip"]
SEVERAL = Pool(4, Console(stderr=io.StringIO()))
WAYS: list[Mapper] = [map_serially, SEVERAL]
ways = pytest.mark.parametrize("way", WAYS, ids=["one by one", "several at a time"])


@contextmanager
def served(*documents: Json) -> Iterator[ImportConfigs]:
    """Open an account whose server answers with these documents, one a request."""
    with account(*((200, document) for document in documents)) as (configs, _):
        yield configs


@dataclass
class Collection:
    """A server with `count` rows that pages in its own manner, and the pages that it was asked for.

    `most` is its largest page; `obeys` are the options that it knows; `total` says what it counts; one that
    `moves` has another order for every page that is not ordered by the id.
    """

    count: int
    most: int = 1000
    obeys: frozenset[str] = frozenset({"top", "skip"})
    total: Callable[[int], int | None] = lambda count: count
    moves: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = parse_qs(environ["QUERY_STRING"])
        options = {name: int(asked[name][0]) for name in ("top", "skip")}
        self.asked.append((options["top"], options["skip"]))
        start_response("200 OK", [("Content-Type", "application/json")])
        is_ordered = "orderby" in self.obeys and asked.get("orderby") == ["ImportConfigId"]
        return [json.dumps(self.answer(options, is_ordered=is_ordered)).encode()]

    def answer(self, options: Mapping[str, int], *, is_ordered: bool) -> Json:
        top = options["top"] if "top" in self.obeys else self.count
        skip = options["skip"] if "skip" in self.obeys else 0
        ids = [*range(1, self.count + 1)]
        if self.moves and not is_ordered:
            Random(len(self.asked)).shuffle(ids)
        ids = ids[skip : skip + min(top, self.most)]
        total = self.total(self.count)
        meta: Json = {"Status": 200} if total is None else {"Status": 200, "TotalRowCount": total}
        return {"Meta": meta, "Data": [{"ImportConfigId": id} for id in ids]}


def no_count(_: int) -> None:
    return None


def ids(configs: ImportConfigs, way: Mapper = map_serially) -> list[Json]:
    return [row["ImportConfigId"] for row in configs.list(way)]


BOTH, COUNTS = frozenset({"top", "skip"}), [0, 1, 2, 99, 100, 101, 200, 250, 300, 640]


@pytest.mark.parametrize(
    ("most", "obeys", "counted"),
    [
        (1000, BOTH, True),
        (1000, BOTH, False),
        (25, BOTH, True),
        (25, BOTH, False),
        # It sends everything at once, or ignores `skip` and counts as many as it sends.
        (1000, frozenset(), True),
        (1000, frozenset(), False),
        (1000, frozenset({"top"}), True),
    ],
)
@pytest.mark.parametrize("count", COUNTS)
def test_a_list_that_proves_to_be_whole_is_read_whole_by_the_same_pages_in_both_ways(
    count: int, most: int, obeys: frozenset[str], counted: bool
) -> None:
    asked = []
    for way in WAYS:
        server = Collection(count, most, obeys, (lambda n: n) if counted else no_count)
        with opened(server) as configs:
            assert ids(configs, way) == list(range(1, count + 1))
        asked.append(sorted(server.asked))
    assert asked[0] == asked[1]
    if (most, obeys, counted) == (1000, BOTH, True):
        assert asked[0] == [(100, skip) for skip in range(0, max(1, count), 100)]  # no last one for nothing


@pytest.mark.parametrize(
    "server",
    [
        Collection(60, most=25, obeys=frozenset({"top"})),
        Collection(250, obeys=frozenset({"top"}), total=no_count),
        Collection(3, total=lambda _: 4),
        Collection(0, total=lambda _: 7),
        Collection(30, most=25, total=lambda _: 1),
        Collection(30, obeys=frozenset(), total=lambda _: 31),
        Collection(160, obeys=frozenset({"top"}), total=lambda _: 80),
        Collection(550, total=lambda _: 549),
        Collection(550, most=25, total=lambda _: 1_000_000),
    ],
)
def test_a_list_that_is_not_proven_to_be_whole_is_an_error(server: Collection) -> None:
    for way in WAYS:
        with opened(server) as configs, pytest.raises(BadAnswer, match="do not prove that these are all"):
            configs.list(way)


class Placed:
    """Answers with the document for the rows to be skipped, the first time with the one of `moved`."""

    def __init__(self, pages: Mapping[int, Json], moved: Mapping[int, Json] | None = None) -> None:
        self._pages = pages
        self._moved = dict(moved or {})
        self.asked: list[int] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        skip = int(parse_qs(environ["QUERY_STRING"])["skip"][0])
        self.asked.append(skip)
        start_response("200 OK", [])
        empty: Json = {"Meta": {"Status": 200}, "Data": []}
        return [json.dumps(self._moved.pop(skip, None) or self._pages.get(skip, empty)).encode()]


def page(*ids: int, total: int) -> Json:
    return {"Meta": {"Status": 200, "TotalRowCount": total}, "Data": [{"ImportConfigId": id} for id in ids]}


STILL = {skip: page(skip + 1, skip + 2, total=10) for skip in range(0, 10, 2)}


@pytest.mark.parametrize(
    ("pages", "moved", "reads"),
    [
        (STILL, {6: page(7, 8, total=11)}, 2),  # one was made meanwhile
        (STILL, {6: page(7, 8, total=9)}, 2),  # one was deleted meanwhile
        (STILL, {4: page(4, 5, total=10)}, 2),  # one went in front: 6 was never seen
        (STILL, {8: page(9, total=10)}, 2),  # the last one went, and the count is late
        (STILL, {6: page(total=10)}, 2),
        # Behind a page that is shorter the next one begins where it ended.
        ({**STILL, 4: page(5, total=10), 5: page(6, 7, total=10), 7: page(8, 9, 10, total=10)}, {}, 1),
        # A row that comes twice counts where it came first.
        ({**STILL, 6: page(6, 7, total=10), 8: page(8, 9, 10, total=10)}, {}, 1),
    ],
)
@ways
def test_a_list_is_read_once_more_only_where_it_moved(
    pages: Mapping[int, Json], moved: Mapping[int, Json], reads: int, way: Mapper
) -> None:
    server = Placed(pages, moved)
    with opened(server) as configs:
        assert ids(configs, way) == list(range(1, 11))
    assert server.asked.count(0) == reads


@ways
def test_a_page_that_fails_among_several_fails_the_list(way: Mapper) -> None:
    with opened(Placed({**STILL, 6: FAILED})) as configs, pytest.raises(Unreachable):
        configs.list(way)


START = {skip: page(skip + 1, skip + 2, total=1000) for skip in (0, 2)}
FAILED: Json = {"Meta": {"Status": 503}, "Data": "Later"}
OFTEN = range(4, 1000, 2)


@pytest.mark.parametrize(
    ("pages", "error", "reads"),
    [
        (dict.fromkeys(OFTEN, FAILED), Unreachable, 1),
        (dict.fromkeys(OFTEN, START[2]), BadAnswer, 2),  # the same page again and again
        ({4: page(5, 6, total=1000)}, BadAnswer, 2),  # a count that is far too high
    ],
)
def test_behind_the_end_of_a_list_no_further_pages_are_asked_for(
    pages: Mapping[int, Json], error: type[ApiError], reads: int
) -> None:
    server = Placed({**pages, **START})
    with opened(server) as configs, pytest.raises(error):
        configs.list(SEVERAL)
    # Two or three pages, those that were under way, and one more that is empty or everything.
    assert len(server.asked) <= reads * (3 + SEVERAL.workers + 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"Meta": {"Status": 200}},
        {"Meta": {"Status": 200, "TotalRowCount": 0}},
        {"Meta": {"Status": 200}, "Data": None},
        {"Meta": {"Status": 200}, "Data": []},
        {"Data": []},
    ],
)
def test_an_empty_account_is_empty_in_every_form(answer: Json) -> None:
    with served(answer, answer) as configs:
        assert configs.list() == ()


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        {"Data": None},
        {"Meta": {}},
        {"Meta": {"Status": 302}},
        {"Meta": {"Status": 200, "TotalRowCount": 3}},
        {"Meta": {"Status": 200, "StopRec": 3}},
        {"Meta": {"Status": 200}, "Data": {}},
        {"Meta": {"Status": 200}, "Data": {"Items": []}},
        {"Meta": {"Status": 200}, "Data": 0},
        {"Meta": {"Status": 200}, "Data": [1]},
        {"Meta": {"Status": 200}, "Data": [None]},
        {"Meta": {"Status": 200}, "Data": [{"Name": "x"}]},
        {"Meta": {"Status": 200}, "Data": [{"ImportConfigId": "7"}]},
        {"Meta": {"Status": 200}, "Data": [{"ImportConfigId": True}]},
    ],
)
def test_anything_else_is_a_bad_answer_and_no_empty_list(answer: Json) -> None:
    with served(answer) as configs, pytest.raises(BadAnswer):
        configs.list()


@pytest.mark.parametrize("data", [False, {"Succeeded": False, "FailureMessage": "Not now"}])
def test_a_refused_list_is_a_refusal(data: Json) -> None:
    with served({"Meta": {"Status": 200}, "Data": data}) as configs, pytest.raises(Declined):
        configs.list()


@settings(deadline=None)
@given(
    way=st.sampled_from(WAYS),
    count=st.integers(0, 460),
    most=st.integers(1, 300),
    obeys=st.sets(st.sampled_from(["top", "skip", "orderby"])),
    total=st.sampled_from([lambda n: n, no_count, lambda n: n + 1]),
    moves=st.booleans(),
)
def test_whatever_the_server_does_a_list_is_whole_or_an_error(
    way: Mapper, count: int, most: int, obeys: set[str], total: Callable[[int], int | None], moves: bool
) -> None:
    # Nobody can see through a server that obeys nothing and serves a part as if it were all.
    page = most if obeys & BOTH else count
    with opened(Collection(count, page, frozenset(obeys), total, moves)) as configs:
        try:
            found = ids(configs, way)
        except BadAnswer:
            return
    assert sorted(map(str, found)) == sorted(map(str, range(1, count + 1)))


def sandbox(variants: Variants, surveys: int) -> WSGIApplication:
    seed: Seed = {SURVEYS: {id: {"Title": f"Survey {id % 90}"} for id in range(1, surveys + 1)}}
    return create_app(State(seed=seed), variants)


class TestSurveys:
    @pytest.mark.parametrize("member", ["Id", "SurveyId"])
    @pytest.mark.parametrize("listing", LISTINGS)
    def test_all_with_exactly_that_title_are_found(self, listing: Listing, member: str) -> None:
        variants = Variants(listing=listing, survey_id_member=member)  # type: ignore[arg-type]
        with opened(sandbox(variants, surveys=200)) as configs:
            assert configs.find("survey", "Survey 7") == [7, 97, 187]
            assert configs.find("survey", "survey 7") == []
            assert configs.find("survey", "Survey") == []

    def test_they_are_listed_once_for_all_lookups_and_again_only_after_a_failure(self) -> None:
        rows: Json = [{"Id": 1}, {"Id": 2, "Title": "x"}, {"Id": 3, "Title": "y"}]
        found: Json = {"Meta": {"Status": 200, "TotalRowCount": 3}, "Data": rows}
        with account((200, FAILED), (200, found)) as (configs, server):
            with pytest.raises(Unreachable):
                configs.find("survey", "x")
            assert each(lambda title: configs.find("survey", title), "xyxy", workers=4) == [[2], [3]] * 2
        assert [path for _, path, _ in server.seen].count("/3/surveys?top=100&skip=0") == 2
