"""Import configurations over the CheckMarket API, version 3: read and written, and surveys found.

Documented are create and full update (pages `POST-3-contacts-import-configs` and
`PUT-3-contacts-import-configs-importConfigId`). List, read and delete are documented too (example 18), but
not how: the paths follow from the documented ones (INF), and every plausible answer is accepted (UNK).

Around every answer is an envelope, `{"Meta": …, "Data": …, "Links": …}` (DOC, the page of the PUT). Members
that hold nothing are left out of it (page `GET-3-ContactFolders`), so a missing `Data` may be an empty one.
How errors look in it is known from a public client only, and whether `false` is left out like an empty member
is unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.config.names import instead
from reconciler.engine.kind import Body, Json, Mapper, map_serially
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NoAnswer, NotFound, Unauthorised
from reconciler.http.api import CHECKMARKET_HOSTS, Api, Connection
from reconciler.http.messages import HEAVIEST, Answer, Budget, QueryValue, Secret, moment, plain_complaint

TOP = 100  # how many rows are asked for at once

_MOST_PAGES = 1000
_CONFIGS = "/3/contacts/import/configs"
_CONFIG_ID = "ImportConfigId"
_SURVEYS = "/3/surveys"
_SURVEY_IDS = ("Id", "SurveyId")
# CLIENT: constants of a public client.
_SURVEY_STATUSES = dict(enumerate(("in development", "live", "paused", "closed", "archived", "launched"), 1))
_UNTRUSTED = "The list cannot be trusted."
_IN_DOUBT = "It may have been carried out or not; look at what is live before sending it again."


class Envelope(Struct, frozen=True):
    """An answer, opened. `data` is None where `Data` is missing or null."""

    data: Json
    counts: Mapping[str, int]  # the numbers of `Meta` from 0 upwards
    has_meta: bool
    refusal: str | None  # the API's words where `Data` says that it refused


def opened(answer: Answer) -> Envelope:
    """Return the envelope of an answer; raises `BadAnswer` where there is none.

    A refusal is `{Succeeded: false, FailureMessage}` in an HTTP 200 (DOC), or only the message (INF).
    """
    document = answer.document
    if not isinstance(document, dict) or not ("Meta" in document or "Data" in document):
        raise BadAnswer(
            f"{answer.method} {answer.path}: {answer.status}, but without the envelope of the API"
        )
    meta, data, refusal = document.get("Meta"), document.get("Data"), None
    meta = meta if isinstance(meta, dict) else {}
    if data is False:
        refusal = "the API answered `false`"
    elif isinstance(data, dict) and data.get("Succeeded") is not True:
        message = data.get("FailureMessage")
        if data.get("Succeeded") is False or message:
            refusal = str(message or "it gave no reason")
    counts = {name: value for name, value in meta.items() if type(value) is int and value >= 0}
    return Envelope(data, counts, bool(meta), refusal)


def answered(answer: Answer) -> Envelope:
    """Return the envelope of the answer to a read; raises `Declined` where it is a refusal."""
    envelope = opened(answer)
    if envelope.refusal is not None:
        raise Declined(f"{answer.method} {answer.path}: refused: {answer.quoted(envelope.refusal)}")
    return envelope


def confirmed(answer: Answer) -> Mapping[str, Json]:
    """Return `Data` of a write that the API says it carried out; `{}` for a bare `Data: true`.

    Raises `Declined` where it says that it did not, and `NoAnswer` where it says neither.
    """
    where = f"{answer.method} {answer.path}"
    try:
        envelope = opened(answer)
    except BadAnswer as error:
        raise NoAnswer(f"{where}: {answer.status}, but not in the API's form", _IN_DOUBT) from error
    if envelope.refusal is not None:
        why = answer.quoted(envelope.refusal)
        raise Declined(f"{where}: {why}", "Correct what the API names.")
    if envelope.data is True:
        return {}
    if isinstance(envelope.data, dict) and envelope.data.get("Succeeded") is True:
        return envelope.data
    raise NoAnswer(f"{where}: {answer.status}, but it does not say whether it succeeded", _IN_DOUBT)


def _status(answer: Answer) -> int:
    """Return the HTTP status, or that of `Meta` where an HTTP 200 carries an error.

    CLIENT: a public client goes by `Meta.Status`. Only 4xx and 5xx count: the vendor's samples show a 1.
    """
    try:
        status = opened(answer).counts.get("Status") if answer.status == 200 else None
    except BadAnswer:
        return answer.status
    return status if status is not None and 400 <= status < 600 else answer.status


def _complaint(answer: Answer) -> str:
    """Return the message of an error. CLIENT: `Data` is a text or `{ErrorCode, ErrorMessage, ErrorType}`."""
    try:
        data = opened(answer).data
    except BadAnswer:
        return plain_complaint(answer)
    if isinstance(data, dict):
        data = data.get("ErrorMessage") or data.get("FailureMessage")
    return data if isinstance(data, str) else ""


def row_id(row: Mapping[str, Json], id_members: Iterable[str]) -> int | None:
    """Return the id of a row, None where it has no integer one."""
    ids = (row.get(member) for member in id_members)
    return next((id for id in ids if type(id) is int), None)


class _Page(Struct, frozen=True):
    """One page: its rows by id, how many it held, and the number of all rows, if it gives one."""

    rows: Mapping[int, Body]
    length: int
    totals: frozenset[int]

    def is_like(self, other: _Page) -> bool:
        """Tell whether it is as long as another one, counts as many rows in all, and holds others of them."""
        counts = self.totals == other.totals and len(self.totals) == 1
        return counts and self.length == other.length and self.rows.keys().isdisjoint(other.rows)


class _Listing(Struct, frozen=True):
    """A whole list, read page by page, by what comes back.

    Collections take `top` (25 rows by default) and `skip`, without a `$` (DOC, pages `GET-3-ContactFolders`
    and `GET-3-ContactGroups`). Whether the list of import configurations pages like them is unknown: the
    server may send everything at once, fewer rows than asked, the same page again and again, or no counts. A
    list counts as whole only where the answers prove it:

    * as many rows came as every `TotalRowCount` says;
    * or there are no counts, a page came back empty, and no row came twice: the order did not move;
    * or there are no counts, every page is the same, and it holds more rows than `top` asks for: neither
      option is obeyed, so the page is everything.

    A list that is not proven to be whole is asked for once more by `orderby`, another option of the sibling
    collections (DOC, the same pages), and without it where the server refuses that: without an order it may
    answer in another one each time.

    Two pages are read one after the other. Where they are alike, which shows that `skip` is obeyed, the rest
    are read several at a time, to the same proofs.
    """

    api: Api
    path: str
    id_members: Sequence[str]  # a row's id is the first integer among these, and lists are ordered by one
    mapper: Mapper = map_serially  # reads several pages at a time
    order: str = ""  # the member to order by, if any

    def rows(self) -> Sequence[Body]:
        """Return every row once, in the server's order; one that comes twice counts where it came first.

        A list that is not proven to be whole, perhaps because it changed while it was read, is read once
        more. Then it is a `BadAnswer`, never a short list; so are answers that are not in the API's form.
        """
        rows, whole = self.once()
        if not whole:
            try:
                rows, whole = replace(self, order=self.id_members[0]).once()
            except Declined:
                rows, whole = self.once()
        if whole:
            return tuple(rows.values())
        raise BadAnswer(
            f"GET {self.path}: {len(rows)} row(s) came, but the answers do not prove that these are all",
            f"{_UNTRUSTED} Run again if they are being changed right now; if not, `--only` with keys that "
            "have an `id` needs no list.",
        )

    def once(self) -> tuple[Mapping[int, Body], bool]:
        """Return the rows of one pass, and whether they are proven to be all."""
        rows: Mapping[int, Body] = {}
        totals, came = set[int](), 0
        for page in islice(self._pages(), _MOST_PAGES):
            totals |= page.totals
            if not page.rows:
                return rows, totals == {len(rows)} if totals else came == len(rows)
            if page.rows.keys() <= rows.keys():
                return self._read_at_once(rows, totals, page)
            # A row that comes twice counts where it came first.
            rows, came = {**rows, **page.rows, **rows}, came + page.length
            if totals == {len(rows)}:
                return rows, True
        raise BadAnswer(f"GET {self.path}: no end after {_MOST_PAGES} pages", _UNTRUSTED)

    def _pages(self) -> Iterator[_Page]:
        """Yield the pages in their order, for as long as one more is asked for."""
        memory = Budget(HEAVIEST)
        first = self._page(TOP, 0, memory)
        yield first
        second = self._page(TOP, first.length, memory)
        yield second
        skip = first.length + second.length
        if second.is_like(first):
            for page in self._ahead(first, second, memory):
                yield page
                skip += page.length
        while True:
            page = self._page(TOP, skip, memory)
            yield page
            skip += page.length

    def _ahead(self, first: _Page, second: _Page, memory: Budget) -> Sequence[_Page]:
        """Return the pages behind the second, to the first one that is unlike it or brings nothing new.

        Behind such a one, or one that fails, no further page is asked for.
        """
        ends: list[int] = []
        seen = {*first.rows, *second.rows}

        def read(start: int) -> _Page | None:
            if any(end < start for end in ends):
                return None
            try:
                page = self._page(TOP, start, memory)
            except ApiError:
                ends.append(start)
                raise
            if not page.is_like(first) or page.rows.keys() <= seen:
                ends.append(start)
            seen.update(page.rows)
            return page

        starts = range(2 * first.length, min(first.totals), first.length)[: _MOST_PAGES - 2]
        pages = dict(zip(starts, self.mapper(read, starts, "Reading pages of the list"), strict=True))
        end = min(ends, default=starts.stop)
        return [page for start, page in pages.items() if page and start <= end]

    def _read_at_once(
        self, seen: Mapping[int, Body], totals: AbstractSet[int], again: _Page
    ) -> tuple[Mapping[int, Body], bool]:
        """Read a list of which a page came `again`, which is so where `skip` is ignored.

        Asks for all rows where their number is known, else for one less than came: more than that is all.
        Without a number, and without the whole page again, it is the order that moved.
        """
        if not totals and again.rows.keys() != seen.keys():
            return seen, False
        top = max(totals, default=len(seen) - 1)
        page = self._page(top, 0, Budget(HEAVIEST))
        proven = page.totals == {len(page.rows)} if page.totals else len(page.rows) > top
        whole = proven and seen.keys() <= page.rows.keys()
        return (page.rows if whole else seen), whole

    def _page(self, top: int, skip: int, memory: Budget) -> _Page:
        params: dict[str, QueryValue] = {"top": top, "skip": skip}
        if self.order:
            params["orderby"] = self.order
        answer = self.api.request("GET", self.path, params=params)
        answer.take_from(memory)
        envelope = answered(answer)
        data, counts = envelope.data, envelope.counts
        total = counts.get("TotalRowCount")
        # Empty members are left out (DOC): a page without `Data` has no rows, unless `Meta` says otherwise.
        is_plain = envelope.has_meta and counts.get("Status") in (None, 200)
        if data is None and is_plain and (skip or not (total or counts.get("StopRec"))):
            data = []
        if not isinstance(data, list):
            raise BadAnswer(f"GET {self.path}: `Data` is no list", "Check that the address is the API's.")
        rows: dict[int, Body] = {}
        for row in data:
            if not isinstance(row, dict) or (id := row_id(row, self.id_members)) is None:
                members = " or ".join(self.id_members)
                raise BadAnswer(f"GET {self.path}: a row without an integer {members}", _UNTRUSTED)
            rows[id] = row
        return _Page(rows, len(data), frozenset() if total is None else frozenset({total}))


class ImportConfigs(Struct, eq=False):
    """The import configurations of one account, as `engine.kind.Client` asks for them.

    Safe for use by many threads at once. Nothing is remembered but the list of surveys, which is read once.
    """

    _api: Api
    _surveys: Mapping[str, Mapping[int, str]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def server_time(self) -> float | None:
        """Ask for one row, which proves that the keys may read; return the server's time, if it gives one.

        In seconds since 1970 UTC. The API has no call for the keys themselves.
        """
        answer = self._api.request("GET", _CONFIGS, params={"top": 1, "skip": 0})
        answered(answer)
        return moment(answer.headers.get("date", ""))

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return every configuration that the API lists, in its order, its pages read with `mapper`.

        A row may hold less than what `read` returns. Raises `BadAnswer` where the list is not proven to be
        whole.
        """
        return _Listing(self._api, _CONFIGS, [_CONFIG_ID], mapper).rows()

    def read(self, id: int) -> Body | None:
        """Return one configuration with all its members, None where the API knows no such id.

        UNK: an unknown id may be a 404 or a 200 with `Succeeded: false`; both are None.
        """
        path = f"{_CONFIGS}/{id}"
        try:
            envelope = opened(self._api.request("GET", path))
        except NotFound:
            return None
        if envelope.refusal is not None:
            return None
        if isinstance(envelope.data, dict) and row_id(envelope.data, [_CONFIG_ID]) == id:
            return envelope.data
        raise BadAnswer(f"GET {path}: the answer is not about {_CONFIG_ID} {id}", "It cannot be trusted.")

    def create(self, body: Body) -> int | None:
        """Create a configuration; return its id, None where the answer names none. Not idempotent."""
        return row_id(confirmed(self._api.request("POST", _CONFIGS, json=dict(body))), [_CONFIG_ID])

    def update(self, id: int, body: Body) -> None:
        """Replace a configuration: what `body` leaves out goes back to the server's default (DOC).

        The name is in the body only. As a query parameter it would turn the call into a rename (DOC, page
        `PUT-3-contacts-import-configs-ImportConfigId_Name`).
        """
        confirmed(self._api.request("PUT", f"{_CONFIGS}/{id}", json=dict(body)))

    def delete(self, id: int) -> None:
        """Delete a configuration; one that is already gone counts as deleted.

        UNK: success may be `Data: true` or `{Succeeded: true}`. A refusal means "gone" only if a read knows
        the id no more: the path is inferred, and a 404 may just say that there is no such call.
        """
        try:
            confirmed(self._api.request("DELETE", f"{_CONFIGS}/{id}"))
        except (NotFound, Declined) as refusal:
            if self.read(id) is not None:
                raise Declined(f"{refusal.fact}, and it is still there", refusal.advice) from refusal

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of all surveys with exactly this title, which need not be unique.

        Raises `ValueError` for another `what` than `survey`.
        """
        return [*self.titles(what).get(name, ())]

    def meant(self, what: str, name: str) -> str:
        """Return what to write instead of a title that no survey has, if any is near, as `find` does."""
        return instead(name, self.titles(what))

    def name(self, what: str, id: int) -> str | None:
        """Return the title of a survey, None where there is none; `ValueError` for another `what`."""
        return next((title for title, ids in self.titles(what).items() if id in ids), None)

    def titles(self, what: str = "survey") -> Mapping[str, Mapping[int, str]]:
        """Return the surveys by their title, listed once: each id with its status, empty where none is known.

        CLIENT: the path, its options and the members `Id` (`SurveyId` in some answers), `Title` and
        `SurveyStatusId`. Raises `ValueError` for another `what`.
        """
        if what != "survey":
            raise ValueError(f"the API knows surveys by their names, not {what}")
        with self._lock:
            if self._surveys is None:
                found = dict[str, dict[int, str]]()
                for row in _Listing(self._api, _SURVEYS, _SURVEY_IDS).rows():
                    title, id, status = row.get("Title"), row_id(row, _SURVEY_IDS), row.get("SurveyStatusId")
                    if isinstance(title, str) and id is not None:
                        known = _SURVEY_STATUSES.get(status, "") if type(status) is int else ""
                        found.setdefault(title, {})[id] = known
                self._surveys = found
            return self._surveys


@contextmanager
def open_checkmarket(
    url: str,
    master_key: Secret,
    key: Secret,
    connection: Connection | None = None,
    *,
    credentials: str = "`master_key` and `key` of the target",
) -> Iterator[ImportConfigs]:
    """Open an account; its connections are closed at the end of the `with`.

    `credentials` says in messages where the two keys are set, such as the names of the environment variables.
    Both go out as headers with every request (DOC, example 1). The rest is as for `Api`.
    """
    api = Api(
        url,
        connection,
        headers={"X-Master-Key": master_key, "X-Key": key},
        hosts=CHECKMARKET_HOSTS,
        status=_status,
        complaint=_complaint,
        hints={
            Unauthorised: f"Check {credentials}: a key that is inactive or was regenerated is refused.",
            Forbidden: f"Check {credentials}: the key needs the roles Contacts (read) and Contacts (write).",
        },
    )
    with closing(api):
        yield ImportConfigs(api)
