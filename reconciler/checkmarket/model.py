"""The import configuration as people write it: the vendor's own fields in snake_case, with their limits.

Source, where nothing else is said: vendor page PUT-3-contacts-import-configs-importConfigId; for the survey
settings the vendor's model page ImportSurveyLink. Ranges are those of the types that the pages' samples show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.config.sections import ApiFields
from reconciler.config.validation import NOT_BLANK, pattern_of, shape
from reconciler.engine.kind import Json

INT32_MAX = 2**31 - 1
BYTE_MAX = 255

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_DATE_LETTERS = re.compile(r"[yMd]")


def _time_of_day(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError('a time of day in UTC is written "hh:mm", like "09:00"')
    return value


def _date_format(value: str) -> str:
    if value and not _DATE_LETTERS.search(value):
        raise ValueError('a date format is made of y, M and d, like "yyyy-MM-dd" (the case matters)')
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("a name holds at least one character that can be seen")
    return value


Id = Annotated[int, Field(ge=1, le=INT32_MAX)]
Days = Annotated[int, Field(ge=0, le=INT32_MAX)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day), shape(pattern=pattern_of(_TIME), examples=["09:00"])]
Name = Annotated[str, Field(max_length=50), AfterValidator(_not_blank), shape(pattern=NOT_BLANK)]
DateFormat = Annotated[
    str,
    Field(max_length=10),
    AfterValidator(_date_format),
    shape(pattern=f"^$|{_DATE_LETTERS.pattern}", examples=["yyyy-MM-dd"]),
]
Delimiter = Annotated[str, Field(max_length=10)]


UPDATE_TYPES: Mapping[Json, str] = {
    1: "update existing contacts within this survey",
    2: "always create new contacts",
}
"""What the vendor means by each `UpdateTypeId`."""


class SurveySettings(ApiFields):
    """To which survey the imported contacts are linked, and when they are invited (ImportSurveyLink)."""

    survey_id: Id | None = Field(None, description="The survey to link to.")
    invitation_delay_in_days: Days | None = Field(
        None, description="Days before the mail goes; empty or 0 is at once. E-mail channel only."
    )
    invitation_time: TimeOfDay | None = Field(
        None, description='UTC "hh:mm" of the invitation; a time already past, or none, is at once.'
    )
    expiration_after_days: Days | None = Field(
        None, description="Days after the import on which the invitation lapses."
    )
    expiration_time: TimeOfDay | None = Field(None, description='UTC "hh:mm" at which it lapses.')
    consider_cooldown_period: bool | None = Field(
        None, description="Whether the four cooldown rules below count."
    )
    survey_cooldown_after_invitation: Days | None = Field(
        None, description="Days an address is skipped after an invitation to this survey."
    )
    survey_cooldown_after_response: Days | None = Field(
        None, description="Days an address is skipped after it completed this survey."
    )
    account_cooldown_after_invitation: Days | None = Field(
        None, description="The same after an invitation to any survey of the account."
    )
    account_cooldown_after_response: Days | None = Field(
        None, description="The same after any completed survey of the account."
    )


class ColumnMapping(ApiFields):
    """Which column of an uploaded file becomes which member of a contact (ImportColumnMapping)."""

    source_column_number: Annotated[int, Field(ge=0, le=BYTE_MAX)] = Field(
        description="The number of the column in the file, 0 to 255."
    )
    target_column_name: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="The contact member it fills, like Email or CustomField1."
    )


class ImportConfig(ApiFields):
    """How uploaded contacts become survey invitations: every writable field of the vendor's page."""

    name: Name | None = Field(
        None, description="Your own reference, shown in the Tool too; at most 50 characters."
    )
    contact_group_id: Id | None = Field(
        None, description="Obsolete: groups no longer exist; import into a survey instead."
    )
    contact_list_id: Id | None = Field(
        None, description="The contact list that imported contacts are linked to."
    )
    survey_settings: SurveySettings | None = Field(
        None, description="The survey that imported contacts are added to, and how."
    )
    column_mappings: list[ColumnMapping] | None = Field(
        None,
        description="Columns of a file uploaded in the Tool; the first import fills it in.",
    )
    email_must_be_unique_within_account: bool | None = Field(
        None, description="A contact of the account with the same address is updated."
    )
    email_must_be_unique_within_group: bool | None = Field(
        None, description="A contact of the group with the same address is updated; groups are obsolete."
    )
    email_must_be_unique_within_file: bool | None = Field(
        None, description="An address may stand in a file or request once."
    )
    email_is_required: bool | None = Field(
        None, description="Rows without an address are refused (result R0307)."
    )
    date_format: DateFormat | None = Field(
        None,
        description="How dates are written in the file, in y, M and d; empty is the account's own format.",
    )
    first_row: Annotated[int, Field(ge=0, le=INT32_MAX)] | None = Field(
        None, description="The row of the file with the first contact. Not used by API imports."
    )
    field_delimiter: Delimiter | None = Field(None, description="What separates columns in a file.")
    row_delimiter: Delimiter | None = Field(None, description=r"What separates lines in a file, like \n.")
    send_notification_mail: bool | None = Field(None, description="Mail a notification after each import.")
    is_reusable: bool | None = Field(
        None, description="false hides the configuration from the API and the Tool, for good."
    )
    default_language_code: str | None = Field(
        None, description="The two-letter language of contacts whose row names none."
    )
    update_type_id: Annotated[int, Field(ge=1, le=2)] | None = Field(
        None, description=". ".join(f"{code}: {meaning}" for code, meaning in UPDATE_TYPES.items()) + "."
    )
