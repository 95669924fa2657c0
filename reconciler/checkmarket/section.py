"""The `import_configs` section of the files: its model, its names for ids, and what else to check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.checkmarket.kind import IMPORT_CONFIGS
from reconciler.checkmarket.model import UPDATE_TYPES, ImportConfig
from reconciler.config.sections import Finding, Named, Section
from reconciler.engine.declared import Declared, Reference
from reconciler.engine.kind import Json, Policy
from reconciler.problems import Severity

_UNIQUE = (
    "email_must_be_unique_within_account",
    "email_must_be_unique_within_group",
    "email_must_be_unique_within_file",
)
_COOLDOWNS = tuple(
    f"survey_settings.{whose}_cooldown_after_{what}"
    for whose in ("survey", "account")
    for what in ("invitation", "response")
)
_FILE_ONLY = ("column_mappings", "first_row")


def check(declared: Declared) -> Iterator[Finding]:
    """Yield what the vendor's pages say against this import configuration, errors and warnings."""
    if not declared.absent and not declared.hidden:
        yield from _identity(declared)
    yield from _reusable(declared)
    yield from _columns(declared)
    yield from _pointless(declared)
    yield from _contradictions(declared)


def _value(declared: Declared, path: str) -> Json | Reference:
    given = declared.given.get(path)
    return given.value if given else None


def _identity(declared: Declared) -> Iterator[Finding]:
    ruling = declared.rulings.get("name")
    if ruling and ruling.policy is Policy.RESET:
        yield Finding("name-reset", "name", "a name cannot be reset", "declare the name")
    elif ruling and declared.id is None:
        yield Finding(
            "name-missing", "name", "a kept name needs an id to find it by", "declare the name or an id"
        )
    elif not ruling and _value(declared, "name") is None:
        yield Finding("name-missing", "", "it has no name", "add name: …, at most 50 characters")


def _reusable(declared: Declared) -> Iterator[Finding]:
    # Vendor on a false one: the configuration is then available neither in the API nor in the Tool.
    ruling = declared.rulings.get("is_reusable")
    if ruling and ruling.policy is Policy.RESET:
        yield Finding(
            "reusable-reset",
            "is_reusable",
            "a reset of is_reusable would hide the configuration for good",
            "leave it out",
        )
    if "is_reusable" in declared.given and _value(declared, "is_reusable") is None:
        yield Finding(
            "reusable-null", "is_reusable", "is_reusable is true or false, never null", "leave it out"
        )


def _columns(declared: Declared) -> Iterator[Finding]:
    mappings = _value(declared, "column_mappings")
    numbers = (
        [row["SourceColumnNumber"] for row in mappings if isinstance(row, dict)]
        if isinstance(mappings, list)
        else []
    )
    for number in sorted(str(n) for n, times in Counter(map(str, numbers)).items() if times > 1):
        yield Finding(
            "duplicate-column",
            "column_mappings",
            f"column {number} is mapped more than once",
            "map each column once",
        )


def _pointless(declared: Declared) -> Iterator[Finding]:
    if _value(declared, "contact_group_id") is not None:
        yield Finding(
            "obsolete-field",
            "contact_group_id",
            "contact groups no longer exist",
            "import into a survey or a contact list instead",
            Severity.WARNING,
        )
    for path in _FILE_ONLY:
        if _value(declared, path) is not None:
            yield Finding(
                "file-imports-only",
                path,
                "API imports do not use this; only uploads in the Tool do",
                "",
                Severity.WARNING,
            )


def _contradictions(declared: Declared) -> Iterator[Finding]:
    def warning(path: str, message: str, hint: str) -> Finding:
        return Finding("contradiction", path, message, hint, Severity.WARNING)

    update_type = _value(declared, "update_type_id")
    unique = [path for path in _UNIQUE if _value(declared, path) is True]
    if update_type == 2 and unique:
        yield warning(
            "update_type_id",
            f"2 always creates contacts, {unique[0]} updates existing ones; which wins is not documented",
            "use update_type_id: 1, or drop the uniqueness",
        )
    if update_type == 1 and _value(declared, "survey_settings.survey_id") is None:
        yield warning(
            "update_type_id",
            "1 updates contacts of “this survey”, and no survey is declared",
            "declare survey_settings.survey",
        )
    if _value(declared, "survey_settings.consider_cooldown_period") is False:
        for path in _COOLDOWNS:
            if _value(declared, path):
                yield warning(
                    path, "its switch consider_cooldown_period is false", "set the switch, or drop the number"
                )


SECTION = Section(
    kind=IMPORT_CONFIGS,
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
