"""What is unknown about the vendors' servers: each field is one open question, with its plausible answers."""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

Listing = Literal["paged", "unpaged", "clamped", "ignores-skip"]
Members = Mapping[str, Any]


class Variants(Struct, frozen=True, kw_only=True):
    """One answer to each question that the vendors' pages leave open and that the tool has to cope with.

    Where the pages do say something (reset by omission, 25 rows a page, 200 with `Succeeded: false`), there
    is no variant: the emulator always does it. A value that is none of the plausible ones is a
    `ValueError`.
    """

    # CheckMarket: lists.
    listing: Listing = "paged"
    """How lists page; `clamped` lowers `top` to `clamp_at`."""
    clamp_at: int = 50
    row_order: Literal["oldest-first", "newest-first"] = "oldest-first"
    """The order without `orderby`."""
    rows: Literal["whole", "thin"] = "whole"
    """Whether a listed configuration is whole, or only id and name."""
    meta_counts: bool = True
    """Whether `Meta` of a list has TotalRowCount and its like."""
    survey_id_member: Literal["Id", "SurveyId"] = "Id"
    """The name of a survey's id in answers."""

    # CheckMarket: the form of values in answers.
    false_and_zero: Literal["shown", "omitted"] = "shown"
    """Whether false and 0 count as empty."""
    times: Literal["long", "seconds", "short"] = "long"
    """09:00:00.0000000, 09:00:00 or 09:00."""
    mappings_order: Literal["as-sent", "reversed"] = "as-sent"

    # CheckMarket: what a write stores.
    null_in_put: Literal["like-omission", "stored-null"] = "like-omission"
    """What an explicit null does."""
    extra_members: Literal["ignored", "stored", "strict"] = "ignored"
    """What becomes of members that no page documents; `strict` refuses them, the server's own ones too."""
    server_extras: Literal["none", "stable", "volatile"] = "none"
    """Whether the server has members that no page documents; `volatile`: some change with every read."""
    defaults: Literal["empty", "account"] | Members = "empty"
    """What an omitted member is reset to: its type's empty value, account settings, or the members given."""
    delimiters: Literal["as-sent", "unescaped"] = "as-sent"
    """Whether the text \\n becomes a line feed."""

    # CheckMarket: other answers.
    unknown_id: Literal["404", "refused"] = "404"
    """404, or 200 with `Succeeded` false."""
    hidden: Literal["404-by-id", "readable-by-id"] = "404-by-id"
    """What a configuration that is not reusable is by its id."""
    delete_answer: Literal["true", "object"] = "true"
    """`Data: true`, or an object with `Succeeded`."""
    error_body: Literal["object", "string"] = "object"
    """The form of `Data` in an error."""

    # CheckMarket: time and allowance.
    read_cache_seconds: float = 0.0
    """For how long an address answers what it answered before."""
    appears_after_seconds: float = 0.0
    """For how long a new configuration cannot be read."""
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    """The account's allowance in a calendar minute and day."""
    retry_after: Literal["header", "none"] = "header"
    """Whether a 429 has a Retry-After header."""

    # Both: what answers say of the time.
    date: Literal["told", "absent"] = "told"
    """Whether answers say when they were made."""
    clock_ahead_seconds: float = 0.0
    clock_behind_seconds: float = 0.0
    """By how much the server's clock is ahead of the right time, or behind it."""
    proxy_cache_seconds: float = 0.0
    """For how long a proxy on the way answers a GET as before, with the Date of then."""

    # Expoints: tokens and lists.
    token_seconds: float = 3600.0
    """For how long a token is good."""
    expires_in: Literal["number", "string"] = "number"
    """The type of a token's lifetime."""
    statuses: Literal["english", "dutch"] = "english"
    """The tenant's own codes and names of customer statuses."""
    waiting_customers: Literal["listed", "hidden"] = "listed"
    """Whether customers that wait for approval are listed and counted."""
    twin_columns: bool = False
    """Whether two columns can have one name."""
    last_cursor: Literal["null", "absent", "empty", "empty-page"] = "null"
    """NextCursor of the last page: null, left out, an empty text, or one that leads to an empty page."""
    address_filter: Literal["exact", "contains", "ignored"] = "exact"
    """How EmailAddresses are compared, if they are read at all."""
    address_list: Literal["each", "first", "everybody", "refused"] = "each"
    """What several EmailAddresses stand for: each of them, the first, no filter, or an error."""
    address_case: Literal["ignored", "sensitive"] = "ignored"
    """Whether addresses that differ in letter case are two."""
    customers_appear_after_seconds: float = 0.0
    """For how long a new customer is neither listed nor counted."""

    # Expoints: batches.
    unknown_previous: Literal["refused", "ignored"] = "refused"
    """What becomes of a PreviousId that no customer has."""
    plus_addresses: Literal["accepted", "fault"] = "accepted"
    """Whether an address with + is valid."""
    add_answer: Literal["empty", "null", "batch-id", "customer-ids", "text", "true"] = "empty"
    """The body of the 200 that says customers were added."""
    refusal_body: Literal["model-state", "message", "text", "html"] = "model-state"
    """The form of what a 400 says."""

    def __post_init__(self) -> None:
        for name in _questions():
            if not _is_plausible(name, getattr(self, name)):
                raise ValueError(f"{name}={_text(getattr(self, name))}: expected {_choices(name)}")

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Variants:
        """Return the variants that texts like `listing=unpaged` ask for; of two for one name, the later wins.

        Raises `ValueError`, naming what is valid, for an unknown name or a value that is not plausible.
        """
        return replace(cls(), **dict(map(_setting, settings)))

    def changed(self) -> tuple[str, ...]:
        """Return the `name=value` texts, as `parse` reads them, of every answer that is not the default."""
        default = Variants()
        names = (name for name in _questions() if getattr(self, name) != getattr(default, name))
        return tuple(f"{name}={_text(getattr(self, name))}" for name in names)


