"""What `reconciler.yaml` says: the workspace, its targets, and what each of them allows.

Secrets are no part of it: the files say where one is kept; it is read when it is needed, and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from reconciler.access import ALLOWED_ENV, MOUNTED_SECRETS, SECRETS_DIR, Access, is_loopback, owner_of
from reconciler.config.discovery import content_of
from reconciler.config.names import meant, visible
from reconciler.config.validation import (
    NOT_BLANK,
    Choice,
    Id,
    Reason,
    Schema,
    Written,
    passing,
    pattern_of,
    refusal,
    shape,
)
from reconciler.engine.change import Limits, Share
from reconciler.engine.kind import Json, Policy
from reconciler.errors import Refused, UsageError
from reconciler.problems import WARNINGS, Place

LARGEST_SECRET = 8_192  # bytes of a file that holds a value; most servers take no longer header

_OTHERS = {".git", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass"} | {
    *(".git-credentials", ".npmrc", ".pypirc", ".vault-token")
}
"""Folders and files in which other programs keep their own secrets."""
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))
"""What lies here are no files, but parts of the system: the environment of a process, for example."""

_FORM = "write {env: NAME_OF_A_VARIABLE} or {file: PATH}"


class Secret(Written):
    """A secret: never in the files, where git keeps it."""

    env: str | None = Field(None, description="The name of the variable that holds it.")
    file: str | None = Field(None, description="The path of the file that holds it, from the workspace.")
    of_journal: ClassVar[bool] = False  # whether it may stand in the variables that are the journal's own
    _folder: Path = PrivateAttr(Path())
    """The workspace, which a relative path of a file counts from; the context of the validation."""

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

        Errors: `UsageError` names the variable or file that is missing or empty, or holds what HTTP cannot
        carry; `Refused` the one that the operator does not let files name, and what to set. Neither shows a
        value.
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
        return self._alone(value)

    def _alone(self, value: str) -> str:
        """Return a value without one line break at its end. Errors: `UsageError` where more is in the way."""
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise UsageError(f"{self._whence()} is missing or empty; it must hold what the target needs")
        unseen = next((char for char in value if not char.isprintable()), "")
        # Of an address the driver knows every character.
        foreign = not self.of_journal and not value.isascii()
        wrong = {
            "more than any key is long": len(value) > LARGEST_SECRET,
            "more than one line": "\n" in value or "\r" in value,
            "a blank at an end": value != value.strip(),
            f"the character U+{ord(unseen or ' '):04X}, which cannot be seen": bool(unseen),
            "a character that is not ASCII, which no header can carry": foreign,
        }
        for what, is_so in wrong.items():
            if is_so:
                raise UsageError(f"{self._whence()} holds {what}; it must hold the value alone")
        return value

    def _content(self, access: Access) -> str:
        path = self._folder / (self.file or "")
        try:
            real = path.resolve(strict=True)
            if objection := _objection(path, real, access):
                raise Refused(f"{self._whence()} {objection}")
            # With a line break, and one byte more.
            return content_of(real, LARGEST_SECRET + 3).decode("utf-8")
        except (OSError, ValueError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "it is no plain file of text"
            where = "" if Path(self.file or "").is_absolute() else "; its path counts from the workspace"
            raise UsageError(f"{self._whence()} cannot be read: {why}{where}") from error

    def _whence(self) -> str:
        if self.env is not None:
            return f"the variable {visible(self.env)}"
        return "the text in the files" if self.file is None else f"the file {visible(self.file)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__

    @field_validator("env", "file", mode="before")
    @classmethod
    def _may_be_named(cls, name: object, info: ValidationInfo) -> object:
        # A value of another type may be a secret in the wrong place, so it is not shown.
        if not isinstance(name, str) or not name.strip():
            raise refusal("wrong-type", "the name of a variable, or a path, is text", _FORM)
        if info.field_name == "env" and (whose := owner_of(name, of_journal=cls.of_journal)):
            example = "RECONCILER_JOURNAL" if cls.of_journal else "CHECKMARKET_KEY"
            raise refusal(
                "foreign-variable",
                f"{visible(name)} belongs to {whose}, and may not be sent anywhere",
                f"set a variable of its own for this, like {example}, and write {{env: {example}}}",
            )
        return name

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, value: object) -> object:
        if "text" in cls.model_fields:
            return {"text": value} if isinstance(value, str) else value
        if not isinstance(value, dict):
            raise refusal("inline-secret", "a secret does not belong in the files, where git keeps it", _FORM)
        return value

    @model_validator(mode="after")
    def _exactly_one(self, info: ValidationInfo) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise refusal("contradiction", "it must stand in exactly one place", _FORM)
        self._folder = info.context if isinstance(info.context, Path) else Path()
        return self


class Setting(Secret):
    """Something that is no secret by itself: as text, or by where it is."""

    text: str | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return what an editor can check: a text, or as `Secret`."""
        return {"anyOf": [{"type": "string"}, super().__get_pydantic_json_schema__(core, handler)]}

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the text, or as `Secret.read`."""
        return self._alone(self.text) if self.text is not None else super().read(environ)


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
            message = "a password does not belong in the files, where git keeps it"
            raise refusal("inline-secret", message, _FORM)
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
    is_of_git = any(part.endswith(".git") for part in parts)
    if is_of_git or parts & _OTHERS or any(map(real.is_relative_to, _SYSTEM)):
        return "belongs to git, to another program or to the system: put the secret into a file of its own"
    # By the name of a link that a checkout brings, nothing tells whose the operator's file is.
    if path.is_symlink() and not access.holds_file(path.parent.resolve() / path.name):
        return "is a link: name the file itself, or let the operator export RECONCILER_SECRETS_DIR=FOLDER"
    return ""


def references_in(settings: object) -> Iterator[Secret]:
    """Yield every value that settings keep elsewhere, however deep."""
    if isinstance(settings, Secret):
        yield settings
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from references_in(getattr(settings, name))


VERSION = 1
SANDBOX = "sandbox:"
DEFAULT_ZONE = ZoneInfo("Europe/Amsterdam")  # where the vendor is, and most of its customers

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SHARE = re.compile(r"(100|[0-9]{1,2})%")
_RECIPIENT = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_WEB = "[Hh][Tt][Tt][Pp][Ss]?://."
_PHONE_NUMBER = re.compile(r"\+?[0-9]{6,15}")


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal(
            "invalid-value", "this is no duration", "write a number and its unit, like 30s, 5m or 1h"
        )
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _time_zone(value: object) -> ZoneInfo:
    try:
        if str(value) in ("localtime", "posixrules"):
            raise ValueError("another zone on each machine")
        return ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        hint = "write a name of the IANA database, like Europe/Amsterdam"
        raise refusal("unknown-time-zone", "there is no such time zone", hint) from error


def _version(value: object) -> int:
    if isinstance(value, int) and value > VERSION:
        raise refusal("newer-version", f"{value} is newer than this tool", "upgrade reconciler")
    if value is True or value != VERSION:
        raise refusal("unknown-choice", "there is no such version", f"write version: {VERSION}")
    return VERSION


def _at_most(value: object) -> int | Share | None:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value)):
        return Share(int(match[1]))
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise refusal(
        "invalid-value", "this is no limit", "write a number, a share like 30%, or null for no limit"
    )


def _origin(value: str) -> tuple[SplitResult, str]:
    """Return the parts of an address for credentials, and its origin in the spelling of the journal."""
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0 and value.isprintable() and " " not in value
    except ValueError:
        usable = False
    if not usable:
        hint = f'write https:// and the host, or "{SANDBOX}" for the sandbox'
        raise refusal("invalid-url", "this is not the address of a server", hint)
    host = visible((parts.hostname or "").removesuffix("."))
    host = f"[{host}]" if ":" in host else host
    is_usual = (parts.scheme, parts.port) in {("https", 443), ("http", 80)}
    origin = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and not is_usual else "")
    if "/help/" in f"{parts.path.lower()}/":
        hint = f"write the address of the API itself, without a path: {origin}"
        raise refusal("documentation-url", "this is the address of the vendor's documentation", hint)
    if parts.username is not None or parts.password is not None:
        hint = f"write {origin}, and the credentials as {{env: NAME}}"
        raise refusal("url-with-credentials", "credentials do not belong in an address", hint)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        hint = "write https://…; http only for this machine itself"
        raise refusal("insecure-url", "credentials are sent over https only", hint)
    return parts, origin


def _address(value: str) -> str:
    _origin(value)
    return value


def _server(value: str) -> str:
    if value == SANDBOX:
        return value
    parts, origin = _origin(value)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise refusal("url-with-path", "the paths of the API are known", f"write {origin}")
    return origin


def server_at(url: str) -> str:
    """Return the address of an API in its normal form. Errors: `UsageError` says what to write instead."""
    try:
        server = _server(url.strip())
    except PydanticCustomError as invalid:
        context = invalid.context or {}
        raise UsageError(f"{context.get('message')}: {context.get('hint')}") from None
    if server == SANDBOX:
        raise UsageError("the sandbox is a target anyway: leave its address out")
    return server


def needs_credentials(url: str) -> bool:
    """Tell whether an address is a real account's; a sandbox takes any keys, served here or embedded."""
    return url != SANDBOX and not is_loopback(urlsplit(url).hostname or "")


