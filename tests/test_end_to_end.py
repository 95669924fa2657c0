"""The installed command as a person runs it: real processes, a real socket, real signals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECONCILER = Path(sys.executable).parent / "reconciler"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


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
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0


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
        ["sandbox", "serve", "--variant", "nope=1"],
        ["sandbox", "serve", "--variant", "rows=nope"],
        ["sandbox", "serve", "--fault", "nope"],
    ):
        ended = reconciler(workspace, *arguments)
        assert (ended.returncode, ended.stdout) == (1, ""), arguments
        assert "Error:" in ended.stderr


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
