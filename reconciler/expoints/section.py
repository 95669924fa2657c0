"""The `customer_seeds` section of the files: how a seed is made of what it declares, and what is refused.

Mail is sent even for a test batch, so the refusals are a proof: that it is a test, and that every address and
phone number in it is one that the target allows (`check_seed`). They are pure, and looked at again right
before sending. No message repeats an address, a number or a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Protocol
from zoneinfo import ZoneInfo

from reconciler.config import rows
from reconciler.config.drafts import Customer as DraftCustomer
from reconciler.config.drafts import Draft, SeedSection
from reconciler.config.section import Finding
from reconciler.config.settings import Target
from reconciler.engine.kind import Json
from reconciler.expoints.model import BATCH, Customer, CustomerDefaults, CustomerSeed, column_of
from reconciler.expoints.moments import is_relative, resolve, spoken
from reconciler.expoints.recipients import is_one_address, masked, matches
from reconciler.expoints.seed import DataItem, Moment, MomentKind, Seed, SeedCustomer, Value, copies_of
from reconciler.problems import Place, Severity

CODES: Mapping[str, str] = {
    "not-a-test": "a seed without is_test: true or is_concept: true",
    "not-one-address": "something else than exactly one plain address",
    "no-allowed-recipients": "a target that allows no recipient",
    "recipient-not-allowed": "an address that the target does not allow",
    "phone-number-not-allowed": "a phone number that the target does not allow",
    "copies-not-allowed": "data or answers to copy where the target does not allow it",
    "no-notification-address": "a batch of which the front office would be told",
    "duplicate-mailbox": "a mailbox twice in a seed that does not allow it",
    "shared-mailbox": "a mailbox in two seeds of a target that do not both allow it",
    "no-customers": "a seed without customers",
    "no-tenant": "a seed on a target without expoints:",
    "ends-before-sending": "a questionnaire that is closed before its mail is sent",
    "clock-change": "a local time that a change of the clock leaves out or repeats (warning)",
    "nothing-to-copy": "answers to copy without a previous customer (warning)",
    "answers-too-large": "files that answer questions, too large together for a request",
    "copied-twice": "all answers and some answers to copy at once (warning)",
}
"""Every code that a problem of a seed can have beside those of `config.codes`, and what it means."""

MOST_BYTES = 20_000_000
"""Of the files that a seed sends as answers, in base64, and of all its texts; each as often as it is sent."""

_KINDS = {
    "EndDate": MomentKind.DATE,
    "SendDate": MomentKind.DATE,
    "TransactionDate": MomentKind.DATE,
    "SendTime": MomentKind.TIME_OF_DAY,
}
_FIELDS = {"EndDate": "end_date", "SendDate": "send_date", "TransactionDate": "transaction_date"}


class Allowed(Protocol):
    """The guardrails of a target that concern whom it may write to."""

    @property
    def allowed_recipients(self) -> Collection[str]:
        """Patterns of addresses."""

    @property
    def allowed_phone_numbers(self) -> Collection[str]:
        """Numbers, literally."""

    @property
    def allow_copies(self) -> bool:
        """Whether data and answers of earlier customers may be copied into a batch."""


def seed_of(draft: Draft[CustomerSeed, Customer]) -> Seed:
    """Return the seed that a draft declares."""
    fields = draft.fields
    return Seed(
        key=draft.key,
        place=draft.place,
        customers=tuple(_customer(customer) for customer in draft.customers),
        batch=_batch(fields),
        send=fields.send,
        round=fields.round,
        after=draft.after,
        shared_mailbox=fields.shared_mailbox,
        fault_statuses=tuple(fields.fault_statuses or ()),
        table=draft.table,
    )


def _batch(fields: CustomerSeed) -> dict[str, Value]:
    members = _members(fields.model_dump(by_alias=True, exclude_unset=True, include=set(BATCH)))
    if fields.notification_email_addresses is not None:
        # Vendor: a comma-separated list.
        members["NotificationEmailAddresses"] = ",".join(fields.notification_email_addresses)
    return members


def _customer(customer: DraftCustomer[Customer]) -> SeedCustomer:
    fields = customer.fields
    dumped = fields.model_dump(by_alias=True, exclude_unset=True, exclude={"email", "data"})
    return SeedCustomer(customer.place, fields.email, _members(dumped), tuple(_data(customer)))


def _members(dumped: Mapping[str, Value]) -> dict[str, Value]:
    """Return members of the API with what is a moment among them told apart."""
    return {
        name: Moment(value, _KINDS[name]) if name in _KINDS and isinstance(value, str) else value
        for name, value in dumped.items()
    }


def _data(customer: DraftCustomer[Customer]) -> Iterator[DataItem]:
    places = customer.written.places_below("data")
    for name, said in (customer.fields.data or {}).items():
        if isinstance(said, str):
            yield DataItem(column_of(name), said, places[name])
        else:
            yield DataItem(column_of(name), said.value, places[name], said.encryption)


def check_declared(seed: Seed, target: Target, zone: ZoneInfo) -> Iterator[Finding]:
    """Yield all that can be said against a seed on a target from the files alone."""
    if target.expoints is None:
        hint = "add expoints: {url: …} to the target, or leave it out of targets"
        yield Finding("no-tenant", "targets", f"target {target.name} has no expoints:", hint)
    else:
        yield from check_seed(seed, target.guardrails, f"target {target.name}")
    yield from _duplicates(seed)
    yield from check_expiry(seed, zone)
    yield from _clock_changes(seed, zone)
    yield from _copies(seed)
    yield from _sizes(seed)


def check_seed(seed: Seed, allowed: Allowed, target: str = "the target") -> Iterator[Finding]:
    """Yield why a seed must not be sent; nothing is the proof that it is a test to allowed recipients only.

    Pure, so that it can be asked again right before sending. `target` is named in messages. The path of a
    finding is that of the field in the files, `customers.3.email`, or empty where one is missing.
    """
    yield from _test(seed)
    if not seed.customers:
        hint = "add customers: [{email: …}], or customers_from: PATH"
        yield Finding("no-customers", "", "it has no customers", hint)
    yield from _recipients(seed, allowed, target)
    yield from _notified(seed, allowed, target)
    yield from _phone_numbers(seed, allowed, target)
    yield from _copied(seed, allowed, target)


def place_of(seed: Seed, finding: Finding) -> Place:
    """Return where the customer stands that a finding of `check_seed` is about, else where the seed does."""
    match finding.path.split("."):
        case ["customers", number, *_]:
            return seed.customers[int(number)].place
    return seed.place


def _test(seed: Seed) -> Iterator[Finding]:
    if seed.batch.get("IsTest") is not True and seed.batch.get("IsConcept") is not True:
        message = "it is no test: neither is_test nor is_concept is true"
        path = "is_test" if "IsTest" in seed.batch else "is_concept" if "IsConcept" in seed.batch else ""
        yield Finding("not-a-test", path, message, "write is_test: true; this tool sends nothing else")


def _recipients(seed: Seed, allowed: Allowed, target: str) -> Iterator[Finding]:
    if not allowed.allowed_recipients:
        message = f"{target} has no allowed_recipients, so nothing may be sent there"
        hint = 'add allowed_recipients: ["*@qa.example.com"] to its expoints:, or to guardrails:'
        # Missing is the setting, not a field of the seed, so it is told whatever else is wrong.
        yield Finding("no-allowed-recipients", "targets", message, hint)
        return
    for number, customer in enumerate(seed.customers):
        yield from _recipient(customer.email, f"customers.{number}.email", allowed, target)


def _notified(seed: Seed, allowed: Allowed, target: str) -> Iterator[Finding]:
    addresses = seed.batch.get("NotificationEmailAddresses")
    if not addresses:
        message = "nobody is to be notified, so the vendor would notify the front office"
        hint = "add notification_email_addresses: [one of your own]"
        path = "notification_email_addresses" if addresses is not None else ""
        yield Finding("no-notification-address", path, message, hint)
        return
    for number, address in enumerate(str(addresses).split(",") if allowed.allowed_recipients else ()):
        yield from _recipient(address, f"notification_email_addresses.{number}", allowed, target)


def _recipient(address: str, path: str, allowed: Allowed, target: str) -> Iterator[Finding]:
    if not is_one_address(address):
        hint = "write one plain address, like qa+john@example.com"
        yield Finding("not-one-address", path, "this is not exactly one address", hint)
    elif not matches(address, allowed.allowed_recipients):
        message = f"{masked(address)} is not in allowed_recipients of {target}"
        hint = "use a mailbox of your own that is, or add its pattern there"
        yield Finding("recipient-not-allowed", path, message, hint)


def _phone_numbers(seed: Seed, allowed: Allowed, target: str) -> Iterator[Finding]:
    for number, customer in enumerate(seed.customers):
        phone = customer.members.get("PhoneNumber")
        if phone is not None and phone not in allowed.allowed_phone_numbers:
            message = f"this number is not in allowed_phone_numbers of {target}"
            hint = "leave it out, or add it there"
            yield Finding("phone-number-not-allowed", f"customers.{number}.phone_number", message, hint)


def _copied(seed: Seed, allowed: Allowed, target: str) -> Iterator[Finding]:
    """Yield what would copy from an earlier customer of the tenant, who may be a real person."""
    for number, customer in enumerate(seed.customers if not allowed.allow_copies else ()):
        for name in copies_of(customer):
            message = (
                f"it copies from an earlier customer, who may be a real person; {target} does not allow it"
            )
            hint = "leave it out, or add allow_copies: true to the expoints: of the target, or to guardrails:"
            yield Finding("copies-not-allowed", f"customers.{number}.{name}", message, hint)


def _duplicates(seed: Seed) -> Iterator[Finding]:
    if seed.batch.get("AllowDuplicateEmail") is True:
        return
    first: dict[str, SeedCustomer] = {}
    for number, customer in enumerate(seed.customers):
        other = first.setdefault(customer.mailbox, customer)
        if other is not customer:
            message = f"the mailbox {masked(customer.email)} is that of another customer, at {other.place}"
            hint = "give each its own, or write allow_duplicate_email: true"
            yield Finding("duplicate-mailbox", f"customers.{number}.email", message, hint)


def check_mailboxes(seeds: Sequence[Seed]) -> Iterator[tuple[int, Finding]]:
    """Yield the mailboxes that stand in several seeds of a target, with the number of the seed.

    All of those seeds have to say `shared_mailbox: true`; each that does not is told once for each mailbox.
    """
    holders: dict[str, dict[int, int]] = {}
    for at, seed in enumerate(seeds):
        for number, customer in enumerate(seed.customers):
            holders.setdefault(customer.mailbox, {}).setdefault(at, number)
    for numbers in holders.values():
        for at, number in numbers.items() if len(numbers) > 1 else ():
            if not seeds[at].shared_mailbox:
                other = next(seeds[one] for one in numbers if one != at)
                yield at, _shared(seeds[at].customers[number], number, other)


def _shared(customer: SeedCustomer, number: int, other: Seed) -> Finding:
    message = f"the mailbox {masked(customer.email)} stands in {other.key} too"
    hint = "give each seed its own, or write shared_mailbox: true in both"
    return Finding("shared-mailbox", f"customers.{number}.email", message, hint)


def _sizes(seed: Seed) -> Iterator[Finding]:
    answers = (data for customer in seed.customers for data in _sent_files(customer.members.get("Answers")))
    if sum(map(len, answers)) > MOST_BYTES:
        message = f"its file answers are larger than {MOST_BYTES // 1_000_000} MB together"
        yield Finding("answers-too-large", "", message, "send smaller files, or to fewer customers")
    elif sum(map(_size, seed.customers)) > MOST_BYTES:
        message = f"all that its customers hold is larger than {MOST_BYTES // 1_000_000} MB together"
        yield Finding("too-much", "", message, "write shorter values, or send to fewer customers")


def _size(value: SeedCustomer | Value) -> int:
    """Return how many characters of text a customer holds, or a part of one."""
    if isinstance(value, SeedCustomer):
        return sum(map(_size, value.members.values())) + sum(len(item.value) for item in value.data)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str) else 0


def _sent_files(value: Value) -> Iterator[str]:
    """Yield the content of every file in answers, in base64."""
    if isinstance(value, list):
        yield from (data for item in value for data in _sent_files(item))
    elif isinstance(value, dict):
        if isinstance(data := value.get("Data"), str):
            yield data
        yield from _sent_files(value.get("FileAnswers"))


def check_expiry(seed: Seed, zone: ZoneInfo, now: datetime | None = None) -> Iterator[Finding]:
    """Yield the questionnaires that close before their mail is sent, in a run that starts at `now`.

    Without `now`, only those of which that holds whenever a run starts. Each `end_date` is told once.
    """
    told: set[str] = set()
    is_over = cache(partial(_is_over, zone=zone, now=now))
    for number, customer in enumerate(seed.customers):
        own, send = customer.members.get("EndDate"), customer.members.get("SendDate")
        end, path = (own, f"customers.{number}.end_date") if own else (seed.batch.get("EndDate"), "end_date")
        if path not in told and isinstance(end, Moment) and is_over(end, _sent(send)):
            told.add(path)
            message = f"the questionnaire closes at {end}, and the customer is mailed at {_sent(send)}"
            hint = "write a later end_date; a day without a time is its beginning"
            yield Finding("ends-before-sending", path, message, hint)


def _sent(send_date: Value) -> Moment:
    # Vendor: null is now.
    return send_date if isinstance(send_date, Moment) else Moment("now", MomentKind.DATE)


def _is_over(end: Moment, send: Moment, zone: ZoneInfo, now: datetime | None) -> bool:
    # A relative moment and an absolute one can be compared only when the run starts.
    if now is None and is_relative(end) != is_relative(send):
        return False
    start = now or datetime(2001, 1, 1, tzinfo=zone)
    return resolve(end, start, zone).at <= resolve(send, start, zone).at


def _clock_changes(seed: Seed, zone: ZoneInfo) -> Iterator[Finding]:
    for path, moment in _moments(seed):
        if not is_relative(moment):
            at, note = resolve(moment, datetime.fromtimestamp(0, UTC), zone)
            if note:
                yield Finding("clock-change", path, note, f"that is {spoken(at, zone)}", Severity.WARNING)


def _moments(seed: Seed) -> Iterator[tuple[str, Moment]]:
    places = [("", seed.batch), *((f"customers.{n}.", c.members) for n, c in enumerate(seed.customers))]
    for before, members in places:
        for name, path in _FIELDS.items():
            value = members.get(name)
            if isinstance(value, Moment):
                yield f"{before}{path}", value


def _copies(seed: Seed) -> Iterator[Finding]:
    for number, customer in enumerate(seed.customers):
        some, whole = customer.members.get("AnswersToCopy"), customer.members.get("CopyAllAnswers")
        path = f"customers.{number}." + ("answers_to_copy" if some else "copy_all_answers")
        if (some or whole) and customer.members.get("PreviousId") is None:
            hint = "add previous_id, or leave this out"
            yield _warning("nothing-to-copy", path, "there is no previous customer to copy answers of", hint)
        if some and whole:
            message = "all answers are to be copied as well; which wins is not documented"
            yield _warning("copied-twice", path, message, "keep one of answers_to_copy and copy_all_answers")


def _warning(code: str, path: str, message: str, hint: str) -> Finding:
    return Finding(code, path, message, hint, Severity.WARNING)


PLAIN_FIELDS = BATCH | {"send", "round", "shared_mailbox"}
"""The fields of a seed that are one value, by which seeds can be looked for."""


def plain_fields(seed: Seed) -> dict[str, Json]:
    """Return what counts of these fields, as the files call and write them."""
    names = {info.alias: name for name, info in CustomerSeed.model_fields.items()}
    batch = {
        names[member]: str(value) if isinstance(value, Moment) else value
        for member, value in seed.batch.items()
    }
    own = {"send": seed.send.value, "round": seed.round, "shared_mailbox": seed.shared_mailbox}
    return {**own, **batch}


_FIRST = ("targets", "send", "round", "after", "is_test", "is_concept")
_LAST = ("shared_mailbox", "fault_statuses", "defaults", "customers", "customers_from")

SEEDS = SeedSection(
    name="customer_seeds",
    order=(*_FIRST, *(name for name in CustomerSeed.model_fields if name not in _FIRST + _LAST), *_LAST),
    account="expoints",
    fields=CustomerSeed,
    row=Customer,
    defaults=CustomerDefaults,
    columns=rows.Columns(
        cells={
            **dict.fromkeys(
                ("email", "phone_number", "send_date", "transaction_date", "end_date"), rows.text
            ),
            **dict.fromkeys(("priority", "previous_id"), rows.whole_number),
            "copy_all_answers": rows.truth,
        },
        identity="email",
        others=("data", "answers", "answers_to_copy"),
    ),
    build=seed_of,
    check=check_declared,
    check_together=check_mailboxes,
)
"""What the files layer needs in order to read seeds; hand it to `config.load.load`."""
