"""No file and no answer makes a run hold more than 500 MB: measured on real processes."""

from __future__ import annotations

import socket
import zlib
from pathlib import Path

import pytest

from tests.hostile.children import assert_refused, reconciler
from tests.hostile.workspaces import seeds, table, write
from tests.http.servers import Behaviour, serving
from tests.repositories import Repository
from tests.seeds.world import SETTINGS

BOMB = "import_configs:\n" + "".join(
    f"  b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12)
)
ANSWERED = (
    "allow_duplicate_email: true, customers: ["
    + "{email: a@example.com, answers: [{base_question_id: 1, file_answers: [{file: f}]}]}," * 300
    + "]"
)


MANY_VALUES = '{"email": "a@example.com", "data": {"x": [' + "0," * 2_400_000 + "0]}}"
UNFOLDING: dict[str, dict[str, str]] = {
    "yaml-alias-bomb": {"a.yaml": BOMB},
    "yaml-too-deep": {"a.yaml": "a: " + "[" * 4_900_000},
    "yaml-syntax": {"a.yaml": "a: '" + "x" * 4_900_000},
    "too-much: ": {"a.yaml": seeds(*["customers_from: c.csv"] * 60), "c.csv": table(400, 500)},
    "jsonl-syntax": {"a.yaml": seeds("customers_from: c.jsonl"), "c.jsonl": MANY_VALUES},
    "too-much": {f"f{n}.yaml": f"import_configs: {{m: {{keep: [{'x,' * 99_000}]}}}}" for n in range(30)},
    "answers-too-large": {"a.yaml": seeds(ANSWERED), "f": "x" * 4_900_000},
}


@pytest.mark.parametrize("words", UNFOLDING)
def test_files_that_unfold_are_refused_before_they_do(tmp_path: Path, words: str) -> None:
    write(tmp_path, UNFOLDING[words])
    assert_refused(reconciler(tmp_path, "validate"), words.removesuffix(": "))


def test_a_file_of_100_mb_is_not_read_to_its_end(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "a: 1\n", "c.csv": "email\n", "b.yaml": seeds("customers_from: c.csv")})
    for name in ("a.yaml", "c.csv"):
        with (tmp_path / name).open("r+b") as file:
            file.truncate(100_000_000)
    ended = reconciler(tmp_path, "validate")
    assert_refused(ended, "a.yaml:1:1: error[file-too-large]")
    assert ended.text.count("file-too-large") == 2


@pytest.mark.parametrize(
    ("entry", "words"),
    [(b'{"n": "' + b"A" * 17_000_000, "is larger than"), (b"[" + b"[]," * 5_000_000, "more values than")],
    ids=["large", "many values"],
)
def test_a_branch_that_anybody_can_have_pushed_is_not_read_without_end(
    tmp_path: Path, entry: bytes, words: str
) -> None:
    checkout = Repository.made(tmp_path / "checkout")
    write(checkout.folder / "configs", {}, f"{SETTINGS}    journal: git+branch:evil\n")
    begun = b'{"n":1,"at":1.0,"fact":{"what":"journal","format":5,"hash_key":"%s"}}\n' % (b"0" * 64)
    files = {"reconciler-journal.json": begun, "runs/000001/00000002.json": entry + b"\n"}
    told = b"".join(
        b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text)
        for path, text in files.items()
    )
    commit = b"commit refs/heads/evil\ncommitter a <a@example.com> 1 +0000\ndata 1\nx\n"
    checkout.git("fast-import", "--quiet", input=commit + told + b"done\n")
    assert_refused(reconciler(checkout.folder, "history"), words, exit=3)


def in_chunks(content: bytes, headers: bytes = b"", times: int = 1) -> Behaviour:
    """Answer with the same content again and again, in one answer."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + headers + b"\r\n")
        for _ in range(times):
            connection.sendall(b"%x\r\n%s\r\n" % (len(content), content))
        connection.sendall(b"0\r\n\r\n")

    return behave


def zeros(megabytes: int) -> bytes:
    """Return `megabytes` of zeros in the form of gzip, without their end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    begun = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return begun + block * (megabytes - 1)


GZIP = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (in_chunks(b"x" * 2**20, times=10_000), "larger than"),
        (in_chunks(zeros(1_000), GZIP), "larger than"),
        (in_chunks(b"[" + b"[]," * 10_000_000 + b"[]]"), "larger than any account"),
    ],
    ids=["without end", "packed zeros", "many lists"],
)
def test_answers_that_unfold_are_refused_before_they_do(
    tmp_path: Path, behaviour: Behaviour, words: str
) -> None:
    with serving(behaviour) as server:
        settings = f"version: 1\ndefault_target: t\ntargets: {{t: {{checkmarket: {{url: '{server.url}'}}}}}}"
        write(tmp_path, {"a.yaml": "import_configs: {m: {name: M}}"}, settings)
        assert_refused(reconciler(tmp_path, "plan"), words)
