"""Which entries of two mappings differ: the one door of deepdiff."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.kind import Json, Rows


def differing(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the keys whose values differ, in the order of `after`, then of `before`.

    Values are compared as they are: bring them into their normal form first. A missing key is `None`.
    """
    if before == after:  # nearly always so, and a thousand times cheaper than importing deepdiff
        return ()
    from deepdiff import DeepDiff

    keys = dict.fromkeys([*after, *before])
    delta = DeepDiff(
        {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}, view="tree"
    )
    touched = {item.path(output_format="list")[0] for items in delta.values() for item in items}
    return tuple(key for key in keys if key in touched)


def differing_rows(rows: Rows, before: Json, after: Json) -> tuple[tuple[str, Json, Json], ...]:
    """Return the rows that differ as `(identity, before, after)`; a row that is not there is `None`."""
    old, new = _by_identity(rows, before), _by_identity(rows, after)
    return tuple((key, old.get(key), new.get(key)) for key in differing(old, new))


def _by_identity(rows: Rows, value: Json) -> dict[str, Json]:
    listed = value if isinstance(value, list) else []
    return {str(row.get(rows.identity)): row for row in listed if isinstance(row, dict)}
