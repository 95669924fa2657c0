"""That an attempt failed in a way that allows another one."""

from __future__ import annotations

from reconciler.errors import ApiError

_TRIES = 6


class Again(Exception):  # it never leaves this package
    """Another attempt may be made; `error` is what to raise if there is none.

    `wait` is how long to leave the API alone, in seconds; `note` is what to say of that if it is too long.
    """

    def __init__(self, error: ApiError, wait: float = 0.0, tries: int = _TRIES, note: str = "") -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.tries = tries
        self.note = note
