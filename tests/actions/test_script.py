"""The action's own script, as a process, against the stand-in: what it asks, believes, repeats and says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.actions.hub import BOT, REPOSITORY, STRANGER, Fault, Hub
from tests.actions.workflows import TOP
from tests.repositories import Repository

SCRIPT = TOP / ".github/actions/reconcile/reconcile.py"
MARKER = "<!-- reconciler:plan target=live -->"
REPORT = f"{MARKER}\nThe plan."
NOT_REVIEWED = "Exit 5: nothing was carried out, because it has not been reviewed."
HEAD, COMMIT, NOTHING = "a" * 40, "b" * 40, "0" * 40
# Stands in for `reconciler`: writes what it is asked for, notes what it was given, and ends as it is told.
PROGRAM = """\
#!/bin/sh
env > "$RECORD/environ"
printf '%s\\n' "$@" > "$RECORD/arguments"
while [ $# -gt 0 ]; do
    case "$1" in
        --out) printf '{"fingerprint": "f1n9er"}' > "$2" ;;
        markdown=*) cat "$RECORD/report" > "${1#markdown=}" ;;
    esac
    shift
done
exit "$CODE"
"""


@dataclass
class Ended:
    """How the script ended."""

    code: int
    log: str
    summary: str
    record: Path

    @property
    def arguments(self) -> list[str]:
        path = self.record / "arguments"
        return path.read_text("utf-8").splitlines() if path.exists() else []


@dataclass
class Bench:
    """A step of a job with a token, on a machine of its own."""

    hub: Hub
    folder: Path
    token: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, event: Mapping[str, Any], code: int = 0, report: str = REPORT) -> Ended:
        with self.started(command, event, code, report) as process:
            assert process.stdin
            process.stdin.close()
            assert process.stdout
            log = process.stdout.read()
        record = self.folder / "record"
        return Ended(process.returncode, log, (record / "summary").read_text("utf-8"), record)

    def started(
        self, command: str, event: Mapping[str, Any], code: int = 0, report: str = REPORT
    ) -> subprocess.Popen[str]:
        record = self.folder / "record"
        record.mkdir(exist_ok=True)
        for name, text in {"report": report, "event": json.dumps(event), "summary": "", "output": ""}.items():
            (record / name).write_text(text, "utf-8")
        program = record / "program"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), command],
            cwd=self.folder,
            env={**self._environ(record), "CODE": str(code), **self.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _environ(self, record: Path) -> dict[str, str]:
        given = {
            "PROGRAM": str(record / "program"),
            "FOLDER": str(self.folder / "files"),
            "TOKEN": self.token,
            "TARGET": "live",
            "WORKSPACE": "configs",
            "SINCE": "",
            "PLAN_WORKFLOW": ".github/workflows/reconciler-plan.yml",
            "DIRECT_PUSH": "show",
            "REVIEWED": "",
            "CONTACTS": "",
            "FOR": "",
            "ALLOW_REFUSED": "0",
            "WHY": "Only checked.",
            "BOT": "github-actions[bot]",
            "PAUSE": "0",
            **self.inputs,
        }
        return {
            "PATH": os.environ["PATH"],
            "RECORD": str(record),
            "EMPTY": "",
            "KEPT": "kept",
            "GITHUB_API_URL": self.hub.api,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": COMMIT,
            "GITHUB_EVENT_PATH": str(record / "event"),
            "GITHUB_OUTPUT": str(record / "output"),
            "GITHUB_STEP_SUMMARY": str(record / "summary"),
            **{f"INPUT_{name}": value for name, value in given.items()},
        }

    def plan(self, code: int = 0, report: str = REPORT) -> Ended:
        return self.run("plan", {"pull_request": self.hub.pulls[1]}, code, report)

    def apply(self, code: int = 0, before: str = NOTHING) -> Ended:
        return self.run("apply", {"before": before, "after": COMMIT}, code)

    def replace_program(self, script: str) -> None:
        program = self.folder / "other"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        self.inputs["PROGRAM"] = str(program)

    @property
    def reviewed(self) -> bytes | None:
        path = self.folder / "files/reviewed-1.json"
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def bench(hub: Hub, tmp_path: Path) -> Bench:
    merged = {"state": "closed", "merged_at": "2026-01-02T00:00:00Z"}
    hub.add_pull(1, {"sha": HEAD, "ref": "b"}, **merged)
    hub.pulls_of[COMMIT] = [1]
    may = {"pull_requests": "write", "issues": "write", "actions": "read", "contents": "read"}
    return Bench(hub, tmp_path, hub.token(**may))


def planned(hub: Hub, plan: bytes = b"{}", **members: Any) -> dict[str, Any]:
    run = hub.add_run(**{"head_sha": HEAD, **members})
    hub.add_artifact(run["id"], "reconciler-plan-live", {"plan.json": plan, "plan.md": b"x"})
    return run


def test_no_tag_takes_the_place_of_the_commit_that_a_plan_is_split_by(bench: Bench) -> None:
    """Else whoever pushes a tag decides what counts as loosened."""
    checkout = Repository.made(bench.folder)
    before, after = checkout.commit(), checkout.commit()
    checkout.git("tag", before[:12], after)
    bench.inputs["SINCE"] = "HEAD^1"
    arguments = bench.plan().arguments
    assert arguments[arguments.index("--since") + 1] == before


def test_a_contact_file_is_checked_whatever_its_name_and_without_asking_github(bench: Bench) -> None:
    file = '--show $(touch x); "'
    bench.token = ""
    bench.inputs |= {"CONTACTS": file, "FOR": "--yes", "ALLOW_REFUSED": "1%"}
    ended = bench.run("check", {}, 3)
    reports = [
        f"--report={form}={bench.folder}/files/check.{end}"
        for form, end in (("markdown", "md"), ("html", "html"))
    ]
    about = ["--workspace=configs", "--target=live", "--for=--yes", "--allow-refused=1%"]
    assert (ended.code, ended.arguments) == (3, ["check", *about, *reports, "--", file])
    bench.inputs["FOR"] = ""
    ended = bench.run("check", {})
    assert (ended.code, bench.hub.requests) == (1, [])
    assert "::error::check needs contacts:" in ended.log


class TestToken:
    """GitHub is asked with the token, and nothing else sees it."""

    @pytest.mark.parametrize(
        ("token", "environ", "log"),
        [
            ("", {}, "there is no token"),
            ("gh0_wrong", {}, "401, Bad credentials"),
            (None, {"GITHUB_API_URL": "http://api.github.example"}, "is no https address"),
            (None, {"GITHUB_API_URL": "http://127.0.0.1:9"}, "::error::127.0.0.1 gave no answer: URLError"),
        ],
    )
    def test_where_it_cannot_be_used_the_step_fails_in_one_sentence(
        self, bench: Bench, token: str | None, environ: dict[str, str], log: str
    ) -> None:
        bench.token, bench.environ = bench.token if token is None else token, environ
        ended = bench.plan()
        assert (ended.code, bench.hub.comments) == (1, [])
        assert log in ended.log
        assert "gh0_wrong" not in ended.log + ended.summary
        assert "Traceback" not in ended.log
        assert token != "" or bench.hub.requests == []

    @pytest.mark.parametrize(("code", "ends"), [(0, 1), (3, 3), (7, 7)])
    def test_one_that_may_not_write_hides_no_graver_end(self, bench: Bench, code: int, ends: int) -> None:
        bench.token = bench.hub.token(pull_requests="read")
        ended = bench.plan(code)
        assert (ended.code, bench.hub.comments) == (ends, [])
        assert "::error::POST /repos/acme/surveys/issues/1/comments: 403, Resource not acc" in ended.log

    def test_the_program_gets_no_token_and_no_secret_that_is_not_set(self, bench: Bench) -> None:
        ended = bench.plan()
        environ = (ended.record / "environ").read_text("utf-8")
        assert "KEPT=kept" in environ
        assert bench.token not in environ
        assert not any(line.startswith(("INPUT_", "EMPTY=")) for line in environ.splitlines())

    @pytest.mark.parametrize(
        ("to", "log"),
        [
            ("http://storage.example/x", "is no https address"),
            ("ftp://storage.example/x", "is no https address"),
            ("", "is no https address"),
            ("{storage}/archives/1?sig=s3cr3t", "GET /archives/1: 400"),
        ],
    )
    def test_an_artifact_is_not_fetched_from_just_anywhere_and_its_signature_not_shown(
        self, bench: Bench, to: str, log: str
    ) -> None:
        planned(bench.hub)
        bench.hub.faults = [Fault("/zip", 302, {"Location": to.format(storage=bench.hub.storage)})]
        ended = bench.apply()
        assert (ended.code, ended.arguments) == (1, [])
        assert log in ended.log
        assert "s3cr3t" not in ended.log


class TestPages:
    """A list is read to its end, in pages of a hundred."""

    def test_the_own_comment_is_found_on_the_third(self, bench: Bench) -> None:
        for number in range(230):
            bench.hub.add_comment(1, f"{number}", STRANGER)
        own = bench.hub.add_comment(1, f"{MARKER}\nold")
        assert bench.plan().code == 0
        assert own["body"].startswith(REPORT)
        assert len(bench.hub.comments) == 231
        lists = [line for line in bench.hub.requests if line.startswith("GET") and "comments" in line]
        assert len(lists) == 3

    @pytest.mark.parametrize(
        ("to", "log"),
        [
            ("{api}/repos/acme/surveys/issues/1/comments?page=2", "more than 200 pages"),
            ("{storage}/repos/x?page=2", "a list goes on at another address"),
        ],
    )
    def test_one_that_never_ends_or_leads_away_is_an_error(self, bench: Bench, to: str, log: str) -> None:
        link = {"Link": f'<{to.format(api=bench.hub.api, storage=bench.hub.storage)}>; rel="next"'}
        bench.hub.faults = [Fault("GET .*/comments", 200, link, times=10_000, is_done=True)]
        ended = bench.plan()
        assert ended.code == 1
        assert log in ended.log


class TestRepeats:
    """What may be repeated is, a few times; what may have been done is looked up first."""

    @pytest.mark.parametrize(
        ("status", "headers"),
        [
            (429, {"Retry-After": "0"}),
            (403, {"Retry-After": "0"}),
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
        ],
    )
    @pytest.mark.parametrize("line", ["GET .*/comments", "POST .*/comments"])
    def test_a_limit_is_waited_for(
        self, bench: Bench, line: str, status: int, headers: dict[str, str]
    ) -> None:
        bench.hub.faults = [Fault(line, status, headers, times=2)]
        assert bench.plan().code == 0
        assert len(bench.hub.comments) == 1

    @pytest.mark.parametrize(
        ("fault", "code", "requests"),
        [
            (Fault("GET .*/comments", 429, {"Retry-After": "3600"}), 1, 1),
            (Fault("GET", 502, times=3), 0, None),
            (Fault("GET", 502, times=10_000), 1, 5),
        ],
        ids=["for an hour", "a few times", "for ever"],
    )
    def test_a_server_that_fails_is_asked_again_but_not_for_ever(
        self, bench: Bench, fault: Fault, code: int, requests: int | None
    ) -> None:
        bench.hub.faults = [replace(fault)]
        assert bench.plan().code == code
        asked = [line for line in bench.hub.requests if re.search(fault.line, line)]
        assert requests is None or len(asked) == requests

    @pytest.mark.parametrize("is_done", [True, False])
    def test_a_comment_is_made_once_though_its_answer_is_lost(self, bench: Bench, is_done: bool) -> None:
        bench.hub.faults = [Fault("POST", 502, is_done=is_done)]
        assert bench.plan().code == 0
        assert len(bench.hub.comments) == 1


def test_a_body_is_cut_to_what_github_takes(bench: Bench) -> None:
    assert bench.plan(report=f"{MARKER}\n{'é' * 70_000}").code == 0
    (comment,) = bench.hub.comments
    assert len(comment["body"]) == 65_536
    assert HEAD in comment["body"]


@pytest.mark.parametrize(
    "user", [STRANGER, {**BOT, "type": "User"}, {**BOT, "login": "other[bot]"}, {"login": None}]
)
def test_only_what_the_bot_wrote_itself_is_edited(bench: Bench, user: dict[str, str]) -> None:
    theirs = bench.hub.add_comment(1, f"{MARKER}\ntheirs", user)
    bench.plan()
    assert theirs["body"] == f"{MARKER}\ntheirs"
    assert len(bench.hub.comments) == 2


MACHINE, APP = {"login": "Acme-Bot", "type": "User"}, {"login": "acme-bot[bot]", "type": "Bot"}


@pytest.mark.parametrize(
    ("account", "bot"),
    [
        (BOT, "github-actions[bot]"),
        (MACHINE, "acme-bot"),
        (MACHINE, "github-actions[bot]"),
        (APP, "acme-bot[bot]"),
        (APP, "Acme-Bot"),
    ],
    ids=["the job", "a machine user", "a machine user, bot left out", "an app", "an app without [bot]"],
)
@pytest.mark.parametrize(
    "fault", [None, Fault("GET /user", 404, times=9)], ids=["", "no word of the account"]
)
def test_one_comment_and_one_issue_whoever_posts(
    bench: Bench, account: dict[str, str], bot: str, fault: Fault | None
) -> None:
    bench.hub.account = account
    bench.hub.faults = [replace(fault)] if fault and bot != "github-actions[bot]" else []
    bench.inputs["BOT"] = bot
    assert {bench.plan().code for _ in range(3)} == {0}
    assert {bench.run("drift", {"schedule": "x"}, 2).code for _ in range(3)} == {0}
    assert (len(bench.hub.comments), len(bench.hub.issues)) == (1, 1)


@pytest.mark.parametrize("account", [MACHINE, APP], ids=["a machine user", "an app"])
def test_a_bot_that_is_another_account_is_refused_on_the_first_run(
    bench: Bench, account: dict[str, str]
) -> None:
    bench.hub.account = account
    bench.inputs["BOT"] = "other"
    for ended in (bench.plan(), bench.run("drift", {"schedule": "x"}, 2)):
        assert ended.code == 1
        assert (
            f"the token writes as {account['login']}, and bot: names other; write bot: {account['login']}"
            in (ended.log)
        )
    assert not bench.hub.comments
    assert not [issue for issue in bench.hub.issues if issue["state"] == "open"]
    bench.hub.faults = [Fault("GET /user", 404, times=9), Fault("DELETE", 501, times=9)]
    assert f"write bot: {account['login']}. What it wrote is still there: DELETE" in bench.plan().log


def test_of_the_bots_own_only_the_one_about_the_target_is_edited(bench: Bench) -> None:
    others = ["<!-- reconciler:plan target=other -->", f"Quoted: {MARKER}", MARKER.replace("live", "live2")]
    for body in others:
        bench.hub.add_comment(1, body)
    bench.plan()
    assert [comment["body"] for comment in bench.hub.comments[:3]] == others


class TestReviewedPlans:
    """A plan counts if the right workflow made it, of the head commit of an own pull request."""

    def test_that_of_the_newest_run_counts_whatever_order_they_are_listed_in(self, bench: Bench) -> None:
        run = planned(bench.hub, b"new", created_at="2026-02-02T00:00:00Z", conclusion="failure")
        planned(bench.hub, b"old", created_at="2026-02-01T00:00:00Z")
        ended = bench.apply()
        assert ended.arguments[:2] == ["apply", "--workspace=configs"]
        assert str(bench.folder / "files/reviewed-1.json") in ended.arguments
        assert bench.reviewed == b"new"
        assert f"the plan of run {run['id']} holds was reviewed" in ended.summary

    @pytest.mark.parametrize(
        "forged",
        [
            {"path": ".github/workflows/other.yml"},
            {"path": "x/.github/workflows/reconciler-plan.yml"},
            {"event": "push"},
            {"event": "workflow_dispatch"},
            {"head_sha": "c" * 40},
            {"conclusion": "cancelled"},
            {"status": "in_progress", "conclusion": None},
            {"head_repository": {"full_name": "mallory/surveys"}},
            {"head_repository": None},
            {"repository": {"full_name": "mallory/surveys"}},
        ],
        ids=str,
    )
    def test_no_other_run_counts(self, bench: Bench, forged: dict[str, Any]) -> None:
        planned(bench.hub, **forged)
        ended = bench.apply(code=2)
        assert (ended.code, ended.arguments[0]) == (5, "plan")
        assert "nothing of it counts as reviewed, for no run of" in ended.summary
        assert bench.reviewed is None

    def test_one_that_has_expired_is_told_with_how_to_go_on(self, bench: Bench) -> None:
        planned(bench.hub)
        bench.hub.artifacts[0]["expired"] = True
        ended = bench.apply(code=2)
        assert (ended.code, ended.arguments[0]) == (5, "plan")
        assert "the plan that run 1000 made has expired" in ended.summary
        assert "run the plan of the pull request again" in ended.summary
        assert f"{NOT_REVIEWED} Its fingerprint is f1n9er" in ended.summary
        bench.hub.artifacts[0]["expired"] = False
        bench.hub.faults = [Fault("/zip", 410)]  # it expires just now
        assert bench.apply(code=2).code == 5

    def test_github_may_know_a_moment_later_where_a_commit_came_from(self, bench: Bench) -> None:
        planned(bench.hub)
        bench.hub.faults = [Fault("/commits/", 200, times=3, said=[])]
        assert bench.apply().code == 0
        assert bench.reviewed is not None

    @pytest.mark.parametrize("code", [0, 3, 1, 7])
    def test_without_one_the_plan_ends_as_it_ends(self, bench: Bench, code: int) -> None:
        assert bench.apply(code).code == code

    @pytest.mark.parametrize(
        ("pull", "why"),
        [
            ({"merged_at": None}, "by no pull request"),
            ({"base": {"ref": "other", "repo": {"full_name": REPOSITORY}}}, "by no pull request"),
            ({"base": {"ref": "main", "repo": {"full_name": "mallory/surveys"}}}, "by no pull request"),
            ({"head": {"sha": HEAD, "ref": "b", "repo": None}}, "from a fork"),
            ({"head": {"sha": HEAD, "repo": {"full_name": "mallory/surveys"}}}, "from a fork"),
        ],
        ids=str,
    )
    def test_a_pull_request_that_was_not_merged_here_or_is_of_a_fork_brings_none(
        self, bench: Bench, pull: dict[str, Any], why: str
    ) -> None:
        planned(bench.hub)
        bench.hub.pulls[1] |= pull
        ended = bench.apply(code=2)
        assert (ended.code, ended.arguments[0]) == (5, "plan")
        assert f"it came {why}" in ended.summary

    def test_a_push_whose_commits_git_cannot_tell_brings_none(self, bench: Bench) -> None:
        planned(bench.hub)
        ended = bench.apply(code=2, before="d" * 40)
        assert ended.code == 5
        assert "git cannot tell what is new in the push" in ended.summary


class TestArchives:
    """Whoever can push a branch decides what lies in an artifact."""

    @pytest.mark.parametrize(
        ("plan", "change", "log"),
        [
            (b"{}", lambda _: b"no archive", "the artifact cannot be read: BadZipFile"),
            (os.urandom(5000), lambda archive: archive[:1000] + bytes(100) + archive[1100:], ""),
            (bytes(17_000_000), bytes, "larger than any that this tool writes"),
        ],
        ids=["none", "cut", "swells"],
    )
    def test_what_cannot_be_read_stops_the_step(
        self, bench: Bench, plan: bytes, change: Callable[[bytes], bytes], log: str
    ) -> None:
        planned(bench.hub, plan)
        bench.hub.artifacts[0]["archive"] = change(bench.hub.artifacts[0]["archive"])
        ended = bench.apply()
        assert (ended.code, ended.arguments) == (1, [])
        assert log in ended.log
        assert "Traceback" not in ended.log

    def test_what_is_in_it_is_never_unpacked_elsewhere(self, bench: Bench) -> None:
        run = bench.hub.add_run(head_sha=HEAD)
        files = {"plan.json": b"{}", "../../escaped": b"x"}
        bench.hub.add_artifact(run["id"], "reconciler-plan-live", files)
        assert bench.apply().code == 0
        assert [*bench.folder.parent.rglob("escaped")] == []


class TestByHand:
    """A person names what was reviewed."""

    @pytest.mark.parametrize(
        ("given", "passed"), [(" ab, cd \n", "--reviewed=ab, cd"), ("--yes", "--reviewed=--yes")]
    )
    def test_with_them_exactly_that_is_carried_out(self, bench: Bench, given: str, passed: str) -> None:
        bench.inputs["REVIEWED"] = given
        ended = bench.run("apply", {"inputs": {}})
        assert ended.arguments[:4] == ["apply", "--workspace=configs", "--target=live", passed]
        assert "--yes" not in ended.arguments


class TestDrift:
    """An issue is opened, updated and closed by what the plan says, and left alone where it says nothing."""

    def issues(self, bench: Bench, code: int) -> list[tuple[str, str]]:
        bench.run("drift", {"schedule": "x"}, code)
        return [(issue["state"], issue["body"].splitlines()[0]) for issue in bench.hub.issues]

    def test_a_pull_request_is_no_issue(self, bench: Bench) -> None:
        mark = "<!-- reconciler:drift target=live -->"
        bench.hub.pulls[1] |= {"state": "open", "user": dict(BOT), "body": f"{mark}\nx"}
        assert self.issues(bench, 2) == [("open", mark)]

    @pytest.mark.parametrize("code", [1, 4, 5, 6, 7])
    def test_what_is_not_known_is_no_drift_and_no_end_of_one(self, bench: Bench, code: int) -> None:
        assert self.issues(bench, 2) != []
        before = json.dumps(bench.hub.issues)
        ended = bench.run("drift", {"schedule": "x"}, code)
        assert ended.code == code
        assert f"is not known: exit code {code}" in ended.summary
        assert json.dumps(bench.hub.issues) == before

    @pytest.mark.parametrize(("code", "ends"), [(0, 0), (2, 0), (3, 3)])
    def test_drift_is_told_by_the_issue_and_a_refusal_by_the_exit_code_too(
        self, bench: Bench, code: int, ends: int
    ) -> None:
        assert bench.run("drift", {"schedule": "x"}, code).code == ends


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_file_of_the_step_that_cannot_be_written_changes_no_end(bench: Bench, variable: str) -> None:
    bench.environ[variable] = "/nowhere/at/all"
    bench.inputs["REVIEWED"] = "ab"
    ended = bench.run("apply", {"inputs": {}}, 5)
    assert (ended.code, ended.arguments[0]) == (5, "apply")
    assert f"The file of {variable} cannot be written: No such file" in ended.log


def test_without_a_report_the_comment_says_so_and_takes_none_of_an_earlier_step(bench: Bench) -> None:
    bench.plan()
    bench.environ["RECORD"] = "/nowhere"
    assert bench.plan().code == 0
    body = bench.hub.comments[0]["body"]
    assert body.startswith(f"{MARKER}\n")
    assert "The plan." not in body


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_cancelled_lets_the_program_finish(bench: Bench, number: signal.Signals) -> None:
    bench.replace_program("trap 'echo finished; exit 4' INT TERM\necho begun\nread -r nothing")
    with bench.started("plan", {}) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.stdout.read() == "finished\n"
        assert process.wait() == 4


def test_a_program_that_is_killed_ends_as_a_shell_would_say_it(bench: Bench) -> None:
    bench.replace_program("kill -9 $$")
    assert bench.plan().code == 137
