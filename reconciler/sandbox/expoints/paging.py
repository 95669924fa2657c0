"""How lists are cut into pages: Cursor and Limit (D: GET-api-v3-customer, GET-api-v3-customer-getoptouts)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .calls import Answer, Call, FailedError, as_json

# The maximum, and the default too (D: GET-api-v3-customer).
_LIMIT = 100
_MARK = "after-"


def answer_page(name: str, rows: Mapping[int, Any], call: Call) -> Answer:
    """Return a page of rows, which come with their ids in rising order, under a name, and the NextCursor.

    A cursor means "after this id", so a row that is added meanwhile neither repeats nor hides another (I).
    """
    limit, after = _limit(call), _after(call)
    later = [identity for identity in rows if identity > after]
    page, rest = later[:limit], later[limit:]
    return as_json({name: [rows[identity] for identity in page], **_next(page, bool(rest), call)})


def _limit(call: Call) -> int:
    limit = call.number("Limit", _LIMIT)
    if limit < 1 or (limit > _LIMIT and call.tenant.variants.limit_over_100 == "refused"):
        raise FailedError(400, "The request is invalid.", {"Limit": f"Limit has to be from 1 to {_LIMIT}."})
    return min(limit, _LIMIT)


def _after(call: Call) -> int:
    """Return the id that a cursor stands for; an empty one is for the first page (D)."""
    cursor = next(iter(call.texts("Cursor")), f"{_MARK}0")
    number = cursor.removeprefix(_MARK)
    if number == cursor or not (number.isascii() and number.isdigit()):
        raise FailedError(400, "The request is invalid.", {"Cursor": "The cursor is not known."})
    return int(number)


def _next(page: Sequence[int], has_more: bool, call: Call) -> dict[str, str | None]:
    """Return the member that leads on; what the last page has is unknown (U: variant `last_cursor`)."""
    form = call.tenant.variants.last_cursor
    if has_more or (page and form == "empty-page"):
        return {"NextCursor": f"{_MARK}{page[-1]}"}
    return {} if form == "absent" else {"NextCursor": "" if form == "empty" else None}
