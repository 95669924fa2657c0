"""The files of a workspace while they are edited: all edits are gathered, checked together, then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field

from reconciler.config.contents import TARGETS
from reconciler.config.discovery import shown, workspace_files
from reconciler.config.editing.editor import edit
from reconciler.config.editing.layout import Layout, comment_at, laid_out
from reconciler.config.editing.patch import Edit, Edits, Ranks, no_ranks
from reconciler.config.editing.patch import Path as KeyPath
from reconciler.config.editing.writing import FileEdit
from reconciler.config.modeline import modeline_if_known
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited
from reconciler.problems import Problem

_TARGETS_AT = 2


class Edition(Struct, frozen=True, dict=True):
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
