"""What a database says when it fails, in our words: the border behind which its own errors stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.journal.forms import Unsound
from reconciler.journal.text import unstorable

FOREIGN = "is not a journal of reconciler; name another file, or move this one away"

_NOTHING_SENT = "without it nothing is sent"
_RESTORE = "Restore a copy of it; a new one in its place would not know what was sent before"
_DAMAGED = f"is damaged; {_NOTHING_SENT}. {_RESTORE}"
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


_BROKEN_OFF = (
    f"broke off, and what was just being written may have been written; {_NOTHING_SENT}. Run it again: what "
    f"is written counts"
)
_NO_RIGHTS = (
    f"cannot be used with the rights of its user; {_NOTHING_SENT}. Let the owner of its tables grant it "
    f"SELECT, INSERT and DELETE on every table, and USAGE on every sequence, of the schema reconciler"
)

# PostgreSQL's error code, or its first two characters, its class
# (https://www.postgresql.org/docs/current/errcodes-appendix.html) → what to raise, and what it says.
_POSTGRESQL: dict[str, tuple[type[ReconcilerError], str]] = {
    "": (Refused, _BROKEN_OFF),  # the library's own word: the server did not say any
    "08": (Refused, _BROKEN_OFF),
    "25006": (Refused, f"cannot be written: the server takes it for read-only; {_NOTHING_SENT}"),
    "25": (Refused, _BROKEN_OFF),
    "40": (Refused, f"is in use by other transactions; {_NOTHING_SENT}. Try again"),
    "42501": (Refused, _NO_RIGHTS),
    "42": (Refused, _DAMAGED),  # a table or column that is not there
    "3F": (Refused, _DAMAGED),
    "53100": (Refused, f"cannot be written: the disk of its server is full; {_NOTHING_SENT}"),
    "53": (
        Refused,
        f"cannot be used: its server has too little left, of memory or connections; {_NOTHING_SENT}",
    ),
    "54": (Refused, f"cannot hold what is to be written: it is too big; {_NOTHING_SENT}"),
    "55P03": (
        Refused,
        "is in use by another process that does not let go of it; try again when that has ended",
    ),
    "57014": (
        Refused,
        f"did not answer within the time that its server allows (statement_timeout); {_NOTHING_SENT}",
    ),
    "57": (Refused, _BROKEN_OFF),
    "58": (Refused, f"cannot be read or written: the disk of its server fails; {_NOTHING_SENT}"),
    "XX": (Refused, _DAMAGED),
}


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise what a database says inside as `Refused` or `UsageError` about the journal called `name`.

    Likewise a row that is `Unsound`.
    """
    try:
        yield
    except Unsound as error:
        raise damaged(name, str(error)) from error
    except UnicodeDecodeError as error:  # text of the database itself that is none
        raise damaged(name) from error
    except DBAPIError as error:
        raise _meaning(name, error) from error
    except StatementError as error:
        raise unstorable(error) from error
    except NoConnectionLeft as error:  # every connection of the pool is at work
        raise Refused(f"journal {name} is in use by too many threads; {_NOTHING_SENT}. Try again") from error


def damaged(name: str, what: str = "is damaged") -> Refused:
    """Return the error about the journal called `name` in which something cannot be right.

    `what` names it, as in `run 12 is damaged: exit: expected int`.
    """
    about = f"journal {name}" if what == "is damaged" else f"journal {name}:"
    return Refused(f"{about} {what}; {_NOTHING_SENT}. {_RESTORE}")


def unreachable(name: str, said: str) -> Refused:
    """Return the error about the journal called `name` to which there is no connection."""
    return Refused(
        f"journal {name} cannot be reached: {said}; {_NOTHING_SENT}. Look at its address, its user and "
        f"password, and at the way there"
    )


def _meaning(name: str, error: DBAPIError) -> ReconcilerError:
    if isinstance(error, IntegrityError):
        return Refused(f"journal {name} {_TWICE}")
    if isinstance(error, DataError):
        return unstorable(error)
    cls, text = _by_code(error.orig)
    return cls(f"journal {name} {text}")


def _by_code(error: Any) -> tuple[type[ReconcilerError], str]:
    if hasattr(error, "sqlstate"):
        state = error.sqlstate or ""
        # Beyond its first line a message of PostgreSQL holds values.
        unknown = f"failed: {str(error).partition(chr(10))[0]}; {_NOTHING_SENT}"
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or (Refused, unknown)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # what stands above that is detail
    if not code:  # the library's own word: text that is no UTF-8, which it quotes
        return (Refused, _DAMAGED)
    return _SQLITE.get(code, (Refused, f"failed: {error}; {_NOTHING_SENT}"))
