"""Where a value is that does not belong in the files. It is read when it is needed, and never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

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

from reconciler.access import ALLOWED_ENV, MOUNTED_SECRETS, SECRETS_DIR, Access, owner_of
from reconciler.config.discovery import content_of
from reconciler.config.names import visible
from reconciler.config.validation import NOT_BLANK, Schema, refusal
from reconciler.errors import Refused, UsageError

LARGEST = 8_192
"""Bytes of a file that holds a value; most servers take no longer header."""

_OTHERS = {".git", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass"} | {
    *(".git-credentials", ".npmrc", ".pypirc", ".vault-token")
}
"""Folders and files in which other programs keep their own secrets."""
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))
"""What lies here are no files, but parts of the system: the environment of a process, for example."""

_FORM = "write {env: NAME_OF_A_VARIABLE} or {file: PATH}"


class SecretReference(BaseModel):
    """A value by the variable or the file that holds it. Its repr shows neither."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    env: str | None = Field(None, description="The name of the variable that holds it.")
    file: str | None = Field(None, description="The path of the file that holds it, from the workspace.")
    of_journal: ClassVar[bool] = False
    """Whether it may stand in the variables that are the journal's own."""
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
        """Return the value, without one line break at its end.

        Errors: `UsageError` names the variable or file that is missing, empty or no single line; `Refused`
        the one that the operator does not let files name, and what to set. Neither shows a value.
        """
        access = Access.of(environ)
        if self.env is None:
            value = self._content(access)
        elif access.allows_variable(self.env, of_journal=self.of_journal):
            value = environ.get(self.env, "")
        else:
            raise Refused(
                f"{self._whence()} is not among those that files may name ({', '.join(access.allowed_env)}): "
                f"write {{env: …}} with one of these, or let the operator export {ALLOWED_ENV}="
                f"{','.join([*access.allowed_env, visible(self.env)])}"
            )
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise UsageError(f"{self._whence()} is missing or empty; it must hold what the target needs")
        if not value.isprintable() or value != value.strip():
            raise UsageError(
                f"{self._whence()} holds more than one plain line: a line break, a blank at an end or a "
                "character that cannot be seen; it must hold the value alone"
            )
        return value

    def _content(self, access: Access) -> str:
        path = self._folder / (self.file or "")
        try:
            real = path.resolve(strict=True)
            if objection := _objection(path, real, access):
                raise Refused(f"{self._whence()} {objection}")
            content = content_of(real, LARGEST + 1)
            text = content.decode("utf-8")
        except (OSError, ValueError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "it is no plain file of text"
            where = "" if Path(self.file or "").is_absolute() else "; its path counts from the workspace"
            raise UsageError(f"{self._whence()} cannot be read: {why}{where}") from error
        if len(content) > LARGEST:
            raise UsageError(f"{self._whence()} is larger than any key; it must hold the value alone")
        return text

    def _whence(self) -> str:
        if self.env is not None:
            return f"the variable {visible(self.env)}"
        return f"the file {visible(self.file or '')}"

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

    @field_validator("env")
    @classmethod
    def _is_not_of_others(cls, name: str | None) -> str | None:
        if name and (whose := owner_of(name, of_journal=cls.of_journal)):
            example = "RECONCILER_JOURNAL" if cls.of_journal else "CHECKMARKET_KEY"
            raise refusal(
                "foreign-variable",
                f"{visible(name)} belongs to {whose}, and may not be sent anywhere",
                f"set a variable of its own for this, like {example}, and write {{env: {example}}}",
            )
        return name

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretReference:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise refusal("contradiction", "it must stand in exactly one place", _FORM)
        return self


class Secret(SecretReference):
    """A secret: never in the files, where git keeps it."""

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, value: object) -> object:
        if isinstance(value, dict):
            return value
        raise refusal("inline-secret", "a secret does not belong in the files, where git keeps it", _FORM)


class Setting(SecretReference):
    """Something that is no secret by itself: as text, or by where it is."""

    text: str | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return what an editor can check: a text, or as `SecretReference`."""
        return {"anyOf": [{"type": "string"}, super().__get_pydantic_json_schema__(core, handler)]}

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the text, or as `SecretReference.read`."""
        return self.text if self.text is not None else super().read(environ)

    @model_validator(mode="before")
    @classmethod
    def _inline(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value


class JournalAddress(Setting):
    """Where the journal is: `postgresql://…`, `git+branch:…`, or what holds such an address."""

    of_journal: ClassVar[bool] = True

    def is_operators(self) -> bool:
        """Tell whether an operator gives the address: by a variable, or by a file outside of the checkout."""
        if self.env is not None or self.file is None:
            return self.env is not None
        return not (self._folder / self.file).resolve().is_relative_to(checkouts_of(self._folder)[-1])

    @model_validator(mode="after")
    def _no_password(self) -> JournalAddress:
        # Without a host the password of a broken address would go unseen, so any @ after :// counts.
        rest = self.text.partition("://")[2] if self.text else ""
        if ("@" in rest and ":" in rest.rpartition("@")[0]) or "password=" in unquote(rest):
            raise refusal(
                "inline-secret", "a password does not belong in the files, where git keeps it", _FORM
            )
        return self


def checkouts_of(workspace: Path) -> Sequence[Path]:
    """Return the repositories around a workspace, nearest first; without one, the folder that it is in."""
    folder = workspace.resolve()
    beside = folder if folder.parent.parent == folder.parent else folder.parent
    return [top for top in (folder, *folder.parents) if (top / ".git").exists()] or [beside]


def _objection(path: Path, real: Path, access: Access) -> str:
    """Return why a file may not hold a secret, by its path as written and without links; empty if it may."""
    is_operators = access.holds_file(real)
    if access.needs_secrets_dir and not is_operators:
        where = f"where {SECRETS_DIR} is set" if access.secrets_dir else "in CI"
        return (
            f"does not lie in a folder of the operator's, as it must {where}: put it into {MOUNTED_SECRETS}, "
            f"or export {SECRETS_DIR}=FOLDER, or write {{env: NAME}} instead"
        )
    parts = {part.lower() for part in (*path.parts, *real.parts)}
    if (
        parts & _OTHERS
        or any(part.endswith(".git") for part in parts)
        or any(map(real.is_relative_to, _SYSTEM))
    ):
        return "belongs to git, to another program or to the system: put the secret into a file of its own"
    # By the name of a link that a checkout brings, nothing tells whose the operator's file is.
    if path.is_symlink() and not access.holds_file(path.parent.resolve() / path.name):
        return "is a link: name the file itself, or let the operator export RECONCILER_SECRETS_DIR=FOLDER"
    return ""


def references_in(settings: object) -> Iterator[SecretReference]:
    """Yield every value that settings keep elsewhere, however deep."""
    if isinstance(settings, SecretReference):
        yield settings
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from references_in(getattr(settings, name))