def _check_variables(api: str, other: str, *references: Secret | None) -> None:
    """Check that no credential of one API is kept where, by its name, one of the other API is."""
    both = (api.lower(), other.lower())
    for one in references:
        path = PurePosixPath((one and (one.env or one.file)) or "")
        # What is nearest to the value tells: the name of a file before that of its folder.
        named = ({vendor for vendor in both if vendor in part.lower()} for part in reversed(path.parts))
        if next(filter(None, named), None) == {other.lower()}:
            whose = f"{visible(path.name)} is of {other.capitalize()} by its name, and goes to no other API"
            hint = f"write {{env: NAME}} or {{file: PATH}} with a name of this API, like {api}_KEY"
            raise refusal("foreign-variable", whose, hint)


Count = Annotated[int, Field(ge=0)]
Rate = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": pattern_of(_DURATION), "examples": ["30s", "5m", "1h"]}),
]
ServerUrl = Annotated[str, AfterValidator(_server), shape(pattern=rf"^({SANDBOX}$|{_WEB})")]
Address = Annotated[str, AfterValidator(_address), shape(pattern=f"^{_WEB}")]
Recipient = Annotated[
    str,
    Field(max_length=254),
    passing(
        _RECIPIENT.fullmatch,
        "invalid-recipient",
        "this is no pattern of addresses in one domain",
        'write one address, with * in the part before the @ only: "*@qa.example.com"',
    ),
    shape(pattern=pattern_of(_RECIPIENT)),
]
PhoneNumber = Annotated[
    str,
    passing(
        _PHONE_NUMBER.fullmatch,
        "invalid-value",
        "this is no phone number",
        'write digits only, like "+31612345678"',
    ),
    shape(pattern=pattern_of(_PHONE_NUMBER)),
]
AtMost = Annotated[
    int | Share | None,
    PlainValidator(_at_most),
    WithJsonSchema(
        {
            "type": ["integer", "string", "null"],
            "minimum": 0,
            "pattern": pattern_of(_SHARE),
            "examples": [10, "30%"],
        }
    ),
]


