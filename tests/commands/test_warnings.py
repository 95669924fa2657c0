"""Warnings about the files: a line for each code, all of them where they are asked for, none that is off."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.adopt import Wanted, adopt
from reconciler.commands.reports import Form, ReportFile, TargetSelection
from reconciler.commands.status import Form as StatusForm
from reconciler.commands.status import status
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import FilesInvalid, Refused
from tests.commands.world import EVERYTHING, RESETS, SETTINGS, Run, World
from tests.repositories import ENVIRON, Repository

NUMBER = 12


def many(number: int = NUMBER) -> str:
    """Return as many resources, with a warning of each of two codes."""
    lines = (f"  k{n}: {{name: N{n}, first_row: 2, update_type_id: 1}}\n" for n in range(number))
    return f"import_configs:\n{''.join(lines)}"


MORE = "presets: {p: {first_row: 2}}\nimport_configs: {one: {name: One, first_row: 2}}\n"
LINES = [
    f"Warning: {NUMBER + 1} × file-imports-only, in 2 files; `validate` lists them",
    f"Warning: {NUMBER} × contradiction, in 1 file; `validate` lists them",
    "Warning: 1 × unused-preset, in 1 file; `validate` lists it",
]


def ran(world: World, verb: str, **asked: Any) -> Run:
    match verb:
        case "status":
            form = StatusForm.JSON if asked.get("json") else StatusForm.TEXT
            return world.ran(status, TargetSelection(), EVERYTHING, form, **asked)
        case "adopt":
            return world.ran(adopt, Wanted(everything=True), EVERYTHING, diff=True, **asked)
        case "apply":
            return world.applies(RESETS, Selection(only=("one",)), **asked)
    return world.plans(**asked)


@pytest.mark.parametrize("verb", ["plan", "apply", "status", "adopt"])
def test_a_verb_says_each_code_in_a_line_and_its_json_holds_every_warning(world: World, verb: str) -> None:
    world.write("many.yaml", many())
    world.write("more.yaml", MORE)
    told = ran(world, verb).told
    assert [line for line in told.splitlines() if "×" in line] == LINES
    assert "warning[" not in told
    assert "×" not in ran(world, verb, settings={"quiet": True}).told
    assert ran(world, verb, settings={"verbose": True}).told.count("warning[") == 2 * NUMBER + 2
    run = ran(world, verb, json=True)
    assert len(run.document.get("plan", run.document)["problems"]) == 2 * NUMBER + 2


def test_a_report_folds_many_warnings_and_calls_none_of_them_a_problem(world: World) -> None:
    world.write("many.yaml", many())
    files = [ReportFile(form, world.folder / form.value) for form in (Form.MARKDOWN, Form.HTML)]
    world.plans(reports=tuple(files))
    for text in (file.path.read_text() for file in files):
        assert f"{NUMBER} × contradiction, in 1 file" in text
        assert "Problems in the files" not in text
    assert "and 2 more: `reconciler validate` lists them" in files[0].path.read_text()


def test_what_stops_a_run_counts_errors_as_problems_and_warnings_as_warnings(world: World) -> None:
    world.write("many.yaml", many())
    world.write("wrong.yaml", "import_configs: {w: {nmae: W}}\n")
    with pytest.raises(FilesInvalid, match=f"^1 problem and {2 * NUMBER} warnings in the files"):
        world.plans()


OFF = "ignore_warnings: {%s: meant so}\n"
PAST = "import_configs: {m: {name: M, accept: [{field: first_row, until: 2020-01-01, reason: x}]}}"
SEED = (
    "customer_seeds: {s: {targets: [sandbox], is_test: true, notification_email_addresses: [q@example.com], "
    "%s, customers: [%%s]}}"
)
IS = "send: once"
SHOWN = {
    "acceptance-ended": PAST,
    "clock-change": SEED % 'end_date: "2027-03-28T02:30"' % "{email: a@example.com}",
    "contradiction": "import_configs: {m: {name: M, update_type_id: 1}}",
    "copied-twice": SEED
    % IS
    % "{email: a@example.com, previous_id: 1, answers_to_copy: [1], copy_all_answers: true}",
    "file-imports-only": "import_configs: {m: {name: M, first_row: 2}}",
    "nothing-to-copy": SEED % IS % "{email: a@example.com, copy_all_answers: true}",
    "obsolete-field": "import_configs: {m: {name: M, contact_group_id: 2}}",
    "unused-preset": "presets: {p: {first_row: 2}}",
}
TENANT = (
    SETTINGS + '    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"], allow_copies: true}\n'
)


def test_there_may_be_more_warnings_than_errors_of_the_files_or_of_one_seed(world: World) -> None:
    rows = ", ".join(f"{{email: a{n}@example.com, copy_all_answers: true}}" for n in range(120))
    world.write("reconciler.yaml", TENANT)
    world.write("seed.yaml", SEED % IS % rows)
    world.write("many.yaml", many(1_100))
    run = world.ran(validate, EVERYTHING)
    assert run.out.count("warning[") == 2_320
    assert run.last.endswith(", 2320 warnings.")


@pytest.mark.parametrize("code", SHOWN)
def test_a_code_that_is_switched_off_with_a_reason_is_counted_and_not_listed(world: World, code: str) -> None:
    world.write("shown.yaml", SHOWN[code])
    world.write("reconciler.yaml", TENANT)
    assert code in {one["code"] for one in world.ran(validate, EVERYTHING, json=True).document["problems"]}
    world.write("reconciler.yaml", OFF % code + TENANT)
    document = world.ran(validate, EVERYTHING, json=True).document
    assert code not in {one["code"] for one in document["problems"]}
    assert document["ignored"] == [{"code": code, "count": 1, "reason": "meant so"}]
    assert f"Switched off: 1 × {code} (meant so)" in world.ran(validate, EVERYTHING).out
    assert code not in world.plans().told


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("{file-import-only: x}", 19, "there is no such warning", "write file-imports-only"),
        ("{guardrail-loosened: x}", 19, "there is no such warning", "known: "),
        ("{unused-preset: ' '}", 34, "an empty reason is none", "write why"),
        ("{unused-preset: 3}", 34, "text is expected", "write"),
        ("[unused-preset]", 18, "a mapping is expected", "write"),
    ],
)
def test_a_code_is_one_that_there_is_and_has_a_reason(
    world: World, text: str, column: int, message: str, hint: str
) -> None:
    world.write("reconciler.yaml", f"ignore_warnings: {text}\n{SETTINGS}")
    with pytest.raises(FilesInvalid) as invalid:
        world.ran(validate, EVERYTHING)
    (problem,) = invalid.value.problems
    assert (problem.place.line, problem.place.column) == (1, column)
    assert message in problem.message
    assert problem.hint.startswith(hint)


KEPT = ("/configs/reconciler.yaml", "/configs/a.yaml", "/configs/kept/")
SPARSE = ("sparse-checkout", "set", "--no-cone", *KEPT)
CONE = ("-c", "index.sparse=true", "sparse-checkout", "set", "--cone", "configs/kept")


@pytest.mark.parametrize(
    ("command", "missing", "mend"),
    [
        (SPARSE, "b.YAML, sub/c.yml", "git sparse-checkout disable"),
        (CONE, "sub/c.yml", "git sparse-checkout disable"),
        (("update-index", "--skip-worktree", "configs/b.YAML"), "b.YAML", "git sparse-checkout disable"),
        (
            ("update-index", "--add", "--cacheinfo", "160000", "0" * 39 + "1", "configs/all"),
            "all/",
            "git submodule",
        ),
        (("rm", "--quiet", "configs/b.YAML"), "", ""),
        (("checkout", "--quiet", "--detach"), "", ""),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_git_leaves_out_of_the_checkout_is_said_and_nothing_is_pruned(
    tmp_path: Path, command: tuple[str, ...], missing: str, mend: str
) -> None:
    repository = Repository.made(tmp_path / "made")
    world = World(repository.folder, environ=dict(ENVIRON))
    world.live({1: {"Name": "A", "IsReusable": True}})
    world.write("reconciler.yaml", f"{SETTINGS}    limits: {{deletes: 9}}\n")
    files = {"a.yaml": "a", "b.YAML": "b", "sub/c.yml": "c", "sub/.x/d.yaml": "d", "kept/e.yaml": "e"}
    for name, key in files.items():
        world.write(name, f"import_configs: {{{key}: {{name: {key.upper()}, is_reusable: true}}}}")
    world.write("../.gitmodules", "")
    repository.commit()
    before = repository.state()[1]
    repository.git(*command)
    if command[1] == "--skip-worktree":
        (world.folder / "configs/b.YAML").unlink()
    said = f"git leaves out of this checkout, so that it is not read: {missing}\n    → {mend}"
    for run in (world.plans(), world.ran(validate, EVERYTHING)):
        assert (said in run.told + run.out) == ("files-left-out" in run.told + run.out) == bool(missing)
    pruning = Consent(prune=True)
    if missing:
        with pytest.raises(
            Refused, match=rf"not read: {re.escape(missing)}; git .* --prune is refused, for it would delete"
        ):
            world.plans(pruning)
    else:
        world.plans(pruning)
    assert repository.state()[1] == before


def test_what_lives_on_every_target_without_a_word_is_hinted_at_once_a_file(world: World) -> None:
    """It is no warning: nothing counts it, no plan says it. One target is every target anyway."""
    world.write(
        "welcome.yaml", "import_configs: {a: {name: A}, b: {name: B}, c: {name: C, targets: [sandbox]}}\n"
    )
    world.write("d.yaml", "import_configs: {d: {name: D}}\n")
    assert "every-target" not in world.ran(validate, EVERYTHING).out
    production = f'{SETTINGS}  production: {{checkmarket: {{url: "sandbox:"}}}}\n'
    world.write("reconciler.yaml", production)
    document = world.ran(validate, EVERYTHING, json=True).document
    hints = [(one["file"], one["key"], one["severity"]) for one in document["hints"]]
    keys = ("configs/d.yaml", "import_configs.d"), ("configs/welcome.yaml", "import_configs.a")
    assert hints == [(*key, "hint") for key in keys]
    assert document["problems"] == []
    out = world.ran(validate, EVERYTHING).out
    assert "hint[every-target] import_configs.a: without targets: it lives on every target: " in out
    assert "production, sandbox, like 1 more of this file\n" in out
    assert out.endswith("0 warnings.\n")
    selection = Selection(target="sandbox")
    told = world.ran(adopt, Wanted(everything=True), selection, diff=True).told
    assert (
        "Hint: in 2 files: A configuration without `targets:` lives on every target, production too" in told
    )
    assert "every-target" not in world.plans(selection=selection).told
    world.write("reconciler.yaml", f"ignore_warnings: {{every-target: meant so}}\n{production}")
    assert "Switched off: 2 × every-target (meant so)" in world.ran(validate, EVERYTHING).out
    assert "Hint" not in world.ran(adopt, Wanted(everything=True), selection, diff=True).told
