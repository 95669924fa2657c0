"""A customer seed as people write it: the vendor's own fields in snake_case, and the seed's own keys.

Source, where nothing else is said: vendor page POST-api-v3-customer-add. The page states no limits of length.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_pascal
from pydantic_core import CoreSchema, core_schema

from reconciler.config.drafts import Surroundings
from reconciler.config.files import Unfit
from reconciler.config.section import ApiFields
from reconciler.config.shapes import NOT_BLANK, Schema, pattern_of, shape, shaped, without_null
from reconciler.config.validation import kind_of, refusal
from reconciler.config.wording import LONGEST_NAME
from reconciler.expoints import moments
from reconciler.expoints.recipients import ADDRESS, LONGEST, is_one_address
from reconciler.expoints.seed import Moment, MomentKind, Send

INT32_MAX = 2**31 - 1
_ID_OF_A_COLUMN = re.compile(r"[1-9][0-9]{0,9}")


@lru_cache(maxsize=1_000)  # thousands of customers have the same few columns
def column_of(name: str) -> str | int:
    """Return the column that a key under `data` means: digits are its id, anything else is its name."""
    return int(name) if _ID_OF_A_COLUMN.fullmatch(name) else name


def _private(value: object) -> object:
    # What stands here is somebody's, so a value of another type is not repeated to say how it is written.
    if isinstance(value, str):
        return value
    raise refusal("wrong-type", f"text is expected, this is {kind_of(value)}", "write it in quotes")


def _one_address(value: str) -> str:
    if not is_one_address(value):
        hint = "write one plain address, like qa+john@example.com: no name, list, quotes or brackets"
        raise refusal("not-one-address", "this is not exactly one address", hint)
    return value


def _somebodys(value: object) -> object:
    # What an earlier customer is known by is not repeated either.
    if type(value) is int and not 1 <= value <= INT32_MAX:
        raise refusal("out-of-range", "this is no id", "write the id, a whole number from 1 on")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise refusal("too-short", "nothing stands in it", "write at least one character, or leave it out")
    return value


def _date(value: str) -> str:
    moments.check(Moment(value, MomentKind.DATE))
    return value


def _time_of_day(value: str) -> str:
    moments.check(Moment(value, MomentKind.TIME_OF_DAY))
    return value


def _answered(value: str, info: ValidationInfo) -> str:
    """Return an absolute moment as ISO 8601 with an offset."""
    moment = Moment(_date(value), MomentKind.DATE)
    if moments.is_relative(moment):
        raise ValueError('write the day itself, like "2026-12-01": what was answered does not move')
    around = info.context
    return moments.absolute(moment, around.zone).isoformat() if isinstance(around, Surroundings) else value


def _type_of_batch(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _name_or_code(value: object) -> object:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    message = f"the name or code of a status is expected, this is {kind_of(value)}"
    raise refusal("wrong-type", message, "write [Bounced, 12]")


def _value(value: object) -> object:
    return value if isinstance(value, dict) else {"value": value}


class Content(NamedTuple):
    """The content of a file as the API takes it."""

    name: str
    base64: str
    size: int
    """Of the content itself, in bytes."""


def _file(value: object, info: ValidationInfo) -> Content:
    path = str(_private(value))
    around = info.context
    try:
        if not isinstance(around, Surroundings):
            return Content(PurePosixPath(path).name, "", 0)
        content = around.files.in_base64(path), len(around.files.content(path))
    except Unfit as unfit:
        raise refusal(*unfit.refusal) from unfit
    return Content(PurePosixPath(path).name, *content)


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise refusal("invalid-value", "this is not base64", "write base64, or file: with a path") from error
    return value


Private: TypeAlias = Annotated[str, BeforeValidator(_private)]
Address: TypeAlias = Annotated[
    Private, AfterValidator(_one_address), shape(pattern=pattern_of(ADDRESS), maxLength=LONGEST)
]
Label: TypeAlias = Annotated[str, AfterValidator(_not_blank), shape(pattern=NOT_BLANK)]
Date: TypeAlias = Annotated[
    Private,
    AfterValidator(_date),
    shape(pattern=pattern_of(moments.FORMS[MomentKind.DATE]), examples=["today", "+21d", "2026-12-01"]),
]
TimeOfDay: TypeAlias = Annotated[
    str,
    AfterValidator(_time_of_day),
    shape(pattern=pattern_of(moments.FORMS[MomentKind.TIME_OF_DAY]), examples=["11:30"]),
]
Answered: TypeAlias = Annotated[
    Private, AfterValidator(_answered), shape(pattern=pattern_of(moments.FORMS[MomentKind.DATE]))
]
Int: TypeAlias = Annotated[int, Field(ge=-INT32_MAX, le=INT32_MAX)]
Id: TypeAlias = Annotated[int, Field(ge=1, le=INT32_MAX)]
TypeOfBatch: TypeAlias = Annotated[
    Literal["0", "1", "email", "portal"],
    BeforeValidator(_type_of_batch, Literal["0", "1", "email", "portal", 0, 1]),
]
StatusName: TypeAlias = Annotated[
    str | int, PlainValidator(_name_or_code), shaped(type=["string", "integer"])
]
PrivateId: TypeAlias = Annotated[int, BeforeValidator(_somebodys, Id)]


class _Written(ApiFields):
    """A field is null only where the vendor's type has one."""

    nullable: ClassVar[frozenset[str]] = frozenset()
    """The fields to which the vendor gives a null; there it is sent."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return the schema with null where the vendor has one, and nowhere else."""
        schema = handler(core)
        fields = handler.resolve_ref_schema(schema)["properties"]
        fields.update({name: without_null(fields[name]) for name in fields.keys() - cls.nullable})
        return schema

    @field_validator("*", mode="before")
    @classmethod
    def _null_where_the_api_has_one(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name not in cls.nullable:
            raise refusal("wrong-type", "this cannot be null", "leave it out")
        return value


_ENCRYPTED = {"is_encrypted", "certificate_thumbprint", "encryption_key"}
_ALL_THREE: Any = {name: sorted(_ENCRYPTED - {name}) for name in ("certificate_thumbprint", "encryption_key")}


class _Encryptable(_Written):
    """Something that may already be encrypted. How is not documented, so it is passed on as it is."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": _ALL_THREE})

    is_encrypted: bool | None = Field(None, description="That the value is already encrypted.")
    certificate_thumbprint: Private | None = Field(
        None, description="Of the certificate it is encrypted for."
    )
    encryption_key: Private | None = Field(None, description="The key, itself encrypted for the certificate.")

    @model_validator(mode="after")
    def _all_three_or_none(self) -> _Encryptable:
        given = [
            bool(self.is_encrypted),
            self.certificate_thumbprint is not None,
            self.encryption_key is not None,
        ]
        if any(given) and not all(given):
            hint = "add the others of is_encrypted: true, certificate_thumbprint and encryption_key"
            raise refusal("missing-field", "an encrypted value has all three fields of its encryption", hint)
        return self

    @property
    def encryption(self) -> tuple[str, str] | None:
        """The certificate's thumbprint and the key, of an encrypted value."""
        if self.certificate_thumbprint is None or self.encryption_key is None:
            return None
        return self.certificate_thumbprint, self.encryption_key


class DataValue(_Encryptable):
    """One value of a customer's data. Every value is text; blanks around it may matter and stay."""

    value: Private = Field(description="The value, as text.")


class _TextOrValue:
    """Plain text stands for itself, which is what nearly all data is; anything else is a `DataValue`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, read: value if type(value) is str else read(_value(value)),
            handler.generate_schema(DataValue),
            json_schema_input_schema=handler.generate_schema(str | DataValue),
        )


_UNDOCUMENTED = "Passed on; the vendor documents no more than its name."


class ScalePosition(_Written):
    """A position of a scale. Which of its fields tells it is not documented; all are passed on."""

    id: Int | None = Field(None, description=_UNDOCUMENTED)
    label: Private | None = Field(None, description=_UNDOCUMENTED)
    value: Int | None = Field(None, description=_UNDOCUMENTED)
    ranking: Int | None = Field(None, description=_UNDOCUMENTED)


class FileAnswer(_Encryptable):
    """A file that answers a question: from the workspace, or already in base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": _ALL_THREE,
            "oneOf": [{"required": ["file"]}, {"required": ["data"]}],
        }
    )

    file: Annotated[Any, PlainValidator(_file), shaped(type="string")] = Field(
        None, description="Path inside the workspace; its content is sent, with its name and size."
    )
    data: Annotated[Private, AfterValidator(_base64)] | None = Field(
        None, description="The content in base64."
    )
    file_name: Private | None = Field(None, description="Left out: the name of `file`.")
    file_type: Private | None = Field(None, description="What the API expects here is not documented.")
    file_size: Annotated[int, Field(ge=0)] | None = Field(None, description="In bytes; left out: counted.")
    id: Id | None = Field(None, description="What belongs here for a new answer is not documented.")
    answer_id: Id | None = Field(None, description="The same.")

    @model_validator(mode="after")
    def _one_content(self) -> FileAnswer:
        if (self.file is None) == (self.data is None):
            raise refusal(
                "contradiction", "a file answer has one content", "write file: PATH, or data: BASE64"
            )
        return self

    @property
    def content(self) -> Content:
        """The content, wherever it is from."""
        if isinstance(self.file, Content):
            return self.file
        data = self.data or ""
        return Content("", data, len(base64.b64decode(data)))

    @model_serializer
    def _members(self) -> dict[str, Any]:
        said = {to_pascal(name): getattr(self, name) for name in self.model_fields_set - {"file", "data"}}
        name, data, size = self.content
        return {"FileName": name, "FileSize": size, **said, "Data": data}


