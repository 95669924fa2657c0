"""A small kind of resource and one of seed, so that these tests speak of the files and of no vendor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_pascal

from reconciler.config.load import SeedsByName
from reconciler.config.resources import ApiFields, Finding, Named, Section
from reconciler.config.seeds import DeclaredSeed, SeedSection
from reconciler.config.settings import Target
from reconciler.engine import kind
from reconciler.engine.kind import Declared
from reconciler.problems import Severity


def _hour(value: str) -> str:
    if ":" not in value:
        raise ValueError('an hour is written like "09:00"')
    return value


class Schedule(ApiFields):
    survey_id: Annotated[int, Field(ge=1)] | None = None
    at: Annotated[str, AfterValidator(_hour)] | None = None
    days: Annotated[int, Field(ge=0, le=99)] | None = None


class Column(ApiFields):
    number: int
    fills: Annotated[str, Field(min_length=1)]


class Mailing(ApiFields):
    name: Annotated[str, Field(max_length=50)] | None = None
    list_id: int | None = None
    schedule: Schedule | None = None
    columns: list[Column] | None = None
    is_open: bool | None = None
    note: Annotated[str, Field(max_length=10)] | None = None


_SCHEDULE = ("schedule.survey_id", "schedule.at", "schedule.days")
_LEAVES = ("name", "list_id", *_SCHEDULE, "columns", "is_open", "note")


def check(declared: Declared) -> Iterator[Finding]:
    if declared.id is None and "name" not in declared.given:
        yield Finding("toy-nameless", "", "it has no name", "add a name")
    note = declared.given.get("note")
    if note and note.value == "old":
        yield Finding("toy-old", "note", "this is old", "", Severity.WARNING)


MAILINGS = Section(
    kind=kind.Kind(
        name="mailings",
        fields=tuple(kind.Field(path, tuple(map(to_pascal, path.split(".")))) for path in _LEAVES),
        id_member="MailingId",
        name_field="name",
        visible_field="is_open",
        server_members=frozenset({("MailingId",)}),
    ),
    model=Mailing,
    named=(
        Named("schedule.survey", "schedule.survey_id", "survey"),
        Named("list", "list_id", "contact list", mapped="contact_lists"),
    ),
    check=check,
    older_names={"Remark": "note"},
)


class Reader(ApiFields):
    number: Annotated[int, Field(le=9)] | None = None
    is_kind: bool | None = None
    tags: list[str] | None = None
    data: dict[str, str] | None = None


class Addressee(Reader):
    email: str


class Letter(ApiFields):
    note: Annotated[str, Field(max_length=10)] | None = None
    pages: int | None = None
    after: list[str] | None = None
    defaults: dict[str, Any] | None = None
    customers: list[Any] | None = None
    customers_from: str | None = None


@dataclass(frozen=True)
class Posted:
    """What a draft of a letter becomes: the draft itself, so that all of it can be looked at."""

    draft: DeclaredSeed[Letter, Addressee]

    @property
    def emails(self) -> list[str]:
        return [customer.fields.email for customer in self.draft.customers]


def check_letter(letter: Posted, target: Target, zone: ZoneInfo) -> Iterator[Finding]:
    if not letter.emails:
        yield Finding("toy-nobody", "", f"it goes to nobody on {target.name}", "add customers")
    for number, email in enumerate(letter.emails):
        if email == zone.key:
            yield Finding("toy-zone", f"customers.{number}.email", "this is no address", "write one")
    if letter.draft.fields.pages == 0:
        yield Finding("toy-empty", "pages", "it has no pages", "", Severity.WARNING)


def check_letters(letters: Sequence[Posted]) -> Iterator[tuple[int, Finding]]:
    seen: set[str] = set()
    for at, letter in enumerate(letters):
        for number, email in enumerate(letter.emails):
            if email in seen:
                yield at, Finding("toy-twice", f"customers.{number}.email", "it has two letters", "write one")
        seen.update(letter.emails)


LETTER_SEEDS = SeedSection(
    name="letters",
    fields=Letter,
    row=Addressee,
    defaults=Reader,
    cells={"email": str, "number": int, "is_kind": bool},
    identity="email",
    words={"email", "mail"},
    build=Posted,
    check=check_letter,
    check_together=check_letters,
)
LETTERS: SeedsByName[Posted] = SeedsByName("letters", "", lambda: LETTER_SEEDS)
