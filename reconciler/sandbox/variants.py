"""What is unknown about the vendors' servers: each field is one open question, with its plausible answers."""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

Listing = Literal["paged", "unpaged", "clamped", "ignores-skip"]
Members = Mapping[str, Any]


class Variants(Struct, frozen=True, kw_only=True):
    """One answer to each question that the vendors' pages leave open; all are plausible, none is known.

    Where the pages do say something (reset by omission, 25 rows a page, 200 with `Succeeded: false`), there
    is no variant: the emulator always does it. A value that is none of the plausible ones is a
    `ValueError`.
    """

    # CheckMarket: lists.
    listing: Annotated[Listing, "how the list of import configurations pages; see clamp_at"] = "paged"
    surveys_listing: Annotated[Listing, "how the list of surveys pages"] = "paged"
    clamp_at: Annotated[int, "the rows to which a clamped list lowers `top`"] = 50
    row_order: Annotated[Literal["oldest-first", "newest-first"], "the order without `orderby`"] = (
        "oldest-first"
    )
    rows: Annotated[Literal["whole", "thin"], "whether a listed row is whole, or only id and name"] = "whole"
    meta_counts: Annotated[bool, "whether `Meta` of a list has TotalRowCount and its like"] = True
    filter: Annotated[bool, "whether a list obeys `filter` or ignores it"] = True
    survey_id_member: Annotated[Literal["Id", "SurveyId"], "the name of a survey's id in answers"] = "Id"

    # CheckMarket: the form of values in answers.
    false_and_zero: Annotated[Literal["shown", "omitted"], "whether false and 0 count as empty"] = "shown"
    times: Annotated[Literal["long", "seconds", "short"], "09:00:00.0000000, 09:00:00 or 09:00"] = "long"
    mappings_order: Annotated[Literal["as-sent", "reversed"], "the order of ColumnMappings"] = "as-sent"

    # CheckMarket: what a write stores.
    null_in_put: Annotated[Literal["like-omission", "stored-null"], "what an explicit null does"] = (
        "like-omission"
    )
    extra_members: Annotated[
        Literal["ignored", "stored", "strict"],
        "what becomes of members that no page documents; strict refuses them, the server's own ones too",
    ] = "ignored"
    server_extras: Annotated[
        Literal["none", "stable", "volatile"],
        "whether the server has members that no page documents; volatile: some change with every read",
    ] = "none"
    defaults: Annotated[
        Literal["empty", "account"] | Members,
        "what an omitted member is reset to: its type's empty value, account settings, or the members given",
    ] = "empty"
    delimiters: Annotated[Literal["as-sent", "unescaped"], "whether the text \\n becomes a line feed"] = (
        "as-sent"
    )
    too_long: Annotated[Literal["refused", "truncated"], "what becomes of text over its length"] = "refused"
    name_required: Annotated[bool, "whether a configuration without a name is refused"] = True
    unique_names: Annotated[bool, "whether a second configuration of one name is refused"] = False
    case_sensitive_names: Annotated[bool, "whether names or titles can differ in case only"] = True
    linked_survey: Annotated[Literal["any", "open"], "whether a closed survey can be linked to"] = "any"

    # CheckMarket: other answers.
    unknown_id: Annotated[Literal["404", "refused"], "404, or 200 with Succeeded false"] = "404"
    hidden: Annotated[Literal["404-by-id", "readable-by-id"], "what a non-reusable one is by id"] = (
        "404-by-id"
    )
    delete_answer: Annotated[Literal["true", "object"], "`Data: true`, or with Succeeded"] = "true"
    error_body: Annotated[Literal["object", "string"], "the form of `Data` in an error"] = "object"
    bad_key: Annotated[Literal["401", "403"], "the status for a missing or wrong key"] = "401"

    # CheckMarket: time and allowance.
    read_cache_seconds: Annotated[float, "for how long an address answers what it answered before"] = 0.0
    appears_after_seconds: Annotated[float, "for how long a new configuration cannot be read"] = 0.0
    requests_per_minute: Annotated[int | None, "the account's allowance in a calendar minute"] = None
    requests_per_day: Annotated[int | None, "the account's allowance in a calendar day"] = None
    retry_after: Annotated[Literal["header", "none"], "whether a 429 has a Retry-After header"] = "header"

    # Both: what answers say of the time.
    date: Annotated[Literal["told", "absent"], "whether answers say when they were made"] = "told"
    clock_ahead_seconds: Annotated[float, "by how much the server's clock is ahead of the right time"] = 0.0
    clock_behind_seconds: Annotated[float, "by how much it is behind"] = 0.0
    proxy_cache_seconds: Annotated[
        float, "for how long a proxy on the way answers a GET as before, with the Date of then"
    ] = 0.0

    # Expoints: tokens and lists.
    token_seconds: Annotated[float, "for how long a token is good"] = 3600.0
    expires_in: Annotated[Literal["number", "string"], "the type of a token's lifetime"] = "number"
    scope_required: Annotated[bool, "whether a token is refused to whoever names no scope"] = True
    statuses: Annotated[
        Literal["english", "dutch"], "the tenant's own codes and names of customer statuses"
    ] = "english"
    waiting_status: Annotated[
        Literal["own", "initial"],
        "the status of a customer that waits for approval: one of its own, or initial",
    ] = "own"
    waiting_customers: Annotated[
        Literal["listed", "hidden"], "whether customers that wait for approval are listed and counted"
    ] = "listed"
    twin_columns: Annotated[bool, "whether two columns can have one name"] = False
    customer_rows: Annotated[
        Literal["whole", "nested", "thin"],
        "whether a listed customer is whole, with its address inside another member or without one",
    ] = "whole"
    limit_over_100: Annotated[Literal["clamped", "refused"], "what a Limit over the maximum does"] = "clamped"
    last_cursor: Annotated[
        Literal["null", "absent", "empty", "empty-page"],
        "NextCursor of the last page: null, left out, an empty text, or one that leads to an empty page",
    ] = "null"
    address_filter: Annotated[
        Literal["exact", "contains", "ignored"], "how EmailAddresses are compared, if they are read at all"
    ] = "exact"
    address_list: Annotated[
        Literal["each", "first", "last", "first-ten", "joined", "everybody", "nobody", "refused"],
        "what several EmailAddresses stand for: each of them, some, one text with commas, or no list at all",
    ] = "each"
    address_case: Annotated[
        Literal["ignored", "sensitive"], "whether addresses that differ in letter case are two"
    ] = "ignored"
    customers_appear_after_seconds: Annotated[
        float, "for how long a new customer is neither listed nor counted"
    ] = 0.0

    # Expoints: which customers can be added.
    data_by_name: Annotated[Literal["accepted", "refused"], "what becomes of data without a column id"] = (
        "accepted"
    )
    id_and_name_differ: Annotated[
        Literal["id", "name", "refused"], "which one wins where data names two columns"
    ] = "id"
    unknown_column: Annotated[
        Literal["refused", "ignored"], "what becomes of data for a column that the tenant does not have"
    ] = "refused"
    archived_column: Annotated[
        Literal["refused", "accepted"], "what becomes of data for an archived column"
    ] = "refused"
    archived_required: Annotated[
        Literal["not-needed", "needed"], "whether an archived column can still be required"
    ] = "not-needed"
    empty_required: Annotated[
        Literal["refused", "accepted"], "whether an empty value counts as missing from a required column"
    ] = "refused"
    unknown_previous: Annotated[
        Literal["refused", "ignored"], "what becomes of a PreviousId that no customer has"
    ] = "refused"
    invalid_customer: Annotated[
        Literal["refuses-batch", "dropped"],
        "whether one customer that is not valid fails the call, or is silently left out",
    ] = "refuses-batch"
    duplicate_emails: Annotated[
        Literal["refused", "dropped"],
        "whether a second customer of one address fails the call, or is silently left out",
    ] = "refused"
    concept: Annotated[
        Literal["accepted", "refused"], "what IsConcept does where the tenant has no concept questionnaire"
    ] = "accepted"
    over_200: Annotated[Literal["accepted", "refused"], "whether the advice of 200 customers is a limit"] = (
        "accepted"
    )

    # Expoints: who is mailed, and when.
    plus_addresses: Annotated[Literal["accepted", "fault"], "whether an address with + is valid"] = "accepted"
    opted_out: Annotated[Literal["unmailed", "mailed"], "whether an address that opted out is mailed"] = (
        "unmailed"
    )
    phone_numbers: Annotated[
        Literal["ignored", "texted"], "whether a PhoneNumber gets a text message, beside the mail"
    ] = "ignored"
    portal_batch: Annotated[Literal["unmailed", "mailed"], "whether a batch of type portal is mailed"] = (
        "unmailed"
    )
    missing_offset: Annotated[
        Literal["local", "utc"], "what a time without an offset means: Europe/Amsterdam, or UTC"
    ] = "local"
    send_time_offset: Annotated[
        Literal["converted", "ignored"],
        "whether SendTime is first converted to Europe/Amsterdam, or its clock time taken as it is written",
    ] = "converted"

    # Expoints: answers.
    add_answer: Annotated[
        Literal["empty", "null", "batch-id", "customer-ids", "text", "true"],
        "the body of the 200 that says customers were added",
    ] = "empty"
    refusal_body: Annotated[
        Literal["model-state", "message", "text", "html"], "the form of what a 400 says"
    ] = "model-state"

    def __post_init__(self) -> None:
        for name, question in _questions().items():
            question.check(name, getattr(self, name))

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Variants:
        """Return the variants that texts like `listing=unpaged` ask for; of two for one name, the later wins.

        Raises `ValueError`, naming what is valid, for an unknown name or a value that is not plausible.
        """
        return replace(cls(), **dict(_setting(text) for text in settings))

    def changed(self) -> tuple[str, ...]:
        """Return the `name=value` texts, as `parse` reads them, of every answer that is not the default."""
        default = Variants()
        names = (name for name in _questions() if getattr(self, name) != getattr(default, name))
        return tuple(f"{name}={_text(getattr(self, name))}" for name in names)

    @classmethod
    def describe(cls) -> str:
        """Return one line for each open question: its name, the answers to choose from, the default."""
        default = cls()
        return "\n".join(
            f"{name}={question.choices()} (default {_text(getattr(default, name))}): {question.text}"
            for name, question in _questions().items()
        )


