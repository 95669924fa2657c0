"""A small kind of resource, so that these tests speak of the files and of no vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from reconciler.config.section import Finding, Named, Section
from reconciler.engine import kind
from reconciler.engine.declared import Declared
from reconciler.problems import Severity


def _hour(value: str) -> str:
    if ":" not in value:
        raise ValueError('an hour is written like "09:00"')
    return value


class _Toy(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_pascal, validate_by_name=True,
        validate_by_alias=False,
    )  # fmt: skip


class Schedule(_Toy):
    survey_id: Annotated[int, Field(ge=1)] | None = None
    at: Annotated[str, AfterValidator(_hour)] | None = None
    days: Annotated[int, Field(ge=0, le=99)] | None = None


class Column(_Toy):
    number: int
    fills: Annotated[str, Field(min_length=1)]


class Mailing(_Toy):
    name: Annotated[str, Field(max_length=50)] | None = None
    list_id: int | None = None
    schedule: Schedule | None = None
    columns: list[Column] | None = None
    is_open: bool | None = None
    note: Annotated[str, Field(max_length=10)] | None = None


_LEAVES = (
    "name",
    "list_id",
    "schedule.survey_id",
    "schedule.at",
    "schedule.days",
    "columns",
    "is_open",
    "note",
)


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
