"""Where a value is that does not belong in the files. It is read when it is needed, and never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from reconciler.config.files import content_of
from reconciler.config.shapes import NOT_BLANK, Schema
from reconciler.config.validation import refusal
from reconciler.config.wording import visible
from reconciler.errors import UsageError

LARGEST = 64_000
"""Bytes of a file that holds a value."""

_FORM = "write {env: NAME_OF_A_VARIABLE} or {file: PATH}"


class Kept(BaseModel):
    """A value by the variable or the file that holds it. Its repr shows neither."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    env: str | None = Field(None, description="The name of the variable that holds it.")
    file: str | None = Field(None, description="The path of the file that holds it, from the workspace.")
    _folder: Path = PrivateAttr(Path())

    def model_post_init(self, context: Any) -> None:
        """Remember the workspace, which a relative path of a file counts from."""
        self._folder = context if isinstance(context, Path) else Path()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return what an editor can check: one of the two, and which of them."""
        schema = handler(core)
        place = handler.resolve_ref_schema(schema)
        text = {"type": "string", "pattern": NOT_BLANK}
        place["properties"] = {
            name: {**text, "description": info.description}
            for name, info in cls.model_fields.items()
            if info.description
        }
        place.update(minProperties=1, maxProperties=1)
        return schema

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the value, a file's without one trailing newline.

        Errors: `UsageError` names the variable or file that is missing or empty; never a value.
        """
        value = environ.get(self.env, "") if self.env is not None else self._content()
        if not value:
            raise UsageError(f"{self._whence()} is missing or empty; it must hold what the target needs")
        return value

    def _content(self) -> str:
        try:
            content = content_of(self._folder / (self.file or ""), LARGEST + 1)
            text = content.decode("utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._whence()} cannot be read") from error
        if len(content) > LARGEST:
            raise UsageError(f"{self._whence()} is larger than any key; it must hold the value alone")
        return text.removesuffix("\n").removesuffix("\r")

    def _whence(self) -> str:
        return (
            f"the variable {visible(self.env)}"
            if self.env is not None
            else f"the file {visible(self.file or '')}"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__

    @field_validator("env", "file", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        # A value of another type may be a secret in the wrong place, so it is not shown.
        if isinstance(value, str) and value.strip():
            return value
        raise refusal("wrong-type", "the name of a variable, or a path, is text", _FORM)

    @model_validator(mode="after")
    def _exactly_one(self) -> Kept:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise refusal("contradiction", "it must stand in exactly one place", _FORM)
        return self


class Secret(Kept):
    """A secret: never in the files, where git keeps it."""

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, value: object) -> object:
        if isinstance(value, dict):
            return value
        raise refusal("inline-secret", "a secret does not belong in the files, where git keeps it", _FORM)


class Setting(Kept):
    """Something that is no secret by itself: as text, or by where it is."""

    text: str | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return what an editor can check: a text, or as `Kept`."""
        return {"anyOf": [{"type": "string"}, super().__get_pydantic_json_schema__(core, handler)]}

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the text, or as `Kept.read`."""
        return self.text if self.text is not None else super().read(environ)

    @model_validator(mode="before")
    @classmethod
    def _inline(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value


class JournalAddress(Setting):
    """Where the journal is: `postgresql://…`, `git+branch:…`, or what holds such an address."""

    @field_validator("text")
    @classmethod
    def _no_password(cls, text: str | None) -> str | None:
        # Without a host the password of a broken address would go unseen, so any @ after :// counts.
        if text and "@" in text.partition("://")[2] and ":" in text.partition("://")[2].rpartition("@")[0]:
            raise refusal(
                "inline-secret", "a password does not belong in the files, where git keeps it", _FORM
            )
        return text


def kept_in(settings: object) -> Iterator[Kept]:
    """Yield every value that settings keep elsewhere, however deep."""
    if isinstance(settings, Kept):
        yield settings
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from kept_in(getattr(settings, name))
