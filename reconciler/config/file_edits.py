"""Edits of the files of a workspace: gathered, checked together, then written at once or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from reconciler.config.discovery import PRESETS, TARGETS, leads_outside, shown, workspace_files
from reconciler.config.edits import Edits, Put, Ranks, edit
from reconciler.config.edits import Path as KeyPath
from reconciler.config.layout import nodes_of, quote_of
from reconciler.config.names import UNWRITABLE, visible
from reconciler.config.nodes import Node, Scalar
from reconciler.config.resources import Controls, Resource, Section, field_paths
from reconciler.config.schema import SCHEMA_FILE
from reconciler.config.validation import Vocabulary, paths, unknown_name
from reconciler.config.yaml import read, unseen
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited, UsageError
from reconciler.problems import Problem

if TYPE_CHECKING:
    from reconciler.config.load import SeedsByName


EVERY_TARGET = "A configuration without `targets:` lives on every target, production too."


class FileEdit(Struct, frozen=True):
    """A file of a workspace with its content before and after; `before` is `None` for a new one."""

    path: Path
    file: str  # how it is named to people
    before: bytes | None
    after: bytes


class FileEdits(Struct, frozen=True, dict=True):
    """Gathers edits of the files below `folder`, which are named relative to `base`. Writes nothing."""

    folder: Path
    base: Path
    ranks: Ranks
    _edits: dict[Path, dict[KeyPath, Put]] = field(default_factory=dict)

    @cached_property
    def paths(self) -> dict[str, Path]:
        """The path of each file of the workspace by the name under which it is shown."""
        return {shown(path, self.base): path for path in workspace_files(self.folder)}

    def put(self, file: Path, edits: Edits, *above: str) -> None:
        """Add edits of a file, which may be a new one; of two at one path the later counts."""
        mine = self._edits.setdefault(file, {})
        for path, put in edits.items():
            mine.pop((*above, *path), None)
            mine[*above, *path] = put

    def edited(self) -> tuple[FileEdit, ...]:
        """Return every file that the edits change. Errors: `NotEdited` with all that cannot be edited.

        A new one begins with the line by which editors find the schema, where the workspace has one, and with
        what a copy of a resource has to keep.
        """
        problems: list[Problem] = []
        done: list[FileEdit] = []
        for path, edits in self._edits.items():
            before, file = path.read_bytes() if path.is_file() else None, shown(path, self.base)
            try:
                after = edit(before or b"", file, edits, self.ranks)
            except NotEdited as error:
                problems += error.problems
                continue
            if before is None and after:
                line = modeline(path, self.folder) if (self.folder / SCHEMA_FILE).is_file() else ""
                after = f"{line}# {EVERY_TARGET}\n".encode() + after
            if after != before:
                done.append(FileEdit(path, file, before, after))
        if problems:
            raise NotEdited(problems)
        return tuple(done)


def modeline(file: Path, folder: Path) -> str:
    """Return the line by which an editor finds the schema of a file, in the form of the YAML language server.

    It names the schema by where it lies from the file, so that it holds wherever the workspace is.
    """
    depth = len(file.relative_to(folder).parts) - 1
    return f"# yaml-language-server: $schema={'../' * depth}{SCHEMA_FILE}\n"


class ResourceEditor(Struct, frozen=True):
    """Edits one resource that stands in the files of a workspace."""

    files: FileEdits
    section: Section
    resource: Resource
    all_targets: Collection[str]  # the targets of the workspace: where a resource lives that names none
    _added_targets: set[str] = field(default_factory=set)  # the targets that an edit made the resource name

    def put_field(self, path: Sequence[str], put: Put, *, target: str = "") -> None:
        """Edit a field by one of its names; the other name, if it stands there, makes room."""
        dotted = ".".join(path)
        for named in self.section.named:
            if dotted in (named.path, named.field):
                other = named.field if dotted == named.path else named.path
                put = replace(put, instead_of=other.rpartition(".")[2])
        self.edit(path, put, target=target)

    def edit(self, path: Sequence[str], put: Put, *, target: str = "") -> None:
        """Edit what stands at a path of the resource, or of its block for a target."""
        file, here = self.files.paths[self.resource.written.source.file], self.resource.key.split(".", 1)
        if target and not self._added_targets and self.resource.own.controls.targets is None:
            # It lives on all targets without a word. With a block for one it has to name them all.
            self._added_targets.update(self.all_targets)
            self.files.put(file, {(name,): Put({}) for name in self.all_targets}, *here, TARGETS)
        self.files.put(file, {tuple(path): put}, *here, *((TARGETS, target) if target else ()))


def with_meaning(section: Section, path: str, value: Json) -> Put:
    """Return the edit by which a field has a value, with the meaning of a code as a comment."""
    meanings = section.meanings.get(path, {})
    meaning = meanings.get(value, "") if not isinstance(value, list | dict) else ""
    return Put(value, meaning, frozenset(meanings.values()))


def write(edits: Sequence[FileEdit], folder: Path) -> None:
    """Write the files of the workspace in `folder`; each is replaced at once, and a link stays a link.

    Nothing is written unless every new content is on the disk beside its file. Errors: `UsageError` for a
    link out of the workspace, a file that may not be written, and one that changed since it was read.
    """
    with contextlib.ExitStack() as stack:
        staged = [stack.enter_context(_staged(edit, folder)) for edit in edits]
        for edit in edits:
            now = edit.path.read_bytes() if edit.path.exists() else None
            if now != edit.before:
                raise UsageError(f"{edit.file} was changed meanwhile; nothing was written. Run again")
        for temporary, path in staged:
            temporary.replace(path)


@contextlib.contextmanager
def _staged(edit: FileEdit, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Write the new content beside the file that it is for, with its rights; remove it if not taken."""
    try:
        if leads_outside(edit.path, folder):
            raise UsageError(
                f"{edit.file} is a link out of the workspace; nothing was written. Copy what it leads to"
            )
        path = edit.path.resolve()
        if not path.is_relative_to(folder.resolve()):
            raise UsageError(f"{edit.file} does not stand in the workspace; nothing was written")
        if path.exists() and not os.access(path, os.W_OK):
            raise UsageError(f"{edit.file} is read-only; nothing was written")
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(edit.after)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            else:
                mask = os.umask(0)
                os.umask(mask)
                temporary.chmod(0o666 & ~mask)
            yield temporary, path
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{edit.file} cannot be written: {error.strerror or error}") from error


