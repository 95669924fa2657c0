"""Keys that changed: `moved` keeps the history of a resource under its new key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.config.contents import MOVED, Contents
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.validation import kind_of
from reconciler.config.wording import meant, visible


def read_moves(
    contents: Contents, sections: Sequence[str], keys: Collection[str], report: Report
) -> dict[str, str]:
    """Return the full key of before → the full key of today.

    In the files a key stands in full, or without its section where only one section has it. `keys` are all
    full keys that are declared.
    """
    written = dict(_full(contents, sections, keys, report))
    _check_one_history(written.values(), report)
    for old, there in written.items():
        _check(old, there, written, keys, report, whole=contents.whole)
    return {old: new for old, (new, _) in written.items()}


_Move = tuple[str, Written]


def _full(
    contents: Contents, sections: Sequence[str], keys: Collection[str], report: Report
) -> Iterator[tuple[str, _Move]]:
    for old, written in contents.named(MOVED, report).items():
        if not isinstance(written.value, str):
            message = f"the key of today is expected, this is {kind_of(written.value)}"
            report.error("wrong-type", written.place, "", message, "write moved: {old-key: new-key}")
            continue
        section = _section(written.value, sections, keys)
        yield _in(section, old), (_in(section, written.value), written)


def _section(key: str, sections: Sequence[str], keys: Collection[str]) -> str:
    named = [section for section in sections if key.startswith(f"{section}.")]
    having = [section for section in sections if f"{section}.{key}" in keys]
    return (*named, *having, *sections)[0]


def _in(section: str, key: str) -> str:
    return key if key.startswith(f"{section}.") else f"{section}.{key}"


def _check_one_history(moves: Iterable[_Move], report: Report) -> None:
    taken: set[str] = set()
    for new, written in moves:
        if new in taken:
            message = f"another key is moved to {visible(new)} already"
            report.error("contradiction", written.place, "", message, "keep one: a key has one history")
        taken.add(new)


def _check(
    old: str, move: _Move, moves: dict[str, _Move], keys: Collection[str], report: Report, *, whole: bool
) -> None:
    new, written = move
    if old in keys:
        message, hint = f"{visible(old)} is still declared", "remove it here, or there"
        report.error("moved-in-place", written.key_place, "", message, hint)
    if new in moves:
        message, hint = f"{visible(new)} is itself moved", f"write {visible(moves[new][0])}"
        report.error("moved-in-chain", written.place, "", message, hint)
    elif new not in keys and whole:
        report.error("moved-nowhere", written.place, "", f"{visible(new)} is not declared", meant(new, keys))
