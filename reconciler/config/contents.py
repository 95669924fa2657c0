"""What stands at the top of the files: which sections there are, and what is called what in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from reconciler.config.discovery import SETTINGS_FILE
from reconciler.config.names import NAME, meant, visible
from reconciler.config.nodes import Document, Node, unread
from reconciler.config.validation import Report, Vocabulary, kind_of, unknown_name
from reconciler.problems import Place

PRESETS, MOVED, GUARDRAILS = "presets", "moved", "guardrails"
ANYWHERE = (PRESETS, MOVED, GUARDRAILS)
"""The sections that any file may hold, beside those that declare something."""
TARGETS = "targets"


class Contents(Struct, frozen=True):
    """The sections of all files. A section that stands in several files is listed several times."""

    sections: Mapping[str, Sequence[Node]]
    settings: Document
    """`reconciler.yaml`."""
    files: int
    whole: bool
    """Whether every file was read: if not, a name that is missing may stand in one that was not."""
    targets: frozenset[str]
    """The names of all targets."""

    def has_target(self, name: str, place: Place, key: str, report: Report) -> bool:
        """Return whether there is such a target; where there is none, report it at `place`."""
        if name not in self.targets and self.settings.whole:
            message = f"there is no target {visible(name)}"
            report.error("unknown-target", place, key, message, meant(name, self.targets))
        return name in self.targets

    def entries(self, section: str) -> Iterator[tuple[str, Node]]:
        """Yield every name in a section and what stands behind it, file by file."""
        for node in self.sections.get(section, ()):
            yield from node.entries()

    def named(self, section: str, report: Report) -> dict[str, Node]:
        """Return what is called what in a section, over all files, in the order of the names."""
        found: dict[str, Node] = {}
        for name, node in self.entries(section):
            if name in found:
                message = f"{visible(name)} already stands in {section} at {found[name].key_place}"
                report.error("declared-twice", node.key_place, "", message, "remove one of the two")
            elif NAME.fullmatch(name):
                found[name] = node
            else:
                message = f"{visible(name)} cannot be a name"
                hint = (
                    "use at most 100 letters, digits, dots, dashes and underscores, not beginning with a dot"
                )
                report.error("invalid-name", node.key_place, "", message, f"{hint} or a dash")
        return dict(sorted(found.items()))

    def place_of(self, target: str, *path: str | int) -> Place | None:
        """Return where a setting of a target stands, `None` where it does not stand in the files.

        It may stand in a `guardrails:` section; a name with dots in it as one key or as nested ones.
        """
        apart = [(section, (target, *path)) for section in self.sections.get(GUARDRAILS, ())]
        for node, steps in [(self.settings.top, (TARGETS, target, *path)), *apart]:
            found = node.find(*steps)
            if found is None and path:
                found = node.find(*steps[:-1], *str(path[-1]).split("."))
            if found is not None:
                return found.key_place
        return None


def contents_of(
    documents: Sequence[Document],
    settings_file: str,
    settings: Collection[str],
    declaring: Sequence[str],
    report: Report,
) -> Contents:
    """Return the sections of `documents`, of which those called in `declaring` declare something.

    `settings_file` is the one that may also hold what counts for the workspace, called in `settings`.
    """
    sections: dict[str, list[Node]] = {}
    top: Document | None = None
    of_settings = (*settings, TARGETS)
    elsewhere = dict.fromkeys(of_settings, f"it stands in {SETTINGS_FILE}")
    for document in documents:
        words = Vocabulary((*declaring, *ANYWHERE), elsewhere=elsewhere)
        if document.top.source.file == settings_file:
            top = document
            words = Vocabulary((*words.paths, *of_settings))
        for name, node in document.top.entries():
            if name not in words.paths:
                code, message, hint = unknown_name(name, "", words)
                code = code.replace("unknown-field", "unknown-section")
                report.error(code, node.key_place, "", message, hint)
            elif name not in settings and not isinstance(node.value, dict):
                message = f"{name}: a mapping is expected, this is {kind_of(node.value)}"
                report.error("wrong-type", node.place, "", message, "write {} if nothing stands in it")
            else:
                sections.setdefault(name, []).append(node)
    return Contents(
        sections,
        settings=top or unread(settings_file),
        files=len(documents),
        whole=all(document.whole for document in documents),
        targets=frozenset(name for node in sections.get(TARGETS, ()) for name, _ in node.entries()),
    )


def moved_keys(
    contents: Contents, sections: Sequence[str], keys: Collection[str], report: Report
) -> dict[str, str]:
    """Return what `moved` says: the full key of before → the full key of today.

    In the files a key stands in full, or without its section where only one section has it. `keys` are all
    full keys that are declared.
    """
    moves: dict[str, tuple[str, Node]] = {}
    for old, node in contents.named(MOVED, report).items():
        new = node.value
        if not isinstance(new, str):
            message = f"the key of today is expected, this is {kind_of(new)}"
            report.error("wrong-type", node.place, "", message, "write moved: {old-key: new-key}")
            continue
        named = [section for section in sections if new.startswith(f"{section}.")]
        having = [section for section in sections if f"{section}.{new}" in keys]
        before = f"{(*named, *having, *sections)[0]}."
        old, new = (key if key.startswith(before) else before + key for key in (old, new))
        moves[old] = new, node
    taken: set[str] = set()
    for old, (new, node) in moves.items():
        if new in taken:
            message = f"another key is moved to {visible(new)} already"
            report.error("contradiction", node.place, "", message, "keep one: a key has one history")
        taken.add(new)
        if old in keys:
            message = f"{visible(old)} is still declared"
            report.error("moved-in-place", node.key_place, "", message, "remove it here, or there")
        if new in moves:
            hint = f"write {visible(moves[new][0])}"
            report.error("moved-in-chain", node.place, "", f"{visible(new)} is itself moved", hint)
        elif new not in keys and contents.whole:
            message = f"{visible(new)} is not declared"
            report.error("moved-nowhere", node.place, "", message, meant(new, keys))
    return {old: new for old, (new, _) in moves.items()}