class Assignment(Struct, frozen=True):
    """What `PATH=VALUE` or `PATH:=VALUE` says, in the block of `target` where one is named."""

    path: str
    text: str
    is_yaml: bool = False  # whether := stood there, before a value that is written out
    target: str = ""

    def value_in(self, section: Section) -> Json:
        """Return the value for a field or control of a resource. Errors: `UsageError`, as for `value_of`."""
        _check_known(section, self.path)
        if any(self.path == named.path for named in section.named):
            return self.value_of(str)
        is_control = self.path.partition(".")[0] in Controls.model_fields
        model: Any = Controls if is_control else section.model
        for step in self.path.split("."):
            model = next(one for one in _types(model) if issubclass(one, BaseModel))
            model = model.model_fields[step].annotation
        return self.value_of(model)

    def value_of(self, annotation: Any) -> Json:
        """Return the value for a field of this type: the text as it stands where the field holds text.

        Elsewhere the text of a number, of true, false or null, of a list or mapping is that value. Errors:
        `UsageError` for what no file can hold, and behind := for what is no value.
        """
        if found := UNWRITABLE.search(self.text):
            raise UsageError(f"{self.path}: {unseen(found.group()).message}; {unseen(found.group()).hint}")
        node = _written_out(self.text)
        if self.is_yaml:
            if node is None or (isinstance(node.value, str) and not quote_of(node)):
                values = 'null, true, false, a number, "text", [a list] or {a: mapping}'
                shown = f"{visible(self.path)}:={visible(self.text)}"
                raise UsageError(f"{shown}: write {values} behind :=, and text as it stands behind =")
            return node.value
        if node is None or isinstance(node.value, str):
            return self.text
        return self.text if any(issubclass(one, str) for one in _types(annotation)) else node.value


