"""Edits of the files of a workspace: gathered, checked together, then written at once or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.config.contents import TARGETS
from reconciler.config.discovery import leads_outside, shown, workspace_files
from reconciler.config.edits import Edit, Edits, Put, Ranks, edit, no_ranks
from reconciler.config.edits import Path as KeyPath
from reconciler.config.layout import Layout, comment_at, laid_out
from reconciler.config.nodes import Node
from reconciler.config.resources import Resource
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.sections import Named, Section
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited, UsageError
from reconciler.problems import Problem


class FileEdit(Struct, frozen=True):
    """A file of a workspace with what stands in it and what shall; `before` is `None` for a new one."""

    path: Path
    file: str
    """How it is named to people."""
    before: bytes | None
    after: bytes


def write(edits: Sequence[FileEdit], folder: Path) -> None:
    """Write the files of the workspace in `folder`; each is replaced at once, and a link stays a link.

    Nothing is written unless every new content is on the disk beside its file. Errors: `UsageError` for a
    link out of the workspace, a file that may not be written, and one that changed since it was read.
    """
    with contextlib.ExitStack() as stack:
        staged = [(stack.enter_context(_staged(edit, folder)), edit) for edit in edits]
        for edit in edits:
            _check_unchanged(edit)
        for (temporary, path), _ in staged:
            temporary.replace(path)


@contextlib.contextmanager
def _staged(edit: FileEdit, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Write the new content beside the file that it is for; remove it if it was not taken."""
    try:
        path = _real(edit, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(edit.after)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(_mode(path))
            yield temporary, path
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{edit.file} cannot be written: {error.strerror or error}") from error


def _real(edit: FileEdit, folder: Path) -> Path:
    if leads_outside(edit.path, folder):
        raise UsageError(
            f"{edit.file} is a link out of the workspace; nothing was written. Copy what it leads to"
        )
    path = edit.path.resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(f"{edit.file} does not stand in the workspace; nothing was written")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"{edit.file} is read-only; nothing was written")
    return path


def _mode(path: Path) -> int:
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _check_unchanged(edit: FileEdit) -> None:
    now = edit.path.read_bytes() if edit.path.exists() else None
    if now != edit.before:
        raise UsageError(
            f"{edit.file} was changed by somebody else meanwhile; nothing was written. Run again"
        )


_TARGETS_AT = 2


class FileEdits(Struct, frozen=True, dict=True):
    """Edits of the files below `folder`, which are named relative to `base`. Writes nothing."""

    folder: Path
    base: Path
    ranks: Ranks = no_ranks
    _edits: dict[Path, Edits] = field(default_factory=dict)

    @cached_property
    def contents(self) -> Mapping[Path, bytes]:
        """The files of the workspace as they are."""
        return {path: path.read_bytes() for path in workspace_files(self.folder)}

    @cached_property
    def _tops(self) -> Mapping[Path, Json]:
        return {path: read(content, str(path)).top.value for path, content in self.contents.items()}

    def home(self, section: str, name: str) -> Path | None:
        """Return the file in which a section holds a name."""
        for path, top in self._tops.items():
            inner = top.get(section) if isinstance(top, dict) else None
            if isinstance(inner, dict) and name in inner:
                return path
        return None

    def shown(self, file: Path) -> str:
        """Return how a file is named to people."""
        return shown(file, self.base)

    def comment_at(self, file: Path, path: KeyPath) -> str | None:
        """Return the comment right above or behind the line of a value; `None` where it has no such line."""
        return comment_at(self._layouts[file], path)

    @cached_property
    def _layouts(self) -> Mapping[Path, Layout]:
        return {path: laid_out(content.decode("utf-8-sig")) for path, content in self.contents.items()}

    def put(self, file: Path, path: KeyPath, change: Edit) -> None:
        """Add an edit of a file, which may be a new one; of two at one path the later counts.

        In `(section, name, "targets", target, …)` a list of targets becomes a mapping.
        """
        names = _TARGETS_AT if path[_TARGETS_AT : _TARGETS_AT + 1] == (TARGETS,) else None
        self._edits.setdefault(file, Edits()).put(path, change, names)

    def edited(self) -> tuple[FileEdit, ...]:
        """Return every file that the edits change. Errors: `NotEdited` with all that cannot be edited.

        A new one begins with the line by which editors find the schema, where the workspace has one.
        """
        problems: list[Problem] = []
        done: list[FileEdit] = []
        for path, edits in self._edits.items():
            try:
                done.append(self._edited(path, edits))
            except NotEdited as error:
                problems += error.problems
        if problems:
            raise NotEdited(problems)
        return tuple(one for one in done if one.after != one.before)

    def _edited(self, path: Path, edits: Edits) -> FileEdit:
        before, file = self.contents.get(path), shown(path, self.base)
        after = edit(before or b"", file, edits.tree, self.ranks)
        head = modeline_if_known(path, self.folder).encode() if before is None and after else b""
        return FileEdit(path, file, before, head + after)


