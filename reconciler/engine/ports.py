"""What the stages may ask of an API. The types say that planning cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Body


class Reader(Protocol):
    """Reads of one kind of resource. Errors: the `ApiError` tree; a list that is cut short is an error."""

    def list(self, each: Each = one_by_one) -> Sequence[Body]:
        """Return every row that the API lists, in its order; a row may hold less than `read` tells.

        `each` reads several pages at a time, where the API has some.
        """

    def read(self, id: int) -> Body | None:
        """Return the whole body of one resource, `None` where the API knows no such id."""

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of everything of that sort with exactly that name (`what` as in `Reference`)."""


class Namer(Protocol):
    """Looks up what things are called and which they are. Errors: the `ApiError` tree."""

    def name(self, what: str, id: int) -> str | None:
        """Return the name of the thing of that sort with this id, `None` where there is none."""

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of everything of that sort with exactly that name."""


class Writer(Reader, Protocol):
    """Writes of one kind of resource. Each returns only when the API said that it succeeded.

    Errors: `Declined` (it said no), `NoAnswer` (nothing says whether it was done), `Unreachable` (it was
    provably not taken), and the rest of the `ApiError` tree. None of them is ever repeated in here, but
    for requests that were provably not taken.
    """

    def create(self, body: Body) -> int | None:
        """Create a resource; return its id, or `None` where the answer names none. Not idempotent."""

    def replace(self, id: int, body: Body) -> None:
        """Replace the whole resource: what `body` leaves out goes back to the server's default."""

    def delete(self, id: int) -> None:
        """Delete the resource; one that is already gone counts as deleted."""


class Client(Writer, Namer, Protocol):
    """All that can be asked of the API of one kind of resource."""
