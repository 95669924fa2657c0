"""Which folder is the workspace, which files in it are read, and which sections they hold."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field

from reconciler.config.names import NAME, meant, visible
from reconciler.config.nodes import Document, Node, unread
from reconciler.config.yaml import LARGEST_FILE, Refusal, Unreadable, read
from reconciler.errors import UsageError
from reconciler.problems import Place, Problem, Redacted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reconciler.config.validation import Report

SETTINGS_FILE = "reconciler.yaml"
DEFAULT_FOLDER = "configs"
DEEPEST_FOLDER = 30  # folders inside each other, below that of the workspace
MOST_BYTES = 50_000_000  # in all other files of a workspace together, which its YAML names by their paths
_SUFFIXES = (".yaml", ".yml")
NOT_EDITED: Mapping[Path, bytes] = MappingProxyType({})


def find_workspace(explicit: Path | None, start: Path) -> Path:
    """Return the folder with `reconciler.yaml`: the named one, or the nearest at or above `start`.

    `explicit` names the folder or the file in it. Above `start`, a folder may hold the file itself or in
    `configs/`. Errors: `UsageError`, where there is none, or both in one folder.
    """
    if explicit is not None:
        folder = explicit.parent if explicit.name == SETTINGS_FILE else explicit
        if _holds_settings(folder):
            return folder
        below = folder / DEFAULT_FOLDER
        hint = f"; did you mean {visible(str(below), longest=4096)}?" if _holds_settings(below) else ""
        raise UsageError(f"there is no {SETTINGS_FILE} in {visible(str(folder), longest=4096)}{hint}")
    for folder in (start, *start.resolve().parents):
        found = [place for place in (folder, folder / DEFAULT_FOLDER) if _holds_settings(place)]
        if len(found) > 1:
            both = " and ".join(str(place / SETTINGS_FILE) for place in found)
            raise UsageError(f"both {both} exist; keep one, or name the folder with --workspace")
        if found:
            return found[0]
    raise UsageError(
        f"no {SETTINGS_FILE} or {DEFAULT_FOLDER}/{SETTINGS_FILE} here or in any folder above; let reconciler "
        "init write one, or name the folder with --workspace"
    )


def _holds_settings(folder: Path) -> bool:
    try:
        return (folder / SETTINGS_FILE).is_file()
    except OSError as error:
        shown_folder = visible(str(folder), longest=4096)
        raise UsageError(f"{shown_folder} cannot be looked into: {error.strerror}") from error


def shown(path: Path, base: Path) -> str:
    """Return how a file is named to people: relative to `base` when below it, else as it is."""
    try:
        relative = path.absolute().relative_to(base.absolute())
    except ValueError:
        relative = path
    return visible(relative.as_posix(), longest=4096)


def read_workspace(folder: Path, base: Path, edited: Mapping[Path, bytes] = NOT_EDITED) -> Iterator[Document]:
    """Yield every `*.yaml` and `*.yml` below `folder` that no dot hides, in a stable order.

    What cannot be read is an empty document with its problem. `base` as in `shown`. `edited` files are read
    as if they were written already, new ones too.
    """
    new, refused = dict(edited), list[Document]()
    for path in workspace_files(folder, lambda path, why: refused.append(_refused(shown(path, base), why))):
        content, file = new.pop(path, None), shown(path, base)
        try:
            if content is not None:
                yield read(content, file)
            elif leads_outside(path, folder):
                yield _refused(file, _OUTSIDE)
            else:
                yield read(content_of(path, LARGEST_FILE + 1), file)
        except OSError as error:
            yield _refused(file, _unreadable(error))
    yield from (read(edited[path], shown(path, base)) for path in sorted(new))
    yield from refused


def workspace_files(
    folder: Path, refuse: Callable[[Path, Refusal], object] = lambda _path, _why: None
) -> Iterator[Path]:
    """Yield the path of every file that `read_workspace` reads; `refuse` is given each folder left out."""

    def fail(error: OSError) -> None:
        refuse(Path(str(error.filename)), _unreadable(error))

    for where, folders, files in os.walk(folder, onerror=fail):
        here = Path(where)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if folders and len(here.parts) - len(folder.parts) >= DEEPEST_FOLDER:
            refuse(here / folders[0], _TOO_DEEP)
            folders.clear()
        yield from (here / name for name in sorted(filter(is_workspace_file, files)))
        for path in map(here.joinpath, folders):
            # A folder inside that a link leads to is read where it really is.
            try:
                if leads_outside(path, folder):
                    refuse(path, _OUTSIDE)
            except OSError as error:
                refuse(path, _unreadable(error))


def is_workspace_file(name: str) -> bool:
    """Tell whether a file of that name is read as a part of a workspace."""
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def leads_outside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a link out of the workspace in `folder`. Errors: `OSError` for a loop."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except RuntimeError as loop:
        raise OSError("it is a link to itself") from loop


_OUTSIDE = Refusal("symlink-outside", "this link leads out of the workspace", "copy what it leads to")
_TOO_DEEP = Refusal(
    "too-much",
    f"more than {DEEPEST_FOLDER} folders stand inside each other",
    "no workspace needs that; move it up",
)


def _unreadable(error: OSError) -> Refusal:
    return Refusal("unreadable-file", f"it cannot be read: {error.strerror or error}", "make it readable")


def _refused(file: str, why: Refusal) -> Document:
    code, message, hint = why
    return unread(file, Problem(code, Place(file, 1, 1), "", message, hint))


class WorkspaceFiles(Redacted, frozen=True, eq=False):
    """The files that seeds name, each read once, so that what was checked is what is sent."""

    shown: ClassVar = ("folder", "base")

    folder: Path
    base: Path  # the folder that files are named relative to
    zone: ZoneInfo  # in which the dates and times of the seeds are meant
    _read: dict[str, bytes] = field(default_factory=dict)
    _encoded: dict[str, str] = field(default_factory=dict)

    def content(self, path: str) -> bytes:
        """Return the bytes of the file at `path`, which counts from the folder, with `/` between its parts.

        Errors: `Unreadable`, whose refusal does not repeat the path, for a path that leads out of the folder
        or to something hidden in it, for what cannot be read, and for more than `LARGEST_FILE` bytes.
        """
        if path in self._read:
            return self._read[path]
        try:
            content = content_of(self._inside(path), LARGEST_FILE + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            hint = "check the path; it counts from the folder of the workspace"
            message = f"the file cannot be read: {why}"
            raise Unreadable(Refusal("unreadable-file", message, hint)) from error
        if len(content) > LARGEST_FILE:
            message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
            raise Unreadable(Refusal("file-too-large", message, "use a smaller one"))
        if sum(map(len, self._read.values())) + len(content) > MOST_BYTES:
            message = f"with this one, the files are larger than {MOST_BYTES // 1_000_000} MB together"
            raise Unreadable(Refusal("file-too-large", message, "use fewer or smaller ones"))
        self._read[path] = content
        return content

    def in_base64(self, path: str) -> str:
        """Return the same in base64: one text, however often a file is named. Errors: as for `content`."""
        if path not in self._encoded:
            self._encoded[path] = base64.b64encode(self.content(path)).decode("ascii")
        return self._encoded[path]

    def _inside(self, path: str) -> Path:
        message = "this path does not lead to a visible file inside the workspace"
        hint = "write a path that counts from the folder of the workspace, with / between its parts"
        outside = Unreadable(Refusal("path-outside", message, hint))
        if not path or PurePosixPath(path).is_absolute() or "\\" in path:
            raise outside
        top = self.folder.resolve()
        try:
            there = (top / path).resolve()
        except RuntimeError as loop:
            raise OSError("it is a link to itself") from loop
        # What a dot hides is not part of a workspace: .git/config may hold the credentials of a CI job.
        if not there.is_relative_to(top) or any(p.startswith(".") for p in there.relative_to(top).parts):
            raise outside
        return there


def content_of(path: Path, most: int) -> bytes:
    """Return at most the first `most` bytes of a regular file. Errors: `OSError`."""
    irregular = OSError("it is not a regular file")
    # A pipe or a device would be waited for without end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise irregular
    # What it was a moment ago it need not be any more.
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise irregular
        # Room is made for as much as is asked for: `most` is asked for only of a file that has grown.
        content = file.read(min(most, found.st_size + 1))
        return content if len(content) <= found.st_size else content + file.read(most - len(content))


PRESETS, MOVED, GUARDRAILS = "presets", "moved", "guardrails"
ANYWHERE = (PRESETS, MOVED, GUARDRAILS)
"""The sections that any file may hold, beside those that declare something."""
TARGETS = "targets"


class Contents(Struct, frozen=True):
    """The sections of all files."""

    sections: Mapping[str, Sequence[tuple[str, Node]]]
    """A section → every name in it and what stands behind it, file by file."""
    settings: Document  # `reconciler.yaml`
    files: int
    whole: bool  # whether every file was read: if not, a name that is missing may stand in one that was not
    targets: frozenset[str]  # the names of all targets

    def has_target(self, name: str, place: Place, key: str, report: Report) -> bool:
        """Return whether there is such a target; where there is none, report it at `place`."""
        if name not in self.targets and self.settings.whole:
            message = f"there is no target {visible(name)}"
            report.error("unknown-target", place, key, message, meant(name, self.targets))
        return name in self.targets

    def named(self, section: str, report: Report) -> dict[str, Node]:
        """Return what is called what in a section, over all files, in the order of the names."""
        found: dict[str, Node] = {}
        for name, node in self.sections.get(section, ()):
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

        It may stand in a `guardrails:` section, the recipients of a tenant beside its address as well; a name
        with dots in it as one key or as nested ones.
        """
        top = self.settings.top.find(TARGETS, target)
        apart = [node for name, node in self.sections.get(GUARDRAILS, ()) if name == target]
        for node in (top, *apart, top and top.find("expoints")):
            found = node and (node.find(*path) or node.find(*path[:-1], *str(path[-1]).split(".")))
            if found:
                return found.key_place
        return None


def contents_of(
    documents: Sequence[Document],
    settings_file: str,
    settings: Collection[str],
    declaring: Sequence[str],
    report: Report,
) -> Contents:
    """Return the sections of the files: `settings` stand in `settings_file` alone, `declaring` in any."""
    # Imported here: completion reads the files, and needs no models.
    from reconciler.config.validation import Vocabulary, kind_of, unknown_name

    sections: dict[str, list[tuple[str, Node]]] = {}
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
                sections.setdefault(name, []).extend(node.entries())
    return Contents(
        sections,
        settings=top or unread(settings_file),
        files=len(documents),
        whole=all(document.whole for document in documents),
        targets=frozenset(name for name, _ in sections.get(TARGETS, ())),
    )


def moved_keys(
    contents: Contents, sections: Sequence[str], keys: Collection[str], report: Report
) -> dict[str, str]:
    """Return what `moved` says: the full key of before → the full key of today.

    In the files a key stands in full, or without its section where only one section has it. `keys` are all
    full keys that are declared.
    """
    # Imported here, as above.
    from reconciler.config.validation import kind_of

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
