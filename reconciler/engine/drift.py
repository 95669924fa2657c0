"""Who brought about a difference: the words for it, and what is known of the last write before it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from reconciler.engine.kind import Body


class Drift(StrEnum):
    """What became of a field since the last write. None of it changes what is done about it."""

    GIT = "git"
    """The files want something else; the account is as that write left it."""
    LIVE = "live"
    """Somebody changed it on the account; the files want what they wanted."""
    BOTH = "both"
    LEFT = "left"
    """Neither changed: the server has made something else of what was sent."""
    IN_DOUBT = "in_doubt"
    """It is as before that write, of which nobody knows whether it was carried out."""
    RESTORED = "restored"
    """That write was the way back from a run, and it still is as that left it."""
    UNDECLARED = "undeclared"
    """That write set it, and now it is kept: no longer declared, and its live value stays."""
    UNKNOWN = "unknown"
    """No earlier write is known, so that nothing can be said."""


class LastWrite(Struct, frozen=True):
    """The last write of a resource that may have been carried out, as a journal remembers it."""

    run: int
    id: int | None
    """The id that the resource has after it."""
    before: Body | None
    """The whole body that it overwrote; `None` for a create."""
    sent: Body
    after: Body | None
    """The whole body as it was read back; `None` where it was not."""
    is_sure: bool
    """Whether it was carried out; otherwise nobody knows."""
    restored: bool = False
    """Whether it was a part of the way back from a run, and not of what the files declared."""
