"""The import configuration: as people write it, as the engine compares it, and what the vendor says on it.

Source, where nothing else is said: vendor page PUT-3-contacts-import-configs-importConfigId; for the survey
settings the vendor's model page ImportSurveyLink. Ranges are those of the types that the pages' samples show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, get_args

from msgspec.structs import replace
from pydantic import BaseModel, BeforeValidator, Field

from reconciler.checkmarket.effects import COOLDOWNS, RULES, SETTINGS, SURVEY, SWITCH, effects
from reconciler.config.names import visible
from reconciler.config.resources import ApiFields, Facts, Finding, Named, Section
from reconciler.config.validation import INT32_MAX, NOT_BLANK, Id, passing, pattern_of, shape
from reconciler.engine.kind import Declared, Json, Kind, Member, Policy, Reference, Rows
from reconciler.engine.kind import Field as Leaf
from reconciler.problems import Severity

BYTE_MAX = 255

_TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
# Vendor: y, M and d, and the case matters. What may stand between them is not said.
_DATE_FORMAT = r"(?=.*[yMd])[-yMd/.,:_ ]+"
# ISO 639-1, which lookups of the vendor's languages answer in. Whether a region may follow is not said.
LANGUAGES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz "
    "ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii "
    "ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi "
    "mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw "
    "sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk "
    "ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_LANGUAGE = f"(?:{LANGUAGES.replace(' ', '|')})(?:[-_][A-Za-z0-9]+)*"
CONTACT_MEMBERS: Mapping[str, tuple[int | None, str]] = {
    "Email": (100, "email"),
    "FirstName": (50, "text"),
    "LastName": (50, "text"),
    "LangCode": (2, "language"),
    "Phone": (20, "phone"),
    "Gender": (1, "gender"),
    "DateOfBirth": (None, "date"),
    "Street": (50, "text"),
    "HouseNumber": (6, "text"),
    "Suite": (4, "text"),
    "PostalCode": (15, "text"),
    "City": (50, "text"),
    "State": (2, "state"),
    "Province": (50, "text"),
    "Country": (2, "country"),
    "DateToBeMailed": (None, "date"),
    "DateToExpire": (None, "date"),
    # CLIENT: a program that calls the API has 20 of them.
    **{f"CustomField{number}": (256, "text") for number in range(1, 21)},
}
"""Each member of a contact: its most characters, and what it holds, as `contacts.model.Member` has it.

