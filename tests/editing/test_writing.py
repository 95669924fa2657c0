"""Files are replaced at once, with their rights, where they really are, and shown without personal data."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.config.file_edits import FileEdit, write
from reconciler.config.layout import masked
from reconciler.errors import UsageError


def edit_of(path: Path, after: bytes = b"new\n") -> FileEdit:
    return FileEdit(path, path.name, path.read_bytes() if path.exists() else None, after)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "a.yaml"
    made.write_bytes(b"old\n")
    return made


def test_a_file_is_replaced_with_its_rights_and_not_overwritten(file: Path, tmp_path: Path) -> None:
    """A process that reads it meanwhile reads one of the two, whole."""
    file.chmod(0o640)
    with file.open("rb") as reader:
        write([edit_of(file)], tmp_path)
        assert reader.read() == b"old\n"
    assert file.read_bytes() == b"new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_a_new_file_has_the_usual_rights_and_its_folder_is_made(file: Path, tmp_path: Path) -> None:
    new = tmp_path / "deep/down/b.yaml"
    write([edit_of(new)], tmp_path)
    assert (new.read_bytes(), new.stat().st_mode) == (b"new\n", file.stat().st_mode)


def test_a_link_stays_a_link_inside_the_workspace_and_is_refused_where_it_leads_out(
    file: Path, tmp_path: Path
) -> None:
    folder, link = tmp_path / "configs", tmp_path / "configs/link.yaml"
    folder.mkdir()
    link.symlink_to(file)
    write([edit_of(link)], tmp_path)
    assert link.is_symlink()
    assert file.read_bytes() == b"new\n"
    with pytest.raises(UsageError, match="link out of the workspace"):
        write([edit_of(link, b"newer\n")], folder)
    (tmp_path / "outside").mkdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="does not stand in the workspace"):
        write([edit_of(folder / "sub/b.yaml")], folder)
    assert file.read_bytes() == b"new\n"
    assert not [*(tmp_path / "outside").iterdir()]


def test_where_one_file_cannot_be_written_none_is(file: Path, tmp_path: Path) -> None:
    blocked = FileEdit(tmp_path / "a.yaml/b.yaml", "b.yaml", None, b"x")
    with pytest.raises(UsageError, match="cannot be written"):
        write([edit_of(file), blocked], tmp_path)
    assert file.read_bytes() == b"old\n"
    edits = [edit_of(tmp_path / "b.yaml"), edit_of(file)]
    file.write_bytes(b"somebody else\n")
    with pytest.raises(UsageError, match="changed meanwhile"):
        write(edits, tmp_path)
    assert file.read_bytes() == b"somebody else\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_file_that_is_read_only_is_refused(file: Path, tmp_path: Path) -> None:
    file.chmod(0o440)
    with pytest.raises(UsageError, match="read-only"):
        write([edit_of(file)], tmp_path)


SEEDS = b"""\
import_configs: {nl: {name: NL}}
customer_seeds:
  smoke:
    round: one
    notification_email_addresses: [qa@example.com, 'b@example.com']
    customers:
      - email: john@example.com   # c
        data: {"First name": John, age: 7}
      - {email: &x "jane@example.com", phone_number: +3160000}
"""


def test_what_stands_below_a_personal_key_is_masked() -> None:
    shown = masked(SEEDS)
    assert [word for word in ("@", "John", "3160000") if word in shown] == []
    assert shown.startswith("import_configs: {nl: {name: NL}}\n")
    assert "    round: one\n" in shown
    assert "# c\n" in shown
