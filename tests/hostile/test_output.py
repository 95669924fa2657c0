"""What people and programs get to see, whatever stands in names, values, variables and on the wire."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.render.listing import sandbox_text
from reconciler.render.values import harmless, json_text
from tests.hostile.answering import CONFIGS, Hostile, envelope, run
from tests.hostile.fuzzing import HARMFUL
from tests.hostile.looking import JOINERS, STEERING_CATEGORIES, assert_harmless
from tests.hostile.workspaces import seeds, write

SEEN = [text for text in HARMFUL if not set(text) & set("\x00\x07\x1b\x7f\x9b\r\n\u202e\u2066\u2028")]
"""Those that a file may hold."""


@pytest.mark.parametrize("text", HARMFUL)
@pytest.mark.parametrize("verb", ["plan", "show", "apply"])
def test_a_live_name_cannot_steer_what_shows_it(tmp_path: Path, text: str, verb: str) -> None:
    first = {"ImportConfigId": 1, "Name": f"Newsletter {text}", text: text, "DateFormat": text}
    rows = [{**first, "IsReusable": True}, {"ImportConfigId": 2, "Name": text, "IsReusable": True}]
    said = {
        "GET /3/surveys": envelope([{"Id": 5, "Title": "Customer satisfaction"}], TotalRowCount=1),
        "GET /3/contacts/import/configs/1": envelope(rows[0]),
        "GET /3/contacts/import/configs/2": envelope(rows[1]),
        "GET /3/contacts/import/configs": envelope(rows, TotalRowCount=2),
        "PUT ": envelope({"Succeeded": False, "FailureMessage": text}),
        "POST ": envelope({"Succeeded": False, "FailureMessage": text}),
    }
    assert run(write(tmp_path, {"configs.yaml": CONFIGS}), Hostile(said), verb).out
    assert len([*tmp_path.glob("report.*")]) == (3 if verb == "plan" else 0)


@pytest.mark.parametrize(
    "line", ["set welcome name={}", "list {}", "list --where name={}", "adopt --name {}", "plan --only {}",
             "show {}", "history --key {}", "apply --recreate {}", "validate --workspace {}"],
)  # fmt: skip
def test_what_is_not_utf_8_is_refused_by_every_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """Python hands each byte that is none on as half a character, from the line and from a variable."""
    monkeypatch.chdir(write(tmp_path, {"configs.yaml": CONFIGS}))
    assert main(line.format("Caf\udce9").split()) == 1
    monkeypatch.setenv("RECONCILER_TARGET", "sand\udce9")
    assert main(["list", "--format=json"]) == 1
    told = capsys.readouterr()
    assert "Caf\\xe9 is not UTF-8" in told.err
    assert "sand\\\\xe9 is not UTF-8" in told.out


STEERING = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in STEERING_CATEGORIES]
BLANK = "\u034f\u115f\u1160\u17b4\u180b\u3164\uffa0\U000e0100"
"""Characters without width, or blank, that are no controls."""


def test_every_character_that_steers_is_an_escape_in_json_and_nothing_of_it_is_lost() -> None:
    text = "".join(STEERING) + BLANK
    told = json_text({text: [text, "café → ü"]})
    assert_harmless(told)
    assert not set(told) & {*BLANK, *JOINERS}
    assert "café → ü" in told
    assert json.loads(told) == json.loads(json.dumps({text: [text, "café → ü"]}))
    assert [char for char in {*STEERING, *BLANK} - {*JOINERS} if harmless(f"a{char}b") == f"a{char}b"] == []


@pytest.mark.parametrize("text", SEEN)
def test_a_declared_value_is_data_to_whoever_reads_it_next(tmp_path: Path, text: str) -> None:
    """A formula, some Markdown or HTML, a command of a CI log: quoted, on one line, sent as it is."""
    document = {"import_configs": {"m": {"name": text[:50], "targets": {"sandbox": {"id": 1}}}}}
    live = {"ImportConfigId": 1, "Name": "M", "IsReusable": True}
    said = {"configs/1": envelope(live), "GET ": envelope([live], TotalRowCount=1)}
    write(tmp_path, {"m.yaml": json.dumps(document, ensure_ascii=False)})
    shown = run(tmp_path, Hostile(said), "plan").out.splitlines()
    (line,) = [line for line in shown if "→ " in line and " name " in line]
    assert line.startswith("    ~ name")
    _, _, after = line.strip().partition(" → ")
    assert after.startswith('"')
    document = run(tmp_path, Hostile(said), "plan", as_json=True).document
    assert document["changes"][0]["fields"][0]["after"] == text[:50]


@pytest.mark.parametrize("text", HARMFUL)
def test_a_formula_in_a_table_is_never_repeated(tmp_path: Path, text: str) -> None:
    table = f"email,x\nnot an address {text},{text}\n".encode()
    write(tmp_path, {"a.yaml": seeds("customers_from: c.csv"), "c.csv": table})
    seen = run(tmp_path, Hostile({}), "plan")
    assert "problem" in seen.error
    assert "not an address" not in seen.error + seen.out


VARIABLES = "WORKSPACE TARGET ONLY FORMAT QUIET DETAILED_EXITCODE SANDBOX_VARIANTS SANDBOX_FAULTS"
ARGUMENTS = ("\x1b[31m", "--\x1b[31m", "--target=\x1b[31m\u202e", "--allow-resets=" + "9" * 5_000)
TROUBLES = [
    *(((), {f"RECONCILER_{name}": "\x1b]0;owned\x07\u202e\udcff"}) for name in VARIABLES.split()),
    *(((), {f"RECONCILER_{name}": "9" * 5_000}) for name in VARIABLES.split()),
    *(((text,), {}) for text in ARGUMENTS),
]


@pytest.mark.parametrize(("arguments", "environ"), TROUBLES, ids=map(str, range(len(TROUBLES))))
def test_what_is_typed_or_set_cannot_steer_what_shows_it(
    arguments: tuple[str, ...],
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "configs", {"a.yaml": "import_configs: {m: {name: M}}"})
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    exit = main(["plan", *arguments])
    out, err = capsys.readouterr()
    assert (exit, out) == (1, "")
    assert "Error: " in err
    assert "this is a bug" not in err
    assert_harmless(err)


def test_a_request_to_the_sandbox_cannot_steer_what_shows_it() -> None:
    said = {"method": "\x1b[2J", "path": "/\x1b", "query": "\u202e"}
    request: dict[str, Any] = {**said, "status": 200, "fault": None}
    inventory = {"import_configs": [], "surveys": [], "requests": [request], "mails": []}
    assert_harmless(sandbox_text(inventory))
