"""What an editor can see of a value whose own rule is a function: its shape, for JSON Schemas.

A shape never refuses what the rule accepts; the rule may be stricter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import Field, WithJsonSchema

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, or a part of one."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""What every schema of ours is written in."""

NOT_BLANK = r"\S"
"""The pattern of a text in which something can be seen."""


def shape(**keywords: Any) -> Any:
    """Return the annotation that adds these keywords of JSON Schema to those of a type."""
    return Field(json_schema_extra=keywords)


def shaped(**keywords: Any) -> WithJsonSchema:
    """Return the annotation that makes these keywords the whole schema of a type that has none itself."""
    return WithJsonSchema(keywords)


def pattern_of(form: re.Pattern[str] | str) -> str:
    """Return the pattern of the texts that match a form from end to end, as every dialect reads it."""
    text = form if isinstance(form, str) else form.pattern
    # Only Python writes the names of groups so; no form refers back to one.
    return f"^(?:{re.sub(r'[(][?]P<[a-z]+>', '(?:', text)})$"


def without_null(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a value that may be anything else than null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    beside = {name: part for name, part in schema.items() if name != "anyOf"}
    # What stands beside the choice, its description, is about this very place: it counts.
    return (
        {**choices[0], **beside}
        if len(choices) == 1
        else {**schema, **({"anyOf": choices} if choices else {})}
    )
