"""Values that hold a secret or somebody's data, and do not show it."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Redacted(Struct, frozen=True):
    """A value that shows, in a traceback or a log, only those of its fields that it names in `shown`."""

    shown: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({fields})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the same fields. Tools that print tracebacks prefer it, and a `Struct` names all there."""
        return [(name, getattr(self, name)) for name in self.shown]
