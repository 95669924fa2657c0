"""The installed command as a person runs it, plan files included: real processes, sockets and signals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli import main

RECONCILER = Path(sys.executable).parent / "reconciler"
SUPPORT = "import_configs.support-follow-up"


def reconciler(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RECONCILER_", "CI"))}
    return subprocess.run(
        [RECONCILER, *arguments], cwd=folder, env={**clean, **(environ or {})}, capture_output=True, text=True
    )


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[str]:
    """Serve the sandbox on a free port; yield its address."""
    command = [str(RECONCILER), "sandbox", "serve", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        ready = re.search(r"http://\S+?(?=,)", process.stdout.readline())
        assert ready
        yield ready[0]
    finally:
        # Windows knows no other way to end another process than at once.
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
        process.communicate()
    assert process.returncode == 0 or sys.platform == "win32"


def steps(folder: Path, **environ: str) -> list[int]:
    """Run the story of the README; return its exit codes."""
    plan, apply = ("plan", "--detailed-exitcode"), ("apply", "--yes", "--allow-resets")
    return [reconciler(folder, *verb, environ=environ).returncode for verb in (plan, apply, plan)]


@pytest.mark.parametrize(
    "variant", ["", "rows=thin", "listing=clamped", "false_and_zero=omitted", "unknown_id=refused"]
)
def test_plan_apply_plan_in_the_embedded_sandbox_in_any_variant(workspace: Path, variant: str) -> None:
    assert steps(workspace, RECONCILER_SANDBOX_VARIANTS=variant) == [2, 0, 0]


@pytest.mark.parametrize("credentials", ["", "master_key: {env: MASTER}, key: {file: key.txt}, "])
def test_plan_apply_plan_over_http(workspace: Path, credentials: str) -> None:
    (workspace / "configs/key.txt").write_text("key-of-a-test\n")
    with served(workspace) as url:
        settings = workspace / "configs/reconciler.yaml"
        address = f'{{{credentials}url: "{url}"}}'
        settings.write_text(settings.read_text().replace('{url: "sandbox:"}', address))
        assert steps(workspace, MASTER="master-key-of-a-test") == [2, 0, 0]


def test_wrong_usage_ends_with_one(workspace: Path) -> None:
    for arguments in (
        ["plan", "--nope"],
        ["nope"],
        ["plan", "--target", "nope"],
        ["plan", "--allow-resets", "x"],
        ["apply", "--reviewed", "abc"],
        ["apply", "nowhere.json"],
        ["apply", "configs"],
        ["sandbox", "serve", "--variant", "nope=1"],
        ["sandbox", "serve", "--variant", "rows=nope"],
        ["sandbox", "serve", "--fault", "nope"],
    ):
        ended = reconciler(workspace, *arguments)
        assert (ended.returncode, ended.stdout) == (1, ""), arguments
        assert "Error:" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("plan --targt x", "'--targt'. Did you mean '--target'?"),
        ("plan --fromat json", "'--fromat'. Did you mean '--format'?"),
        ("plan -q", "'-q'. Did you mean '--quiet'?"),
        ("apply --allow", "'--allow'. Did you mean '--allow-effect' or '--allow-hide' or '--allow-resets'?"),
        ("apply --dry-run", "'--dry-run'."),  # and not --prune
        ("history --limt 3", "'--limt'. Did you mean '--limit'?"),
        ("--target x plan", "'--target'. Options stand after the verb."),
    ],
)
def test_an_unknown_option_is_answered_with_what_is_near(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"Error: No such option {said}"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("plan newsletter", "(newsletter). To choose what it is about: --only KEY"),
        ("validate a.yaml", "(a.yaml). To choose what it is about: --workspace FOLDER"),
        ("adopt 289", "(289). To choose what it is about: --id N or --name GLOB"),
        ("show a b", "(b)"),
        ("undo", "'undo'. reconciler help lists what can be done, and help --search WORD looks inside."),
        ("vaildate", "'vaildate'. Did you mean 'validate'?"),
    ],
)
def test_a_word_without_a_place_is_answered_with_where_it_belongs(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)


def test_quiet_is_the_summary_alone(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    for name in [name for name in os.environ if name.startswith(("RECONCILER_", "CI", "GITHUB_"))]:
        monkeypatch.delenv(name)
    verbs = {
        "validate": "Valid: ",
        "plan": "Plan: ",
        "plan --all-targets": "Over ",
        "apply --yes --allow-resets": "Applied: ",
        "apply --yes --all-targets": "Over ",
        "restore 1 --yes": "Applied: ",
        "adopt --all": "Adopted: ",
        "status --target sandbox": "Status of ",
        "doctor --target sandbox": "Checked: ",
        "set newsletter-nl is_reusable=true": "Changed: ",
        "fmt": "All files ",
        "list": "",
        "history prune --older-than 1d --yes": "Forgot ",
    }
    for verb, begins in verbs.items():
        main([*verb.split(), "--quiet"])
        printed = capsys.readouterr()
        assert (printed.out.count("\n"), printed.out.startswith(begins)) == (1, True), (
            printed.out + printed.err
        )


def test_json_is_the_only_thing_on_stdout_even_where_the_files_are_wrong(workspace: Path) -> None:
    (workspace / "configs/mistakes.yaml").write_text("import_configs: {welcome: {Name: Welcome}}\n")
    ended = reconciler(workspace, "plan", "--format", "json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["problems"][0]["code"] == "unknown-field"


def test_every_flag_that_does_not_consent_has_a_variable(workspace: Path) -> None:
    shown = reconciler(
        workspace, "plan", environ={"RECONCILER_FORMAT": "json", "RECONCILER_TARGET": "sandbox"}
    )
    assert json.loads(shown.stdout)["target"] == "sandbox"
    consent = {"RECONCILER_YES": "1", "RECONCILER_ALLOW_RESETS": "any", "RECONCILER_PRUNE": "1"}
    consent["RECONCILER_REVIEWED"] = json.loads(shown.stdout)["fingerprint"]
    ended = reconciler(workspace, "apply", environ=consent)
    assert ended.returncode == 3
    assert "--yes" in reconciler(workspace, "apply", "--allow-resets").stderr


def test_a_workspace_is_found_from_below_it_or_it_is_said_what_to_do(workspace: Path) -> None:
    below = workspace / "configs/deep/down"
    below.mkdir(parents=True)
    assert reconciler(below, "validate").returncode == 0
    shutil.rmtree(workspace / "configs")
    ended = reconciler(workspace, "plan")
    assert ended.returncode == 1
    assert "reconciler.yaml" in ended.stderr


def test_the_sandbox_can_be_looked_into_and_started_over(workspace: Path) -> None:
    apply = ("apply", "--yes", "--allow-resets")
    reconciler(workspace, *apply)
    shown = json.loads(reconciler(workspace, "sandbox", "show", "--format", "json").stdout)
    assert [config["Name"] for config in shown["import_configs"]][-1] == "Welcome"
    assert [mail["kind"] for mail in shown["mails"]].count("invitation") == 2
    assert '292 "Welcome"' in reconciler(workspace, "sandbox", "show").stdout
    assert reconciler(workspace, "sandbox", "reset").returncode == 0
    assert reconciler(workspace, "plan", "--detailed-exitcode").returncode == 2
    again = reconciler(workspace, *apply)
    assert again.stdout.splitlines()[-1].startswith("Applied: 3 changed, 0 failed")
    assert again.stdout.endswith("2 customers sent.\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-16"])
def test_a_stream_that_is_not_utf_8_gets_plain_signs_and_a_program_utf_8(
    workspace: Path, encoding: str
) -> None:
    (workspace / "configs/zoe.yaml").write_text("import_configs: {zoe: {name: Zoë 📬}}", "utf-8")

    def printed(*arguments: str, **environ: str) -> bytes:
        command = [str(RECONCILER), *arguments]
        ended = subprocess.run(command, cwd=workspace, env={**os.environ, **environ}, capture_output=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    for arguments in (("plan", "--only", "zoe", "--format", "json"), ("schema", "workspace")):
        assert printed(*arguments, PYTHONIOENCODING=encoding) == printed(*arguments)
    text = printed("plan", PYTHONIOENCODING=encoding).decode(encoding)
    reset = re.compile("    ↺ .* → " if encoding == "utf-16" else "    R .* -> ")
    assert reset.search(text)
    assert ("Zoë 📬" if encoding == "utf-16" else r"\U0001f4ec") in text


UNWRITABLE = [">&- 2>&-", "0<&- 2>/dev/full", "| sed /^Plan:/q", "--format=json >/dev/full"]


@pytest.mark.parametrize("streams", UNWRITABLE)
def test_streams_that_cannot_be_written_change_no_end_of_an_apply(workspace: Path, streams: str) -> None:
    apply = f"{RECONCILER} apply --target sandbox --yes --allow-resets -vv"
    told = f"{apply} {streams}; echo ${{PIPESTATUS[0]}} > end"
    subprocess.run(["bash", "-c", told], cwd=workspace, check=True, capture_output=True)
    ended = reconciler(workspace, "history").stdout
    assert ((workspace / "end").read_text(), "3 applied" in ended) == ("0\n", True), ended


def test_a_reader_that_goes_away_is_no_traceback(workspace: Path) -> None:
    command = ["bash", "-c", f"set -o pipefail; {RECONCILER} plan | head -n 1"]
    ended = subprocess.run(command, cwd=workspace, capture_output=True, text=True)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("log", ["text", "json"])
def test_secrets_stand_in_no_output(workspace: Path, log: str) -> None:
    secrets = {"CHECKMARKET_MASTER_KEY": "planted-master-key", "CHECKMARKET_KEY": "planted-other-key"}
    with served(workspace, "--fault", "*:1+:before:status=401") as url:
        settings = workspace / "configs/reconciler.yaml"
        settings.write_text(settings.read_text().replace("https://api-eu.agileresearch.medallia.com", url))
        options = ("--target", "production", "-vv", "--log-format", log)
        ended = reconciler(workspace, "plan", *options, environ=secrets)
    assert ended.returncode == 1
    assert "401" in ended.stderr
    assert "planted" not in ended.stdout + ended.stderr


def test_an_untrusted_host_gets_no_credentials(workspace: Path) -> None:
    settings = workspace / "configs/reconciler.yaml"
    settings.write_text(settings.read_text().replace("api-eu.agileresearch.medallia.com", "api.evil.example"))
    secrets = {"CHECKMARKET_MASTER_KEY": "a" * 20, "CHECKMARKET_KEY": "b" * 20}
    ended = reconciler(workspace, "plan", "--target", "production", environ=secrets)
    assert ended.returncode == 3
    assert "RECONCILER_TRUSTED_HOSTS" in ended.stderr


def test_a_machine_without_time_zones_reads_them_from_a_package(workspace: Path) -> None:
    assert reconciler(workspace, "plan", environ={"PYTHONTZPATH": ""}).returncode == 0


def written(workspace: Path) -> Any:
    """Write a plan file; return what it holds."""
    ended = reconciler(workspace, "plan", "--out", "plan.json")
    assert ended.returncode == 0, ended.stderr
    return json.loads((workspace / "plan.json").read_text("utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes of POSIX on Windows")
def test_a_plan_is_written_by_one_process_and_carried_out_by_another(workspace: Path) -> None:
    plan = written(workspace)
    assert stat.S_IMODE((workspace / "plan.json").stat().st_mode) == 0o600
    schema = json.loads(reconciler(workspace, "schema", "plan").stdout)
    Draft202012Validator(schema).validate(plan)
    ended = reconciler(workspace, "apply", "plan.json", environ={"CI": "true"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Applied: 3 changed" in ended.stdout
    again = reconciler(workspace, "apply", "plan.json", environ={"CI": "true"})
    assert again.returncode == 0
    assert "Applied: 0 changed" in again.stdout
    for arguments, environ in ((["--target", "production"], {}), ([], {"RECONCILER_TARGET": "production"})):
        ended = reconciler(workspace, "apply", "plan.json", *arguments, environ=environ)
        assert ended.returncode == 3
        assert "plan for target sandbox" in ended.stderr


def test_what_changed_in_between_is_left_alone_and_what_failed_is_finished_by_the_same_file(
    workspace: Path,
) -> None:
    written(workspace)
    rules = ("PUT *configs/288:1+:before:status=400", "GET *customer/count:3+:before:status=403")
    faults = {"RECONCILER_SANDBOX_FAULTS": "; ".join(rules)}
    assert reconciler(workspace, "apply", "plan.json", environ=faults).returncode == 4
    path = workspace / "configs/support.yaml"
    path.write_text(path.read_text().replace("_in_days: 1\n    email", "_in_days: 4\n    email"))
    ended = reconciler(workspace, "apply", "plan.json", "--format", "json")
    outcomes = {outcome["key"]: outcome for outcome in json.loads(ended.stdout)["outcomes"]}
    assert ended.returncode == 5
    assert outcomes[SUPPORT]["result"] == "skipped"
    assert outcomes[SUPPORT]["reason"].startswith("unreviewed: it is not part of what was reviewed")
    assert outcomes["import_configs.newsletter-nl"]["result"] == "applied"
    assert json.loads(ended.stdout)["customers_sent"] == 2


@pytest.mark.parametrize("arguments", [["WHOLE"], ["ONE", "TWO", " THREE, SEED,"], ["whole", "ONE"]], ids=str)
def test_fingerprints_are_named_once_or_often_or_with_commas(workspace: Path, arguments: list[str]) -> None:
    plan = written(workspace)
    one, two, three = (change["digest"] for change in plan["changes"])
    meant = {"WHOLE": plan["fingerprint"].upper(), "whole": plan["fingerprint"], "ONE": one, "TWO": two}
    meant |= {"THREE": three, "SEED": plan["seeds"][0]["digest"]}
    words = [re.sub("[A-Za-z]+", lambda match: meant[match[0]], text) for text in arguments]
    ended = reconciler(workspace, "apply", *(word for text in words for word in ("--reviewed", text)))
    assert ended.returncode == 0, ended.stderr
    assert "Applied: 3 changed" in ended.stdout
    assert ended.stdout.endswith("2 customers sent.\n")


def test_without_git_only_since_is_missed(workspace: Path) -> None:
    path = str(workspace / "empty")
    (workspace / ".git").mkdir()
    assert reconciler(workspace, "plan", environ={"PATH": path}).returncode == 0
    ended = reconciler(workspace, "plan", "--since", "main", environ={"PATH": path})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "git cannot be run: there is none to be found on PATH; install it" in ended.stderr