@functools.cache
def _questions() -> Mapping[str, tuple[Any, ...]]:
    """Return the types that an answer to each question can have, by the name of its field."""
    hints = get_type_hints(Variants).items()
    return {
        name: get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        for name, hint in hints
    }


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of one `name=value` text."""
    name, separator, value = (part.strip() for part in text.partition("="))
    kinds = _questions().get(name)
    if kinds is None or not separator:
        raise ValueError(
            f"{text!r} is not a variant; write name=value with one of: {', '.join(_questions())}"
        )
    try:
        if value == "none" and type(None) in kinds:
            return name, None
        if bool in kinds:
            return name, {"true": True, "false": False}[value]
        if value.startswith("{"):
            return name, json.loads(value)
        return name, kinds[0](value) if kinds[0] in (int, float) else value
    except (ValueError, KeyError) as error:
        raise ValueError(f"{text}: expected {_choices(name)}") from error


def _is_plausible(name: str, answer: Any) -> bool:
    """Tell whether an answer is of its question's types; a count is 1 or more, a duration finite."""
    for kind in _questions()[name]:
        if get_origin(kind) is Literal:
            fits = isinstance(answer, str) and answer in get_args(kind)
        elif kind is float:
            fits = isinstance(answer, int | float) and 0 <= answer < float("inf")
        elif kind is int:
            fits = type(answer) is int and answer >= 1
        else:
            fits = isinstance(answer, get_origin(kind) or kind)
        if fits:
            return True
    return False


def _choices(name: str) -> str:
    """Return the answers to choose from: `paged|unpaged`, `true|false`, `1, 2, …|none`."""
    names = {bool: "true|false", int: "1, 2, …", float: "seconds", type(None): "none"}
    return "|".join(
        "|".join(get_args(kind)) if get_origin(kind) is Literal else names.get(kind, "a JSON object")
        for kind in _questions()[name]
    )


def _text(answer: Any) -> str:
    """Return an answer as `parse` reads it."""
    if isinstance(answer, Mapping):
        return json.dumps(answer, ensure_ascii=False)
    return str(answer).lower() if isinstance(answer, bool) or answer is None else str(answer)
