from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import yaml
from tests.config.conftest import problems_of, write_files

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
YAMLISH = st.lists(
    st.sampled_from(
        [*"aM1 0:-,[]{}&*!<>|\n\t\"'#%?~.\\\x00é\u202e", "<<", "mailings", "name", "&a ", "*a ", "\n  "]
    ),
    max_size=120,
).map("".join)


def survives(content: bytes, file: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = problems_of(write_files(Path(folder), {file: content}))
    assert all(CODE.fullmatch(problem.code) for problem in found)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.yaml", "reconciler.yaml"]))
def test_any_bytes_are_problems_at_most(content: bytes, file: str) -> None:
    survives(content, file)


@settings(deadline=None)
@given(
    YAMLISH,
    st.sampled_from(
        ["", "mailings: ", "mailings:\n  m: ", "presets: ", "moved: ", "targets: ", "letters:\n  l: "]
    ),
)
def test_any_text_is_a_problem_at_most(text: str, before: str) -> None:
    survives(f"{before}{text}".encode(errors="replace"), "a.yaml")


@settings(deadline=None)
@given(YAMLISH)
def test_any_settings_are_problems_at_most(text: str) -> None:
    survives(f"version: 1\ntargets:\n  one: {text}".encode(errors="replace"), "reconciler.yaml")


@settings(deadline=None)
@given(YAMLISH)
def test_the_pure_parser_survives_the_same(text: str) -> None:
    yaml.read(text.encode(errors="replace"), "f.yaml", yaml.pure_events)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 1000,
        b"\xff\xfe" + b"a\x00" * 100,
        b"[" * 100_000,
        b"a: &a [*a]",
        b"mailings: " + b"{a: " * 45 + b"1" + b"}" * 45,
        b"mailings: {" + b",".join(b"k%d: {}" % n for n in range(3_000)) + b"}",
        b"mailings: {m: {" + b",".join(b"k%d: 1" % n for n in range(20_000)) + b"}}",
        b"moved: {" + b",".join(b"k%d: k%d" % (n, n + 1) for n in range(3_000)) + b"}",
        b"mailings: {m: {name: M, keep: [" + b"note," * 20_000 + b"]}}",
        b"a" * 1_000_000 + b": 1",
    ],
)
def test_a_hostile_file_ends_in_problems(content: bytes) -> None:
    survives(content, "a.yaml")
