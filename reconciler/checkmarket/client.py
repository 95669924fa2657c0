"""The envelope around every answer of the CheckMarket API: `{"Meta": …, "Data": …, "Links": …}`.

Its parts are documented (page `PUT-3-contacts-import-configs-importConfigId`). Members that hold nothing are
left out of it (page `GET-3-ContactFolders`), so a missing `Data` may be an empty one. How errors look in it
is known from a public client only, and whether `false` is left out like an empty member is unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from itertools import islice
from typing import NoReturn

from msgspec import Struct

from reconciler.access import Access
from reconciler.clock import Clock, Pace
from reconciler.engine.kind import Body, Json, Mapper, map_serially
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NoAnswer, NotFound, Unauthorised
from reconciler.http import (
    CHECKMARKET_HOSTS,
    USUAL_BOUNDS,
    Answer,
    Api,
    Attempt,
    Bounds,
    Dialect,
    MemoryBudget,
    Secret,
    Transport,
)

Object = dict[str, Json]


class Envelope(Struct, frozen=True):
    """An answer, opened. `data` is None where `Data` is missing or null."""

    meta: Mapping[str, Json]
    data: Json

    def count(self, name: str) -> int | None:
        """Return a number of `Meta`, from 0 upwards; None where the server says none."""
        value = self.meta.get(name)
        return value if type(value) is int and value >= 0 else None

    def refusal(self) -> str | None:
        """Return the API's words where `Data` says that it refused, None where it does not.

        DOC: `{Succeeded: false, FailureMessage}` in an HTTP 200. INF: or only the message.
        """
        if self.data is False:
            return "the API answered `false`"
        if not isinstance(self.data, dict) or self.data.get("Succeeded") is True:
            return None
        message = self.data.get("FailureMessage")
        if self.data.get("Succeeded") is False or message:
            return str(message or "it gave no reason")
        return None


def opened(answer: Answer) -> Envelope:
    """Return the envelope of an answer; raises `BadAnswer` where there is none."""
    document = answer.json()
    if not isinstance(document, dict) or not ("Meta" in document or "Data" in document):
        raise BadAnswer(
            f"{answer.method} {answer.path}: {answer.status}, but without the envelope of the API"
        )
    meta = document.get("Meta")
    return Envelope(meta if isinstance(meta, dict) else {}, document.get("Data"))


def confirmed(answer: Answer) -> Object:
    """Return `Data` of a write that the API says it carried out; `{}` for a bare `Data: true`.

    Raises `Declined` where it says that it did not, and `NoAnswer` where it says neither: a success without
    an envelope, or an envelope without `Succeeded`.
    """
    where = f"{answer.method} {answer.path}"
    try:
        envelope = opened(answer)
    except BadAnswer as error:
        raise NoAnswer(f"{where}: {answer.status}, but not in the API's form. {_IN_DOUBT}") from error
    refusal = envelope.refusal()
    if refusal is not None:
        raise Declined(
            f"{where}: refused: {answer.quoted(refusal)}. Nothing was changed; correct what the API names."
        )
    if envelope.data is True:
        return {}
    if isinstance(envelope.data, dict) and envelope.data.get("Succeeded") is True:
        return envelope.data
    raise NoAnswer(f"{where}: {answer.status}, but it does not say whether it succeeded. {_IN_DOUBT}")


_IN_DOUBT = "It may have been carried out or not; look at what is live before sending it again."


def dialect(credentials: str) -> Dialect:
    """Return how the answers of this API are read; `credentials` says where the keys are set."""
    return Dialect(
        status=_status,
        complaint=_complaint,
        hints={
            Unauthorised: f"Check {credentials}: a key that is inactive or was regenerated is refused.",
            Forbidden: f"Check {credentials}: the key needs the roles Contacts (read) and Contacts (write).",
        },
    )


def _status(answer: Answer) -> int:
    """Return the HTTP status, or that of `Meta` where an HTTP 200 carries an error.

    CLIENT: a public client goes by `Meta.Status`. Only 4xx and 5xx count: the vendor's samples show a 1.
    """
    try:
        status = opened(answer).count("Status") if answer.status == 200 else None
    except BadAnswer:
        return answer.status
    return status if status is not None and 400 <= status < 600 else answer.status


def _complaint(answer: Answer) -> str:
    """Return the message of an error. CLIENT: `Data` is a text or `{ErrorCode, ErrorMessage, ErrorType}`."""
    try:
        data = opened(answer).data
    except BadAnswer:
        return Dialect().complaint(answer)
    if isinstance(data, dict):
        data = data.get("ErrorMessage") or data.get("FailureMessage")
    return data if isinstance(data, str) else ""


TOP = 100
"""How many rows are asked for at once."""

_MOST_PAGES = 1000


class _Page(Struct, frozen=True):
    """One page: its rows by id, how many it held, and the number of all rows, if it says one."""

    rows: Mapping[int, Body]
    length: int
    totals: frozenset[int]

    def is_like(self, other: _Page) -> bool:
        """Tell whether it is as long as another one, counts as many rows in all, and holds others of them."""
        counts = self.totals == other.totals and len(self.totals) == 1
        return counts and self.length == other.length and self.rows.keys().isdisjoint(other.rows)


class _Reading(Struct, frozen=True):
    """What one way through the pages found, and whether it is proven to be everything."""

    rows: Mapping[int, Body]
    whole: bool


def read_list(
    api: Api, path: str, id_members: Sequence[str], mapper: Mapper = map_serially
) -> Sequence[Body]:
    """Return every row of a collection once, in the server's order.

    A row's id is the first integer among its `id_members`; `mapper` reads several pages at a time. Raises
    `BadAnswer` where the answers do not prove that the list is whole or are not the API's form, and the rest
    of the `ApiError` tree.
    """
    listing = _Listing(api, path, id_members, mapper)
    reading = listing.read()
    if not reading.whole:
        reading = listing.read()
    if not reading.whole:
        raise BadAnswer(
            f"GET {path}: {len(reading.rows)} row(s) came, but the answers do not prove that these are all. "
            "Run again if somebody is changing them right now; if not, `--only` with keys that have an `id` "
            "needs no list."
        )
    return tuple(reading.rows.values())


def row_id(row: Mapping[str, Json], id_members: Iterable[str]) -> int | None:
    """Return the id of a row, None where it has no integer one."""
    ids = (row.get(member) for member in id_members)
    return next((id for id in ids if type(id) is int), None)


class _Listing:
    """One collection of the API."""

    def __init__(self, api: Api, path: str, id_members: Sequence[str], mapper: Mapper) -> None:
        self._api = api
        self._path = path
        self._id_members = id_members
        self._mapper = mapper

    def read(self) -> _Reading:
        """Go through the pages once; a row that comes twice counts where it came first."""
        rows: dict[int, Body] = {}
        totals: set[int] = set()
        for page in islice(self._pages(), _MOST_PAGES):
            totals |= page.totals
            if not page.rows:
                return _Reading(rows, whole=totals <= {len(rows)})
            if page.rows.keys() <= rows.keys():
                return self._read_at_once(rows, totals)
            rows |= {id: row for id, row in page.rows.items() if id not in rows}
            if totals == {len(rows)}:
                return _Reading(rows, whole=True)
        raise BadAnswer(f"GET {self._path}: no end after {_MOST_PAGES} pages. The list cannot be trusted.")

    def _pages(self) -> Iterator[_Page]:
        """Yield the pages in their order, for as long as somebody asks for one more."""
        room = MemoryBudget()
        first = self._page(TOP, 0, room)
        yield first
        second = self._page(TOP, first.length, room)
        yield second
        skip = first.length + second.length
        if second.is_like(first):
            for page in self._ahead(first, second, room):
                yield page
                skip += page.length
        while True:
            page = self._page(TOP, skip, room)
            yield page
            skip += page.length

    def _ahead(self, first: _Page, second: _Page, room: MemoryBudget) -> Sequence[_Page]:
        """Return the pages behind the second up to the first one that is no further one, and that one.

        A further one is like the first, and brings rows that no other page brought so far.
        """
        ends: list[int] = []
        seen = {*first.rows, *second.rows}

        def read(start: int) -> _Page | None:
            if any(end < start for end in ends):
                return None
            try:
                page = self._page(TOP, start, room)
            except ApiError:
                ends.append(start)
                raise
            if not page.is_like(first) or page.rows.keys() <= seen:
                ends.append(start)
            seen.update(page.rows)
            return page

        starts = range(2 * first.length, min(first.totals), first.length)[: _MOST_PAGES - 2]
        pages = dict(zip(starts, self._mapper(read, starts, "Reading pages of the list"), strict=True))
        end = min(ends, default=starts.stop)
        return [page for start, page in pages.items() if page and start <= end]

    def _read_at_once(self, seen: Mapping[int, Body], totals: AbstractSet[int]) -> _Reading:
        """Read a list whose pages are all the same, which is so where `skip` is ignored.

        Asks for all rows where their number is known, else for one less than came: more than that is all.
        """
        top = max(totals, default=len(seen) - 1)
        page = self._page(top, 0, MemoryBudget())
        proven = page.totals == {len(page.rows)} if page.totals else len(page.rows) > top
        whole = proven and seen.keys() <= page.rows.keys()
        return _Reading(page.rows if whole else seen, whole)

    def _page(self, top: int, skip: int, room: MemoryBudget) -> _Page:
        answer = self._api.request("GET", self._path, params={"top": top, "skip": skip})
        room.take(answer)
        envelope = opened(answer)
        refusal = envelope.refusal()
        if refusal is not None:
            raise Declined(f"GET {self._path}: refused: {answer.quoted(refusal)}. Nothing was changed.")
        rows = self._rows(envelope, is_first=skip == 0)
        total = envelope.count("TotalRowCount")
        return _Page(
            rows={self._id(row): row for row in rows},
            length=len(rows),
            totals=frozenset() if total is None else frozenset({total}),
        )

    def _rows(self, envelope: Envelope, *, is_first: bool) -> Sequence[Body]:
        """Return the rows of a page. Without `Data` it is empty, if nothing in `Meta` speaks against that."""
        data = envelope.data
        if data is None and _may_be_empty(envelope, is_first=is_first):
            return ()
        if not isinstance(data, list):
            raise BadAnswer(f"GET {self._path}: `Data` is no list. Check that the address is the API's.")
        return [row if isinstance(row, dict) else self._no_row() for row in data]

    def _id(self, row: Body) -> int:
        id = row_id(row, self._id_members)
        return self._no_row() if id is None else id

    def _no_row(self) -> NoReturn:
        members = " or ".join(self._id_members)
        raise BadAnswer(f"GET {self._path}: a row without an integer {members}. The list cannot be trusted.")


def _may_be_empty(envelope: Envelope, *, is_first: bool) -> bool:
    """Say whether an answer without `Data` can be a page without rows: empty members are left out (DOC)."""
    if not envelope.meta or envelope.count("Status") not in (None, 200):
        return False
    return not (is_first and (envelope.count("TotalRowCount") or envelope.count("StopRec")))


_CONFIGS = "/3/contacts/import/configs"
_CONFIG_ID = "ImportConfigId"
_SURVEYS = "/3/surveys"
_SURVEY_IDS = ("Id", "SurveyId")


class ImportConfigs:
    """The import configurations of one account, as `engine.kind.Writer` asks for them.

    Safe for use by many threads at once. Nothing is remembered but the list of surveys, which is read once.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._surveys = _Surveys(api)

    def server_time(self) -> float | None:
        """Ask for one row of the list, which proves that the keys may read; return the time of the server.

        In seconds since 1970 UTC, None where it does not say. The API has no call for the keys themselves.
        """
        answer = self._api.request("GET", _CONFIGS, params={"top": 1, "skip": 0})
        refusal = opened(answer).refusal()
        if refusal is not None:
            raise Declined(f"GET {_CONFIGS}: refused: {answer.quoted(refusal)}. Nothing was changed.")
        return answer.sent_at

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every configuration that the API lists, in its order; a row may hold less than `read` tells.

        `mapper` reads pages of it. Raises `BadAnswer` where the list is not proven to be whole.
        """
        return read_list(self._api, _CONFIGS, [_CONFIG_ID], mapper)

    def read(self, id: int) -> Body | None:
        """Return one configuration with all its members, None where the API knows no such id.

        UNK: an unknown id may be a 404 or a 200 with `Succeeded: false`; both are None.
        """
        try:
            envelope = opened(self._api.request("GET", _path(id)))
        except NotFound:
            return None
        if envelope.refusal() is not None:
            return None
        if isinstance(envelope.data, dict) and row_id(envelope.data, [_CONFIG_ID]) == id:
            return envelope.data
        raise BadAnswer(f"GET {_path(id)}: the answer is not about {_CONFIG_ID} {id}. It cannot be trusted.")

    def create(self, body: Body) -> int | None:
        """Create a configuration; return its id, None where the answer names none. Not idempotent."""
        return row_id(confirmed(self._api.request("POST", _CONFIGS, json=dict(body))), [_CONFIG_ID])

    def replace(self, id: int, body: Body) -> None:
        """Replace a configuration: what `body` leaves out goes back to the server's default (DOC).

        The name is in the body only. As a query parameter it would turn the call into a rename (DOC, page
        `PUT-3-contacts-import-configs-ImportConfigId_Name`).
        """
        confirmed(self._api.request("PUT", _path(id), json=dict(body)))

    def delete(self, id: int) -> None:
        """Delete a configuration; one that is already gone counts as deleted.

        UNK: success may be `Data: true` or `{Succeeded: true}`. A refusal is believed to mean "gone" only if
        a read knows the id no more: the path is inferred, so a 404 may just say that there is no such call.
        """
        try:
            confirmed(self._api.request("DELETE", _path(id)))
        except (NotFound, Declined) as refusal:
            if self.read(id) is not None:
                raise Declined(f"{refusal} (It is still there.)") from refusal

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of all surveys whose title is exactly `name`; `ValueError` for another `what`.

        Titles are nowhere said to be unique. The surveys are listed once for all calls.
        """
        if what != "survey":
            raise ValueError(f"the API finds surveys by name, not {what}")
        return self._surveys.titled(name)

    def name(self, what: str, id: int) -> str | None:
        """Return the title of a survey, None where there is none; `ValueError` for another `what`."""
        if what != "survey":
            raise ValueError(f"the API names surveys, not {what}")
        return self._surveys.title(id)


