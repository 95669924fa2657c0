"""Reading a plan file, strictly: it stands for a person's word, so what is not plainly whole is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from reconciler.config.files import content_of
from reconciler.config.wording import visible
from reconciler.engine.part import Part
from reconciler.engine.plan import fingerprint_of
from reconciler.engine.review import Review
from reconciler.errors import Refused, UsageError
from reconciler.planfile.format import PlanDocument
from reconciler.planfile.writing import LARGEST_FILE

FORMAT_VERSION = 1
_MOST_PARTS = 1_000_000
"""Members and items of a document, which take far more memory than bytes."""
_HINT = "make it with plan --out FILE"


class PlanFile(Struct, frozen=True):
    """What a plan file binds: where it is true, and what of it was reviewed. `name` is for messages."""

    name: str
    target: str
    account: str
    tenant: str | None
    review: Review
    parts: tuple[Part, ...] = ()
    """What of the files it is about; nothing where that is all of them."""


def read_plan(path: Path) -> PlanFile:
    """Return the plan in a file.

    Errors: `UsageError` for what cannot be read or is no whole plan in this format, `Refused` for one that
    was changed after it was made.
    """
    name = visible(str(path), longest=4096)
    document = _held_to_the_format(_parsed(_content(path, name), name), name)
    if document.fingerprint != fingerprint_of(document.names):
        raise Refused(
            f"{name} was changed after it was made: its fingerprint does not fit its digests; {_HINT}"
        )
    names = document.names
    digests = frozenset(names)
    review = Review(digests, names, frozenset() if document.explicit_empties else digests)
    return PlanFile(name, document.target, document.account, document.tenant, review, document.parts)


def _content(path: Path, name: str) -> bytes:
    try:
        content = content_of(path, LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"the plan file {name} cannot be read: {why}") from error
    if len(content) > LARGEST_FILE or sum(map(content.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        raise UsageError(f"{name} is larger than any plan file that this tool writes; {_HINT}")
    if not content.strip():
        raise UsageError(f"{name} is empty; {_HINT}")
    return content


def _parsed(content: bytes, name: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_members, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise UsageError(f"{name} is cut short, or no JSON ({where}); {_HINT}") from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else visible(str(error))
        raise UsageError(f"{name} is no JSON that this tool writes: {why}; {_HINT}") from error


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands in it twice")
    return members


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _held_to_the_format(parsed: Any, name: str) -> PlanDocument:
    version = parsed.get("format_version") if isinstance(parsed, dict) else None
    if type(version) is not int:
        raise UsageError(f"{name} is not a plan; {_HINT}")
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{name} has format {version}, and this version reads {FORMAT_VERSION}: upgrade reconciler, or "
            "plan again with this one"
        )
    try:
        return PlanDocument.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = visible(".".join(map(str, first["loc"])))
        raise UsageError(f"{name} is not a whole plan: {where}: {first['msg']}; {_HINT}") from error