Member = Annotated[
    Text,
    passing(
        lambda value: all(value.split(".")),
        "invalid-value",
        "this is no member",
        "write the API's own names with dots between them, like SurveySettings.Revision",
    ),
]
AsTuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Recipients = Annotated[tuple[Recipient, ...], Field(max_length=200), AsTuple]
PhoneNumbers = Annotated[tuple[PhoneNumber, ...], Field(max_length=200), AsTuple]


WarningCode = Annotated[
    str,
    passing(
        WARNINGS.__contains__, "unknown-warning", "there is no such warning", partial(meant, known=WARNINGS)
    ),
]


class Settings(Written):
    """What counts for the whole workspace."""

    version: Annotated[int, PlainValidator(_version), WithJsonSchema({"const": VERSION})] = Field(
        description="In which version of their format the files are written."
    )
    default_target: str | None = Field(None, description="The target of a run that names none.")
    undeclared: Choice = Field(Policy.RESET, description="What happens to fields that are not declared.")
    time_zone: Annotated[ZoneInfo, PlainValidator(_time_zone), WithJsonSchema({"type": "string"})] = Field(
        DEFAULT_ZONE, description="In which dates and times of seeds are meant, like Europe/Amsterdam."
    )
    ignore_warnings: Annotated[
        dict[WarningCode, Reason],
        WithJsonSchema(
            {
                "type": "object",
                "properties": {
                    code: {"description": about, "type": "string", "pattern": NOT_BLANK}
                    for code, about in WARNINGS.items()
                },
                "additionalProperties": False,
            }
        ),
    ] = Field({}, description="Warnings that are switched off: {code: why}. validate still counts them.")


