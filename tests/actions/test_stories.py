"""From a pull request to a clean drift run, step by step, by the workflow files themselves."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from reconciler.sandbox.seeding import CONFIGS, stored_config
from tests.actions.conftest import APPLY, KEY, PLAN, Scene, declared, staged
from tests.actions.hub import STRANGER, Hub
from tests.actions.workflows import Job, Run, StartupFailure, shown

MARKER = "<!-- reconciler:plan target=live -->"


def only(run: Run) -> Job:
    """Return the one job of a run that was not left out."""
    (name,) = run.done
    return run.jobs[name]


def said_of_secrets(scene: Scene) -> list[str]:
    """Return the tokens and keys that anybody could read, apart from the lines that have them masked."""
    shown_all = "".join(re.sub(r"::add-mask::.*\n", "", shown(run)) for run in scene.runs)
    kept = "".join(str(one["body"]) for one in [*scene.hub.comments, *scene.hub.issues])
    packed = b"".join(artifact["archive"] for artifact in scene.hub.artifacts)
    secrets = [*scene.hub.tokens, KEY]
    return [one for one in secrets if one in shown_all or one in kept or one.encode() in packed]


@pytest.mark.parametrize("how", ["squash", "merge", "rebase"])
def test_a_change_goes_from_a_pull_request_to_a_clean_drift_run(journaled: Scene, how: str) -> None:
    number = journaled.forge.pull("shorter", declared("c1", 3), declared("c1", 2))
    plan = only(journaled.plan(number))
    assert (plan.name, plan.conclusion) == ("plan / plan (live)", "success")
    (comment,) = journaled.hub.comments
    assert comment["body"].startswith(MARKER)
    assert "9 → 2" in comment["body"]
    assert journaled.hub.pulls[number]["head"]["sha"] in comment["body"]
    apply = only(journaled.apply(journaled.forge.merged(how, number)))
    assert (apply.name, apply.conclusion) == ("apply / apply (live)", "success")
    assert "Pull request #1" in apply.summary
    assert (journaled.live(1), journaled.writes) == (2, 1)
    assert only(journaled.drift()).conclusion == "success"
    assert journaled.hub.issues == []
    assert said_of_secrets(journaled) == []
    assert "journal" in journaled.forge.work.git("ls-remote", "--heads", "origin")


def test_a_merge_queue_pushes_two_pull_requests_at_once_and_both_are_applied(scene: Scene) -> None:
    numbers = [scene.reviewed(f"b{id}", declared(f"c{id}", id)) for id in (1, 2)]
    apply = only(scene.apply(scene.forge.merged("squash", *numbers)))
    assert apply.conclusion == "success"
    assert [scene.live(id) for id in (1, 2, 3)] == [1, 2, 9]


class TestDirectPushes:
    """Nobody has reviewed what comes by no pull request."""

    def test_a_person_carries_it_out_by_its_fingerprint(self, scene: Scene) -> None:
        job = only(scene.apply(scene.forge.direct_push(declared("c1", 2))))
        assert (job.conclusion, job.code, scene.writes) == ("failure", 5, 0)
        assert "it came by no pull request" in job.summary
        assert "9 → 2" in job.summary
        assert only(scene.by_hand("0" * 64)).code == 5
        seen = only(scene.by_hand())
        assert (seen.code, scene.writes) == (5, 0)
        (fingerprint,) = set(re.findall("[0-9a-f]{64}", seen.summary))
        assert only(scene.by_hand(fingerprint)).conclusion == "success"
        assert scene.live(1) == 2

    def test_one_that_leaves_nothing_to_do_is_fine(self, scene: Scene) -> None:
        job = only(scene.apply(scene.forge.direct_push({"README.md": "Surveys"})))
        assert job.conclusion == "success"

    def test_a_caller_may_have_them_carried_out(self, scene: Scene) -> None:
        text = scene.runner.callers[APPLY]
        changed = text.replace("with: {targets:", "with: {direct_push: apply, targets:")
        scene.runner.callers = {**scene.runner.callers, APPLY: changed}
        job = only(scene.apply(scene.forge.direct_push(declared("c1", 2))))
        assert (job.conclusion, scene.live(1)) == ("success", 2)

    def test_beside_a_pull_request_only_that_is_carried_out(self, scene: Scene) -> None:
        number = scene.reviewed("shorter", declared("c1", 2))
        before = scene.forge.tip("main")
        scene.forge.write(declared("c2", 4))
        scene.forge.work.commit("Straight to main")
        scene.forge.merged("squash", number)
        job = only(scene.apply(scene.forge.pushed(before)))
        assert (job.code, scene.live(1), scene.live(2)) == (5, 2, 9)


class TestWhatChangedSinceTheReview:
    """What is carried out is what was reviewed, or nothing."""

    def test_a_live_edit_stops_the_change(self, scene: Scene) -> None:
        number = scene.reviewed("shorter", declared("c1", 2))
        scene.edit_live(1, 5)
        job = only(scene.apply(scene.forge.merged("squash", number)))
        assert (job.code, scene.live(1), scene.writes) == (5, 5, 0)
        assert "Without fingerprints it shows what is pending" in job.summary

    def test_another_pull_request_on_the_same_resource_stops_it(self, scene: Scene) -> None:
        first, second = (scene.reviewed(f"b{days}", declared("c1", days)) for days in (2, 3))
        assert only(scene.apply(scene.forge.merged("squash", first))).conclusion == "success"
        scene.forge.work.git("switch", "--quiet", "b3")
        scene.forge.work.git("merge", "--quiet", "--strategy=ours", "--message", "Resolve", "main")
        scene.forge.work.git("switch", "--quiet", "main")
        scene.forge.hub.pulls[second]["head"]["sha"] = scene.forge.tip("b3")
        job = only(scene.apply(scene.forge.merged("squash", second)))
        assert (job.code, scene.live(1)) == (5, 2)
        assert "no run of .github/workflows/reconciler-plan.yml has planned its head commit" in job.summary

    def test_the_newest_plan_of_the_head_counts_and_not_that_of_an_earlier_commit(self, scene: Scene) -> None:
        number = scene.reviewed("shorter", declared("c1", 2))
        scene.forge.update(number, declared("c1", 4))
        job = only(scene.apply(scene.forge.merged("squash", number)))
        assert (job.code, scene.writes) == (5, 0)
        scene.plan(number)
        push = {"before": scene.forge.tip("main^"), "after": scene.forge.tip("main")}
        assert scene.apply(scene.forge.event("push", **push)).conclusion == "success"
        assert scene.live(1) == 4


def test_a_rerun_finishes_what_a_machine_that_died_has_begun(journaled: Scene) -> None:
    number = journaled.reviewed("shorter", declared("c1", 2) | declared("c2", 2) | declared("c3", 2))
    event = journaled.forge.merged("squash", number)
    # Before its first write it sends five requests: a page of the list, one row, and each of the three again.
    died = journaled.apply(event, RECONCILER_CRASH_AT="request:6:after")
    assert (only(died).code, died.conclusion) == (137, "failure")
    assert journaled.writes > 0
    again = journaled.again(APPLY, died)
    assert (again.number, again.attempt) == (died.number, 2)
    assert only(again).conclusion == "success"
    assert [journaled.live(id) for id in (1, 2, 3)] == [2, 2, 2]
    assert only(journaled.drift()).conclusion == "success"


def test_a_refused_plan_is_shown_and_fails_and_is_refused_after_the_merge(scene: Scene) -> None:
    number = scene.forge.pull("less", declared("c1", 2, undeclared="refuse"))
    run = scene.plan(number)
    job = only(run)
    assert (job.conclusion, job.code) == ("failure", 3)
    assert run.jobs["plan / checked"].conclusion == "failure"
    (comment,) = scene.hub.comments
    assert "Exit 3" in comment["body"]
    job = only(scene.apply(scene.forge.merged("squash", number)))
    assert (job.code, scene.writes) == (3, 0)


def test_a_broken_file_is_shown_where_the_plan_would_be(scene: Scene) -> None:
    number = scene.forge.pull("broken", {"configs/c1.yaml": "import_configs: {c1: {Name: C1}}\n"})
    job = only(scene.plan(number))
    assert (job.conclusion, job.code) == ("failure", 1)
    assert "unknown-field" in scene.hub.comments[0]["body"]
    assert "::error file=configs/c1.yaml,line=1" in job.log


class TestForks:
    """A pull request of a fork is checked, with nothing secret at hand, and told so."""

    def test_it_is_only_checked_and_its_merge_carries_out_nothing(self, scene: Scene) -> None:
        number = scene.forge.pull("theirs", declared("c1", 2), fork="mallory/surveys")
        run = scene.plan(number)
        job = only(run)
        assert (job.name, job.conclusion) == ("plan / validate", "success")
        assert "no secret is at hand" in job.summary
        assert scene.hub.comments == []
        assert not scene.state.requests()
        job = only(scene.apply(scene.forge.merged("squash", number)))
        assert (job.code, scene.writes) == (5, 0)
        assert "it came from a fork" in job.summary

    def test_a_bot_without_secrets_is_treated_alike(self, scene: Scene) -> None:
        number = scene.forge.pull("bump", {"x": "1"})
        scene.hub.pulls[number]["user"] = {"login": "dependabot[bot]", "type": "Bot"}
        assert scene.plan(number).done == ["plan / validate"]


def test_in_a_merge_queue_the_files_are_checked(scene: Scene) -> None:
    run = scene.run(PLAN, scene.forge.event("merge_group"))
    assert run.done == ["plan / validate"]
    assert run.jobs["plan / checked"].conclusion == "success"


def test_a_plan_that_was_tampered_with_carries_out_nothing(scene: Scene) -> None:
    number = scene.reviewed("shorter", declared("c1", 2))
    (artifact,) = scene.hub.artifacts
    with zipfile.ZipFile(io.BytesIO(artifact["archive"])) as packed:
        plan = packed.read("plan.json")
    forged = re.sub(rb'"after": *2\b', b'"after": 7', plan)
    assert forged != plan
    scene.hub.add_artifact(artifact["run"], artifact["name"], {"plan.json": forged})
    job = only(scene.apply(scene.forge.merged("squash", number)))
    assert (job.code, scene.live(1), scene.writes) == (3, 9, 0)
    assert "was changed after it was made" in job.log
    assert "nothing was carried out, for a plan was refused" in job.summary


class TestComments:
    """One comment a pull request and target, and never one that somebody else wrote."""

    def test_an_edited_comment_changes_nothing_of_what_is_applied(self, scene: Scene) -> None:
        number = scene.reviewed("shorter", declared("c1", 2))
        scene.hub.comments[0]["body"] = f"{MARKER}\nFingerprint {'0' * 64}"
        assert only(scene.apply(scene.forge.merged("squash", number))).conclusion == "success"
        assert scene.live(1) == 2

    def test_it_is_brought_up_to_date_and_a_run_of_an_older_commit_does_not_write_over_it(
        self, scene: Scene
    ) -> None:
        number = scene.reviewed("shorter", declared("c1", 2))
        old = scene.runs[-1]
        scene.forge.update(number, declared("c1", 3))
        scene.plan(number)
        assert only(scene.again(PLAN, old)).conclusion == "success"
        (comment,) = scene.hub.comments
        assert "9 → 3" in comment["body"]
        assert "9 → 2" not in comment["body"]


class TestDrift:
    """One issue a target, for as long as something is pending."""

    def test_it_is_opened_and_updated_and_closed(self, scene: Scene) -> None:
        scene.edit_live(1, 5)
        assert only(scene.drift()).conclusion == "success"
        (issue,) = scene.hub.issues
        assert (issue["title"], issue["state"]) == ("Drift on live", "open")
        assert "5 → 9" in issue["body"]
        scene.edit_live(1, 6)
        scene.drift()
        assert "6 → 9" in issue["body"]
        scene.edit_live(1, 9)
        assert only(scene.drift()).conclusion == "success"
        assert (issue["state"], len(scene.hub.issues)) == ("closed", 1)
        assert "As declared again." in scene.hub.comments[0]["body"]

    def test_a_stranger_cannot_have_one_edited(self, scene: Scene) -> None:
        theirs = scene.hub.add_issue("x", "<!-- reconciler:drift target=live -->", STRANGER)
        scene.drift()
        assert theirs["state"] == "open"
        scene.edit_live(1, 5)
        scene.drift()
        assert theirs["body"] == "<!-- reconciler:drift target=live -->"
        assert len(scene.hub.issues) == 2


HOSTILE = "a'$(touch pwned)`touch pwned`;touch pwned\n::error::x"


def test_what_is_called_like_a_command_is_only_text(scene: Scene, tmp_path: Path) -> None:
    number = scene.forge.pull("x;$(touch${IFS}pwned)", declared("c1", 2))
    scene.hub.pulls[number]["title"] = f"{HOSTILE}\n::set-output name=x::y"
    with scene.state.transaction() as documents:
        stored = documents.get(CONFIGS, 2)
        assert stored
        documents.put(
            CONFIGS, 4, stored_config({**stored["Config"], "Name": f"::error::x ##[group]{HOSTILE}"})
        )
    assert only(scene.plan(number)).conclusion == "success"
    assert only(scene.apply(scene.forge.merged("squash", number))).conclusion == "success"
    scene.edit_live(1, 5)
    assert only(scene.drift()).conclusion == "success"
    told = "warning file=configs/c1.yaml,line=1,col=18,title=mails_earlier import_configs.c1"
    assert commands(scene) == {"add-mask", told}  # the one of ours: people are mailed sooner
    assert [*tmp_path.rglob("pwned")] == []


def test_a_target_that_is_called_like_a_command_is_no_target(hub: Hub, tmp_path: Path) -> None:
    with staged(hub, tmp_path, target=HOSTILE) as scene:
        number = scene.forge.pull("shorter", declared("c1", 2, HOSTILE))
        job = only(scene.plan(number))
        assert job.code == 1
        assert "invalid-name" in hub.comments[0]["body"]
        assert only(scene.drift()).code == 1
        assert commands(scene) == {"error file=configs/reconciler.yaml,line=3,col=3,title=invalid-name"}
    assert [*tmp_path.rglob("pwned")] == []


def commands(scene: Scene) -> set[str]:
    """Return what the runner would take for its commands in what was logged."""
    lines = [line for run in scene.runs for line in shown(run).splitlines()]
    assert not any("##[" in line for line in lines)
    return {line.strip().split("::")[1] for line in lines if line.strip().startswith("::")}


class TestPermissions:
    """Each job has what it needs and no more; a caller that gives less is told before anything runs."""

    def test_a_caller_that_gives_too_little_does_not_begin(self, scene: Scene) -> None:
        number = scene.forge.pull("shorter", declared("c1", 2))
        text = scene.runner.callers[PLAN]
        given = ", pull-requests: write"
        assert given in text
        scene.runner.callers = {**scene.runner.callers, PLAN: text.replace(given, "")}
        with pytest.raises(StartupFailure):
            scene.plan(number)

    def test_a_journal_in_git_that_may_not_be_written_keeps_everything_as_it_is(
        self, journaled: Scene
    ) -> None:
        callers = {
            path: text.replace("contents: write", "contents: read")
            for path, text in journaled.runner.callers.items()
        }
        journaled.runner.callers = callers
        number = journaled.reviewed("shorter", declared("c1", 2))
        job = only(journaled.apply(journaled.forge.merged("squash", number)))
        assert (job.conclusion, journaled.writes) == ("failure", 0)
        assert "Write access to repository not granted" in job.log

    def test_a_branch_applies_nothing(self, scene: Scene) -> None:
        event = scene.forge.direct_push(declared("c1", 2))
        elsewhere = type(event)(**{**event.__dict__, "ref": "refs/heads/feature"})
        assert scene.apply(elsewhere).done == []
