"""A customer seed as people write it: the vendor's own fields in snake_case, and the seed's own keys.

Source, where nothing else is said: vendor page POST-api-v3-customer-add. The page states no limits of length.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_pascal, to_snake
from pydantic_core import CoreSchema, core_schema

from reconciler.config.discovery import WorkspaceFiles
from reconciler.config.names import LONGEST_NAME
from reconciler.config.resources import ApiFields, Facts, Finding
from reconciler.config.seeds import DeclaredSeed, SeedSection
from reconciler.config.settings import Guardrails, Target
from reconciler.config.validation import (
    INT32_MAX,
    NOT_BLANK,
    Id,
    Schema,
    kind_of,
    passing,
    pattern_of,
    refusal,
    shape,
    without_null,
)
from reconciler.config.yaml import Unreadable
from reconciler.engine.kind import Json
from reconciler.expoints.seed import (
    ADDRESS,
    DATE_FORM,
    LONGEST,
    SENDINGS,
    TIME_FORM,
    DataItem,
    Moment,
    Seed,
    SeedCustomer,
    Send,
    Value,
    as_written,
    canonical,
    days_meant,
    is_one_address,
    is_relative,
    mailed_from,
    masked,
    matches,
    resolve,
    time_text,
)
from reconciler.problems import Place, Severity

_ZONE = {"x-unit": "in the workspace's time_zone"}
_ANY_TIME = datetime(2001, 1, 1, tzinfo=UTC)  # what is not relative is the same whenever a run starts


def _private(value: object) -> object:
    # Personal data, so a value of another type is not repeated to say how it is written.
    if isinstance(value, str):
        return value
    raise refusal("wrong-type", f"text is expected, this is {kind_of(value)}", "write it in quotes")


def _private_id(value: object) -> object:
    if type(value) is int and not 1 <= value <= INT32_MAX:
        raise refusal("out-of-range", "this is no id", "write the id, a whole number from 1 on")
    return value


def _moment(value: str, *, is_time: bool = False) -> str:
    try:
        is_relative(Moment(value, is_time))
    except ValueError as error:
        if is_time:
            raise
        # What is in no form of a date may be anything, so it is not repeated.
        days = days_meant(value)
        message = f"{'this' if days is None else value} is no day that is understood here"
        hint = f"write {' or '.join(days)}: the year, the month, the day" if days else str(error)
        raise refusal("invalid-value", message, hint) from error
    return value


def _answered(value: str, info: ValidationInfo) -> str:
    """Return an absolute moment as ISO 8601 with an offset."""
    moment = Moment(value)
    if is_relative(moment):
        raise ValueError('write the day itself, like "2026-12-01": what was answered does not move')
    around = info.context
    if not isinstance(around, WorkspaceFiles):
        return value
    return resolve(moment, _ANY_TIME, around.zone)[0].isoformat()


def _name_or_code(value: object) -> object:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    message = f"the name or code of a status is expected, this is {kind_of(value)}"
    raise refusal("wrong-type", message, "write [Bounced, 12]")


def _file(value: object, info: ValidationInfo) -> tuple[str, str, int]:
    """Return the name of a file, its content in base64, and the size of that in bytes."""
    path, around = str(_private(value)), info.context
    name = PurePosixPath(path).name
    if not isinstance(around, WorkspaceFiles):
        return name, "", 0
    try:
        return name, around.in_base64(path), len(around.content(path))
    except Unreadable as unreadable:
        raise refusal(*unreadable.refusal) from unreadable


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return True


Private: TypeAlias = Annotated[str, BeforeValidator(_private)]
Address: TypeAlias = Annotated[
    Private,
    passing(
        is_one_address,
        "not-one-address",
        "this is not exactly one address",
        "write one plain address, like qa+john@example.com: no blanks, name, list, quotes or brackets",
    ),
    shape(pattern=pattern_of(ADDRESS), maxLength=LONGEST),
]
Label: TypeAlias = Annotated[
    str,
    passing(str.strip, "too-short", "nothing stands in it", "write at least one character, or leave it out"),
    shape(pattern=NOT_BLANK),
]
Base64: TypeAlias = Annotated[
    Private, passing(_is_base64, "invalid-value", "this is not base64", "write base64, or file: with a path")
]
Date: TypeAlias = Annotated[
    Private,
    AfterValidator(_moment),
    shape(pattern=pattern_of(DATE_FORM), examples=["today", "+21d", "2026-12-01"], **_ZONE),
]
TimeOfDay: TypeAlias = Annotated[
    str,
    AfterValidator(partial(_moment, is_time=True)),
    shape(pattern=pattern_of(TIME_FORM), examples=["11:30"], **_ZONE),
]
Answered: TypeAlias = Annotated[Private, AfterValidator(_answered), shape(pattern=pattern_of(DATE_FORM))]
Int: TypeAlias = Annotated[int, Field(ge=-INT32_MAX, le=INT32_MAX)]
TypeOfBatch: TypeAlias = Annotated[
    Literal["0", "1", "email", "portal"],
    BeforeValidator(
        lambda value: str(value) if type(value) is int else value, Literal["0", "1", "email", "portal", 0, 1]
    ),
]
StatusName: TypeAlias = Annotated[
    str | int, PlainValidator(_name_or_code), WithJsonSchema({"type": ["string", "integer"]})
]
PrivateId: TypeAlias = Annotated[int, BeforeValidator(_private_id, Id)]


class _Written(ApiFields):
    """A field is null only where the vendor's type has one."""

    nullable: ClassVar[frozenset[str]] = frozenset()  # the fields for which the vendor's samples send a null

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
        None, description="The thumbprint of the certificate it is encrypted for."
    )
    encryption_key: Private | None = Field(None, description="The key, itself encrypted for the certificate.")

    @model_validator(mode="after")
    def _all_three_or_none(self) -> _Encryptable:
        values = (self.certificate_thumbprint, self.encryption_key)
        given = {bool(self.is_encrypted), *(value is not None for value in values)}
        if len(given) > 1:
            hint = "add the others of is_encrypted: true, certificate_thumbprint and encryption_key"
            raise refusal("missing-field", "an encrypted value has all three fields of its encryption", hint)
        return self

    @property
    def encryption(self) -> tuple[str, str] | None:
        """The certificate's thumbprint and the key, of an encrypted value."""
        thumbprint, key = self.certificate_thumbprint, self.encryption_key
        return None if thumbprint is None or key is None else (thumbprint, key)


