"""Files that state what is live as the default hide no reset: only a read-back of the account proves one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.sandbox import Variants
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT
from tests.commands.reviews import applied, planned
from tests.commands.world import SETTINGS, World
from tests.hostile.children import reconciler
from tests.hostile.workspaces import write

NL = "import_configs.newsletter-nl"
DECLARED = """\
import_configs:
  newsletter-nl:
    name: Newsletter NL
    contact_list_id: 12
    survey_settings: {survey_id: 4711, invitation_delay_in_days: 2}
    email_is_required: true
    update_type_id: 1
    keep: [column_mappings]
    targets: {sandbox: {id: 288}}
"""
NINE: dict[str, Any] = {
    "survey_settings.invitation_time": "09:00",
    "survey_settings.expiration_after_days": 14,
    "survey_settings.expiration_time": "22:00",
    "survey_settings.consider_cooldown_period": True,
    "survey_settings.survey_cooldown_after_invitation": 30,
    "email_must_be_unique_within_file": True,
    "date_format": "dd/MM/yyyy",
    "send_notification_mail": True,
    "default_language_code": "nl",
}
"""What is live of the newsletter in a fresh sandbox, and declared nowhere."""
LIMIT = "    limits: {resets: 0}\n"


def stating(**values: Any) -> str:
    return f"    defaults: {json.dumps(values)}\n"


def fields(document: Any, entry: str = "blocked") -> dict[str, str | None]:
    """Return the fields that a PUT would reset, each with how its default is known."""
    [one] = document[entry]
    change = one["change"] if entry == "blocked" else one
    return {
        field["path"]: field["default_source"]
        for field in change["fields"]
        if field["class"] == "reset" and field["differs"]
    }


def test_live_values_that_are_stated_as_defaults_stay_blocked_and_shown(tmp_path: Path) -> None:
    folder = write(tmp_path / "configs", {"newsletter.yaml": DECLARED})
    before = reconciler(tmp_path, "plan")
    assert before.exit == Exit.REFUSED
    assert before.text.count("    ↺ ") == 9

    settings = (folder / "reconciler.yaml").read_text("utf-8")
    (folder / "reconciler.yaml").write_text(settings + stating(**NINE), "utf-8")
    after = reconciler(tmp_path, "plan")
    assert after.exit == Exit.REFUSED
    assert "limits.resets is 0, this plan resets 9" in after.text
    assert after.text.count("reset by policy, default stated, not proved") == 9
    assert "reconciler defaults learn --target sandbox" in after.text

    assert "Applied: 0 changed" in reconciler(tmp_path, "apply", "--yes", "--no-seeds").text

    # A read-back of this server shows that the top ones are empty, which no line of the files outweighs.
    assert reconciler(tmp_path, "defaults", "learn", "--yes").exit == Exit.DONE
    learned = reconciler(tmp_path, "plan")
    assert learned.exit == Exit.REFUSED
    assert learned.text.count("default learned") == 4
    assert 'says "dd/MM/yyyy", and a read-back of this account has shown null' in learned.text
    assert "configs/reconciler.yaml:7:" in learned.text


def newsletter() -> dict[str, Any]:
    return dict(STARTING_POINT[CONFIGS][288]["Config"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An account whose defaults really are the live values, and files that say so."""
    live = newsletter()
    top = ("DateFormat", "SendNotificationMail", "DefaultLanguageCode", "EmailMustBeUniqueWithinFile")
    declared = ("SurveyId", "InvitationDelayInDays")
    group = {name: value for name, value in live["SurveySettings"].items() if name not in declared}
    defaults = {name: live[name] for name in top} | {"SurveySettings": group}
    made = World(tmp_path, variants=Variants(defaults=defaults))
    made.live({288: live})
    made.write("reconciler.yaml", SETTINGS + LIMIT + stating(**NINE))
    made.write("newsletter.yaml", DECLARED)
    return made


def declare(world: World, days: int, extra: str = "") -> None:
    world.write("newsletter.yaml", DECLARED.replace("delay_in_days: 2", f"delay_in_days: {days}") + extra)


def plain(world: World, **options: Any) -> Any:
    return planned(world, Consent(), out=None, **options).document


def test_after_a_read_back_has_proved_them_they_are_no_resets(world: World) -> None:
    assert fields(plain(world)) == dict.fromkeys(NINE, "stated_not_proved")
    # The time of the invitation goes too, unless its default is as stated.
    run = world.applies(Consent(resets=9))
    assert run.exit is Exit.REFUSED
    assert "unless the default is as stated, people may be mailed at once, no longer at" in run.out
    run = world.applies(Consent(resets=9, effects={"mails_at_once": 1}))
    assert run.exit is Exit.DONE
    assert "warning" not in run.out
    declare(world, 3)
    document = plain(world)
    assert (document["blocked"], document["summary"]["reset_fields"]) == ([], 0)
    assert planned(world, Consent(), out=None).exit is Exit.DONE
    sources = {f["path"]: f["default_source"] for f in document["changes"][0]["fields"] if f["path"] in NINE}
    assert sources == dict.fromkeys(NINE, "stated")
    # A lost journal proves nothing any more.
    (world.folder / ".reconciler/journal.db").unlink()
    assert fields(plain(world)) == dict.fromkeys(NINE, "stated_not_proved")


def test_a_proof_counts_for_no_other_account(world: World) -> None:
    # Another sandbox is another one.
    settings = SETTINGS + LIMIT + stating(**NINE)
    other = settings.partition("  sandbox:")[2]
    world.write("reconciler.yaml", f"{settings}  other:{other}")
    world.applies(Consent(resets=9, effects={"mails_at_once": 1}))
    world.write("newsletter.yaml", DECLARED.replace("sandbox: {id: 288}", "other: {id: 288}"))
    document = plain(world, selection=Selection(target="other"))
    assert fields(document) == dict.fromkeys(NINE, "stated_not_proved")


def test_under_refuse_a_claim_blocks_as_any_value_that_is_not_the_default(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS + stating(date_format="dd/MM/yyyy") + "    undeclared: refuse\n")
    [blocked] = plain(world)["blocked"]
    reasons = {reason["code"]: reason for reason in blocked["reasons"]}
    assert "at a default that is stated, not proved: date_format" in reasons["undeclared"]["message"]


def test_a_reviewed_plan_stays_what_it_was_when_a_read_back_proves_its_claims_half_way(world: World) -> None:
    """Two resources with one claim: the first one's read-back proves it, and the second is still reviewed."""
    world.live({288: newsletter(), 289: newsletter() | {"Name": "Newsletter BE"}})
    second = DECLARED.partition("\n")[2].replace("newsletter-nl", "newsletter-be")
    second = second.replace("Newsletter NL", "Newsletter BE")
    declare(world, 2, second.replace("288", "289"))
    everything = Consent(resets=None, effects={"mails_at_once": None})
    planned(world, everything)
    assert applied(world, consent=everything, selection=Selection(only=(NL,))).exit is Exit.DONE
    run = applied(world, consent=Consent())
    assert run.exit is Exit.DONE
    assert run.results == {"import_configs.newsletter-be": "applied"}