class _Question(Struct, frozen=True):
    """What is asked, and the type or types that an answer can have."""

    text: str
    kinds: tuple[Any, ...]

    def read(self, text: str) -> Any:
        """Return the answer that a text stands for; `ValueError` for a text that is no answer."""
        if text == "none" and type(None) in self.kinds:
            return None
        otherwise: Callable[[str], Any] = json.loads if text.startswith("{") else str
        return _READERS.get(self.kinds[0], otherwise)(text)

    def check(self, name: str, answer: Any) -> None:
        """Raise `ValueError` for an answer that is not plausible."""
        if not any(_is_one(answer, kind) for kind in self.kinds):
            raise ValueError(f"{name}={_text(answer)}: expected {self.choices()}")

    def choices(self) -> str:
        """Return the answers to choose from: `paged|unpaged`, `true|false`, `1, 2, …|none`."""
        return "|".join(_names(kind) for kind in self.kinds)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


_READERS: Mapping[Any, Callable[[str], Any]] = {bool: _boolean, int: int, float: float}


@functools.cache
def _questions() -> Mapping[str, _Question]:
    """Return the open questions by the name of their field, in order of declaration."""
    hints = get_type_hints(Variants, include_extras=True)
    return {
        name: _Question(hint.__metadata__[0], _alternatives(hint.__origin__)) for name, hint in hints.items()
    }


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type itself."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of one `name=value` text."""
    name, separator, value = (part.strip() for part in text.partition("="))
    question = _questions().get(name)
    if question is None or not separator:
        raise ValueError(
            f"{text!r} is not a variant; write name=value with one of: {', '.join(_questions())}"
        )
    try:
        return name, question.read(value)
    except ValueError as error:
        raise ValueError(f"{text}: expected {question.choices()}") from error


def _is_one(answer: Any, kind: Any) -> bool:
    """Say whether an answer is of a kind; a count starts at 1, a duration at 0 and is finite."""
    if get_origin(kind) is Literal:
        return isinstance(answer, str) and answer in get_args(kind)
    if kind is float:
        return isinstance(answer, int | float) and 0 <= answer < float("inf")
    if kind is int:
        return type(answer) is int and answer >= 1
    return isinstance(answer, get_origin(kind) or kind)


def _names(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    names = {bool: "true|false", int: "1, 2, …", float: "seconds", type(None): "none"}
    return names.get(kind, "a JSON object")


def _text(answer: Any) -> str:
    """Return an answer as `parse` reads it."""
    if isinstance(answer, Mapping):
        return json.dumps(answer, ensure_ascii=False)
    return str(answer).lower() if isinstance(answer, bool) or answer is None else str(answer)