class DataValue(_Encryptable):
    """One value of a customer's data. Every value is text; blanks around it may matter and stay."""

    value: Private = Field(description="The value, as text.")


class _TextOrValue:
    """Plain text stands for itself, which is what nearly all data is; anything else is a `DataValue`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, read: (
                value if type(value) is str else read(value if isinstance(value, dict) else {"value": value})
            ),
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

    file: Annotated[Any, PlainValidator(_file), WithJsonSchema({"type": "string"})] = Field(
        None, description="Path inside the workspace; its content is sent, with its name and size."
    )
    data: Base64 | None = Field(None, description="The content in base64.")
    file_name: Private | None = Field(None, description="Its name; left out, that of `file`.")
    file_type: Private | None = Field(None, description="What the API expects here is not documented.")
    file_size: Annotated[int, Field(ge=0)] | None = Field(None, description="In bytes; left out: counted.")
    id: Id | None = Field(None, description="What belongs here for a new answer is not documented.")
    answer_id: Id | None = Field(None, description="Not documented either for a new answer.")

    @model_validator(mode="after")
    def _one_content(self) -> FileAnswer:
        if (self.file is None) == (self.data is None):
            raise refusal(
                "contradiction", "a file answer has one content", "write file: PATH, or data: BASE64"
            )
        return self

    @model_serializer
    def _members(self) -> dict[str, Any]:
        said = {to_pascal(name): getattr(self, name) for name in self.model_fields_set - {"file", "data"}}
        data = self.data or ""
        name, content, size = self.file or ("", data, len(base64.b64decode(data)))
        return {"FileName": name, "FileSize": size, **said, "Data": content}


class Answer(_Written):
    """A pre-filled answer. No documented call lists questions, so none of this can be checked."""

    base_question_id: Id = Field(description="The question that is answered.")
    is_not_applicable_selected: bool | None = Field(None, description="That it is “not applicable”.")
    text: Private | None = Field(None, description="An answer in words.")
    selected_scale_positions: list[ScalePosition] | None = Field(None, description="An answer on a scale.")
    date_answered: Answered | None = Field(None, description="When, in the workspace's time_zone.")
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
    end_date: Date | None = Field(
        None, description="When the questionnaire closes; null is that of the seed."
    )
    priority: Int | None = Field(
        None, description="Among waiting customers of one address; the highest is mailed."
    )
    previous_id: PrivateId | None = Field(None, description="An earlier customer whose data is copied.")
    data: dict[str, Annotated[str | DataValue, _TextOrValue]] | None = Field(
        None, description="Column, by its name or its id in quotes → text, or a value that is encrypted."
    )
    answers: list[Answer] | None = Field(None, description="Pre-filled answers.")
    answers_to_copy: list[PrivateId] | None = Field(None, description="Copy these of previous_id.")
    copy_all_answers: bool | None = Field(None, description="Copy all answers of previous_id.")

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
    end_date: Date | None = Field(None, description="When the questionnaire closes.")
    send_time: TimeOfDay | None = Field(None, description="No mail goes before this time of day.")
    is_test: bool | None = Field(None, description="Kept out of the results; mail is sent all the same.")
    type_batch: TypeOfBatch | None = Field(None, description="email, unless Expoints says portal.")
    allow_duplicate_email: bool | None = Field(None, description="One address several times in the batch.")
    notification_email_addresses: list[Address] | None = Field(
        None, description="Who is told about the batch; with none, the front office would be."
    )
    batch_name: Private | None = Field(None, description="The name of the batch at Expoints.")
    is_concept: bool | None = Field(None, description="For trying a concept questionnaire; a test as well.")

    send: Annotated[Send, Field(strict=False), shape(enumDescriptions=[SENDINGS[one] for one in Send])] = (
        Field(Send.ONCE, description="When it is sent.")
    )
    round: Label = Field("1", max_length=100, description="A new round sends again.")
    after: list[str] | None = Field(
        None, max_length=100, description="Resources that must be as declared before it is sent."
    )
    shared_mailbox: bool = Field(False, description="Its mailboxes may stand in other seeds that say so too.")
    fault_statuses: list[StatusName] | None = Field(
        None, description="Statuses of the tenant, by name or code, that mean that no mail was sent."
    )
    defaults: dict[str, Any] | None = Field(None, description="What counts for every customer.")
    customers: list[Any] | None = Field(None, description="To whom it goes: [{email: …, data: {…}}].")
    customers_from: Private | None = Field(None, description="A .csv or .jsonl file inside the workspace.")


BATCH = frozenset(CustomerSeed.model_fields) - {
    "send", "round", "after", "shared_mailbox", "fault_statuses", "defaults", "customers", "customers_from",
}  # fmt: skip
"""The fields of a seed that are members of the request."""

MOST_BYTES = 20_000_000
"""Of the files that a seed sends as answers, in base64, and of all its texts; each as often as it is sent."""

_MOMENTS = {"EndDate", "SendDate", "TransactionDate", "SendTime"}


_MEMBERS = set(Customer.model_fields) - {"email", "data"}


def seed_of(draft: DeclaredSeed[CustomerSeed, Customer]) -> Seed:
    """Return the seed that a draft declares."""
    fields = draft.fields
    batch = _members(fields, set(BATCH))
    if fields.notification_email_addresses is not None:
        # Vendor: a comma-separated list.
        batch["NotificationEmailAddresses"] = ",".join(fields.notification_email_addresses)
    customers = []
    for one in draft.customers:
        places, data, row = dict[str, Place](), list[DataItem](), one.written[0]
        for layer in reversed(one.written):
            below = layer.find("data")
            places |= {name: node.key_place for name, node in below.entries()} if below else {}
        for name, said in (one.fields.data or {}).items():
            column = int(name) if re.fullmatch(r"[1-9][0-9]{0,9}", name) else name  # digits are its id
            value, how = (said, None) if isinstance(said, str) else (said.value, said.encryption)
            data.append(DataItem(column, value, places[name], how))
        members, source = _members(one.fields, _MEMBERS), row.source
        email = one.fields.email
        customers.append(SeedCustomer(row.place, email, members, tuple(data), source.header, source.columns))
    return Seed(
        key=draft.key,
        place=draft.place,
        customers=tuple(customers),
        batch=batch,
        send=fields.send,
        round=canonical(fields.round),
        after=draft.after,
        shared_mailbox=fields.shared_mailbox,
        fault_statuses=tuple(fields.fault_statuses or ()),
    )


def _members(fields: BaseModel, names: set[str]) -> dict[str, Value]:
    """Return the fields that are set, as members of the API; dates and times among them as moments."""
    dumped = fields.model_dump(by_alias=True, exclude_unset=True, include=names)
    return {
        name: Moment(value, is_time=name == "SendTime")
        if name in _MOMENTS and isinstance(value, str)
        else value
        for name, value in dumped.items()
    }


def check_declared(seed: Seed, target: Target, zone: ZoneInfo) -> Iterator[Finding]:
    """Yield all that can be said against a seed on a target from the files alone."""
    if target.expoints is None:
        hint = "add expoints: {url: …} to the target, or leave it out of targets"
        yield Finding("no-tenant", "targets", f"target {target.name} has no expoints:", hint)
    else:
        yield from check_seed(seed, target.guardrails, f"target {target.name}")
    yield from check_days(seed, zone)
    yield from _warnings(seed, zone)
    files = texts = 0
    for customer in seed.customers:
        texts += sum(map(_size, customer.members.values())) + sum(len(item.value) for item in customer.data)
        answers = customer.members.get("Answers")
        for answer in answers if isinstance(answers, list) else ():
            sent = answer.get("FileAnswers") if isinstance(answer, dict) else None
            for file in sent if isinstance(sent, list) else ():
                files += _size(file.get("Data")) if isinstance(file, dict) else 0
    if files > MOST_BYTES:
        message = f"its file answers are larger than {MOST_BYTES // 1_000_000} MB together"
        yield Finding("answers-too-large", "", message, "send smaller files, or to fewer customers")
    elif texts > MOST_BYTES:
        message = f"all that its customers hold is larger than {MOST_BYTES // 1_000_000} MB together"
        yield Finding("too-much", "", message, "write shorter values, or send to fewer customers")


def check_seed(seed: Seed, allowed: Guardrails, target: str = "the target") -> Iterator[Finding]:
    """Yield why a seed must not be sent; no finding proves that it is a test to allowed recipients only.

    Mail is sent even for a test batch, so this is checked when planning and again right before sending.
    Pure. No message repeats an address, a number or a value. `target` is named in messages. The path of a
    finding is that of the field in the files, `customers.3.email`, or empty where one is missing.
    """
    if seed.batch.get("IsTest") is not True and seed.batch.get("IsConcept") is not True:
        message = "it is no test: neither is_test nor is_concept is true"
        path = "is_test" if "IsTest" in seed.batch else "is_concept" if "IsConcept" in seed.batch else ""
        yield Finding("not-a-test", path, message, "write is_test: true; this tool sends nothing else")
    if not seed.customers:
        hint = "add customers: [{email: …}], or customers_from: PATH"
        yield Finding("no-customers", "", "it has no customers", hint)
    yield from _recipients(seed, allowed, target)
    for number, customer in enumerate(seed.customers):
        phone = customer.members.get("PhoneNumber")
        if phone is not None and phone not in allowed.allowed_phone_numbers:
            message = f"this number is not in allowed_phone_numbers of {target}"
            path = f"customers.{number}.phone_number"
            yield Finding("phone-number-not-allowed", path, message, "leave it out, or add it there")
    for number, customer in enumerate(seed.customers if not allowed.allow_copies else ()):
        for name in customer.copies:
            message = (
                f"it copies from an earlier customer, who may be a real person; {target} does not allow it"
            )
            hint = "leave it out, or add allow_copies: true to the expoints: of the target, or to guardrails:"
            path = f"customers.{number}.{name}"
            yield Finding("copies-not-allowed", path, message, hint)


def _recipients(seed: Seed, allowed: Guardrails, target: str) -> Iterator[Finding]:
    addresses = {f"customers.{number}.email": one.email for number, one in enumerate(seed.customers)}
    notified = seed.batch.get("NotificationEmailAddresses")
    if not allowed.allowed_recipients:
        message = f"{target} has no allowed_recipients, so nothing may be sent there"
        hint = 'add allowed_recipients: ["*@qa.example.com"] to its expoints:, or to guardrails:'
        # Missing is the setting, not a field of the seed, so it is reported whatever else is wrong.
        yield Finding("no-allowed-recipients", "targets", message, hint)
        addresses = {}
    elif notified:
        for number, address in enumerate(str(notified).split(",")):
            addresses[f"notification_email_addresses.{number}"] = address
    if not notified:
        message = "no address is to be notified, so the vendor would notify the front office"
        hint = "add notification_email_addresses: [one of your own]"
        path = "notification_email_addresses" if notified is not None else ""
        yield Finding("no-notification-address", path, message, hint)
    for path, address in addresses.items():
        if not is_one_address(address):
            hint = "write one plain address, like qa+john@example.com"
            yield Finding("not-one-address", path, "this is not exactly one address", hint)
        elif not matches(address, allowed.allowed_recipients):
            message = f"{masked(address)} is not in allowed_recipients of {target}"
            hint = "use a mailbox of your own that is, or add its pattern there"
            yield Finding("recipient-not-allowed", path, message, hint)


def place_of(seed: Seed, finding: Finding) -> Place:
    """Return the place of the customer that a finding of `check_seed` is about, else that of the seed."""
    match finding.path.split("."):
        case ["customers", number, *_]:
            return seed.customers[int(number)].place
    return seed.place


def check_mailboxes(seeds: Sequence[Seed]) -> Iterator[tuple[int, Finding]]:
    """Yield the mailboxes that are twice in a seed, or in several of a target, with the number of the seed.

    `allow_duplicate_email: true` allows the one, `shared_mailbox: true` in all of those seeds the other.
    """
    holders: dict[str, dict[int, int]] = {}
    for at, seed in enumerate(seeds):
        for number, customer in enumerate(seed.customers):
            first = holders.setdefault(customer.mailbox, {}).setdefault(at, number)
            if first != number and seed.batch.get("AllowDuplicateEmail") is not True:
                other = seed.customers[first].place
                message = f"the mailbox {masked(customer.email)} is that of another customer, at {other}"
                hint = "give each its own, or write allow_duplicate_email: true"
                yield at, Finding("duplicate-mailbox", f"customers.{number}.email", message, hint)
    for numbers in holders.values():
        for at, number in numbers.items() if len(numbers) > 1 else ():
            if not seeds[at].shared_mailbox:
                key = next(seeds[one].key for one in numbers if one != at)
                message = f"the mailbox {masked(seeds[at].customers[number].email)} stands in {key} too"
                hint = "give each seed its own, or write shared_mailbox: true in both"
                yield at, Finding("shared-mailbox", f"customers.{number}.email", message, hint)


def _size(value: Value) -> int:
    """Return how many characters of text a value holds."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str) else 0


