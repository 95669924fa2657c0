"""Whatever the files of a workspace hold, they are read or refused, and a terminal stays as it is."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.errors import FilesInvalid, UsageError
from reconciler.problems import Problem
from reconciler.render.values import problem_document, problems_text
from tests.hostile.fuzzing import FIELDS, HARMFUL, declared, harmful_text, share, yamlish
from tests.hostile.looking import assert_harmless, strict
from tests.hostile.workspaces import seeds, write

_TOP = ("", "import_configs: ", "import_configs:\n  m: ", "customer_seeds:\n  s: ", "presets: ", "moved: ")
_SETTINGS_TOP = ("", "version: 1\ntargets: ", "version: 1\ntargets:\n  one: ", "version: 1\n")


def problems_of(files: Mapping[str, str | bytes]) -> tuple[Problem, ...]:
    folder = Path(tempfile.mkdtemp())
    try:
        write(folder, files)
        return load(folder, SECTION, folder, CUSTOMER_SEEDS).warnings
    except FilesInvalid as invalid:
        return invalid.problems
    finally:
        shutil.rmtree(folder)


def assert_read_or_refused(files: Mapping[str, str | bytes]) -> None:
    problems = problems_of(files)
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", problem.code) for problem in problems)
    assert_harmless(problems_text(problems))
    assert_harmless("".join(str(problem.place) for problem in problems))
    text = json.dumps([problem_document(problem) for problem in problems])
    assert len(strict(text)) == len(problems)


@share(8)
@given(st.binary(max_size=300), st.sampled_from(["a.yaml", "reconciler.yaml"]))
def test_any_bytes_are_read_or_refused(content: bytes, file: str) -> None:
    assert_read_or_refused({file: content})


@share(8)
@given(st.sampled_from(_TOP), yamlish)
def test_any_text_is_read_or_refused(before: str, text: str) -> None:
    assert_read_or_refused({"a.yaml": f"{before}{text}".encode()})


@share(6)
@given(st.sampled_from(_SETTINGS_TOP), yamlish)
def test_any_settings_are_read_or_refused(before: str, text: str) -> None:
    assert_read_or_refused({"reconciler.yaml": f"{before}{text}".encode()})


@share(10)
@given(
    st.sampled_from(["import_configs", "customer_seeds", "presets", "moved", "guardrails", "targets"]),
    declared,
)
def test_any_document_is_read_or_refused(section: str, document: Any) -> None:
    text = json.dumps({section: {"welcome": document}}, ensure_ascii=False)
    assert_read_or_refused({"a.yaml": text.encode(errors="replace")})


@share(8)
@given(st.dictionaries(st.sampled_from(FIELDS), declared, max_size=6), st.booleans())
def test_any_target_is_read_or_refused(document: Any, whole: bool) -> None:
    top = document if whole else {"version": 1, "targets": {"one": document}}
    text = json.dumps(top, ensure_ascii=False)
    assert_read_or_refused({"reconciler.yaml": text.encode(errors="replace")})


cells = st.one_of(st.sampled_from(["email", "data.email", "Email", "a@example.com", *HARMFUL]), harmful_text)
tables = st.builds(
    lambda head, rows, mark: "\n".join(mark.join(row) for row in [head, *rows]).encode(
        errors="surrogatepass"
    ),
    st.lists(cells, max_size=5).map(lambda names: ["email", *names]),
    st.lists(st.lists(cells, max_size=6), max_size=5),
    st.sampled_from([",", ";", "\t", '","']),
)


@share(8)
@given(
    st.one_of(tables, st.binary(max_size=200), st.binary(max_size=100).map(lambda tail: b"email,x\n" + tail))
)
def test_any_table_of_customers_is_read_or_refused(content: bytes) -> None:
    assert_read_or_refused({"a.yaml": seeds("customers_from: rows.csv"), "rows.csv": content})


lines = st.lists(
    st.one_of(
        declared.map(lambda value: json.dumps(value).encode()),
        declared.map(lambda value: json.dumps({"email": "a@example.com", "data": value}).encode()),
        st.binary(max_size=60),
        st.sampled_from(
            [b"[" * 2000, b'{"email": 1e999}', b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a":1,"a":2}']
        ),
    ),
    max_size=5,
).map(b"\n".join)


@share(7)
@given(lines)
def test_any_lines_of_customers_are_read_or_refused(content: bytes) -> None:
    assert_read_or_refused({"a.yaml": seeds("customers_from: rows.jsonl"), "rows.jsonl": content})


@share(5)
@given(harmful_text.filter(lambda name: name not in {".", ".."}))
def test_any_name_of_a_file_is_shown_harmlessly(name: str) -> None:
    safe = (
        name.replace("/", "")
        .replace("\x00", "")
        .encode(errors="surrogatepass")[:200]
        .decode(errors="surrogateescape")
    )
    try:
        assert_read_or_refused({f"{safe}.yaml": b"nowhere: 1"})
    except UsageError:  # pragma: no cover
        raise AssertionError(name) from None