class _Surveys:
    """The surveys of the account, listed when the first one is looked for.

    CLIENT: the path, its options and the members `Id` (`SurveyId` in some answers) and `Title`.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._ids: Mapping[str, Sequence[int]] | None = None

    def titled(self, title: str) -> Sequence[int]:
        """Return the ids of the surveys with exactly this title, in the order of the list."""
        return self._listed.get(title, ())

    def title(self, id: int) -> str | None:
        """Return the title of the survey with this id, None where there is none."""
        return next((title for title, ids in self._listed.items() if id in ids), None)

    @property
    def _listed(self) -> Mapping[str, Sequence[int]]:
        with self._lock:
            if self._ids is None:
                self._ids = _by_title(read_list(self._api, _SURVEYS, _SURVEY_IDS))
            return self._ids


def _by_title(rows: Sequence[Mapping[str, Json]]) -> Mapping[str, Sequence[int]]:
    titles: dict[str, list[int]] = {}
    for row in rows:
        title, id = row.get("Title"), row_id(row, _SURVEY_IDS)
        if isinstance(title, str) and id is not None:
            titles.setdefault(title, []).append(id)
    return titles


def _path(id: int) -> str:
    return f"{_CONFIGS}/{id}"


@contextmanager
def open_checkmarket(
    url: str,
    master_key: Secret,
    key: Secret,
    *,
    credentials: str = "`master_key` and `key` of the target",
    bounds: Bounds = USUAL_BOUNDS,
    clock: Clock | None = None,
    transport: Transport | None = None,
    access: Access | None = None,
    on_request: Callable[[Attempt], None] = lambda _: None,
    before_request: Callable[[], None] = lambda: None,
    new_id: Callable[[], str] = lambda: "",
    pace: Pace | None = None,
) -> Iterator[ImportConfigs]:
    """Open an account; its connections are closed at the end of the `with`.

    `credentials` says in messages where the two keys are set, such as the names of the environment variables.
    Both go out as headers with every request (DOC, example 1). The rest is as for `Api`.
    """
    with Api(
        url,
        headers={"X-Master-Key": master_key, "X-Key": key},
        bounds=bounds,
        dialect=dialect(credentials),
        clock=clock,
        transport=transport,
        hosts=CHECKMARKET_HOSTS,
        access=access,
        on_request=on_request,
        before_request=before_request,
        new_id=new_id,
        pace=pace,
    ) as api:
        yield ImportConfigs(api)