def check_days(seed: Seed, zone: ZoneInfo, now: datetime | None = None) -> Iterator[Finding]:
    """Yield the questionnaires that close before they can be answered, and the days of mail that are over.

    The run starts at `now`; without it, only those of which that holds whenever a run starts. What holds of
    several customers is yielded once. Vendor: a customer is mailed after its `SendDate`, but not before the
    `SendTime` of the batch, and opens nothing after an `EndDate`. What becomes of a `SendDate` that is over
    is not said.
    """
    start, clock = now or datetime(2001, 1, 1, tzinfo=zone), seed.batch.get("SendTime")
    over, late = dict[str, list[str]](), dict[tuple[str, str, datetime], list[str]]()  # → paths
    for number, customer in enumerate(seed.customers):
        own, send = customer.members.get("EndDate"), customer.members.get("SendDate")
        end, path = (own, f"customers.{number}.end_date") if own else (seed.batch.get("EndDate"), "end_date")
        if not isinstance(send, Moment):  # vendor: null is now
            send = Moment("now")
        first, today = mailed_from(send, clock, start, zone), resolve(Moment("today"), start, zone)[0]
        if (now or is_relative(send)) and resolve(send, start, zone)[0] < today:
            over.setdefault(send.text, []).append(f"customers.{number}.send_date")
        told = f"send_date {send.text}" + (f", send_time {clock.text}" if isinstance(clock, Moment) else "")
        # A relative moment and an absolute one can be compared only when the run starts.
        if not isinstance(end, Moment) or (now is None and is_relative(end) != is_relative(send)):
            continue
        if resolve(end, start, zone)[0] <= first:
            late.setdefault((end.text, told, first), []).append(path)
    for text, found in over.items():
        message = f"send_date {text} is before today, so mail may go at once{_of(found)}"
        yield Finding("send-date-over", found[0], message, "write today, or a day to come", Severity.WARNING)
    for (text, told, first), found in late.items():
        when = time_text(first, zone) if now else "that"
        message = f"the questionnaire closes at {text}, and no mail goes before {when} ({told}){_of(found)}"
        hint = "write a later end_date; a day without a time is its beginning"
        yield Finding("ends-before-sending", found[0], message, hint)


