"""From a pull request to a clean drift run, step by step, by the workflow files themselves."""

from __future__ import annotations

from tests.actions.conftest import Scene, declared


def test_a_change_goes_from_a_pull_request_to_a_clean_drift_run(scene: Scene) -> None:
    number = scene.forge.pull("shorter", declared("c1", 2))
    plan = scene.plan(number)
    (job,) = (plan.jobs[name] for name in plan.done)
    print(job.log, job.summary)
    assert (plan.conclusion, plan.done) == ("success", ["plan / plan (live)"])
    (comment,) = scene.hub.comments
    assert "import_configs.c1" in comment["body"]
    event = scene.forge.merged("squash", number)
    apply = scene.apply(event)
    print(apply.jobs["apply / apply (live)"].log)
    assert apply.conclusion == "success"
    assert scene.live(1) == 2
    drift = scene.drift()
    assert (drift.conclusion, scene.hub.issues) == ("success", [])
