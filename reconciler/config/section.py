"""A section of the files, as a vendor package describes it: what may stand in it, and what to check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from reconciler.engine.declared import Declared
from reconciler.engine.kind import Json, Kind
from reconciler.problems import Severity


class ApiFields(BaseModel):
    """Fields of an API as a person writes them: nothing is converted, nothing unknown is let through.

    The alias of a field is its member in the API's body; it is not accepted in files.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=False,
    )


class Finding(Struct, frozen=True):
    """Something a section's own check found in one resource, at the field `path` (empty: the resource)."""

    code: str
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


class Named(Struct, frozen=True):
    """A field that people may write by name instead of by id: `survey` for `survey_id`; both are one field.

    `what` is the sort of thing named. With `mapped`, names are looked up in the target's mapping of that
    name (`contact_lists`) while the files are read; otherwise the value becomes a `Reference`.
    """

    path: str
    field: str
    what: str
    mapped: str = ""


class Section(Struct, frozen=True):
    """One kind of resource in the files."""

    kind: Kind
    model: type[BaseModel]
    """The fields, strict, every one optional; the alias of a field is its member in the API's body."""
    named: tuple[Named, ...] = ()
    check: Callable[[Declared], Iterable[Finding]] = lambda _: ()
    meanings: Mapping[str, Mapping[Json, str]] = field(default_factory=dict)
    """Fields that hold a code: path → code → what the vendor means by it, to be written beside it."""
    older_names: Mapping[str, str] = field(default_factory=dict)
    """Names that older documentation used → the path meant today, for suggestions."""
    account: str = ""
    """The section of a target that opens the account where they live: `checkmarket`; empty for none."""
