"""What Windows does otherwise, taken on this system too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import Refused
from reconciler.system import GONE, end_now, private_database, private_folder, started, sync_folder
from tests.conftest import NOT_ON_WINDOWS, ROOT


def test_windows_has_no_modes_to_check(tmp_path: Path) -> None:
    folder, open_to_all = tmp_path / "made", tmp_path / "open.sqlite"
    assert private_folder(folder, make=False, windows=True) is False
    assert private_folder(folder, make=True, windows=True) is True
    open_to_all.write_bytes(b"")
    open_to_all.chmod(0o666)
    folder.chmod(0o777)
    assert private_folder(folder, make=False, windows=True) is True
    assert private_database(open_to_all, windows=True)
    sync_folder(tmp_path / "not there", windows=True)
    if sys.platform != "win32":
        for check in (lambda: private_folder(folder, make=False), lambda: private_database(open_to_all)):
            with pytest.raises(Refused, match="chmod"):
                check()
        with pytest.raises(FileNotFoundError):
            sync_folder(tmp_path / "not there")


def test_what_is_no_file_is_refused_on_windows_too(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is a folder"):
        private_database(tmp_path, windows=True)
    (tmp_path / "file").write_bytes(b"")
    assert private_folder(tmp_path / "file", make=False, windows=True) is False


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("group", [False, True])
def test_a_process_ends_at_once_and_one_that_is_not_there_is_no_error(windows: bool, group: bool) -> None:
    code = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        end_now(process.pid, group=group, windows=windows)
        assert process.wait() != 0
    end_now(process.pid, group=group, windows=windows)


def test_windows_is_not_asked_for_a_process_by_a_signal() -> None:
    assert started(os.getpid(), windows=True) is None
    assert started(os.getpid()) not in (None, GONE)


@pytest.mark.parametrize("needs", NOT_ON_WINDOWS)
def test_what_is_left_out_on_windows_is_there(needs: str) -> None:
    assert [path for path in NOT_ON_WINDOWS[needs].split() if not (ROOT / "tests" / path).exists()] == []
