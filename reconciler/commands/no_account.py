"""What stands in for an account on a target that only sends seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from reconciler.engine.kind import Body, Mapper, map_serially
from reconciler.errors import UsageError


class NoAccount:
    """An `engine.kind.Client` that holds nothing; writing to it is a `UsageError` that says what to add."""

    def __init__(self, target: str) -> None:
        self._target = target

    def list(self, mapper: Mapper = map_serially) -> Sequence[Body]:
        """Return none."""
        del mapper
        return ()

    def read(self, id: int) -> Body | None:
        """Return none."""
        del id
        return None

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return none."""
        del what, name
        return ()

    def name(self, what: str, id: int) -> str | None:
        """Return none."""
        del what, id
        return None

    def create(self, body: Body) -> int | None:
        """Refuse."""
        del body
        self._refuse()

    def replace(self, id: int, body: Body) -> None:
        """Refuse."""
        del id, body
        self._refuse()

    def delete(self, id: int) -> None:
        """Refuse."""
        del id
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"target {self._target} has no checkmarket: section, so it holds no import configurations; "
            "add one to reconciler.yaml"
        )
