"""What an answer says, from value to value: lists that are whole, numbers, and whether a batch was taken.

Answers are read leniently where they say more than is documented, and strictly where they say less: a list
that is missing is an error and never an empty list. What is shown of them holds no personal data.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from reconciler.engine.kind import Json
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NoAnswer
from reconciler.http import Answer, Secret

Row = Mapping[str, Json]

BEARER = "Bearer "
MASKED = "***"

_MOST_PAGES = 10_000
_SHORTEST_MASKED = 3
_LARGEST_SHOWN = 16 * 2**10
# Not personal among what a customer holds: names and ids of columns and questions, dates, and mere figures.
_PLAIN_MEMBERS = frozenset(
    {"Name", "SendDate", "TransactionDate", "EndDate", "DateAnswered"}
    | {
        "CustomerDataColumnId",
        "BaseQuestionId",
        "PageRepetition",
        "SectionRepetition",
        "FileSize",
        "Priority",
    }
)
_PART = r"""[^\s@"'`<>()\[\]{},;:=&]+"""
_ADDRESS = re.compile(f"{_PART}(?:@|%40){_PART}", re.IGNORECASE)


def member(document: object, name: str) -> Json:
    """Return a member of an answer, None where there is none."""
    return document.get(name) if isinstance(document, dict) else None


def rows(document: object, name: str, where: str) -> Sequence[Row]:
    """Return the objects in the list of that name; `BadAnswer` where there is no such list."""
    found = member(document, name)
    objects = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(objects) < len(found):
        raise BadAnswer(f"{where}: the answer has no list {name} of objects. It cannot be trusted.")
    return objects


def whole_list(read: Callable[[str | None], object], name: str, where: str) -> Sequence[Row]:
    """Return the rows of all `pages`."""
    return [row for page in pages(read, name, where) for row in page]


def pages(read: Callable[[str | None], object], name: str, where: str) -> Iterator[Sequence[Row]]:
    """Yield the rows of every page; `read` returns the page at a cursor, None for the first.

    D: the next cursor is `NextCursor` of the answer (page GET-api-v3-customer). U: at the end it may be null,
    empty or missing, and the last page may be empty. Raises `BadAnswer` where the pages go in circles: what
    came before is then not to be trusted either.
    """
    seen: set[str | None] = set()
    cursor = None
    for _ in range(_MOST_PAGES):
        document = read(cursor)
        page, cursor = rows(document, name, where), _next_cursor(document, where)
        marks = {_digest(page), cursor}
        if marks & seen:
            break
        yield page
        if cursor is None:
            return
        seen |= marks
    raise BadAnswer(f"{where}: the pages of {name} do not come to an end. The list cannot be trusted.")


def _digest(page: Sequence[Row]) -> str:
    return hashlib.sha256(json.dumps(page).encode()).hexdigest()


def _next_cursor(document: object, where: str) -> str | None:
    cursor = member(document, "NextCursor")
    if cursor is None or cursor == "":
        return None
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise BadAnswer(f"{where}: NextCursor is neither a text nor a number. The list cannot be trusted.")
    return str(cursor)


def number(document: object, name: str, where: str) -> int:
    """Return a count in an answer; `BadAnswer` for anything but a whole number from 0 upwards."""
    value = member(document, name)
    if type(value) is int and value >= 0:
        return value
    raise BadAnswer(f"{where}: the answer has no number {name}. It cannot be trusted.")


def is_ours_to_judge(answer: Answer) -> bool:
    """Tell whether an answer to a batch is for `taken`. The rest proves by its status that nothing was taken.

    401 asks for another token, 429 for patience (D, the status table of every page).
    """
    return answer.status not in (401, 429)


def taken(answer: Answer, personal: Iterable[str]) -> str:
    """Return what the API says of a batch that it took: opaque, short, without the `personal` values.

    D: success is 200, and its body is not documented (page POST-api-v3-customer-add); so JSON of any form is
    believed, and nothing at all. I: 201, 202 and 204 are what ASP.NET answers to a write that has no result,
    and say just as much that it was taken; none of them allows sending it again.

    Raises `Declined` for 4xx, `Forbidden` for a 403: nothing was taken. Raises `NoAnswer` for anything else,
    such as 408, 5xx (D: 503 asks to try again, but not whether the batch was taken), a redirect, HTML or
    plain text: a proxy or a login page may have spoken, and not the API.
    """
    words = answer.quoted(shown(answer, personal))
    told = ": ".join(filter(None, (f"{answer.method} {answer.path}: {answer.status}", words)))
    if answer.status in (200, 201, 202, 204) and _is_empty_or_json(answer):
        return words
    if answer.status == 403:
        raise Forbidden(f"{told}. Nothing was taken; give the credentials the right to add customers.")
    if 400 <= answer.status < 500 and answer.status != 408:
        raise Declined(f"{told}. Nothing was taken; correct what the API names.")
    raise NoAnswer(f"{told}. {_IN_DOUBT}")


_IN_DOUBT = "The batch may have been taken or not; count its customers before sending it again."


def _is_empty_or_json(answer: Answer) -> bool:
    if not answer.content.strip():
        return True
    try:
        answer.json()
    except BadAnswer:
        return False
    return True


def retold(error: ApiError, token: Secret) -> ApiError:
    """Return an error of the HTTP layer without what that cannot know: addresses, the token by itself.

    Of a batch whose answer was lost only the kind of loss is told: the bytes that came may repeat the batch.
    """
    if isinstance(error, NoAnswer) and error.__cause__ is not None:
        request, _, _ = str(error).partition(": ")
        return NoAnswer(f"{request}: no whole answer ({_name_of(error.__cause__)}). {_IN_DOUBT}")
    return type(error)(_Mask([token.value]).hide(str(error)))


def _name_of(error: BaseException) -> str:
    return type(error).__name__.lstrip("_")


def shown(answer: Answer, personal: Iterable[str] = ()) -> str:
    """Return the words of an answer of unknown form, with addresses and the `personal` values masked.

    It is not yet shortened: that has to come after masking, or half a value would remain.
    """
    if len(answer.content) > _LARGEST_SHOWN:
        return f"{len(answer.content)} bytes"
    mask = _Mask([*personal, *_tokens(answer.secrets)])
    try:
        return json.dumps(mask.hidden(answer.json()), ensure_ascii=False)
    except (BadAnswer, RecursionError):
        text = answer.content.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "an HTML page"
    # In broken JSON a value may be written with escapes, so that nobody would find it.
    return "broken JSON" if text.startswith(("{", "[", '"')) else mask.hide(text)


def _tokens(secrets: Iterable[Secret]) -> Iterator[str]:
    """Yield the tokens by themselves: the HTTP layer knows them as the end of a header only."""
    return (secret.value.removeprefix(BEARER) for secret in secrets if secret.value.startswith(BEARER))


def personal_values(batch: Mapping[str, Json]) -> Iterator[str]:
    """Yield what must not be shown of a batch: addresses, phone numbers, data values, answers, files."""
    addresses = batch.get("NotificationEmailAddresses")
    if isinstance(addresses, str):
        yield from addresses.split(",")
    yield from _texts(batch.get("Customers"))


def _texts(value: Json) -> Iterator[str]:
    """Yield every text and number of a customer but those in members that are known to be plain."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in _PLAIN_MEMBERS:
                yield from _texts(part)


class _Mask:
    """Hides known values, in any letter case, and whatever has the form of an address."""

    def __init__(self, values: Iterable[str]) -> None:
        stripped = {value.strip() for value in values}
        self._values = sorted((v for v in stripped if len(v) >= _SHORTEST_MASKED), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return the text with `***` in the place of each value; the longest goes first."""
        lowered = text.lower()
        # Files can be long: only what is there becomes part of a pattern.
        present = [v for v in self._values if len(v) <= len(text) and v.lower() in lowered]
        if present:
            text = re.sub("|".join(map(re.escape, present)), MASKED, text, flags=re.IGNORECASE)
        return _ADDRESS.sub(MASKED, text)

    def hidden(self, document: object) -> object:
        """Return a JSON document with every name and value in it hidden, numbers too."""
        if isinstance(document, str):
            return self.hide(document)
        if isinstance(document, list):
            return [self.hidden(item) for item in document]
        if isinstance(document, dict):
            return {self.hide(name): self.hidden(value) for name, value in document.items()}
        text = json.dumps(document)
        return document if self.hide(text) == text else MASKED
