"""What stands at the top of the files: which sections there are, and what is called what in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, NamedTuple, TypeAlias

from msgspec import Struct
from pydantic import PlainValidator

from reconciler.config.discovery import SETTINGS_FILE
from reconciler.config.names import NAME, meant, visible
from reconciler.config.nodes import Document, Node, unread
from reconciler.config.settings import Settings
from reconciler.config.validation import Report, Vocabulary, kind_of, refusal, shaped, unknown_name
from reconciler.problems import Place

PRESETS, MOVED, GUARDRAILS = "presets", "moved", "guardrails"
ANYWHERE = (PRESETS, MOVED, GUARDRAILS)
"""The sections that any file may hold, beside those that declare something."""
TARGETS = "targets"
LATER = ("customer_seeds",)
"""Sections that not every caller hands in."""


class Contents(Struct, frozen=True, dict=True):
    """The sections of all files. A section that stands in several files is listed several times."""

    sections: Mapping[str, Sequence[Node]]
    resources: Sequence[str]
    """The names of the sections that hold resources, which presets are for."""
    settings: Document
    """`reconciler.yaml`."""
    files: int
    whole: bool
    """Whether every file was read: if not, a name that is missing may stand in one that was not."""

    def has_target(self, name: str, place: Place, key: str, report: Report) -> bool:
        """Return whether there is such a target; where there is none, report it at `place`."""
        if name not in self.targets and self.settings.whole:
            message = f"there is no target {visible(name)}"
            report.error("unknown-target", place, key, message, meant(name, self.targets))
        return name in self.targets

    @cached_property
    def targets(self) -> frozenset[str]:
        """The names of all targets."""
        return frozenset(name for name, _ in self.entries(TARGETS))

    def named(self, section: str, report: Report) -> dict[str, Node]:
        """Return what is called what in a section, over all files, in the order of the names."""
        found: dict[str, Node] = {}
        for name, written in self.entries(section):
            if name in found:
                message = f"{visible(name)} already stands in {section} at {found[name].key_place}"
                report.error("declared-twice", written.key_place, "", message, "remove one of the two")
            elif _may_be_named(name, written.key_place, report):
                found[name] = written
        return dict(sorted(found.items()))

    def presets(self, section: str, report: Report) -> dict[str, Node]:
        """Return the presets that resources of a section name; the first section has the unnamed ones too."""
        named = {other: self._named_presets(other) for other in self.resources}
        others = set().union(*(names for other, names in named.items() if other != section))
        return {
            name: written
            for name, written in self.named(PRESETS, report).items()
            if name in named[section] or (section == self.resources[0] and name not in others)
        }

    def _named_presets(self, section: str) -> set[str]:
        values = (written.value for _, written in self.entries(section))
        return {str(value.get("preset")) for value in values if isinstance(value, dict)}

    def place_of(self, target: str, *path: str | int) -> Place | None:
        """Return where a setting of a target stands, `None` where it does not stand in the files.

        It may stand in a `guardrails:` section; a name with dots in it as one key or as nested ones.
        """
        apart = [(section, (target, *path)) for section in self.sections.get(GUARDRAILS, ())]
        for written, steps in [(self.settings.top, (TARGETS, target, *path)), *apart]:
            found = written.find(*steps)
            if found is None and path:
                last = str(path[-1]).split(".")
                found = written.find(*steps[:-1], *last)
            if found is not None:
                return found.key_place
        return None

    def entries(self, section: str) -> Iterator[tuple[str, Node]]:
        """Yield every name in a section and what stands behind it, file by file."""
        for written in self.sections.get(section, ()):
            yield from written.entries()


def sorted_out(
    documents: Sequence[Document],
    settings_file: str,
    resources: Sequence[str],
    others: Sequence[str],
    report: Report,
) -> Contents:
    """Return the sections of `documents`, of which `resources` hold resources and `others` something else.

    `settings_file` is the one that may also hold what counts for the workspace.
    """
    sections: dict[str, list[Node]] = {}
    for document in documents:
        words = _words((*resources, *others), document.top.file == settings_file)
        for name, written in document.top.entries():
            if _belongs(name, written, words, report):
                sections.setdefault(name, []).append(written)
    found = (document for document in documents if document.top.file == settings_file)
    settings = next(found, unread(settings_file))
    return Contents(
        sections, resources, settings, len(documents), all(document.whole for document in documents)
    )


def _words(declaring: Sequence[str], is_settings_file: bool) -> Vocabulary:
    settings = (*Settings.model_fields, TARGETS)
    if is_settings_file:
        return Vocabulary((*declaring, *ANYWHERE, *settings))
    elsewhere = dict.fromkeys(settings, f"it stands in {SETTINGS_FILE}")
    return Vocabulary((*declaring, *ANYWHERE), elsewhere=elsewhere)


def _belongs(name: str, written: Node, words: Vocabulary, report: Report) -> bool:
    if name in LATER and name not in words.paths:
        message = f"{name} is not supported by this version"
        report.error("not-yet-supported", written.key_place, "", message, "remove the section, or upgrade")
    elif name not in words.paths:
        saying = unknown_name(name, "", words)
        code = saying.code.replace("unknown-field", "unknown-section")
        report.error(code, written.key_place, "", saying.message, saying.hint)
    elif name not in Settings.model_fields and not isinstance(written.value, dict):
        message = f"{name}: a mapping is expected, this is {kind_of(written.value)}"
        report.error("wrong-type", written.place, "", message, "write {} if nothing stands in it")
    else:
        return True
    return False


def _may_be_named(name: str, place: Place, report: Report) -> bool:
    if NAME.fullmatch(name):
        return True
    message = f"{visible(name)} cannot be a name"
    hint = "use at most 100 letters, digits, dots, dashes and underscores, not beginning with a dot or a dash"
    report.error("invalid-name", place, "", message, hint)
    return False


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
    block: Node | None
    exists: bool
    """Whether there is such a target; where there is none, that was reported."""


def homes(targets: Node, key: str, contents: Contents, report: Report) -> Iterator[Home]:
    """Yield every target that `targets` names once, in its order; `targets` is one of `Targets`."""
    if not targets.value:
        report.error("no-target", targets.place, key, "it lives on no target", "name at least one")
    elif isinstance(targets.value, dict):
        for name, block in targets.entries():
            exists = contents.has_target(name, block.key_place, key, report)
            yield Home(name, block if block.value != {} else None, exists)
    else:
        yield from _listed(targets, key, contents, report)


def _listed(targets: Node, key: str, contents: Contents, report: Report) -> Iterator[Home]:
    seen = set()
    for item in targets.items():
        name = str(item.value)
        if name in seen:
            message = f"the target {visible(name)} is listed twice"
            report.error("declared-twice", item.place, key, message, "remove one of the two")
        else:
            yield Home(name, None, contents.has_target(name, item.place, key, report))
        seen.add(name)


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


_Move = tuple[str, Node]


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
