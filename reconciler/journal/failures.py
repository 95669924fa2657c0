"""What a database says when it fails, in our words: the border behind which its own errors stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError

from reconciler.errors import ReconcilerError, Refused, UsageError

FOREIGN = "is not a journal of reconciler; name another file, or move this one away"

_NOTHING_SENT = "without it nothing is sent"
_DAMAGED = (
    f"is damaged; {_NOTHING_SENT}. Restore a copy of it; a new one in its place would not know what was sent "
    f"before"
)
_TWICE = "was to hold a customer twice, perhaps because another run is at work; nothing was sent. Plan again"

# SQLite's primary result code (https://www.sqlite.org/rescode.html) → what to raise, and what it says.
_SQLITE: dict[int, tuple[type[ReconcilerError], str]] = {
    5: (Refused, "is in use by another process that does not let go of it; try again when that has ended"),
    8: (Refused, f"cannot be written; {_NOTHING_SENT}. Look at the rights on the file and on its folder"),
    10: (Refused, f"cannot be read or written: the disk fails; {_NOTHING_SENT}"),
    11: (Refused, _DAMAGED),
    13: (Refused, f"cannot be written: the disk is full; {_NOTHING_SENT}"),
    14: (Refused, f"cannot be opened; {_NOTHING_SENT}. Look at its path and at the rights on its folder"),
    26: (UsageError, FOREIGN),
}


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise what a database says inside as `Refused` or `UsageError` about the journal called `name`."""
    try:
        yield
    except DBAPIError as error:
        raise _meaning(name, error) from error


def damaged(name: str) -> Refused:
    """Return the error about the journal called `name` in which something cannot be right."""
    return Refused(f"journal {name} {_DAMAGED}")


def _meaning(name: str, error: DBAPIError) -> ReconcilerError:
    if isinstance(error, IntegrityError):
        return Refused(f"journal {name} {_TWICE}")
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # what stands above that is detail
    cls, text = _SQLITE.get(code, (Refused, f"failed: {error.orig}; {_NOTHING_SENT}"))
    return cls(f"journal {name} {text}")