class Account(Written):
    """The account that the keys must open."""

    id: Id | None = Field(None, description="The id of an import configuration that it must have.")
    name: Text | None = Field(None, description="The name of one that it must have.")

    @model_validator(mode="after")
    def _says_something(self) -> Account:
        if self.id is None and self.name is None:
            raise refusal("missing-field", "an account is told by its id or name", "add id: … or name: …")
        return self


_SHARE_OF_A_RUN = "At most so many requests in one run, which leaves the rest of a day's allowance to others."


class CheckMarket(Written):
    """A CheckMarket account, and how to deal with it."""

    url: ServerUrl = Field(description='Scheme and host of the API, or "sandbox:".')
    master_key: Secret | None = Field(None, description="The master key of the account: {env: NAME}.")
    key: Secret | None = Field(None, description="The key of a user of the API: {env: NAME}.")
    account_must_have: Account | None = Field(
        None, description="Looked for before the first write: are these the keys of the right account?"
    )
    requests_per_minute: Rate | None = Field(
        None, description="At most so many requests a minute; the whole account shares the allowance."
    )
    requests_per_run: Rate | None = Field(None, description=_SHARE_OF_A_RUN)
    parallelism: Annotated[int, Field(ge=1, le=20)] = Field(8, description="Requests under way at once.")
    patience: Annotated[
        Duration,
        passing(
            lambda value: value <= timedelta(minutes=15),
            "invalid-value",
            "no cache of a server is that old",
            "write 15m or less: an apply waits for so long, with the account locked",
        ),
    ] = Field(
        timedelta(seconds=30),
        description="How long a verifying read waits for the server's cache; at most 15m.",
        json_schema_extra={"default": "30s"},
    )
    server_members: Annotated[tuple[Member, ...], AsTuple] = Field(
        (),
        description="Further members that the server writes and that are never sent; a live value that a PUT "
        "leaves out is shown as a reset.",
    )

    @property
    def workers(self) -> int:
        """Requests under way at once: fewer where `requests_per_run` would not let all writes be verified."""
        return min(self.parallelism, max(1, (self.requests_per_run or 1_000) // 8))

    @model_validator(mode="after")
    def _can_enter(self) -> CheckMarket:
        _check_variables("CHECKMARKET", "EXPOINTS", self.master_key, self.key)
        if needs_credentials(self.url) and (self.master_key is None or self.key is None):
            hint = "add master_key: {env: NAME} and key: {env: NAME}"
            raise refusal("missing-credentials", "a real account needs master_key and key", hint)
        return self


class OAuth(Written):
    """Client credentials, and where they are exchanged for a token."""

    token_url: Address = Field(
        description="The address that gives a token for the id and secret of the client."
    )
    client_id: Setting = Field(description="The id of the client: as text, or {env: NAME}.")
    client_secret: Secret = Field(description="The secret of the client: {env: NAME} or {file: PATH}.")
    scope: Text | None = Field(None, description="What to ask for, where the token host wants that said.")


_RECIPIENTS: Any = Field(
    None, description='To whom batches may be sent, like "*@qa.example.com"; * stands before the @ only.'
)
_PHONE_NUMBERS: Any = Field(None, description="Numbers that a batch may hold, literally.")
_COPIES: Any = Field(
    None,
    description="Whether batches may copy data and answers of earlier customers, who may be real people.",
)


class Expoints(Written):
    """An Expoints tenant, how to enter it, and whom it may write to."""

    url: ServerUrl = Field(description='Scheme and host of the tenant, or "sandbox:".')
    token: Secret | None = Field(None, description="A bearer token: {env: NAME}; or oauth.")
    oauth: OAuth | None = Field(None, description="Client credentials that a token is got for.")
    allowed_recipients: Recipients | None = _RECIPIENTS
    allowed_phone_numbers: PhoneNumbers | None = _PHONE_NUMBERS
    allow_copies: bool | None = _COPIES
    requests_per_minute: Rate | None = Field(None, description="At most so many requests a minute.")
    requests_per_run: Rate | None = Field(None, description=_SHARE_OF_A_RUN)
    settle_after: Annotated[
        Duration,
        passing(
            lambda value: value >= timedelta(seconds=60),
            "invalid-value",
            "customers may be hidden for longer",
            "write 60s or more, like 10m",
        ),
    ] = Field(
        timedelta(minutes=10),
        description="How long a sending in doubt rests, by two clocks, before no customer counted means that "
        "it was not sent; at least 60s.",
        json_schema_extra={"default": "10m"},
    )

    @model_validator(mode="after")
    def _can_enter(self) -> Expoints:
        login = (self.oauth.client_id, self.oauth.client_secret) if self.oauth else ()
        _check_variables("EXPOINTS", "CHECKMARKET", self.token, *login)
        hint = "add token: {env: NAME}, or oauth: {token_url, client_id, client_secret, scope}"
        if self.token is not None and self.oauth is not None:
            raise refusal(
                "contradiction", "token and oauth are two ways of the same thing", "keep one of them"
            )
        if needs_credentials(self.url) and self.token is None and self.oauth is None:
            raise refusal("missing-credentials", "a real tenant needs token or oauth", hint)
        return self


_LIMITS = Limits()


class LimitSettings(Written):
    """How much one run may change; what is left out has the default of `Limits`."""

    resets: Count | None = Field(
        _LIMITS.resets, description="Fields that may be reset though no reset: list names them; null is any."
    )
    deletes: Count | None = Field(_LIMITS.deletes, description="Configurations that may go; null is any.")
    updates: AtMost = Field(
        # A share is nothing that JSON knows: its schema gets the default as it is written.
        default_factory=lambda: _LIMITS.updates,
        description="Configurations that may change: a number, or a share that counts from 10 live on.",
        json_schema_extra={"default": "30%"},
    )
    effects: dict[str, Literal["allow", "refuse"]] = Field(
        {},
        description="What a change must not do to people without consent by name, like {weakens_cooldown: "
        "refuse}; reconciler explain effects lists the names, and which are refused unless said otherwise.",
    )


class GuardrailSettings(Written):
    """The guardrails of one target, apart from it, so that code owners can protect the file."""

    limits: LimitSettings | None = Field(None, description="How much one run may change.")
    allowed_recipients: Recipients | None = _RECIPIENTS
    allowed_phone_numbers: PhoneNumbers | None = _PHONE_NUMBERS
    allow_copies: bool | None = _COPIES


class TargetSettings(Written):
    """One named environment."""

    checkmarket: CheckMarket | None = Field(None, description="The account with import configurations.")
    expoints: Expoints | None = Field(None, description="The tenant that test batches go to.")
    contact_lists: dict[str, Id] = Field({}, description="Names for ids that the API cannot look up.")
    defaults: dict[str, Any] = Field({}, description="What a reset leaves behind, as far as known.")
    journal: JournalAddress | None = Field(
        None,
        description="A file beside the workspace if left out; or git+branch:NAME, or {env: NAME} for one in "
        "PostgreSQL.",
    )
    limits: LimitSettings | None = Field(None, description="How much one run may change.")
    undeclared: Choice | None = Field(
        None, description="What happens to fields that are not declared, on this target."
    )


class Guardrails(Struct, frozen=True):
    """What a target allows, from wherever in the files it is said."""

    limits: Limits = field(default_factory=Limits)
    allowed_recipients: tuple[str, ...] = ()  # patterns with `*` before the @; without any, none is allowed
    allowed_phone_numbers: tuple[str, ...] = ()
    allow_copies: bool = False  # whether data and answers of earlier customers may be copied into a batch


class Target(Struct, frozen=True):
    """A named environment with everything that the files say about it."""

    name: str
    place: Place
    settings: TargetSettings
    checkmarket: CheckMarket | None
    expoints: Expoints | None
    journal: JournalAddress | None  # where the journal is; `None` is SQLite beside the workspace
    ids: Mapping[str, Mapping[str, int]]  # names for ids, by the name of their table: `contact_lists`
    written: frozenset[str]  # the names with something behind them in its block, refused settings too
    guardrails: Guardrails
    undeclared: Policy  # the policy where neither resource nor preset names one
    defaults: Mapping[str, Json]  # what a reset leaves: path of a field → value as in a body
