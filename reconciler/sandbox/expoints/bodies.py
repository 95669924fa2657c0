"""How the members of a request body are read: names in any letter case, values of the documented type only.

A client mixes `ApproveAutomatically` with `sendDate` (C: NotifyNL-OMC). Members that no page documents are
never looked at, as Json.NET ignores them (I). A wrong type is a 400 (I), stricter than Json.NET, which turns
the text "true" into true.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from msgspec import Struct

from reconciler.sandbox.variants import Variants

from .calls import FailedError
from .moments import read_moment, read_time_of_day


class Members(Struct, frozen=True):
    """An object of a body, its members by lower-case name, and its path in the body for whoever complains."""

    path: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: str, value: Any) -> Members:
        """Return the object that stands at a path; `FailedError` with 400 for anything else."""
        if not isinstance(value, dict):
            raise _wrong(path, "an object")
        return cls(path, {name.lower(): member for name, member in value.items()})

    def raw(self, name: str) -> Any:
        """Return a member as it is; None stands for null and for absence, which say the same here (I)."""
        return self.values.get(name.lower())

    def text(self, name: str) -> str | None:
        """Return a member that is text."""
        value = self.raw(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(self.at(name), "a string")
        return value

    def flag(self, name: str) -> bool:
        """Return a member that is true or false; one that is left out is false (I: .NET's default)."""
        value = self.values.get(name.lower(), False)
        if not isinstance(value, bool):
            raise _wrong(self.at(name), "true or false")
        return value

    def number(self, name: str) -> int | None:
        """Return a member that is a whole number of 32 bits."""
        value = self.raw(name)
        if value is not None and (type(value) is not int or not -(2**31) <= value < 2**31):
            raise _wrong(self.at(name), "an integer")
        return value

    def base64(self, name: str) -> bytes | None:
        """Return a member that is bytes, which JSON has as base64 (D: the sample `QEA=`)."""
        text = self.text(name)
        try:
            return None if text is None else b64decode(text, validate=True)
        except ValueError as error:
            raise _wrong(self.at(name), "base64") from error

    def moment(self, name: str, variants: Variants) -> float | None:
        """Return a member that is a date or a time, in seconds since 1970."""
        text = self.text(name)
        try:
            return None if text is None else read_moment(text, variants)
        except (ValueError, OverflowError) as error:
            raise _wrong(self.at(name), "a date") from error

    def time_of_day(self, name: str, variants: Variants) -> str | None:
        """Return the local time of day, hh:mm:ss, of a member whose date says nothing."""
        text = self.text(name)
        try:
            return None if text is None else read_time_of_day(text, variants)
        except (ValueError, OverflowError) as error:
            raise _wrong(self.at(name), "a date") from error

    def objects(self, name: str) -> tuple[Members, ...]:
        """Return a member that is an array of objects; one that is left out has none."""
        path, value = self.at(name), self.raw(name)
        if value is not None and not isinstance(value, list):
            raise _wrong(path, "an array")
        return tuple(Members.of(f"{path}[{index}]", item) for index, item in enumerate(value or ()))

    def at(self, name: str) -> str:
        """Return the path of a member."""
        return f"{self.path}.{name}"


def _wrong(path: str, expected: str) -> FailedError:
    return FailedError(400, "The request is invalid.", {path: f"{path} has to be {expected}."})