def _of(customers: Sequence[str]) -> str:
    return f", for {len(customers)} customers" if len(customers) > 1 else ""


def _warnings(seed: Seed, zone: ZoneInfo) -> Iterator[Finding]:
    """Yield the times that a clock change moves, and what is copied in vain."""
    places = [("", seed.batch), *((f"customers.{n}.", c.members) for n, c in enumerate(seed.customers))]
    for before, members in places:
        for name in ("EndDate", "SendDate", "TransactionDate"):
            moment = members.get(name)
            if isinstance(moment, Moment) and not is_relative(moment):
                at, note = resolve(moment, _ANY_TIME, zone)
                if note:
                    hint = f"that is {time_text(at, zone)}"
                    yield Finding("clock-change", f"{before}{to_snake(name)}", note, hint, Severity.WARNING)
        some, whole = members.get("AnswersToCopy"), members.get("CopyAllAnswers")
        path = f"{before}answers_to_copy" if some else f"{before}copy_all_answers"
        if (some or whole) and members.get("PreviousId") is None:
            message = "there is no previous customer to copy answers of"
            hint = "add previous_id, or leave this out"
            yield Finding("nothing-to-copy", path, message, hint, Severity.WARNING)
        if some and whole:
            message = "all answers are to be copied as well; which wins is not documented"
            hint = "keep one of answers_to_copy and copy_all_answers"
            yield Finding("copied-twice", path, message, hint, Severity.WARNING)


