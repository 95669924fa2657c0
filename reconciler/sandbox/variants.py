"""What is unknown about the vendors' servers: each field is one open question, with its plausible answers."""

from __future__ import annotations

import contextlib
import json
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

Listing = Literal["paged", "unpaged", "clamped", "ignores-skip"]
Members = Mapping[str, Any]


class Variants(Struct, frozen=True, kw_only=True):
    """One answer to each question that the vendors' pages leave open and that the tool has to cope with.

    Where the pages do say something (reset by omission, 25 rows a page, 200 with `Succeeded: false`), there
    is no variant: the emulator always does it.
    """

    # CheckMarket: lists.
    listing: Listing = "paged"  # how lists page; `clamped` lowers `top` to `clamp_at`
    clamp_at: int = 50
    row_order: Literal["oldest-first", "newest-first", "another-each-time"] = "oldest-first"
    """The order without `orderby`; `another-each-time` has one of its own for every page."""
    orderby: Literal["obeyed", "ignored", "refused"] = "obeyed"  # whether lists know that option
    rows: Literal["whole", "thin"] = "whole"  # whether a listed configuration is whole, or only id and name
    meta_counts: bool = True  # whether `Meta` of a list has TotalRowCount and its like
    survey_id_member: Literal["Id", "SurveyId"] = "Id"  # the name of a survey's id in answers

    # CheckMarket: the form of values in answers.
    false_and_zero: Literal["shown", "omitted"] = "shown"  # whether false and 0 count as empty
    times: Literal["long", "seconds", "short"] = "long"  # 09:00:00.0000000, 09:00:00 or 09:00
    mappings_order: Literal["as-sent", "reversed"] = "as-sent"

    # CheckMarket: what a write stores.
    null_in_put: Literal["like-omission", "stored-null"] = "like-omission"  # what an explicit null does
    extra_members: Literal["ignored", "stored", "strict"] = "ignored"
    """What becomes of members that no page documents; `strict` refuses them, the server's own ones too."""
    server_extras: Literal["none", "stable", "volatile"] = "none"
    """Whether the server has members that no page documents; `volatile`: some change with every read."""
    defaults: Literal["empty", "account"] | Members = "empty"
    """What an omitted member is reset to: its type's empty value, account settings, or the members given."""
    delimiters: Literal["as-sent", "unescaped"] = "as-sent"  # whether the text \n becomes a line feed

    # CheckMarket: other answers.
    unknown_id: Literal["404", "refused"] = "404"  # 404, or 200 with `Succeeded` false
    hidden: Literal["404-by-id", "readable-by-id"] = "404-by-id"  # a configuration that is not reusable
    delete_answer: Literal["true", "object"] = "true"  # `Data: true`, or an object with `Succeeded`
    error_body: Literal["object", "string"] = "object"  # the form of `Data` in an error

    # CheckMarket: time and allowance.
    read_cache_seconds: float = 0.0  # for how long an address answers what it answered before
    appears_after_seconds: float = 0.0  # for how long a new configuration cannot be read
    requests_per_minute: int | None = None
    requests_per_day: int | None = None  # the account's allowance in a calendar minute and day
    retry_after: Literal["header", "none"] = "header"  # whether a 429 has a Retry-After header

    # Both: what answers say of the time.
    date: Literal["told", "absent"] = "told"  # whether answers say when they were made
    clock_ahead_seconds: float = 0.0
    clock_behind_seconds: float = 0.0  # how far the server's clock is behind the right time
    proxy_cache_seconds: float = 0.0  # how long a proxy answers a GET as before, Date included

    # Expoints: tokens and lists.
    token_seconds: float = 3600.0  # for how long a token is good
    expires_in: Literal["number", "string"] = "number"  # the type of a token's lifetime
    statuses: Literal["english", "dutch"] = "english"  # the tenant's own codes and names of customer statuses
    waiting_customers: Literal["listed", "hidden"] = "listed"
    """Whether customers that wait for approval are listed and counted."""
    twin_columns: bool = False  # whether two columns can have one name
    last_cursor: Literal["null", "absent", "empty", "empty-page"] = "null"
    """NextCursor of the last page: null, left out, an empty text, or one that leads to an empty page."""
    address_filter: Literal["exact", "contains", "ignored"] = "exact"
    """How EmailAddresses are compared, if they are read at all."""
    address_list: Literal["each", "first", "everybody", "refused"] = "each"
    """What several EmailAddresses stand for: each of them, the first, no filter, or an error."""
    address_case: Literal["ignored", "sensitive"] = "ignored"  # are addresses that differ in letter case two
    customers_appear_after_seconds: float = 0.0  # for how long a new customer is neither listed nor counted

    # Expoints: batches.
    unknown_previous: Literal["refused", "ignored"] = "refused"  # a PreviousId that no customer has
    plus_addresses: Literal["accepted", "fault"] = "accepted"  # whether an address with + is valid
    add_answer: Literal["empty", "null", "batch-id", "customer-ids", "text", "true"] = "empty"
    """The body of the 200 that says customers were added."""
    refusal_body: Literal["model-state", "message", "text", "html"] = "model-state"  # what a 400 says

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Variants:
        """Return the variants that texts like `listing=unpaged` ask for; of two for one name, the later wins.

        Raises `ValueError`, naming what is valid, for an unknown name or a value that is not plausible.
        """
        return cls(**dict(map(_setting, settings)))


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of one `name=value` text."""
    name, separator, value = (part.strip() for part in text.partition("="))
    hint = get_type_hints(Variants).get(name)
    if hint is None or not separator:
        known = ", ".join(get_type_hints(Variants))
        raise ValueError(f"{text!r} is not a variant; write name=value with one of: {known}")
    choices = list[str]()
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        if get_origin(kind) is Literal:
            shown = pattern = "|".join(get_args(kind))
            read: Callable[[str], Any] = str
        else:
            shown, pattern, read = _READERS[get_origin(kind) or kind]
        choices.append(shown)
        if re.fullmatch(pattern, value):
            with contextlib.suppress(ValueError):  # a JSON object that is none
                return name, read(value)
    raise ValueError(f"{text}: expected {'|'.join(choices)}")


# The type of an answer → how its values are shown, what they look like, and how one is read.
_READERS: Mapping[Any, tuple[str, str, Callable[[str], Any]]] = {
    bool: ("true|false", "true|false", "true".__eq__),
    int: ("1, 2, …", "[1-9][0-9]*", int),
    float: ("seconds", r"[0-9]+(\.[0-9]+)?", float),
    type(None): ("none", "none", lambda _: None),
    Mapping: ("a JSON object", r"\{.*\}", json.loads),
}