class Answer(_Written):
    """A pre-filled answer. No documented call lists questions, so none of this can be checked."""

    base_question_id: Id = Field(description="The question that is answered.")
    is_not_applicable_selected: bool | None = Field(None, description="That it is “not applicable”.")
    text: Private | None = Field(None, description="An answer in words.")
    selected_scale_positions: list[ScalePosition] | None = Field(None, description="On a scale.")
    date_answered: Answered | None = Field(None, description="A day or time in the zone of the workspace.")
    file_answers: list[FileAnswer] | None = Field(None, description="Files that answer.")
    page_repetition: Int | None = Field(None, description=_UNDOCUMENTED)
    section_repetition: Int | None = Field(None, description=_UNDOCUMENTED)


class CustomerDefaults(_Written):
    """What may count for every customer of a seed: all of a customer but the address (ImportCustomer)."""

    nullable = frozenset(
        {"send_date", "transaction_date", "end_date", "priority", "previous_id", "copy_all_answers"}
    )

    phone_number: Private | None = Field(None, description="Must stand in allowed_phone_numbers.")
    send_date: Date | None = Field(None, description="The day of the mail; null is now.")
    transaction_date: Date | None = Field(None, description="For reporting; null is today.")
    end_date: Date | None = Field(None, description="After it nobody can answer; null is that of the seed.")
    priority: Int | None = Field(
        None, description="Among waiting customers of one address; the highest is mailed."
    )
    previous_id: PrivateId | None = Field(None, description="An earlier customer whose data is copied.")
    data: dict[str, Annotated[str | DataValue, _TextOrValue]] | None = Field(
        None, description="Column, by its name or its id in quotes → text, or a value that is encrypted."
    )
    answers: list[Answer] | None = Field(None, description="Pre-filled answers.")
    answers_to_copy: list[PrivateId] | None = Field(None, description="Answers of the previous customer.")
    copy_all_answers: bool | None = Field(None, description="All of them.")

    @field_validator("data")
    @classmethod
    def _has_names(cls, data: dict[str, str | DataValue] | None) -> dict[str, str | DataValue] | None:
        if data and any(not name.strip() for name in data):
            raise refusal("too-short", "a column has no name", "write the name of the column, or its id")
        if data and max(map(len, data)) > LONGEST_NAME:
            message = f"the name of a column has more than {LONGEST_NAME} characters"
            raise refusal("too-long", message, "shorten it, or write the id of the column")
        return data