def split_assignment(text: str, targets: Collection[str] = (), target: str = "") -> Assignment:
    """Return what `PATH=VALUE` or `PATH:=VALUE` says, on the target that is named beside it, if any.

    Errors: `UsageError` where it is neither, or names another target.
    """
    path, sign, value = text.partition("=")
    is_yaml, path = path.endswith(":"), path.removesuffix(":")
    if not sign or not path.strip(".") or ".." in path or path != path.strip():
        form = "PATH=VALUE, without blanks around the =, like update_type_id=1"
        raise UsageError(f"{visible(text)} is not of the form {form}")
    if targets and path.startswith(f"{TARGETS}."):
        rest = path.removeprefix(f"{TARGETS}.")
        # A name of a target may hold dots: the longest one that fits is meant.
        fitting = sorted((name for name in targets if rest.startswith(f"{name}.")), key=len)
        if not fitting:
            raise UsageError(f"{visible(path)}: write targets.NAME.FIELD, with one of {', '.join(targets)}")
        if target not in ("", fitting[-1]):
            raise UsageError(f"{visible(path)} is on another target than {target}: leave one of the two out")
        target, path = fitting[-1], rest.removeprefix(f"{fitting[-1]}.")
    return Assignment(path, value, is_yaml, target)


def _written_out(text: str) -> Node | None:
    """Return the value that a text is from end to end, as YAML has it in a line; `None` if it is none."""
    document = read(f"value: {text}\n".encode(), "")
    node = document.top.find("value")
    if node is None or document.problems or any(inner.anchor for inner in nodes_of(node)):
        return None
    is_block = isinstance(node, Scalar) and node.style in ("|", ">")
    is_whole = node.source.text[node.start : node.end] == text.strip(" ")
    return node if is_whole and not is_block else None


def _types(annotation: Any) -> Iterator[type]:
    """Yield the types of values that an annotation allows; of one in a list, the list alone."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from map(type, inner)
    elif origin in (Annotated, Union, UnionType):
        for one in inner[:1] if origin is Annotated else inner:
            yield from _types(one)
    elif isinstance(origin or annotation, type):
        yield origin or annotation


def _check_known(section: Section, path: str) -> None:
    words = (*field_paths(section), *Controls.model_fields)
    if path not in words:
        parent, _, name = path.rpartition(".")
        saying = unknown_name(name, parent, Vocabulary(words, section.older_names))
        where = f"{visible(path)}: " if parent else ""
        raise UsageError(f"{where}{saying.message}; {saying.hint}")


def full_path(section: Section, text: str, controls: Collection[str] = ()) -> str:
    """Return the path that a text names: itself, or the only one that ends with it. `UsageError` if none."""
    known = (*field_paths(section), *controls)
    fitting = [text] if text in known else [path for path in known if path.endswith(f".{text}")]
    if len(fitting) != 1:
        _check_known(section, text)
        raise UsageError(f"{visible(text)} is no field that can be compared")
    return fitting[0]


def fits(model: type[BaseModel], path: str, value: Json) -> bool:
    """Tell whether a model takes a value at a path, like `survey_settings.survey_id`."""
    for step in reversed(path.split(".")):
        value = {step: value}
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


_CONTROLS = ("undeclared", "keep", "reset", "accept", "accept_effects", "hidden", "absent")


def ranks_of(section: Section, seeds: SeedsByName[Any]) -> Ranks:
    """Return the order of the keys of resources, presets and seeds; every other mapping has none.

    A resource begins with what it builds on and its name, and ends with where it lives; its fields stand in
    the order of the model, a field's name beside its id. In the block of a target the id comes first. A seed
    begins with where and when it is sent, and ends with to whom; its list of customers is left as it is.
    """
    resources = section.kind.name

    def ranks(path: KeyPath) -> Sequence[str]:
        match path:
            case (name, _, "targets") if name == resources:
                return ()
            case (name, _, "targets", _) if name == resources:
                return ["<<", "id", *_fields(section, ()), *_CONTROLS]
            case (name, _, "targets", _, *below) if name == resources:
                return _fields(section, below)
            case (name, _) if name in (resources, PRESETS):
                where = ["id", "targets"] if name == resources else []
                return ["<<", "preset", *_fields(section, ()), *_CONTROLS, *where]
            case (name, _, *below) if name in (resources, PRESETS):
                return _fields(section, below)
            case (seeds.name, _):
                return ["<<", *seeds.opened().order]
            case (seeds.name, _, "targets", _):
                return ["<<", *(name for name in seeds.opened().order if name != TARGETS)]
            case (seeds.name, _, "defaults") | (seeds.name, _, "targets", _, "defaults"):
                return ["<<", *seeds.opened().defaults.model_fields]
        return ()

    return ranks


def _fields(section: Section, group: Sequence[str]) -> list[str]:
    fields: list[str] = []
    for path in paths(section.model):
        parent, _, name = path.rpartition(".")
        if parent == ".".join(group):
            fields += [named.path.rpartition(".")[2] for named in section.named if named.field == path]
            fields.append(name)
    return fields