PLAIN_FIELDS = BATCH | {"send", "round", "shared_mailbox"}
"""The fields of a seed that are one value, by which seeds can be looked for."""


def plain_fields(seed: Seed) -> dict[str, Json]:
    """Return the values of these fields that count, as the files call and write them."""
    names = {info.alias: name for name, info in CustomerSeed.model_fields.items()}
    own = {"send": seed.send.value, "round": seed.round, "shared_mailbox": seed.shared_mailbox}
    return {**own, **{names[member]: value for member, value in as_written(seed.batch).items()}}


_FIRST = ("targets", "send", "round", "after", "is_test", "is_concept")
_LAST = ("shared_mailbox", "fault_statuses", "defaults", "customers", "customers_from")

SEEDS = SeedSection(
    name="customer_seeds",
    facts=Facts(
        sources={
            "": "vendor pages POST-api-v3-customer-add and ImportCustomer (documented)",
            **dict.fromkeys(CustomerSeed.model_fields.keys() - BATCH - {"customers"}, ""),
            "customers.answers.file_answers.file": "",
        },
        defaults={
            "type_batch": ("0, which is email", "documented"),
            "allow_duplicate_email": ("false", "documented"),
            "customers.send_date": ("now", "documented"),
            "customers.transaction_date": ("today", "documented"),
            "customers.end_date": ("that of the seed; without one the system decides", "documented"),
            "customers.priority": ("0", "documented"),
        },
        unknown={
            "send_time": "which zone the API takes a time without an offset for; one is always sent",
            "allow_duplicate_email": "whether a second one fails the whole batch or is dropped",
            "customers.copy_all_answers": "what counts where answers_to_copy is given too",
            "customers.phone_number": "what it is used for",
            "customers.data.encryption_key": "how a value is encrypted: the vendor names three fields only",
            "customers.answers.selected_scale_positions": "which of id, label and value says what is meant",
        },
    ),
    order=(*_FIRST, *(name for name in CustomerSeed.model_fields if name not in _FIRST + _LAST), *_LAST),
    fields=CustomerSeed,
    row=Customer,
    defaults=CustomerDefaults,
    cells={
        **dict.fromkeys(("email", "phone_number", "send_date", "transaction_date", "end_date"), str),
        **dict.fromkeys(("priority", "previous_id"), int),
        "copy_all_answers": bool,
    },
    identity="email",
    words={f"{kind}{rest}" for kind in ("email", "mail") for rest in ("", "address", "adres", "adresse")},
    build=seed_of,
    check=check_declared,
    check_together=check_mailboxes,
)
"""What the files layer needs in order to read seeds; hand it to `config.load.load`."""
