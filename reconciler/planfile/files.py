"""Plans, reports and status as files: written whole or not at all, and plans read strictly."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from reconciler.config.discovery import content_of
from reconciler.config.names import visible
from reconciler.engine.body import read_back
from reconciler.engine.change import CHECKSUM, Change, Scope, checksum_of, fingerprint_of
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.kind import Globs, Kind, Live
from reconciler.engine.plan import Review
from reconciler.errors import Refused, UsageError

LARGEST_FILE = 16_000_000  # bytes of a plan file: some thousand changes
FORMAT_VERSION = 1
_MOST_PARTS = 1_000_000  # members and items of a document, which take far more memory than bytes
_HINT = "make it with plan --out FILE"


def check_place(path: Path, what: str = "plan") -> None:
    """Check that a plan can be written to `path`, before work is done. Errors: `UsageError`."""
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {_shown(path.parent)} to write a {what} into")
    try:
        taken = path.exists() and not path.is_file()
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from error
    if taken:
        raise UsageError(f"{_shown(path)} is not a file that a {what} can be written to")


def write_document(path: Path, text: str, what: str = "plan") -> None:
    """Write a plan, a report or a status; a reader sees the file of before or the whole new one.

    Only this user can read it, or any user a status. What UTF-8 cannot hold is escaped as in JSON. Errors:
    `UsageError` if it cannot be written, or is a plan that is too large to be read again.
    """
    content = text.encode("utf-8", "backslashreplace")
    check_place(path, what)
    if what == "plan" and len(content) > LARGEST_FILE:
        raise UsageError(f"the plan is too large for a file: {len(content)} bytes; plan a part with --only")
    try:
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(new).chmod(0o644 if what == "status" else 0o600)
            Path(new).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(new).unlink()
            raise
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror or error}") from error


def _shown(path: Path) -> str:
    return visible(str(path), longest=4096)


class PlanFile(Struct, frozen=True):
    """What a plan file binds: where it is true, and what of it was reviewed. `name` is for messages."""

    name: str
    target: str
    account: str
    tenant: str | None
    review: Review
    parts: tuple[Globs, ...] = ()  # what of the files it is about; nothing where that is all of them
    changes: tuple[Any, ...] = ()  # what it shows of its changes, each a `ChangePart`
    restores: int | None = None  # the run that it takes back, if it is not of what the files declare

    def check_shown(self, kind: Kind) -> None:
        """Check that what it shows of each change is what its digest stands for. Errors: `Refused`."""
        scope = Scope(self.target, self.account)
        for change in self.changes:
            views = []
            for one in change.fields:
                if one.cls is not FieldClass.CARRIED:
                    field, unknown = kind.by_path[one.path], one.path not in kind.by_path
                    before, after = read_back(field, one.before), read_back(field, one.after)
                    views.append(FieldView(one.path, one.cls, before, after, one.differs, unknown=unknown))
            live = None if change.id is None else Live(change.id, change.name or "", {}, listed=True)
            shown = Change(scope, change.key, change.action, tuple(views), live=live)
            if shown.digest != change.digest:
                raise Refused(
                    f"{self.name} was changed after it was made: what it shows of {visible(change.key)} is "
                    f"not what its digest stands for; {_HINT}"
                )


def read_plan(path: Path) -> PlanFile:
    """Return the plan in a file, whose checksum is looked at before anything else that stands in it.

    Errors: `UsageError` for what cannot be read or is no whole plan in this format, `Refused` for one that
    was changed after it was made.
    """
    name = _shown(path)
    document = _document(_parsed(path, name), name)
    names = {change.digest: change.key for change in document.changes}
    names |= {seed.digest: seed.key for seed in document.seeds if not seed.reasons}
    if document.fingerprint != fingerprint_of(names):
        raise Refused(
            f"{name} was changed after it was made: its fingerprint does not fit its digests; {_HINT}"
        )
    digests = frozenset(names)
    review = Review(digests, names, frozenset() if document.explicit_empties else digests)
    parts = tuple(Globs(tuple(one.only), tuple(one.exclude)) for one in document.selection)
    target, account, tenant = document.target, document.account, document.tenant
    shown = tuple(document.changes)
    return PlanFile(name, target, account, tenant, review, parts, shown, document.restores)


def _parsed(path: Path, name: str) -> Any:
    """Return the JSON in a file: no member twice, no number that JSON does not know, nothing too large."""
    try:
        content = content_of(path, LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        hint = "" if path.suffix else "; one resource alone is applied by --only KEY"
        raise UsageError(f"the plan file {name} cannot be read: {why}{hint}") from error
    if len(content) > LARGEST_FILE or sum(map(content.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        raise UsageError(f"{name} is larger than any plan file that this tool writes; {_HINT}")
    if not content.strip():
        raise UsageError(f"{name} is empty; {_HINT}")
    try:
        return json.loads(
            content, object_pairs_hook=_members, parse_float=_number, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise UsageError(f"{name} is cut short, or no JSON ({where}); {_HINT}") from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else visible(str(error))
        raise UsageError(f"{name} is no JSON that this tool writes: {why}; {_HINT}") from error


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) < len(pairs):
        raise ValueError("a member stands in it twice")
    return members


def _number(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _document(parsed: Any, name: str) -> Any:
    """Return the document, a `PlanDocument`, after checking that it is whole and in the format."""
    # Imported here: the models are many, and most runs read no plan.
    from pydantic import ValidationError

    from reconciler.planfile.format import PlanDocument

    if not isinstance(parsed, dict) or type(parsed.get("format_version")) is not int:
        raise UsageError(f"{name} is not a plan; {_HINT}")
    if CHECKSUM not in parsed:
        raise UsageError(f"{name} is not a whole plan: it has no {CHECKSUM}; {_HINT}")
    try:
        is_whole = parsed[CHECKSUM] == checksum_of(parsed)
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply; {_HINT}") from error
    if not is_whole:
        raise Refused(
            f"{name} was changed after it was made: its {CHECKSUM} does not fit what stands in it; {_HINT}, "
            "and have that one reviewed"
        )
    version = parsed["format_version"]
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