class Customer(CustomerDefaults):
    """One customer: one survey to one mailbox (ImportCustomer)."""

    email: Address = Field(description="Exactly one address, which the target allows.")


class CustomerSeed(_Written):
    """A test batch: the fields of ImportCustomersRequest, and when and to whom it is sent."""

    nullable = frozenset({"end_date", "send_time", "customers_from"})

    approve_automatically: bool | None = Field(None, description="false waits for a person at Expoints.")
    end_date: Date | None = Field(None, description="After it nobody can answer.")
    send_time: TimeOfDay | None = Field(None, description="Not before this local time of day.")
    is_test: bool | None = Field(None, description="Kept out of the results; mail is sent all the same.")
    type_batch: TypeOfBatch | None = Field(
        None, description="0 or email is the default; portal only where Expoints says so."
    )
    allow_duplicate_email: bool | None = Field(None, description="One address several times in the batch.")
    notification_email_addresses: list[Address] | None = Field(
        None, description="Who is told about the batch; with none, the front office would be."
    )
    batch_name: Private | None = Field(None, description="The name of the batch at Expoints.")
    is_concept: bool | None = Field(None, description="For trying a concept questionnaire; a test as well.")

    send: Annotated[Send, Field(strict=False)] = Field(
        Send.ONCE, description="once a round; on_change: what changed goes again; by_hand: seeds send."
    )
    round: Label = Field("1", max_length=100, description="A new round sends again.")
    after: list[str] | None = Field(
        None, max_length=100, description="Resources that must be as declared before it is sent."
    )
    shared_mailbox: bool = Field(False, description="Its mailboxes may stand in other seeds that say so too.")
    fault_statuses: list[StatusName] | None = Field(
        None, description="Statuses of the tenant, by name or code, that mean that nobody was mailed."
    )
    defaults: dict[str, Any] | None = Field(None, description="What counts for every customer.")
    customers: list[Any] | None = Field(None, description="To whom it goes: [{email: …, data: {…}}].")
    customers_from: Private | None = Field(None, description="A .csv or .jsonl file inside the workspace.")


BATCH = frozenset(CustomerSeed.model_fields) - {
    "send", "round", "after", "shared_mailbox", "fault_statuses", "defaults", "customers", "customers_from",
}  # fmt: skip
"""The fields of a seed that are members of the request."""
