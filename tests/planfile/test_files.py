"""A plan file is read strictly, and what is refused is told why; it is written whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine.change import fingerprint_of
from reconciler.engine.kind import Globs, digest_of
from reconciler.errors import Refused, UsageError
from reconciler.planfile.files import LARGEST_FILE, read_plan, write_document

ONE, TWO = "1" * 64, "2" * 64
PLAN: dict[str, Any] = json.loads(f"""{{
"format_version": 1, "target": "production", "account": "api.example#0a1b2c3d", "tenant": "acme.example",
"explicit_empties": true, "limits": {{"resets": 0, "deletes": null, "updates": "30%"}},
"selection": [{{"only": ["welcome", "customer_seeds.*"], "exclude": []}}],
"fingerprint": "{fingerprint_of([ONE, TWO])}",
"summary": {{"create": 1, "update": 0, "reset_fields": 0, "delete": 0, "blocked": 0, "unchanged": 0,
    "unmanaged": 0, "seeds_to_send": 1, "customers_to_send": 1,
    "resets_by_policy": 0, "seeds_blocked": 0, "customers_blocked": 0}},
"since": null,
"changes": [{{"key": "import_configs.welcome", "action": "create", "id": null, "name": null,
    "adopted": false, "digest": "{ONE}", "caused": null,
    "fields": [{{"path": "name", "class": "set", "before": null, "after": "Welcome", "differs": true,
        "default_source": null, "level": "resource", "file": "configs/a.yaml", "line": 3, "drift": null,
        "accepted": null}}]}}],
"blocked": [], "unchanged": [], "unmanaged": [],
"seeds": [{{"key": "customer_seeds.smoke", "digest": "{TWO}", "caused": null, "round": "1", "send": "once",
    "states": {{"pending": 1, "changed": 0, "sent": 0, "found": 0, "in_doubt": 0}}, "to_send": 1,
    "changes": [], "file": "configs/a.yaml", "line": 9, "reasons": [], "notes": []}}],
"seeds_trouble": null, "problems": []}}""")
CHANGE, SEED = PLAN["changes"][0], PLAN["seeds"][0]


def sealed(plan: dict[str, Any]) -> str:
    """Return a plan as a file holds it, with the checksum that fits."""
    return json.dumps({**plan, "checksum": digest_of(plan)})


TEXT = sealed(PLAN)


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "plan.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_plan_says_where_it_is_true_and_what_was_reviewed(tmp_path: Path, encoding: str) -> None:
    plan = read_plan(written(tmp_path, TEXT.encode(encoding)))
    assert (plan.target, plan.account, plan.tenant) == ("production", "api.example#0a1b2c3d", "acme.example")
    assert plan.review.digests == {ONE, TWO}
    assert plan.parts == (Globs(("welcome", "customer_seeds.*")),)
    assert plan.review.names == {ONE: "import_configs.welcome", TWO: "customer_seeds.smoke"}


def test_a_blocked_seed_was_not_reviewed(tmp_path: Path) -> None:
    seed = {**SEED, "reasons": [{"code": "opted-out", "message": "no"}]}
    plan = {**PLAN, "seeds": [seed], "fingerprint": fingerprint_of([ONE])}
    assert read_plan(written(tmp_path, sealed(plan))).review.digests == {ONE}


WRONG: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "no JSON": ("version: 1", "no JSON"),
    "bytes": (b"\xff\xfe\x00\xd8\x01", "no JSON"),
    "cut short": (TEXT[: len(TEXT) // 2], "cut short"),
    "cut at its last byte": (TEXT[:-1], "cut short"),
    "two plans": (TEXT + TEXT, "cut short, or no JSON"),
    "a list": ("[]", "not a plan"),
    "a number": ("1", "not a plan"),
    "no version": ("{}", "not a plan"),
    "a version that is true": (sealed({**PLAN, "format_version": True}), "not a plan"),
    "a newer format": (sealed({**PLAN, "format_version": 2}), "format 2, .* upgrade reconciler"),
    "an unknown format": (sealed({**PLAN, "format_version": 0}), "format_version"),
    "a member too many": (sealed({**PLAN, "force": True}), "force"),
    "a member twice": (TEXT[:-1] + ', "target": "sandbox"}', "twice"),
    "a member twice deep inside": (TEXT.replace('"path"', '"path": "a", "path"'), "twice"),
    "a wrong type": (sealed({**PLAN, "target": 7}), "target"),
    "no selection": (sealed({k: v for k, v in PLAN.items() if k != "selection"}), "selection"),
    "a glob that is none": (sealed({**PLAN, "selection": [{"only": "c1", "exclude": []}]}), "selection"),
    "a number as text": (sealed({**PLAN, "seeds": [{**SEED, "line": "9"}]}), "seeds.0.line"),
    "no digest": (sealed({**PLAN, "changes": [{**CHANGE, "digest": "all"}]}), "changes.0.digest"),
    "a constant": (TEXT.replace('"id": null', '"id": NaN'), "NaN"),
    "a number without end": (TEXT.replace('"id": null', f'"id": {"9" * 5000}'), "no JSON"),
    "nested without end": ("[" * 200_000, "nested too deeply"),
    "members without end": ("[" + "[]," * 800_000 + "[]]", "larger than any"),
    "a report": (json.dumps({"format_version": 1, "plan": PLAN}), "not a whole plan"),
    "a failure": (json.dumps({"format_version": 1, "error": "no", "exit_code": 1}), "not a whole plan"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_whole_plan_is_an_error_that_says_why(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=rf"plan\.json .*{message}.*") as raised:
        read_plan(written(tmp_path, content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "edit",
    [
        {"changes": []},
        {"changes": [{**CHANGE, "digest": "3" * 64}]},
        {"seeds": []},
        {"fingerprint": "0" * 64},
    ],
    ids=str,
)
def test_a_plan_that_was_changed_after_it_was_made_is_refused(tmp_path: Path, edit: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="changed after it was made"):
        read_plan(written(tmp_path, sealed({**PLAN, **edit})))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.json", "cannot be read: No such file"),
        ("newsletter-nl", "applied by --only KEY"),
        (".", "not a regular file"),
        ("pipe.json", "not a regular file"),  # which is not waited for
        ("plan\x1b[31m.json", r"plan\\x1b\[31m\.json"),  # and steers no terminal
    ],
)
def test_what_is_no_file_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UsageError, match=message) as raised:
        read_plan(tmp_path / name)
    assert "\x1b" not in str(raised.value)


def test_of_gigabytes_only_a_few_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with path.open("wb") as file:
        file.truncate(4_000_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UsageError, match="larger than any"):
        read_plan(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 6 * LARGEST_FILE // 1024


def test_a_member_that_steers_a_terminal_is_shown_harmless(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_plan(written(tmp_path, sealed({**PLAN, "\x1b[31m\u202e": 1})))
    assert not {"\x1b", "\u202e"} & set(str(raised.value))


def test_the_file_of_before_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("before")
    path.chmod(0o644)
    write_document(path, "{}")
    assert path.read_text() == "{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("other")
    (tmp_path / "plan.json").symlink_to("other.json")
    write_document(tmp_path / "plan.json", "{}")
    assert (tmp_path / "other.json").read_text() == "other"


def test_what_utf_8_cannot_hold_is_written_as_json_writes_it(tmp_path: Path) -> None:
    write_document(tmp_path / "plan.json", '"\ud800 België"')
    assert (tmp_path / "plan.json").read_bytes() == b'"\\ud800 Belgi\xc3\xab"'


def test_a_plan_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too large"):
        write_document(tmp_path / "plan.json", "x" * (LARGEST_FILE + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [("nowhere/plan.json", "no folder"), (".", "not a file"), ("x" * 300, "cannot be written")],
)
def test_a_place_that_is_none_is_an_error(tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_document(tmp_path / place, "{}")
    assert list(tmp_path.iterdir()) == []