DOC for a contact (vendor's model page newcontact), INF as names of a column's target.
"""
_MOST_ROWS = 1_048_576  # of a sheet of Excel
_ESCAPE = re.compile(r"\\(?:[xu]?[0-9A-Fa-f]+|.)")
_LANGUAGE_NAMES = {
    **dict.fromkeys(("nederlands", "dutch", "vlaams", "flemish", "nld", "dut"), "nl"),
    **dict.fromkeys(("english", "engels", "eng"), "en"),
    **dict.fromkeys(("français", "french", "frans", "fra", "fre"), "fr"),
    **dict.fromkeys(("deutsch", "german", "duits", "deu", "ger"), "de"),
}
_DELIMITER_NAMES = {
    "semicolon": ";",
    "puntkomma": ";",
    "comma": ",",
    "komma": ",",
    "tab": r"\t",
    "tabulator": r"\t",
    "pipe": "|",
    "bar": "|",
    "colon": ":",
    "newline": r"\n",
    "lf": r"\n",
    "linefeed": r"\n",
    "crlf": r"\r\n",
    "cr": r"\r",
}


def _checked(pattern: str, hint: str | Callable[[str], str]) -> BeforeValidator:
    """Return what refuses a text that the pattern does not match from end to end, however long."""
    is_one = passing(
        lambda value: not isinstance(value, str) or re.fullmatch(pattern, value, re.DOTALL),
        *("invalid-value", "this value is not allowed", hint),
    )
    return BeforeValidator(is_one.func)


# Parts of a date as strftime, other programs and other languages write them → in the vendor's letters.
_DATE_PARTS = {
    "%-?[de]": "dd", "%-?m": "MM", "%Y": "yyyy", "%y": "yy", "[jJ](?=.*[aA])|[DTtgG]": "d", "m": "M",
    "[YJjaA]": "y", "[\u2010-\u2015\u2212]": "-",
}  # fmt: skip


def _date_hint(value: str) -> str:
    """Return what to write instead of a date format: the same in the vendor's letters, where it is one."""
    meant = value.strip()
    for part, letters in _DATE_PARTS.items():
        meant = re.sub(part, letters, meant)
    form = meant if len(meant) <= 10 and {*"yMd"} <= {*meant} and re.fullmatch(_DATE_FORMAT, meant) else ""
    rule = "a date format is made of y, M, d and what stands between them (the case matters)"
    return f'{rule}: write "{form}"' if form else f'{rule}, like "yyyy-MM-dd"'


def _language_hint(value: str) -> str:
    """Return what to write instead of what is no code of a language."""
    code = value.strip().lower()
    code = _LANGUAGE_NAMES.get(code) or re.split("[-_]", code)[0]
    rule = "a language is its ISO 639-1 code, two small letters"
    return f'{rule}: write "{code}"' if code in LANGUAGES.split() else f'{rule}, like "nl" or "en"'


Days = Annotated[int, Field(ge=0, le=INT32_MAX), shape(**{"x-unit": "days"})]
TimeOfDay = Annotated[
    str,
    _checked(_TIME, 'a time of day in UTC is written "hh:mm", like "09:00"'),
    shape(pattern=pattern_of(_TIME), examples=["09:00"], **{"x-unit": "hh:mm, in UTC"}),
]
Name = Annotated[
    str,
    Field(max_length=50),
    _checked(rf".*{NOT_BLANK}.*", "a name holds at least one character that can be seen"),
    shape(pattern=NOT_BLANK),
]
DateFormat = Annotated[
    str,
    Field(max_length=10),
    _checked(f"|{_DATE_FORMAT}", _date_hint),
    shape(pattern=pattern_of(f"|{_DATE_FORMAT}"), examples=["yyyy-MM-dd"]),
]
Language = Annotated[
    str,
    _checked(f"|{_LANGUAGE}", _language_hint),
    shape(pattern=pattern_of(f"|{_LANGUAGE}"), examples=["nl", "en"]),
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
        None, description="Whether the four rules …_cooldown_after_… count."
    )
    survey_cooldown_after_invitation: Days | None = Field(
        None, description="Days an address is skipped after an invitation to this survey."
    )
    survey_cooldown_after_response: Days | None = Field(
        None, description="Days an address is skipped after it completed this survey."
    )
    account_cooldown_after_invitation: Days | None = Field(
        None, description="Days an address is skipped after an invitation to any survey of the account."
    )
    account_cooldown_after_response: Days | None = Field(
        None, description="Days an address is skipped after it completed any survey of the account."
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
        None, description="Columns of a file uploaded in the Tool; the first import fills it in."
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
    field_delimiter: Delimiter | None = Field(
        None, description="What separates columns in a file: the characters, not their name.", examples=[";"]
    )
    row_delimiter: Delimiter | None = Field(
        None, description=r"What separates lines in a file, like \n: not its name.", examples=[r"\n"]
    )
    send_notification_mail: bool | None = Field(None, description="Mail a notification after each import.")
    is_reusable: bool | None = Field(
        None, description="false hides the configuration from the API and the Tool, for good."
    )
    default_language_code: Language | None = Field(
        None, description="The ISO 639-1 language, two letters, of contacts whose row names none."
    )
    update_type_id: Annotated[int, Field(ge=1, le=2)] | None = Field(
        None, description=". ".join(f"{code}: {meaning}" for code, meaning in UPDATE_TYPES.items()) + "."
    )


_LONG_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?")


def normal_time(value: Json) -> Json:
    """Return a time of day as `hh:mm`, with seconds and fraction only where they are not zero.

    The API takes `hh:mm` (ImportSurveyLink); the sample of the PUT page shows `hh:mm:ss.fffffff`.
    """
    match = _LONG_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    hours, minutes, seconds, fraction = match.groups()
    fraction = (fraction or "").rstrip("0")
    text = f"{int(hours):02}:{minutes}"
    if fraction or (seconds or "00") != "00":
        text += f":{seconds}"
    return f"{text}.{fraction}" if fraction else text


_TIMES = frozenset({"survey_settings.invitation_time", "survey_settings.expiration_time"})
# INF: the PUT page numbers its sample strings by a counter that only members without a null advance.
_NOT_NULLABLE = frozenset({"send_notification_mail", "is_reusable"})
_COLUMNS = "column_mappings"


def _leaves(model: type[BaseModel], path: str = "", member: Member = ()) -> Iterator[Leaf]:
    """Yield the fields of a model as the engine sees them: each leaf, with its path and its member."""
    for name, info in model.model_fields.items():
        here, there = f"{path}{name}", (*member, info.alias or name)
        types = [t for t in get_args(info.annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
        if types:
            yield from _leaves(types[0], f"{here}.", there)
            continue
        columns = {one.alias or column: column for column, one in ColumnMapping.model_fields.items()}
        leaf = Leaf(
            here,
            there,
            rows=Rows("SourceColumnNumber", columns) if here == _COLUMNS else None,
            nullable=here not in _NOT_NULLABLE,
            # Vendor page POST-3-contacts-import-configs: left empty, the first import defines it.
            fills_itself=here == _COLUMNS,
        )
        yield replace(leaf, normal=normal_time) if here in _TIMES else leaf


IMPORT_CONFIGS = Kind(
    name="import_configs",
    fields=tuple(_leaves(ImportConfig)),
    id_member="ImportConfigId",
    name_field="name",
    visible_field="is_reusable",
    server_members=frozenset({("ImportConfigId",)}),
    effects=effects,
    effect_rules=RULES,
)


_UNIQUE = (
    "email_must_be_unique_within_account",
    "email_must_be_unique_within_group",
    "email_must_be_unique_within_file",
)
_FILE_ONLY = (_COLUMNS, "first_row")


def check(declared: Declared) -> Iterator[Finding]:
    """Yield what the vendor's pages say against this import configuration, errors and warnings."""
    values = {path: given.value for path, given in declared.given.items()}
    name, reusable = declared.rulings.get("name"), declared.rulings.get("is_reusable")
    if declared.absent or declared.hidden:
        pass  # it needs no name
    elif name and name.policy is Policy.RESET:
        yield Finding("name-reset", "name", "a name cannot be reset", "declare the name")
    elif name and declared.id is None:
        message = "a kept name needs an id to find it by"
        yield Finding("name-missing", "name", message, "declare the name or an id")
    elif not name and values.get("name") is None:
        yield Finding("name-missing", "", "it has no name", "add name: …, at most 50 characters")
    # Vendor on a false one: the configuration is then available neither in the API nor in the Tool.
    if reusable and reusable.policy is Policy.RESET:
        message = "a reset of is_reusable would hide the configuration for good"
        yield Finding("reusable-reset", "is_reusable", message, "leave it out")
    if values.get("is_reusable", False) is None:
        message = "is_reusable is true or false, never null"
        yield Finding("reusable-null", "is_reusable", message, "leave it out")
    mappings = values.get(_COLUMNS)
    rows = mappings if isinstance(mappings, list) else []
    numbers = Counter(str(row["SourceColumnNumber"]) for row in rows if isinstance(row, dict))
    for number in sorted(number for number, times in numbers.items() if times > 1):
        message = f"column {number} is mapped more than once"
        yield Finding("duplicate-column", _COLUMNS, message, "map each column once")
    yield from _doubtful(declared, values)
    yield from _doubtful_words(values)
    if rows or values.keys() & {"field_delimiter", "first_row"}:
        yield from _unusable(declared, values, rows)


def _doubtful(declared: Declared, values: Mapping[str, Json | Reference]) -> Iterator[Finding]:
    warning = partial(Finding, severity=Severity.WARNING)

    # Declared with no value, or not kept as it is live.
    empty = {
        path
        for path in (SURVEY, SWITCH)
        if values.get(path) is None
        and (path in values or declared.policy(IMPORT_CONFIGS.by_path[path]) is not Policy.KEEP)
    }
    if values.get("contact_group_id") is not None:
        hint = "import into a survey or a contact list instead"
        yield warning("obsolete-field", "contact_group_id", "contact groups no longer exist", hint)
    for path in _FILE_ONLY:
        if values.get(path) is not None:
            message = "API imports do not use this; only uploads in the Tool do"
            yield warning("file-imports-only", path, message, "")
    update_type = values.get("update_type_id")
    unique = [path for path in _UNIQUE if values.get(path) is True]
    if update_type == 2 and unique:
        message = (
            f"2 always creates contacts, {unique[0]} updates existing ones; which wins is not documented"
        )
        hint = "use update_type_id: 1, or drop the uniqueness"
        yield warning("contradiction", "update_type_id", message, hint)
    settings = next((path for path, value in values.items() if path.startswith(SETTINGS) and value), None)
    if settings and SURVEY in empty:
        message = "survey_settings name no survey, so there is none that they could be about"
        yield warning("no-survey", settings, message, "declare survey_settings.survey")
    elif update_type == 1 and SURVEY in empty:
        message = "1 updates contacts of “this survey”, and no survey is declared"
        yield warning("contradiction", "update_type_id", message, "declare survey_settings.survey")
    switch = values.get(SWITCH)
    if switch is False or SWITCH in empty:
        is_not = "false" if switch is False else "not set"
        for path in COOLDOWNS:
            if values.get(path):
                message = f"its switch consider_cooldown_period is {is_not}"
                yield warning("contradiction", path, message, "set the switch, or drop the number")


def _doubtful_words(values: Mapping[str, Json | Reference]) -> Iterator[Finding]:
    """Yield what may not mean to the vendor what it means to people."""
    warning = partial(Finding, severity=Severity.WARNING)
    language = values.get("default_language_code")
    if isinstance(language, str) and (code := re.split("[-_]", language)[0]) != language:
        message = f"{language} is a language with a region, and the vendor speaks of two letters"
        yield warning("language-with-region", "default_language_code", message, f'write "{code}"')
    form = values.get("date_format")
    if isinstance(form, str) and form and (missing := [one for one in "yMd" if one not in form]):
        message = f"a date in this format has no {' and no '.join(missing)}"
        yield warning("incomplete-date-format", "date_format", message, 'write all three, like "yyyy-MM-dd"')
    for path in ("field_delimiter", "row_delimiter"):
        value = values.get(path)
        if isinstance(value, str) and re.search(r"[^\W_]", _ESCAPE.sub("", value)):
            character = _DELIMITER_NAMES.get(value.strip().lower())
            message = f"{value} stands for itself, so a file would have to hold that text"
            hint = f"write '{character}'" if character else "write the characters themselves, like ';'"
            yield warning("delimiter-in-words", path, message, hint)


def _unusable(
    declared: Declared, values: Mapping[str, Json | Reference], rows: Sequence[Json]
) -> Iterator[Finding]:
    """Yield what no file of contacts could satisfy."""
    warning = partial(Finding, severity=Severity.WARNING)
    members = {one.lower(): one for one in CONTACT_MEMBERS}
    targets = Counter(str(row["TargetColumnName"]) for row in rows if isinstance(row, dict))
    meant = Counter[str]()
    for target, times in targets.items():
        member = members.get(re.sub(r"[\W_]", "", target).lower(), target)
        meant[member] += times
        if member != target:
            message = f'the target "{visible(target)}" looks like the member {member} of a contact'
            yield warning("member-lookalike", _COLUMNS, message, f"write {member}")
    for member in sorted(member for member, times in meant.items() if times > 1):
        message = f"{meant[member]} columns are mapped to {visible(member)}, and a contact has one"
        yield warning("member-mapped-twice", _COLUMNS, message, "map one of them")
    if rows and values.get("email_is_required") is True and "Email" not in meant:
        message = "no column is mapped to Email, so every row would be refused (R0307)"
        yield warning("email-not-mapped", "email_is_required", message, "map the column of the addresses")
    language = "default_language_code"
    ruling = declared.rulings.get(language)
    is_empty = not values.get(language, True) or (ruling is not None and ruling.policy is Policy.RESET)
    if rows and is_empty and "LangCode" not in meant:
        message = "no column is mapped to LangCode either, so contacts have no language (R0305)"
        yield warning("no-language", language, message, 'declare one, like "nl", or map a column')
    breaks = {r"\t": "\t", r"\r": "\r", r"\n": "\n"}
    field, row = (
        re.sub(r"\\[trn]", lambda found: breaks[found.group()], str(values.get(path) or ""))
        for path in ("field_delimiter", "row_delimiter")
    )
    if field and (field in (row or "\r\n") or (row and row in field)):
        message = "columns and lines are separated by the same characters"
        yield warning("delimiter-clash", "field_delimiter", message, "choose another for one of them")
    elif field and field in str(values.get("date_format") or ""):
        message = f"it stands in dates too, as date_format {values['date_format']} has them"
        yield warning("delimiter-clash", "field_delimiter", message, "choose another, or put dates in quotes")
    first = values.get("first_row")
    if isinstance(first, int) and first > _MOST_ROWS:
        message = f"a sheet of Excel ends at row {_MOST_ROWS:,}"
        yield warning("first-row-too-far", "first_row", message, "write the row of the first contact")


_INFERRED, _DOCUMENTED = "inferred", "documented"
_FACTS = Facts(
    sources={
        "": "vendor page PUT-3-contacts-import-configs-importConfigId (documented; number ranges inferred)",
        "survey_settings": "vendor's model page ImportSurveyLink (documented; number ranges inferred)",
    },
    defaults={
        "survey_settings.invitation_delay_in_days": ("empty: mail goes at once", _DOCUMENTED),
        "survey_settings.invitation_time": ("empty: mail goes at once", _DOCUMENTED),
        "date_format": ("empty: the account's own date format", _DOCUMENTED),
        "column_mappings": ("empty: the next import fills it in", _DOCUMENTED),
        "send_notification_mail": ("false", _INFERRED),
        "is_reusable": ("false", _INFERRED),
    },
    unknown={
        "name": "whether two configurations may have one name, and whether letter case counts",
        "contact_list_id": "whether it may stand beside a survey; no call finds a list by its name",
        "survey_settings.survey_id": "whether a survey that is neither in development nor live is taken",
        "survey_settings.consider_cooldown_period": "what the numbers of the rules do while it is false",
        "column_mappings.target_column_name": "which names there are: the vendor publishes no list",
        "email_must_be_unique_within_group": "what it does, now that groups no longer exist",
        "first_row": "whether the first row of a file is 0 or 1",
        "row_delimiter": r"whether \n is sent as these two characters or as a line break",
        "is_reusable": "whether a configuration that is hidden can be brought back by its id",
        "default_language_code": "whether a region may follow, as in nl-BE",
        "update_type_id": "what 1 does without a survey, and whether 2 or a true email_must_be_unique_… wins",
    },
)


SECTION = Section(
    kind=IMPORT_CONFIGS,
    facts=_FACTS,
    model=ImportConfig,
    account="checkmarket",
    named=(
        Named("survey_settings.survey", "survey_settings.survey_id", "survey"),
        Named("contact_list", "contact_list_id", "contact list", mapped="contact_lists"),
    ),
    check=check,
    meanings={"update_type_id": UPDATE_TYPES},
    # The vendor's own Node example sends DefaultLanguage; today's reference says DefaultLanguageCode.
    older_names={"DefaultLanguage": "default_language_code", "ContactList": "contact_list_id"},
)
