"""A reader that asks for everything once, so that several plans are of one and the same live state."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Body
from reconciler.engine.ports import Reader


class Remembering(Struct, frozen=True):
    """A `Reader` over another one. What it was told once, it does not ask again; an error is no answer."""

    reader: Reader
    _rows: list[Sequence[Body]] = field(default_factory=list)
    _bodies: dict[int, Body | None] = field(default_factory=dict)
    _found: dict[tuple[str, str], Sequence[int]] = field(default_factory=dict)

    def list(self, each: Each = one_by_one) -> Sequence[Body]:
        """Return every row that the API listed the first time."""
        if not self._rows:
            self._rows.append(self.reader.list(each))
        return self._rows[0]

    def read(self, id: int) -> Body | None:
        """Return the whole body of one resource as it was read the first time."""
        if id not in self._bodies:
            self._bodies[id] = self.reader.read(id)
        return self._bodies[id]

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids that a name had the first time."""
        if (what, name) not in self._found:
            self._found[what, name] = self.reader.find(what, name)
        return self._found[what, name]