def overlay(edits: Sequence[FileEdit]) -> Mapping[Path, bytes]:
    """Return the new contents of edited files, as `load` takes them."""
    return {edit.path: edit.after for edit in edits}


class ResourceEditor(Struct, frozen=True):
    """Edits one resource that stands in the files of a workspace."""

    edits: FileEdits
    section: Section
    resource: Resource
    all_targets: Iterable[str]
    """The targets of the workspace: where a resource lives that names none."""

    @property
    def _name(self) -> str:
        return self.resource.key.removeprefix(f"{self.section.kind.name}.")

    def put(self, path: Sequence[str], value: Json, *, target: str = "") -> None:
        """Let a field have this value, on one target only if one is named; by its id or by its name.

        The other name of the field, if it stands there, makes room; a code gets its meaning beside it.
        """
        meanings = self.section.meanings.get(".".join(path), {})
        meaning = meanings.get(value, "") if not isinstance(value, list | dict) else ""
        self.edit_field(path, Put(value, meaning, frozenset(meanings.values())), target=target)

    def edit_field(self, path: Sequence[str], put: Put, *, target: str = "") -> None:
        """Edit a field by one of its names; the other name, if that stands there, makes room."""
        there, name = self._name_there(path, target), path[-1]
        change = replace(put, key=name) if there != name else put
        self.edit((*path[:-1], there), change, target=target)

    def write_id(self, target: str, id: int) -> None:
        """Let the resource have this live id on a target, in the block of the target."""
        self._make_block(target)
        self._edit(("id",), Put(id), target)

    def edit(self, path: Sequence[str], change: Edit, *, target: str = "") -> None:
        """Edit whatever stands at a path of the resource, or of its block for a target."""
        if target:
            self._make_block(target)
        self._edit(tuple(path), change, target)

    def is_without_comment(self, path: Sequence[str]) -> bool:
        """Tell whether nobody wrote a comment on the lines of what stands at a path, but for a meaning."""
        place = (self.section.kind.name, self._name, *path)
        comment = self.edits.comment_at(self._file(), place)
        return comment is not None and comment in {
            "",
            *self.section.meanings.get(".".join(path), {}).values(),
        }

    def _edit(self, path: tuple[str, ...], change: Edit, target: str) -> None:
        above = (TARGETS, target) if target else ()
        self.edits.put(self._file(), (self.section.kind.name, self._name, *above, *path), change)

    def _file(self) -> Path:
        found = self.edits.home(self.section.kind.name, self._name)
        if found is None:
            raise LookupError(self.resource.key)
        return found

    def _make_block(self, target: str) -> None:
        """Let the resource name its targets, if it lives on all of them without a word."""
        if self.resource.own.controls.targets is not None:
            return
        for other in self.all_targets:
            if other != target:
                self.edits.put(self._file(), (self.section.kind.name, self._name, TARGETS, other), Put({}))

    def _name_there(self, path: Sequence[str], target: str) -> str:
        """Return the name under which a field stands at a level: its own, or the other one that it has."""
        level = self._level(target)
        for other in other_names(self.section.named, ".".join(path)):
            *_, name = steps = other.split(".")
            if level and level.find(*steps):
                return name
        return path[-1]

    def _level(self, target: str) -> Node | None:
        written = self.resource.written
        return written.find(TARGETS, target) if target else written


def other_names(named: Iterable[Named], path: str) -> list[str]:
    """Return the other path of a field that has two: the id's for a name, and the name's for an id."""
    return [one.field for one in named if one.path == path] + [one.path for one in named if one.field == path]


def modeline(file: Path, folder: Path) -> str:
    """Return the line for a file of the workspace in `folder`, its end included.

    It names the schema by where it lies from the file, so that it holds wherever the workspace is.
    """
    depth = len(file.relative_to(folder).parts) - 1
    return f"# yaml-language-server: $schema={'../' * depth}{SCHEMA_FILE}\n"


def modeline_if_known(file: Path, folder: Path) -> str:
    """Return the line for a new file of a workspace, empty where there is no schema that it could name."""
    return modeline(file, folder) if (folder / SCHEMA_FILE).is_file() else ""
