"""The import configuration as the engine and the files see it: one table, derived from the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from reconciler.checkmarket.model import ColumnMapping, ImportConfig
from reconciler.engine.kind import Field, Json, Kind, Member, Rows, as_it_is

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


_NORMAL: Mapping[str, Callable[[Json], Json]] = {
    "survey_settings.invitation_time": normal_time,
    "survey_settings.expiration_time": normal_time,
}
# INF: the PUT page numbers its sample strings by a counter that only members without a null advance.
_NOT_NULLABLE = frozenset({"send_notification_mail", "is_reusable"})
# Vendor page POST-3-contacts-import-configs: left empty, the first import defines it.
_FILLS_ITSELF = frozenset({"column_mappings"})


def _rows(model: type[BaseModel], identity: str) -> Rows:
    return Rows(identity, {info.alias or name: name for name, info in model.model_fields.items()})


def _leaves(model: type[BaseModel], path: str = "", member: Member = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        here = f"{path}{name}"
        there = (*member, info.alias or name)
        group = next(
            (t for t in get_args(info.annotation) if isinstance(t, type) and issubclass(t, BaseModel)), None
        )
        if group:
            yield from _leaves(group, f"{here}.", there)
        else:
            yield _field(here, there)


def _field(path: str, member: Member) -> Field:
    return Field(
        path,
        member,
        normal=_NORMAL.get(path, as_it_is),
        rows=_rows(ColumnMapping, "SourceColumnNumber") if path == "column_mappings" else None,
        nullable=path not in _NOT_NULLABLE,
        fills_itself=path in _FILLS_ITSELF,
    )


IMPORT_CONFIGS = Kind(
    name="import_configs",
    fields=tuple(_leaves(ImportConfig)),
    id_member="ImportConfigId",
    name_field="name",
    visible_field="is_reusable",
    server_members=frozenset({("ImportConfigId",)}),
)
