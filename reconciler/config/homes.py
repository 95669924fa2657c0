"""Where a resource or a seed lives: the targets that it names, and what differs there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import PlainValidator

from reconciler.config.contents import Contents
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.shapes import shaped
from reconciler.config.validation import refusal
from reconciler.config.wording import visible


def _targets(value: object) -> object:
    if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return value
    raise refusal(
        "wrong-type", "names of targets are expected", "write [one, two], or {one: {name: value}, two: {}}"
    )


Targets: TypeAlias = Annotated[
    Any,
    PlainValidator(_targets),
    shaped(
        anyOf=[
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            {"type": "object", "minProperties": 1},
        ]
    ),
]
"""A list of the names of targets, or a mapping from them to what differs there."""


class Home(NamedTuple):
    """A target that something is to live on. `block` is what differs there, `None` where nothing does."""

    target: str
    block: Written | None
    exists: bool
    """Whether there is such a target; where there is none, that was reported."""


def homes(targets: Written, key: str, contents: Contents, report: Report) -> Iterator[Home]:
    """Yield every target that `targets` names once, in its order; `targets` is one of `Targets`."""
    if not targets.value:
        report.error("no-target", targets.place, key, "it lives on no target", "name at least one")
    elif isinstance(targets.value, dict):
        for name, block in targets.entries():
            exists = contents.has_target(name, block.key_place, key, report)
            yield Home(name, block if block.value != {} else None, exists)
    else:
        yield from _listed(targets, key, contents, report)


def _listed(targets: Written, key: str, contents: Contents, report: Report) -> Iterator[Home]:
    seen = set()
    for item in targets.items():
        name = str(item.value)
        if name in seen:
            message = f"the target {visible(name)} is listed twice"
            report.error("declared-twice", item.place, key, message, "remove one of the two")
        else:
            yield Home(name, None, contents.has_target(name, item.place, key, report))
        seen.add(name)
