"""Reading a whole list of the CheckMarket API, page by page, by what comes back.

Collections take `top` (25 rows unless told) and `skip`, without a `$` (DOC, pages `GET-3-ContactFolders` and
`GET-3-ContactGroups`). Whether the list of import configurations pages like them is unknown: the server may
send everything at once, fewer rows than asked, the same page again and again, or no counts. A list counts as
whole only where the answers prove it:

* as many rows came as every `TotalRowCount` says;
* or there are no counts, and a page came back empty;
* or there are no counts, every page is the same, and it holds more rows than `top` asks for: neither option
  is obeyed, so the page is everything.

Two pages are read one after the other. Where they are alike, which shows that `skip` is obeyed, and tell one
number of rows, the rest are read several at a time, and none is asked for behind one that is unlike, brings
nothing new, or fails. What proves a list to be whole is the same, and so is the number of requests, but for
those that were under way when the first such page came.

A list that is not proven to be whole, perhaps because it changed while it was read, is read once more. Then
it is an error, never a short list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import NoReturn

from msgspec import Struct

from reconciler.checkmarket.envelope import Envelope, opened
from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Body, Json
from reconciler.errors import ApiError, BadAnswer, Declined
from reconciler.http import Api, Room

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


def read_list(api: Api, path: str, id_members: Sequence[str], each: Each = one_by_one) -> Sequence[Body]:
    """Return every row of a collection once, in the server's order.

    A row's id is the first integer among its `id_members`; `each` reads several pages at a time. Raises
    `BadAnswer` where the answers do not prove that the list is whole or are not the API's form, and the rest
    of the `ApiError` tree.
    """
    listing = _Listing(api, path, id_members, each)
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

    def __init__(self, api: Api, path: str, id_members: Sequence[str], each: Each) -> None:
        self._api = api
        self._path = path
        self._id_members = id_members
        self._each = each

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
        room = Room()
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

    def _ahead(self, first: _Page, second: _Page, room: Room) -> Sequence[_Page]:
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
        pages = dict(zip(starts, self._each(read, starts, "Reading pages of the list"), strict=True))
        end = min(ends, default=starts.stop)
        return [page for start, page in pages.items() if page and start <= end]

    def _read_at_once(self, seen: Mapping[int, Body], totals: AbstractSet[int]) -> _Reading:
        """Read a list whose pages are all the same, which is so where `skip` is ignored.

        Asks for all rows where their number is known, else for one less than came: more than that is all.
        """
        top = max(totals, default=len(seen) - 1)
        page = self._page(top, 0, Room())
        proven = page.totals == {len(page.rows)} if page.totals else len(page.rows) > top
        whole = proven and seen.keys() <= page.rows.keys()
        return _Reading(page.rows if whole else seen, whole)

    def _page(self, top: int, skip: int, room: Room) -> _Page:
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
